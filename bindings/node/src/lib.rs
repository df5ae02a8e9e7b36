//! The Node door: texts in, texts out. What they mean is decided in the core; how they look in JavaScript, in `index.js`.

mod error;
pub mod prompt;
mod raw;
mod record;
pub mod store;
