//! Random sequences of verbs against a model that is as simple as can be: maps and lists in memory.
//!
//! The model is written from the contract, not from the code. Wherever the two differ, one of them is wrong. At
//! random points the store is closed and opened again: nothing may depend on what a handle remembers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use trialplate::Store;

pub(crate) const PROMPTS: [&str; 2] = ["a", "a/b"];
pub(crate) const LABELS: [&str; 3] = ["production", "staging", "latest"];

/// What a verb gives: a value, or an error's code.
pub(crate) type Outcome<T = Value> = Result<T, &'static str>;

/// Calls a verb, wherever the store is open.
pub(crate) type Call<'a> = &'a mut dyn FnMut(&str, Value) -> Outcome;

struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

impl File {
    fn new() -> File {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.tp");
        File { store: Store::open(&path).unwrap(), path, _dir: dir }
    }

    fn reopen(&mut self) {
        self.store.close().unwrap();
        self.store = Store::open(&self.path as &Path).unwrap();
    }

    fn call(&self, verb: &str, arguments: Value) -> Outcome {
        match self.store.call(verb, &arguments.to_string()) {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap()),
            Err(error) => Err(error.code()),
        }
    }

    fn end(&self) {
        let report = self.store.verify().unwrap();
        assert!(report.ok, "{report:?}");
    }
}

// ---- the registry

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Publish {
        prompt: usize,
        text: u8,
        label: Option<usize>,
    },
    SetLabel {
        prompt: usize,
        label: usize,
        version: u32,
        expected: Option<u32>,
    },
    Unset {
        prompt: usize,
        label: usize,
    },
    Rollback {
        prompt: usize,
        label: usize,
        to: Option<u32>,
    },
    ByLabel {
        prompt: usize,
        label: usize,
    },
    ByNumber {
        prompt: usize,
        version: u32,
    },
    ById {
        prompt: usize,
        text: u8,
    },
    /// What a label pointed to right after its n-th move (of those there are).
    AsOf {
        prompt: usize,
        label: usize,
        n: usize,
    },
    Labels {
        prompt: usize,
    },
    History {
        prompt: usize,
        label: usize,
    },
    Reopen,
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    // Mostly one prompt, one label and few versions: it is the same things done again that go wrong.
    let prompt = prop_oneof![5 => Just(0), 1 => Just(1)];
    let label = prop_oneof![8 => Just(0), 2 => Just(1), 1 => Just(2)];
    let text = prop_oneof![3 => 0..2u8, 1 => 0..5u8];
    let version = prop_oneof![8 => 1..3u32, 1 => 0..6u32];
    prop_oneof![
        2 => (prompt.clone(), text.clone(), prop::option::weighted(0.3, label.clone()))
            .prop_map(|(prompt, text, label)| Act::Publish { prompt, text, label }),
        8 => (prompt.clone(), label.clone(), version.clone(), prop::option::weighted(0.2, version.clone()))
            .prop_map(|(prompt, label, version, expected)| Act::SetLabel { prompt, label, version, expected }),
        4 => (prompt.clone(), label.clone()).prop_map(|(prompt, label)| Act::Unset { prompt, label }),
        8 => (prompt.clone(), label.clone(), prop::option::weighted(0.3, version.clone()))
            .prop_map(|(prompt, label, to)| Act::Rollback { prompt, label, to }),
        2 => (prompt.clone(), label.clone()).prop_map(|(prompt, label)| Act::ByLabel { prompt, label }),
        1 => (prompt.clone(), version.clone()).prop_map(|(prompt, version)| Act::ByNumber { prompt, version }),
        1 => (prompt.clone(), text).prop_map(|(prompt, text)| Act::ById { prompt, text }),
        1 => (prompt.clone(), label.clone(), 0..8usize).prop_map(|(prompt, label, n)| Act::AsOf { prompt, label, n }),
        1 => prompt.clone().prop_map(|prompt| Act::Labels { prompt }),
        1 => (prompt, label).prop_map(|(prompt, label)| Act::History { prompt, label }),
        1 => Just(Act::Reopen),
    ]
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Move {
    pub(crate) from: Option<u32>,
    pub(crate) to: Option<u32>,
    pub(crate) rollback: bool,
    pub(crate) at: String,
}

#[derive(Default)]
pub(crate) struct LabelModel {
    pub(crate) now: Option<u32>,
    /// Where it was, the newest on top; a rollback takes off what lies above its target.
    pile: Vec<Option<u32>>,
    pub(crate) history: Vec<Move>,
}

#[derive(Default)]
pub(crate) struct PromptModel {
    pub(crate) texts: Vec<u8>,
    pub(crate) labels: BTreeMap<&'static str, LabelModel>,
}

#[derive(Default)]
pub(crate) struct Registry(pub(crate) BTreeMap<&'static str, PromptModel>);

impl Registry {
    pub(crate) fn prompt(&mut self, prompt: usize) -> Outcome<&mut PromptModel> {
        self.0.get_mut(PROMPTS[prompt]).ok_or("prompt-not-found")
    }
}

pub(crate) fn movable(label: usize) -> Outcome<&'static str> {
    if LABELS[label] == "latest" { Err("invalid-label") } else { Ok(LABELS[label]) }
}

impl PromptModel {
    pub(crate) fn version(&self, number: u32) -> Outcome<u32> {
        if (1..=self.texts.len() as u32).contains(&number) { Ok(number) } else { Err("version-not-found") }
    }

    /// Says from where it moved, unless it is there already.
    pub(crate) fn set(&mut self, label: &'static str, to: u32) -> Option<Option<u32>> {
        let label = self.labels.entry(label).or_default();
        let from = label.now;
        if from == Some(to) {
            return None;
        }
        label.now = Some(to);
        label.pile.push(Some(to));
        Some(from)
    }

    fn rollback(&mut self, label: &'static str, to: Option<u32>) -> Outcome<(Option<u32>, u32)> {
        let label = self.labels.get_mut(label).filter(|l| !l.history.is_empty()).ok_or("label-not-found")?;
        let below = &label.pile[..label.pile.len() - 1];
        let place = match to {
            Some(to) => below.iter().rposition(|&there| there == Some(to)),
            // Going back to where it is would be going nowhere.
            None => below.iter().rposition(|&there| there.is_some() && there != label.now),
        };
        let place = place.ok_or("nothing-to-roll-back")?;
        label.pile.truncate(place + 1);
        let (from, to) = (label.now, label.pile[place].unwrap());
        label.now = Some(to);
        Ok((from, to))
    }
}

fn text(n: u8) -> String {
    format!("text {n} for {{{{who}}}}")
}

pub(crate) fn moved(found: &Value) -> Move {
    Move {
        from: found["from"].as_u64().map(|n| n as u32),
        to: found["to"].as_u64().map(|n| n as u32),
        rollback: found["rollback"].as_bool().unwrap(),
        at: found["at"].as_str().unwrap().to_owned(),
    }
}

pub(crate) fn step(call: Call<'_>, model: &mut Registry, act: &Act) -> Result<(), TestCaseError> {
    match *act {
        Act::Publish { prompt, text: t, label } => {
            let labels: Vec<&str> = label.iter().map(|&label| LABELS[label]).collect();
            let found =
                call("publish", json!({"name": PROMPTS[prompt], "prompt": text(t), "labels": labels}));
            if let Some(Err(code)) = label.map(movable) {
                prop_assert_eq!(found, Err(code));
                return Ok(());
            }
            let entry = model.0.entry(PROMPTS[prompt]).or_default();
            let number = match entry.texts.iter().position(|&there| there == t) {
                Some(at) => at + 1,
                None => {
                    entry.texts.push(t);
                    entry.texts.len()
                }
            };
            let found = found.unwrap();
            prop_assert_eq!(&found["number"], &json!(number));
            prop_assert_eq!(&found["prompt"], &json!(text(t)));
            if let Some(Ok(name)) = label.map(movable)
                && let Some(from) = entry.set(name, number as u32)
            {
                let history = call("history", json!({"name": PROMPTS[prompt], "label": name})).unwrap();
                let newest = moved(history["moves"].as_array().unwrap().last().unwrap());
                prop_assert_eq!(
                    (newest.from, newest.to, newest.rollback),
                    (from, Some(number as u32), false)
                );
                entry.labels.entry(name).or_default().history.push(newest);
            }
        }
        Act::SetLabel { prompt, label, version, expected } => {
            let found = call(
                "set_label",
                json!({"name": PROMPTS[prompt], "label": LABELS[label], "version": version, "expected": expected}),
            );
            let outcome = (|| {
                let name = movable(label)?;
                let entry = model.prompt(prompt)?;
                entry.version(version)?;
                let now = entry.labels.get(name).and_then(|l| l.now);
                if expected.is_some_and(|expected| now != Some(expected).filter(|&n| n > 0)) {
                    return Err("label-moved");
                }
                Ok((name, entry.set(name, version)))
            })();
            match outcome {
                Err(code) => prop_assert_eq!(found, Err(code)),
                Ok((name, from)) => {
                    let found = moved(&found.unwrap());
                    let label = model.prompt(prompt).unwrap().labels.entry(name).or_default();
                    match from {
                        Some(from) => {
                            prop_assert_eq!(
                                (found.from, found.to, found.rollback),
                                (from, Some(version), false)
                            );
                            label.history.push(found);
                        }
                        // No move: the one that brought it there is told again.
                        None => prop_assert_eq!(Some(&found), label.history.last()),
                    }
                }
            }
        }
        Act::Unset { prompt, label } => {
            let found = call("unset_label", json!({"name": PROMPTS[prompt], "label": LABELS[label]}));
            let outcome = movable(label).and_then(|name| {
                let label = model.prompt(prompt)?.labels.get_mut(name).ok_or("label-not-found")?;
                let from = label.now.take().ok_or("label-not-found")?;
                label.pile.push(None);
                Ok((from, label))
            });
            match outcome {
                Err(code) => prop_assert_eq!(found, Err(code)),
                Ok((from, label)) => {
                    let found = moved(&found.unwrap());
                    prop_assert_eq!((found.from, found.to, found.rollback), (Some(from), None, false));
                    label.history.push(found);
                }
            }
        }
        Act::Rollback { prompt, label, to } => {
            let found = call("rollback", json!({"name": PROMPTS[prompt], "label": LABELS[label], "to": to}));
            let outcome = movable(label).and_then(|name| {
                let entry = model.prompt(prompt)?;
                to.map(|to| entry.version(to)).transpose()?;
                let (from, to) = entry.rollback(name, to)?;
                Ok((name, from, to))
            });
            match outcome {
                Err(code) => prop_assert_eq!(found, Err(code)),
                Ok((name, from, to)) => {
                    let found = moved(&found.unwrap());
                    prop_assert_eq!((found.from, found.to, found.rollback), (from, Some(to), true));
                    model.prompt(prompt).unwrap().labels.get_mut(name).unwrap().history.push(found);
                }
            }
        }
        Act::ByLabel { prompt, label } => {
            let found = call("get", json!({"name": PROMPTS[prompt], "label": LABELS[label]}));
            let outcome = model.prompt(prompt).and_then(|entry| match LABELS[label] {
                "latest" => Ok(entry.texts.len() as u32),
                name => entry.labels.get(name).and_then(|l| l.now).ok_or("label-not-found"),
            });
            prop_assert_eq!(found.map(|v| v["number"].as_u64().unwrap() as u32), outcome);
        }
        Act::ByNumber { prompt, version } => {
            let found = call("get", json!({"name": PROMPTS[prompt], "version": version}));
            let outcome =
                model.prompt(prompt).and_then(|e| Ok(text(e.texts[e.version(version)? as usize - 1])));
            prop_assert_eq!(found.map(|v| v["prompt"].as_str().unwrap().to_owned()), outcome);
        }
        Act::ById { prompt, text: t } => {
            let id = Store::content_id(trialplate::Content::text(text(t))).unwrap();
            let found = call("get", json!({"name": PROMPTS[prompt], "id": id}));
            let place = |entry: &mut PromptModel| entry.texts.iter().position(|&there| there == t);
            let outcome = model.prompt(prompt).and_then(|entry| place(entry).ok_or("version-not-found"));
            prop_assert_eq!(found.map(|v| v["number"].as_u64().unwrap() as usize - 1), outcome);
        }
        Act::AsOf { prompt, label, n } => {
            let Ok(entry) = model.prompt(prompt) else { return Ok(()) };
            let Some(label_model) = entry.labels.get(LABELS[label]).filter(|l| !l.history.is_empty()) else {
                return Ok(());
            };
            let step = &label_model.history[n % label_model.history.len()];
            let found = call("get", json!({"name": PROMPTS[prompt], "label": LABELS[label], "at": step.at}));
            prop_assert_eq!(
                found.map(|v| v["number"].as_u64().unwrap() as u32),
                step.to.ok_or("label-not-found")
            );
        }
        Act::Labels { prompt } => {
            let found = call("labels", json!({"name": PROMPTS[prompt]}));
            let outcome = model.prompt(prompt).map(|entry| {
                let set = entry.labels.iter().filter_map(|(name, label)| Some((*name, label.now?)));
                json!({"labels": set.collect::<BTreeMap<_, _>>()})
            });
            prop_assert_eq!(found, outcome);
        }
        Act::History { prompt, label } => {
            let found = call("history", json!({"name": PROMPTS[prompt], "label": LABELS[label]}));
            let outcome = movable(label).and_then(|name| {
                let label = model.prompt(prompt)?.labels.get(name).filter(|l| !l.history.is_empty());
                Ok(label.ok_or("label-not-found")?.history.clone())
            });
            prop_assert_eq!(
                found.map(|v| v["moves"].as_array().unwrap().iter().map(moved).collect::<Vec<_>>()),
                outcome
            );
        }
        // Whoever has the file does that.
        Act::Reopen => {}
    }
    Ok(())
}

// ---- datasets

#[derive(Debug, Clone)]
pub(crate) enum DataAct {
    Add(Vec<(u8, u8)>),
    Archive(Vec<u8>),
    Items(Option<u32>),
    Diff(u32, u32),
    Reopen,
}

pub(crate) fn data_act() -> impl Strategy<Value = DataAct> {
    prop_oneof![
        4 => prop::collection::vec((0..6u8, 0..3u8), 0..4).prop_map(DataAct::Add),
        2 => prop::collection::vec(0..6u8, 0..3).prop_map(DataAct::Archive),
        2 => prop::option::of(0..8u32).prop_map(DataAct::Items),
        3 => (0..8u32, 0..8u32).prop_map(|(a, b)| DataAct::Diff(a, b)),
        1 => Just(DataAct::Reopen),
    ]
}

/// Every version, the empty one first.
pub(crate) type Versions = Vec<BTreeMap<String, u8>>;

fn unique<T: Ord>(mut list: impl Iterator<Item = T>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    list.all(|key| seen.insert(key))
}

pub(crate) fn data_step(call: Call<'_>, versions: &mut Versions, act: &DataAct) -> Result<(), TestCaseError> {
    let newest = versions.last().unwrap().clone();
    let there = versions.len() > 1;
    match act {
        DataAct::Add(items) => {
            let items_json: Vec<Value> =
                items.iter().map(|(k, v)| json!({"key": format!("k{k}"), "input": v})).collect();
            let found = call("dataset_add", json!({"name": "d", "items": items_json}));
            if !unique(items.iter().map(|(k, _)| k)) {
                prop_assert_eq!(found, Err("duplicate-item"));
                return Ok(());
            }
            let mut next = newest.clone();
            next.extend(items.iter().map(|(k, v)| (format!("k{k}"), *v)));
            let found = found.unwrap();
            if next == newest {
                let number = if there { json!(versions.len() - 1) } else { Value::Null };
                prop_assert_eq!(&found["version"], &number);
            } else {
                let added = next.keys().filter(|k| !newest.contains_key(*k)).count();
                let changed =
                    next.iter().filter(|(k, v)| newest.get(*k).is_some_and(|old| old != *v)).count();
                let expected = json!([versions.len(), next.len(), added, changed, 0]);
                let fields = ["version", "items", "added", "changed", "archived"];
                prop_assert_eq!(json!(fields.map(|f| found[f].clone())), expected);
                versions.push(next);
            }
        }
        DataAct::Archive(keys) => {
            let names: Vec<String> = keys.iter().map(|k| format!("k{k}")).collect();
            let found = call("dataset_archive", json!({"name": "d", "keys": names}));
            if !there {
                prop_assert_eq!(found, Err("dataset-not-found"));
            } else if names.is_empty() {
                prop_assert_eq!(&found.unwrap()["version"], &json!(versions.len() - 1));
            } else if !unique(names.iter()) || names.iter().any(|name| !newest.contains_key(name)) {
                let code = found.unwrap_err();
                prop_assert!(matches!(code, "duplicate-item" | "item-not-found"), "{}", code);
            } else {
                let mut next = newest.clone();
                next.retain(|key, _| !names.contains(key));
                let found = found.unwrap();
                prop_assert_eq!(
                    json!([found["version"], found["items"], found["archived"]]),
                    json!([versions.len(), next.len(), names.len()])
                );
                versions.push(next);
            }
        }
        DataAct::Items(version) => {
            let found = call("dataset_items", json!({"name": "d", "version": version}));
            let number = version.map_or(versions.len() - 1, |v| v as usize);
            if !there {
                prop_assert_eq!(found, Err("dataset-not-found"));
            } else if number >= versions.len() {
                prop_assert_eq!(found, Err("dataset-version-not-found"));
            } else {
                let found = found.unwrap();
                let items = found["items"].as_array().unwrap().iter();
                let items: Vec<(String, u8)> = items
                    .map(|i| (i["key"].as_str().unwrap().to_owned(), i["input"].as_u64().unwrap() as u8))
                    .collect();
                prop_assert_eq!(items, versions[number].clone().into_iter().collect::<Vec<_>>());
            }
        }
        DataAct::Diff(a, b) => {
            let found = call("dataset_diff", json!({"name": "d", "a": a, "b": b}));
            let known = |v: &u32| (*v as usize) < versions.len();
            if !there {
                prop_assert_eq!(found, Err("dataset-not-found"));
            } else if !known(a) || !known(b) {
                prop_assert_eq!(found, Err("dataset-version-not-found"));
            } else {
                let (a, b) = (&versions[*a as usize], &versions[*b as usize]);
                let only = |x: &BTreeMap<String, u8>, y: &BTreeMap<String, u8>| {
                    x.keys().filter(|k| !y.contains_key(*k)).cloned().collect::<Vec<_>>()
                };
                let changed: Vec<&String> = b
                    .iter()
                    .filter(|(k, v)| a.get(*k).is_some_and(|old| old != *v))
                    .map(|(k, _)| k)
                    .collect();
                prop_assert_eq!(
                    found,
                    Ok(json!({"added": only(b, a), "changed": changed, "archived": only(a, b)}))
                );
            }
        }
        DataAct::Reopen => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_is_its_model(acts in prop::collection::vec(act(), 1..80)) {
        let (mut file, mut model) = (File::new(), Registry::default());
        let start = (0..2).map(|text| Act::Publish { prompt: 0, text, label: None });
        for act in &start.chain(acts).collect::<Vec<_>>() {
            if matches!(act, Act::Reopen) {
                file.reopen();
            }
            step(&mut |verb, arguments| file.call(verb, arguments), &mut model, act)?;
        }
        file.end();
    }

    #[test]
    fn datasets_are_their_model(acts in prop::collection::vec(data_act(), 1..30)) {
        let (mut file, mut versions) = (File::new(), vec![BTreeMap::new()]);
        for act in &acts {
            if matches!(act, DataAct::Reopen) {
                file.reopen();
            }
            data_step(&mut |verb, arguments| file.call(verb, arguments), &mut versions, act)?;
        }
        // Two datasets with the same items have the same root, whatever their past.
        if let Some(newest) = versions.last().filter(|newest| !newest.is_empty()) {
            let items: Vec<Value> = newest.iter().map(|(k, v)| json!({"key": k, "input": v})).collect();
            let fresh = file.call("dataset_add", json!({"name": "fresh", "items": items})).unwrap();
            let old = file.call("dataset", json!({"name": "d"})).unwrap();
            prop_assert_eq!(&fresh["root"], &old["root"]);
        }
        file.end();
    }
}
