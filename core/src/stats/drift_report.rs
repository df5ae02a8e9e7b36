//! What a person reads of a canary: statistics.md (h), word for word.

use super::display::{count, number};
use super::drift::Drift;

/// What a sentence about a canary says besides the detector's own numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftReport<'a> {
    /// When the answers changed, as a person writes it.
    pub around: &'a str,
    /// The mean before and after, in the metric's own unit.
    pub means: (f64, f64),
    /// Fixed items.
    pub items: usize,
    /// The items whose scores moved most, by name.
    pub most_affected: &'a [&'a str],
    /// A drop, in the metric's own unit, and after how many runs it would be noticed.
    pub noticed: Option<(f64, f64)>,
}

impl Drift {
    /// What a person reads of the canary now.
    ///
    /// # Shapes and units
    /// Means with one decimal, or as many as tell them apart; `about` is asked for what belongs to an
    /// alarm or to a quiet canary, and ignored otherwise.
    ///
    /// # Source
    /// statistics.md (h).
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::{Drift, DriftPlan, DriftReport};
    /// let drift = Drift::new(20, DriftPlan::default())?;
    /// let about = DriftReport { around: "", means: (0.0, 0.0), items: 20, most_affected: &[], noticed: None };
    /// assert_eq!(drift.sentence(&about), "Baseline: 0 of 20 runs.");
    /// # Ok::<(), trialplate::Error>(())
    /// ```
    pub fn sentence(&self, about: &DriftReport<'_>) -> String {
        let (runs, plan) = (self.runs(), self.plan());
        if runs <= plan.baseline_runs {
            return format!("Baseline: {} of {} runs.", count(runs as u64), count(plan.baseline_runs as u64));
        }
        if self.is_alarmed() {
            let affected = match about.most_affected {
                [] => String::new(),
                names => format!("; most affected: {}", names.join(", ")),
            };
            let (before, after) = means(about.means);
            return format!(
                "**The model's answers changed around {}.** Mean {before}→{after} on {} canary \
                 items{affected}. Nothing was \
                 deployed on your side. Such an alarm appears by chance at most once in {} runs. \
                 Next: full golden-set run.",
                about.around,
                count(about.items as u64),
                number(plan.alarm_level, 0),
            );
        }
        let watched = count((runs - plan.baseline_runs) as u64);
        let noticed = about.noticed.map_or(String::new(), |(drop, after)| {
            format!(
                " A drop of {} points would be noticed in about {} runs.",
                number(drop, 1),
                number(after, 0)
            )
        });
        format!("No sign of change in {watched} runs.{noticed}")
    }
}

fn means((before, after): (f64, f64)) -> (String, String) {
    let mut texts = (1..=4).map(|decimals| (number(before, decimals), number(after, decimals)));
    let differ = texts.find(|(before, after)| before != after);
    differ.unwrap_or_else(|| (number(before, 1), number(after, 1)))
}
