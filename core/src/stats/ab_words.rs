//! What a person reads of an experiment: the verdicts of statistics.md, section 2, word for word.

use super::ab_report::{AbEstimate, AbReport, AbScale};
use super::display::{bound, chosen, count, decimals, number, p_value, percent, signed};
use super::lock::{AbVerdict, MOST_MISSING};
use super::power::{Sides, Target, n_two_sample};

impl AbReport<'_> {
    /// Added where the numbers would otherwise be read the wrong way round.
    pub(super) fn mirrored(&self) -> &'static str {
        if self.higher_is_better {
            ""
        } else {
            " Lower is better here; differences are counted so that + is better."
        }
    }

    fn units_needed(&self, delta: f64, shown: &Shown<'_>) -> Option<String> {
        let target = Target { delta, alpha: self.alpha, power: self.power, sides: Sides::Two };
        let sd = self.sd?;
        let ratio = match self.split.map(|split| split.planned) {
            Some(&[a, b]) if a > 0.0 && b > 0.0 => b / a,
            _ => 1.0,
        };
        let n = n_two_sample(target, (sd, sd), ratio).ok()?;
        let needs = if n.n_a == n.n_b {
            format!("{} {} per variant", count(n.n_a), self.units)
        } else {
            format!("{}+{} {}", count(n.n_a), count(n.n_b), self.units)
        };
        Some(format!(
            " This experiment was large enough for {} with {} power; deciding {} needs {needs}.",
            shown.amount(self.margin),
            percent(self.power),
            shown.amount(delta),
        ))
    }

    fn broken_split(&self) -> String {
        let Some(split) = self.split else {
            return "**No verdict: the split is broken.** Something removes users from one variant; fix that \
            before reading \
                    any result."
                .replace("users", self.units);
        };
        let total: f64 = split.planned.iter().sum();
        let share = |w: &f64| percent(w / total).trim_end_matches('%').to_owned();
        let planned: Vec<String> = split.planned.iter().map(share).collect();
        let seen: Vec<String> = split.seen.iter().map(|&n| count(n)).collect();
        let p = split.p_value.map_or(String::new(), |p| format!(" ({})", p_value(p)));
        format!(
            "**No verdict: the split is broken.** Planned {}, seen {}{p}. Something removes {} from one \
             variant; fix that \
             before reading any result.",
            planned.join("/"),
            seen.join("/"),
            self.units
        )
    }

    fn still_collecting(&self) -> String {
        // 1 in 20 and 1 in 4 are what was measured at 5 %.
        let looking = if self.alpha == 0.05 {
            "would turn 1 false alarm in 20 into 1 in 4"
        } else {
            "would multiply the false alarms"
        };
        format!(
            "**Still collecting: {} of {} {} in the smaller variant.** The result stays closed until then; \
             looking early and \
             stopping on a good day {looking}.",
            count(self.fewest()),
            count(self.n_planned),
            self.units
        )
    }

    fn too_many_missing(&self) -> String {
        let (share, [a, b]) = (self.missing_share(), self.arms);
        let limit = percent(MOST_MISSING);
        // 5.04 % must not be shown as what is still allowed.
        let share = if percent(share) == limit { format!("more than {limit}") } else { percent(share) };
        format!(
            "**No verdict: {share} of the {} have no score ({} in A, {} in B).**",
            self.units,
            count(a.missing),
            count(b.missing)
        )
    }
}

impl AbVerdict {
    /// What a person reads. Differences are counted in the good direction; "worse by" is, like its
    /// interval, a positive number.
    ///
    /// # Source
    /// statistics.md, section 2.
    pub fn sentence(self, about: &AbReport<'_>) -> String {
        match self {
            AbVerdict::InvalidSrm => return about.broken_split(),
            AbVerdict::InvalidJudgeChanged => {
                let on = about.judge_changed.map_or(String::new(), |date| format!(" on {date}"));
                return format!(
                    "**No verdict: the judge changed{on}.** Scores before and after are not comparable. \
                     Re-score with one \
                     judge version."
                );
            }
            AbVerdict::Collecting => return about.still_collecting(),
            AbVerdict::InvalidMissing => return about.too_many_missing(),
            _ => {}
        }
        let Some(estimate) = about.estimate else {
            return "**Undecided.** There is no interval: no score varies, or too few units have one."
                .to_owned();
        };
        let shown = Shown::new(about, estimate);
        let (unit, margin) = (shown.unit, shown.amount(about.margin));
        let confidence = percent(1.0 - about.alpha);
        let scored = about.arms.map(|arm| count(arm.units.saturating_sub(arm.missing))).join("+");
        let interval = |(by, low, high): (String, String, String)| {
            (
                by,
                format!("({confidence} CI {low} to {high}, n = {scored})"),
                format!("({confidence} CI {low} to {high})"),
            )
        };
        let sentence = match self {
            AbVerdict::BBetter => {
                let (by, ci, _) = interval(shown.better());
                format!("**B is better** by {by} {unit} {ci}.")
            }
            AbVerdict::BBetterSmall => {
                let (by, _, ci) = interval(shown.better());
                let by = shown.counted(by);
                format!("**B is better, but by less than matters:** {by} {ci}; you asked for {margin}.")
            }
            AbVerdict::BWorse => {
                let (by, ci, _) = interval(shown.worse());
                format!("**B is worse** by {by} {unit} {ci}.")
            }
            AbVerdict::BWorseSmall => {
                let (by, _, ci) = interval(shown.worse());
                let by = shown.counted(by);
                format!("**B is worse, but by less than matters:** {by} {ci}; you asked for {margin}.")
            }
            AbVerdict::NoMeaningfulDifference => {
                let (_, _, ci) = interval(shown.better());
                let margin = shown.chosen(about.margin);
                format!(
                    "**No difference that matters:** any difference is smaller than {margin} {unit} {ci}."
                )
            }
            _ => {
                let needed = about.units_needed(about.margin / 2.0, &shown).unwrap_or_default();
                format!("**Undecided.** {}.{needed}", shown.anything())
            }
        };
        sentence + about.mirrored()
    }
}

/// An estimate in the unit that a person reads, in the good direction.
pub(super) struct Shown<'a> {
    pub(super) e: AbEstimate,
    decimals: usize,
    factor: f64,
    pub(super) unit: &'a str,
    /// Scores are in points, and need not say so each time.
    plain: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn new(about: &'a AbReport<'_>, estimate: AbEstimate) -> Shown<'a> {
        let (factor, good) = (about.scale.factor(), estimate.good(about.higher_is_better));
        let e = AbEstimate {
            diff: good.diff * factor,
            ci_low: good.ci_low * factor,
            ci_high: good.ci_high * factor,
        };
        let decimals = decimals((e.ci_high - e.ci_low) / 2.0);
        Shown { e, decimals, factor, unit: about.scale.name(), plain: about.scale == AbScale::Points }
    }

    /// By how much B is better, and the interval of that.
    pub(super) fn better(&self) -> (String, String, String) {
        let d = self.decimals;
        (number(self.e.diff, d), bound(self.e.ci_low, d), bound(self.e.ci_high, d))
    }

    /// By how much it is worse.
    pub(super) fn worse(&self) -> (String, String, String) {
        let d = self.decimals;
        (number(-self.e.diff, d), bound(-self.e.ci_high, d), bound(-self.e.ci_low, d))
    }

    fn counted(&self, by: String) -> String {
        if self.plain { by } else { format!("{by} {}", self.unit) }
    }

    fn chosen(&self, x: f64) -> String {
        // 0.07·100 is 7.000000000000001.
        let scaled = libm::round(x * self.factor * 1e9) / 1e9;
        chosen(if scaled.is_finite() && scaled != 0.0 { scaled } else { x * self.factor }, self.decimals)
    }

    fn amount(&self, x: f64) -> String {
        self.counted(self.chosen(x))
    }

    pub(super) fn anything(&self) -> String {
        let (low, high) = (signed(self.e.ci_low, self.decimals), signed(self.e.ci_high, self.decimals));
        format!("The data fit anything from {low} to {high} {}", self.unit)
    }
}
