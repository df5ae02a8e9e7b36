//! What crosses rooms and languages, in one test binary: linking is the slow part, so it is done once.
//!
//! Every file beside this one must be a module here; `files` fails on a forgotten one.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod batches;
mod collisions;
mod conformance;
mod files;
mod floors;
mod golden;
mod large;
mod many;
mod model;
mod replaced;
mod whole;
