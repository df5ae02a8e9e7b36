//! The work that is cut off: a store used through its own verbs, and beside it a plain model of what it must hold.

use super::disk::{Chance, all_of};
use super::tape::{Asked, Tape};
use super::{Engine, Space, options};
use crate::error::Result;
use crate::model::time::Timestamp;
use crate::prompts::versions;
use crate::storage::kv::{Flow, Order, Read};
use crate::storage::log::Author;
use crate::{
    Content, Durability, MoveOptions, NewItem, NewRow, NewScore, NewTrace, RunId, RunOptions, ScoreValue,
    Store,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

/// Every entry of a store.
pub(super) type Entries = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// What a store holds, in the plainest words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    /// The texts of the versions, oldest first.
    pub(super) prompts: BTreeMap<String, Vec<String>>,
    pub(super) labels: BTreeMap<String, BTreeMap<String, u32>>,
    pub(super) items: Vec<String>,
    /// A run's finished mark and its scores by item.
    pub(super) runs: BTreeMap<RunId, (bool, BTreeMap<String, f64>)>,
    /// A trace's output and its scores.
    pub(super) traces: BTreeMap<String, (String, Vec<f64>)>,
}

/// The store after one more operation.
pub(super) struct State {
    pub(super) entries: Entries,
    pub(super) model: Model,
    /// The tape's positions when it was asked for, and when the caller was told that it is done.
    pub(super) asked: usize,
    pub(super) told: usize,
}

pub(super) struct Work {
    pub(super) tape: Vec<Asked>,
    pub(super) states: Vec<State>,
}

pub(super) fn entries(tx: &(impl Read + ?Sized)) -> Result<Entries> {
    let mut entries = Entries::new();
    for space in Space::ALL {
        tx.scan(space, &[], &[0xFF; 8], Order::Ascending, &mut |key, value| {
            entries.insert((space, key.to_vec()), value.to_vec());
            Ok(Flow::Continue)
        })?;
    }
    Ok(entries)
}

impl Model {
    /// What the store says for itself.
    pub(super) fn of(store: &Store) -> Result<Model> {
        let mut model = Model::default();
        for prompt in store.prompts(&Default::default())? {
            let name = prompt.name.as_str();
            let mut versions = store.versions(name)?;
            versions.sort_by_key(|version| version.number());
            let text = |content: &Content| content.prompt().as_str().unwrap_or_default().to_owned();
            let texts = versions.iter().map(|version| text(version.content())).collect();
            model.prompts.insert(name.to_owned(), texts);
            let labels: BTreeMap<String, u32> =
                store.labels(name)?.into_iter().map(|(label, to)| (label.to_string(), to)).collect();
            if !labels.is_empty() {
                model.labels.insert(name.to_owned(), labels);
            }
        }
        if !store.datasets()?.is_empty() {
            model.items = store.dataset_items("d", None)?.iter().map(|item| item.key.to_string()).collect();
            model.items.sort();
        }
        for run in store.runs(None)? {
            let mut rows = BTreeMap::new();
            for row in store.rows(run.id)? {
                if let Some(ScoreValue::Number(score)) = row.scores.values().next() {
                    rows.insert(row.key.to_string(), *score);
                }
            }
            model.runs.insert(run.id, (run.finished_at.is_some(), rows));
        }
        for trace in store.traces(&Default::default())?.traces {
            let scores = store.trace(trace.trace_id.as_str())?.scores;
            let number = |value: &ScoreValue| match value {
                ScoreValue::Number(score) => Some(*score),
                _ => None,
            };
            let scores = scores.iter().filter_map(|score| number(&score.value)).collect();
            let output = trace.output.as_ref().and_then(|output| output.as_str()).unwrap_or_default();
            model.traces.insert(trace.trace_id.to_string(), (output.to_owned(), scores));
        }
        Ok(model)
    }
}

/// A store at work, on a file that is listened to.
struct AtWork<'a> {
    path: &'a Path,
    tape: Arc<Tape>,
    store: Store,
    engine: Engine,
    model: Model,
    states: Vec<State>,
    chance: Chance,
    made: u32,
}

/// Makes a store, does `steps` random things with it, and closes it.
pub(super) fn work(path: &Path, steps: usize, seed: u64) -> Work {
    std::fs::File::create_new(path).unwrap();
    let tape = Tape::of(path);
    let store = Store::open(path).unwrap();
    let engine = Engine::open(path, options(false, 20_000)).unwrap();
    let mut at = AtWork {
        path,
        tape,
        store,
        engine,
        model: Model::default(),
        states: Vec::new(),
        chance: Chance(seed),
        made: 0,
    };
    at.note(0);
    at.publish("first");
    at.items();
    for step in 0..steps {
        at.step();
        if step % (steps / 3).max(1) == 1 {
            at.reopen();
        }
    }
    at.store.close().unwrap();
    at.engine.close().unwrap();
    let tape = at.tape.asked();
    // Nothing came into the file past the tape.
    assert!(std::fs::read(path).unwrap() == all_of(&tape));
    Work { tape, states: at.states }
}

impl AtWork<'_> {
    fn note(&mut self, asked: usize) {
        // Before the look at the store, which could only push it further.
        let told = self.tape.position();
        let entries = self.engine.read(|tx| entries(tx)).unwrap();
        assert_eq!(Model::of(&self.store).unwrap(), self.model);
        self.states.push(State { entries, model: self.model.clone(), asked, told });
    }

    /// One operation, in the store and in the model.
    fn done(&mut self, operation: impl FnOnce(&Store, &mut Model) -> Result<()>) {
        let asked = self.tape.position();
        operation(&self.store, &mut self.model).unwrap();
        self.note(asked);
    }

    /// A text that was never there, from a few bytes to several pages.
    fn text(&mut self) -> String {
        self.made += 1;
        let longest = if self.chance.happens(15) { 12_000 } else { 300 };
        format!("text {} {}", self.made, "x".repeat(self.chance.below(longest)))
    }

    fn publish(&mut self, name: &str) {
        let text = self.text();
        self.done(|store, model| {
            store.publish(name, Content::text(&text), Default::default())?;
            model.prompts.entry(name.to_owned()).or_default().push(text);
            Ok(())
        });
    }

    /// Several publishes at once, which share a commit as they please: each is a state of its own.
    fn publish_together(&mut self, name: &str) {
        let asked = self.tape.position();
        let (tell, told) = mpsc::channel();
        let texts: Vec<String> = (0..4).map(|_| self.text()).collect();
        for text in &texts {
            let draft = versions::Draft::new(name, Content::text(text)).unwrap();
            let (tape, tell) = (self.tape.clone(), tell.clone());
            self.engine.submit(
                move |tx| {
                    let author = Author { actor: None, now: Timestamp::now() };
                    versions::publish(tx, &author, draft, &Default::default())?;
                    entries(tx)
                },
                move |done: Result<Entries>| tell.send((done.unwrap(), tape.position())).unwrap(),
            );
        }
        drop(tell);
        for (text, (entries, told)) in texts.into_iter().zip(told) {
            self.model.prompts.entry(name.to_owned()).or_default().push(text);
            self.states.push(State { entries, model: self.model.clone(), asked, told });
        }
    }

    fn items(&mut self) {
        let keys: Vec<String> = (0..3).map(|n| format!("k{:03}", self.model.items.len() + n)).collect();
        self.done(|store, model| {
            let item = |key: &String| NewItem { key: Some(key.clone()), ..NewItem::default() };
            store.dataset_add("d", keys.iter().map(item).collect())?;
            model.items.extend(keys);
            Ok(())
        });
    }

    fn rows(&mut self) {
        let score = self.chance.below(100) as f64;
        self.done(|store, model| {
            let Some((id, (finished, rows))) = model.runs.iter_mut().find(|(_, (finished, _))| !finished)
            else {
                let run = store.start_run("first", &1.into(), "d", RunOptions::default())?;
                model.runs.insert(run.id, (false, BTreeMap::new()));
                return Ok(());
            };
            let pending: Vec<String> =
                store.pending(*id)?.iter().map(|pending| pending.item.key.to_string()).take(2).collect();
            if pending.is_empty() {
                store.finish_run(*id)?;
                *finished = true;
                return Ok(());
            }
            let scores: BTreeMap<_, _> = [("q".to_owned(), ScoreValue::Number(score))].into();
            let row = |key: &String| (key.clone(), 1, NewRow { scores: scores.clone(), ..NewRow::default() });
            store.record_all(*id, pending.iter().map(row).collect())?;
            rows.extend(pending.into_iter().map(|key| (key, score)));
            Ok(())
        });
    }

    fn trace(&mut self) {
        let text = self.text();
        self.done(|store, model| {
            let call = NewTrace { output: Some(text.as_str().into()), ..NewTrace::default() };
            let id = store.log("first", &1.into(), call, Durability::Now)?;
            model.traces.insert(id.to_string(), (text, Vec::new()));
            Ok(())
        });
    }

    fn score(&mut self) {
        let Some(id) = self.model.traces.keys().next_back().cloned() else { return self.trace() };
        let score = self.chance.below(100) as f64;
        self.done(|store, model| {
            store.score(&id, "q", NewScore::new(ScoreValue::Number(score)), Durability::Now)?;
            model.traces.entry(id).or_default().1.push(score);
            Ok(())
        });
    }

    fn label(&mut self, name: &str) {
        let Some(versions) = self.model.prompts.get(name).map(Vec::len) else { return self.publish(name) };
        let to = self.chance.below(versions) as u32 + 1;
        let gone = self.chance.happens(30);
        self.done(|store, model| {
            let labels = model.labels.entry(name.to_owned()).or_default();
            if gone && labels.remove("live").is_some() {
                store.unset_label(name, "live", None)?;
            } else {
                store.set_label(name, "live", &to.into(), MoveOptions::default())?;
                labels.insert("live".to_owned(), to);
            }
            model.labels.retain(|_, labels| !labels.is_empty());
            Ok(())
        });
    }

    fn step(&mut self) {
        let name = ["first", "second", "third"][self.chance.below(3)];
        match self.chance.below(9) {
            0 | 1 => self.publish(name),
            2 => self.publish_together(name),
            3 => self.label(name),
            4 => self.items(),
            5 | 6 => self.rows(),
            7 => self.trace(),
            _ => self.score(),
        }
    }

    /// Closes the file wholly and opens it again: both write, and may be cut off as well.
    fn reopen(&mut self) {
        self.store.close().unwrap();
        self.engine.close().unwrap();
        self.store = Store::open(self.path).unwrap();
        self.engine = Engine::open(self.path, options(false, 20_000)).unwrap();
    }
}
