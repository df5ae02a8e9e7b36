//! The columnar formats: what lies in a segment of calls, and in a segment of a metric's scores.
//!
//! Invariants: every column of a segment has the same number of rows; calls are in the order of their places, which
//! grow, and scores in the order in which they were given; what a summary needs stands in front of what only a
//! single call needs, so that a summary reads no further. A byte in front says which format it is: a changed one is
//! another byte. What each column is made of is `codec::columns`' business.

use std::collections::{BTreeMap, BTreeSet};

use crate::codec::columns::{Ids, Reader, Texts, Writer, signed, unsigned};
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::time::Timestamp;
use crate::model::trace::TraceFacts;

mod scores;

pub(super) use scores::{Numbers, Scored, Scores, source};

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

/// Which of the columns that not everybody needs are read; the others stay empty.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) at: bool,
    pub(crate) experiments: bool,
    pub(crate) variants: bool,
    pub(crate) strata: bool,
    /// Latency, cost and tokens.
    pub(crate) figures: bool,
}

impl Needs {
    pub(crate) const ALL: Needs =
        Needs { at: true, experiments: true, variants: true, strata: true, figures: true };

    pub(crate) fn and(self, other: Needs) -> Needs {
        Needs {
            at: self.at || other.at,
            experiments: self.experiments || other.experiments,
            variants: self.variants || other.variants,
            strata: self.strata || other.strata,
            figures: self.figures || other.figures,
        }
    }
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

/// The first values of a column, and the others.
fn halves<T: Clone>(values: &[T], rows: usize) -> (Vec<T>, Vec<T>) {
    let (head, rest) = values.split_at(rows.min(values.len()));
    (head.to_vec(), rest.to_vec())
}

fn each<T: Clone>([a, b]: &[Vec<T>; 2], rows: usize) -> ([Vec<T>; 2], [Vec<T>; 2]) {
    let (a, b) = (halves(a, rows), halves(b, rows));
    ([a.0, b.0], [a.1, b.1])
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

    /// The first rows, and the others.
    pub(super) fn split_at(&self, rows: usize) -> (Calls, Calls) {
        let (experiments, variants) = (self.experiments.split(rows), self.variants.split(rows));
        let (strata, ids) = (self.strata.split(rows), self.ids.split(rows));
        let (users, figures, tokens) =
            (self.users.split(rows), each(&self.figures, rows), each(&self.tokens, rows));
        let (places, at) = (halves(&self.places, rows), halves(&self.at, rows));
        let (versions, texts) = (halves(&self.versions, rows), halves(&self.texts, rows));
        let of_rows = |versions: &[u64]| {
            let here: BTreeSet<u64> = versions.iter().copied().collect();
            let known = self.version_ids.iter().filter(|(version, _)| here.contains(version));
            known.map(|(version, id)| (*version, *id)).collect()
        };
        let (ids_of_head, ids_of_rest) = (of_rows(&versions.0), of_rows(&versions.1));
        let head = Calls {
            places: places.0,
            at: at.0,
            versions: versions.0,
            version_ids: ids_of_head,
            experiments: experiments.0,
            variants: variants.0,
            strata: strata.0,
            figures: figures.0,
            tokens: tokens.0,
            ids: ids.0,
            users: users.0,
            texts: texts.0,
        };
        let rest = Calls {
            places: places.1,
            at: at.1,
            versions: versions.1,
            version_ids: ids_of_rest,
            experiments: experiments.1,
            variants: variants.1,
            strata: strata.1,
            figures: figures.1,
            tokens: tokens.1,
            ids: ids.1,
            users: users.1,
            texts: texts.1,
        };
        (head, rest)
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

    /// Places, versions, and what else is needed; no ids, users and texts.
    pub(super) fn decode_light(bytes: &[u8], needs: Needs) -> Result<Calls> {
        Ok(Calls::read(bytes, needs)?.0)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Calls> {
        let (mut calls, mut reader) = Calls::read(bytes, Needs::ALL)?;
        let n = calls.len();
        calls.ids = reader.ids(n)?;
        calls.users = reader.texts(n)?;
        calls.texts = reader.ints(n)?;
        reader.end()?;
        Ok(calls)
    }

    fn read(bytes: &[u8], needs: Needs) -> Result<(Calls, Reader<'_>)> {
        let mut reader = Reader::new(NAMES[0], CALLS, bytes)?;
        let n = reader.rows()?;
        let mut calls = Calls { places: reader.ints(n)?, ..Calls::default() };
        if needs.at {
            calls.at = reader.ints(n)?;
        } else {
            reader.skip_ints(n)?;
        }
        calls.versions = reader.ints(n)?;
        for _ in 0..reader.rows()? {
            let (version, id) = (reader.number()?, reader.raw()?);
            let id = id.try_into().map_err(|error| reader.damaged(error))?;
            calls.version_ids.insert(version, ContentId::from_bytes(id));
        }
        let names = [
            (&mut calls.experiments, needs.experiments),
            (&mut calls.variants, needs.variants),
            (&mut calls.strata, needs.strata),
        ];
        for (column, needed) in names {
            if needed {
                *column = reader.texts(n)?;
            } else {
                reader.skip_texts(n)?;
            }
        }
        for figure in &mut calls.figures {
            let present = reader.ints(n)?;
            if needs.figures {
                *figure = spread(&present, reader.floats(count(&present))?);
            } else {
                reader.skip_floats(count(&present))?;
            }
        }
        for tokens in &mut calls.tokens {
            let present = reader.ints(n)?;
            if needs.figures {
                *tokens = spread(&present, reader.ints(count(&present))?);
            } else {
                reader.skip_ints(count(&present))?;
            }
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

fn damaged(name: usize, reason: impl ToString) -> Error {
    Error::DamagedRecord { record: NAMES[name], reason: reason.to_string() }
}
