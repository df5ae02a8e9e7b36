//! Judgement: evidence becomes a verdict.
//!
//! Fails closed: a missing row, a missing score or runs that can't be compared are cannot-tell, never a pass.

mod checks;
mod evidence;
mod items;
mod look;
mod means;
mod rates;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use evidence::{Evidence, OnDataset, Side};

use crate::codec::hash::{Domain, Object};
use crate::error::{Error, Result};
use crate::model::gate::{Gate, Inconclusive};
use crate::model::time::Timestamp;
use crate::model::verdict::{CheckResult, EvidenceRef, Open, Outcome, Verdict, VerdictKey};

/// From so many versions on a reader is told that a set wears out: whoever chooses among many by one set chooses
/// what fits that set.
const WORN_OUT: u64 = 20;

/// Judges a version by its gate.
pub(crate) fn judge(gate: &Gate, evidence: &Evidence, key: VerdictKey, at: Timestamp) -> Result<Verdict> {
    let run = |check| checks::run(gate, check, evidence, 1);
    let mut checks = gate.checks.iter().map(run).collect::<Result<Vec<_>>>()?;
    share_the_level(gate, evidence, &mut checks)?;
    let outcome = if checks.iter().any(|c| c.outcome == Outcome::Fail) {
        Outcome::Fail
    } else if checks.iter().any(|c| c.outcome == Outcome::CannotTell) {
        Outcome::CannotTell
    } else {
        Outcome::Pass
    };
    // The policy is for what the data leave open, not for what is missing or was never measured.
    let only_open = checks.iter().all(|c| c.outcome != Outcome::CannotTell || c.open == Some(Open::NotShown));
    let undecided = outcome == Outcome::CannotTell && only_open;
    let allowed = undecided && gate.inconclusive == Inconclusive::Allow;
    let mut text = sentence(&key, outcome, &checks);
    if undecided {
        text.push_str(if allowed { " [policy: allowed]" } else { " [policy: blocked]" });
    }
    for (name, on) in evidence.datasets.iter().filter(|(_, on)| on.tried >= WORN_OUT) {
        text.push_str(&format!(" {name} has been used {} times to choose; refresh its items.", on.tried));
    }
    let withdrawn = evidence.withdrawn();
    if !withdrawn.is_empty() {
        let runs = words::count(withdrawn.len() as u64, "run was", "runs were");
        text.push_str(&format!(" {runs} withdrawn, and still counts as a try."));
    }
    let mut verdict = Verdict {
        id: key.version_id,
        outcome,
        sentence: text,
        key,
        checks,
        evidence: evidence.refs(),
        withdrawn,
        allowed,
        at,
    };
    verdict.id = object(&verdict)?.id;
    Ok(verdict)
}

/// "Blocked if any of m checks is proven worse" would be false up to m·alpha of the time: where several bounds can
/// say fail, they must say it at Holm's levels. A pass needs all of them, and no correction.
fn share_the_level(gate: &Gate, evidence: &Evidence, results: &mut [CheckResult]) -> Result<()> {
    let bounds = gate.checks.iter().filter(|check| check.by_bound()).count() as u64;
    if bounds < 2 {
        return Ok(());
    }
    let of = || gate.checks.iter().enumerate().filter(|(_, check)| check.by_bound());
    let mut open: Vec<usize> =
        of().map(|(i, _)| i).filter(|&i| results[i].outcome == Outcome::Fail).collect();
    let mut proven = 0;
    // Step down: whatever fails at alpha/(m - the number proven so far) is proven, until nothing more is.
    loop {
        let mut left = Vec::new();
        for &i in &open {
            if checks::run(gate, &gate.checks[i], evidence, bounds - proven)?.outcome != Outcome::Fail {
                left.push(i);
            }
        }
        let found = (open.len() - left.len()) as u64;
        (open, proven) = (left, proven + found);
        if found == 0 || open.is_empty() {
            break;
        }
    }
    for i in open {
        let result = &mut results[i];
        (result.outcome, result.open) = (Outcome::CannotTell, Some(Open::NotShown));
        result.sentence = format!(
            "alone it would fail; among {bounds} checks that is not enough to be shown (Holm). {}",
            result.sentence
        );
    }
    Ok(())
}

fn sentence(key: &VerdictKey, outcome: Outcome, checks: &[CheckResult]) -> String {
    let subject = format!("{} version {} for {}", key.prompt, key.version, key.label);
    let reasons = |wanted: Outcome| {
        let texts = checks.iter().filter(|c| c.outcome == wanted).map(|c| {
            let metric = c.metric.as_ref().map(|m| format!("({m})")).unwrap_or_default();
            format!("{}{metric}: {}", c.check, c.sentence)
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    match outcome {
        Outcome::Pass if checks.len() == 1 => format!("Pass: {subject}. {}", reasons(outcome)),
        Outcome::Pass => format!("Pass: {subject}. All {} checks hold.", checks.len()),
        Outcome::Fail => format!("Fail: {subject}. {}", reasons(outcome)),
        Outcome::CannotTell => format!("Cannot tell: {subject}. {}", reasons(outcome)),
    }
}

/// The verdict as it is stored; its id covers everything but the id and the time, so that the same evidence
/// judged twice is the same verdict.
pub(crate) fn object(verdict: &Verdict) -> Result<Object> {
    let damaged = |e: serde_json::Error| Error::DamagedRecord { record: "verdict", reason: e.to_string() };
    let mut value = serde_json::to_value(verdict).map_err(damaged)?;
    if let Some(members) = value.as_object_mut() {
        members.remove("id");
        members.remove("at");
    }
    Object::new(Domain::Verdict, &value)
}

impl Evidence {
    fn refs(&self) -> Vec<EvidenceRef> {
        let mut refs: Vec<EvidenceRef> = Vec::new();
        for side in self.sides() {
            for run in &side.runs {
                let Some(rows_root) = run.rows_root else { continue };
                if !refs.iter().any(|known| known.run == run.id) {
                    refs.push(EvidenceRef { run: run.id, version: run.version, rows_root });
                }
            }
        }
        refs
    }
}
