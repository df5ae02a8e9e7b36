//! What a summary of production reads: the calls that fit as columns, and a metric's scores beside them.

use std::collections::HashMap;

use super::marks::{Collect, Marks, Rows};
use super::read::Span;
use super::scores::{self, ScoreRecord};
use super::segment::{Calls, Scores};
use super::stream::Shelf;
use super::{Archive, LateScore, damaged, read};
use crate::codec::record::decode;
use crate::error::Result;
use crate::model::name::{MetricName, PromptName, TraceId};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, ScoreSource};
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

const DAY: i64 = 86_400_000_000;

/// Which calls of a prompt are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) span: Span,
    pub(crate) version: Option<u32>,
    pub(crate) experiment: Option<&'a str>,
}

/// A column of names; none has the code of `None`.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<Option<String>>,
    pub(crate) codes: Vec<u32>,
    known: HashMap<Option<String>, u32>,
}

impl Names {
    fn code(&mut self, name: Option<&str>) -> u32 {
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        if let Some(code) = self.known.get(&name) {
            return *code;
        }
        let code = self.names.len() as u32;
        self.names.push(name.clone());
        self.known.insert(name, code);
        code
    }
}

/// The calls that fit, one row each.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) versions: Vec<u32>,
    /// Days since 1970.
    pub(crate) days: Vec<i32>,
    /// When each call was made, in microseconds.
    at: Vec<i64>,
    pub(crate) variants: Names,
    pub(crate) strata: Names,
    /// In the order of [`Figure`]; not a number where a call has none.
    figures: [Vec<f64>; 4],
    stream: u32,
    /// The places of the rows that have one: they come first, and grow.
    places: Vec<u64>,
    /// From a place back to its row.
    rows: Rows,
    /// The others.
    waiting: HashMap<TraceId, u32>,
}

impl Live {
    pub(crate) fn rows(&self) -> usize {
        self.versions.len()
    }

    /// A figure of every row; not a number where a call has none.
    pub(crate) fn figure(&self, figure: Figure) -> &[f64] {
        &self.figures[figure as usize]
    }

    pub(crate) fn moment(&self, row: usize) -> i64 {
        self.at.get(row).copied().unwrap_or_default()
    }

    /// The id of a row's call.
    pub(crate) fn id<T: Read + ?Sized>(&self, archive: &Archive<'_, T>, row: u32) -> Result<TraceId> {
        if let Some(&place) = self.places.get(row as usize) {
            let call = archive.call(self.stream, place)?;
            return Ok(call.ok_or_else(|| damaged("a call is missing"))?.facts.trace_id);
        }
        let found = self.waiting.iter().find(|(_, of)| **of == row);
        found.map(|(id, _)| id.clone()).ok_or_else(|| damaged("a call is missing"))
    }

    /// The day of a row as text.
    pub(crate) fn day(day: i32) -> String {
        // RFC 3339 begins with the day.
        Timestamp::from_micros(i64::from(day) * DAY).to_string().chars().take(10).collect()
    }

    fn push(&mut self, at: i64, version: u32, names: [u32; 2], figures: [Option<f64>; 4]) {
        self.versions.push(version);
        self.days.push(at.div_euclid(DAY) as i32);
        self.at.push(at);
        self.variants.codes.push(names[0]);
        self.strata.codes.push(names[1]);
        for (column, figure) in self.figures.iter_mut().zip(figures) {
            column.push(figure.unwrap_or(f64::NAN));
        }
    }

    fn push_segment(&mut self, calls: &Calls, wanted: Wanted<'_>) {
        let variants: Vec<u32> =
            calls.variants.words().iter().map(|word| self.variants.code(Some(word))).collect();
        let strata: Vec<u32> = calls.strata.words().iter().map(|word| self.strata.code(Some(word))).collect();
        let experiment = wanted.experiment.map(|name| {
            calls.experiments.words().iter().position(|word| word == name).map(|code| code as u64)
        });
        let code = |codes: &[u32], column: &[u64], row: usize| {
            column.get(row).and_then(|&code| codes.get(code as usize)).copied().unwrap_or_default()
        };
        for (row, (&place, &version)) in calls.places.iter().zip(&calls.versions).enumerate() {
            let fits = wanted.span.holds(calls.at(row))
                && wanted.version.is_none_or(|wanted| u64::from(wanted) == version)
                && experiment
                    .is_none_or(|code| code.is_some() && calls.experiments.codes().get(row).copied() == code);
            if !fits {
                continue;
            }
            let figure = |i: usize| calls.figures[i].get(row).copied().flatten();
            let tokens = |i: usize| calls.tokens[i].get(row).copied().flatten().map(|n| n as f64);
            let names =
                [code(&variants, calls.variants.codes(), row), code(&strata, calls.strata.codes(), row)];
            let figures = [figure(0), figure(1), tokens(0), tokens(1)];
            self.push(calls.at(row).as_micros(), version as u32, names, figures);
            self.places.push(place);
        }
    }
}

/// Reads the calls of a prompt that are wanted.
pub(crate) fn gather<T: Read + ?Sized>(
    archive: &Archive<'_, T>,
    prompt: &PromptName,
    wanted: Wanted<'_>,
) -> Result<Live> {
    let mut live = Live { stream: archive.stream(prompt)?, ..Live::default() };
    let shelf = Shelf::Calls(live.stream);
    for (number, info) in archive.listed(live.stream)?.iter() {
        if wanted.span.touches(info.oldest, info.newest) {
            live.push_segment(&Calls::decode_light(&shelf.read(archive.tx, *number)?)?, wanted);
        }
    }
    live.rows = Rows::of(&live.places);
    let all = layout::trace_facts_of(prompt.as_str());
    scan_prefix(archive.tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let (_, facts) = read::waiting_row(key, value)?;
        let at = facts.at;
        let fits = wanted.span.holds(at)
            && wanted.version.is_none_or(|version| version == facts.version)
            && wanted.experiment.is_none_or(|name| facts.experiment.as_deref() == Some(name));
        if fits {
            let names =
                [live.variants.code(facts.variant.as_deref()), live.strata.code(facts.stratum.as_deref())];
            let figures = [Figure::LatencyMs, Figure::CostUsd, Figure::TokensIn, Figure::TokensOut]
                .map(|figure| facts.figure(figure));
            live.waiting.insert(facts.trace_id, live.versions.len() as u32);
            live.push(at.as_micros(), facts.version, names, figures);
        }
        Ok(Flow::Continue)
    })?;
    Ok(live)
}

/// The scores of a metric as they lie in the file: to unpack them needs no look into the store.
#[derive(Default)]
pub(crate) struct Packed {
    segments: Vec<Vec<u8>>,
    /// Those that wait, in their order: the row, the source, the value.
    waiting: Vec<(u32, ScoreSource, ScoreValue)>,
}

impl Live {
    /// A metric's scores on these calls.
    pub(crate) fn marks<T: Read + ?Sized>(
        &self,
        archive: &Archive<'_, T>,
        metric: &MetricName,
    ) -> Result<Marks> {
        self.unpack(&self.packed(archive, metric)?)
    }

    /// The same, before it is unpacked.
    pub(crate) fn packed<T: Read + ?Sized>(
        &self,
        archive: &Archive<'_, T>,
        metric: &MetricName,
    ) -> Result<Packed> {
        let mut packed = Packed::default();
        let (least, most) = (self.places.first(), self.places.last());
        let shelf = Shelf::Scores(self.stream, metric.as_str());
        for (number, info) in shelf.list(archive.tx)? {
            if least.is_some_and(|least| *least <= info.last) && most.is_some_and(|most| info.first <= *most)
            {
                packed.segments.push(shelf.read(archive.tx, number)?);
            }
        }
        LateScore::visit(archive.tx, self.stream, &mut |_, place, score| {
            if score.metric == *metric
                && let Some(row) = self.rows.row(place)
            {
                packed.waiting.push((row, score.source, score.value));
            }
            Ok(())
        })?;
        for (id, row) in &self.waiting {
            let all = layout::trace_scores_under(id.as_str(), metric.as_str());
            scan_prefix(archive.tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
                let (.., from) =
                    layout::in_trace_score(key).ok_or_else(|| damaged("a score's key is malformed"))?;
                let value = decode::<ScoreRecord>(value)?.value;
                packed.waiting.push((*row, scores::source(from)?, value));
                Ok(Flow::Continue)
            })?;
        }
        Ok(packed)
    }

    pub(crate) fn unpack(&self, packed: &Packed) -> Result<Marks> {
        let mut collect = Collect::new(self.rows());
        for segment in &packed.segments {
            collect.segment(&self.rows, &Scores::decode_light(segment)?)?;
        }
        for (row, source, value) in &packed.waiting {
            let mark = collect.mark(value);
            collect.put(*row, *source, mark);
        }
        Ok(collect.finish())
    }
}

/// Whether any call of a prompt was ever scored under that metric.
pub(crate) fn scored_at_all<T: Read + ?Sized>(
    archive: &Archive<'_, T>,
    prompt: &PromptName,
    metric: &MetricName,
) -> Result<bool> {
    if !Shelf::Scores(archive.stream(prompt)?, metric.as_str()).list(archive.tx)?.is_empty() {
        return Ok(true);
    }
    let live = gather(archive, prompt, Wanted::default())?;
    Ok(!live.packed(archive, metric)?.waiting.is_empty())
}
