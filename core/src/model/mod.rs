//! The nouns, valid by construction. Nothing here touches a file; the clock is read in [`time`] only.

pub(crate) mod canary;
pub(crate) mod chat;
pub(crate) mod content;
pub(crate) mod dataset;
pub(crate) mod event;
pub(crate) mod experiment;
pub(crate) mod gate;
pub(crate) mod id;
pub(crate) mod name;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod score;
pub(crate) mod selector;
pub(crate) mod template;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod verdict;
pub(crate) mod version;
