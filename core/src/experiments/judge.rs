//! The verdict of an experiment.

use std::collections::BTreeMap;

use serde_json::json;

use super::exposures;
use super::observe::{Asked, Seen, Unit, means_by_stratum, means_by_user, observe, old_values};
use super::pairs::{self, Watch};
use super::record::Stored;
use super::report::{ArmResult, ComparisonResult, ExperimentResult, SplitResult};
use super::versus::{Arm, compare, guard};
use super::window::{self, Window};
use crate::codec::canonical::to_canonical;
use crate::codec::hash::{Domain, Hasher};
use crate::error::Result;
use crate::model::experiment::{Analysis, Covariate, ExperimentMode, ExperimentState, Plan};
use crate::model::id::ContentId;
use crate::model::time::Timestamp;
use crate::stats::display::{count, percent};
use crate::stats::{
    self, AbArm, AbReport, AbScale, AbSplit, AbVerdict, SRM_CONCENTRATION, SRM_WARNING,
};
use crate::storage::kv::Read;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Asks an experiment what it has to say now.
pub(crate) fn judge(tx: &(impl Read + ?Sized), now: Timestamp, stored: &Stored) -> Result<ExperimentResult> {
    let plan = stored.plan();
    let asked = Asked { metric: plan.metric.clone(), source: plan.source };
    let enrolled = exposures::all(tx, stored.name())?;
    let mut seen = observe(tx, stored, enrolled, &asked)?;
    if plan.analysis == Analysis::Cuped {
        covariates(tx, stored, &asked, &mut seen)?;
    }
    let window = match plan.mode {
        ExperimentMode::Lock => window::find(stored, &seen.units, now)?,
        ExperimentMode::Anytime => Window::default(),
    };
    let mut case = Case::new(stored, &seen, window, now)?;
    match plan.mode {
        ExperimentMode::Lock => case.lock()?,
        ExperimentMode::Anytime => case.anytime()?,
    }
    if let Some(winner) = case.best {
        case.hold_guardrails(tx, winner)?;
    }
    Ok(case.finish())
}

fn covariates(
    tx: &(impl Read + ?Sized),
    stored: &Stored,
    asked: &Asked,
    seen: &mut Seen,
) -> Result<()> {
    let plan = stored.plan();
    let began = stored.experiment.started_at.unwrap_or(stored.experiment.registered_at);
    let old = |fits: &dyn Fn(&crate::model::trace::TraceFacts) -> bool| {
        old_values(tx, &plan.prompt, began, asked, fits)
    };
    match plan.covariate {
        Covariate::Exposure => {
            for unit in &mut seen.units {
                unit.covariate = unit.exposure.covariate;
            }
        }
        Covariate::History => {
            let values = old(&|facts| facts.user.is_some())?;
            let means = means_by_user(&values);
            for unit in &mut seen.units {
                unit.covariate = means.get(unit.exposure.unit.as_str()).copied();
            }
        }
        Covariate::Stratum => {
            let values = old(&|facts| facts.stratum.is_some())?;
            let means = means_by_stratum(&values);
            for unit in &mut seen.units {
                let of = |r: &super::observe::Response| means.get(r.stratum.as_deref()?).copied();
                let known: Vec<f64> = unit.responses.iter().filter_map(of).collect();
                unit.covariate = stats::mean_sd(&known).map(|m| m.mean);
            }
        }
    }
    Ok(())
}

/// An experiment while it is judged.
struct Case<'a> {
    stored: &'a Stored,
    plan: &'a Plan,
    seen: &'a Seen,
    now: Timestamp,
    window: Window,
    /// Scores up to this moment count; all, if none.
    until: Option<Timestamp>,
    /// The units that count, in the order of enrolment.
    counted: Vec<&'a Unit>,
    active: Vec<usize>,
    judge_changed: Option<Timestamp>,
    best: Option<usize>,
    result: ExperimentResult,
}

impl<'a> Case<'a> {
    fn new(stored: &'a Stored, seen: &'a Seen, window: Window, now: Timestamp) -> Result<Case<'a>> {
        let plan = stored.plan();
        let until_cutoff = &seen.units[..window.cutoff.unwrap_or(seen.units.len())];
        let counted: Vec<&Unit> = until_cutoff.iter().filter(|unit| !unit.in_two_arms).collect();
        let mut until = window.end;
        let mut judge_changed = window::judge_changed(counted.iter().copied(), until);
        let mut warnings = Vec::new();
        if judge_changed.is_some() && until.is_some() {
            // Who has scored everything again with one judge since then has mended it.
            let again = window::judge_changed(counted.iter().copied(), None);
            if again.is_none() {
                (judge_changed, until) = (None, None);
                warnings.push("The judge changed inside the window; all counts by scores that were given again since then.".to_owned());
            }
        }
        let active = window::active(stored);
        let open = plan.mode == ExperimentMode::Lock && window.end.is_none();
        let arms = (0..plan.variants.len()).map(|v| arm(plan, until_cutoff, v, until, open)).collect();
        let split = split(stored, until_cutoff, &counted, until)?;
        let e = &stored.experiment;
        let result = ExperimentResult {
            experiment: e.name.clone(),
            state: e.state,
            plan_id: e.plan_id,
            mode: plan.mode,
            analysis: plan.analysis,
            metric: plan.metric.clone(),
            direction: plan.direction,
            min_effect: plan.min_effect,
            n_planned: plan.n_planned,
            verdict: String::new(),
            is_final: false,
            sentence: String::new(),
            winner: None,
            stopped_by: None,
            cutoff: window.cutoff.map(|n| n as u64),
            window_end: until,
            arms,
            missing_share: 0.0,
            split,
            judge_changed,
            comparisons: Vec::new(),
            anytime: None,
            harm: Vec::new(),
            guardrails: Vec::new(),
            strays: seen.strays,
            warnings,
            data_hash: None,
        };
        Ok(Case { stored, plan, seen, now, window, until, counted, active, judge_changed, best: None, result })
    }

    /// The variants that are compared with the control.
    fn compared(&self) -> Vec<usize> {
        self.active.iter().copied().filter(|arm| *arm != self.plan.control).collect()
    }

    fn scale(&self) -> AbScale<'a> {
        match self.plan.metric.as_str() {
            "latency_ms" => AbScale::Other("ms"),
            "cost_usd" => AbScale::Other("US dollars"),
            "tokens_in" | "tokens_out" => AbScale::Other("tokens"),
            _ if self.plan.boolean => AbScale::Rate,
            _ => AbScale::Points,
        }
    }

    /// What is said about one variant and the control.
    fn report<'r>(&self, variant: usize, day: Option<&'r str>, split: &'r SplitResult) -> AbReport<'r>
    where
        'a: 'r,
    {
        let arm = |position: usize| {
            let arm = &self.result.arms[position];
            AbArm { units: arm.units, missing: arm.missing }
        };
        AbReport {
            split: (split.p_value.is_some() || split.mismatch).then_some(AbSplit {
                planned: &split.expected,
                seen: &split.seen,
                p_value: split.p_value,
                mismatch: split.mismatch,
            }),
            judge_changed: day,
            arms: [arm(self.plan.control), arm(variant)],
            higher_is_better: self.plan.higher_is_better(),
            alpha: self.plan.alpha,
            power: self.plan.power,
            sd: stats::sd_explained(self.plan.sd, self.plan.r2).ok(),
            scale: self.scale(),
            ..AbReport::planned(self.plan.n_planned, self.plan.min_effect)
        }
    }

    /// A sentence with the names of who is A and who is B, unless they are called so.
    fn named(&self, variant: usize, sentence: &str) -> String {
        let name = |position: usize| self.plan.variants.get(position).map_or("", |v| v.name.as_str());
        let (a, b) = (name(self.plan.control), name(variant));
        if (a, b) == ("a", "b") || (a, b) == ("A", "B") {
            return sentence.to_owned();
        }
        format!("{b} (B) against {a} (A): {sentence}")
    }

    fn say(&mut self, verdict: AbVerdict, sentence: String) {
        self.result.verdict = verdict.code().to_owned();
        self.result.sentence = sentence;
    }

    fn lock(&mut self) -> Result<()> {
        let compared = self.compared();
        let day = self.judge_changed.map(|at| at.to_string().chars().take(10).collect::<String>());
        let split = self.result.split.clone();
        let units: u64 = self.result.arms.iter().map(|arm| arm.units - arm.in_two_arms).sum();
        let missing: u64 = self.result.arms.iter().map(|arm| arm.missing).sum();
        self.result.missing_share = if units > 0 { missing as f64 / units as f64 } else { 0.0 };
        let closed = self.window.end.is_none();
        self.result.is_final = !closed && day.is_none();

        let watch = Watch::of(self.stored, &self.counted, self.until);
        self.result.harm = watch.harm(&compared)?;
        let Some(&first) = compared.first() else {
            self.say(AbVerdict::Undecided, "**Undecided.** No variant but the control has a weight.".to_owned());
            return Ok(());
        };
        let broken = split.mismatch || day.is_some();
        if let ([harm], false) = (self.result.harm.as_slice(), broken)
            && let Some(at) = harm.stopped_at
        {
            let sentence = format!(
                "**Stopped: B is worse.** After {} pairs the data rule out \"B is as good as A\" at any stopping time (harm guard, {}).",
                count(at),
                percent(harm.alpha)
            );
            self.result.stopped_by = Some("harm_guard".to_owned());
            self.result.is_final = true;
            self.say(AbVerdict::BWorse, self.named(first, &sentence));
            return Ok(());
        }
        for harm in self.result.harm.iter().filter(|_| !broken) {
            if let Some(at) = harm.stopped_at {
                let (name, pairs) = (&harm.variant, count(at));
                self.result.warnings.push(format!(
                    "The variant {name} is worse (harm guard, after {pairs} pairs): set its weight to 0."
                ));
            }
        }
        // Nobody may look before the cut-off, nor while scores are still waited for.
        let mut report = self.report(first, day.as_deref(), &split);
        if self.window.cutoff.is_none() || broken {
            report.arms = fewest(&self.result.arms, &self.active, report.arms);
            if self.window.cutoff.is_none() {
                for arm in &mut report.arms {
                    arm.missing = 0;
                }
            }
            let verdict = if broken || self.window.cutoff.is_some() { report.verdict()? } else { AbVerdict::Collecting };
            let sentence = verdict.sentence(&report);
            self.say(verdict, sentence);
            return Ok(());
        }
        if closed {
            let scored = percent(1.0 - self.result.missing_share);
            let sentence = format!(
                "**Still scoring: {scored} of {} users have a score.** All of them have arrived; the result opens when 95% are scored, or {} hours after the last one came.",
                count(units),
                self.plan.grace_hours
            );
            self.say(AbVerdict::Collecting, sentence);
            return Ok(());
        }
        self.compare_all(&compared, &split)
    }

    fn compare_all(&mut self, compared: &[usize], split: &SplitResult) -> Result<()> {
        let epochs = 1 + self.counted.iter().map(|unit| unit.exposure.epoch).max().unwrap_or(0);
        let arm = |variant| Arm::of(&self.counted, variant, self.until);
        let a = arm(self.plan.control);
        let mut found: Vec<ComparisonResult> = compared
            .iter()
            .map(|&variant| compare(self.plan, epochs, (self.plan.control, &a), (variant, &arm(variant))))
            .collect::<Result<_>>()?;
        // One that could not be tested counts as one that showed nothing.
        let p: Vec<f64> = found.iter().map(|c| c.p_value.unwrap_or(1.0)).collect();
        let holm = stats::holm(&p, self.plan.alpha)?;
        let mut verdicts = Vec::new();
        for (i, (comparison, &variant)) in found.iter_mut().zip(compared).enumerate() {
            comparison.p_holm = comparison.p_value.and(holm.p.get(i).copied());
            let mut report = self.report(variant, None, split);
            report.estimate = comparison.estimate();
            // The cut-off is behind us, whatever was left out since.
            report.n_planned = report.n_planned.min(report.arms[0].units).min(report.arms[1].units).max(1);
            let mut verdict = report.verdict()?;
            let claims = !verdict.is_before_the_interval()
                && !matches!(verdict, AbVerdict::NoMeaningfulDifference | AbVerdict::Undecided);
            if claims && !holm.reject.get(i).copied().unwrap_or(false) {
                verdict = AbVerdict::Undecided;
            }
            comparison.verdict = verdict.code().to_owned();
            comparison.sentence = self.named(variant, &verdict.sentence(&report));
            verdicts.push(verdict);
        }
        self.warn(epochs, &found);
        let good = |i: &usize| {
            let diff = found[*i].diff.unwrap_or(0.0);
            if self.plan.higher_is_better() { diff } else { -diff }
        };
        let is_better = |v: &AbVerdict| matches!(v, AbVerdict::BBetter | AbVerdict::BBetterSmall);
        let by_size = |a: &usize, b: &usize| good(a).total_cmp(&good(b));
        let winner = (0..found.len()).filter(|i| is_better(&verdicts[*i])).max_by(by_size);
        let shown = winner.or_else(|| (0..found.len()).max_by(by_size)).unwrap_or(0);
        self.best = winner.map(|i| compared[i]);
        let sentences: Vec<String> = found.iter().map(|c| c.sentence.clone()).collect();
        self.say(verdicts[shown], sentences.join("\n"));
        self.result.comparisons = found;
        self.result.data_hash = Some(self.data_hash()?);
        Ok(())
    }

    fn warn(&mut self, epochs: usize, found: &[ComparisonResult]) {
        let mut warnings = Vec::new();
        if epochs > 1 {
            warnings.push(format!("The weights were changed {} times: spans of equal weights are compared apart and put together.", epochs - 1));
            if self.plan.analysis == Analysis::Cuped {
                warnings.push("CUPED is left out, because the weights were changed.".to_owned());
            }
        }
        let several = self.counted.iter().filter(|unit| unit.has_several_strata()).count() as u64;
        if self.plan.analysis == Analysis::Stratified && several > 0 {
            warnings.push(format!("{} users have queries of several strata, and count in that of the first one; analysis `cuped` with covariate `stratum` is for that.", count(several)));
        }
        let few = |c: &ComparisonResult| c.strata.iter().any(|s| s.n_a.min(s.n_b) < 10);
        if found.iter().any(few) {
            warnings.push("A stratum has fewer than 10 users in a variant.".to_owned());
        }
        if self.plan.analysis == Analysis::Cuped && epochs == 1 {
            let with = self.counted.iter().filter(|unit| unit.covariate.is_some()).count();
            if 2 * with < self.counted.len() {
                warnings.push("CUPED is left out: fewer than half of the users have a covariate.".to_owned());
            }
        }
        let crossed: u64 = self.result.arms.iter().map(|arm| arm.in_two_arms).sum();
        if crossed > 0 {
            warnings.push(format!("{} users are left out: their traces name another variant or version than the one they were given.", count(crossed)));
        }
        self.result.warnings.extend(warnings);
    }

    fn data_hash(&self) -> Result<ContentId> {
        let mut hasher = Hasher::new(Domain::ExperimentResult);
        for unit in &self.counted {
            let name = self.plan.variants.get(unit.exposure.variant).map_or("", |v| v.name.as_str());
            hasher.update_text(&unit.exposure.unit);
            hasher.update_text(name);
            hasher.update_text(&to_canonical(&json!(unit.values(self.until)))?);
        }
        Ok(hasher.finish())
    }

    fn anytime(&mut self) -> Result<()> {
        let day = self.judge_changed.map(|at| at.to_string().chars().take(10).collect::<String>());
        let split = self.result.split.clone();
        let compared = self.compared();
        let &[variant] = compared.as_slice() else { return Ok(()) };
        let found = pairs::anytime(self.stored, &self.counted, variant)?;
        let over = found.stopped_at.is_some() || found.pairs as u64 >= self.plan.n_planned;
        let grace = (self.plan.grace_hours * 3_600e6) as i64;
        // Who came a moment ago is not missing.
        let late = |unit: &&&Unit| {
            unit.scored_at().is_none()
                && unit.exposure.at.as_micros().saturating_add(grace) < self.now.as_micros()
        };
        let mut report = self.report(variant, day.as_deref(), &split);
        for (arm, position) in report.arms.iter_mut().zip([self.plan.control, variant]) {
            let units = self.counted.iter().filter(|unit| unit.exposure.variant == position);
            arm.missing = units.filter(late).count() as u64;
        }
        self.result.missing_share = report.missing_share();
        let broken = split.mismatch || day.is_some() || self.result.missing_share > 0.05;
        let sentence = report.anytime_sentence(&found)?;
        let verdict = if broken {
            report.n_planned = 1;
            report.verdict()?
        } else if let (Some(_), Some(low), Some(high)) = (found.stopped_at, found.low, found.high) {
            let (ci_low, ci_high) = if self.plan.higher_is_better() { (low, high) } else { (-high, -low) };
            let margin = self.plan.min_effect;
            stats::ab_verdict(stats::AbFacts {
                ci_low,
                ci_high,
                margin,
                n_planned: 1,
                n_fewest: 1,
                srm_p: None,
                missing_share: 0.0,
                judge_changed: false,
            })?
        } else if over {
            AbVerdict::Undecided
        } else {
            AbVerdict::Collecting
        };
        if matches!(verdict, AbVerdict::BBetter | AbVerdict::BBetterSmall) {
            self.best = Some(variant);
        }
        self.result.is_final = over && !broken;
        if self.result.is_final {
            self.result.data_hash = Some(self.data_hash()?);
        }
        self.result.anytime = Some(pairs::shown(&found, self.plan.range.is_none()));
        self.say(verdict, self.named(variant, &sentence));
        Ok(())
    }

    /// The guardrails of the variant that is better: all of them must hold, or it does not win.
    fn hold_guardrails(&mut self, tx: &(impl Read + ?Sized), winner: usize) -> Result<()> {
        let mut held = true;
        for guardrail in &self.plan.guardrails {
            let asked = Asked { metric: guardrail.metric.clone(), source: None };
            let enrolled = self.seen.units[..self.window.cutoff.unwrap_or(self.seen.units.len())].iter();
            let enrolled = enrolled.map(|unit| unit.exposure.clone()).collect();
            let seen = observe(tx, self.stored, enrolled, &asked)?;
            let counted: Vec<&Unit> = seen.units.iter().filter(|unit| !unit.in_two_arms).collect();
            let means = |variant| Arm::of(&counted, variant, self.until).means();
            let found = guard(self.plan, guardrail, &means(self.plan.control), &means(winner))?;
            held &= found.outcome == stats::Outcome::Pass.as_str();
            self.result.sentence.push(' ');
            self.result.sentence.push_str(&found.sentence);
            self.result.guardrails.push(found);
        }
        self.result.winner = self.plan.variants.get(winner).filter(|_| held).map(|v| v.name.clone());
        Ok(())
    }

    fn finish(self) -> ExperimentResult {
        let mut result = self.result;
        if let (ExperimentState::Stopped, Some(reason)) = (result.state, &self.stored.experiment.reason)
            && result.stopped_by.is_none()
        {
            result.sentence = format!("Stopped without a verdict: {reason} {}", result.sentence);
        }
        result
    }
}

/// The arm with the fewest units stands for all that are compared.
fn fewest(arms: &[ArmResult], active: &[usize], pair: [AbArm; 2]) -> [AbArm; 2] {
    let least = active.iter().filter_map(|i| arms.get(*i)).min_by_key(|arm| arm.units);
    least.map_or(pair, |arm| [pair[0], AbArm { units: arm.units, missing: arm.missing }])
}

fn arm(plan: &Plan, units: &[Unit], variant: usize, until: Option<Timestamp>, open: bool) -> ArmResult {
    let of: Vec<&Unit> = units.iter().filter(|unit| unit.exposure.variant == variant).collect();
    let whole: Vec<&&Unit> = of.iter().filter(|unit| !unit.in_two_arms).collect();
    let scored = whole.iter().filter(|unit| unit.responses.iter().any(|r| r.value(until).is_some())).count();
    let all = |f: fn(&Unit) -> &Vec<f64>| of.iter().flat_map(|unit| f(unit)).copied().collect::<Vec<_>>();
    let shown = |metric: &str| !(open && plan.metric.as_str() == metric);
    let latency = all(|unit| &unit.latency_ms);
    let cost = stats::mean_sd(&all(|unit| &unit.cost_usd)).map(|m| m.mean);
    let planned = plan.variants.get(variant);
    ArmResult {
        variant: planned.map(|v| v.name.clone()).unwrap_or_default(),
        version: planned.map(|v| v.version).unwrap_or_default(),
        units: of.len() as u64,
        scored: scored as u64,
        missing: (whole.len() - scored) as u64,
        in_two_arms: (of.len() - whole.len()) as u64,
        latency_ms_p50: stats::quantile(&latency, 0.5).ok().flatten().filter(|_| shown("latency_ms")),
        cost_usd_mean: cost.filter(|_| shown("cost_usd")),
    }
}

/// The split of the units, each span of weights with its own expectation.
fn split(
    stored: &Stored,
    units: &[Unit],
    counted: &[&Unit],
    until: Option<Timestamp>,
) -> Result<SplitResult> {
    let k = stored.plan().variants.len();
    let epochs = &stored.experiment.epochs;
    let expected = |units: &mut dyn Iterator<Item = &Unit>| {
        let (mut expected, mut seen) = (vec![0.0; k], vec![0u64; k]);
        for unit in units {
            let weights = epochs.get(unit.exposure.epoch).map(|e| e.weights.as_slice()).unwrap_or_default();
            for (total, weight) in expected.iter_mut().zip(weights) {
                *total += weight;
            }
            if let Some(n) = seen.get_mut(unit.exposure.variant) {
                *n += 1;
            }
        }
        (expected, seen)
    };
    let weights = epochs.last().map(|e| e.weights.clone()).unwrap_or_default();
    let (of_units, seen) = expected(&mut units.iter());
    let planned = if units.is_empty() { weights.clone() } else { of_units };
    let found = stats::srm(&seen, &planned)?;
    let scored: Vec<&Unit> =
        counted.iter().copied().filter(|unit| unit.responses.iter().any(|r| r.value(until).is_some())).collect();
    let scored = match expected(&mut scored.iter().copied()) {
        (_, seen) if seen.iter().sum::<u64>() == 0 => None,
        (planned, seen) => Some(stats::srm(&seen, &planned)?),
    };
    let log_bf = if epochs.len() == 1 && !units.is_empty() {
        let mut days: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for unit in units {
            let day = unit.exposure.at.as_micros().div_euclid(MICROS_PER_DAY);
            if let Some(n) = days.entry(day).or_insert_with(|| vec![0; k]).get_mut(unit.exposure.variant) {
                *n += 1;
            }
        }
        let periods: Vec<Vec<u64>> = days.into_values().collect();
        stats::srm_sequence(&periods, &weights, SRM_CONCENTRATION)?.log_bf.last().copied()
    } else {
        None
    };
    Ok(SplitResult {
        expected: planned,
        seen,
        p_value: found.p_value,
        mismatch: found.mismatch || scored.as_ref().is_some_and(|s| s.mismatch),
        log_bf: log_bf.filter(|x| x.is_finite()),
        warning: log_bf.is_some_and(|x| x >= libm::log(SRM_WARNING)),
        p_value_scored: scored.and_then(|s| s.p_value),
    })
}
