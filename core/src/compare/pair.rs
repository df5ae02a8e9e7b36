//! Two runs compared item by item.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::column::Column;
use super::figure::{self, FigureComparison};
use super::metric::{self, About, MetricComparison, Role};
use super::noise::{self, NoiseRun};
use super::options::{self, CompareOptions, Question};
use super::table::Table;
use super::verdict::Family;
use crate::error::{Error, Result};
use crate::model::dataset::Item;
use crate::model::id::{ContentId, RunId};
use crate::model::name::{ItemKey, MetricName};
use crate::model::run::{Row, Run};
use crate::model::score::ScoreConfig;
use crate::stats;
use crate::stats::display::counted;

/// One item in two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ItemComparison {
    /// The item.
    pub key: ItemKey,
    /// Its stratum.
    pub stratum: Option<String>,
    /// Scores of the first run by metric.
    pub a: BTreeMap<MetricName, Option<f64>>,
    /// Scores of the second run.
    pub b: BTreeMap<MetricName, Option<f64>>,
    /// The second minus the first.
    pub diff: BTreeMap<MetricName, Option<f64>>,
}

/// One stratum in two runs. Not a verdict: look here for what to test next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StratumComparison {
    /// Each metric within the stratum.
    pub metrics: BTreeMap<MetricName, MetricComparison>,
}

/// Two runs compared, paired by item.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The first run: what is there.
    pub run_a: Run,
    /// The second run: what might come.
    pub run_b: Run,
    /// The chance of a false alarm that intervals and verdicts are made with.
    pub alpha: f64,
    /// What says which items belong together, if that was asked for.
    pub cluster: Option<String>,
    /// Whether the runs saw different versions of the dataset. Items that differ are not paired.
    pub dataset_changed: bool,
    /// How many items differ: they are new, gone or changed.
    pub items_changed: u64,
    /// Metrics that the two runs took from different scorers: their figures are not comparable.
    pub scorer_changed: Vec<MetricName>,
    /// More runs that the noise floor was taken from.
    pub noise: Vec<RunId>,
    /// Each metric that either run scores with numbers or true and false.
    pub metrics: BTreeMap<MetricName, MetricComparison>,
    /// `latency_ms`, `cost_usd`, `tokens_in` and `tokens_out`, as far as rows carry them. Not a verdict.
    pub figures: BTreeMap<String, FigureComparison>,
    /// Each item that either run has a row of.
    pub items: Vec<ItemComparison>,
    /// The same within each stratum.
    pub strata: BTreeMap<String, StratumComparison>,
    /// What the metrics say, a line each.
    pub sentence: String,
}

/// All that a comparison is made of.
pub(crate) struct Evidence {
    pub(crate) a: NoiseRun,
    pub(crate) b: NoiseRun,
    pub(crate) noise: Vec<NoiseRun>,
    /// What the first run's dataset version holds.
    pub(crate) before: BTreeMap<ItemKey, ContentId>,
    /// The items of the second run's dataset version.
    pub(crate) items: Vec<Item>,
    /// What metrics declare.
    pub(crate) configs: BTreeMap<MetricName, ScoreConfig>,
}

/// An item that is the same in both runs, with its cluster.
type Same<'e> = (&'e ItemKey, Option<&'e String>);

/// Compares two runs.
pub(crate) fn compare(mut evidence: Evidence, options: &CompareOptions) -> Result<Comparison> {
    noise::check(&evidence.a.0, &evidence.b.0, &evidence.noise)?;
    let seen: BTreeSet<ItemKey> = evidence.a.1.keys().chain(evidence.b.1.keys()).cloned().collect();
    // An item that was changed between the runs is another item under the same key.
    let is_same = |item: &Item| evidence.before.get(&item.key) == Some(&item.id);
    let same: BTreeMap<ItemKey, ContentId> =
        evidence.items.iter().filter(|item| is_same(item)).map(|item| (item.key.clone(), item.id)).collect();
    let changed = (evidence.before.len() + evidence.items.len() - 2 * same.len()) as u64
        - evidence
            .items
            .iter()
            .filter(|item| !is_same(item) && evidence.before.contains_key(&item.key))
            .count() as u64;
    let metrics_of = |(_, table): &NoiseRun| table.metrics();
    let names: BTreeSet<MetricName> =
        metrics_of(&evidence.a).into_iter().chain(metrics_of(&evidence.b)).collect();
    for (_, table) in [&mut evidence.a, &mut evidence.b].into_iter().chain(&mut evidence.noise) {
        table.keep(&same);
    }
    let Evidence { a, b, noise, items, .. } = &evidence;
    let tables = (&a.1, &b.1);
    let question = options::question(options, &names)?;
    let clusters = clusters(items, options.cluster.as_deref())?;
    let all: Vec<Same<'_>> =
        same.keys().map(|key| (key, clusters.as_ref().and_then(|of| of.get(key)))).collect();

    let about = |metric: &MetricName, role: Role| about(metric, role, &evidence, &question, changed);
    let mut metrics = BTreeMap::new();
    for name in &names {
        let role = if question.primary.contains(name) { Role::Primary } else { Role::Secondary };
        let column = Column::of(&all, tables, |row| score(row, name));
        let groups = noise::groups(name, (a, b), noise);
        let keys: Vec<&ItemKey> = same.keys().collect();
        let found = metric::compare(&column, &about(name, role), question.alpha, |complete, diff| {
            noise::floor(name, complete, &keys, &groups, diff, question.alpha)
        })?;
        metrics.insert(name.clone(), found);
    }
    let scorer_changed: Vec<MetricName> =
        names.iter().filter(|m| a.0.scorer(m) != b.0.scorer(m)).cloned().collect();
    adjust(&mut metrics, &scorer_changed, question.alpha)?;

    let strata_of: BTreeMap<&ItemKey, &String> =
        items.iter().filter_map(|item| Some((&item.key, item.stratum.as_ref()?))).collect();
    let strata = strata(&all, &strata_of, &names, tables, |m| about(m, Role::Exploratory), &question)?;
    let figures = figure::compare(&all, tables, changed, question.alpha)?;
    let cells = seen.into_iter().map(|key| cells(key, &strata_of, &names, tables)).collect();
    let dataset_changed = a.0.dataset_root != b.0.dataset_root;
    let mut lines = Vec::new();
    if dataset_changed {
        lines.push(format!(
            "The dataset changed between the runs (version {} and {}): {} not paired.",
            a.0.dataset_version,
            b.0.dataset_version,
            counted(changed, "item differs and is", "items differ and are"),
        ));
    }
    lines.extend(metrics.iter().map(|(name, metric)| format!("{name}: {}", metric.sentence)));
    Ok(Comparison {
        run_a: a.0.clone(),
        run_b: b.0.clone(),
        alpha: question.alpha,
        cluster: options.cluster.clone(),
        dataset_changed,
        items_changed: changed,
        scorer_changed,
        noise: options.noise.clone(),
        metrics,
        figures,
        items: cells,
        strata,
        sentence: lines.join("\n"),
    })
}

fn score(row: &Row, metric: &MetricName) -> Option<f64> {
    row.scores.get(metric).and_then(|score| score.as_number())
}

fn about(metric: &MetricName, role: Role, evidence: &Evidence, question: &Question, changed: u64) -> About {
    let ((run_a, a), (run_b, b)) = (&evidence.a, &evidence.b);
    let config = evidence.configs.get(metric);
    let boolean = a.all_boolean(metric) && b.all_boolean(metric);
    About {
        role,
        direction: config.map(|config| config.direction).unwrap_or_default(),
        margin: question.margin.get(metric).copied(),
        range: config.and_then(ScoreConfig::range).or(boolean.then_some((0.0, 1.0))),
        boolean,
        same_scorer: run_a.scorer(metric) == run_b.scorer(metric),
        errors: (a.errors_without(metric), b.errors_without(metric)),
        changed,
    }
}

/// Holm over the metrics of each role, and then the verdicts.
fn adjust(
    metrics: &mut BTreeMap<MetricName, MetricComparison>,
    scorer_changed: &[MetricName],
    alpha: f64,
) -> Result<()> {
    for role in [Role::Primary, Role::Secondary] {
        let of_role = || metrics.values().filter(|metric| metric.role == role);
        let p: Vec<f64> = of_role().filter_map(|metric| metric.p_value).collect();
        let adjusted = stats::holm(&p, alpha)?;
        let mut next = adjusted.p.into_iter().zip(adjusted.reject);
        let family = Family { size: p.len(), alpha };
        for (name, metric) in metrics.iter_mut().filter(|(_, metric)| metric.role == role) {
            let found = metric.p_value.and_then(|_| next.next());
            metric.p_holm = found.map(|(p, _)| p);
            let claimed = found.is_some_and(|(_, reject)| reject);
            metric.conclude(!scorer_changed.contains(name), claimed, &family);
        }
    }
    Ok(())
}

fn strata(
    all: &[Same<'_>],
    strata_of: &BTreeMap<&ItemKey, &String>,
    names: &BTreeSet<MetricName>,
    tables: (&Table, &Table),
    about: impl Fn(&MetricName) -> About,
    question: &Question,
) -> Result<BTreeMap<String, StratumComparison>> {
    let mut groups: BTreeMap<&String, Vec<Same<'_>>> = BTreeMap::new();
    for item in all {
        if let Some(stratum) = strata_of.get(item.0) {
            groups.entry(stratum).or_default().push(*item);
        }
    }
    let mut strata: BTreeMap<String, StratumComparison> = groups
        .keys()
        .map(|stratum| ((*stratum).clone(), StratumComparison { metrics: BTreeMap::new() }))
        .collect();
    for name in names {
        // Rows with errors are counted over the whole run, and changed items are in no stratum.
        let about = About { changed: 0, margin: None, ..about(name) };
        let mut within = Vec::with_capacity(groups.len());
        for items in groups.values() {
            let column = Column::of(items, tables, |row| score(row, name));
            let keys = items.iter().map(|(key, _)| *key);
            let errors = (tables.0.errors_of(keys.clone(), name), tables.1.errors_of(keys, name));
            let about = About { errors, ..about };
            within.push(metric::compare(&column, &about, question.alpha, |_, _| Ok(None))?);
        }
        let p: Vec<f64> = within.iter().filter_map(|metric| metric.p_value).collect();
        let mut adjusted = stats::benjamini_hochberg(&p, question.alpha)?.p.into_iter();
        let family = Family { size: 1, alpha: question.alpha };
        for (metric, stratum) in within.into_iter().zip(strata.values_mut()) {
            let p_bh = metric.p_value.and_then(|_| adjusted.next());
            let mut metric = MetricComparison { p_bh, ..metric };
            metric.conclude(about.same_scorer, false, &family);
            stratum.metrics.insert(name.clone(), metric);
        }
    }
    Ok(strata)
}

/// The cluster of each item that names one; `None` if clusters were not asked for.
fn clusters(items: &[Item], by: Option<&str>) -> Result<Option<BTreeMap<ItemKey, String>>> {
    let Some(by) = by else { return Ok(None) };
    let in_metadata =
        |item: &Item| item.metadata.get(by).filter(|value| !value.is_null()).map(Value::to_string);
    let own = |item: &Item| match by {
        "stratum" => item.stratum.clone(),
        "source_trace" => item.source_trace.clone(),
        _ => None,
    };
    let mut of: BTreeMap<ItemKey, Option<String>> =
        items.iter().map(|item| (item.key.clone(), in_metadata(item))).collect();
    if of.values().all(Option::is_none) {
        of = items.iter().map(|item| (item.key.clone(), own(item))).collect();
    }
    if of.values().all(Option::is_none) {
        let reason =
            format!("no item of the dataset has `{by}` in its metadata; it says which items belong together");
        return Err(Error::InvalidArgument { argument: "cluster".to_owned(), reason });
    }
    // The first letter keeps an item that names no cluster, and is one by itself, apart from a cluster of that name.
    let name = |(key, value): (ItemKey, Option<String>)| {
        let name = value.map_or_else(|| format!("i{key}"), |value| format!("c{value}"));
        (key, name)
    };
    Ok(Some(of.into_iter().map(name).collect()))
}

fn cells(
    key: ItemKey,
    strata: &BTreeMap<&ItemKey, &String>,
    names: &BTreeSet<MetricName>,
    (a, b): (&Table, &Table),
) -> ItemComparison {
    let of = |table: &Table| -> BTreeMap<MetricName, Option<f64>> {
        names.iter().map(|m| (m.clone(), table.score(&key, m))).collect()
    };
    let (a, b) = (of(a), of(b));
    let diff = names.iter().map(|m| (m.clone(), a[m].zip(b[m]).map(|(a, b)| b - a))).collect();
    ItemComparison { stratum: strata.get(&key).map(|stratum| (*stratum).clone()), a, b, diff, key }
}
