//! The table of verbs: a new verb is a line here, and a scenario that all languages run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::args::{self, expected, selector};
use super::{arguments, calibrate, canaries, datasets, experiments, listed, result, traces};
use crate::datasets::write::DatasetSchemas;
use crate::error::{Error, Result};
use crate::model::gate::Gate;
use crate::model::version::PromptVersion;
use crate::prompts::modes::Mode;
use crate::prompts::query::PromptFilter;
use crate::prompts::versions::PublishOptions;
use crate::scorers::Scorer;
use crate::storage::log;
use crate::store::{MoveOptions, PromoteOptions, RunOptions, Store};

/// What a verb answers, as JSON text.
trait Answer {
    fn text(self) -> String;
}

impl Answer for Value {
    fn text(self) -> String {
        self.to_string()
    }
}

/// JSON text already.
struct Text(String);

impl Answer for Text {
    fn text(self) -> String {
        self.0
    }
}

/// A verb reads its arguments, calls the hall and shapes the result.
fn run<A: Answer>(
    verb: impl FnOnce(&Store, Value) -> Result<A>,
    store: &Store,
    arguments: Value,
) -> Result<String> {
    verb(store, arguments).map(Answer::text)
}

macro_rules! verbs {
    ($($name:literal => $verb:expr),* $(,)?) => {
        /// The name of every verb that [`Store::call`] knows.
        pub const VERBS: &[&str] = &[$($name),*];

        pub(super) fn dispatch(store: &Store, verb: &str, arguments: Value) -> Result<String> {
            match verb {
                $($name => run($verb, store, arguments),)*
                _ => Err(Error::UnknownVerb { verb: verb.to_owned() }),
            }
        }
    };
}

/// The verbs whose result is a version, before it is shaped.
pub(super) fn for_version(store: &Store, verb: &str, arguments: Value) -> Result<PromptVersion> {
    match verb {
        "publish" => publish(store, arguments),
        "get" => get(store, arguments),
        _ => Err(Error::UnknownVerb { verb: verb.to_owned() }),
    }
}

fn publish(store: &Store, a: Value) -> Result<PromptVersion> {
    let mut a: args::Publish = arguments(a)?;
    let options = PublishOptions {
        message: a.message.take(),
        author: a.author.take(),
        parent: a.parent,
        labels: a.labels()?,
        tags: a.tags.take().unwrap_or_default(),
    };
    let content = a.content()?;
    store.publish(&a.name, content, options)
}

fn get(store: &Store, a: Value) -> Result<PromptVersion> {
    let a: args::Get = arguments(a)?;
    store.get(&a.name, selector(&a.name, a.label, a.version, a.id, a.at)?)
}

verbs! {
    "publish" => |store, a| result(publish(store, a)?),
    "get" => |store, a| result(get(store, a)?),
    "compile" => |store, a| {
        let a: args::Compile = arguments(a)?;
        let mode = a.mode.as_deref().map_or(Ok(Mode::Strict), Mode::from_name)?;
        let version = store.get(&a.name, selector(&a.name, a.label, a.version, a.id, a.at)?)?;
        listed("prompt", version.compile_as(mode, &a.variables)?)
    },
    "otel_attributes" => |store, a| {
        result(get(store, a)?.otel_attributes())
    },
    "versions" => |store, a| {
        let a: args::Versions = arguments(a)?;
        listed("versions", store.versions_after(&a.name, a.after, a.limit.unwrap_or(usize::MAX))?)
    },
    "prompts" => |store, a| listed("prompts", store.prompts(&arguments::<PromptFilter>(a)?)?),
    "diff" => |store, a| {
        let a: args::Diff = arguments(a)?;
        let diff = store.diff(&a.name, &a.a.reference()?, &a.b.reference()?)?;
        let mut value = result(&diff)?;
        value["unified"] = diff.to_unified().into();
        Ok(value)
    },
    "set_label" => |store, a| {
        let a: args::SetLabel = arguments(a)?;
        let options = MoveOptions { expected: expected(store, &a.name, a.expected)?, reason: a.reason };
        result(store.set_label(&a.name, &a.label, &a.version.reference()?, options)?)
    },
    "unset_label" => |store, a| {
        let a: args::UnsetLabel = arguments(a)?;
        result(store.unset_label(&a.name, &a.label, a.reason.as_deref())?)
    },
    "labels" => |store, a| listed("labels", store.labels(&arguments::<args::Name>(a)?.name)?),
    "history" => |store, a| {
        let a: args::NameLabel = arguments(a)?;
        listed("moves", store.history(&a.name, &a.label)?)
    },
    "rollback" => |store, a| {
        let a: args::Rollback = arguments(a)?;
        let to = a.to.map(|to| to.reference()).transpose()?;
        result(store.rollback(&a.name, &a.label, to.as_ref(), a.reason.as_deref())?)
    },
    "protect" => |store, a| {
        let a: args::Protect = arguments(a)?;
        let gate: Gate = serde_json::from_value(a.gate)
            .map_err(|e| Error::InvalidGate { reason: e.to_string() })?;
        listed("gate", if a.auto == Some(true) {
            store.protect_auto(&a.name, &a.label, gate)?
        } else {
            store.protect(&a.name, &a.label, gate)?
        })
    },
    "unprotect" => |store, a| {
        let a: args::Unprotect = arguments(a)?;
        store.unprotect(&a.name, &a.label, &a.reason)?;
        Ok(json!({}))
    },
    "gate" => |store, a| {
        let a: args::NameLabel = arguments(a)?;
        let (id, gate) = store.gate(&a.name, &a.label)?;
        let mut value = result(gate)?;
        value["id"] = result(id)?;
        value["auto"] = store.is_auto(&a.name, &a.label)?.into();
        Ok(value)
    },
    "check" => |store, a| {
        let a: args::Check = arguments(a)?;
        let version = a.version.reference()?;
        if a.auto == Some(true) {
            return result(store.check_and_promote(&a.name, &version, &a.label)?);
        }
        result(store.check(&a.name, &version, &a.label)?)
    },
    "promote" => |store, a| {
        let a: args::Promote = arguments(a)?;
        let options = PromoteOptions {
            expected: expected(store, &a.name, a.expected)?,
            reason: a.reason,
            override_reason: a.override_reason,
            auto: a.auto == Some(true),
        };
        result(store.promote(&a.name, &a.version.reference()?, &a.to, options)?)
    },
    "verdicts" => |store, a| {
        let a: args::NameLabel = arguments(a)?;
        listed("verdicts", store.verdicts(&a.name, &a.label)?)
    },
    "datasets" => |store, a| {
        arguments::<args::Nothing>(a)?;
        listed("datasets", store.datasets()?)
    },
    "dataset" => |store, a| {
        let a: args::Dataset = arguments(a)?;
        result(store.dataset(&a.name, a.version)?)
    },
    "dataset_versions" => |store, a| {
        listed("versions", store.dataset_versions(&arguments::<args::Name>(a)?.name)?)
    },
    "dataset_add" => |store, a| result(datasets::add(store, a)?),
    "dataset_archive" => |store, a| {
        let a: args::DatasetArchive = arguments(a)?;
        result(store.dataset_archive(&a.name, a.keys)?)
    },
    "dataset_items" => |store, a| datasets::items(store, arguments(a)?).map(Text),
    "dataset_keys" => |store, a| listed("keys", datasets::keys(store, arguments(a)?)?),
    "dataset_diff" => |store, a| {
        let a: args::DatasetDiff = arguments(a)?;
        result(store.dataset_diff(&a.name, a.a, a.b)?)
    },
    "dataset_schema" => |store, mut a| {
        // The name apart from the schemas, which keep "given as null" apart from "not given".
        let name = a.as_object_mut().and_then(|members| members.remove("name"));
        let args::Name { name } = arguments(json!({ "name": name }))?;
        let schemas: DatasetSchemas = arguments(a)?;
        let now = store.dataset_schema(&name, schemas)?;
        Ok(json!({"input": now.input, "expected": now.expected}))
    },
    "metric" => |store, a| {
        let a: args::Metric = arguments(a)?;
        let name = a.name.clone();
        store.metric(&name, a.config()?)?;
        Ok(json!({}))
    },
    "metrics" => |store, a| {
        arguments::<args::Nothing>(a)?;
        listed("metrics", store.metrics()?)
    },
    "start_run" => |store, a| {
        let a: args::StartRun = arguments(a)?;
        let scorers = a.scorers.unwrap_or_default();
        let options = RunOptions {
            scorers: scorers.iter().map(Scorer::from_json).collect::<Result<_>>()?,
            trials: a.trials.unwrap_or(RunOptions::default().trials),
            name: a.name,
            dataset_version: a.dataset_version,
        };
        result(store.start_run(&a.prompt, &a.version.reference()?, &a.dataset, options)?)
    },
    "run" => |store, a| result(store.run(&arguments::<args::RunId>(a)?.run)?),
    "runs" => |store, a| listed("runs", store.runs(arguments::<args::Runs>(a)?.prompt.as_deref())?),
    "pending" => |store, a| listed("items", store.pending(arguments::<args::RunId>(a)?.run.parse()?)?),
    "record" => |store, a| {
        let a: args::Record = arguments(a)?;
        result(store.record(a.run.parse()?, &a.key, a.trial, a.row.row()?)?)
    },
    "record_all" => |store, a| {
        let a: args::RecordAll = arguments(a)?;
        let rows = a.rows.into_iter().map(|r| Ok((r.key, r.trial, r.row.row()?)));
        let rows = store.record_all(a.run.parse()?, rows.collect::<Result<_>>()?)?;
        Ok(json!({"rows": rows.len()}))
    },
    "finish_run" => |store, a| result(store.finish_run(arguments::<args::RunId>(a)?.run.parse()?)?),
    "withdraw_run" => |store, a| {
        let a: args::WithdrawRun = arguments(a)?;
        result(store.withdraw_run(a.run.parse()?, &a.reason)?)
    },
    "calibrate" => |store, a| result(calibrate::calibrate(store, arguments(a)?)?),
    "calibrations" => |store, a| {
        let a: calibrate::Calibrations = arguments(a)?;
        listed("calibrations", store.calibrations(a.metric.as_deref())?)
    },
    "rows" => |store, a| listed("rows", store.rows(arguments::<args::RunId>(a)?.run.parse()?)?),
    // Of a run, or of a metric in production.
    "summary" => |store, a| {
        if a.get("run").is_some() {
            return result(store.run_summary(arguments::<args::RunId>(a)?.run.parse()?)?);
        }
        let a: args::Summary = arguments(a)?;
        result(store.summary(&a.prompt, &a.metric, &a.filter()?)?)
    },
    "compare" => |store, a| {
        let a: args::Compare = arguments(a)?;
        result(store.compare_with(a.a.parse()?, a.b.parse()?, &a.options()?)?)
    },
    "log" => |store, a| listed("trace_id", traces::log(store, arguments(a)?)?),
    "score" => |store, a| {
        traces::score(store, arguments(a)?)?;
        Ok(json!({}))
    },
    "log_many" => |store, a| listed("trace_ids", traces::log_many(store, a)?),
    "score_many" => |store, a| listed("scores", traces::score_many(store, a)?),
    "prune" => |store, a| result(traces::prune(store, arguments(a)?)?),
    "summaries" => |store, a| listed("summaries", traces::summaries(store, arguments(a)?)?),
    "flush" => |store, a| {
        arguments::<args::Nothing>(a)?;
        store.flush()?;
        Ok(json!({}))
    },
    "recorder" => |store, a| {
        arguments::<args::Nothing>(a)?;
        result(store.recorder()?)
    },
    "trace" => |store, a| result(store.trace(&arguments::<args::TraceId>(a)?.trace_id)?),
    "traces" => |store, a| result(store.traces(&arguments::<args::Traces>(a)?.filter()?)?),
    "dataset_add_from_trace" => |store, a| result(traces::add_to_dataset(store, arguments(a)?)?),
    "experiment" => experiments::register,
    "experiments" => |store, a| {
        arguments::<args::Nothing>(a)?;
        listed("experiments", store.experiments()?)
    },
    "experiment_start" => experiments::start,
    "assign" => experiments::assign,
    "expose" => experiments::expose,
    "experiment_weights" => experiments::reweight,
    "experiment_coverage" => experiments::cover,
    "experiment_result" => experiments::ask,
    "experiment_conclude" => experiments::conclude,
    "experiment_stop" => experiments::stop,
    "canary" => |store, a| canaries::canary(store, arguments(a)?),
    "canaries" => |store, a| {
        arguments::<args::Nothing>(a)?;
        listed("canaries", store.canaries()?)
    },
    "canary_record" => |store, a| canaries::record(store, arguments(a)?),
    "canary_status" => |store, a| result(store.canary_status(&arguments::<args::Name>(a)?.name)?),
    "canary_history" => |store, a| {
        listed("steps", store.canary_history(&arguments::<args::Name>(a)?.name)?)
    },
    "canary_confirm" => |store, a| {
        let a: args::CanaryAnswer = arguments(a)?;
        result(store.canary_confirm(&a.name, &a.reason)?)
    },
    "canary_dismiss" => |store, a| {
        let a: args::CanaryAnswer = arguments(a)?;
        result(store.canary_dismiss(&a.name, &a.reason)?)
    },
    "events" => |store, a| {
        let a: args::Events = arguments(a)?;
        listed("events", store.events(a.after, a.limit.unwrap_or(usize::MAX))?)
    },
    "verify" => |store, a| {
        arguments::<args::Nothing>(a)?;
        result(store.verify()?)
    },
    "backup" => |store, a| result(store.backup(&arguments::<args::Backup>(a)?.to)?),
    "space" => |store, a| {
        arguments::<args::Nothing>(a)?;
        result(store.space()?)
    },
    "compact" => |store, a| {
        arguments::<args::Nothing>(a)?;
        result(store.compact()?)
    },
    "doctor" => |store, a| super::diagnose(store.path(), arguments(a)?, store.engine.busy_timeout()),
    "scorer" => |_, a| {
        // Makes a scorer's identity visible before a run uses it.
        let scorer = Scorer::from_json(&a)?;
        let mut value = result(&scorer)?;
        value["id"] = result(scorer.identity()?.id)?;
        value["built_in"] = scorer.is_built_in().into();
        Ok(value)
    },
    "info" => |store, a| {
        arguments::<args::Nothing>(a)?;
        let (seq, at) = store.read(|tx| log::head(tx))?.unzip();
        let facts: BTreeMap<&str, Value> = BTreeMap::from([
            ("path", store.path().display().to_string().into()),
            ("events", seq.unwrap_or(0).into()),
            ("last_event_at", result(at)?),
            ("version", env!("CARGO_PKG_VERSION").into()),
        ]);
        result(facts)
    },
}
