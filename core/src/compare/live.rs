//! Production at a glance: one metric over the traces of a prompt, whole and by group.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::name::{Label, MetricName, PromptName};
use crate::model::score::{Direction, ScoreConfig, ScoreValue};
use crate::model::trace::{Figure, ScoreSource, TraceFacts};
use crate::stats;

/// Bins of a histogram.
const BINS: usize = 20;
const ALPHA: f64 = 0.05;

/// What traces are grouped by.
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
    /// What the groups are made by.
    pub by: Option<GroupBy>,
    /// All of them together.
    #[serde(flatten)]
    pub figures: LiveFigures,
    /// The groups, in their order; empty if none were asked for.
    pub groups: Vec<LiveGroup>,
}

/// What is asked about which metric.
pub(crate) struct Question {
    pub(crate) prompt: PromptName,
    pub(crate) metric: MetricName,
    pub(crate) config: Option<ScoreConfig>,
    pub(crate) source: Option<ScoreSource>,
    pub(crate) by: Option<GroupBy>,
    /// The prompt's labels and the versions they point to now.
    pub(crate) labels: BTreeMap<Label, u32>,
}

/// A trace, and what counts of the metric on it.
pub(crate) struct Observed {
    pub(crate) facts: TraceFacts,
    pub(crate) scores: BTreeMap<ScoreSource, ScoreValue>,
}

/// The traces of a group, before they become figures.
#[derive(Default)]
struct Pile {
    traces: u64,
    n: u64,
    missing: u64,
    values: Vec<f64>,
    categories: BTreeMap<String, u64>,
}

impl Pile {
    fn add(&mut self, seen: &Observed, figure: Option<Figure>, from: Option<ScoreSource>) {
        self.traces += 1;
        if let Some(figure) = figure {
            return match seen.facts.figure(figure) {
                Some(value) => self.value(value),
                None => self.missing += 1,
            };
        }
        let scores = seen.scores.iter().filter(|(source, _)| from.is_none_or(|from| from == **source));
        let scores: Vec<&ScoreValue> = scores.map(|(_, score)| score).collect();
        let mut named = false;
        for score in &scores {
            if let ScoreValue::Category(name) = score {
                *self.categories.entry(name.clone()).or_default() += 1;
                named = true;
            }
        }
        let numbers: Vec<Option<f64>> = scores.iter().map(|score| score.as_number()).collect();
        match stats::mean_of_repeats(&numbers) {
            Some(value) => self.value(value),
            None if named => self.n += 1,
            None if !scores.is_empty() => self.missing += 1,
            None => {}
        }
    }

    fn value(&mut self, value: f64) {
        self.n += 1;
        self.values.push(value);
    }

    fn range(&self) -> Option<(f64, f64)> {
        let low = self.values.iter().copied().reduce(f64::min)?;
        Some((low, self.values.iter().copied().fold(low, f64::max)))
    }

    fn figures(mut self, range: Option<(f64, f64, bool)>) -> Result<LiveFigures> {
        let moments = stats::mean_sd(&self.values);
        // The one-sample interval is the paired one against zeros.
        let interval = stats::paired(&vec![0.0; self.values.len()], &self.values, ALPHA)?;
        self.values.sort_by(f64::total_cmp);
        let values = self.values;
        let quantile = |q: f64| stats::quantile(&values, q);
        let histogram = range.filter(|_| !values.is_empty()).map(|(low, high, declared)| {
            let mut counts = vec![0; BINS];
            for value in &values {
                let share = if high > low { (value - low) / (high - low) } else { 0.0 };
                counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
            }
            Histogram { low, high, declared, counts }
        });
        Ok(LiveFigures {
            traces: self.traces,
            n: self.n,
            missing: self.missing,
            mean: moments.as_ref().map(|m| m.mean),
            sd: moments.as_ref().and_then(|m| m.sd),
            se: moments.as_ref().and_then(|m| m.se),
            ci_low: interval.ci_low,
            ci_high: interval.ci_high,
            min: values.first().copied(),
            p10: quantile(0.1)?,
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            max: values.last().copied(),
            histogram,
            categories: self.categories,
        })
    }
}

impl Question {
    /// The groups that a trace is in, each with the source whose scores count there.
    fn groups(&self, seen: &Observed) -> Vec<(Group, Option<ScoreSource>)> {
        let facts = &seen.facts;
        let named = |name: &Option<String>| name.clone().map_or(Group::Without, Group::Name);
        let one = |group: Group| vec![(group, self.source)];
        match self.by {
            None => Vec::new(),
            Some(GroupBy::Version) => one(Group::Version(facts.version)),
            // RFC 3339 begins with the day.
            Some(GroupBy::Day) => one(Group::Name(facts.at.to_string().chars().take(10).collect())),
            Some(GroupBy::Variant) => one(named(&facts.variant)),
            Some(GroupBy::Stratum) => one(named(&facts.stratum)),
            Some(GroupBy::Label) => {
                let labels = self.labels.iter().filter(|(_, version)| **version == facts.version);
                labels.map(|(label, _)| (Group::Name(label.to_string()), self.source)).collect()
            }
            Some(GroupBy::Source) => {
                let sources =
                    seen.scores.keys().filter(|source| self.source.is_none_or(|only| only == **source));
                sources.map(|source| (Group::Name(source.as_str().to_owned()), Some(*source))).collect()
            }
        }
    }
}

/// Summarises a metric over traces.
pub(crate) fn summarise(question: Question, traces: &[Observed]) -> Result<LiveSummary> {
    let figure = Figure::of(question.metric.as_str());
    let mut all = Pile::default();
    let mut groups: BTreeMap<Group, Pile> = BTreeMap::new();
    if question.by == Some(GroupBy::Label) {
        // A label whose version nobody called yet is an answer too.
        groups.extend(question.labels.keys().map(|label| (Group::Name(label.to_string()), Pile::default())));
    }
    for seen in traces {
        all.add(seen, figure, question.source);
        for (group, source) in question.groups(seen) {
            groups.entry(group).or_default().add(seen, figure, source);
        }
    }
    // A source alone may lie outside of what the sources' means span.
    let observed = std::iter::once(&all).chain(groups.values()).filter_map(Pile::range);
    let observed = observed.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let declared = question.config.as_ref().and_then(ScoreConfig::range);
    // Scores may be older than the declaration: then what it says can't hold all of them.
    let declared = declared.filter(|(low, high)| observed.is_none_or(|(a, b)| *low <= a && b <= *high));
    let range = match declared {
        Some((low, high)) => Some((low, high, true)),
        None => observed.map(|(low, high)| (low, high, false)),
    };
    let groups = groups
        .into_iter()
        .map(|(group, pile)| Ok(LiveGroup { group, figures: pile.figures(range)? }))
        .collect::<Result<_>>()?;
    Ok(LiveSummary {
        figures: all.figures(range)?,
        groups,
        direction: question.config.map(|config| config.direction),
        prompt: question.prompt,
        metric: question.metric,
        source: question.source,
        by: question.by,
    })
}
