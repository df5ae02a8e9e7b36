//! Two runs compared item by item.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::table::Table;
use super::text::{by_width, count, decimals, p_value};
use crate::error::Result;
use crate::model::name::{ItemKey, MetricName};
use crate::model::run::Run;
use crate::model::score::{Direction, ScoreConfig};
use crate::stats::{self, Paired};

/// Two-sided: is there a difference?
const ALPHA: f64 = 0.05;

/// One metric in two runs, paired by item.
///
/// # Formula
/// `diff = mean(b_i − a_i)`; `se` is its standard error over the items, `t = diff ⁄ se` with `df = n − 1`; the
/// interval is `diff ± t(0.975, df) · se`. The paired t-test (statistics, section (a)).
///
/// # Assumptions
/// The items are a sample of what one cares about, and every item is scored in both runs by the same scorer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricComparison {
    /// `ok`, or why there is no test: `insufficient_data`, `zero_variance`.
    pub status: String,
    /// Items scored in both runs.
    pub n: u64,
    /// Items without a score in one of them, or in both.
    pub n_missing: u64,
    /// The mean over the paired items in the first run.
    pub mean_a: Option<f64>,
    /// In the second run.
    pub mean_b: Option<f64>,
    /// The standard deviation between items in the first run.
    pub sd_a: Option<f64>,
    /// In the second run.
    pub sd_b: Option<f64>,
    /// The standard error of the first mean.
    pub se_a: Option<f64>,
    /// Of the second mean.
    pub se_b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
    /// The standard error of the difference.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// The difference over its standard error.
    pub t: Option<f64>,
    /// How often a difference at least so large comes by chance if there is none.
    pub p_value: Option<f64>,
    /// The lower end of the 95 % interval of the difference.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// `b_better`, `b_worse` or `undecided`; the status where there is no test; `not_comparable` where the two runs
    /// took the metric from different scorers.
    pub verdict: String,
    /// Items that the second run scores better.
    pub improved: u64,
    /// Items that both score the same.
    pub unchanged: u64,
    /// Items that the second run scores worse.
    pub regressed: u64,
    /// Which way is better.
    pub direction: Direction,
    /// All that in a sentence.
    pub sentence: String,
}

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
    /// Whether the runs saw different versions of the dataset. Items that differ are not paired.
    pub dataset_changed: bool,
    /// Metrics that the two runs took from different scorers: their figures are not comparable.
    pub scorer_changed: Vec<MetricName>,
    /// Each metric.
    pub metrics: BTreeMap<MetricName, MetricComparison>,
    /// Each item, in the order of the keys.
    pub items: Vec<ItemComparison>,
    /// Each stratum.
    pub strata: BTreeMap<String, StratumComparison>,
    /// What the comparison says, a line per metric.
    pub sentence: String,
}

/// Compares two runs. `strata` maps items to theirs; `configs` holds what metrics declare.
pub(crate) fn compare(
    (run_a, a): (Run, Table),
    (run_b, b): (Run, Table),
    strata: &BTreeMap<ItemKey, String>,
    configs: &BTreeMap<MetricName, ScoreConfig>,
) -> Result<Comparison> {
    let keys: BTreeSet<ItemKey> = a.keys().chain(b.keys()).cloned().collect();
    // An item that was changed between the runs is another item under the same key.
    let comparable = |key: &ItemKey| a.item_id(key).zip(b.item_id(key)).is_none_or(|(a, b)| a == b);
    let names: BTreeSet<MetricName> = a.metrics().into_iter().chain(b.metrics()).collect();
    let scorer_changed: Vec<MetricName> =
        names.iter().filter(|m| run_a.scorer(m) != run_b.scorer(m)).cloned().collect();
    // Items that neither run has a row for are missing as well.
    let unseen = run_a.items.max(run_b.items).saturating_sub(keys.len() as u64);

    let mut items = Vec::with_capacity(keys.len());
    for key in &keys {
        let cell = |table: &Table, metric| if comparable(key) { table.score(key, metric) } else { None };
        let of =
            |table: &Table| names.iter().map(|m| (m.clone(), cell(table, m))).collect::<BTreeMap<_, _>>();
        let (a, b) = (of(&a), of(&b));
        let diff = names.iter().map(|m| (m.clone(), a[m].zip(b[m]).map(|(a, b)| b - a))).collect();
        items.push(ItemComparison { key: key.clone(), stratum: strata.get(key).cloned(), a, b, diff });
    }

    let direction = |metric: &MetricName| configs.get(metric).map(|c| c.direction).unwrap_or_default();
    let compare_all = |items: &[&ItemComparison], unseen: u64| {
        let metric = |m: &MetricName| {
            let compared = compare_metric(items, m, unseen, direction(m))?;
            Ok((m.clone(), if scorer_changed.contains(m) { compared.without_verdict() } else { compared }))
        };
        names.iter().map(metric).collect::<Result<BTreeMap<_, _>>>()
    };
    let metrics = compare_all(&items.iter().collect::<Vec<_>>(), unseen)?;
    let mut groups: BTreeMap<String, Vec<&ItemComparison>> = BTreeMap::new();
    for item in &items {
        if let Some(stratum) = &item.stratum {
            groups.entry(stratum.clone()).or_default().push(item);
        }
    }
    let within = |(stratum, items): (String, Vec<&ItemComparison>)| {
        Ok((stratum, StratumComparison { metrics: compare_all(&items, 0)? }))
    };
    let strata = groups.into_iter().map(within).collect::<Result<_>>()?;
    let lines = metrics.iter().map(|(name, metric)| format!("{name}: {}", metric.sentence));
    let sentence = lines.collect::<Vec<_>>().join("\n");
    let dataset_changed = run_a.dataset_root != run_b.dataset_root;
    Ok(Comparison { run_a, run_b, dataset_changed, scorer_changed, metrics, items, strata, sentence })
}

impl MetricComparison {
    /// Scores of two judges are two different things: the figures stay, and say nothing.
    fn without_verdict(mut self) -> MetricComparison {
        self.verdict = "not_comparable".to_owned();
        self.sentence = "No verdict: the two runs took this metric from different scorers, so their scores are not comparable. Score both with one.".to_owned();
        self
    }
}

fn compare_metric(
    items: &[&ItemComparison],
    metric: &MetricName,
    unseen: u64,
    direction: Direction,
) -> Result<MetricComparison> {
    let pairs: Vec<(f64, f64)> = items.iter().filter_map(|i| i.a[metric].zip(i.b[metric])).collect();
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let better = |(a, b): &&(f64, f64)| if direction == Direction::Higher { b > a } else { b < a };
    let improved = pairs.iter().filter(better).count() as u64;
    let unchanged = pairs.iter().filter(|(a, b)| a == b).count() as u64;
    let regressed = pairs.len() as u64 - improved - unchanged;
    let test = stats::paired(&a, &b, ALPHA)?;
    let verdict = verdict(&test, direction);
    let sentence = sentence(&test, verdict, [improved, regressed, unchanged]);
    Ok(MetricComparison {
        status: test.status.as_str().to_owned(),
        n: pairs.len() as u64,
        n_missing: (items.len() - pairs.len()) as u64 + unseen,
        mean_a: test.mean_a,
        mean_b: test.mean_b,
        sd_a: test.sd_a,
        sd_b: test.sd_b,
        se_a: test.se_a,
        se_b: test.se_b,
        diff: test.diff,
        se: test.se,
        df: test.df,
        t: test.t,
        p_value: test.p_value,
        ci_low: test.ci_low,
        ci_high: test.ci_high,
        verdict: verdict.to_owned(),
        improved,
        unchanged,
        regressed,
        direction,
        sentence,
    })
}

fn verdict(test: &Paired, direction: Direction) -> &'static str {
    let (Some(low), Some(high)) = (test.ci_low, test.ci_high) else { return test.status.as_str() };
    let (low, high) = if direction == Direction::Higher { (low, high) } else { (-high, -low) };
    if low > 0.0 {
        "b_better"
    } else if high < 0.0 {
        "b_worse"
    } else {
        "undecided"
    }
}

fn sentence(test: &Paired, verdict: &str, [improved, regressed, unchanged]: [u64; 3]) -> String {
    let n = test.n as u64;
    let moved =
        format!("{} got better, {regressed} worse, {unchanged} stayed.", count(improved, "item", "items"));
    let (Some(diff), Some(a), Some(b)) = (test.diff, test.mean_a, test.mean_b) else {
        return "Not compared: no item is scored in both runs as the same item.".to_owned();
    };
    let (Some(low), Some(high), Some(p)) = (test.ci_low, test.ci_high, test.p_value) else {
        let what = if n < 2 { "one item is no comparison" } else { "every item moved by the same amount" };
        return format!(
            "On the same {} B scores {diff:+.3} points; {what}. {moved}",
            count(n, "item", "items")
        );
    };
    let half = (high - low) / 2.0;
    let places = decimals(half);
    let head = match verdict {
        "b_better" => "B is better.",
        "b_worse" => "B is worse.",
        _ => "Undecided.",
    };
    format!(
        "{head} On the same {n} items B scores {} points (95% CI {} to {}, {}): {a:.places$} became {b:.places$}. {moved}",
        by_width(diff, half),
        by_width(low, half),
        by_width(high, half),
        p_value(p),
    )
}
