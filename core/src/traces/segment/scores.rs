//! A segment of a metric's scores.

use super::{NAMES, SCORES, damaged, name};
use crate::codec::columns::{Reader, Texts, Writer, signed, unsigned};
use crate::error::Result;
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::ScoreSource;

/// A score as a row.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::traces) struct Scored {
    /// The place of its call.
    pub(in crate::traces) place: u64,
    pub(in crate::traces) source: ScoreSource,
    pub(in crate::traces) value: ScoreValue,
    pub(in crate::traces) at: Timestamp,
    pub(in crate::traces) judge: Option<String>,
    /// The number of its comment; 0 for none.
    pub(in crate::traces) comment: u64,
}

const NUMBER: u64 = 0;
const FALSE: u64 = 1;
const TRUE: u64 = 2;
const MISSING: u64 = 3;
const CATEGORY: u64 = 4;

/// Scores of one metric of one prompt.
#[derive(Debug, Clone, Default)]
pub(in crate::traces) struct Scores {
    pub(in crate::traces) places: Vec<u64>,
    pub(in crate::traces) sources: Vec<u64>,
    pub(in crate::traces) kinds: Vec<u64>,
    /// One for each row that is a number.
    pub(in crate::traces) numbers: Vec<f64>,
    /// One for each row that is a category.
    pub(in crate::traces) categories: Texts,
    /// From here on: what a summary does not need.
    at: Vec<u64>,
    judges: Texts,
    comments: Vec<u64>,
}

/// A segment whose rows are all numbers from one source.
pub(in crate::traces) struct Numbers {
    pub(in crate::traces) places: Vec<u64>,
    pub(in crate::traces) source: ScoreSource,
    pub(in crate::traces) values: Vec<f64>,
}

impl Scores {
    pub(in crate::traces) fn len(&self) -> usize {
        self.places.len()
    }

    pub(in crate::traces) fn push(&mut self, score: &Scored) {
        self.places.push(score.place);
        self.sources.push(score.source as u64);
        self.kinds.push(match &score.value {
            ScoreValue::Number(x) => {
                self.numbers.push(*x);
                NUMBER
            }
            ScoreValue::Bool(yes) => FALSE + u64::from(*yes),
            ScoreValue::Missing => MISSING,
            ScoreValue::Category(name) => {
                self.categories.push(name);
                CATEGORY
            }
        });
        self.at.push(unsigned(score.at.as_micros()));
        self.judges.push(score.judge.as_deref().unwrap_or_default());
        self.comments.push(score.comment);
    }

    pub(in crate::traces) fn append(&mut self, other: Scores) {
        self.places.extend(other.places);
        self.sources.extend(other.sources);
        self.kinds.extend(other.kinds);
        self.numbers.extend(other.numbers);
        self.categories.append(&other.categories);
        self.at.extend(other.at);
        self.judges.append(&other.judges);
        self.comments.extend(other.comments);
    }

    /// Keeps the first rows, and gives back the others.
    pub(in crate::traces) fn split_off(&mut self, rows: usize) -> Scores {
        let kinds = self.kinds.split_off(rows);
        let of = |kind| self.kinds.iter().filter(|&&k| k == kind).count();
        let (numbers, categories) = (of(NUMBER), of(CATEGORY));
        Scores {
            places: self.places.split_off(rows),
            sources: self.sources.split_off(rows),
            kinds,
            numbers: self.numbers.split_off(numbers),
            categories: self.categories.split_off(categories),
            at: self.at.split_off(rows),
            judges: self.judges.split_off(rows),
            comments: self.comments.split_off(rows),
        }
    }

    /// Makes room for more rows.
    pub(in crate::traces) fn reserve(&mut self, rows: usize) {
        for column in [&mut self.places, &mut self.sources, &mut self.kinds, &mut self.at, &mut self.comments]
        {
            column.reserve(rows);
        }
        self.numbers.reserve(rows);
    }

    /// Visits the rows in their order.
    pub(in crate::traces) fn visit(&self, f: &mut dyn FnMut(Scored) -> Result<()>) -> Result<()> {
        let (mut number, mut category) = (0, 0);
        for row in 0..self.len() {
            let value = self.value(row, &mut number, &mut category)?;
            let source = source(self.sources[row])?;
            let at = Timestamp::from_micros(self.at.get(row).map_or(0, |&at| signed(at)));
            let (judge, comment) = (name(self.judges.get(row)), self.comments.get(row).copied());
            f(Scored { place: self.places[row], source, value, at, judge, comment: comment.unwrap_or(0) })?;
        }
        Ok(())
    }

    fn value(&self, row: usize, number: &mut usize, category: &mut usize) -> Result<ScoreValue> {
        Ok(match self.kinds[row] {
            NUMBER => {
                *number += 1;
                let value = self.numbers.get(*number - 1);
                ScoreValue::Number(*value.ok_or_else(|| damaged(1, "a number is missing"))?)
            }
            FALSE => ScoreValue::Bool(false),
            TRUE => ScoreValue::Bool(true),
            MISSING => ScoreValue::Missing,
            CATEGORY => {
                *category += 1;
                ScoreValue::Category(self.categories.get(*category - 1).to_owned())
            }
            other => return Err(damaged(1, format!("unknown kind of value {other}"))),
        })
    }

    /// The numbers of all rows at once, if every row is one.
    pub(in crate::traces) fn all_numbers(&self) -> Option<&[f64]> {
        (self.numbers.len() == self.len()).then_some(&self.numbers)
    }

    /// The same of a segment's bytes, without the columns that say it of each row; nothing if some row is no number, or
    /// the sources differ.
    pub(in crate::traces) fn numbers(bytes: &[u8]) -> Result<Option<Numbers>> {
        let mut reader = Reader::new(NAMES[1], SCORES, bytes)?;
        let n = reader.rows()?;
        let places = reader.ints(n)?;
        let Some(from) = reader.constant()? else { return Ok(None) };
        if n == 0 || reader.constant()? != Some(NUMBER) {
            return Ok(None);
        }
        Ok(Some(Numbers { places, source: source(from)?, values: reader.floats(n)? }))
    }

    /// The rows of which `keep` says so, by their call's place.
    pub(in crate::traces) fn filtered(&self, mut keep: impl FnMut(u64) -> bool) -> Result<Scores> {
        let mut kept = Scores::default();
        self.visit(&mut |score| {
            if keep(score.place) {
                kept.push(&score);
            }
            Ok(())
        })?;
        Ok(kept)
    }

    pub(in crate::traces) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(SCORES);
        writer.number(self.len() as u64);
        writer.ints(&self.places);
        writer.ints(&self.sources);
        writer.ints(&self.kinds);
        writer.floats(&self.numbers);
        writer.texts(&self.categories);
        writer.ints(&self.at);
        writer.texts(&self.judges);
        writer.ints(&self.comments);
        writer.finish()
    }

    pub(in crate::traces) fn decode_light(bytes: &[u8]) -> Result<Scores> {
        Ok(Scores::read(bytes)?.0)
    }

    pub(in crate::traces) fn decode(bytes: &[u8]) -> Result<Scores> {
        let (mut scores, mut reader) = Scores::read(bytes)?;
        let n = scores.len();
        scores.at = reader.ints(n)?;
        scores.judges = reader.texts(n)?;
        scores.comments = reader.ints(n)?;
        reader.end()?;
        Ok(scores)
    }

    fn read(bytes: &[u8]) -> Result<(Scores, Reader<'_>)> {
        let mut reader = Reader::new(NAMES[1], SCORES, bytes)?;
        let n = reader.rows()?;
        let mut scores = Scores { places: reader.ints(n)?, ..Scores::default() };
        scores.sources = reader.ints(n)?;
        scores.kinds = reader.ints(n)?;
        let of = |kind| scores.kinds.iter().filter(|&&k| k == kind).count();
        let (numbers, categories) = (of(NUMBER), of(CATEGORY));
        scores.numbers = reader.floats(numbers)?;
        scores.categories = reader.texts(categories)?;
        Ok((scores, reader))
    }
}

pub(in crate::traces) fn source(number: u64) -> Result<ScoreSource> {
    let found = usize::try_from(number).ok().and_then(|number| ScoreSource::ALL.get(number));
    found.copied().ok_or_else(|| damaged(1, format!("unknown source {number}")))
}
