//! Stored records: an envelope of three bytes, then bincode.
//!
//! `[format u8][schema u16, little-endian][payload]`. bincode is unmaintained (RUSTSEC-2025-0141) and can neither
//! skip nor add a field, so every record says how it was written: another encoder comes under another format
//! byte, another shape under another schema number, and old records stay readable. This file is the only one
//! that names the crate. Its limit matters: without one, eleven hostile bytes abort the process.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// bincode 2.0.1, `standard()` configuration.
const FORMAT: u8 = 1;
/// The largest record, which is also the most that decoding may claim.
pub(crate) const MAX_RECORD: usize = 16 << 20;

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<MAX_RECORD>,
> = bincode::config::standard().with_limit::<MAX_RECORD>();

/// A stored shape. Schema numbers are append-only: a changed shape is a new type with a new number.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The shape's number, unique among all records.
    const SCHEMA: u16;
    /// What it is called in an error.
    const NAME: &'static str;
}

/// Declares a stored shape.
macro_rules! record {
    ($type:ty, $schema:literal, $name:literal) => {
        impl $crate::codec::record::Record for $type {
            const SCHEMA: u16 = $schema;
            const NAME: &'static str = $name;
        }
    };
}
pub(crate) use record;

/// The bytes of a record.
///
/// # Errors
/// `too-large` above 16 MiB.
pub(crate) fn encode<T: Record>(record: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&T::SCHEMA.to_le_bytes());
    let too_large =
        |bytes: usize| Error::TooLarge { what: T::NAME, bytes: bytes as u64, limit: MAX_RECORD as u64 };
    let payload = bincode::serde::encode_to_vec(record, CONFIG)
        .map_err(|e| Error::DamagedRecord { record: T::NAME, reason: e.to_string() })?;
    if payload.len() > MAX_RECORD {
        return Err(too_large(payload.len()));
    }
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Reads a record back.
///
/// # Errors
/// `damaged-record` for anything that [`encode`] did not write: another format or shape, bytes missing or left.
pub(crate) fn decode<T: Record>(bytes: &[u8]) -> Result<T> {
    let damaged = |reason: String| Error::DamagedRecord { record: T::NAME, reason };
    let Some(([format, low, high], payload)) = bytes.split_first_chunk::<3>() else {
        return Err(damaged("it is too short".to_owned()));
    };
    let schema = u16::from_le_bytes([*low, *high]);
    if *format != FORMAT || schema != T::SCHEMA {
        return Err(damaged(format!("unknown format {format} or schema {schema}")));
    }
    let (record, read) =
        bincode::serde::decode_from_slice(payload, CONFIG).map_err(|e| damaged(e.to_string()))?;
    if read != payload.len() {
        return Err(damaged(format!("{} bytes are left over", payload.len() - read)));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Sample {
        text: String,
        number: Option<f64>,
        list: Vec<(String, u64)>,
    }
    record!(Sample, 65535, "sample");

    fn any_sample() -> impl Strategy<Value = Sample> {
        (any::<String>(), any::<Option<f64>>(), prop::collection::vec((any::<String>(), any::<u64>()), 0..5))
            .prop_map(|(text, number, list)| Sample { text, number: number.filter(|x| !x.is_nan()), list })
    }

    #[test]
    fn the_bytes_are_pinned() {
        let sample = Sample { text: "tp".into(), number: Some(1.0), list: vec![("a".into(), 300)] };
        let hex: String = encode(&sample).unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "01ffff02747001000000000000f03f010161fb2c01");
    }

    #[test]
    fn a_hostile_length_is_an_error_and_no_abort() {
        // A text of 2^60 bytes: without the limit, bincode 2.0.1 aborts the process here.
        let hostile = [FORMAT, 0xff, 0xff, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10];
        assert_eq!(decode::<Sample>(&hostile).unwrap_err().code(), "damaged-record");
    }

    proptest! {
        #[test]
        fn a_record_comes_back(sample in any_sample()) {
            prop_assert_eq!(decode::<Sample>(&encode(&sample).unwrap()).unwrap(), sample);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode::<Sample>(&bytes);
            let mut enveloped = vec![FORMAT, 0xff, 0xff];
            enveloped.extend_from_slice(&bytes);
            let _ = decode::<Sample>(&enveloped);
        }

        #[test]
        fn a_cut_record_is_an_error(sample in any_sample(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&sample).unwrap();
            prop_assert!(decode::<Sample>(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }
}
