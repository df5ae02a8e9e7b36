//! What a summary of production reads: the calls that fit as columns, and a metric's scores beside them.

use std::collections::HashMap;

use super::read::Span;
use super::scores::{self, ScoreRecord};
use super::segment::{Calls, Scores};
use super::stream::Shelf;
use super::{Archive, FactsRecord, LateScore, damaged, read};
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
    /// The others.
    waiting: HashMap<TraceId, u32>,
}

/// The scores of a metric on the rows of a [`Live`]: of each row and source the newest, sorted by row and source.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) rows: Vec<u32>,
    pub(crate) sources: Vec<ScoreSource>,
    pub(crate) values: Vec<Mark>,
    /// The names that a mark may be.
    pub(crate) categories: Vec<String>,
}

/// A score in eight bytes: a number, or one of those that are none, for a category or a missing score.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(f64);

impl Mark {
    /// The bits of something that is no number; the lowest 32 say what it is.
    const NONE: u64 = 0x7ff8_0001_0000_0000;
    const MISSING: Mark = Mark(f64::from_bits(Mark::NONE | u32::MAX as u64));

    fn named(code: u32) -> Mark {
        Mark(f64::from_bits(Mark::NONE | u64::from(code)))
    }

    pub(crate) fn number(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }

    pub(crate) fn category(self) -> Option<u32> {
        let code = self.0.to_bits() as u32;
        (self.0.is_nan() && code != u32::MAX).then_some(code)
    }
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
    let all = layout::trace_facts_of(prompt.as_str());
    scan_prefix(archive.tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let (_, at, id) = layout::in_trace_facts(key).ok_or_else(|| damaged("its key is malformed"))?;
        let facts = read::facts(id.parse()?, at, decode::<FactsRecord>(value)?);
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

/// From a place to its row.
enum Rows<'a> {
    /// By the distance from the first place; 0 is none.
    Near(u64, Vec<u32>),
    Far(&'a [u64]),
}

impl Rows<'_> {
    fn of(places: &[u64]) -> Rows<'_> {
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return Rows::Far(places) };
        let span = last.saturating_sub(first);
        if span > 4 * places.len() as u64 + 4_096 {
            return Rows::Far(places);
        }
        let mut rows = vec![0; span as usize + 1];
        for (row, place) in places.iter().enumerate() {
            if let Some(slot) = rows.get_mut((place - first) as usize) {
                *slot = row as u32 + 1;
            }
        }
        Rows::Near(first, rows)
    }

    fn row(&self, place: u64) -> Option<u32> {
        match self {
            Rows::Near(first, rows) => {
                let distance = usize::try_from(place.checked_sub(*first)?).ok()?;
                rows.get(distance)?.checked_sub(1)
            }
            Rows::Far(places) => places.binary_search(&place).ok().map(|row| row as u32),
        }
    }
}

/// Collects marks: a later one of the same row and source takes the place of the earlier.
struct Collect {
    marks: Marks,
    /// For each source, where the mark of a row stands; 0 is nowhere. Made when the rows stop to grow: until then
    /// nothing can come twice.
    slots: Option<Box<[Vec<u32>; ScoreSource::ALL.len()]>>,
    rows: usize,
    names: HashMap<String, u32>,
}

impl Collect {
    fn mark(&mut self, value: &ScoreValue) -> Mark {
        match value {
            ScoreValue::Number(x) => Mark(*x),
            ScoreValue::Bool(yes) => Mark(f64::from(u8::from(*yes))),
            ScoreValue::Missing => Mark::MISSING,
            ScoreValue::Category(name) => {
                let next = self.marks.categories.len() as u32;
                let code = *self.names.entry(name.clone()).or_insert(next);
                if code == next {
                    self.marks.categories.push(name.clone());
                }
                Mark::named(code)
            }
        }
    }

    fn put(&mut self, row: u32, source: ScoreSource, mark: Mark) {
        if row as usize >= self.rows {
            return;
        }
        let marks = &mut self.marks;
        if self.slots.is_none() && marks.rows.last().is_some_and(|&last| row <= last) {
            let mut slots: Box<[Vec<u32>; ScoreSource::ALL.len()]> = Box::default();
            for (i, (row, source)) in (1..).zip(marks.rows.iter().zip(&marks.sources)) {
                let slots = &mut slots[*source as usize];
                slots.resize(self.rows, 0);
                slots[*row as usize] = i;
            }
            self.slots = Some(slots);
        }
        if let Some(slots) = &mut self.slots {
            let slots = &mut slots[source as usize];
            slots.resize(self.rows, 0);
            let slot = &mut slots[row as usize];
            if let Some(at) = slot.checked_sub(1) {
                marks.values[at as usize] = mark;
                return;
            }
            *slot = marks.rows.len() as u32 + 1;
        }
        marks.rows.push(row);
        marks.sources.push(source);
        marks.values.push(mark);
    }

    fn segment(&mut self, rows: &Rows<'_>, scores: &Scores) -> Result<()> {
        // Numbers of one source all the way down: no look at each row's kind.
        if let (Some(numbers), Some(&first)) = (scores.all_numbers(), scores.sources.first())
            && scores.sources.iter().all(|&source| source == first)
        {
            let source = super::segment::source(first)?;
            self.marks.rows.reserve(numbers.len());
            self.marks.sources.reserve(numbers.len());
            self.marks.values.reserve(numbers.len());
            for (place, number) in scores.places.iter().zip(numbers) {
                if let Some(row) = rows.row(*place) {
                    self.put(row, source, Mark(*number));
                }
            }
            return Ok(());
        }
        scores.visit(&mut |score| {
            if let Some(row) = rows.row(score.place) {
                let mark = self.mark(&score.value);
                self.put(row, score.source, mark);
            }
            Ok(())
        })
    }

    fn finish(mut self) -> Marks {
        let marks = &mut self.marks;
        if marks.rows.windows(2).any(|pair| pair[0] >= pair[1]) {
            let mut order: Vec<u32> = (0..marks.rows.len() as u32).collect();
            order.sort_unstable_by_key(|&i| (marks.rows[i as usize], marks.sources[i as usize]));
            marks.rows = order.iter().map(|&i| marks.rows[i as usize]).collect();
            marks.sources = order.iter().map(|&i| marks.sources[i as usize]).collect();
            marks.values = order.iter().map(|&i| marks.values[i as usize]).collect();
        }
        self.marks
    }
}

impl Marks {
    /// Whether each of so many rows has one mark, a number.
    pub(crate) fn plain(&self, rows: usize) -> bool {
        self.rows.len() == rows
            && self.rows.iter().zip(0..).all(|(&row, i)| row == i)
            && self.values.iter().all(|mark| mark.number().is_some())
    }
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
        let rows = Rows::of(&self.places);
        let (least, most) = (self.places.first(), self.places.last());
        let shelf = Shelf::Scores(self.stream, metric.as_str());
        for (number, info) in shelf.list(archive.tx)? {
            if least.is_some_and(|least| *least <= info.last) && most.is_some_and(|most| info.first <= *most)
            {
                packed.segments.push(shelf.read(archive.tx, number)?);
            }
        }
        let late = layout::late_scores_of(self.stream);
        scan_prefix(archive.tx, Space::Traces, late.bytes(), Order::Ascending, &mut |key, value| {
            let (_, place, _) = layout::in_late_score(key).ok_or_else(|| damaged("its key is malformed"))?;
            let score = LateScore::read(value)?;
            if score.metric == *metric
                && let Some(row) = rows.row(place)
            {
                packed.waiting.push((row, score.source, score.value));
            }
            Ok(Flow::Continue)
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
        let mut collect =
            Collect { marks: Marks::default(), slots: None, rows: self.rows(), names: HashMap::new() };
        let rows = Rows::of(&self.places);
        for segment in &packed.segments {
            collect.segment(&rows, &Scores::decode_light(segment)?)?;
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
