//! What a difference says, in a word and in sentences.

use super::metric::MetricComparison;
use crate::model::score::Direction;
use crate::stats::display::{bound, chosen, counted, decimals, number, p_value, percent, signed};

/// More than this share of the items without a score, and there is no verdict.
pub(super) const MISSING_ALLOWED: f64 = 0.02;

/// The verdict of an interval, by the table of verdicts: rows 5 to 10.
///
/// `claimed` is whether a difference may be claimed at all once all metrics are counted.
pub(super) fn of_interval(
    (low, high): (f64, f64),
    direction: Direction,
    margin: Option<f64>,
    claimed: bool,
) -> &'static str {
    let (low, high) = if direction == Direction::Higher { (low, high) } else { (-high, -low) };
    let small = |far: f64| margin.is_some_and(|margin| far < margin);
    match margin {
        _ if claimed && low > 0.0 => {
            if small(high) {
                "b_better_small"
            } else {
                "b_better"
            }
        }
        _ if claimed && high < 0.0 => {
            if small(-low) {
                "b_worse_small"
            } else {
                "b_worse"
            }
        }
        Some(margin) if -margin < low && high < margin => "no_meaningful_difference",
        _ => "undecided",
    }
}

/// How the metrics together bear on one of them.
pub(super) struct Family {
    /// How many p-values were adjusted together.
    pub(super) size: usize,
    pub(super) alpha: f64,
}

impl MetricComparison {
    /// All of it in sentences.
    pub(super) fn words(&self, family: &Family) -> String {
        let items = |n: u64| counted(n, "item", "items");
        let moved = format!(
            "{} got better, {} worse, {} stayed.",
            items(self.improved),
            self.regressed,
            self.unchanged
        );
        // Scores of two judges are two different things: the figures stay, and say nothing.
        if self.verdict == "not_comparable" {
            return self.head(0);
        }
        let no_verdict =
            if self.verdict == "invalid_missing" { format!("{} ", self.head(0)) } else { String::new() };
        let (Some(diff), Some(a), Some(b)) = (self.diff, self.mean_a, self.mean_b) else {
            let what = match self.n {
                0 => "no item is scored in both runs as the same item",
                _ => "the scores are too large to compute with",
            };
            return format!("{no_verdict}Not compared: {what}.");
        };
        let (Some(low), Some(high), Some(p)) = (self.ci_low, self.ci_high, self.p_value) else {
            let what = match (self.n, self.n_clusters) {
                (0 | 1, _) => "one item is no comparison",
                (_, Some(0 | 1)) => "one cluster is no comparison",
                _ if self.improved + self.regressed == 0 => "no item moved",
                _ => "every item moved by the same amount",
            };
            return format!(
                "{no_verdict}On the same {} B scores {diff:+.3} points; {what}. {moved}",
                items(self.n)
            );
        };
        let places = decimals((high - low) / 2.0);
        let within = self.n_clusters.map(|n| format!(" in {}", counted(n, "cluster", "clusters")));
        let mut words = vec![
            self.head(places),
            format!(
                "On the same {}{} B scores {} points ({} CI {} to {}, {}): {} became {}.",
                items(self.n),
                within.unwrap_or_default(),
                signed(diff, places),
                percent(1.0 - family.alpha),
                signed(low, places),
                signed(high, places),
                p_value(p),
                number(a, places),
                number(b, places),
            ),
            moved,
        ];
        words.extend(self.asides(places, family));
        words.join(" ")
    }

    fn head(&self, places: usize) -> String {
        let margin = self.margin.map(|margin| chosen(margin, places)).unwrap_or_default();
        match self.verdict.as_str() {
            "b_better" => "B is better.".to_owned(),
            "b_better_small" => format!("B is better, but by less than matters ({margin})."),
            "b_worse" => "B is worse.".to_owned(),
            "b_worse_small" => format!("B is worse, but by less than matters ({margin})."),
            "no_meaningful_difference" => {
                format!("No difference that matters: any difference is smaller than {margin} points.")
            }
            "invalid_missing" => self.too_many_missing(),
            "not_comparable" => "No verdict: the two runs took this metric from different scorers, so their scores are not comparable. Score both with one.".to_owned(),
            "exploratory" => "Not a verdict; where to look next.".to_owned(),
            _ => "Undecided.".to_owned(),
        }
    }

    fn too_many_missing(&self) -> String {
        let share = percent(self.missing_share.unwrap_or(f64::NAN));
        format!(
            "No verdict: {share} of the items have no score in one of the runs ({} in A, {} in B), and those may be the bad ones; {} may lack one. Score them, or record a failed output with the worst score.",
            self.n_missing_a,
            self.n_missing_b,
            percent(MISSING_ALLOWED)
        )
    }

    /// What else bears on it.
    fn asides(&self, places: usize, family: &Family) -> Vec<String> {
        let mut words = Vec::new();
        if let (Some(p), Some(adjusted)) = (self.p_value, self.p_holm)
            && family.size > 1
            && p <= family.alpha
        {
            let claim = if adjusted <= family.alpha { "" } else { ", so nothing is claimed" };
            words.push(format!("Over {} metrics {} (Holm){claim}.", family.size, p_value(adjusted)));
        }
        if let (Some(mde), "undecided") = (self.mde, self.verdict.as_str()) {
            words.push(format!("A difference of {} would be seen with 80% power.", number(mde, places)));
        }
        if let Some(found) = &self.mcnemar {
            words.push(match found.only_a + found.only_b {
                0 => "No item changed between pass and fail.".to_owned(),
                _ => format!(
                    "{} passed only in A, {} only in B (exact McNemar {}).",
                    found.only_a,
                    found.only_b,
                    p_value(found.p_value)
                ),
            });
        }
        if let Some(floor) = &self.noise_floor {
            let shown =
                if floor.largest.is_some_and(|most| most > floor.half_width) { floor.largest } else { None };
            let half = bound(shown.unwrap_or(floor.half_width), places);
            let runs = if floor.source == "runs" {
                "runs of one version show"
            } else {
                "runs of one version would show, by their trials"
            };
            words.push(if floor.within {
                format!("The difference lies within what two {runs} (±{half}).")
            } else {
                format!("It is more than two {runs} (±{half}).")
            });
        }
        if let (Some(share), Some(advice)) = (self.repeat_share, &self.repeat_advice) {
            words.push(format!("Trials make {} of the noise: {advice}.", percent(share)));
        }
        if let Some(worst) = &self.worst_case {
            let figures = format!(
                "{} ({} to {})",
                signed(worst.diff, places),
                signed(worst.ci_low, places),
                signed(worst.ci_high, places)
            );
            let missing = counted(worst.items, "missing item", "missing items");
            if !worst.holds {
                words.push(format!("With the {missing} scored against B it could be {figures}."));
            }
        }
        words
    }
}
