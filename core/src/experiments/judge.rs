//! The verdict of an experiment.

use super::counts::{arm, split};
use super::exposures;
use super::observe::{Asked, Seen, Unit, covariates, observe};
use super::pairs;
use super::record::Stored;
use super::report::{ArmResult, ExperimentResult, SplitResult};
use super::window::{self, Window};
use crate::error::Result;
use crate::model::experiment::{Analysis, ExperimentMode, ExperimentState, Plan};
use crate::model::time::Timestamp;
use crate::stats::display::{count, percent};
use crate::stats::{self, AbArm, AbReport, AbScale, AbSplit, AbVerdict};
use crate::storage::kv::Read;

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

/// An experiment while it is judged.
pub(super) struct Case<'a> {
    pub(super) stored: &'a Stored,
    pub(super) plan: &'a Plan,
    pub(super) seen: &'a Seen,
    pub(super) now: Timestamp,
    pub(super) window: Window,
    /// Scores up to this moment count; all, if none.
    pub(super) until: Option<Timestamp>,
    /// The units that count, in the order of enrolment.
    pub(super) counted: Vec<&'a Unit>,
    pub(super) active: Vec<usize>,
    pub(super) best: Option<usize>,
    pub(super) result: ExperimentResult,
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
        Ok(Case { stored, plan, seen, now, window, until, counted, active, best: None, result })
    }

    /// The variants that are compared with the control.
    fn compared(&self) -> Vec<usize> {
        self.active.iter().copied().filter(|arm| *arm != self.plan.control).collect()
    }

    /// The day on which the judge changed.
    fn day(&self) -> Option<String> {
        self.result.judge_changed.map(|at| at.to_string().chars().take(10).collect())
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
    pub(super) fn report<'r>(
        &self,
        variant: usize,
        day: Option<&'r str>,
        split: &'r SplitResult,
    ) -> AbReport<'r>
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
    pub(super) fn named(&self, variant: usize, sentence: &str) -> String {
        let name = |position: usize| self.plan.variants.get(position).map_or("", |v| v.name.as_str());
        let (a, b) = (name(self.plan.control), name(variant));
        if (a, b) == ("a", "b") || (a, b) == ("A", "B") {
            return sentence.to_owned();
        }
        format!("{b} (B) against {a} (A): {sentence}")
    }

    pub(super) fn say(&mut self, verdict: AbVerdict, sentence: String) {
        self.result.verdict = verdict.code().to_owned();
        self.result.sentence = sentence;
    }

    fn lock(&mut self) -> Result<()> {
        let (plan, compared) = (self.plan, self.compared());
        let day = self.day();
        let split = self.result.split.clone();
        let units: u64 = self.result.arms.iter().map(|arm| arm.units - arm.in_two_arms).sum();
        let missing: u64 = self.result.arms.iter().map(|arm| arm.missing).sum();
        self.result.missing_share = if units > 0 { missing as f64 / units as f64 } else { 0.0 };
        let closed = self.window.end.is_none();
        self.result.is_final = !closed && day.is_none();

        let watches = pairs::harm(self.stored, &self.counted, self.until, &compared)?;
        self.result.harm =
            watches.iter().map(|(variant, watch)| pairs::harm_shown(plan, *variant, watch)).collect();
        let Some(&first) = compared.first() else {
            self.say(
                AbVerdict::Undecided,
                "**Undecided.** No variant but the control has a weight.".to_owned(),
            );
            return Ok(());
        };
        let broken = split.mismatch || day.is_some();
        if let ([(_, watch)], false) = (watches.as_slice(), broken)
            && let Some(sentence) = watch.sentence()
        {
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
            let verdict = if broken || self.window.cutoff.is_some() {
                report.verdict()?
            } else {
                AbVerdict::Collecting
            };
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

    fn anytime(&mut self) -> Result<()> {
        let day = self.day();
        let split = self.result.split.clone();
        let compared = self.compared();
        let &[variant] = compared.as_slice() else { return Ok(()) };
        let found = pairs::anytime(self.stored, &self.counted, variant)?;
        let grace = self.plan.grace_micros();
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
        let (verdict, sentence) = (report.anytime_verdict(&found)?, report.anytime_sentence(&found)?);
        if matches!(verdict, AbVerdict::BBetter | AbVerdict::BBetterSmall) {
            self.best = Some(variant);
        }
        self.result.is_final = !verdict.is_before_the_interval();
        if self.result.is_final {
            self.result.data_hash = Some(self.data_hash()?);
        }
        self.result.anytime = Some(pairs::shown(&found, self.plan.range.is_none()));
        self.say(verdict, self.named(variant, &sentence));
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
