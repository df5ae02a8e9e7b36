//! What a calibration says to a person.

use super::{Calibration, JudgeLevel, LABELS_NEEDED, USABLE};
use crate::stats::display::{counted as count, percent_short as percent, short};

pub(super) fn sentence(found: &Calibration, lower_is_better: bool) -> String {
    let all = &found.all;
    let labels = count(all.n, "label", "labels");
    let agreement = all.agreement.map_or_else(|| "unknown".to_owned(), percent);
    let mut text = match (all.kappa, all.kappa_low, all.kappa_high) {
        (Some(kappa), Some(low), Some(high)) => format!(
            "The judge agrees with people κ = {kappa:.2} ({low:.2} to {high:.2}), {labels}; raw agreement {agreement}."
        ),
        _ => format!(
            "Kappa is not defined on {labels}, because only one category was ever given or there are fewer than two; raw agreement {agreement}."
        ),
    };
    // One category with nearly all labels makes kappa small however well both agree.
    if let Some((name, share)) = found.prevalence.iter().find(|(_, share)| **share >= 0.9) {
        text.push_str(&format!(
            " People gave {name} to {}, and kappa collapses where one has nearly all.",
            percent(*share)
        ));
    }
    if let Some(bias) = all.bias {
        let kind = if lower_is_better { -bias } else { bias };
        let word = match kind {
            kind if kind > 0.0 => "too kind",
            kind if kind < 0.0 => "too strict",
            _ => "neither too kind nor too strict",
        };
        text.push_str(&match kind {
            0.0 => format!(" On average it is {word}"),
            _ => format!(" It is {} points {word}", short(bias.abs())),
        });
        text.push_str(&match (found.corrected_mean, found.corrected_low, found.corrected_high) {
            (Some(mean), Some(low), Some(high)) => {
                format!("; corrected mean {mean:.2} (95 % CI {low:.2} to {high:.2}).")
            }
            _ => ".".to_owned(),
        });
    }
    text.push_str(&match found.level {
        JudgeLevel::Usable => " Usable: a gate may decide by this judge.".to_owned(),
        JudgeLevel::UsableWithSpotChecks => format!(
            " Usable with human spot checks; a gate needs a kappa whose interval begins at {USABLE} or above."
        ),
        JudgeLevel::NotUsable if found.units < LABELS_NEEDED => format!(
            " Not usable for gates: {} labelled, {LABELS_NEEDED} are needed, drawn at random.",
            count(found.units, "unit is", "units are")
        ),
        JudgeLevel::NotUsable => " Not usable for gates.".to_owned(),
    });
    text
}
