//! Compressed bytes: LZ4 where it saves something, and as they are where it does not.

use lz4_flex::block::{compress, decompress};

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
/// Shorter bytes never become fewer.
const SHORT: usize = 64;

/// The bytes behind a byte that says how they lie there.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= SHORT {
        let packed = compress(bytes);
        if packed.len() + 4 < bytes.len()
            && let Ok(length) = u32::try_from(bytes.len())
        {
            return [&[LZ4][..], &length.to_le_bytes(), &packed].concat();
        }
    }
    [&[PLAIN], bytes].concat()
}

/// The bytes that were packed; nothing if they were not, or would be more than `most`.
pub(crate) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (&PLAIN, bytes) => (bytes.len() <= most).then(|| bytes.to_vec()),
        (&LZ4, rest) => {
            let (length, bytes) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length) as usize;
            // LZ4 makes at most 255 bytes of one.
            if length > most || length > bytes.len().saturating_mul(255) {
                return None;
            }
            let unpacked = decompress(bytes, length).ok()?;
            (unpacked.len() == length).then_some(unpacked)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_repeats_becomes_small() {
        let text = "say hello to the customer. ".repeat(100);
        assert!(pack(text.as_bytes()).len() < text.len() / 10);
    }

    #[test]
    fn a_hostile_length_claims_no_memory() {
        assert_eq!(unpack(&[LZ4, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3], usize::MAX), None);
        assert_eq!(unpack(&pack(&[7; 1000]), 999), None);
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(0u8..4, 0..400)) {
            prop_assert_eq!(unpack(&pack(&bytes), 400), Some(bytes));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack(&bytes, 1 << 20);
        }
    }
}
