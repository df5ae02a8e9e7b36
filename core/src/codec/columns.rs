//! Columns: a list of numbers or texts in the fewest bytes that are quick to read.
//!
//! Invariants: a column says nothing of its length, the reader knows it; what was written comes back to the last bit;
//! every list of bytes ends with eight bytes of its BLAKE3, so damage is an error and never another number; and no
//! bytes, however hostile, make the reader allocate more than [`MAX_ROWS`] rows of a column or [`MAX_TEXTS`] of texts.
//!
//! Whole numbers: one value, or a first one and a step, or blocks of 128 with a base and a width of their own; of the
//! values, or of their differences. Floats: what few values repeat are a dictionary, what has few decimals are
//! whole numbers of the last one, everything else lies raw. Texts: a dictionary. Ids: UUIDs and 32 hex digits are 16
//! bytes.

use std::collections::HashMap;

use super::hash::short_digest;
use super::packed::{pack, unpack};
use crate::error::{Error, Result};

/// More rows than this are never in one column.
pub(crate) const MAX_ROWS: usize = 1 << 17;
/// More bytes of texts than this are never in one column.
const MAX_TEXTS: usize = 64 << 20;
const BLOCK: usize = 128;
const DIGEST: usize = 8;

const CONSTANT: u8 = 0;
const STEPS: u8 = 1;
const VALUES: u8 = 2;
const DIFFERENCES: u8 = 3;

const RAW: u8 = 0;
const DICTIONARY: u8 = 1;
/// Whole numbers of 10^-(tag - DECIMAL).
const DECIMAL: u8 = 2;
const MOST_DECIMALS: u8 = 6;

const TEXTS: u8 = 0;
const HEX: u8 = 1;
const UUID: u8 = 2;

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

/// A number that sorts and packs as the signed one does.
pub(crate) fn unsigned(n: i64) -> u64 {
    n.cast_unsigned() ^ 1 << 63
}

pub(crate) fn signed(n: u64) -> i64 {
    (n ^ 1 << 63).cast_signed()
}

/// Writes columns, one behind the other.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins with a format byte of the caller's.
    pub(crate) fn new(format: u8) -> Writer {
        Writer(vec![format])
    }

    pub(crate) fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn ints(&mut self, values: &[u64]) {
        let Some(&first) = values.first() else { return };
        if values.iter().all(|&n| n == first) {
            self.0.push(CONSTANT);
            return self.number(first);
        }
        let step = values[1].wrapping_sub(first);
        let even = values.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        if even {
            self.0.push(STEPS);
            self.number(first);
            return self.number(zigzag(step.cast_signed()));
        }
        let differences: Vec<u64> =
            values.windows(2).map(|pair| zigzag(pair[1].wrapping_sub(pair[0]).cast_signed())).collect();
        let size = |values: &[u64]| values.chunks(BLOCK).map(|block| 2 + packed_size(block)).sum::<usize>();
        if size(values) <= size(&differences) + 2 {
            self.0.push(VALUES);
            self.blocks(values);
        } else {
            self.0.push(DIFFERENCES);
            self.number(first);
            self.blocks(&differences);
        }
    }

    fn blocks(&mut self, values: &[u64]) {
        for block in values.chunks(BLOCK) {
            let base = block.iter().copied().min().unwrap_or_default();
            let width = width(block);
            self.0.push(width as u8);
            self.number(base);
            let (mut held, mut bits) = (0u128, 0);
            for n in block {
                held |= u128::from(n - base) << bits;
                bits += width;
                while bits >= 8 {
                    self.0.push(held as u8);
                    held >>= 8;
                    bits -= 8;
                }
            }
            if bits > 0 {
                self.0.push(held as u8);
            }
        }
    }

    pub(crate) fn floats(&mut self, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        let raw = 8 * values.len();
        let mut best = Writer::default();
        for candidate in [dictionary(values), decimals(values)].into_iter().flatten() {
            if best.0.is_empty() || candidate.0.len() < best.0.len() {
                best = candidate;
            }
        }
        if !best.0.is_empty() && best.0.len() < raw {
            return self.0.append(&mut best.0);
        }
        self.0.push(RAW);
        self.0.reserve(raw);
        values.iter().for_each(|value| self.0.extend_from_slice(&value.to_bits().to_le_bytes()));
    }

    pub(crate) fn texts<'a>(&mut self, values: impl Iterator<Item = &'a str>) {
        let mut known: HashMap<&str, u64> = HashMap::new();
        let (mut distinct, mut codes) = (Vec::new(), Vec::new());
        for value in values {
            codes.push(*known.entry(value).or_insert_with(|| {
                distinct.push(value);
                distinct.len() as u64 - 1
            }));
        }
        if codes.is_empty() {
            return;
        }
        self.number(distinct.len() as u64);
        self.ints(&distinct.iter().map(|text| text.len() as u64).collect::<Vec<_>>());
        self.raw(&pack(distinct.concat().as_bytes()));
        self.ints(&codes);
    }

    pub(crate) fn ids(&mut self, values: &[&str]) {
        for (kind, read) in [(HEX, hex as fn(&str) -> Option<[u8; 16]>), (UUID, uuid)] {
            let packed: Option<Vec<[u8; 16]>> = values.iter().map(|id| read(id)).collect();
            if let Some(packed) = packed {
                self.0.push(kind);
                return self.0.extend_from_slice(packed.as_flattened());
            }
        }
        self.0.push(TEXTS);
        self.texts(values.iter().copied());
    }

    /// The bytes, with their digest.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let digest = short_digest(&self.0);
        self.0.extend_from_slice(&digest);
        self.0
    }
}

fn width(block: &[u64]) -> u32 {
    let base = block.iter().copied().min().unwrap_or_default();
    let most = block.iter().map(|n| n - base).max().unwrap_or_default();
    u64::BITS - most.leading_zeros()
}

fn packed_size(block: &[u64]) -> usize {
    (block.len() * width(block) as usize).div_ceil(8)
}

fn dictionary(values: &[f64]) -> Option<Writer> {
    // What does not repeat in the beginning is not worth the look at the rest.
    let some: std::collections::HashSet<u64> = values.iter().take(512).map(|x| x.to_bits()).collect();
    if some.len() > 256.min(values.len() / 2 + 1) {
        return None;
    }
    let mut known: HashMap<u64, u64> = HashMap::new();
    let (mut distinct, mut codes) = (Vec::new(), Vec::with_capacity(values.len()));
    for value in values {
        codes.push(*known.entry(value.to_bits()).or_insert_with(|| {
            distinct.push(value.to_bits());
            distinct.len() as u64 - 1
        }));
        if distinct.len() > values.len() / 2 + 1 {
            return None;
        }
    }
    let mut writer = Writer::new(DICTIONARY);
    writer.number(distinct.len() as u64);
    distinct.iter().for_each(|bits| writer.0.extend_from_slice(&bits.to_le_bytes()));
    writer.ints(&codes);
    Some(writer)
}

fn power(decimals: u8) -> f64 {
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6][usize::from(decimals.min(MOST_DECIMALS))]
}

/// The value as a whole number of its last decimal, if it comes back to the last bit.
fn whole(value: f64, decimals: u8) -> Option<i64> {
    let scaled = (value * power(decimals)).round();
    let fits = scaled.abs() < 9e15 && (scaled / power(decimals)).to_bits() == value.to_bits();
    fits.then_some(scaled as i64)
}

fn decimals(values: &[f64]) -> Option<Writer> {
    let all = |values: &[f64], decimals| values.iter().all(|&value| whole(value, decimals).is_some());
    let decimals = (0..=MOST_DECIMALS).find(|&decimals| {
        all(&values[..values.len().min(64)], decimals) && all(values, decimals)
    })?;
    let ints: Option<Vec<u64>> = values.iter().map(|&x| whole(x, decimals).map(unsigned)).collect();
    let mut writer = Writer::new(DECIMAL + decimals);
    writer.ints(&ints?);
    Some(writer)
}

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

fn hex(text: &str) -> Option<[u8; 16]> {
    digits(text)
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

/// Reads columns in the order in which they were written.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    name: &'static str,
}

impl<'a> Reader<'a> {
    /// # Errors
    /// `damaged-record` if the bytes are not what was written, or begin with another format byte.
    pub(crate) fn new(name: &'static str, format: u8, bytes: &'a [u8]) -> Result<Reader<'a>> {
        let damaged = |reason: &str| Err(Error::DamagedRecord { record: name, reason: reason.to_owned() });
        let Some((body, digest)) = bytes.split_last_chunk::<DIGEST>() else {
            return damaged("it is too short");
        };
        if short_digest(body) != *digest {
            return damaged("its bytes have changed");
        }
        match body.split_first() {
            Some((&found, rest)) if found == format => Ok(Reader { rest, name }),
            Some((found, _)) => damaged(&format!("unknown format {found}")),
            None => damaged("it is too short"),
        }
    }

    pub(crate) fn damaged(&self, reason: impl ToString) -> Error {
        Error::DamagedRecord { record: self.name, reason: reason.to_string() }
    }

    fn short(&self) -> Error {
        self.damaged("bytes are missing")
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    /// How many rows follow.
    pub(crate) fn rows(&mut self) -> Result<usize> {
        let n = self.number()? as usize;
        if n > MAX_ROWS { Err(self.damaged(format!("it says that it has {n} rows"))) } else { Ok(n) }
    }

    pub(crate) fn raw(&mut self) -> Result<&'a [u8]> {
        let n = self.number()? as usize;
        self.take(n)
    }

    pub(crate) fn ints(&mut self, n: usize) -> Result<Vec<u64>> {
        if n == 0 {
            return Ok(Vec::new());
        }
        match self.byte()? {
            CONSTANT => Ok(vec![self.number()?; n]),
            STEPS => {
                let (first, step) = (self.number()?, unzigzag(self.number()?).cast_unsigned());
                Ok((0..n as u64).map(|i| first.wrapping_add(step.wrapping_mul(i))).collect())
            }
            VALUES => {
                let mut values = Vec::with_capacity(n);
                self.blocks(n, &mut values)?;
                Ok(values)
            }
            DIFFERENCES => {
                let mut values = Vec::with_capacity(n);
                let mut at = self.number()?;
                values.push(at);
                self.blocks(n - 1, &mut values)?;
                for value in &mut values[1..] {
                    at = at.wrapping_add(unzigzag(*value).cast_unsigned());
                    *value = at;
                }
                Ok(values)
            }
            other => Err(self.damaged(format!("unknown column {other}"))),
        }
    }

    fn blocks(&mut self, mut n: usize, values: &mut Vec<u64>) -> Result<()> {
        while n > 0 {
            let block = n.min(BLOCK);
            n -= block;
            let width = usize::from(self.byte()?);
            let base = self.number()?;
            if width == 0 {
                values.resize(values.len() + block, base);
                continue;
            }
            if width > 64 {
                return Err(self.damaged("a number is too wide"));
            }
            let packed = self.take((block * width).div_ceil(8))?;
            let mask = u64::MAX >> (64 - width);
            // Eight bytes hold a number of up to 57 bits wherever it begins.
            let quick = if width > 57 { 0 } else { (packed.len().saturating_sub(7) * 8 / width).min(block) };
            for i in 0..quick {
                let bit = i * width;
                let word = packed[bit / 8..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
                values.push(base.wrapping_add(word >> (bit % 8) & mask));
            }
            for i in quick..block {
                let bit = i * width;
                let mut word = [0; 16];
                let from = &packed[bit / 8..packed.len().min(bit / 8 + 16)];
                word[..from.len()].copy_from_slice(from);
                values.push(base.wrapping_add((u128::from_le_bytes(word) >> (bit % 8)) as u64 & mask));
            }
        }
        Ok(())
    }

    pub(crate) fn floats(&mut self, n: usize) -> Result<Vec<f64>> {
        if n == 0 {
            return Ok(Vec::new());
        }
        match self.byte()? {
            RAW => self.raw_floats(n),
            DICTIONARY => {
                let distinct = self.rows()?;
                let distinct = self.raw_floats(distinct)?;
                let codes = self.ints(n)?;
                let values: Option<Vec<f64>> =
                    codes.iter().map(|&code| distinct.get(code as usize).copied()).collect();
                values.ok_or_else(|| self.damaged("a value is not in its dictionary"))
            }
            tag @ DECIMAL..=8 => {
                let power = power(tag - DECIMAL);
                Ok(self.ints(n)?.into_iter().map(|n| signed(n) as f64 / power).collect())
            }
            other => Err(self.damaged(format!("unknown column {other}"))),
        }
    }

    fn raw_floats(&mut self, n: usize) -> Result<Vec<f64>> {
        let (values, _) = self.take(8 * n)?.as_chunks::<8>();
        Ok(values.iter().map(|bytes| f64::from_bits(u64::from_le_bytes(*bytes))).collect())
    }

    /// The distinct texts, and which of them each row has.
    pub(crate) fn texts(&mut self, n: usize) -> Result<Texts> {
        if n == 0 {
            return Ok(Texts::default());
        }
        let distinct = self.rows()?;
        let lengths = self.ints(distinct)?;
        let packed = self.raw()?;
        let bytes = unpack(packed, MAX_TEXTS).ok_or_else(|| self.damaged("its texts can't be unpacked"))?;
        let mut rest = std::str::from_utf8(&bytes).map_err(|error| self.damaged(error))?;
        let mut words = Vec::with_capacity(distinct);
        for length in lengths {
            let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
            let (word, behind) = split.ok_or_else(|| self.short())?;
            words.push(word.to_owned());
            rest = behind;
        }
        let codes = self.ints(n)?;
        if codes.iter().any(|&code| code >= distinct as u64) {
            return Err(self.damaged("a text is not in its dictionary"));
        }
        Ok(Texts { words, codes })
    }

    pub(crate) fn ids(&mut self, n: usize) -> Result<Ids> {
        if n == 0 {
            return Ok(Ids::Texts(Texts::default()));
        }
        match self.byte()? {
            TEXTS => Ok(Ids::Texts(self.texts(n)?)),
            kind @ (HEX | UUID) => {
                let (ids, _) = self.take(16 * n)?.as_chunks::<16>();
                Ok(Ids::Packed { ids: ids.to_vec(), dashed: kind == UUID })
            }
            other => Err(self.damaged(format!("unknown column {other}"))),
        }
    }

    /// # Errors
    /// `damaged-record` if bytes are left.
    pub(crate) fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged("bytes are left over")) }
    }
}

/// A column of texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    pub(crate) words: Vec<String>,
    pub(crate) codes: Vec<u64>,
}

impl Texts {
    pub(crate) fn get(&self, row: usize) -> &str {
        self.codes.get(row).and_then(|&code| self.words.get(code as usize)).map_or("", String::as_str)
    }
}

/// A column of ids.
#[derive(Debug, Clone)]
pub(crate) enum Ids {
    Packed { ids: Vec<[u8; 16]>, dashed: bool },
    Texts(Texts),
}

impl Ids {
    pub(crate) fn get(&self, row: usize) -> String {
        match self {
            Ids::Packed { ids, dashed } => {
                ids.get(row).map(|bytes| spelled(bytes, *dashed)).unwrap_or_default()
            }
            Ids::Texts(texts) => texts.get(row).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
