//! Judgement: evidence becomes a verdict.
//!
//! Fails closed: a missing row, a missing score or runs that can't be compared are cannot-tell, never a pass.

mod checks;
mod evidence;
mod rates;
pub(crate) mod store;

pub(crate) use evidence::{Evidence, OnDataset, Side};

use crate::codec::hash::{Domain, Object};
use crate::error::{Error, Result};
use crate::model::gate::Gate;
use crate::model::time::Timestamp;
use crate::model::verdict::{CheckResult, EvidenceRef, Outcome, Verdict, VerdictKey};

/// Judges a version by its gate.
pub(crate) fn judge(gate: &Gate, evidence: &Evidence, key: VerdictKey, at: Timestamp) -> Result<Verdict> {
    let checks =
        gate.checks.iter().map(|check| checks::run(gate, check, evidence)).collect::<Result<Vec<_>>>()?;
    let outcome = if checks.iter().any(|c| c.outcome == Outcome::Fail) {
        Outcome::Fail
    } else if checks.iter().any(|c| c.outcome == Outcome::CannotTell) {
        Outcome::CannotTell
    } else {
        Outcome::Pass
    };
    let mut verdict = Verdict {
        id: key.version_id,
        outcome,
        sentence: sentence(&key, outcome, &checks),
        key,
        checks,
        evidence: evidence.refs(),
        at,
    };
    verdict.id = object(&verdict)?.id;
    Ok(verdict)
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
