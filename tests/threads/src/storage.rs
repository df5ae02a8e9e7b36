//! The room `storage` of the core: what decides between threads is the core's, what is below it is played.

#[path = "../../../core/src/storage/again.rs"]
mod again;
#[path = "../../../core/src/storage/batch.rs"]
pub(crate) mod batch;
#[path = "../../../core/src/storage/commit.rs"]
pub(crate) mod commit;
#[path = "../../../core/src/storage/current.rs"]
mod current;
pub mod current_models;
pub(crate) mod engine;
mod fork;
#[path = "../../../core/src/storage/header.rs"]
pub(crate) mod header;
#[path = "../../../core/src/storage/keys.rs"]
pub(crate) mod keys;
#[path = "../../../core/src/storage/kv.rs"]
pub(crate) mod kv;
#[path = "../../../core/src/storage/memory.rs"]
mod memory;
#[path = "../../../core/src/storage/overlay.rs"]
mod overlay;
pub(crate) mod patient;
#[path = "../../../core/src/storage/per_process.rs"]
pub(crate) mod per_process;
pub(crate) mod table;
#[path = "../../../core/src/storage/task.rs"]
mod task;

pub(crate) use batch::{Ended, Post, Told};
pub(crate) use engine::Engine;
pub(crate) use header::Stamp;
pub(crate) use per_process::PerProcess;
