//! Random sequences of nearly all verbs, each called in this process or in another one, against a model in memory.
//!
//! Both processes keep the store open, so whatever a handle remembers must be noticed to be old. The other process is
//! this test binary, run again with a role: it takes calls on stdin. The registry's and the datasets' parts of the model
//! are those of `model`; guards, runs, traces and experiments come on top. Ids are compared by what they stand for, so
//! that a sequence says the same when it is played again, and shrinks.
//!
//! `PROPTEST_CASES=5000 cargo test -p trialplate --test suite whole` plays more of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use trialplate::Store;

use crate::model::{
    self, Act, DataAct, LABELS, Outcome, PROMPTS, Registry, Versions, act, data_act, data_step, movable,
    moved,
};

const ROLE: &str = "TP_WHOLE_WORKER";

// ---- the other process

/// Opens what it is told to and calls what it is told to. Run by the test runner, without a role, it does nothing.
#[test]
fn a_process_with_a_role() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let mut store: Option<Store> = None;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let mut parts = line.splitn(3, '\t');
        let (what, name, arguments) = (parts.next(), parts.next(), parts.next());
        let answer = match (what, name) {
            (Some("open"), Some(path)) => {
                store = Some(Store::open(path).unwrap());
                json!({"ok": null})
            }
            (Some("close"), _) => match store.take().unwrap().close() {
                Ok(()) => json!({"ok": null}),
                Err(error) => json!({"error": error.code()}),
            },
            (Some("call"), Some(verb)) => match store.as_ref().unwrap().call(verb, arguments.unwrap()) {
                Ok(text) => json!({"ok": serde_json::from_str::<Value>(&text).unwrap()}),
                Err(error) => json!({"error": error.code()}),
            },
            _ => panic!("{line}"),
        };
        // The test runner's own words may stand before it.
        let mut out = std::io::stdout();
        writeln!(out, "\n@{answer}").unwrap();
        out.flush().unwrap();
    }
}

struct Other {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Other {
    fn start() -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "whole::a_process_with_a_role", "--nocapture", "--test-threads=1"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Other { asks: child.stdin.take(), answers, child }
    }

    fn ask(&mut self, line: &str) -> Outcome {
        writeln!(self.asks.as_mut().unwrap(), "{line}").unwrap();
        loop {
            let mut answer = String::new();
            assert!(self.answers.read_line(&mut answer).unwrap() > 0, "the other process ended at: {line}");
            let Some(answer) = answer.strip_prefix('@') else { continue };
            let answer: Value = serde_json::from_str(answer).unwrap();
            return match answer["error"].as_str() {
                // A handful of codes.
                Some(code) => Err(code.to_owned().leak()),
                None => Ok(answer["ok"].clone()),
            };
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.asks.take());
        let _ = self.child.wait();
    }
}

/// One file, open in both processes.
struct World<'a> {
    _dir: tempfile::TempDir,
    path: PathBuf,
    here: Store,
    other: &'a RefCell<Other>,
}

impl World<'_> {
    fn new(other: &RefCell<Other>) -> World<'_> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.tp");
        let here = Store::open(&path).unwrap();
        let world = World { _dir: dir, path, here, other };
        world.open_there();
        world
    }

    fn open_there(&self) {
        self.other.borrow_mut().ask(&format!("open\t{}", self.path.display())).unwrap();
    }

    fn call(&self, there: bool, verb: &str, arguments: Value) -> Outcome {
        if there {
            return self.other.borrow_mut().ask(&format!("call\t{verb}\t{arguments}"));
        }
        match self.here.call(verb, &arguments.to_string()) {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap()),
            Err(error) => Err(error.code()),
        }
    }

    fn reopen(&mut self, there: bool) -> Outcome {
        let closed = if there {
            self.other.borrow_mut().ask("close")
        } else {
            self.here.close().map(|()| Value::Null).map_err(|error| error.code())
        };
        if there {
            self.open_there();
        } else {
            self.here = Store::open(&self.path).unwrap();
        }
        closed
    }
}

// ---- what is done

#[derive(Debug, Clone)]
enum Deed {
    Registry(Act),
    Data(DataAct),
    Protect { prompt: usize, label: usize },
    Unprotect { prompt: usize, label: usize, reason: bool },
    Promote { prompt: usize, label: usize, version: u32, expected: Option<u32>, overriding: Option<bool> },
    Metric { max: u8 },
    Start { version: u32, name: Option<u8>, trials: u32 },
    Record { run: usize, key: u8, trial: u32, score: Option<u8> },
    Finish { run: usize },
    Withdraw { run: usize },
    Runs,
    Log { version: u32, id: u8, soon: bool },
    Score { id: u8, value: u8, human: bool, soon: bool },
    Flush,
    Trace { id: u8 },
    Traces { limit: usize },
    Summary,
    Experiment { name: u8, start: bool },
    Begin { name: u8 },
    Stop { name: u8 },
    Assign { name: u8, unit: u8, expose: bool },
    Reopen,
}

#[derive(Debug, Clone)]
struct Step {
    there: bool,
    deed: Deed,
}

fn deed() -> impl Strategy<Value = Deed> {
    use Deed::*;
    let prompt = || prop_oneof![5 => Just(0usize), 1 => Just(1)];
    let label = || prop_oneof![8 => Just(0usize), 2 => Just(1), 1 => Just(2)];
    let version = || prop_oneof![8 => 1..3u32, 1 => 0..6u32];
    let run = || 0..6usize;
    prop_oneof![
        20 => act().prop_map(Registry),
        8 => data_act().prop_map(Data),
        2 => (prompt(), label()).prop_map(|(prompt, label)| Protect { prompt, label }),
        2 => (prompt(), label(), prop::bool::weighted(0.9))
            .prop_map(|(prompt, label, reason)| Unprotect { prompt, label, reason }),
        3 => (prompt(), label(), version(), prop::option::weighted(0.2, version()),
              prop::option::weighted(0.6, prop::bool::weighted(0.9)))
            .prop_map(|(prompt, label, version, expected, overriding)| {
                Promote { prompt, label, version, expected, overriding }
            }),
        1 => (4..6u8).prop_map(|max| Metric { max }),
        4 => (version(), prop::option::weighted(0.5, 0..2u8), 1..3u32)
            .prop_map(|(version, name, trials)| Start { version, name, trials }),
        10 => (run(), 0..7u8, prop_oneof![5 => Just(1), 2 => Just(2), 1 => Just(0)], prop::option::of(0..7u8))
            .prop_map(|(run, key, trial, score)| Record { run, key, trial, score }),
        3 => run().prop_map(|run| Finish { run }),
        1 => run().prop_map(|run| Withdraw { run }),
        1 => Just(Runs),
        5 => (version(), 0..8u8, any::<bool>()).prop_map(|(version, id, soon)| Log { version, id, soon }),
        6 => (0..8u8, 0..7u8, any::<bool>(), any::<bool>())
            .prop_map(|(id, value, human, soon)| Score { id, value, human, soon }),
        1 => Just(Flush),
        1 => (0..8u8).prop_map(|id| Trace { id }),
        1 => (1..4usize).prop_map(|limit| Traces { limit }),
        2 => Just(Summary),
        2 => (0..2u8, any::<bool>()).prop_map(|(name, start)| Experiment { name, start }),
        1 => (0..2u8).prop_map(|name| Begin { name }),
        1 => (0..2u8).prop_map(|name| Stop { name }),
        3 => (0..2u8, 0..4u8, any::<bool>()).prop_map(|(name, unit, expose)| Assign { name, unit, expose }),
        2 => Just(Reopen),
    ]
}

// ---- the model

struct Run {
    id: Value,
    version: u32,
    name: Option<u8>,
    trials: u32,
    dataset_version: usize,
    rows: BTreeMap<(String, u32), Option<u8>>,
    finished: bool,
    withdrawn: bool,
}

#[derive(Default)]
struct Trace {
    version: u32,
    /// By whether a person gave it, the newest last.
    scores: BTreeMap<bool, Vec<u8>>,
}

#[derive(Default)]
struct Model {
    registry: Registry,
    guarded: BTreeSet<(usize, usize)>,
    data: Versions,
    /// What the metric declares as its largest value.
    metric: Option<u8>,
    runs: Vec<Run>,
    traces: BTreeMap<u8, Trace>,
    /// None: registered; then whether it runs.
    experiments: BTreeMap<u8, Option<bool>>,
    assigned: BTreeMap<(u8, u8), Value>,
    exposed: BTreeSet<(u8, u8)>,
    /// The first error of what nobody waited for, here and there, and whether anything is on its way.
    late: [Option<&'static str>; 2],
    on_its_way: [bool; 2],
}

impl Model {
    fn version(&mut self, prompt: usize, number: u32) -> Outcome<u32> {
        self.registry.prompt(prompt)?.version(number)
    }

    fn out_of_range(&self, score: u8) -> Outcome<()> {
        if self.metric.is_some_and(|max| score > max) { Err("score-out-of-range") } else { Ok(()) }
    }

    /// What a label's guard says to an act of the registry that moves it, before anything else does.
    fn barred(&mut self, act: &Act) -> Option<&'static str> {
        let guarded = |prompt: usize, label: usize| self.guarded.contains(&(prompt, label));
        match *act {
            Act::Publish { prompt, label: Some(label), .. } if guarded(prompt, label) => {
                Some("label-protected")
            }
            Act::Unset { prompt, label } if guarded(prompt, label) => Some("label-protected"),
            Act::SetLabel { prompt, label, version, .. } if guarded(prompt, label) => {
                Some(self.version(prompt, version).err().unwrap_or("label-protected"))
            }
            _ => None,
        }
    }

    fn promote(
        &mut self,
        prompt: usize,
        label: usize,
        version: u32,
        expected: Option<u32>,
        overriding: Option<bool>,
    ) -> Outcome<Option<Option<u32>>> {
        let name = movable(label)?;
        if overriding == Some(false) {
            return Err("reason-required");
        }
        self.version(prompt, version)?;
        let guarded = self.guarded.contains(&(prompt, label));
        let entry = self.registry.prompt(prompt)?;
        let now = entry.labels.get(name).and_then(|l| l.now);
        if expected.is_some_and(|expected| now != Some(expected).filter(|&n| n > 0)) {
            return Err("label-moved");
        }
        // The gate's dataset is never there, so it can't tell.
        if now != Some(version) && guarded && overriding.is_none() {
            return Err("gate-refused");
        }
        Ok(entry.set(name, version))
    }
}

fn late(
    model: &mut Model,
    there: bool,
    soon: bool,
    found: Outcome,
    expected: Outcome<()>,
) -> Result<(), TestCaseError> {
    if soon {
        prop_assert!(found.is_ok(), "{:?}", found);
        model.on_its_way[usize::from(there)] = true;
        if let Err(code) = expected {
            model.late[usize::from(there)].get_or_insert(code);
        }
    } else {
        prop_assert_eq!(found.map(drop), expected);
    }
    Ok(())
}

fn flush(world: &World<'_>, model: &mut Model, there: bool) -> Result<(), TestCaseError> {
    let expected = model.late[usize::from(there)].take().map_or(Ok(()), Err);
    model.on_its_way[usize::from(there)] = false;
    prop_assert_eq!(world.call(there, "flush", json!({})).map(drop), expected);
    Ok(())
}

fn step(world: &mut World<'_>, model: &mut Model, Step { there, deed }: &Step) -> Result<(), TestCaseError> {
    let there = *there;
    // What one process has not waited for, the other one may see or not.
    if model.on_its_way[usize::from(!there)] {
        flush(world, model, !there)?;
    }
    let call = |verb: &str, arguments: Value| world.call(there, verb, arguments);
    match deed {
        Deed::Registry(Act::Reopen) | Deed::Data(DataAct::Reopen) | Deed::Reopen => {
            let expected = model.late[usize::from(there)].take().map_or(Ok(()), Err);
            model.on_its_way[usize::from(there)] = false;
            prop_assert_eq!(world.reopen(there).map(drop), expected);
        }
        Deed::Registry(act) => match model.barred(act) {
            None => model::step(&mut |verb, arguments| call(verb, arguments), &mut model.registry, act)?,
            Some(code) => {
                let found = match *act {
                    Act::Publish { prompt, label: Some(label), .. } => call(
                        "publish",
                        json!({"name": PROMPTS[prompt], "prompt": "never", "labels": [LABELS[label]]}),
                    ),
                    Act::SetLabel { prompt, label, version, .. } => call(
                        "set_label",
                        json!({"name": PROMPTS[prompt], "label": LABELS[label], "version": version}),
                    ),
                    Act::Unset { prompt, label } => {
                        call("unset_label", json!({"name": PROMPTS[prompt], "label": LABELS[label]}))
                    }
                    _ => unreachable!(),
                };
                prop_assert_eq!(found, Err(code));
            }
        },
        Deed::Data(act) => data_step(&mut |verb, arguments| call(verb, arguments), &mut model.data, act)?,
        Deed::Protect { prompt, label } => {
            let gate = json!({"dataset": "never", "checks": [{"check": "item_floor", "metric": "q", "at_least": 3}]});
            let found =
                call("protect", json!({"name": PROMPTS[*prompt], "label": LABELS[*label], "gate": gate}));
            let expected = movable(*label).and_then(|_| model.registry.prompt(*prompt).map(drop));
            prop_assert_eq!(found.map(drop), expected);
            if expected.is_ok() {
                model.guarded.insert((*prompt, *label));
            }
        }
        Deed::Unprotect { prompt, label, reason } => {
            let reason_text = if *reason { "because" } else { " " };
            let found = call(
                "unprotect",
                json!({"name": PROMPTS[*prompt], "label": LABELS[*label], "reason": reason_text}),
            );
            let expected = movable(*label).and_then(|_| {
                if !reason {
                    return Err("reason-required");
                }
                model.registry.prompt(*prompt)?;
                if model.guarded.remove(&(*prompt, *label)) { Ok(()) } else { Err("gate-not-found") }
            });
            prop_assert_eq!(found.map(drop), expected);
        }
        Deed::Promote { prompt, label, version, expected, overriding } => {
            let reason = overriding.map(|given| if given { "because" } else { "" });
            let found = call(
                "promote",
                json!({"name": PROMPTS[*prompt], "version": version, "to": LABELS[*label],
                       "expected": expected, "override": reason}),
            );
            let guarded = model.guarded.contains(&(*prompt, *label));
            match model.promote(*prompt, *label, *version, *expected, *overriding) {
                Err(code) => prop_assert_eq!(found, Err(code)),
                Ok(from) => {
                    let found = found.unwrap();
                    let step = moved(&found);
                    let history = &mut model.registry.prompt(*prompt).unwrap().labels;
                    let history = &mut history.get_mut(LABELS[*label]).unwrap().history;
                    match from {
                        None => prop_assert_eq!(Some(&step), history.last()),
                        Some(from) => {
                            prop_assert_eq!(
                                (step.from, step.to, step.rollback),
                                (from, Some(*version), false)
                            );
                            prop_assert_eq!(&found["override"], &json!(overriding.is_some()));
                            prop_assert_eq!(found["verdict"].is_string(), guarded);
                            history.push(step);
                        }
                    }
                }
            }
        }
        Deed::Metric { max } => {
            let found = call("metric", json!({"name": "q", "min": 0, "max": max}));
            let expected =
                if model.metric.is_none_or(|there| there == *max) { Ok(()) } else { Err("metric-exists") };
            prop_assert_eq!(found.map(drop), expected);
            model.metric.get_or_insert(*max);
        }
        Deed::Start { version, name, trials } => {
            let run_name = name.map(|name| format!("run {name}"));
            let found = call(
                "start_run",
                json!({"prompt": "a", "version": version, "dataset": "d", "trials": trials, "name": run_name}),
            );
            let newest = model.data.len() - 1;
            let expected = model.version(0, *version).and_then(|_| {
                if newest == 0 {
                    return Err("dataset-not-found");
                }
                let open = |run: &&Run| run.name.is_some() && run.name == *name && !run.finished;
                let Some(run) = model.runs.iter().rfind(open) else { return Ok(None) };
                // The same items are the same dataset, whatever the number.
                let same = run.version == *version
                    && model.data[run.dataset_version] == model.data[newest]
                    && run.trials == *trials;
                if same { Ok(Some(run.id.clone())) } else { Err("run-differs") }
            });
            match expected {
                Err(code) => prop_assert_eq!(found, Err(code)),
                Ok(Some(id)) => prop_assert_eq!(&found.unwrap()["id"], &id),
                Ok(None) => model.runs.push(Run {
                    id: found.unwrap()["id"].clone(),
                    version: *version,
                    name: *name,
                    trials: *trials,
                    dataset_version: newest,
                    rows: BTreeMap::new(),
                    finished: false,
                    withdrawn: false,
                }),
            }
        }
        Deed::Record { run, key, trial, score } => {
            let Some(at) = run.checked_rem(model.runs.len()) else { return Ok(()) };
            let key = format!("k{key}");
            let scores = score.map_or(json!({}), |score| json!({"q": score}));
            let found = call(
                "record",
                json!({"run": model.runs[at].id, "key": key, "trial": trial,
                       "row": {"output": "said", "scores": scores}}),
            );
            let run = &model.runs[at];
            let expected = (|| {
                if !model.data[run.dataset_version].contains_key(&key) {
                    return Err("item-not-found");
                }
                score.map_or(Ok(()), |score| model.out_of_range(score))?;
                if run.finished {
                    return Err("run-finished");
                }
                if !(1..=run.trials).contains(trial) {
                    return Err("invalid-item");
                }
                if run.rows.contains_key(&(key.clone(), *trial)) { Err("row-exists") } else { Ok(()) }
            })();
            prop_assert_eq!(found.map(drop), expected);
            if expected.is_ok() {
                model.runs[at].rows.insert((key, *trial), *score);
            }
        }
        Deed::Finish { run } => {
            let Some(at) = run.checked_rem(model.runs.len()) else { return Ok(()) };
            let run = &mut model.runs[at];
            let found = call("finish_run", json!({"run": run.id})).unwrap();
            prop_assert_eq!(&found["rows"], &json!(run.rows.len()));
            run.finished = true;
        }
        Deed::Withdraw { run } => {
            let Some(at) = run.checked_rem(model.runs.len()) else { return Ok(()) };
            let run = &mut model.runs[at];
            let found = call("withdraw_run", json!({"run": run.id, "reason": "rubbish"}));
            prop_assert_eq!(found.map(drop), if run.finished { Ok(()) } else { Err("run-not-finished") });
            run.withdrawn = run.finished;
        }
        Deed::Runs => same_runs(world, model, there)?,
        Deed::Log { version, id, soon } => {
            let found = call(
                "log",
                json!({"prompt": "a", "version": version, "trace_id": format!("t{id}"), "durable": !soon}),
            );
            let expected = model.version(0, *version).and_then(|version| {
                if model.traces.contains_key(id) {
                    return Err("trace-exists");
                }
                model.traces.insert(*id, Trace { version, ..Trace::default() });
                Ok(())
            });
            late(model, there, *soon, found, expected)?;
        }
        Deed::Score { id, value, human, soon } => {
            let source = if *human { "human" } else { "judge" };
            let found = call(
                "score",
                json!({"trace_id": format!("t{id}"), "metric": "q", "value": value, "source": source,
                       "durable": !soon}),
            );
            let expected = model.out_of_range(*value).and_then(|()| {
                let trace = model.traces.get_mut(id).ok_or("trace-not-found")?;
                trace.scores.entry(*human).or_default().push(*value);
                Ok(())
            });
            late(model, there, *soon, found, expected)?;
        }
        Deed::Flush => flush(world, model, there)?,
        Deed::Trace { id } => {
            let found = call("trace", json!({"trace_id": format!("t{id}")}));
            match model.traces.get(id) {
                None => prop_assert_eq!(found, Err("trace-not-found")),
                Some(trace) => {
                    let found = found.unwrap();
                    prop_assert_eq!(&found["version"], &json!(trace.version));
                    let mut scores: BTreeMap<bool, Vec<u8>> = BTreeMap::new();
                    for score in found["scores"].as_array().unwrap() {
                        let all = scores.entry(score["source"] == "human").or_default();
                        all.push(score["value"].as_f64().unwrap() as u8);
                    }
                    prop_assert_eq!(&scores, &trace.scores);
                }
            }
        }
        Deed::Traces { limit } => {
            let (mut seen, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let page = call("traces", json!({"limit": limit, "cursor": cursor})).unwrap();
                let traces = page["traces"].as_array().unwrap();
                prop_assert!(traces.len() <= *limit);
                seen.extend(traces.iter().map(|trace| trace["trace_id"].as_str().unwrap().to_owned()));
                cursor = page["next"].clone();
                if cursor.is_null() {
                    break;
                }
            }
            seen.sort();
            prop_assert_eq!(seen, model.traces.keys().map(|id| format!("t{id}")).collect::<Vec<_>>());
        }
        Deed::Summary => {
            let found = call("summary", json!({"prompt": "a", "metric": "q"}));
            let mean = |scores: &BTreeMap<bool, Vec<u8>>| {
                let newest: Vec<f64> =
                    scores.values().filter_map(|s| s.last()).map(|s| f64::from(*s)).collect();
                (!newest.is_empty()).then(|| newest.iter().sum::<f64>() / newest.len() as f64)
            };
            let means: Vec<f64> = model.traces.values().filter_map(|trace| mean(&trace.scores)).collect();
            if model.metric.is_none() && means.is_empty() {
                prop_assert_eq!(found, Err("metric-not-found"));
                return Ok(());
            }
            let found = found.unwrap();
            prop_assert_eq!(
                json!([found["traces"], found["n"], found["missing"]]),
                json!([model.traces.len(), means.len(), 0])
            );
            let expected = (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64);
            match (found["mean"].as_f64(), expected) {
                (Some(found), Some(expected)) => prop_assert!((found - expected).abs() < 1e-9),
                (found, expected) => prop_assert_eq!(found, expected),
            }
        }
        Deed::Experiment { name, start } => {
            let found = call(
                "experiment",
                json!({"name": format!("e{name}"), "prompt": "a", "metric": "latency_ms",
                       "variants": {"one": 1, "two": 2}, "min_effect": 50, "sd": 300, "salt": "s", "start": start}),
            );
            let state = *model.experiments.entry(*name).or_insert(start.then_some(true));
            prop_assert_eq!(&found.unwrap()["state"], &json!(state_name(state)));
        }
        Deed::Begin { name } => {
            let found = call("experiment_start", json!({"name": format!("e{name}")}));
            let expected = match model.experiments.get_mut(name) {
                None => Err("experiment-not-found"),
                Some(Some(false)) => Err("experiment-ended"),
                Some(state) => {
                    *state = Some(true);
                    Ok(())
                }
            };
            prop_assert_eq!(found.map(drop), expected);
        }
        Deed::Stop { name } => {
            let found = call("experiment_stop", json!({"name": format!("e{name}"), "reason": "enough"}));
            let expected = match model.experiments.get_mut(name) {
                None => Err("experiment-not-found"),
                Some(Some(false)) => Err("experiment-ended"),
                Some(state) => {
                    *state = Some(false);
                    Ok(())
                }
            };
            prop_assert_eq!(found.map(drop), expected);
        }
        Deed::Assign { name, unit, expose } => {
            let mut arguments = json!({"name": format!("e{name}"), "unit": format!("user {unit}")});
            if *expose {
                arguments["durable"] = true.into();
            }
            let found = call(if *expose { "expose" } else { "assign" }, arguments);
            let Some(state) = model.experiments.get(name) else {
                prop_assert_eq!(found, Err("experiment-not-found"));
                return Ok(());
            };
            let found = found.unwrap();
            prop_assert_eq!(&found["takes_part"], &json!(*state == Some(true)));
            if *state == Some(true) {
                // Which one it is the law says, whose values are pinned elsewhere; here it must stay what it was.
                let before = model.assigned.entry((*name, *unit)).or_insert_with(|| found["variant"].clone());
                prop_assert_eq!(&found["variant"], &*before);
                let version = if *before == json!("one") { 1 } else { 2 };
                prop_assert_eq!(&found["version"], &json!(version));
                if *expose {
                    model.exposed.insert((*name, *unit));
                }
            } else {
                let why = if state.is_none() { "not-started" } else { "ended" };
                prop_assert_eq!(&found["why"], &json!(why));
            }
        }
    }
    Ok(())
}

fn state_name(state: Option<bool>) -> &'static str {
    match state {
        None => "registered",
        Some(true) => "running",
        Some(false) => "stopped",
    }
}

fn same_runs(world: &World<'_>, model: &Model, there: bool) -> Result<(), TestCaseError> {
    let found = world.call(there, "runs", json!({})).unwrap();
    let found = found["runs"].as_array().unwrap();
    prop_assert_eq!(found.len(), model.runs.len());
    for (found, run) in found.iter().zip(&model.runs) {
        prop_assert_eq!(&found["id"], &run.id, "in the order in which they were started");
        prop_assert_eq!(&found["version"], &json!(run.version));
        prop_assert_eq!(found["finished_at"].is_string(), run.finished);
        prop_assert_eq!(found["withdrawn"].is_object(), run.withdrawn);
        let rows = world.call(there, "rows", json!({"run": run.id})).unwrap();
        let rows: BTreeMap<(String, u32), Option<u8>> = rows["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let place = (row["key"].as_str().unwrap().to_owned(), row["trial"].as_u64().unwrap() as u32);
                (place, row["scores"]["q"].as_f64().map(|score| score as u8))
            })
            .collect();
        prop_assert_eq!(&rows, &run.rows);
        let pending = world.call(there, "pending", json!({"run": run.id})).unwrap();
        let items = model.data[run.dataset_version].len() * run.trials as usize;
        let left = if run.finished { 0 } else { items - run.rows.len() };
        prop_assert_eq!(pending["items"].as_array().unwrap().len(), left);
    }
    Ok(())
}

/// Both processes see the same in the end, it is what the model counts, and every link holds.
fn end(world: &World<'_>, model: &mut Model) -> Result<(), TestCaseError> {
    for there in [false, true] {
        flush(world, model, there)?;
    }
    for there in [false, true] {
        same_runs(world, model, there)?;
        let report = world.call(there, "verify", json!({})).unwrap();
        prop_assert_eq!(&report["ok"], &json!(true), "{}", report);
        let labels = |entry: &model::PromptModel| entry.labels.values().filter(|l| l.now.is_some()).count();
        let prompts = || model.registry.0.values();
        let counted = [
            ("prompts", prompts().count()),
            ("versions", prompts().map(|entry| entry.texts.len()).sum()),
            ("labels", prompts().map(labels).sum()),
            ("dataset_versions", model.data.len() - 1),
            ("runs", model.runs.iter().filter(|run| run.finished).count()),
            ("traces", model.traces.len()),
            ("scores", model.traces.values().flat_map(|t| t.scores.values()).map(Vec::len).sum()),
            ("experiments", model.experiments.len()),
            ("exposures", model.exposed.len()),
        ];
        for (what, n) in counted {
            prop_assert_eq!(&report[what], &json!(n), "{}", what);
        }
        let found = world.call(there, "experiments", json!({})).unwrap();
        let states: Vec<&Value> =
            found["experiments"].as_array().unwrap().iter().map(|e| &e["state"]).collect();
        let expected: Vec<Value> =
            model.experiments.values().map(|state| json!(state_name(*state))).collect();
        prop_assert_eq!(states, expected.iter().collect::<Vec<_>>());
    }
    for (verb, arguments) in
        [("events", json!({})), ("prompts", json!({})), ("traces", json!({"limit": 1000}))]
    {
        prop_assert_eq!(world.call(false, verb, arguments.clone()), world.call(true, verb, arguments));
    }
    Ok(())
}

#[test]
fn the_whole_store_is_its_model_in_two_processes() {
    let mut config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 40;
    }
    let step_of = (any::<bool>(), deed()).prop_map(|(there, deed)| Step { there, deed });
    let other = RefCell::new(Other::start());
    let played = TestRunner::new(config).run(&prop::collection::vec(step_of, 1..120), |steps| {
        let mut world = World::new(&other);
        let mut model = Model { data: vec![BTreeMap::new()], ..Model::default() };
        let begin = (0..2).map(|text| Act::Publish { prompt: 0, text, label: None });
        let begin = begin.map(|act| Step { there: false, deed: Deed::Registry(act) });
        for one in &begin.chain(steps).collect::<Vec<_>>() {
            step(&mut world, &mut model, one)?;
        }
        end(&world, &mut model)?;
        let _ = world.other.borrow_mut().ask("close");
        Ok(())
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
