//! Traces are put on piles, one a group, and piles become figures.

use std::collections::BTreeMap;

use super::{ALPHA, BINS, Group, GroupBy, Histogram, LiveFigures, Question};
use crate::error::Result;
use crate::model::trace::ScoreSource;
use crate::stats;
use crate::traces::{Live, Mark, Names};

/// So many versions, or days, are looked up in a table.
const MOST_KNOWN: usize = 1 << 16;

/// The traces of a group, before they become figures.
#[derive(Default)]
pub(super) struct Pile {
    pub(super) traces: u64,
    pub(super) n: u64,
    pub(super) missing: u64,
    pub(super) values: Vec<f64>,
    pub(super) categories: BTreeMap<u32, u64>,
}

/// What a trace counts as.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Unscored,
    Missing,
    /// It has a category, and no number.
    Named,
    Value(f64),
}

impl Pile {
    pub(super) fn add(&mut self, unit: Unit) {
        self.count(unit);
        self.keep(unit);
    }

    pub(super) fn count(&mut self, unit: Unit) {
        self.traces += 1;
        match unit {
            Unit::Unscored => {}
            Unit::Missing => self.missing += 1,
            Unit::Named | Unit::Value(_) => self.n += 1,
        }
    }

    pub(super) fn keep(&mut self, unit: Unit) {
        if let Unit::Value(value) = unit {
            self.values.push(value);
        }
    }

    pub(super) fn name(&mut self, marks: &[Mark]) {
        for mark in marks {
            if let Some(code) = mark.category() {
                *self.categories.entry(code).or_default() += 1;
            }
        }
    }

    /// Sorted, so that no figure depends on where a trace lies in the file.
    pub(super) fn sort(&mut self) {
        stats::sort(&mut self.values);
    }

    pub(super) fn range(&self) -> Option<(f64, f64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }

    pub(super) fn figures(self, scale: Option<Scale>, names: &[String]) -> Result<LiveFigures> {
        let count = Count { traces: self.traces, n: self.n, missing: self.missing };
        let mut figures = figures(count, &[&self.values], scale);
        let named = |(code, count): (u32, u64)| Some((names.get(code as usize)?.clone(), count));
        figures.categories = self.categories.into_iter().filter_map(named).collect();
        Ok(figures)
    }
}

/// How many traces there are, with a value, and with one that is missing.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) traces: u64,
    pub(super) n: u64,
    pub(super) missing: u64,
}

/// What a histogram spans.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) declared: bool,
}

impl Scale {
    fn histogram(self, lists: &[&[f64]]) -> Histogram {
        let Scale { low, high, declared } = self;
        let bin = |value: f64| {
            let share = if high > low { (value - low) / (high - low) } else { 0.0 };
            ((share * BINS as f64) as usize).min(BINS - 1)
        };
        let mut counts = vec![0; BINS];
        for list in lists {
            // They are sorted: a bin ends where the next one begins.
            let mut rest = *list;
            for (i, count) in counts.iter_mut().enumerate() {
                let (of_bin, behind) = rest.split_at(rest.partition_point(|&value| bin(value) <= i));
                *count += of_bin.len() as u64;
                rest = behind;
            }
        }
        Histogram { low, high, declared, counts }
    }
}

/// The figures of values that lie in lists, each of them sorted.
pub(super) fn figures(count: Count, lists: &[&[f64]], scale: Option<Scale>) -> LiveFigures {
    let moments = stats::mean_sd_of(lists);
    let ends = |list: &&[f64]| Some((*list.first()?, *list.last()?));
    let ends = lists.iter().filter_map(ends).reduce(stats::wider);
    let interval = moments.as_ref().zip(ends).and_then(|(m, ends)| stats::mean_interval(ends, m, ALPHA));
    let quantile = |q: f64| stats::quantile_of_sorted(lists, q);
    LiveFigures {
        traces: count.traces,
        n: count.n,
        missing: count.missing,
        mean: moments.as_ref().map(|m| m.mean),
        sd: moments.as_ref().and_then(|m| m.sd),
        se: moments.as_ref().and_then(|m| m.se),
        ci_low: interval.map(|(low, _)| low),
        ci_high: interval.map(|(_, high)| high),
        min: ends.map(|(low, _)| low),
        p10: quantile(0.1),
        p50: quantile(0.5),
        p90: quantile(0.9),
        max: ends.map(|(_, high)| high),
        histogram: scale.filter(|_| ends.is_some()).map(|scale| scale.histogram(lists)),
        categories: BTreeMap::new(),
    }
}

/// What a trace counts as, by its marks.
pub(super) fn unit(marks: &[Mark]) -> Unit {
    if let [mark] = marks
        && let Some(value) = mark.number()
    {
        return Unit::Value(value);
    }
    if marks.is_empty() {
        return Unit::Unscored;
    }
    let numbers: Vec<Option<f64>> = marks.iter().map(|mark| mark.number()).collect();
    match stats::mean_of_repeats(&numbers) {
        Some(value) => Unit::Value(value),
        None if marks.iter().any(|mark| mark.category().is_some()) => Unit::Named,
        None => Unit::Missing,
    }
}

/// The groups, and in which of them each trace is.
pub(super) struct Groups {
    pub(super) names: Vec<Group>,
    /// By row: the group; by version if `of_version`.
    pub(super) of_row: Vec<u32>,
    pub(super) of_version: Option<BTreeMap<u32, Vec<u32>>>,
    /// By cell, if the codes of the rows are cells: the groups.
    pub(super) of_cell: Vec<Vec<u32>>,
    /// By source too: each group that a row is in is so many, one a source in their order, and `names` has them all.
    pub(super) by_source: bool,
}

impl Groups {
    pub(super) fn of(question: &Question, live: &Live) -> Groups {
        match question.by.as_slice() {
            [] => Groups::none(),
            [by] => Groups::one(*by, question, live),
            several => {
                super::several::combined(several.iter().map(|by| Groups::one(*by, question, live)), live)
            }
        }
    }

    pub(super) fn none() -> Groups {
        Groups {
            names: Vec::new(),
            of_row: Vec::new(),
            of_version: None,
            of_cell: Vec::new(),
            by_source: false,
        }
    }

    fn one(by: GroupBy, question: &Question, live: &Live) -> Groups {
        let mut groups = Groups::none();
        match by {
            GroupBy::Version => groups.of_versions(live),
            GroupBy::Day => groups.number(live.days(), |day| Group::Name(Live::day(day))),
            GroupBy::Variant => groups.named(&live.variants),
            GroupBy::Stratum => groups.named(&live.strata),
            GroupBy::Label => {
                // A label whose version nobody called yet is an answer too.
                let mut of_version: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
                for (label, version) in &question.labels {
                    of_version.entry(*version).or_default().push(groups.names.len() as u32);
                    groups.names.push(Group::Name(label.to_string()));
                }
                groups.of_version = Some(of_version);
            }
            GroupBy::Source => {
                let name = |source: &ScoreSource| Group::Name(source.as_str().to_owned());
                groups.names = ScoreSource::ALL.iter().map(name).collect();
                groups.by_source = true;
            }
        }
        groups
    }

    /// How many traces each of them has; without groups all are one. Only of a partition.
    pub(super) fn sizes(&self, rows: usize) -> Vec<u64> {
        if !self.partition() {
            return vec![rows as u64];
        }
        let mut sizes = vec![0; self.names.len()];
        for &group in &self.of_row {
            if let Some(size) = sizes.get_mut(group as usize) {
                *size += 1;
            }
        }
        sizes
    }

    pub(super) fn name(&self, group: usize) -> Group {
        self.names.get(group).cloned().unwrap_or(Group::Without)
    }

    /// Whether every trace is in exactly one of them.
    pub(super) fn partition(&self) -> bool {
        !self.of_row.is_empty() && self.of_cell.is_empty() && !self.by_source
    }

    pub(super) fn of_versions(&mut self, live: &Live) {
        let versions = live.versions.iter().map(|&version| version.into());
        self.number(versions, |version| Group::Version(version as u32));
    }

    fn number(&mut self, rows: impl Iterator<Item = i64> + Clone, name: impl Fn(i64) -> Group) {
        let ends = rows.clone().fold(None, |ends: Option<(i64, i64)>, n| {
            Some(ends.map_or((n, n), |(low, high)| (low.min(n), high.max(n))))
        });
        let Some((low, high)) = ends else { return };
        // A table as long as all the versions, or days, from the first to the last; 0 is one that was not seen yet.
        let mut known =
            vec![0u32; usize::try_from(high.abs_diff(low)).map_or(0, |span| span.min(MOST_KNOWN)) + 1];
        let mut others: BTreeMap<i64, u32> = BTreeMap::new();
        for n in rows {
            let slot = match usize::try_from(n.abs_diff(low)).ok().and_then(|at| known.get_mut(at)) {
                Some(slot) => slot,
                None => others.entry(n).or_default(),
            };
            if *slot == 0 {
                self.names.push(name(n));
                *slot = self.names.len() as u32;
            }
            self.of_row.push(*slot - 1);
        }
    }

    pub(super) fn named(&mut self, column: &Names) {
        let group = |name: &Option<String>| name.clone().map_or(Group::Without, Group::Name);
        self.names = column.names.iter().map(group).collect();
        self.of_row.clone_from(&column.codes);
    }

    pub(super) fn each(&self, row: usize, version: u32, mut f: impl FnMut(usize)) {
        if let Some(of_version) = &self.of_version {
            of_version.get(&version).into_iter().flatten().for_each(|&group| f(group as usize));
        } else if let Some(group) = self.of_row.get(row) {
            match self.of_cell.get(*group as usize) {
                Some(groups) => groups.iter().for_each(|&group| f(group as usize)),
                None => f(*group as usize),
            }
        } else if self.by_source {
            f(0);
        }
    }
}
