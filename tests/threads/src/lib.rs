//! The core's decisions between threads, in every interleaving.
//!
//! What decides is compiled from `core/src` itself, file by file, beside locks, conditions, atomics and threads that are loom's
//! (`sync`). Loom runs a model again and again, each time with another order of the threads' steps, and with
//! every value that a load may see in the memory model of C11; it stops at a deadlock, at an access that races,
//! and at an assertion that fails. What is compiled:
//!
//! | of `core/src` | decides |
//! | --- | --- |
//! | `storage/commit.rs`, `task.rs`, `batch.rs`, `overlay.rs`, `again.rs` | who leads a group commit, who waits, who is told, how a queue ends |
//! | `storage/header.rs` | what a look at a header that others write to may conclude |
//! | `storage/per_process.rs` | how threads agree on one value without a lock |
//! | `storage/current.rs` | which engine a handle uses, and when it is closed |
//! | `store/cache.rs` | when an answer may be remembered |
//! | `store/recorder/queue.rs` | how many calls may be on their way, and when a flush may return |
//!
//! What is below them is played: the engine and its file (loom can't see into redb, its locks and the disk), the
//! clock, and forks, of which there are none. `storage/table.rs`, `fork.rs`, `patient.rs` and `engine.rs` here are those parts, as small
//! as they can be. Loom treats `SeqCst` as weaker than it is, which finds more and hides nothing; it knows no wake-ups without a cause, so
//! that every wait stands in a loop is for the reader to see.
//!
//! The models are bounded: a few threads, and a thread is taken off the processor against its will only so many times (`check`).

// Of each file only a part is used here.
#![allow(dead_code, missing_docs, unused_imports)]

/// The standard one, as loom has it.
macro_rules! thread_local {
    ($($vis:vis static $name:ident: $type:ty = const { $init:expr };)*) => {
        $(loom::thread_local! { $vis static $name: $type = $init; })*
    };
}

#[path = "../../../core/src/error.rs"]
mod error;
mod model;
pub mod models;
mod storage;
mod store;
mod sync;
