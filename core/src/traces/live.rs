//! What a summary of production reads: the calls that fit as columns, and a metric's scores beside them.

use std::collections::HashMap;

use super::marks::{Collect, Marks, Rows};
use super::plain::{Part, part_of};
use super::read::Span;
use super::scores::{self, ScoreRecord};
use super::segment::{Calls, Needs, Numbers, Scores};
use super::stream::Shelf;
use super::{Archive, LateScore, damaged, read};
use crate::codec::columns::signed;
use crate::codec::record::decode;
use crate::error::Result;
use crate::model::name::{MetricName, PromptName, TraceId};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, ScoreSource, TraceFacts};
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

const DAY: i64 = 86_400_000_000;

/// Which calls of a prompt are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) span: Span,
    pub(crate) version: Option<u32>,
    pub(crate) experiment: Option<&'a str>,
    /// What is asked of them, beside their places and versions.
    pub(crate) needs: Needs,
}

impl Wanted<'_> {
    /// Which columns have to be read to find them, and to answer.
    fn columns(&self) -> Needs {
        let mut needs = self.needs;
        needs.at |= self.span.bounded();
        needs.experiments |= self.experiment.is_some();
        needs
    }
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
    /// The one column that is always there; the others are if they were [needed](Needs).
    pub(crate) versions: Vec<u32>,
    /// When each call was made, in microseconds.
    at: Vec<i64>,
    pub(crate) variants: Names,
    pub(crate) strata: Names,
    /// In the order of [`Figure`]; not a number where a call has none.
    figures: [Vec<f64>; 4],
    needs: Needs,
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

    /// The day of each row, counted from 1970.
    pub(crate) fn days(&self) -> impl Iterator<Item = i64> + Clone {
        self.at.iter().map(|at| at.div_euclid(DAY))
    }

    /// A day as text.
    pub(crate) fn day(day: i64) -> String {
        // RFC 3339 begins with the day.
        Timestamp::from_micros(day * DAY).to_string().chars().take(10).collect()
    }

    /// Adds the rows of a segment that are wanted.
    fn push_segment(&mut self, calls: &Calls, wanted: Wanted<'_>) {
        let experiment = wanted.experiment.map(|name| {
            calls.experiments.words().iter().position(|word| word == name).map(|code| code as u64)
        });
        let all = !wanted.span.bounded() && wanted.version.is_none() && experiment.is_none();
        let fits = |row: usize, version: u64| {
            (!wanted.span.bounded() || wanted.span.holds(calls.at(row)))
                && wanted.version.is_none_or(|wanted| u64::from(wanted) == version)
                && experiment
                    .is_none_or(|code| code.is_some() && calls.experiments.codes().get(row).copied() == code)
        };
        let rows: Vec<usize> = match all {
            true => Vec::new(),
            false => (0..calls.len()).filter(|&row| fits(row, calls.versions[row])).collect(),
        };
        /// The wanted rows of a column, or all of them.
        fn pick<'c, T: Copy>(column: &'c [T], all: bool, rows: &'c [usize]) -> impl Iterator<Item = T> + 'c {
            let (whole, some) = if all { (column, &[][..]) } else { (&[][..], rows) };
            whole.iter().copied().chain(some.iter().filter_map(|&row| column.get(row).copied()))
        }
        self.places.extend(pick(&calls.places, all, &rows));
        self.versions.extend(pick(&calls.versions, all, &rows).map(|version| version as u32));
        if self.needs.at {
            self.at.extend(pick(&calls.at, all, &rows).map(signed));
        }
        let names = [
            (&mut self.variants, &calls.variants, self.needs.variants),
            (&mut self.strata, &calls.strata, self.needs.strata),
        ];
        for (names, column, _) in names.into_iter().filter(|(.., needed)| *needed) {
            let codes: Vec<u32> = column.words().iter().map(|word| names.code(Some(word))).collect();
            let code = |code: u64| codes.get(code as usize).copied().unwrap_or_default();
            names.codes.extend(pick(column.codes(), all, &rows).map(code));
        }
        if self.needs.figures {
            let [latency, cost, tokens_in, tokens_out] = &mut self.figures;
            for (mine, column) in [latency, cost].into_iter().zip(&calls.figures) {
                mine.extend(pick(column, all, &rows).map(|figure| figure.unwrap_or(f64::NAN)));
            }
            for (mine, column) in [tokens_in, tokens_out].into_iter().zip(&calls.tokens) {
                mine.extend(pick(column, all, &rows).map(|n| n.map_or(f64::NAN, |n| n as f64)));
            }
        }
    }

    /// Adds a call that waits.
    fn push_waiting(&mut self, facts: TraceFacts) {
        let row = self.versions.len() as u32;
        self.versions.push(facts.version);
        if self.needs.at {
            self.at.push(facts.at.as_micros());
        }
        if self.needs.variants {
            let code = self.variants.code(facts.variant.as_deref());
            self.variants.codes.push(code);
        }
        if self.needs.strata {
            let code = self.strata.code(facts.stratum.as_deref());
            self.strata.codes.push(code);
        }
        if self.needs.figures {
            let figures = [Figure::LatencyMs, Figure::CostUsd, Figure::TokensIn, Figure::TokensOut];
            for (column, figure) in self.figures.iter_mut().zip(figures) {
                column.push(facts.figure(figure).unwrap_or(f64::NAN));
            }
        }
        self.waiting.insert(facts.trace_id, row);
    }
}

/// Reads the calls of a prompt that are wanted.
pub(crate) fn gather<T: Read + ?Sized>(
    archive: &Archive<'_, T>,
    prompt: &PromptName,
    wanted: Wanted<'_>,
) -> Result<Live> {
    let needs = wanted.columns();
    let mut live = Live { stream: archive.stream(prompt)?, needs, ..Live::default() };
    let shelf = Shelf::Calls(live.stream);
    for (number, info) in archive.listed(live.stream)?.iter() {
        if wanted.span.touches(info.oldest, info.newest) {
            live.push_segment(&Calls::decode_light(&shelf.read(archive.tx, *number)?, needs)?, wanted);
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
            live.push_waiting(facts);
        }
        Ok(Flow::Continue)
    })?;
    Ok(live)
}

/// The scores of a metric as they lie in the file: to unpack them needs no look into the store.
#[derive(Default)]
pub(crate) struct Packed {
    segments: Vec<Vec<u8>>,
    waiting: Vec<Waiting>,
}

/// A score that waits: the row, the source, the value.
pub(super) type Waiting = (u32, ScoreSource, ScoreValue);

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
        let shelf = Shelf::Scores(self.stream, metric.as_str());
        let segments = self.listed(archive, metric)?.into_iter().map(|number| shelf.read(archive.tx, number));
        Ok(Packed { segments: segments.collect::<Result<_>>()?, waiting: self.waiting(archive, metric)? })
    }

    /// The numbers of a metric's segments that may hold scores of these calls, in their order.
    pub(crate) fn listed<T: Read + ?Sized>(
        &self,
        archive: &Archive<'_, T>,
        metric: &MetricName,
    ) -> Result<Vec<u64>> {
        let (Some(least), Some(most)) = (self.places.first(), self.places.last()) else {
            return Ok(Vec::new());
        };
        let listed = Shelf::Scores(self.stream, metric.as_str()).list(archive.tx)?;
        let touching = listed.into_iter().filter(|(_, info)| *least <= info.last && info.first <= *most);
        Ok(touching.map(|(number, _)| number).collect())
    }

    /// The bytes of one of them.
    pub(crate) fn segment<T: Read + ?Sized>(
        &self,
        archive: &Archive<'_, T>,
        metric: &MetricName,
        number: u64,
    ) -> Result<Vec<u8>> {
        Shelf::Scores(self.stream, metric.as_str()).read(archive.tx, number)
    }

    /// A metric's scores that wait, in their order for each row.
    pub(crate) fn waiting<T: Read + ?Sized>(
        &self,
        archive: &Archive<'_, T>,
        metric: &MetricName,
    ) -> Result<Vec<Waiting>> {
        let mut waiting = Vec::new();
        LateScore::visit(archive.tx, self.stream, &mut |_, place, score| {
            if score.metric == *metric
                && let Some(row) = self.rows.row(place)
            {
                waiting.push((row, score.source, score.value));
            }
            Ok(())
        })?;
        for (id, row) in &self.waiting {
            let all = layout::trace_scores_under(id.as_str(), metric.as_str());
            scan_prefix(archive.tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
                let (.., from) =
                    layout::in_trace_score(key).ok_or_else(|| damaged("a score's key is malformed"))?;
                let value = decode::<ScoreRecord>(value)?.value;
                waiting.push((*row, scores::source(from)?, value));
                Ok(Flow::Continue)
            })?;
        }
        // Stable: those of one row stay in their order.
        waiting.sort_by_key(|(row, ..)| *row);
        Ok(waiting)
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

    /// The numbers of a segment by the group of their row; nothing if it is not as simple as that.
    pub(crate) fn part(&self, segment: &[u8], of_row: &[u32], groups: usize) -> Result<Option<Part>> {
        let Some(numbers) = Scores::numbers(segment)? else { return Ok(None) };
        let Numbers { places, source, values } = numbers;
        if let Some(first) = self.rows.run(&places) {
            let rows = (first..).map(Some).zip(values.iter().copied());
            return Ok(part_of(rows, source, of_row, groups));
        }
        let rows = places.iter().map(|&place| self.rows.row(place));
        Ok(part_of(rows.zip(values.iter().copied()), source, of_row, groups))
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
    Ok(!live.waiting(archive, metric)?.is_empty())
}
