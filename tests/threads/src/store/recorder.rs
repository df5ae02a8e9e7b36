//! The calls that are on their way.

pub mod models;
#[path = "../../../../core/src/store/recorder/queue.rs"]
pub(crate) mod queue;
