//! What the fuzz targets reach of the hall's inside; see [`crate::fuzzing`].

use super::records::{self, With, each};
use crate::codec::record::{Record, decode, encode};
use crate::error::Result;
use crate::storage::entry::Kind;
use crate::storage::kv::Space;

struct Both;

impl With for Both {
    fn with<T: Record>(&mut self, value: &[u8]) -> Result<()> {
        let _ = decode::<T>(value);
        let schema = T::SCHEMA.to_le_bytes();
        let enveloped = [&[1, schema[0], schema[1]], value].concat();
        let record = decode::<T>(&enveloped)?;
        // What was taken for a record is one: it is written and read again.
        decode::<T>(&encode(&record)?).map(drop)
    }
}

/// The bytes as every kind of record, with and without the head that the kind has.
pub(crate) fn every_record(value: &[u8]) {
    for kind in Kind::ALL {
        if let Err(error) = each(kind, value, &mut Both) {
            assert_eq!(error.code(), "damaged-record", "{kind:?}: {error}");
        }
    }
}

pub(crate) fn check_entry(space: Space, key: &[u8], value: &[u8]) -> std::result::Result<(), String> {
    records::check(space, key, value)
}

pub(crate) fn cursor(text: &str) -> Result<()> {
    super::traces::read_cursor(text).map(drop)
}

/// Every entry of a store, for the cases to begin with.
#[cfg(test)]
pub(crate) fn entries(store: &super::Store) -> Vec<(Space, Vec<u8>, Vec<u8>)> {
    use crate::storage::copy::END;
    use crate::storage::kv::{Flow, Order};
    let mut out = Vec::new();
    let read = store.read(|tx| {
        Space::ALL.into_iter().try_for_each(|space| {
            tx.scan(space, &[], &END, Order::Ascending, &mut |key, value| {
                out.push((space, key.to_vec(), value.to_vec()));
                Ok(Flow::Continue)
            })
        })
    });
    assert!(read.is_ok(), "{read:?}");
    out
}
