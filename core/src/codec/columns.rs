//! Columns: a list of numbers or texts in the fewest bytes that are quick to read.
//!
//! Invariants: a column says nothing of its length, the reader knows it; what was written comes back to the last bit;
//! every list of bytes ends with eight bytes of its BLAKE3, so damage is an error and never another number; and no
//! bytes, however hostile, make the reader allocate more than [`MAX_ROWS`] rows of a column or [`MAX_TEXTS`] of texts.
//!
//! Whole numbers: one value, or a first one and a step, or runs of the same one, or blocks of 128 with a base and a width of
//! their own; of the values, or of their differences. Floats: what few values repeat are a dictionary, what has few decimals are
//! whole numbers of the last one, everything else lies raw. Texts: a dictionary. Ids: UUIDs and 32 hex digits are 16
//! bytes.

use std::collections::HashMap;

use super::hash::short_digest;
use super::packed::pack;

mod read;
mod text;

pub(crate) use read::Reader;
pub(crate) use text::{Ids, Texts};

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
/// Values that stay the same for long: each once, and how often.
const RUNS: u8 = 4;
/// So long are runs on average at least.
const LONG: usize = 16;

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

    /// Bytes of a length that the reader knows.
    pub(crate) fn plain(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn ints(&mut self, values: &[u64]) {
        let Some(&first) = values.first() else { return };
        if values.iter().all(|&n| n == first) {
            self.0.push(CONSTANT);
            return self.number(first);
        }
        let runs = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if runs * LONG <= values.len() {
            self.0.push(RUNS);
            self.number(runs as u64);
            let (mut of_runs, mut lengths) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
            for run in values.chunk_by(|a, b| a == b) {
                of_runs.push(run[0]);
                lengths.push(run.len() as u64);
            }
            self.without_runs(&of_runs);
            return self.without_runs(&lengths);
        }
        self.without_runs(values);
    }

    fn without_runs(&mut self, values: &[u64]) {
        let Some(&first) = values.first() else { return };
        let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
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

    pub(crate) fn texts(&mut self, texts: &Texts) {
        if texts.codes.is_empty() {
            return;
        }
        self.number(texts.words.len() as u64);
        self.ints(&texts.words.iter().map(|text| text.len() as u64).collect::<Vec<_>>());
        self.raw(&pack(texts.words.concat().as_bytes()));
        self.ints(&texts.codes);
    }

    pub(crate) fn ids(&mut self, ids: &Ids) {
        match ids {
            Ids::Packed { ids, dashed } => {
                self.0.push(if *dashed { UUID } else { HEX });
                self.0.extend_from_slice(ids.as_flattened());
            }
            Ids::Texts(texts) => {
                self.0.push(TEXTS);
                self.texts(texts);
            }
        }
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
    let decimals = (0..=MOST_DECIMALS)
        .find(|&decimals| all(&values[..values.len().min(64)], decimals) && all(values, decimals))?;
    let ints: Option<Vec<u64>> = values.iter().map(|&x| whole(x, decimals).map(unsigned)).collect();
    let mut writer = Writer::new(DECIMAL + decimals);
    writer.ints(&ints?);
    Some(writer)
}

#[cfg(test)]
mod tests;
