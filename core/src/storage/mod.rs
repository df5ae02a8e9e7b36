//! The only room that knows the engine.
//!
//! [`Engine`] is one open file. `kv` is the waist everything above stands on, `keys` the order of its
//! keys. Below the waist: `table` puts redb behind it, `overlay`, `task` and `commit` let callers share a commit,
//! `shared` is the one engine of a file in this process, `open` decides whether a file is ours. Dangerous and
//! therefore small: `stamp` (is what I remember still true?) and `fork` (is this still my process?). `copy` makes a
//! new file from an open one; `examine` looks at a damaged one, through a `lens`, and through `pages` and
//! `strays` where the engine itself finds no way; `entry` says in words what a key stands for.

mod again;
mod batch;
mod commit;
pub(crate) mod copy;
mod current;
mod engine;
pub(crate) mod entry;
pub(crate) mod examine;
mod fork;
mod header;
mod holder;
pub(crate) mod keys;
pub(crate) mod kv;
pub(crate) mod layout;
mod lens;
pub(crate) mod log;
#[cfg(test)]
mod memory;
mod open;
mod overlay;
mod pages;
mod patient;
mod per_process;
mod quiet;
mod registry;
mod shared;
mod stamp;
pub(crate) mod strays;
mod table;
mod task;
mod trouble;

#[cfg(test)]
mod tests;

pub(crate) use batch::{Ended, Post, Told};
pub(crate) use engine::{Engine, EngineOptions};
pub(crate) use header::Stamp;
#[cfg(test)]
use kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
pub(crate) use per_process::PerProcess;
