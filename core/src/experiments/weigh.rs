//! Weighing: each variant against the control, corrected for how many there are, and the guardrails of the one that is better.

use serde_json::json;

use super::judge::Case;
use super::observe::{Asked, Unit, observe};
use super::report::{ComparisonResult, SplitResult};
use super::versus::{Arm, compare, guard};
use crate::codec::canonical::to_canonical;
use crate::codec::hash::{Domain, Hasher};
use crate::error::Result;
use crate::model::experiment::Analysis;
use crate::model::id::ContentId;
use crate::stats::display::count;
use crate::stats::{self, AbVerdict};
use crate::storage::kv::Read;

impl Case<'_> {
    pub(super) fn compare_all(&mut self, compared: &[usize], split: &SplitResult) -> Result<()> {
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

    pub(super) fn data_hash(&self) -> Result<ContentId> {
        let mut hasher = Hasher::new(Domain::ExperimentResult);
        for unit in &self.counted {
            let name = self.plan.variants.get(unit.exposure.variant).map_or("", |v| v.name.as_str());
            hasher.update_text(&unit.exposure.unit);
            hasher.update_text(name);
            hasher.update_text(&to_canonical(&json!(unit.values(self.until)))?);
        }
        Ok(hasher.finish())
    }

    /// The guardrails of the variant that is better: all of them must hold, or it does not win.
    pub(super) fn hold_guardrails(&mut self, tx: &(impl Read + ?Sized), winner: usize) -> Result<()> {
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
}
