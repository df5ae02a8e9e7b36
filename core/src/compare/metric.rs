//! One metric in two runs.

use serde::Serialize;

use super::column::{Column, Pair};
use super::missing::{WorstCase, worst_case};
use super::noise::NoiseFloor;
use super::verdict::{self, Family};
use crate::error::Result;
use crate::model::name::ItemKey;
use crate::model::score::Direction;
use crate::stats;

/// So many of the worst items are named.
const WORST: usize = 10;
/// The chance that a difference of the size `mde` is seen.
const POWER: f64 = 0.8;

/// What a metric is in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// It decides; p-values of all primary metrics are adjusted together.
    Primary,
    /// It is looked at besides; adjusted with the other secondary metrics.
    Secondary,
    /// A place to look next, never a verdict.
    Exploratory,
}

/// An item that the second run scores worse.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RegressedItem {
    /// The item.
    pub key: ItemKey,
    /// Its score in the first run.
    pub a: f64,
    /// In the second run.
    pub b: f64,
    /// The second minus the first.
    pub diff: f64,
}

/// A pass/fail metric on the same items: exact, where the t-test is an approximation.
///
/// # Formula
/// p = min(1, 2·P(Bin(b+c, ½) ≤ min(b, c))) with b passed in A only and c in B only; the interval is Bonett and
/// Price's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct McNemar {
    /// Items that passed in the first run only.
    pub only_a: u64,
    /// Items that passed in the second run only.
    pub only_b: u64,
    /// Rate of the second minus rate of the first.
    pub diff: f64,
    /// The exact two-sided p-value; 1 if no item changed.
    pub p_value: f64,
    /// The same with half the probability of what was seen (mid-p).
    pub p_mid: f64,
    /// The lower end of the interval of `diff`.
    pub ci_low: f64,
    /// The upper end.
    pub ci_high: f64,
}

/// One metric in two runs, paired by item.
///
/// # Formula
/// `diff = mean(b_i − a_i)`; `se` is its standard error over the items, `t = diff ⁄ se` with `df = n − 1`; the
/// interval is `diff ± t(1 − alpha⁄2, df) · se`. The paired t-test (statistics, section (a)); of clusters CR2 with
/// Bell-McCaffrey df.
///
/// # Assumptions
/// The items (or clusters) are a sample of what one cares about, and every item is scored in both runs by the same
/// scorer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricComparison {
    /// `ok`, or why there is no test: `insufficient_data`, `zero_variance`.
    pub status: String,
    /// Whether it decides.
    pub role: Role,
    /// Items scored in both runs.
    pub n: u64,
    /// Items without a score in one of them, or in both; also those that are not the same item in both.
    pub n_missing: u64,
    /// Of the items that are the same in both: how many have no score in the first run.
    pub n_missing_a: u64,
    /// In the second run.
    pub n_missing_b: u64,
    /// The share of them without a score in one of the runs. Above 0.02 the verdict is `invalid_missing`.
    pub missing_share: Option<f64>,
    /// Rows of the first run with an error in place of an output, and no score of this metric.
    pub n_error_a: u64,
    /// Of the second run.
    pub n_error_b: u64,
    /// Clusters among the items, if they were asked for.
    pub n_clusters: Option<u64>,
    /// The mean over the paired items in the first run.
    pub mean_a: Option<f64>,
    /// In the second run.
    pub mean_b: Option<f64>,
    /// The standard deviation between items in the first run.
    pub sd_a: Option<f64>,
    /// In the second run.
    pub sd_b: Option<f64>,
    /// The standard error of the first mean; over clusters, if there are any.
    pub se_a: Option<f64>,
    /// Of the second mean.
    pub se_b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
    /// The standard deviation of the items' differences.
    pub sd_diff: Option<f64>,
    /// The standard error of the difference.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// The difference over its standard error.
    pub t: Option<f64>,
    /// How often a difference at least so large comes by chance if there is none.
    pub p_value: Option<f64>,
    /// The p-value adjusted for the metrics of the same role (Holm). A claim needs it at or below alpha.
    pub p_holm: Option<f64>,
    /// Within a stratum: the p-value adjusted over the strata (Benjamini-Hochberg).
    pub p_bh: Option<f64>,
    /// The lower end of the 1-alpha interval of the difference, not adjusted for several metrics.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// The smallest difference that matters, if one was given.
    pub margin: Option<f64>,
    /// The difference over the standard deviation of the items' differences (Cohen's d_z).
    pub effect_size: Option<f64>,
    /// The smallest difference that this comparison sees with 80 % power.
    pub mde: Option<f64>,
    /// `b_better`, `b_worse` or `undecided`; with a margin also `b_better_small`, `b_worse_small` and
    /// `no_meaningful_difference`. `not_comparable` where the two runs took the metric from different scorers,
    /// `invalid_missing` where too many items lack a score, the status where there is no test, `exploratory` in strata.
    pub verdict: String,
    /// Items that the second run scores better.
    pub improved: u64,
    /// Items that both score the same.
    pub unchanged: u64,
    /// Items that the second run scores worse.
    pub regressed: u64,
    /// The worst of them, at most 10, by how much they lost.
    pub regressed_items: Vec<RegressedItem>,
    /// Of a metric that is true or false for each item: the exact test.
    pub mcnemar: Option<McNemar>,
    /// The share of the differences' variance that comes from trying each item a finite number of times; at most 1.
    /// None without trials.
    pub repeat_share: Option<f64>,
    /// `repeats help` above ½, `more items help` below ¼, `both help` between.
    pub repeat_advice: Option<String>,
    /// How far two runs of one version lie apart; none if that is not known.
    pub noise_floor: Option<NoiseFloor>,
    /// If every missing score were the worst; none if nothing is missing.
    pub worst_case: Option<WorstCase>,
    /// Which way is better.
    pub direction: Direction,
    /// All that in a sentence.
    pub sentence: String,
}

/// What is known of a metric besides its scores.
pub(super) struct About {
    pub(super) role: Role,
    pub(super) direction: Direction,
    pub(super) margin: Option<f64>,
    /// What a score can be, if that is known.
    pub(super) range: Option<(f64, f64)>,
    /// Whether every score is true or false.
    pub(super) boolean: bool,
    pub(super) same_scorer: bool,
    pub(super) errors: (u64, u64),
    /// Items that are not the same in both runs' datasets.
    pub(super) changed: u64,
}

/// A metric before the others are known: without verdict and sentence.
pub(super) fn compare(
    column: &Column<'_>,
    about: &About,
    alpha: f64,
    noise: impl FnOnce(&Column<'_>, Option<f64>) -> Result<Option<NoiseFloor>>,
) -> Result<MetricComparison> {
    let complete = column.complete();
    let pairs = complete.pairs();
    let (test, n_clusters) = complete.test(alpha)?;
    let lacking = (column.keys.len() - pairs.len()) as u64;
    let (n_missing_a, n_missing_b) = column.missing();
    let exploratory = about.role == Role::Exploratory;
    let direction = about.direction;
    let moved = moved(&pairs, direction);
    let seen = test.ci_low.zip(test.ci_high);
    let spread = test.sd_diff.filter(|sd| *sd > 0.0);
    let share = spread.map_or(Ok(None), |sd| repeat_share(&complete, sd))?;
    // A stratum says where to look; what it could have seen is not asked of it. An alpha above the power has no answer.
    let mde = match (test.se, test.df) {
        (Some(se), Some(df)) if !exploratory => stats::mde_of_test(se, df, alpha, POWER).ok(),
        _ => None,
    };
    Ok(MetricComparison {
        status: test.status.as_str().to_owned(),
        role: about.role,
        n: pairs.len() as u64,
        n_missing: lacking + about.changed,
        n_missing_a,
        n_missing_b,
        missing_share: (!column.keys.is_empty()).then(|| lacking as f64 / column.keys.len() as f64),
        n_error_a: about.errors.0,
        n_error_b: about.errors.1,
        n_clusters,
        mean_a: test.mean_a,
        mean_b: test.mean_b,
        sd_a: test.sd_a,
        sd_b: test.sd_b,
        se_a: test.se_a,
        se_b: test.se_b,
        diff: test.diff,
        sd_diff: test.sd_diff,
        se: test.se,
        df: test.df,
        t: test.t,
        p_value: test.p_value,
        p_holm: None,
        p_bh: None,
        ci_low: test.ci_low,
        ci_high: test.ci_high,
        margin: about.margin,
        effect_size: test.diff.zip(spread).map(|(diff, sd)| diff / sd).filter(|size| size.is_finite()),
        mde,
        verdict: test.status.as_str().to_owned(),
        improved: moved.improved,
        unchanged: moved.unchanged,
        regressed: moved.regressed,
        regressed_items: worst(&pairs, direction),
        mcnemar: if about.boolean { mcnemar(&pairs, alpha)? } else { None },
        repeat_share: share,
        repeat_advice: share.map(advice),
        noise_floor: if exploratory { None } else { noise(&complete, test.diff)? },
        worst_case: if exploratory {
            None
        } else {
            worst_case(column, about.range, direction, about.margin, alpha, seen)?
        },
        direction,
        sentence: String::new(),
    })
}

impl MetricComparison {
    /// The verdict and the words, once all metrics of its role are known. `claimed`: whether a difference may be.
    pub(super) fn conclude(&mut self, same_scorer: bool, claimed: bool, family: &Family) {
        let too_many = self.missing_share.is_some_and(|share| share > verdict::MISSING_ALLOWED);
        let verdict = match self.ci_low.zip(self.ci_high) {
            _ if !same_scorer => "not_comparable",
            _ if self.status == "insufficient_data" => "insufficient_data",
            Some(_) if self.role == Role::Exploratory => "exploratory",
            _ if too_many && self.role != Role::Exploratory => "invalid_missing",
            Some(interval) => verdict::of_interval(interval, self.direction, self.margin, claimed),
            None => &self.status,
        };
        self.verdict = verdict.to_owned();
        self.sentence = self.words(family);
    }
}

/// How many items moved which way.
pub(super) struct Moved {
    pub(super) improved: u64,
    pub(super) unchanged: u64,
    pub(super) regressed: u64,
}

pub(super) fn moved(pairs: &[Pair<'_>], direction: Direction) -> Moved {
    let gain = |pair: &&Pair<'_>| gain(pair, direction) > 0.0;
    let improved = pairs.iter().filter(gain).count() as u64;
    let unchanged = pairs.iter().filter(|pair| pair.a == pair.b).count() as u64;
    Moved { improved, unchanged, regressed: pairs.len() as u64 - improved - unchanged }
}

fn gain(pair: &Pair<'_>, direction: Direction) -> f64 {
    if direction == Direction::Higher { pair.b - pair.a } else { pair.a - pair.b }
}

fn worst(pairs: &[Pair<'_>], direction: Direction) -> Vec<RegressedItem> {
    let mut fallen: Vec<&Pair<'_>> = pairs.iter().filter(|pair| gain(pair, direction) < 0.0).collect();
    // The sort is stable: items that lost the same stand in the order of their keys.
    fallen.sort_by(|one, two| gain(one, direction).total_cmp(&gain(two, direction)));
    let item = |pair: &Pair<'_>| RegressedItem {
        key: pair.key.clone(),
        a: pair.a,
        b: pair.b,
        diff: pair.b - pair.a,
    };
    fallen.into_iter().take(WORST).map(item).collect()
}

/// Items tried several times are neither passed nor failed unless all trials agree: then there is no such test.
fn mcnemar(pairs: &[Pair<'_>], alpha: f64) -> Result<Option<McNemar>> {
    if !pairs.iter().all(|pair| [pair.a, pair.b].iter().all(|x| *x == 0.0 || *x == 1.0)) {
        return Ok(None);
    }
    let only_a = pairs.iter().filter(|pair| pair.a > pair.b).count() as u64;
    let only_b = pairs.iter().filter(|pair| pair.b > pair.a).count() as u64;
    let found = stats::paired_rates(pairs.len() as u64, only_a, only_b, alpha)?;
    let (Some(diff), Some(p_value), Some(p_mid)) = (found.diff, found.p_value, found.p_mid) else {
        return Ok(None);
    };
    let (Some(ci_low), Some(ci_high)) = (found.ci_low, found.ci_high) else { return Ok(None) };
    Ok(Some(McNemar { only_a, only_b, diff, p_value, p_mid, ci_low, ci_high }))
}

fn repeat_share(complete: &Column<'_>, sd: f64) -> Result<Option<f64>> {
    let found = stats::repeat_variance(&complete.a, &complete.b)?;
    Ok(found.map(|(variance, _)| (variance / (sd * sd)).min(1.0)))
}

fn advice(share: f64) -> String {
    let advice = if share > 0.5 {
        "repeats help"
    } else if share < 0.25 {
        "more items help"
    } else {
        "both help"
    };
    advice.to_owned()
}
