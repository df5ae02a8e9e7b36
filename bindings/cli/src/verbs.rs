//! From a verb to its call: which arguments, how the file is opened, how the result is printed.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde::Serialize;
use serde_json::Value;
use trialplate::{Error, OpenOptions, Store};

use crate::args::{Cli, Global, Verb, registry::of_label, store};
use crate::fail::{self, Failure, Result};
use crate::print::{self, Style};
use crate::{apply, eval, input, many, report};

/// How a verb opens the file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Access {
    /// Read-only: no lock on other writers, and no file is made.
    Reads,
    /// Writes into a file that is there.
    Writes,
    /// Writes, and can be the first to do so.
    Creates,
}
use Access::{Creates, Reads, Writes};

/// How a result is printed.
#[derive(Clone, Copy)]
enum Show {
    /// As text.
    Text(fn(&Value, &Style) -> String),
    /// A list's members as JSON lines, with or without `--json`.
    Lines(&'static str),
    /// A list's members as JSON lines with `--json`, as text without.
    LinesOr(&'static str, fn(&Value, &Style) -> String),
}
use Show::{Lines, LinesOr, Text};

/// One call.
struct Call {
    verb: &'static str,
    access: Access,
    arguments: Value,
    show: Show,
    /// The exit code of a result.
    code: fn(&Value) -> u8,
}

fn call(verb: &'static str, access: Access, arguments: Value, show: Show) -> Call {
    Call { verb, access, arguments, show, code: |_| 0 }
}

/// A call whose exit code is where the canary stands.
fn canary(verb: &'static str, access: Access, arguments: Value) -> Call {
    Call { code: fail::canary_code, ..call(verb, access, arguments, Text(print::canaries::status)) }
}

/// A struct of flags as the verb's arguments; what was not given is left to the core.
pub(crate) fn flags(flags: impl Serialize) -> Result<Value> {
    let mut arguments = serde_json::to_value(flags).map_err(|e| Failure::usage(e.to_string()))?;
    if let Value::Object(arguments) = &mut arguments {
        arguments.retain(|_, value| !value.is_null());
    }
    Ok(arguments)
}

pub(crate) fn run(cli: Cli) -> Result<u8> {
    let Cli { global, verb } = cli;
    let call = match verb {
        Verb::Apply(a) => return apply::run(a, &global),
        Verb::Eval(a) => return eval::run(a, &global),
        Verb::CanaryRun(a) => return eval::canary(a, &global),
        Verb::Check(a) => return report::check(a, &global),
        Verb::Promote(a) => return report::promote(a, &global),
        Verb::LogMany(a) => return many::log(&a, &global),
        Verb::ScoreMany(a) => return many::score(&a, &global),
        Verb::Call(a) => return raw(a, &global),
        Verb::Stats(a) => return statistics(a),
        Verb::Completions(a) => {
            let mut script = Vec::new();
            clap_complete::generate(a.shell, &mut Cli::command(), "trialplate", &mut script);
            print::out(&String::from_utf8_lossy(&script))?;
            return Ok(0);
        }
        Verb::Doctor(a) => return doctor(a, &global),
        Verb::Diff(a) => {
            let find = |name: &str, label: &str| labelled(&open(&global, Reads)?, name, label);
            call("diff", Reads, a.arguments(find)?, Text(print::registry::diff))
        }
        Verb::StartRun(mut a) => {
            if a.version.starts_with('@') {
                a.version = version(&open(&global, Reads)?, &a.prompt, &a.version)?.to_string();
            }
            call("start_run", Writes, a.arguments()?, Text(print::runs::started))
        }
        Verb::Canary(mut a) => {
            if let (Some(prompt), Some(label)) =
                (&a.prompt, a.version.as_ref().filter(|version| version.starts_with('@')))
            {
                a.version = Some(version(&open(&global, Reads)?, prompt, label)?.to_string());
            }
            let access = if a.reads() { Reads } else { Writes };
            call("canary", access, a.arguments()?, Text(print::canaries::canary))
        }
        verb => plan(verb)?,
    };
    let store = open(&global, call.access)?;
    let result = of(&store, call.verb, &call.arguments)?;
    store.close()?;
    let code = (call.code)(&result);
    print::out(&match (call.show, global.json) {
        (Lines(list), _) | (LinesOr(list, _), true) => print::lines(&result[list]),
        (Text(_), true) => format!("{result}\n"),
        (Text(show) | LinesOr(_, show), false) => show(&result, &Style::of_stdout()),
    })?;
    Ok(code)
}

fn plan(verb: Verb) -> Result<Call> {
    use print::{calibration, data, experiments, registry, runs, store, traces, verdict};
    Ok(match verb {
        Verb::Publish(a) => call("publish", Creates, a.arguments()?, Text(registry::published)),
        Verb::Get(a) => call("get", Reads, a.arguments()?.into(), Text(registry::prompt)),
        Verb::Compile(a) => call("compile", Reads, a.arguments()?, Text(registry::prompt)),
        Verb::OtelAttributes(a) => call("otel_attributes", Reads, a.arguments()?.into(), Text(store::facts)),
        Verb::Versions(a) => call("versions", Reads, flags(a)?, Text(registry::versions)),
        Verb::Prompts(a) => call("prompts", Reads, flags(a)?, Text(registry::prompts)),
        Verb::SetLabel(a) => call("set_label", Writes, flags(a)?, Text(registry::moved)),
        Verb::UnsetLabel(a) => call("unset_label", Writes, flags(a)?, Text(registry::moved)),
        Verb::Labels(a) => call("labels", Reads, flags(a)?, Text(registry::labels)),
        Verb::History(a) => call("history", Reads, flags(a)?, Text(registry::history)),
        Verb::Rollback(a) => call("rollback", Writes, flags(a)?, Text(registry::moved)),
        Verb::Protect(a) => call("protect", Writes, a.arguments()?, Text(verdict::protected)),
        Verb::Unprotect(a) => call("unprotect", Writes, flags(a)?, Text(verdict::unprotected)),
        Verb::Gate(a) => call("gate", Reads, flags(a)?, Text(verdict::gate)),
        Verb::Verdicts(a) => call("verdicts", Reads, flags(a)?, Text(verdict::verdicts)),
        Verb::Calibrate(a) => call("calibrate", Writes, a.arguments()?, Text(calibration::calibration)),
        Verb::Calibrations(a) => call("calibrations", Reads, flags(a)?, Text(calibration::calibrations)),
        Verb::Datasets => call("datasets", Reads, Value::Null, Text(data::datasets)),
        Verb::Dataset(a) => call("dataset", Reads, flags(a)?, Text(data::dataset)),
        Verb::DatasetAdd(a) => call("dataset_add", Creates, a.arguments()?, Text(data::dataset)),
        Verb::DatasetArchive(a) => call("dataset_archive", Writes, flags(a)?, Text(data::dataset)),
        Verb::DatasetItems(a) => call("dataset_items", Reads, flags(a)?, Lines("items")),
        Verb::DatasetKeys(a) => call("dataset_keys", Reads, flags(a)?, Text(data::keys)),
        Verb::DatasetDiff(a) => call("dataset_diff", Reads, flags(a)?, Text(data::diff)),
        Verb::DatasetVersions(a) => call("dataset_versions", Reads, flags(a)?, Text(data::versions)),
        Verb::DatasetSchema(a) => {
            let access = if a.reads() { Reads } else { Creates };
            call("dataset_schema", access, a.arguments()?, Text(data::schemas))
        }
        Verb::Metric(a) => call("metric", Creates, flags(a)?, Text(data::declared)),
        Verb::Metrics => call("metrics", Reads, Value::Null, Text(data::metrics)),
        Verb::Scorer(a) => call("scorer", Reads, a.arguments()?, Text(store::scorer)),
        Verb::Run(a) => call("run", Reads, flags(a)?, Text(runs::run)),
        Verb::Runs(a) => call("runs", Reads, flags(a)?, Text(runs::runs)),
        Verb::Pending(a) => call("pending", Reads, flags(a)?, Lines("items")),
        Verb::Record(a) => call("record", Writes, a.arguments()?, Text(runs::recorded)),
        Verb::RecordAll(a) => call("record_all", Writes, a.arguments()?, Text(runs::recorded_all)),
        Verb::FinishRun(a) => call("finish_run", Writes, flags(a)?, Text(runs::run)),
        Verb::WithdrawRun(a) => call("withdraw_run", Writes, flags(a)?, Text(runs::run)),
        Verb::Rows(a) => call("rows", Reads, flags(a)?, Lines("rows")),
        Verb::Summary(a) => call("summary", Reads, a.arguments()?, Text(traces::summary)),
        Verb::Summaries(a) => call("summaries", Reads, flags(a)?, Text(traces::summaries)),
        Verb::Compare(a) => call("compare", Reads, a.arguments()?, Text(print::compare::comparison)),
        Verb::Log(a) => call("log", Writes, a.arguments()?, Text(traces::logged)),
        Verb::Score(a) => call("score", Writes, a.arguments()?, Text(traces::scored)),
        Verb::Prune(a) => call("prune", Writes, flags(a)?, Text(traces::pruned)),
        Verb::Flush => call("flush", Reads, Value::Null, Text(traces::flushed)),
        Verb::Recorder => call("recorder", Reads, Value::Null, Text(traces::recorder)),
        Verb::Trace(a) => call("trace", Reads, flags(a)?, Text(traces::trace)),
        Verb::Traces(a) => call("traces", Reads, flags(a)?, Text(traces::traces)),
        Verb::DatasetAddFromTrace(a) => {
            call("dataset_add_from_trace", Writes, a.arguments()?, Text(data::dataset))
        }
        Verb::Experiment(a) => {
            let access = if a.reads() { Reads } else { Writes };
            call("experiment", access, a.arguments()?, Text(experiments::experiment))
        }
        Verb::Experiments => call("experiments", Reads, Value::Null, Text(experiments::experiments)),
        Verb::ExperimentStart(a) => {
            call("experiment_start", Writes, flags(a)?, Text(experiments::experiment))
        }
        Verb::Assign(a) => call("assign", Reads, flags(a)?, Text(experiments::assignment)),
        Verb::Expose(a) => call("expose", Writes, flags(a)?, Text(experiments::assignment)),
        Verb::ExperimentWeights(a) => {
            call("experiment_weights", Writes, a.arguments()?, Text(experiments::reweighted))
        }
        Verb::ExperimentCoverage(a) => {
            call("experiment_coverage", Writes, flags(a)?, Text(experiments::experiment))
        }
        Verb::ExperimentResult(a) => Call {
            code: |result| if result["is_final"] == true { 0 } else { fail::CANNOT_TELL },
            ..call("experiment_result", Writes, flags(a)?, Text(experiments::result))
        },
        Verb::ExperimentConclude(a) => {
            call("experiment_conclude", Writes, flags(a)?, Text(experiments::concluded))
        }
        Verb::ExperimentStop(a) => call("experiment_stop", Writes, flags(a)?, Text(experiments::experiment)),
        Verb::CanaryRecord(a) => canary("canary_record", Writes, flags(a)?),
        Verb::CanaryStatus(a) => canary("canary_status", Reads, flags(a)?),
        Verb::CanaryConfirm(a) => call("canary_confirm", Writes, flags(a)?, Text(print::canaries::status)),
        Verb::CanaryDismiss(a) => call("canary_dismiss", Writes, flags(a)?, Text(print::canaries::status)),
        Verb::CanaryHistory(a) => call("canary_history", Reads, flags(a)?, Text(print::canaries::history)),
        Verb::Canaries => call("canaries", Reads, Value::Null, Text(print::canaries::canaries)),
        Verb::Events(a) => call("events", Reads, flags(a)?, LinesOr("events", store::events)),
        Verb::Verify => Call {
            code: |report| if report["ok"] == true { 0 } else { fail::OTHER },
            ..call("verify", Reads, Value::Null, Text(store::verify))
        },
        Verb::Backup(a) => call("backup", Reads, flags(a)?, Text(store::backup)),
        Verb::Space => call("space", Reads, Value::Null, Text(store::space)),
        Verb::Compact => call("compact", Writes, Value::Null, Text(store::compact)),
        Verb::Info => call("info", Reads, Value::Null, Text(store::facts)),
        Verb::Diff(_)
        | Verb::Doctor(_)
        | Verb::StartRun(_)
        | Verb::Apply(_)
        | Verb::Eval(_)
        | Verb::Canary(_)
        | Verb::CanaryRun(_)
        | Verb::Check(_)
        | Verb::Promote(_)
        | Verb::LogMany(_)
        | Verb::ScoreMany(_)
        | Verb::Call(_)
        | Verb::Stats(_)
        | Verb::Completions(_) => {
            return Err(Failure::usage("this verb makes no single call"));
        }
    })
}

/// The verbs of the core that change nothing.
const READING: &[&str] = &[
    "get",
    "compile",
    "otel_attributes",
    "versions",
    "prompts",
    "diff",
    "labels",
    "history",
    "gate",
    "verdicts",
    "calibrations",
    "datasets",
    "dataset",
    "dataset_versions",
    "dataset_items",
    "dataset_keys",
    "dataset_diff",
    "metrics",
    "run",
    "runs",
    "pending",
    "rows",
    "summary",
    "summaries",
    "compare",
    "trace",
    "traces",
    "experiments",
    "assign",
    "flush",
    "recorder",
    "canaries",
    "canary_status",
    "canary_history",
    "events",
    "verify",
    "backup",
    "doctor",
    "space",
    "scorer",
    "info",
];
/// The verbs of the core that may write the first thing into a file.
const CREATING: &[&str] = &["publish", "dataset_add", "dataset_schema", "metric"];

/// The raw door: JSON in, JSON out.
fn raw(a: store::Call, global: &Global) -> Result<u8> {
    let verb = a.verb.replace('-', "_");
    let access = match verb.as_str() {
        _ if !trialplate::VERBS.contains(&verb.as_str()) => return Err(Error::UnknownVerb { verb }.into()),
        verb if READING.contains(&verb) => Reads,
        verb if CREATING.contains(&verb) => Creates,
        _ => Writes,
    };
    let arguments = input::arguments(a.arguments)?;
    let store = open(global, access)?;
    let result = store.call(&verb, &arguments)?;
    store.close()?;
    print::out(&format!("{result}\n"))?;
    let result: Value = serde_json::from_str(&result).unwrap_or_default();
    Ok(match verb.as_str() {
        "check" => fail::outcome_code(&result),
        "canary_record" | "canary_status" => fail::canary_code(&result),
        "verify" | "doctor" if result["ok"] != true => fail::OTHER,
        _ => 0,
    })
}

/// Not through a store: the file need not open as one.
fn doctor(a: store::Doctor, global: &Global) -> Result<u8> {
    let mut arguments = flags(a)?;
    if let Some(timeout) = global.busy_timeout {
        arguments["busy_timeout"] = timeout.as_secs_f64().into();
    }
    let found = trialplate::call_doctor(path(global)?, &arguments.to_string())?;
    let value: Value = serde_json::from_str(&found).unwrap_or_default();
    print::out(&if global.json {
        format!("{found}\n")
    } else {
        print::store::doctor(&value, &Style::of_stdout())
    })?;
    Ok(if value["ok"] == true { 0 } else { fail::OTHER })
}

/// Procedures of the statistics, a line of JSON each.
fn statistics(a: store::Stats) -> Result<u8> {
    let run = |kind: &str, inputs: &Value| -> Result<()> {
        print::out(&format!("{}\n", trialplate::stats::run_case(kind, inputs)?))
    };
    if a.list {
        let mut kinds: Vec<&str> = trialplate::stats::kinds().collect();
        kinds.sort_unstable();
        print::out(&format!("{}\n", kinds.join("\n")))?;
    } else if let Some(file) = &a.cases {
        for case in input::json_lines(file)? {
            let Some(kind) = case["kind"].as_str() else {
                return Err(Failure::usage("a case is {\"kind\": ..., \"inputs\": {...}}"));
            };
            run(kind, &case["inputs"])?;
        }
    } else if let (Some(kind), Some(inputs)) = (&a.kind, &a.inputs) {
        run(kind, &input::json("INPUTS", inputs)?)?;
    } else {
        return Err(Failure::usage("name a procedure and its inputs, or give --cases or --list"));
    }
    Ok(0)
}

/// Calls a verb; null stands for no arguments.
pub(crate) fn of(store: &Store, verb: &str, arguments: &Value) -> Result<Value> {
    let arguments = if arguments.is_null() { String::new() } else { arguments.to_string() };
    let result = store.call(verb, &arguments)?;
    serde_json::from_str(&result)
        .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "the result".to_owned() }.into())
}

/// The file that was named.
pub(crate) fn path(global: &Global) -> Result<PathBuf> {
    global
        .file
        .clone()
        .filter(|path| !path.as_os_str().is_empty())
        .ok_or_else(|| Failure::usage("say which store: --file PATH, or set TRIALPLATE_FILE"))
}

/// A version's number or id as it was given, or the number of the version that a label points to.
pub(crate) fn version(store: &Store, name: &str, given: &str) -> Result<Value> {
    of_label(name, given, &|name: &str, label: &str| labelled(store, name, label))
}

fn labelled(store: &Store, name: &str, label: &str) -> Result<Value> {
    let arguments = serde_json::json!({"name": name, "label": label});
    Ok(of(store, "get", &arguments)?["number"].take())
}

/// A store that is there already, to write into.
pub(crate) fn to_write(global: &Global) -> Result<Store> {
    open(global, Writes)
}

fn open(global: &Global, access: Access) -> Result<Store> {
    let path = path(global)?;
    // A file that is not there stays so, unless the verb is one that begins a store.
    open_at(global, &path, access == Reads || (access == Writes && !path.exists()))
}

/// Opens a store as the global flags say.
pub(crate) fn open_at(global: &Global, path: &Path, read_only: bool) -> Result<Store> {
    let user = || std::env::var("USER").ok();
    let actor = global.actor.clone().or_else(user).filter(|actor| !actor.is_empty());
    let options = OpenOptions::new().read_only(read_only || global.read_only);
    let options = global.busy_timeout.into_iter().fold(options, OpenOptions::busy_timeout);
    let options = actor.into_iter().fold(options, OpenOptions::actor);
    Ok(options.open(path)?)
}
