//! `eval`: a command on every item that a run has no row for yet. The loop only; what a row may hold, what scores
//! it and what it proves is the core's business.

mod task;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use trialplate::{Error, RunOptions, Store};

use crate::args::{Global, canaries::Run as Canary, eval::Eval, runs::StartRun};
use crate::fail::{self, Failure, Result};
use crate::print::{self, Style};
use crate::verbs;
use task::Said;

/// A run's name is no longer.
const NAME: usize = 255;
/// So many errors are told one by one.
const TOLD: u64 = 10;
/// What may stand beside an output.
const BESIDE: [&str; 5] = ["scores", "latency_ms", "cost_usd", "tokens_in", "tokens_out"];

pub(crate) fn run(a: Eval, global: &Global) -> Result<u8> {
    let Eval { mut start, task, concurrency, timeout, once } = a;
    let store = verbs::to_write(global)?;
    let version = verbs::version(&store, &start.prompt, &start.version)?;
    let version = verbs::of(&store, "get", &json!({"name": start.prompt, "version": version}))?;
    let dataset = json!({"name": start.dataset, "version": start.dataset_version});
    let dataset = verbs::of(&store, "dataset", &dataset)?;
    start.version = version["number"].to_string();
    start.name = start.name.or_else(|| Some(name(&version, &dataset, &task)));
    let arguments = start.arguments()?;

    if once && let Some(run) = finished(&store, &arguments, &dataset)? {
        print::note(&format!("finished already at {}; nothing is called", print::time(&run["finished_at"])));
        show(&store, &run["id"], global)?;
        return Ok(0);
    }
    let run = finish(&store, &version, arguments, &task, concurrency, timeout)?;
    let summary = show(&store, &run, global)?;
    store.close()?;
    match (summary["errors"].as_u64(), summary["rows"].as_u64()) {
        (Some(0) | None, _) => {}
        (errors, rows) if errors == rows => print::note(
            "every row is an error: if it was the task that failed and not the prompt, this run still counts, and a gate never passes on it",
        ),
        _ => print::note("an error has no score, and a gate never passes where a score is missing"),
    }
    Ok(0)
}

/// Starts or resumes a run, answers what is open, finishes it: its id.
fn finish(
    store: &Store,
    version: &Value,
    arguments: Value,
    task: &str,
    concurrency: u16,
    timeout: Option<Duration>,
) -> Result<Value> {
    let mut run = verbs::of(store, "start_run", &arguments)?;
    let items = match verbs::of(store, "pending", &json!({"run": run["id"]}))?["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let total = run["items"].as_u64().unwrap_or(0) * run["trials"].as_u64().unwrap_or(1);
    let there = total.saturating_sub(items.len() as u64);
    if there > 0 {
        print::note(&format!("resumed: {there} of {total} rows are there already"));
    }
    let work = Work {
        progress: Progress { total, done: there.into(), errors: 0.into(), stderr: Style::of_stderr() },
        store,
        run: &run["id"],
        version,
        command: task,
        limit: timeout,
        unfilled: AtomicBool::new(false),
    };
    work.all(items, concurrency.into())?;
    verbs::of(store, "finish_run", &json!({"run": run["id"]}))?;
    Ok(run["id"].take())
}

/// A canary's items, once: the run, and where the canary stands after it.
pub(crate) fn canary(a: Canary, global: &Global) -> Result<u8> {
    let store = verbs::to_write(global)?;
    let canary = verbs::of(&store, "canary", &json!({"name": a.name}))?;
    let version = json!({"name": canary["prompt"], "version": canary["version"]});
    let version = verbs::of(&store, "get", &version)?;
    let start = StartRun {
        prompt: print::text(&canary["prompt"]),
        version: canary["version"].to_string(),
        dataset: print::text(&canary["dataset"]),
        scorers: a.scorers,
        trials: None,
        name: Some(clipped(format!("canary {} by {}", a.name, a.task))),
        dataset_version: canary["dataset_version"].as_u64().and_then(|number| number.try_into().ok()),
    };
    let run = finish(&store, &version, start.arguments()?, &a.task, a.concurrency, a.timeout)?;
    let record = json!({"name": a.name, "run": run, "anchor": a.anchor});
    let status = verbs::of(&store, "canary_record", &record)?;
    store.close()?;
    let text = || print::canaries::status(&status, &Style::of_stdout());
    print::out(&if global.json { format!("{status}\n") } else { text() })?;
    Ok(fail::canary_code(&status))
}

fn show(store: &Store, run: &Value, global: &Global) -> Result<Value> {
    let summary = verbs::of(store, "summary", &json!({"run": run}))?;
    let text = || print::runs::summary(&summary, &Style::of_stdout());
    print::out(&if global.json { format!("{summary}\n") } else { text() })?;
    Ok(summary)
}

/// A name that the same call gives again, so that a killed run is found.
fn name(version: &Value, dataset: &Value, task: &str) -> String {
    let name = format!(
        "{}:{} on {}:{} by {task}",
        print::text(&version["name"]),
        version["number"],
        print::text(&dataset["dataset"]),
        dataset["version"]
    );
    clipped(name)
}

fn clipped(name: String) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME).collect();
    name.trim().to_owned()
}

/// The newest finished run of this name, if it is about the same: version, dataset, scorers, trials.
fn finished(store: &Store, arguments: &Value, dataset: &Value) -> Result<Option<Value>> {
    let mut scorers = BTreeSet::new();
    for scorer in print::each(&arguments["scorers"]) {
        // A function's name is a scorer of that name and nothing else.
        let function = json!({"kind": "function", "name": scorer});
        let scorer = if scorer.is_string() { &function } else { scorer };
        scorers.insert(print::text(&verbs::of(store, "scorer", scorer)?["id"]));
    }
    let number = arguments["version"].as_str().and_then(|n| n.parse::<u64>().ok());
    let trials = arguments["trials"].as_u64().unwrap_or(RunOptions::default().trials.into());
    let runs = verbs::of(store, "runs", &json!({"prompt": arguments["prompt"]}))?;
    let same = |run: &&Value| {
        !run["finished_at"].is_null()
            && run["name"] == arguments["name"]
            && run["version"].as_u64() == number
            && run["dataset_root"] == dataset["root"]
            && run["trials"] == trials
            && print::each(&run["scorers"]).map(|scorer| print::text(&scorer["id"])).collect::<BTreeSet<_>>()
                == scorers
    };
    Ok(print::each(&runs["runs"]).filter(same).last().cloned())
}

/// What the threads share.
struct Work<'w> {
    store: &'w Store,
    run: &'w Value,
    version: &'w Value,
    command: &'w str,
    limit: Option<Duration>,
    progress: Progress,
    /// Whether it was told that an item lacks a variable.
    unfilled: AtomicBool,
}

impl Work<'_> {
    /// All items, several at a time. The first failure lets the calls end that have begun, and starts no other.
    fn all(&self, items: Vec<Value>, concurrency: usize) -> Result<()> {
        let threads = concurrency.min(items.len());
        let (queue, failed) = (Mutex::new(items.into_iter()), Mutex::new(None));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let failure = || failed.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while failure().is_none() {
                        let Some(item) = next() else { break };
                        if let Err(reason) = self.one(&item) {
                            failure().get_or_insert((item["key"].clone(), reason));
                        }
                    }
                });
            }
        });
        self.progress.end();
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((key, reason)) => {
                print::note(&format!(
                    "stopped at {}; the same call goes on with what has no row yet",
                    print::text(&key)
                ));
                Err(reason)
            }
        }
    }

    fn one(&self, item: &Value) -> Result<()> {
        let given = format!("{}\n", self.given(item)?);
        let answer = task::ask(self.command, given, self.limit).map_err(|e| Failure::file("the shell", e))?;
        let latency = json!(answer.took.as_secs_f64() * 1000.0);
        let mut row = match answer.said {
            Said::Output(bytes) => match row(bytes) {
                Ok(row) => row,
                Err(error) => failed(error),
            },
            Said::Error(error) => failed(error),
            Said::NoCommand(reason) => {
                return Err(Failure::usage(format!("--task {}: {reason}", self.command)));
            }
        };
        if row.get("latency_ms").is_none_or(Value::is_null) {
            row.insert("latency_ms".to_owned(), latency);
        }
        match self.record(item, &row) {
            // The call is paid for: what can't be kept of it is kept as the error it is.
            Err(Failure::Core(unfit)) if matches!(unfit.code(), "invalid-json" | "too-large") => {
                let mut error = failed(format!("the output can't be kept: {unfit}"));
                error.insert("latency_ms".to_owned(), row["latency_ms"].take());
                self.record(item, &error)?;
                row = error;
            }
            // Another process resumed the same run, and was quicker.
            Err(Failure::Core(Error::RowExists { .. } | Error::RunFinished { .. })) => {}
            recorded => recorded?,
        }
        self.progress.step(item, row.get("error"));
        Ok(())
    }

    /// What the command reads.
    fn given(&self, item: &Value) -> Result<Value> {
        let mut given = Map::new();
        for member in ["key", "input", "expected", "metadata", "stratum", "trial"] {
            given.insert(member.to_owned(), item[member].clone());
        }
        for member in ["model", "params", "tools", "response_schema"] {
            given.insert(member.to_owned(), self.version[member].clone());
        }
        let variables = if item["input"].is_object() { item["input"].clone() } else { json!({}) };
        let which = json!({
            "name": self.version["name"], "version": self.version["number"], "variables": variables,
        });
        let prompt = match verbs::of(self.store, "compile", &which) {
            Ok(mut compiled) => compiled["prompt"].take(),
            Err(Failure::Core(lacking)) if lacking.code() == "missing-variable" => {
                if !self.unfilled.swap(true, Ordering::Relaxed) {
                    let key = print::text(&item["key"]);
                    print::note(&format!("prompt is null for {key}, and maybe for others: {lacking}"));
                }
                Value::Null
            }
            Err(other) => return Err(other),
        };
        given.insert("prompt".to_owned(), prompt);
        Ok(given.into())
    }

    fn record(&self, item: &Value, row: &Map<String, Value>) -> Result<()> {
        let row = json!({"run": self.run, "key": item["key"], "trial": item["trial"], "row": row});
        verbs::of(self.store, "record", &row).map(|_| ())
    }
}

/// What was printed, as a row: an object with an output and what stands beside it, or else the text itself.
fn row(bytes: Vec<u8>) -> std::result::Result<Map<String, Value>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "what it printed is not UTF-8 text".to_owned())?;
    if let Ok(Value::Object(mut said)) = serde_json::from_str::<Value>(&text)
        && said.contains_key("output")
    {
        said.retain(|member, value| member == "output" || (BESIDE.contains(&&**member) && !value.is_null()));
        return Ok(said);
    }
    let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
    Ok(Map::from_iter([("output".to_owned(), text.into())]))
}

fn failed(error: String) -> Map<String, Value> {
    Map::from_iter([("error".to_owned(), error.into())])
}

/// What is told on stderr while it runs: the errors, and a counter where somebody looks.
struct Progress {
    total: u64,
    done: AtomicU64,
    errors: AtomicU64,
    stderr: Style,
}

impl Progress {
    fn step(&self, item: &Value, error: Option<&Value>) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        let clear = if self.stderr.is_terminal() { "\r\x1b[K" } else { "" };
        if let Some(error) = error {
            let trial = if item["trial"] == 1 { String::new() } else { format!(" trial {}", item["trial"]) };
            match self.errors.fetch_add(1, Ordering::Relaxed) {
                n if n < TOLD => print::note(&format!(
                    "{clear}{}{trial}: {}",
                    print::text(&item["key"]),
                    self.stderr.bad(&print::text(error))
                )),
                TOLD => print::note(&format!("{clear}more errors are in the rows")),
                _ => {}
            }
        }
        if self.stderr.is_terminal() {
            print::part(&format!("{clear}{done} of {} rows", self.total));
        }
    }

    fn end(&self) {
        if self.stderr.is_terminal() {
            print::part("\r\x1b[K");
        }
    }
}
