//! A comparison within strata: what difficulty does to the scores is taken out before anything is compared.

use std::collections::BTreeMap;

use super::paired::TTest;
use super::sum::{all_equal, all_finite, mean, sum, variance};
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// Fewer units per arm than this in a stratum are worth a warning.
const FEW: usize = 10;

/// One stratum. Its difference is for looking, never a verdict.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StratumDifference {
    /// The strata in it: more than one where small ones were merged.
    pub strata: Vec<String>,
    /// Its weight in the whole.
    pub weight: f64,
    /// Units of A.
    pub n_a: usize,
    /// Units of B.
    pub n_b: usize,
    /// Mean of A.
    pub mean_a: Option<f64>,
    /// Mean of B.
    pub mean_b: Option<f64>,
    /// Mean of B minus mean of A.
    pub diff: Option<f64>,
}

/// Two independent samples compared within strata.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PostStratified {
    /// `insufficient_data` if a stratum has fewer than two units in an arm and may not be merged.
    pub status: Status,
    /// Σ of weight times difference.
    pub diff: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// diff / se.
    pub t: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Lower end of the interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Each stratum.
    pub strata: Vec<StratumDifference>,
    /// Whether a stratum has fewer than ten units in an arm.
    pub small_strata: bool,
}

/// What a plan says about its strata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StrataPlan {
    /// The strata from one end to the other (easy, medium, hard): small ones are merged with their neighbour.
    /// Without an order nothing is merged.
    pub order: Vec<String>,
    /// Fixed weights that sum to 1; otherwise each stratum weighs what it has of all units.
    pub weights: Option<BTreeMap<String, f64>>,
}

struct Group<'a> {
    names: Vec<&'a str>,
    a: Vec<f64>,
    b: Vec<f64>,
    weight: f64,
}

impl Group<'_> {
    fn fewest(&self) -> usize {
        self.a.len().min(self.b.len())
    }
}

/// Compares two samples whose units each lie in one stratum.
///
/// # Formula
/// diff = ΣW_h(ȳ_Bh - ȳ_Ah); V = ΣΣW_h²s²/n; df = V² / Σ(W_h²s²/n)²/(n-1). W_h is the stratum's share of all
/// units, or fixed.
///
/// # Assumptions
/// The stratum is a property of the query, set by something that has not seen the response.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1, an order leaves out a stratum that occurs, or
/// fixed weights leave one out, are negative or do not sum to 1. A value that is not finite gives `invalid_input`.
///
/// # Source
/// statistics.md (b); reference values from mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::{StrataPlan, post_stratified};
/// let a = [("x", 1.0), ("x", 2.0), ("y", 4.0), ("y", 5.0)];
/// let b = [("x", 2.0), ("x", 2.0), ("y", 5.0), ("y", 3.0), ("y", 5.0)];
/// let r = post_stratified(&a, &b, &StrataPlan::default(), 0.05)?;
/// assert!((r.diff.unwrap() - 0.12962962962962962).abs() < 1e-15);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn post_stratified<S: AsRef<str>>(
    a: &[(S, f64)],
    b: &[(S, f64)],
    plan: &StrataPlan,
    alpha: f64,
) -> Result<PostStratified> {
    check_open_unit("alpha", alpha)?;
    let values = |arm: &[(S, f64)]| arm.iter().map(|(_, y)| *y).collect::<Vec<f64>>();
    if !all_finite(&values(a)) || !all_finite(&values(b)) {
        return Ok(PostStratified::without(Status::InvalidInput));
    }
    let mut groups = grouped(a, b, plan)?;
    if groups.is_empty() {
        return Ok(PostStratified::without(Status::InsufficientData));
    }
    if !plan.order.is_empty() {
        merge_small(&mut groups);
    }
    let mut found = PostStratified::without(Status::Ok);
    found.small_strata = groups.iter().any(|group| group.fewest() < FEW);
    found.strata = groups.iter().map(difference).collect();
    if groups.iter().any(|group| group.fewest() < 2) {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    found.finish(&groups, alpha);
    Ok(found)
}

fn grouped<'a, S: AsRef<str>>(
    a: &'a [(S, f64)],
    b: &'a [(S, f64)],
    plan: &'a StrataPlan,
) -> Result<Vec<Group<'a>>> {
    let mut strata: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (name, y) in a {
        strata.entry(name.as_ref()).or_default().0.push(*y);
    }
    for (name, y) in b {
        strata.entry(name.as_ref()).or_default().1.push(*y);
    }
    // A stratum that the plan weighs is there, also where no unit lies in it: without it the weights would not
    // sum to 1.
    for (name, _) in plan.weights.iter().flatten().filter(|(_, weight)| **weight > 0.0) {
        strata.entry(name.as_str()).or_default();
    }
    let names: Vec<&str> = if plan.order.is_empty() {
        strata.keys().copied().collect()
    } else {
        if let Some(name) = strata.keys().find(|name| !plan.order.iter().any(|known| known == *name)) {
            return Err(invalid("order", format!("the order of the strata leaves out `{name}`")));
        }
        plan.order.iter().map(String::as_str).filter(|name| strata.contains_key(name)).collect()
    };
    if let Some(weights) = &plan.weights {
        let total = sum(weights.values().copied());
        if weights.values().any(|w| !w.is_finite() || *w < 0.0) || (total - 1.0).abs() > 1e-9 {
            return Err(invalid("weights", "the weights of the strata are not negative and sum to 1"));
        }
        if let Some(name) = names.iter().find(|name| !weights.contains_key(**name)) {
            return Err(invalid("weights", format!("the weights leave out the stratum `{name}`")));
        }
    }
    let all = (a.len() + b.len()) as f64;
    let weight = |name: &str, units: usize| match &plan.weights {
        Some(weights) => weights.get(name).copied().unwrap_or(0.0),
        None => units as f64 / all,
    };
    let group = |name| {
        let (a, b) = strata.remove(name).unwrap_or_default();
        let weight = weight(name, a.len() + b.len());
        Group { names: vec![name], a, b, weight }
    };
    Ok(names.into_iter().map(group).collect())
}

/// Merges a stratum with fewer than two units in an arm with the next one, the last with the one before.
fn merge_small(groups: &mut Vec<Group<'_>>) {
    while groups.len() > 1 {
        let Some(small) = groups.iter().position(|group| group.fewest() < 2) else { return };
        let into = if small + 1 < groups.len() { small } else { small - 1 };
        let next = groups.remove(into + 1);
        let group = &mut groups[into];
        group.names.extend(next.names);
        group.a.extend(next.a);
        group.b.extend(next.b);
        group.weight += next.weight;
    }
}

fn difference(group: &Group<'_>) -> StratumDifference {
    let of = |arm: &[f64]| (!arm.is_empty()).then(|| mean(arm));
    let (a, b) = (of(&group.a), of(&group.b));
    StratumDifference {
        strata: group.names.iter().map(|name| (*name).to_owned()).collect(),
        weight: group.weight,
        n_a: group.a.len(),
        n_b: group.b.len(),
        mean_a: a.map(|m| m.value()),
        mean_b: b.map(|m| m.value()),
        diff: a.zip(b).map(|(a, b)| b.minus(a)),
    }
}

impl PostStratified {
    fn without(status: Status) -> PostStratified {
        PostStratified {
            status,
            diff: None,
            se: None,
            df: None,
            t: None,
            p_value: None,
            ci_low: None,
            ci_high: None,
            strata: Vec::new(),
            small_strata: false,
        }
    }

    fn finish(&mut self, groups: &[Group<'_>], alpha: f64) {
        let diff = sum(self.strata.iter().map(|s| s.weight * s.diff.unwrap_or(0.0)));
        self.diff = Some(diff);
        let mut parts = Vec::new();
        for group in groups {
            for arm in [&group.a, &group.b] {
                let n = arm.len() as f64;
                let spread = if all_equal(arm) { 0.0 } else { variance(arm, mean(arm)) };
                parts.push((group.weight * group.weight * spread / n, n - 1.0));
            }
        }
        let total = sum(parts.iter().map(|(v, _)| *v));
        if !(total.is_finite() && diff.is_finite()) {
            *self = PostStratified::without(Status::InvalidInput);
            return;
        }
        if total == 0.0 {
            self.status = Status::ZeroVariance;
            return;
        }
        // Shares, whose squares neither under- nor overflow.
        let df = 1.0 / sum(parts.iter().map(|(v, df)| (v / total) * (v / total) / df));
        let test = TTest::new(diff, libm::sqrt(total), df, alpha);
        (self.se, self.df, self.t) = (Some(test.se), Some(test.df), Some(test.t));
        (self.p_value, self.ci_low, self.ci_high) =
            (Some(test.p_value), Some(test.ci_low), Some(test.ci_high));
    }
}
