//! Columns of texts and of ids, as they stand in memory.

use std::collections::HashMap;

/// A column of texts: the distinct ones, and which of them each row has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    pub(super) words: Vec<String>,
    pub(super) codes: Vec<u64>,
    /// Where each word stands. Filled when a text is first added.
    pub(super) known: HashMap<String, u64>,
}

impl Texts {
    pub(crate) fn get(&self, row: usize) -> &str {
        self.codes.get(row).and_then(|&code| self.words.get(code as usize)).map_or("", String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn codes(&self) -> &[u64] {
        &self.codes
    }

    fn code(&mut self, text: &str) -> u64 {
        if self.known.len() != self.words.len() {
            self.known = (0..).zip(&self.words).map(|(code, word)| (word.clone(), code)).collect();
        }
        if let Some(code) = self.known.get(text) {
            return *code;
        }
        let code = self.words.len() as u64;
        self.words.push(text.to_owned());
        self.known.insert(text.to_owned(), code);
        code
    }

    pub(crate) fn push(&mut self, text: &str) {
        // Most columns say the same thing all the way down, and most of those nothing: that takes no look at memory.
        let same = |word: &String| word.len() == text.len() && (text.is_empty() || word == text);
        let last = self.codes.last().copied();
        let code = match last {
            Some(code) if self.words.get(code as usize).is_some_and(same) => code,
            _ => self.code(text),
        };
        self.codes.push(code);
    }

    pub(crate) fn append(&mut self, other: &Texts) {
        let codes: Vec<u64> = other.words.iter().map(|word| self.code(word)).collect();
        self.codes.extend(other.codes.iter().filter_map(|&code| codes.get(code as usize)));
    }
}

impl Texts {
    /// Keeps the first rows, and gives back the others; each with the words that it has.
    pub(crate) fn split_off(&mut self, rows: usize) -> Texts {
        let part = |codes: &[u64]| {
            let mut part = Texts::default();
            codes
                .iter()
                .for_each(|&code| part.push(self.words.get(code as usize).map_or("", String::as_str)));
            part
        };
        let (head, rest) = self.codes.split_at(rows.min(self.codes.len()));
        let (head, rest) = (part(head), part(rest));
        *self = head;
        rest
    }
}

impl Ids {
    /// Keeps the first rows, and gives back the others.
    pub(crate) fn split_off(&mut self, rows: usize) -> Ids {
        match self {
            Ids::Packed { ids, dashed } => {
                Ids::Packed { ids: ids.split_off(rows.min(ids.len())), dashed: *dashed }
            }
            Ids::Texts(texts) => Ids::Texts(texts.split_off(rows)),
        }
    }
}

/// A column of ids.
#[derive(Debug, Clone)]
pub(crate) enum Ids {
    Packed { ids: Vec<[u8; 16]>, dashed: bool },
    Texts(Texts),
}

impl Default for Ids {
    fn default() -> Ids {
        Ids::Packed { ids: Vec::new(), dashed: false }
    }
}

impl Ids {
    pub(crate) fn len(&self) -> usize {
        match self {
            Ids::Packed { ids, .. } => ids.len(),
            Ids::Texts(texts) => texts.len(),
        }
    }

    pub(crate) fn get(&self, row: usize) -> String {
        match self {
            Ids::Packed { ids, dashed } => {
                ids.get(row).map(|bytes| spelled(bytes, *dashed)).unwrap_or_default()
            }
            Ids::Texts(texts) => texts.get(row).to_owned(),
        }
    }

    pub(crate) fn push(&mut self, id: &str) {
        if let Ids::Packed { ids, dashed } = self {
            if ids.is_empty() {
                *dashed = id.len() == 36;
            }
            if let Some(bytes) = if *dashed { uuid(id) } else { digits(id) } {
                return ids.push(bytes);
            }
        }
        self.as_texts().push(id);
    }

    /// From here on it is a column of texts.
    fn as_texts(&mut self) -> &mut Texts {
        if let Ids::Packed { .. } = self {
            let mut texts = Texts::default();
            (0..self.len()).for_each(|row| texts.push(&self.get(row)));
            *self = Ids::Texts(texts);
        }
        match self {
            Ids::Texts(texts) => texts,
            Ids::Packed { .. } => unreachable!("it was just made a column of texts"),
        }
    }

    pub(crate) fn append(&mut self, other: &Ids) {
        if self.len() == 0 {
            return other.clone_into(self);
        }
        match (&mut *self, other) {
            (Ids::Packed { ids, dashed }, Ids::Packed { ids: more, dashed: too }) if dashed == too => {
                ids.extend_from_slice(more);
            }
            (_, Ids::Texts(texts)) => self.as_texts().append(texts),
            (_, Ids::Packed { .. }) => (0..other.len()).for_each(|row| self.push(&other.get(row))),
        }
    }
}

/// 32 hex digits.
fn digits(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let text = text.as_bytes();
    if text.len() != 32 {
        return None;
    }
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

const DASHES: [usize; 4] = [8, 13, 18, 23];

fn uuid(text: &str) -> Option<[u8; 16]> {
    let dashed = text.len() == 36 && DASHES.iter().all(|&at| text.as_bytes()[at] == b'-');
    if !dashed {
        return None;
    }
    let bare: String = text.chars().filter(|&c| c != '-').collect();
    digits(&bare)
}

fn spelled(bytes: &[u8], dashed: bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if dashed && DASHES.contains(&text.len()) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}
