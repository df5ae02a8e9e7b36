//! What a gate judges by, read from the store as it is now.

use std::collections::BTreeMap;

use crate::calibration::{Calibration, store as calibrations};
use crate::datasets::read as datasets;
use crate::error::Result;
use crate::gates::{Evidence, OnDataset, Side, judge};
use crate::model::dataset::Item;
use crate::model::gate::{Check, Gate};
use crate::model::id::ContentId;
use crate::model::name::{DatasetName, ItemKey, Label, MetricName, PromptName};
use crate::model::run::{Run, ScorerRef};
use crate::model::verdict::{Baseline, DatasetRef, Verdict, VerdictKey};
use crate::prompts::{labels, versions};
use crate::runs::{lifecycle, metrics, rows};
use crate::scorers;
use crate::storage::kv::Read;
use crate::storage::log::Author;

/// Gathers the evidence as it is now and judges by it.
pub(super) fn reach(
    tx: &(impl Read + ?Sized),
    author: &Author,
    name: &PromptName,
    label: &Label,
    number: u32,
    (gate_id, gate): (ContentId, &Gate),
) -> Result<Verdict> {
    let candidate = versions::load(tx, name, number)?;
    let baseline = labels::target(tx, name, label)?.map(|held| versions::load(tx, name, held)).transpose()?;
    let mut on = BTreeMap::new();
    let mut refs = Vec::new();
    let names = std::iter::once(&gate.dataset).chain(gate.checks.iter().map(|check| gate.dataset_of(check)));
    for dataset in names {
        if !on.contains_key(dataset) {
            let mut gathered = on_dataset(tx, dataset, name, number, baseline.as_ref().map(|b| b.number()))?;
            let checks = gate.checks.iter().filter(|check| gate.dataset_of(check) == dataset);
            gathered.clusters = clusters(tx, &gathered, checks)?;
            refs.extend(gathered.dataset.clone());
            on.insert(dataset.clone(), gathered);
        }
    }
    let mut configs = BTreeMap::new();
    for metric in gate.checks.iter().filter_map(|check| check.metric()) {
        if let Some(config) = metrics::read(tx, metric)? {
            configs.insert(metric.clone(), config);
        }
    }
    let judges = judges(tx, gate, &on)?;
    let response_schema = candidate.content().schema().cloned();
    let evidence = Evidence { datasets: on, configs, judges, response_schema };
    let key = VerdictKey {
        prompt: name.clone(),
        label: label.clone(),
        version: number,
        version_id: candidate.id(),
        gate: gate_id,
        datasets: refs,
        scorers: evidence.scorers(),
        baseline: baseline.map(|b| Baseline { version: b.number(), version_id: b.id() }),
    };
    judge(gate, &evidence, key, author.now)
}

fn on_dataset(
    tx: &(impl Read + ?Sized),
    dataset: &DatasetName,
    prompt: &PromptName,
    candidate: u32,
    baseline: Option<u32>,
) -> Result<OnDataset> {
    let nothing = |version| Side::new(version, Vec::new());
    if datasets::latest(tx, dataset)? == 0 {
        let baseline = baseline.map(nothing);
        return Ok(OnDataset {
            dataset: None,
            items: Vec::new(),
            clusters: BTreeMap::new(),
            candidate: nothing(candidate),
            baseline,
            tried: 0,
        });
    }
    let version = datasets::version(tx, dataset, None)?;
    let side = |number| {
        let runs = lifecycle::evidence(tx, prompt, number, &version.root)?;
        let with_rows = |run: Run| Ok((run.clone(), rows::all(tx, &run.id)?));
        Ok(Side::new(number, runs.into_iter().map(with_rows).collect::<Result<_>>()?))
    };
    Ok(OnDataset {
        candidate: side(candidate)?,
        baseline: baseline.map(side).transpose()?,
        clusters: BTreeMap::new(),
        tried: lifecycle::versions_tried(tx, prompt, &version.root)?,
        items: datasets::index(tx, dataset, version.version)?.into_keys().collect(),
        dataset: Some(DatasetRef { dataset: dataset.clone(), version: version.version, root: version.root }),
    })
}

/// What each item belongs to, for the checks that want to know.
fn clusters<'a>(
    tx: &(impl Read + ?Sized),
    on: &OnDataset,
    checks: impl Iterator<Item = &'a Check>,
) -> Result<BTreeMap<String, BTreeMap<ItemKey, String>>> {
    let members: Vec<&str> = checks.filter_map(Check::cluster).collect();
    let (Some(place), false) = (&on.dataset, members.is_empty()) else { return Ok(BTreeMap::new()) };
    let items = datasets::items(tx, &place.dataset, Some(place.version))?;
    let named = |member: &&str| {
        let of = |item: &Item| {
            let value = item.metadata.get(*member).filter(|value| !value.is_null())?;
            Some((item.key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        ((*member).to_owned(), items.iter().filter_map(of).collect())
    };
    Ok(members.iter().map(named).collect())
}

/// The judges among the scorers that a gate listens to, and what is known of each.
fn judges(
    tx: &(impl Read + ?Sized),
    gate: &Gate,
    on: &BTreeMap<DatasetName, OnDataset>,
) -> Result<BTreeMap<(MetricName, ContentId), Option<Calibration>>> {
    let mut found = BTreeMap::new();
    for check in &gate.checks {
        let Some((metric, on)) = check.metric().zip(on.get(gate.dataset_of(check))) else { continue };
        let Ok(Some(id)) = on.candidate.scorer(metric) else { continue };
        let scorer = scorers::load(tx, &ScorerRef { name: metric.clone(), id })?;
        if scorer.is_judge() {
            found.insert((metric.clone(), id), calibrations::load(tx, metric, &id)?);
        }
    }
    Ok(found)
}
