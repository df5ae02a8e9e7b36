//! Traces are put on piles, one a group, and piles become figures.

use std::collections::BTreeMap;

use super::{ALPHA, BINS, Group, GroupBy, Histogram, LiveFigures, Question};
use crate::error::Result;
use crate::model::trace::ScoreSource;
use crate::stats;
use crate::traces::{Live, Mark, Names};

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

    pub(super) fn figures(self, range: Option<(f64, f64, bool)>, names: &[String]) -> Result<LiveFigures> {
        let values = self.values;
        let moments = stats::mean_sd(&values);
        let interval = moments.as_ref().and_then(|m| stats::mean_interval(&values, m, ALPHA));
        let quantile = |q: f64| stats::quantile_of_sorted(&values, q);
        let histogram = range.filter(|_| !values.is_empty()).map(|(low, high, declared)| {
            let mut counts = vec![0; BINS];
            for value in &values {
                let share = if high > low { (value - low) / (high - low) } else { 0.0 };
                counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
            }
            Histogram { low, high, declared, counts }
        });
        let categories = self
            .categories
            .into_iter()
            .filter_map(|(code, count)| Some((names.get(code as usize)?.clone(), count)));
        Ok(LiveFigures {
            traces: self.traces,
            n: self.n,
            missing: self.missing,
            mean: moments.as_ref().map(|m| m.mean),
            sd: moments.as_ref().and_then(|m| m.sd),
            se: moments.as_ref().and_then(|m| m.se),
            ci_low: interval.map(|(low, _)| low),
            ci_high: interval.map(|(_, high)| high),
            min: values.first().copied(),
            p10: quantile(0.1),
            p50: quantile(0.5),
            p90: quantile(0.9),
            max: values.last().copied(),
            histogram,
            categories: categories.collect(),
        })
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
            GroupBy::Version => groups.number(&live.versions, |&version| Group::Version(version)),
            GroupBy::Day => groups.number(&live.days, |&day| Group::Name(Live::day(day))),
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

    /// Whether every trace is in exactly one of them.
    pub(super) fn partition(&self) -> bool {
        !self.of_row.is_empty() && self.of_cell.is_empty() && !self.by_source
    }

    pub(super) fn number<T: Ord>(&mut self, rows: &[T], name: impl Fn(&T) -> Group) {
        let mut known: BTreeMap<&T, u32> = BTreeMap::new();
        let mut last: Option<(&T, u32)> = None;
        for value in rows {
            let code = match last {
                Some((same, code)) if same == value => code,
                _ => *known.entry(value).or_insert_with(|| {
                    self.names.push(name(value));
                    self.names.len() as u32 - 1
                }),
            };
            last = Some((value, code));
            self.of_row.push(code);
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
