//! The columnar formats: what lies in a segment of calls, and in a segment of a metric's scores.
//!
//! Invariants: every column of a segment has the same number of rows; calls are in the order of their places, which
//! grow, and scores in the order in which they were given; what a summary needs stands in front of what only a
//! single call needs, so that a summary reads no further. A byte in front says which format it is: a changed one is
//! another byte. What each column is made of is `codec::columns`' business.

use std::collections::BTreeMap;

use crate::codec::columns::{Ids, Reader, Texts, Writer, signed, unsigned};
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{ScoreSource, TraceFacts};

const CALLS: u8 = 1;
const SCORES: u8 = 2;
/// What they are called in errors.
const NAMES: [&str; 2] = ["segment of traces", "segment of scores"];

/// A call as a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// Its place among its prompt's calls; never used twice.
    pub(super) place: u64,
    pub(super) facts: TraceFacts,
    pub(super) version_id: ContentId,
    /// Whether it has texts of its own.
    pub(super) texts: bool,
}

/// Calls of one prompt.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) places: Vec<u64>,
    pub(super) at: Vec<u64>,
    pub(super) versions: Vec<u64>,
    pub(super) version_ids: BTreeMap<u64, ContentId>,
    pub(super) experiments: Texts,
    pub(super) variants: Texts,
    pub(super) strata: Texts,
    /// latency_ms and cost_usd.
    pub(super) figures: [Vec<Option<f64>>; 2],
    /// tokens_in and tokens_out.
    pub(super) tokens: [Vec<Option<u64>>; 2],
    /// From here on: what only a single call needs.
    pub(super) ids: Ids,
    pub(super) users: Texts,
    pub(super) texts: Vec<u64>,
}

fn name(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn missing<T: Copy>(values: &[Option<T>]) -> Vec<u64> {
    values.iter().map(|value| u64::from(value.is_some())).collect()
}

/// Puts values back where `present` says that there are some.
fn spread<T>(present: &[u64], values: Vec<T>) -> Vec<Option<T>> {
    let mut values = values.into_iter();
    present.iter().map(|&there| if there == 1 { values.next() } else { None }).collect()
}

fn count(present: &[u64]) -> usize {
    present.iter().filter(|&&there| there == 1).count()
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn push(&mut self, call: &Call) {
        let facts = &call.facts;
        self.places.push(call.place);
        self.at.push(unsigned(facts.at.as_micros()));
        self.versions.push(facts.version.into());
        self.version_ids.insert(facts.version.into(), call.version_id);
        self.experiments.push(facts.experiment.as_deref().unwrap_or_default());
        self.variants.push(facts.variant.as_deref().unwrap_or_default());
        self.strata.push(facts.stratum.as_deref().unwrap_or_default());
        self.figures[0].push(facts.latency_ms);
        self.figures[1].push(facts.cost_usd);
        self.tokens[0].push(facts.tokens_in);
        self.tokens[1].push(facts.tokens_out);
        self.ids.push(facts.trace_id.as_str());
        self.users.push(facts.user.as_deref().unwrap_or_default());
        self.texts.push(call.texts.into());
    }

    pub(super) fn append(&mut self, other: Calls) {
        self.places.extend(other.places);
        self.at.extend(other.at);
        self.versions.extend(other.versions);
        self.version_ids.extend(other.version_ids);
        self.experiments.append(&other.experiments);
        self.variants.append(&other.variants);
        self.strata.append(&other.strata);
        self.figures.iter_mut().zip(other.figures).for_each(|(mine, more)| mine.extend(more));
        self.tokens.iter_mut().zip(other.tokens).for_each(|(mine, more)| mine.extend(more));
        self.ids.append(&other.ids);
        self.users.append(&other.users);
        self.texts.extend(other.texts);
    }

    /// Each call's id and place, as the index takes them.
    pub(super) fn by_id(&self) -> Vec<(String, u64)> {
        self.places.iter().enumerate().map(|(row, &place)| (self.ids.get(row), place)).collect()
    }

    pub(super) fn at(&self, row: usize) -> Timestamp {
        Timestamp::from_micros(self.at.get(row).map_or(0, |&at| signed(at)))
    }

    /// A row as what it counts with.
    pub(super) fn facts(&self, row: usize) -> Result<TraceFacts> {
        Ok(TraceFacts {
            trace_id: self.ids.get(row).parse()?,
            at: self.at(row),
            place: self.places.get(row).copied(),
            version: self.versions.get(row).map_or(0, |&version| version as u32),
            user: name(self.users.get(row)),
            experiment: name(self.experiments.get(row)),
            variant: name(self.variants.get(row)),
            stratum: name(self.strata.get(row)),
            latency_ms: self.figures[0].get(row).copied().flatten(),
            cost_usd: self.figures[1].get(row).copied().flatten(),
            tokens_in: self.tokens[0].get(row).copied().flatten(),
            tokens_out: self.tokens[1].get(row).copied().flatten(),
        })
    }

    pub(super) fn call(&self, row: usize) -> Result<Call> {
        let facts = self.facts(row)?;
        let id = self.version_ids.get(&facts.version.into()).copied();
        let version_id = id.ok_or_else(|| damaged(0, format!("version {} has no id", facts.version)))?;
        let place = facts.place.unwrap_or_default();
        Ok(Call { place, version_id, texts: self.texts.get(row) == Some(&1), facts })
    }

    /// The rows of which `keep` says so.
    pub(super) fn filtered(&self, mut keep: impl FnMut(usize) -> bool) -> Result<Calls> {
        let mut kept = Calls::default();
        for row in (0..self.len()).filter(|&row| keep(row)) {
            kept.push(&self.call(row)?);
        }
        Ok(kept)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(CALLS);
        writer.number(self.len() as u64);
        writer.ints(&self.places);
        writer.ints(&self.at);
        writer.ints(&self.versions);
        writer.number(self.version_ids.len() as u64);
        for (version, id) in &self.version_ids {
            writer.number(*version);
            writer.raw(id.as_bytes());
        }
        writer.texts(&self.experiments);
        writer.texts(&self.variants);
        writer.texts(&self.strata);
        for figure in &self.figures {
            writer.ints(&missing(figure));
            writer.floats(&figure.iter().copied().flatten().collect::<Vec<_>>());
        }
        for tokens in &self.tokens {
            writer.ints(&missing(tokens));
            writer.ints(&tokens.iter().copied().flatten().collect::<Vec<_>>());
        }
        writer.ids(&self.ids);
        writer.texts(&self.users);
        writer.ints(&self.texts);
        writer.finish()
    }

    /// What a summary needs: everything but ids, users and texts.
    pub(super) fn decode_light(bytes: &[u8]) -> Result<Calls> {
        Ok(Calls::read(bytes)?.0)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Calls> {
        let (mut calls, mut reader) = Calls::read(bytes)?;
        let n = calls.len();
        calls.ids = reader.ids(n)?;
        calls.users = reader.texts(n)?;
        calls.texts = reader.ints(n)?;
        reader.end()?;
        Ok(calls)
    }

    fn read(bytes: &[u8]) -> Result<(Calls, Reader<'_>)> {
        let mut reader = Reader::new(NAMES[0], CALLS, bytes)?;
        let n = reader.rows()?;
        let mut calls = Calls { places: reader.ints(n)?, at: reader.ints(n)?, ..Calls::default() };
        calls.versions = reader.ints(n)?;
        for _ in 0..reader.rows()? {
            let (version, id) = (reader.number()?, reader.raw()?);
            let id = id.try_into().map_err(|error| reader.damaged(error))?;
            calls.version_ids.insert(version, ContentId::from_bytes(id));
        }
        calls.experiments = reader.texts(n)?;
        calls.variants = reader.texts(n)?;
        calls.strata = reader.texts(n)?;
        for figure in &mut calls.figures {
            let present = reader.ints(n)?;
            let values = reader.floats(count(&present))?;
            *figure = spread(&present, values);
        }
        for tokens in &mut calls.tokens {
            let present = reader.ints(n)?;
            let values = reader.ints(count(&present))?;
            *tokens = spread(&present, values);
        }
        if calls.places.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(reader.damaged("its places do not grow"));
        }
        if calls.versions.iter().any(|&version| u32::try_from(version).is_err()) {
            return Err(reader.damaged("a version is too large"));
        }
        Ok((calls, reader))
    }
}

/// A score as a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    /// The place of its call.
    pub(super) place: u64,
    pub(super) source: ScoreSource,
    pub(super) value: ScoreValue,
    pub(super) at: Timestamp,
    pub(super) judge: Option<String>,
    /// The number of its comment; 0 for none.
    pub(super) comment: u64,
}

const NUMBER: u64 = 0;
const FALSE: u64 = 1;
const TRUE: u64 = 2;
const MISSING: u64 = 3;
const CATEGORY: u64 = 4;

/// Scores of one metric of one prompt.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    pub(super) places: Vec<u64>,
    pub(super) sources: Vec<u64>,
    pub(super) kinds: Vec<u64>,
    /// One for each row that is a number.
    pub(super) numbers: Vec<f64>,
    /// One for each row that is a category.
    pub(super) categories: Texts,
    /// From here on: what a summary does not need.
    at: Vec<u64>,
    judges: Texts,
    comments: Vec<u64>,
}

impl Scores {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn push(&mut self, score: &Scored) {
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

    pub(super) fn append(&mut self, other: Scores) {
        self.places.extend(other.places);
        self.sources.extend(other.sources);
        self.kinds.extend(other.kinds);
        self.numbers.extend(other.numbers);
        self.categories.append(&other.categories);
        self.at.extend(other.at);
        self.judges.append(&other.judges);
        self.comments.extend(other.comments);
    }

    /// Visits the rows in their order.
    pub(super) fn visit(&self, f: &mut dyn FnMut(Scored) -> Result<()>) -> Result<()> {
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
    pub(super) fn all_numbers(&self) -> Option<&[f64]> {
        (self.numbers.len() == self.len()).then_some(&self.numbers)
    }

    /// The rows of which `keep` says so, by their call's place.
    pub(super) fn filtered(&self, mut keep: impl FnMut(u64) -> bool) -> Result<Scores> {
        let mut kept = Scores::default();
        self.visit(&mut |score| {
            if keep(score.place) {
                kept.push(&score);
            }
            Ok(())
        })?;
        Ok(kept)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
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

    pub(super) fn decode_light(bytes: &[u8]) -> Result<Scores> {
        Ok(Scores::read(bytes)?.0)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Scores> {
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

pub(super) fn source(number: u64) -> Result<ScoreSource> {
    let found = usize::try_from(number).ok().and_then(|number| ScoreSource::ALL.get(number));
    found.copied().ok_or_else(|| damaged(1, format!("unknown source {number}")))
}

fn damaged(name: usize, reason: impl ToString) -> Error {
    Error::DamagedRecord { record: NAMES[name], reason: reason.to_string() }
}
