//! The only room that knows bytes: canonical JSON, BLAKE3 and bincode.

pub(crate) mod canonical;
pub(crate) mod hash;
pub(crate) mod record;
