//! The only room that knows bytes: canonical JSON, BLAKE3, bincode, columns and their compression.

pub(crate) mod canonical;
pub(crate) mod columns;
pub(crate) mod hash;
pub(crate) mod packed;
pub(crate) mod record;
