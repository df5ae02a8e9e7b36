//! The whole store checked: every hash, and every link from a label to the scores it rests on.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Store;
use crate::calibration::store as calibrations;
use crate::codec::hash::Object;
use crate::datasets::read as datasets;
use crate::drift::{check as drift, store as canaries};
use crate::error::{Error, Kind, Result};
use crate::experiments::lifecycle as experiments;
use crate::gates::store as gates;
use crate::model::event::Event;
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::model::run::Run;
use crate::model::verdict::Outcome;
use crate::model::version::LabelMove;
use crate::prompts::query::{self, PromptFilter};
use crate::prompts::{labels, versions};
use crate::runs::lifecycle;
use crate::storage::kv::{Flow, Order, Read, Space};
use crate::storage::log;
use crate::traces;

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether every hash and every link holds.
    pub ok: bool,
    /// The first one that does not, in words.
    pub broken: Option<String>,
    /// Entries of the log whose hash chain was followed.
    pub events: u64,
    /// Objects whose id was recomputed from their bytes.
    pub objects: u64,
    /// Prompts.
    pub prompts: u64,
    /// Versions whose content is the one their id names.
    pub versions: u64,
    /// Labels that point where the log says.
    pub labels: u64,
    /// Verdicts whose evidence is what it was.
    pub verdicts: u64,
    /// Dataset versions whose root hash was recomputed.
    pub dataset_versions: u64,
    /// Finished runs whose rows hash to what they did.
    pub runs: u64,
    /// Canaries whose histories are what the log says, and whose scores are those of their runs.
    pub canaries: u64,
    /// Calibrations of judges that are what the log says.
    pub calibrations: u64,
    /// Traces whose version is there, with the content that they name.
    pub traces: u64,
    /// Scores of traces that are there.
    pub scores: u64,
    /// Experiments whose plan and result are what their ids say.
    pub experiments: u64,
    /// Enrolled units, numbered without a gap.
    pub exposures: u64,
}

/// The first broken link, or whatever else reading came upon.
enum Halt {
    Broken(String),
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        match error {
            // Something that is named and can't be found or read is a broken link, not a failure of the check.
            error if matches!(error.kind(), Kind::NotFound | Kind::Invalid | Kind::Corrupt) => {
                Halt::Broken(error.to_string())
            }
            error => Halt::Failed(error),
        }
    }
}

type Checked<T = ()> = std::result::Result<T, Halt>;

fn broken(text: String) -> Halt {
    Halt::Broken(text)
}

impl Store {
    /// Checks every hash and every link: log, labels, verdicts, evidence, runs, datasets, versions, canaries,
    /// calibrations, traces.
    ///
    /// # Errors
    /// Only if the file can't be read. What is wrong inside is in the report, the first broken link by name.
    pub fn verify(&self) -> Result<Report> {
        self.recorder.wait();
        self.read(report)
    }
}

/// What holds of one state of a store.
pub(super) fn report(tx: &dyn Read) -> Result<Report> {
    let mut report = Report::default();
    match walk(tx, &mut report) {
        Ok(()) => report.ok = true,
        Err(Halt::Broken(text)) => report.broken = Some(text),
        Err(Halt::Failed(error)) => return Err(error),
    }
    Ok(report)
}

fn walk(tx: &dyn Read, report: &mut Report) -> Checked {
    report.events = log::verify_chain(tx)?.map_err(broken)?;
    check_objects(tx, report)?;
    let runs = check_runs(tx, report)?;
    check_datasets(tx, report)?;
    check_traces(tx, report)?;
    (report.experiments, report.exposures) = experiments::check(tx)?;
    // The log's last word on each label.
    let mut last: BTreeMap<(PromptName, Label), LabelMove> = BTreeMap::new();
    let mut moves: Vec<LabelMove> = Vec::new();
    let (mut said, mut logged) = (BTreeMap::new(), drift::Logged::new());
    let mut calibrated = calibrations::Logged::new();
    log::visit(tx, 0, &mut |event| {
        note(&event, &mut said);
        drift::note(&event, &mut logged)?;
        calibrations::note(&event, &mut calibrated);
        if event.kind == "label.moved" || event.kind == "label.removed" {
            moves.extend(labels::move_of(event));
        }
        Ok(Flow::Continue)
    })?;
    check_said(tx, &said)?;
    check_canaries(tx, logged, report)?;
    report.calibrations = calibrations::check(tx, &calibrated)?.map_err(broken)?;
    for step in moves {
        if let Some(id) = step.verdict {
            check_verdict(tx, &step, id, &runs)?;
            report.verdicts += 1;
        }
        last.insert((step.prompt.clone(), step.label.clone()), step);
    }
    for prompt in query::prompts(tx, &PromptFilter::default())? {
        report.prompts += 1;
        // One at a time: a prompt may have a million.
        for number in 1..=versions::latest(tx, &prompt.name)? {
            let version = versions::load(tx, &prompt.name, number)?;
            report.versions += 1;
            // Through its id, so that what finds a version by its content is checked too.
            versions::resolve(tx, &prompt.name, &(&version).into())?;
        }
        for (label, number) in &prompt.labels {
            let said = last.remove(&(prompt.name.clone(), label.clone())).and_then(|step| step.to);
            if said != Some(*number) {
                return Err(broken(format!(
                    "the label {label} of {} points to version {number}, but the log says {said:?}",
                    prompt.name
                )));
            }
            report.labels += 1;
        }
        for (label, gate) in labels::protected(tx, &prompt.name)? {
            if tx.get(Space::Objects, gate.as_bytes())?.is_none() {
                return Err(broken(format!(
                    "the gate {gate} of the label {label} of {} is not there",
                    prompt.name
                )));
            }
        }
    }
    match last.into_values().find(|step| step.to.is_some()) {
        Some(step) => Err(broken(format!(
            "the label {} of {} is gone, but the log says it is set",
            step.label, step.prompt
        ))),
        None => Ok(()),
    }
}

/// What the log says of a thing whose record stands elsewhere: by the thing, the digest that it must have.
type Said = BTreeMap<(&'static str, String, u32), Option<ContentId>>;

fn note(event: &Event, said: &mut Said) {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = event.data.get("version").and_then(Value::as_u64).unwrap_or_default() as u32;
    let id = |name: &str| text(name).parse().ok();
    match event.kind.as_str() {
        "prompt.published" => said.insert(("version", text("prompt"), number), id("id")),
        "dataset.changed" => said.insert(("dataset", text("dataset"), number), id("root")),
        "run.finished" => said.insert(("run", text("run"), 0), id("rows_root")),
        // A name can't hold a line feed, so this names one label of one prompt.
        "label.protected" | "label.unprotected" => {
            said.insert(("gate", format!("{}\n{}", text("prompt"), text("label")), 0), id("gate"))
        }
        _ => None,
    };
}

fn check_canaries(tx: &dyn Read, mut logged: drift::Logged, report: &mut Report) -> Checked {
    for canary in canaries::all(tx)? {
        if versions::load(tx, &canary.prompt, canary.version)?.id() != canary.version_id
            || datasets::version(tx, &canary.dataset, Some(canary.dataset_version))?.root
                != canary.dataset_root
        {
            return Err(broken(format!(
                "the canary {} names another version or dataset than it did",
                canary.name
            )));
        }
        if let Some(text) = drift::check(tx, &canary, &mut logged)? {
            return Err(broken(text));
        }
        report.canaries += 1;
    }
    match logged.into_keys().next() {
        Some((canary, number)) => Err(broken(format!(
            "entry {number} of the canary {canary} is gone, but the log says it is there"
        ))),
        None => Ok(()),
    }
}

/// Holds the records against what the log says of them.
fn check_said(tx: &dyn Read, said: &Said) -> Checked {
    for ((what, name, number), digest) in said {
        let is = match *what {
            "version" => Some(versions::load(tx, &name.parse()?, *number)?.id()),
            "dataset" => Some(datasets::version(tx, &name.parse()?, Some(*number))?.root),
            "run" => lifecycle::load(tx, &name.parse()?)?.rows_root,
            _ => {
                let (prompt, label) = name.split_once('\n').unwrap_or_default();
                labels::guard(tx, &prompt.parse()?, &label.parse()?)?
            }
        };
        if is != *digest {
            let name = name.replace('\n', " ");
            return Err(broken(format!("the {what} of {name} ({number}) is not what the log says it is")));
        }
    }
    Ok(())
}

fn check_objects(tx: &dyn Read, report: &mut Report) -> Checked {
    let mut wrong = None;
    // Every key: ids are 32 bytes, so 33 of the largest lie above all of them.
    tx.scan(Space::Objects, &[], &[0xFF; 33], Order::Ascending, &mut |key, value| {
        if key.len() > 32 {
            // What a prompt calls the content; `walk` looks at it.
            return Ok(Flow::Continue);
        }
        report.objects += 1;
        let is = Object::id_of_bytes(value);
        if is.is_none_or(|id| id.as_bytes() != key) {
            let named = <[u8; 32]>::try_from(key).map(ContentId::from_bytes);
            let named = named.map_or_else(|_| "an object".to_owned(), |id| id.to_string());
            wrong = Some(format!("{named} was changed: its bytes have another hash"));
            return Ok(Flow::Stop);
        }
        Ok(Flow::Continue)
    })?;
    wrong.map_or(Ok(()), |text| Err(broken(text)))
}

fn check_runs(tx: &dyn Read, report: &mut Report) -> Checked<BTreeMap<String, Run>> {
    let mut runs = BTreeMap::new();
    for run in lifecycle::all(tx)? {
        let version = versions::load(tx, &run.prompt, run.version)
            .map_err(|_| broken(format!("run {} names a version that is not there", run.id)))?;
        if version.id() != run.version_id {
            return Err(broken(format!(
                "run {} names another content of {} version {}",
                run.id, run.prompt, run.version
            )));
        }
        if let Some(root) = run.rows_root {
            let (rows, is) = lifecycle::rows_root(tx, &run.id)?;
            if is != root || Some(rows) != run.rows {
                return Err(broken(format!(
                    "the scores of run {} were changed: its rows have another hash",
                    run.id
                )));
            }
            report.runs += 1;
        }
        runs.insert(run.id.to_string(), run);
    }
    Ok(runs)
}

fn check_datasets(tx: &dyn Read, report: &mut Report) -> Checked {
    for dataset in datasets::datasets(tx)? {
        for version in datasets::versions(tx, &dataset.dataset)? {
            let index = datasets::index(tx, &dataset.dataset, version.version)?;
            let name = format!("dataset {} version {}", dataset.dataset, version.version);
            if datasets::root(&index) != version.root {
                return Err(broken(format!("{name} was changed: its items have another root hash")));
            }
            for (key, id) in &index {
                if tx.get(Space::Objects, id.as_bytes())?.is_none() {
                    return Err(broken(format!("item {key} of {name} is not there")));
                }
            }
            report.dataset_versions += 1;
        }
    }
    Ok(())
}

fn check_traces(tx: &dyn Read, report: &mut Report) -> Checked {
    let mut known: BTreeMap<(PromptName, u32), ContentId> = BTreeMap::new();
    let checked = traces::verify::check(tx, &mut |prompt, number, id| {
        let place = (prompt.clone(), number);
        if let Some(known) = known.get(&place) {
            return Ok(*known == id);
        }
        let found = versions::id_of(tx, prompt, number)?;
        known.insert(place, found);
        Ok(found == id)
    })?;
    (report.traces, report.scores) = (checked.traces, checked.scores);
    Ok(())
}

/// label -> verdict -> scores -> versions.
fn check_verdict(tx: &dyn Read, step: &LabelMove, id: ContentId, runs: &BTreeMap<String, Run>) -> Checked {
    let place = format!(
        "the move of {} of {} to version {:?} (event {})",
        step.label, step.prompt, step.to, step.seq
    );
    let verdict = match gates::verdict(tx, id) {
        Ok(verdict) => verdict,
        Err(Error::VerdictNotFound { .. }) => {
            return Err(broken(format!("{place} rests on the verdict {id}, which is not there")));
        }
        Err(error) => return Err(error.into()),
    };
    if Some(verdict.key.version) != step.to
        || verdict.key.label != step.label
        || verdict.key.prompt != step.prompt
    {
        return Err(broken(format!("{place} rests on a verdict about something else")));
    }
    let passes = if step.auto { verdict.outcome == Outcome::Pass } else { verdict.lets_pass() };
    if !passes && !step.overridden {
        return Err(broken(format!("{place} rests on a verdict that does not let it pass")));
    }
    for evidence in &verdict.evidence {
        let run = runs.get(&evidence.run.to_string());
        if run.and_then(|run| run.rows_root) != Some(evidence.rows_root) {
            return Err(broken(format!(
                "{place} rests on run {}, whose scores are not what they were",
                evidence.run
            )));
        }
    }
    Ok(())
}
