//! The models. Each is a test of its own in `tests/models.rs`.

pub mod header;
pub mod once;
pub mod queue;

// Beside what they look into.
pub use crate::storage::current_models as current;
pub use crate::store::cache_models as cache;
pub use crate::store::recorder::models as recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Goes through a model, with at most so many switches away from a thread that could go on; `LOOM_MAX_PREEMPTIONS` asks for
/// another number. A model that has hardly any interleavings tests nothing, and fails.
pub(crate) fn check(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(switches);
    builder.max_branches = 10_000;
    let seen = Arc::new(AtomicU64::new(0));
    let count = seen.clone();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let seen = seen.load(Ordering::Relaxed);
    println!("{seen} interleavings");
    assert!(seen >= 50, "{seen} interleavings");
}
