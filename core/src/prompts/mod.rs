//! The registry: prompts, their versions, the labels that point to them.

pub(crate) mod diff;
pub(crate) mod guards;
pub(crate) mod labels;
pub(crate) mod modes;
pub(crate) mod query;
pub(crate) mod render;
pub(crate) mod versions;
