//! Reading columns back.

use super::{
    BLOCK, CONSTANT, DECIMAL, DICTIONARY, DIFFERENCES, DIGEST, HEX, Ids, MAX_ROWS, MAX_TEXTS, RAW, RUNS,
    STEPS, TEXTS, Texts, UUID, VALUES, power, signed, unzigzag,
};
use crate::codec::hash::short_digest;
use crate::codec::packed::unpack;
use crate::error::{Error, Result};

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
        if n == 0 || self.rest.first() != Some(&RUNS) {
            return self.without_runs(n);
        }
        self.byte()?;
        let runs = self.rows()?;
        let (of_runs, lengths) = (self.without_runs(runs)?, self.without_runs(runs)?);
        let mut values = Vec::with_capacity(n);
        for (value, length) in of_runs.into_iter().zip(lengths) {
            if length > (n - values.len()) as u64 {
                return Err(self.damaged("a run is too long"));
            }
            values.resize(values.len() + length as usize, value);
        }
        if values.len() == n { Ok(values) } else { Err(self.damaged("a run is too short")) }
    }

    /// Runs are not made of runs, so that no bytes lead deeper and deeper.
    fn without_runs(&mut self, n: usize) -> Result<Vec<u64>> {
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

    /// Everything that is left.
    pub(crate) fn plain(self) -> &'a [u8] {
        self.rest
    }

    /// The one number that all rows of the next column have; nothing, and the column still to be read, if they differ.
    pub(crate) fn constant(&mut self) -> Result<Option<u64>> {
        match self.rest.first() {
            Some(&CONSTANT) => {
                self.byte()?;
                self.number().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Passes over a column of whole numbers.
    pub(crate) fn skip_ints(&mut self, n: usize) -> Result<()> {
        if n == 0 || self.rest.first() != Some(&RUNS) {
            return self.skip_without_runs(n);
        }
        self.byte()?;
        let runs = self.rows()?;
        self.skip_without_runs(runs)?;
        self.skip_without_runs(runs)
    }

    fn skip_without_runs(&mut self, n: usize) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        match self.byte()? {
            CONSTANT => self.number().map(drop),
            STEPS => self.number().and_then(|_| self.number()).map(drop),
            VALUES => self.skip_blocks(n),
            DIFFERENCES => {
                self.number()?;
                self.skip_blocks(n - 1)
            }
            other => Err(self.damaged(format!("unknown column {other}"))),
        }
    }

    fn skip_blocks(&mut self, mut n: usize) -> Result<()> {
        while n > 0 {
            let block = n.min(BLOCK);
            n -= block;
            let width = usize::from(self.byte()?);
            self.number()?;
            self.take((block * width).div_ceil(8))?;
        }
        Ok(())
    }

    /// Passes over a column of floats.
    pub(crate) fn skip_floats(&mut self, n: usize) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        match self.byte()? {
            RAW => self.take(8 * n).map(drop),
            DICTIONARY => {
                let distinct = self.rows()?;
                self.take(8 * distinct)?;
                self.skip_ints(n)
            }
            DECIMAL..=8 => self.skip_ints(n),
            other => Err(self.damaged(format!("unknown column {other}"))),
        }
    }

    /// Passes over a column of texts.
    pub(crate) fn skip_texts(&mut self, n: usize) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        let distinct = self.rows()?;
        self.skip_ints(distinct)?;
        self.raw()?;
        self.skip_ints(n)
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
        Ok(Texts { words, codes, known: std::collections::HashMap::new() })
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
