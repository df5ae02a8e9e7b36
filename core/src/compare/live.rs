//! Production at a glance: one metric over the traces of a prompt, whole and by group.

mod many;
mod pile;
mod several;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::model::name::{Label, MetricName, PromptName};
use crate::model::score::{Direction, ScoreConfig};
use crate::model::trace::{Figure, ScoreSource};
use crate::stats;
use crate::traces::{Live, Marks, Needs};

pub(crate) use many::summarise_all;
use pile::{Groups, Pile, Scale, Unit, unit};

/// Bins of a histogram.
const BINS: usize = 20;
const ALPHA: f64 = 0.05;

/// What traces are grouped by: one of these, or several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GroupBy {
    /// The version that was called.
    Version,
    /// The day of the call, in UTC.
    Day,
    /// The labels that point to the version NOW, whatever they pointed to when the call was made.
    Label,
    /// The experiment's variant.
    Variant,
    /// Difficulty or query type.
    Stratum,
    /// Where the scores come from: a trace is in the group of each source that scored it.
    Source,
}

impl GroupBy {
    /// Its name, as verbs take it.
    pub const fn as_str(self) -> &'static str {
        match self {
            GroupBy::Version => "version",
            GroupBy::Day => "day",
            GroupBy::Label => "label",
            GroupBy::Variant => "variant",
            GroupBy::Stratum => "stratum",
            GroupBy::Source => "source",
        }
    }
}

impl std::str::FromStr for GroupBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<GroupBy> {
        Ok(match text {
            "version" => GroupBy::Version,
            "day" => GroupBy::Day,
            "label" => GroupBy::Label,
            "variant" => GroupBy::Variant,
            "stratum" => GroupBy::Stratum,
            "source" => GroupBy::Source,
            _ => {
                let reason = format!("by is version, day, label, variant, stratum or source, not `{text}`");
                return Err(Error::InvalidArgument { argument: "by".to_owned(), reason });
            }
        })
    }
}

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Group {
    /// The traces that have no variant, or no stratum.
    Without,
    /// A version's number.
    Version(u32),
    /// A day (`2026-11-23`), a label, a variant, a stratum, a source.
    Name(String),
    /// By several at once: the name by each of them, in the order that was asked for.
    Several(Vec<Group>),
}

/// How often values fall into each of 20 bins of equal width; the last one includes its upper end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Histogram {
    /// Where the first bin begins.
    pub low: f64,
    /// Where the last bin ends.
    pub high: f64,
    /// Whether this is the range that the metric declares. If not, it is what was observed over all groups.
    pub declared: bool,
    /// The bins.
    pub counts: Vec<u64>,
}

/// One metric over some traces.
///
/// # Shapes and units
/// The unit is the trace: a trace's value is the mean over its sources of each source's newest score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveFigures {
    /// How many traces there are, with a value and without.
    pub traces: u64,
    /// Traces with a value.
    pub n: u64,
    /// Traces whose score could not be read; of a figure such as `latency_ms`, traces that don't carry it. The
    /// others (`traces` less both) were never scored.
    pub missing: u64,
    /// The mean.
    pub mean: Option<f64>,
    /// The standard deviation between traces; none below two.
    pub sd: Option<f64>,
    /// The standard error of the mean.
    pub se: Option<f64>,
    /// The lower end of the 95 % interval of the mean (Student's t); none below two values, or if all are equal.
    pub ci_low: Option<f64>,
    /// The upper end of it.
    pub ci_high: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The 10 % quantile (type 7).
    pub p10: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90 % quantile.
    pub p90: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// How the values are spread; none without a value.
    pub histogram: Option<Histogram>,
    /// Of a categorical metric: how many scores each category has, one per trace and source.
    pub categories: BTreeMap<String, u64>,
}

/// One metric over the traces of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveGroup {
    /// Which group.
    pub group: Group,
    /// Its figures.
    #[serde(flatten)]
    pub figures: LiveFigures,
}

/// One metric in production: over all the traces that were asked for, and by group.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveSummary {
    /// The prompt.
    pub prompt: PromptName,
    /// The metric.
    pub metric: MetricName,
    /// Which way it is better, if it declares that.
    pub direction: Option<Direction>,
    /// The source whose scores alone were read, if one was named.
    pub source: Option<ScoreSource>,
    /// What the groups are made by, in the order that was asked for. As JSON null, one name, or a list of several.
    #[serde(serialize_with = "none_one_or_several")]
    pub by: Vec<GroupBy>,
    /// All of them together.
    #[serde(flatten)]
    pub figures: LiveFigures,
    /// The groups, in their order; empty if none were asked for.
    pub groups: Vec<LiveGroup>,
}

/// What is asked about which metric.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) prompt: PromptName,
    pub(crate) metric: MetricName,
    pub(crate) config: Option<ScoreConfig>,
    pub(crate) source: Option<ScoreSource>,
    pub(crate) by: Vec<GroupBy>,
    /// The prompt's labels and the versions they point to now.
    pub(crate) labels: BTreeMap<Label, u32>,
}

impl Question {
    /// What has to be read of the calls.
    pub(crate) fn needs(&self) -> Needs {
        Needs {
            at: self.by.contains(&GroupBy::Day),
            experiments: false,
            variants: self.by.contains(&GroupBy::Variant),
            strata: self.by.contains(&GroupBy::Stratum),
            figures: Figure::of(self.metric.as_str()).is_some(),
        }
    }

    /// What the histogram spans: what the metric declares, or what was observed.
    fn scale(&self, observed: Option<(f64, f64)>) -> Option<Scale> {
        let declared = self.config.as_ref().and_then(ScoreConfig::range);
        // Scores may be older than the declaration: then what it says can't hold all of them.
        let declared = declared.filter(|(low, high)| observed.is_none_or(|(a, b)| *low <= a && b <= *high));
        match declared {
            Some((low, high)) => Some(Scale { low, high, declared: true }),
            None => observed.map(|(low, high)| Scale { low, high, declared: false }),
        }
    }
}

/// One grouping is what it was before there could be several.
fn none_one_or_several<S: Serializer>(by: &[GroupBy], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match by {
        [] => serializer.serialize_none(),
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}

/// What each trace counts as; not a number where that is none.
pub(crate) fn values(live: &Live, marks: &Marks) -> Vec<f64> {
    let mut values = vec![f64::NAN; live.rows()];
    let mut next = 0;
    while let Some(&row) = marks.rows.get(next) {
        let from = next;
        next += marks.rows[from..].iter().take_while(|&&of| of == row).count();
        if let (Unit::Value(value), Some(slot)) =
            (unit(&marks.values[from..next]), values.get_mut(row as usize))
        {
            *slot = value;
        }
    }
    values
}

/// Summarises a metric over traces. Without marks it is a figure that the traces carry.
fn summarise(question: Question, live: &Live, groups: &Groups, marks: Option<&Marks>) -> Result<LiveSummary> {
    let mut all = Pile::default();
    let mut piles: Vec<Pile> = groups.names.iter().map(|_| Pile::default()).collect();
    match (marks, Figure::of(question.metric.as_str())) {
        (Some(marks), _) => pile_marks(&question, live, marks, groups, &mut all, &mut piles),
        (None, Some(figure)) => {
            for (row, value) in live.figure(figure).iter().enumerate() {
                let unit = if value.is_nan() { Unit::Missing } else { Unit::Value(*value) };
                all.count(unit);
                if !groups.partition() {
                    all.keep(unit);
                }
                groups.each(row, live.versions[row], |group| piles[group].add(unit));
            }
        }
        (None, None) => {}
    }
    piles.iter_mut().for_each(Pile::sort);
    if groups.partition() {
        all.values.reserve_exact(piles.iter().map(|pile| pile.values.len()).sum());
        piles.iter().for_each(|pile| all.values.extend_from_slice(&pile.values));
    }
    all.sort();
    // A source alone may lie outside of what the sources' means span.
    let observed = std::iter::once(&all).chain(&piles).filter_map(Pile::range);
    let observed = observed.reduce(stats::wider);
    let scale = question.scale(observed);
    let names = marks.map_or(&[][..], |marks| &marks.categories);
    let keep_empty = question.by == [GroupBy::Label];
    let mut made = Vec::new();
    for (group, pile) in groups.names.iter().zip(piles) {
        if pile.traces > 0 || keep_empty {
            made.push(LiveGroup { group: group.clone(), figures: pile.figures(scale, names)? });
        }
    }
    made.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(LiveSummary {
        figures: all.figures(scale, names)?,
        groups: made,
        direction: question.config.map(|config| config.direction),
        prompt: question.prompt,
        metric: question.metric,
        source: question.source,
        by: question.by,
    })
}

fn pile_marks(
    question: &Question,
    live: &Live,
    marks: &Marks,
    groups: &Groups,
    all: &mut Pile,
    piles: &mut [Pile],
) {
    let wanted = |source: ScoreSource| question.source.is_none_or(|only| only == source);
    let whole = marks.sources.iter().all(|&source| wanted(source));
    let (mut next, mut chosen) = (0, Vec::new());
    for (row, &version) in live.versions.iter().enumerate() {
        let from = next;
        while marks.rows.get(next).is_some_and(|&of| of as usize == row) {
            next += 1;
        }
        let mut of_row = &marks.values[from..next];
        if !whole {
            chosen.clear();
            let sources = marks.sources[from..next].iter().zip(of_row);
            chosen.extend(sources.filter(|(source, _)| wanted(**source)).map(|(_, mark)| *mark));
            of_row = &chosen;
        }
        let unit = unit(of_row);
        all.count(unit);
        if !groups.partition() {
            all.keep(unit);
        }
        all.name(of_row);
        if groups.by_source {
            for (source, mark) in marks.sources[from..next].iter().zip(&marks.values[from..next]) {
                if wanted(*source) {
                    groups.each(row, version, |group| {
                        let pile = &mut piles[group * ScoreSource::ALL.len() + *source as usize];
                        pile.add(self::unit(std::slice::from_ref(mark)));
                        pile.name(std::slice::from_ref(mark));
                    });
                }
            }
        } else {
            groups.each(row, version, |group| {
                piles[group].add(unit);
                piles[group].name(of_row);
            });
        }
    }
}
