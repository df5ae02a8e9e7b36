//! A metric's scores beside the rows of a [`Live`](super::Live): of each row and source the newest.

use std::collections::HashMap;

use super::segment::{self, Scores};
use crate::error::Result;
use crate::model::score::ScoreValue;
use crate::model::trace::ScoreSource;

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

/// From a place to its row.
#[derive(Debug)]
pub(super) enum Rows {
    /// The distance from the first place, of so many: nothing is missing between them.
    All(u64, u64),
    /// By the distance from the first place; 0 is none.
    Near(u64, Vec<u32>),
    /// The places, which grow: so much was pruned between them that a table would be mostly empty.
    Far(Vec<u64>),
}

impl Default for Rows {
    fn default() -> Rows {
        Rows::Far(Vec::new())
    }
}

impl Rows {
    pub(super) fn of(places: &[u64]) -> Rows {
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return Rows::default() };
        let span = last.saturating_sub(first);
        if span + 1 == places.len() as u64 {
            return Rows::All(first, span + 1);
        }
        if span > 4 * places.len() as u64 + 4_096 {
            return Rows::Far(places.to_vec());
        }
        let mut rows = vec![0; span as usize + 1];
        for (row, place) in places.iter().enumerate() {
            if let Some(slot) = rows.get_mut((place - first) as usize) {
                *slot = row as u32 + 1;
            }
        }
        Rows::Near(first, rows)
    }

    /// The row of the first place, if each place is one behind the one before, and so are their rows.
    pub(super) fn run(&self, places: &[u64]) -> Option<u32> {
        let Rows::All(..) = self else { return None };
        let ends = self.row(*places.first()?).zip(self.row(*places.last()?));
        let (first, last) = ends.filter(|(first, last)| first <= last)?;
        let next_to = places.windows(2).all(|pair| pair[0].wrapping_add(1) == pair[1]);
        (next_to && (last - first) as usize + 1 == places.len()).then_some(first)
    }

    pub(super) fn row(&self, place: u64) -> Option<u32> {
        match self {
            Rows::All(first, rows) => {
                place.checked_sub(*first).filter(|row| row < rows).map(|row| row as u32)
            }
            Rows::Near(first, rows) => {
                let distance = usize::try_from(place.checked_sub(*first)?).ok()?;
                rows.get(distance)?.checked_sub(1)
            }
            Rows::Far(places) => places.binary_search(&place).ok().map(|row| row as u32),
        }
    }
}

/// Collects marks: a later one of the same row and source takes the place of the earlier.
pub(super) struct Collect {
    marks: Marks,
    /// For each source, where the mark of a row stands; 0 is nowhere. Made when the rows stop to grow: until then
    /// nothing can come twice.
    slots: Option<Box<[Vec<u32>; ScoreSource::ALL.len()]>>,
    rows: usize,
    names: HashMap<String, u32>,
}

impl Collect {
    pub(super) fn new(rows: usize) -> Collect {
        Collect { marks: Marks::default(), slots: None, rows, names: HashMap::new() }
    }

    pub(super) fn mark(&mut self, value: &ScoreValue) -> Mark {
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

    pub(super) fn put(&mut self, row: u32, source: ScoreSource, mark: Mark) {
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

    pub(super) fn segment(&mut self, rows: &Rows, scores: &Scores) -> Result<()> {
        // Numbers of one source all the way down: no look at each row's kind.
        if let (Some(numbers), Some(&first)) = (scores.all_numbers(), scores.sources.first())
            && scores.sources.iter().all(|&source| source == first)
        {
            let source = segment::source(first)?;
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

    pub(super) fn finish(mut self) -> Marks {
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
