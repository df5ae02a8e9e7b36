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

    /// Keeps the first rows, and gives back the others.
    pub(super) fn split_off(&mut self, rows: usize) -> Calls {
        let versions = self.versions.split_off(rows);
        let of_rows = |versions: &[u64]| {
            let here: BTreeSet<u64> = versions.iter().copied().collect();
            let known = self.version_ids.iter().filter(|(version, _)| here.contains(version));
            known.map(|(version, id)| (*version, *id)).collect()
        };
        let (kept, gone) = (of_rows(&self.versions), of_rows(&versions));
        self.version_ids = kept;
        Calls {
            places: self.places.split_off(rows),
            at: self.at.split_off(rows),
            versions,
            version_ids: gone,
            experiments: self.experiments.split_off(rows),
            variants: self.variants.split_off(rows),
            strata: self.strata.split_off(rows),
            figures: self.figures.each_mut().map(|column| column.split_off(rows)),
            tokens: self.tokens.each_mut().map(|column| column.split_off(rows)),
            ids: self.ids.split_off(rows),
            users: self.users.split_off(rows),
            texts: self.texts.split_off(rows),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::score::ScoreValue;

    #[test]
    fn what_is_split_is_together_what_it_was() {
        let mut calls = Calls::default();
        for place in 0..9u64 {
            let facts = TraceFacts {
                trace_id: format!("t{place}").parse().unwrap(),
                at: Timestamp::from_micros(place as i64),
                place: None,
                version: 1 + place as u32 / 4,
                user: name(["", "u"][place as usize % 2]),
                experiment: None,
                variant: name(["a", "b"][place as usize / 5]),
                stratum: None,
                latency_ms: (place % 3 == 0).then_some(place as f64),
                cost_usd: None,
                tokens_in: Some(place),
                tokens_out: (place % 2 == 0).then_some(place),
            };
            let version_id = ContentId::from_bytes([facts.version as u8; 32]);
            calls.push(&Call { place, facts, version_id, texts: place == 3 });
        }
        let (whole, mut head) = (calls.encode(), calls);
        let rest = head.split_off(5);
        assert_eq!((head.len(), rest.len()), (5, 4));
        assert_eq!(rest.version_ids.keys().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(rest.variants.words(), ["b"]);
        // Each half is a segment of its own.
        let mut both = Calls::decode(&head.encode()).unwrap();
        both.append(Calls::decode(&rest.encode()).unwrap());
        assert_eq!(both.encode(), whole);
        let mut scores = Scores::default();
        for place in 0..9u64 {
            let value = match place % 4 {
                0 => ScoreValue::Number(place as f64),
                1 => ScoreValue::Category(format!("c{}", place / 2)),
                2 => ScoreValue::Missing,
                _ => ScoreValue::Bool(place == 3),
            };
            let (source, at) = (source(place % 2).unwrap(), Timestamp::from_micros(place as i64));
            scores.push(&Scored { place, source, value, at, judge: name("j"), comment: place });
        }
        let (whole, mut head) = (scores.encode(), scores);
        let rest = head.split_off(5);
        let mut both = Scores::decode(&head.encode()).unwrap();
        both.append(Scores::decode(&rest.encode()).unwrap());
        assert_eq!((head.len(), rest.len(), both.encode()), (5, 4, whole));
    }
}
