//! What a person reads of a canary: statistics.md (h), word for word.

use super::display::{count, number};
use super::drift::Drift;

/// Where a canary stands, as far as a sentence needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DriftPhase {
    /// The detector has not started.
    Baseline {
        /// Runs so far.
        runs: usize,
        /// Runs that the baseline has.
        of: usize,
    },
    /// Nothing was noticed.
    Quiet {
        /// Runs since the baseline was over.
        watched: usize,
    },
    /// The model's answers changed.
    Model {
        /// The alarm level A.
        alarm_level: f64,
    },
    /// The scores of stored outputs changed, so it is the judge that did.
    Judge {
        /// The alarm level A.
        alarm_level: f64,
    },
    /// Too few items of the last run have a score.
    Unreadable {
        /// Items that have one.
        scored: usize,
        /// Whether it would have been the first run of a baseline, which no earlier mean can complete.
        first: bool,
    },
}

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
    /// Where the canary stands by this detector alone.
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::{Drift, DriftPhase, DriftPlan};
    /// let drift = Drift::new(20, DriftPlan::default())?;
    /// assert_eq!(drift.phase(), DriftPhase::Baseline { runs: 0, of: 20 });
    /// # Ok::<(), trialplate::Error>(())
    /// ```
    pub fn phase(&self) -> DriftPhase {
        let (runs, plan) = (self.runs(), self.plan());
        if runs <= plan.baseline_runs {
            DriftPhase::Baseline { runs, of: plan.baseline_runs }
        } else if self.is_alarmed() {
            DriftPhase::Model { alarm_level: plan.alarm_level }
        } else {
            DriftPhase::Quiet { watched: runs - plan.baseline_runs }
        }
    }

    /// What a person reads of the canary now.
    ///
    /// # Shapes and units
    /// As [`DriftPhase::sentence`].
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
        self.phase().sentence(about)
    }
}

impl DriftPhase {
    /// What a person reads.
    ///
    /// # Shapes and units
    /// Means with one decimal, or as many as tell them apart; `about` is asked for what belongs to the phase, and
    /// ignored otherwise.
    ///
    /// # Source
    /// statistics.md (h).
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::{DriftPhase, DriftReport};
    /// let about = DriftReport { around: "", means: (0.0, 0.0), items: 20, most_affected: &[], noticed: Some((0.3, 5.0)) };
    /// assert_eq!(
    ///     DriftPhase::Quiet { watched: 41 }.sentence(&about),
    ///     "No sign of change in 41 runs. A drop of 0.3 points would be noticed in about 5 runs."
    /// );
    /// ```
    pub fn sentence(&self, about: &DriftReport<'_>) -> String {
        let items = count(about.items as u64);
        let (before, after) = means(about.means);
        let affected = match about.most_affected {
            [] => String::new(),
            names => format!("; most affected: {}", names.join(", ")),
        };
        match *self {
            DriftPhase::Baseline { runs, of } => {
                format!("Baseline: {} of {} runs.", count(runs as u64), count(of as u64))
            }
            DriftPhase::Quiet { watched } => {
                let noticed = about.noticed.map_or(String::new(), |(drop, after)| {
                    format!(
                        " A drop of {} points would be noticed in about {} runs.",
                        number(drop, 1),
                        number(after, 0)
                    )
                });
                format!("No sign of change in {} runs.{noticed}", count(watched as u64))
            }
            DriftPhase::Model { alarm_level } => format!(
                "**The model's answers changed around {}.** Mean {before}→{after} on {items} canary \
                 items{affected}. Nothing was \
                 deployed on your side. Such an alarm appears by chance at most once in {} runs. \
                 Next: full golden-set run.",
                about.around,
                number(alarm_level, 0),
            ),
            DriftPhase::Judge { alarm_level } => format!(
                "**The judge's scores changed around {}, so this says nothing about the model.** Mean \
                 {before}→{after} on the same stored outputs of {items} canary items{affected}. \
                 Such an alarm appears by chance at most once in {} runs. \
                 Next: check the judge against human labels, then full golden-set run.",
                about.around,
                number(alarm_level, 0),
            ),
            DriftPhase::Unreadable { scored, first } => {
                let needed =
                    if first { "the first run of a baseline needs them all" } else { "90% are needed" };
                format!(
                    "Cannot tell: {} of {items} canary items have a score in the last run, and {needed}. \
                     It is not used.",
                    count(scored as u64)
                )
            }
        }
    }
}

fn means((before, after): (f64, f64)) -> (String, String) {
    let mut texts = (1..=4).map(|decimals| (number(before, decimals), number(after, decimals)));
    let differ = texts.find(|(before, after)| before != after);
    differ.unwrap_or_else(|| (number(before, 1), number(after, 1)))
}
