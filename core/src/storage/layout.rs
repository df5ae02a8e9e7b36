//! Which keys there are. One function per kind of entry; [`super::keys`] decides how they sort.
//!
//! What a commit writes together lies together: every page that it touches is a write of its own, and most of what a
//! durable publish costs. So all of a prompt is one block, in which the newest version and the newest move of
//! its last label are the neighbours of the head; a content's number stands beside the content; and the epoch stands
//! behind the newest event.
//!
//! Refs begin with a tag byte each; tag 0 is the store's own record, written at creation.

mod columns;

pub(crate) use columns::*;

use super::keys::{Fields, Key};
use crate::model::id::{ContentId, RunId};
use crate::model::time::Timestamp;

/// Counts the changes that a cached `get` could notice: versions and labels. In [`super::kv::Space::Log`].
pub(crate) fn registry_epoch() -> Key {
    // Above the tag of the events.
    Key::new(b'e')
}

const PROMPT: u8 = b'P';
/// The kinds of entries of a prompt, in their order.
pub(super) const MOVE: u8 = 1;
pub(super) const HEAD: u8 = 2;
pub(super) const LABEL: u8 = 3;
pub(super) const GUARD: u8 = 4;
pub(super) const VERSION: u8 = 5;
pub(super) const AUTO: u8 = 6;

/// A prompt's block begins here; the blocks are in the order of the names.
pub(crate) fn prompts() -> Key {
    Key::new(PROMPT)
}

/// All of a prompt.
pub(crate) fn prompt_block(name: &str) -> Key {
    prompts().text(name)
}

/// A prompt's head.
pub(crate) fn prompt(name: &str) -> Key {
    prompt_block(name).u8(HEAD)
}

/// A version; the newest comes first.
pub(crate) fn version(prompt: &str, number: u32) -> Key {
    versions(prompt).u32(!number)
}

pub(crate) fn versions(prompt: &str) -> Key {
    prompt_block(prompt).u8(VERSION)
}

/// The number in the key of a version.
pub(crate) fn version_number(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|number| !u32::from_be_bytes(*number))
}

/// From a content id to the version's number within a prompt. In [`super::kv::Space::Objects`], where the content
/// itself is the entry before it.
pub(crate) fn version_by_id(prompt: &str, id: &ContentId) -> Key {
    Key::beside(id.as_bytes()).text(prompt)
}

pub(crate) fn label(prompt: &str, label: &str) -> Key {
    labels(prompt).text(label)
}

pub(crate) fn labels(prompt: &str) -> Key {
    prompt_block(prompt).u8(LABEL)
}

/// One move of a label, by its position in the log.
pub(crate) fn label_move(prompt: &str, label: &str, seq: u64) -> Key {
    label_moves(prompt, label).u64(seq)
}

pub(crate) fn label_moves(prompt: &str, label: &str) -> Key {
    prompt_block(prompt).u8(MOVE).text(label)
}

/// The gate that protects a label.
pub(crate) fn guard(prompt: &str, label: &str) -> Key {
    guards(prompt).text(label)
}

pub(crate) fn guards(prompt: &str) -> Key {
    prompt_block(prompt).u8(GUARD)
}

/// Whether a guarded label moves by itself.
pub(crate) fn auto(prompt: &str, label: &str) -> Key {
    autos(prompt).text(label)
}

pub(crate) fn autos(prompt: &str) -> Key {
    prompt_block(prompt).u8(AUTO)
}

/// The label in the key of a label or a guard.
pub(crate) fn label_in(key: &[u8]) -> Option<String> {
    let mut fields = Fields::of(key);
    fields.text()?;
    fields.raw::<1>()?;
    fields.text()
}

pub(crate) fn dataset(name: &str) -> Key {
    Key::new(b'D').text(name)
}

pub(crate) fn datasets() -> Key {
    Key::new(b'D')
}

pub(crate) fn dataset_version(name: &str, version: u32) -> Key {
    dataset_versions(name).u32(version)
}

pub(crate) fn dataset_versions(name: &str) -> Key {
    Key::new(b'd').text(name)
}

/// What an item was from that version of the dataset on, until the next entry of the same key.
pub(crate) fn item(dataset: &str, key: &str, version: u32) -> Key {
    item_history(dataset, key).u32(version)
}

pub(crate) fn item_history(dataset: &str, key: &str) -> Key {
    items(dataset).text(key)
}

pub(crate) fn items(dataset: &str) -> Key {
    Key::new(b'i').text(dataset)
}

pub(crate) fn metric(name: &str) -> Key {
    Key::new(b'M').text(name)
}

pub(crate) fn metrics() -> Key {
    Key::new(b'M')
}

pub(crate) fn run(id: &RunId) -> Key {
    Key::new(b'R').raw(id.as_bytes())
}

pub(crate) fn runs() -> Key {
    Key::new(b'R')
}

/// The runs of a version on a dataset version: a gate's evidence.
pub(crate) fn run_of(prompt: &str, version: u32, root: &ContentId, id: &RunId) -> Key {
    runs_of(prompt, version, root).raw(id.as_bytes())
}

pub(crate) fn runs_of(prompt: &str, version: u32, root: &ContentId) -> Key {
    Key::new(b'r').text(prompt).u32(version).raw(root.as_bytes())
}

/// The runs of a prompt's versions, on any dataset version.
pub(crate) fn runs_of_prompt(prompt: &str) -> Key {
    Key::new(b'r').text(prompt)
}

/// The version and the dataset's root in the key of a version's run.
pub(crate) fn in_run_of(key: &[u8]) -> Option<(u32, ContentId)> {
    let mut fields = Fields::of(key);
    fields.text()?;
    let version = u32::from_be_bytes(fields.raw()?);
    Some((version, ContentId::from_bytes(fields.raw()?)))
}

/// That a run was withdrawn.
pub(crate) fn withdrawn(id: &RunId) -> Key {
    Key::new(b'w').raw(id.as_bytes())
}

/// The newest run of a name: what `start_run` resumes.
pub(crate) fn run_by_name(name: &str) -> Key {
    Key::new(b'n').text(name)
}

/// How far a judge agrees with people.
pub(crate) fn calibration(metric: &str, scorer: &ContentId) -> Key {
    calibrations_of(metric).raw(scorer.as_bytes())
}

pub(crate) fn calibrations_of(metric: &str) -> Key {
    calibrations().text(metric)
}

pub(crate) fn calibrations() -> Key {
    Key::new(b'J')
}

/// Every verdict on a version for a label, by the verdict's id.
pub(crate) fn verdict(prompt: &str, label: &str, version: u32, id: &ContentId) -> Key {
    verdicts(prompt, label, version).raw(id.as_bytes())
}

pub(crate) fn verdicts(prompt: &str, label: &str, version: u32) -> Key {
    verdicts_of_label(prompt, label).u32(version)
}

pub(crate) fn verdicts_of_label(prompt: &str, label: &str) -> Key {
    Key::new(b'c').text(prompt).text(label)
}

/// What a canary is.
pub(crate) fn canary(name: &str) -> Key {
    canaries().text(name)
}

pub(crate) fn canaries() -> Key {
    Key::new(b'K')
}

/// One entry of a canary's history: a run, or a person's answer.
pub(crate) fn canary_entry(name: &str, number: u32) -> Key {
    canary_entries(name).u32(number)
}

pub(crate) fn canary_entries(name: &str) -> Key {
    Key::new(b'k').text(name)
}

/// In [`super::kv::Space::Rows`].
pub(crate) fn row(run: &RunId, key: &str, trial: u32) -> Key {
    rows(run).text(key).u32(trial)
}

pub(crate) fn rows(run: &RunId) -> Key {
    Key::new(b'R').raw(run.as_bytes())
}

/// The run in the key of a row.
pub(crate) fn run_in_row(key: &[u8]) -> Option<[u8; 16]> {
    Fields::of(key).raw()
}

/// In [`super::kv::Space::Log`].
pub(crate) fn event(seq: u64) -> Key {
    events().u64(seq)
}

pub(crate) fn events() -> Key {
    Key::new(b'E')
}

/// What a trace says, by its id. In [`super::kv::Space::Traces`], as everything below.
pub(crate) fn trace(id: &str) -> Key {
    traces().text(id)
}

pub(crate) fn traces() -> Key {
    Key::new(b'T')
}

/// What a trace counts with, in the order of time within its prompt.
pub(crate) fn trace_facts(prompt: &str, at: Timestamp, id: &str) -> Key {
    trace_facts_from(prompt, at).text(id)
}

/// Below every trace of that moment or later.
pub(crate) fn trace_facts_from(prompt: &str, at: Timestamp) -> Key {
    // Moments before 1970 are negative; with the sign turned they sort where they belong.
    trace_facts_of(prompt).u64(at.as_micros().cast_unsigned() ^ 1 << 63)
}

pub(crate) fn trace_facts_of(prompt: &str) -> Key {
    all_trace_facts().text(prompt)
}

pub(crate) fn all_trace_facts() -> Key {
    Key::new(b't')
}

/// The prompt, the moment and the id in the key of a trace's facts.
pub(crate) fn in_trace_facts(key: &[u8]) -> Option<(String, Timestamp, String)> {
    let mut fields = Fields::of(key);
    let prompt = fields.text()?;
    let at = Timestamp::from_micros((fields.u64()? ^ 1 << 63).cast_signed());
    Some((prompt, at, fields.text()?))
}

/// One score of a trace: the first, the second … of a metric and a source.
pub(crate) fn trace_score(id: &str, metric: &str, source: u8, number: u32) -> Key {
    trace_scores_from(id, metric, source).u32(number)
}

pub(crate) fn trace_scores_from(id: &str, metric: &str, source: u8) -> Key {
    trace_scores_under(id, metric).u8(source)
}

pub(crate) fn trace_scores_under(id: &str, metric: &str) -> Key {
    trace_scores(id).text(metric)
}

pub(crate) fn trace_scores(id: &str) -> Key {
    all_trace_scores().text(id)
}

pub(crate) fn all_trace_scores() -> Key {
    Key::new(b's')
}

/// The trace, the metric and the source in the key of a score.
pub(crate) fn in_trace_score(key: &[u8]) -> Option<(String, String, u8)> {
    let mut fields = Fields::of(key);
    let (id, metric) = fields.text().zip(fields.text())?;
    Some((id, metric, u8::from_be_bytes(fields.raw()?)))
}

/// An experiment. In [`super::kv::Space::Refs`].
pub(crate) fn experiment(name: &str) -> Key {
    experiments().text(name)
}

pub(crate) fn experiments() -> Key {
    Key::new(b'X')
}

/// A unit's first exposure. In [`super::kv::Space::Traces`], as everything below.
pub(crate) fn exposure(experiment: &str, unit: &str) -> Key {
    exposures(experiment).text(unit)
}

pub(crate) fn exposures(experiment: &str) -> Key {
    Key::new(b'x').text(experiment)
}

/// The unit in the key of an exposure.
pub(crate) fn unit_in_exposure(key: &[u8]) -> Option<String> {
    let mut fields = Fields::of(key);
    fields.text()?;
    fields.text()
}

/// The units of an experiment in the order of their first exposure, from 1.
pub(crate) fn enrolment(experiment: &str, seq: u64) -> Key {
    enrolments(experiment).u64(seq)
}

pub(crate) fn enrolments(experiment: &str) -> Key {
    Key::new(b'o').text(experiment)
}
