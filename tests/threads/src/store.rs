//! The hall's two queues between threads.

#[path = "../../../core/src/store/cache.rs"]
pub(crate) mod cache;
pub mod cache_models;
pub mod recorder;

pub(crate) mod background {
    /// No thread of a model is inside of a transaction, or telling an outcome, when it asks.
    pub(crate) fn may_wait() -> bool {
        true
    }
}
