//! Keys, built in one place so that their byte order is the order we mean.
//!
//! Invariants: text is its UTF-8 bytes with 00 escaped as 00 FF and ended by 00 01; so a
//! shorter text sorts before its extensions, no text is a prefix of another one's encoding, and fields that
//! follow never leak into the comparison of the text. Numbers are big-endian and of fixed width.

/// A key under construction: a one-byte tag, then fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// Begins a key of the kind `tag`.
    pub(crate) fn new(tag: u8) -> Key {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(tag);
        Key(bytes)
    }

    /// Begins a key beside an object: with the object's id, so that it lies on the object's page.
    pub(crate) fn beside(id: &[u8]) -> Key {
        Key(id.to_vec())
    }

    /// Appends text: bytes with 00 written as 00 FF, ended by a single 00 and then 01.
    ///
    /// The terminator 00 01 sorts below every continuation (an escaped 00 is 00 FF, any other byte is
    /// greater than 00), which is what keeps the order of texts.
    pub(crate) fn text(mut self, text: &str) -> Key {
        for &byte in text.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 1]);
        self
    }

    /// Appends bytes of a width that is fixed for this place in this kind of key.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Key {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(self, n: u8) -> Key {
        self.raw(&[n])
    }

    pub(crate) fn u32(self, n: u32) -> Key {
        self.raw(&n.to_be_bytes())
    }

    pub(crate) fn u64(self, n: u64) -> Key {
        self.raw(&n.to_be_bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a key's fields back, in the order they were written.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields behind the tag. `None` from any call below means that the key was not built by [`Key`].
    pub(crate) fn of(key: &'a [u8]) -> Fields<'a> {
        Fields(key.get(1..).unwrap_or_default())
    }

    /// The fields behind those that `prefix` has.
    pub(crate) fn behind(key: &'a [u8], prefix: &Key) -> Fields<'a> {
        Fields(key.get(prefix.bytes().len()..).unwrap_or_default())
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let mut out = Vec::new();
        let mut at = 0;
        loop {
            match (self.0.get(at)?, self.0.get(at + 1)) {
                (0, Some(0xFF)) => {
                    out.push(0);
                    at += 2;
                }
                (0, Some(1)) => {
                    self.0 = &self.0[at + 2..];
                    return String::from_utf8(out).ok();
                }
                (0, _) => return None,
                (&byte, _) => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
    }

    pub(crate) fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.raw().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.raw().map(u64::from_be_bytes)
    }
}

/// The smallest key above every key that begins with `prefix`.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut high = prefix.to_vec();
    while let Some(last) = high.last_mut() {
        if *last < 0xFF {
            *last += 1;
            return high;
        }
        high.pop();
    }
    // Only FF bytes, or nothing: no tag is FF, so this bounds every key there is.
    vec![0xFF; 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_keep_their_order_and_come_back(a in ".{0,12}", b in ".{0,12}", n in any::<u32>(), m in any::<u32>()) {
            let (ka, kb) = (Key::new(b'x').text(&a).u32(n), Key::new(b'x').text(&b).u32(m));
            prop_assert_eq!(ka.bytes().cmp(kb.bytes()), (a.as_bytes(), n).cmp(&(b.as_bytes(), m)));
            let mut fields = Fields::of(ka.bytes());
            prop_assert_eq!(fields.text(), Some(a));
            prop_assert_eq!(fields.u32(), Some(n));
        }

        #[test]
        fn a_prefix_bounds_exactly_its_extensions(prefix in prop::collection::vec(any::<u8>(), 1..4), key in prop::collection::vec(any::<u8>(), 1..6)) {
            prop_assume!(prefix[0] != 0xFF && key[0] != 0xFF);
            let inside = key >= prefix && key < after_prefix(&prefix);
            prop_assert_eq!(inside, key.starts_with(&prefix));
        }
    }
}
