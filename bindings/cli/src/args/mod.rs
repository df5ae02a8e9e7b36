//! The command line's grammar: one struct per verb, its fields named as the core names the verb's arguments.

pub(crate) mod canaries;
pub(crate) mod datasets;
pub(crate) mod eval;
pub(crate) mod experiments;
pub(crate) mod gates;
pub(crate) mod registry;
pub(crate) mod runs;
pub(crate) mod store;
pub(crate) mod traces;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// SQLite for LLMOps: versioned prompts, labels, datasets, runs, gates and traces in one local file.
#[derive(Parser)]
#[command(name = "trialplate", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The store's file; verbs that write the first thing into it create it
    #[arg(long, global = true, value_name = "PATH", env = "TRIALPLATE_FILE", hide_env_values = true)]
    pub(crate) file: Option<PathBuf>,
    /// Print one stable JSON object in place of text (JSON lines where a verb prints a stream)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long a write waits for another process that is writing [default: 5]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) busy_timeout: Option<Duration>,
    /// Who is written down as the author of what this call does [default: $USER]
    #[arg(long, global = true, value_name = "NAME", env = "TRIALPLATE_ACTOR", hide_env_values = true)]
    pub(crate) actor: Option<String>,
    /// Refuse to write, whatever the verb
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, such as 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "give 0 or more seconds".to_owned())
}

/// `K=V`, as several flags take it; the value is looked at later.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give it as name=value".to_owned()),
    }
}

/// JSON has no other numbers, and would carry them as null.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| "give a finite number".to_owned())
}

/// The verbs. Their names are those of the core in kebab case.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Publish a text or a chat as the prompt's next version
    ///
    /// The same content again is the same version: nothing is written then. A file's or stdin's last newline
    /// belongs to the file, not to the prompt.
    #[command(after_help = "Examples:
  trialplate publish extraction --text 'Extract the parties from: {{document}}' \\
      --model claude-sonnet-4-6 --param temperature=0 -m 'first try'
  cat extraction.txt | trialplate publish extraction - --label staging")]
    Publish(registry::Publish),
    /// Print a version's prompt: the one that production points to, unless another is named
    #[command(after_help = "Examples:
  trialplate get extraction                 # the label production
  trialplate get extraction@staging         # another label; extraction@latest is the newest version
  trialplate get extraction:3 --json        # version 3 with model, params, tools, schema
  trialplate get extraction --at 2026-11-23T18:00:00Z   # what was live then")]
    Get(registry::Get),
    /// Print a version's prompt with its variables filled in
    #[command(after_help = "Examples:
  trialplate compile extraction@staging --var document='Alice sells to Bob.'
  trialplate compile extraction --vars @values.json --partial")]
    Compile(registry::Compile),
    /// List every version of a prompt, oldest first
    #[command(
        after_help = "Examples:\n  trialplate versions extraction\n  trialplate versions extraction --after 100 --limit 50"
    )]
    Versions(registry::Versions),
    /// List the prompts with their newest versions and labels
    #[command(
        after_help = "Examples:\n  trialplate prompts billing/\n  trialplate prompts --search refund --tag live"
    )]
    Prompts(registry::Prompts),
    /// Show what changed between two versions, word by word where it is text
    #[command(after_help = "Examples:
  trialplate diff extraction 1 2
  trialplate diff extraction @production @latest")]
    Diff(registry::Diff),
    /// Point a label at a version
    #[command(after_help = "Examples:
  trialplate set-label extraction staging 2
  trialplate set-label extraction staging 3 --expected 2 --reason 'shorter'   # only if it is still on 2")]
    SetLabel(registry::SetLabel),
    /// Take a label off a prompt
    #[command(
        after_help = "Example:\n  trialplate unset-label extraction staging --reason 'not used any more'"
    )]
    UnsetLabel(registry::UnsetLabel),
    /// List a prompt's labels and the versions they point to
    #[command(after_help = "Example:\n  trialplate labels extraction")]
    Labels(registry::Name),
    /// List every move of a label: when, who, from, to, why
    #[command(after_help = "Example:\n  trialplate history extraction production")]
    History(registry::NameLabel),
    /// Move a label back to the version it pointed to before; always allowed
    #[command(after_help = "Examples:
  trialplate rollback extraction production --reason 'wrong dates'
  trialplate rollback extraction production --to 4")]
    Rollback(registry::Rollback),
    /// Print the attributes to put on a span of a call made with this version
    #[command(after_help = "Example:\n  trialplate otel-attributes extraction@production --json")]
    OtelAttributes(registry::Get),
    /// Publish a folder of prompt files; what is there already stays as it is
    ///
    /// NAME.prompt holds front matter (model, params or config, tools, response_schema or output.schema, tags,
    /// message) between two lines of `---`, and the text below it. NAME.txt and NAME.md are the text. NAME.json
    /// holds the arguments of publish: {"prompt": ..., "model": ..., "params": ...}. Folders become part of
    /// the name. Every file is read and checked before the first one is written.
    #[command(after_help = "Examples:
  trialplate apply prompts/ --dry-run
  trialplate apply prompts/ --label staging
  trialplate apply prompts/ --check         # exit code 1 if a file is not published yet")]
    Apply(store::Apply),
    /// Bind a gate to a label: from then on only promote and rollback move it
    #[command(after_help = "Example:
  trialplate protect extraction production --gate \\
      '{\"dataset\": \"golden\", \"checks\": [{\"check\": \"no_regression\", \"metric\": \"quality\"}]}'

Checks: item_floor, no_regression, mean, rate, format, not_more_permissive.")]
    Protect(gates::Protect),
    /// Take the gate off a label; the log keeps who did it and why
    #[command(
        after_help = "Example:\n  trialplate unprotect extraction production --reason 'moved to the nightly gate'"
    )]
    Unprotect(gates::Unprotect),
    /// Show the gate that protects a label
    #[command(after_help = "Example:\n  trialplate gate extraction production")]
    Gate(registry::NameLabel),
    /// Judge a version by a label's gate and store the verdict; nothing moves
    #[command(after_help = "Examples:
  trialplate check extraction 8 production
  trialplate check extraction @candidate production --junit report.xml   # on GitHub it annotates by itself

Exit code: 0 pass, 1 fail, 3 cannot tell.")]
    Check(gates::Check),
    /// Move a label to a version if its gate lets it, in one transaction
    #[command(after_help = "Examples:
  trialplate promote extraction 8 --to production
  trialplate promote extraction @candidate --to production --reason \"$GITHUB_SHA\"
  trialplate promote extraction 8 --to production --override 'legal wants it out today'   # logged for ever

Exit code: 0 moved, 1 the gate says fail, 3 the gate cannot tell.")]
    Promote(gates::Promote),
    /// List every verdict on a prompt's versions for a label
    #[command(after_help = "Example:\n  trialplate verdicts extraction production")]
    Verdicts(registry::NameLabel),
    /// Hold a judge's scores against people's: agreement, bias, and whether a gate may decide by it
    #[command(after_help = "Example:
  trialplate calibrate quality --run \"$RUN\" --human quality_by_people
  trialplate calibrate quality --prompt extraction       # traces scored by a judge and by a human

A gate decides by a judge only if the newest calibration says usable: kappa's interval begins at 0.6 or above, on
100 labelled items or more, drawn at random.")]
    Calibrate(gates::Calibrate),
    /// List what is known of each judge
    #[command(after_help = "Example:\n  trialplate calibrations quality")]
    Calibrations(gates::Calibrations),
    /// List the datasets
    #[command(after_help = "Example:\n  trialplate datasets")]
    Datasets,
    /// Show one version of a dataset, the newest unless another is named
    #[command(after_help = "Example:\n  trialplate dataset golden --version 3")]
    Dataset(datasets::Dataset),
    /// Add or replace items from JSON lines, as a new version of the dataset
    #[command(after_help = "Example:
  echo '{\"key\": \"a1\", \"input\": {\"document\": \"...\"}, \"expected\": \"...\", \"stratum\": \"hard\"}' |
      trialplate dataset-add golden -")]
    DatasetAdd(datasets::DatasetAdd),
    /// Take items out of the newest version; older versions keep them
    #[command(after_help = "Example:\n  trialplate dataset-archive golden a1 a2")]
    DatasetArchive(datasets::DatasetArchive),
    /// Print a dataset's items as JSON lines, in the form that dataset-add reads
    #[command(after_help = "Example:\n  trialplate dataset-items golden --version 2 > golden.jsonl")]
    DatasetItems(datasets::DatasetItems),
    /// List the keys of a dataset's items, one a line
    #[command(after_help = "Example:\n  trialplate dataset-keys golden --limit 10")]
    DatasetKeys(datasets::DatasetItems),
    /// Show which items were added, changed and archived between two versions
    #[command(after_help = "Example:\n  trialplate dataset-diff golden 2 3")]
    DatasetDiff(datasets::DatasetDiff),
    /// List every version of a dataset
    #[command(after_help = "Example:\n  trialplate dataset-versions golden")]
    DatasetVersions(registry::Name),
    /// Declare JSON Schemas that a dataset's items must satisfy, or show the ones declared
    #[command(after_help = "Example:\n  trialplate dataset-schema golden --input input.schema.json")]
    DatasetSchema(datasets::DatasetSchema),
    /// Declare what the scores of a metric may be
    #[command(after_help = "Examples:
  trialplate metric quality --min 1 --max 5
  trialplate metric tone --kind categorical --categories warm,neutral,cold")]
    Metric(runs::Metric),
    /// List the declared metrics
    #[command(after_help = "Example:\n  trialplate metrics")]
    Metrics,
    /// Show a scorer's identity without using it
    #[command(after_help = "Example:\n  trialplate scorer '{\"kind\": \"regex\", \"pattern\": \"^[0-9]+$\"}'

Kinds: exact, contains, regex, numeric, levenshtein, json_valid, json_schema, length, function, judge.")]
    Scorer(runs::Scorer),
    /// Run a command on every item of a dataset with a version of a prompt, and score what it prints
    ///
    /// The command reads one JSON object from stdin: key, input, expected, metadata, stratum, trial of the item;
    /// prompt, the version's prompt with the members of input filled in (null if input lacks one of its variables);
    /// model, params, tools, response_schema of the version. What it prints is the output, as text. If it prints a
    /// JSON object with a member output, that is the output, and scores, latency_ms, cost_usd, tokens_in and
    /// tokens_out beside it are read as well.
    ///
    /// Another exit code than 0, or no answer in time, becomes the item's row as an error, with the last line of
    /// stderr. Codes 126 and 127, by which a shell says that it can't run a command, stop the whole.
    ///
    /// Every row is on disk before its thread begins another item. The same call resumes a run that was killed:
    /// what has a row is not called again. Without --name a run is named after its version, dataset and command.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:
  trialplate eval extraction 8 golden --task 'python3 task.py' --scorer '{\"kind\": \"exact\"}'
  trialplate eval extraction @candidate golden --task ./task.sh --scorer quality --concurrency 4 --timeout 60

A task:
  import json, sys
  item = json.load(sys.stdin)
  answer = call_model(item[\"model\"], item[\"prompt\"], **item[\"params\"])
  json.dump({\"output\": answer.text, \"tokens_out\": answer.tokens, \"scores\": {\"quality\": 4.5}}, sys.stdout)

Exit code: 0 the run is finished, whatever its rows say: check and promote judge."
    )]
    Eval(eval::Eval),
    /// Start a run of a version on a dataset, or resume the unfinished one of the same name; prints its id
    #[command(after_help = "Example:
  RUN=$(trialplate start-run extraction 8 golden --scorer '{\"kind\": \"exact\"}' --scorer quality)")]
    StartRun(runs::StartRun),
    /// Show a run
    #[command(after_help = "Example:\n  trialplate run 0193a5e2-7c1b-7e3f-8a55-0c6f1d2e3b4a")]
    Run(runs::Run),
    /// List the runs, oldest first
    #[command(after_help = "Example:\n  trialplate runs extraction")]
    Runs(runs::Runs),
    /// Print what a run has no row for yet, as JSON lines of items with their trials
    #[command(after_help = "Example:\n  trialplate pending \"$RUN\" | while read -r item; do ...; done")]
    Pending(runs::Run),
    /// Record what came out for one item; the row is on disk when this returns
    #[command(after_help = "Example:
  trialplate record \"$RUN\" a1 --output 'Alice, Bob' --score quality=4.5 --latency-ms 812 --cost-usd 0.002")]
    Record(runs::Record),
    /// Record rows from JSON lines, all of them or none
    #[command(after_help = "Example:
  echo '{\"key\": \"a1\", \"trial\": 1, \"output\": \"Alice, Bob\", \"scores\": {\"quality\": 4.5}}' |
      trialplate record-all \"$RUN\" -")]
    RecordAll(runs::RecordAll),
    /// Finish a run: it takes no more rows and becomes evidence for gates
    #[command(after_help = "Example:\n  trialplate finish-run \"$RUN\"")]
    FinishRun(runs::Run),
    /// Take a finished run that holds rubbish out of the evidence, for ever; it can still be read
    #[command(after_help = "Example:
  trialplate withdraw-run \"$RUN\" --reason 'the API key had expired: every row is an error'

It still counts as a run: a gate's bar, which rises with every run, does not come down again.")]
    WithdrawRun(runs::WithdrawRun),
    /// Print a run's rows as JSON lines
    #[command(after_help = "Example:\n  trialplate rows \"$RUN\" | jq .scores")]
    Rows(runs::Run),
    /// Show a run at a glance, or a metric in production: mean, interval, quantiles, spread
    #[command(after_help = "Examples:
  trialplate summary \"$RUN\"                            # each metric, errors, latency, cost, tokens
  trialplate summary extraction quality --by version     # of production traces
  trialplate summary extraction latency_ms --by day --since 2026-11-01T00:00:00Z")]
    Summary(traces::Summary),
    /// Show several metrics of a prompt in production, read at one moment
    #[command(after_help = "Example:\n  trialplate summaries extraction quality latency_ms --by version")]
    Summaries(traces::Summaries),
    /// Compare two runs, paired by item: the difference per metric, its interval, what got worse
    #[command(after_help = "Examples:\n  trialplate compare \"$RUN_A\" \"$RUN_B\"
  trialplate compare \"$RUN_A\" \"$RUN_B\" --primary quality --margin quality=0.2 --cluster document

A is what is there, B is what might come. Exit code 0, whatever the comparison says: check and promote judge.")]
    Compare(runs::Compare),
    /// Log one production call of a version; the trace is on disk when this returns; prints its id
    #[command(after_help = "Example:
  TRACE=$(trialplate log extraction 3 --input '{\"document\": \"...\"}' --output 'Alice, Bob' \\
      --latency-ms 812 --cost-usd 0.002 --user u1)")]
    Log(traces::Log),
    /// Score a trace; all scores are kept, and the newest of a metric and a source counts
    #[command(after_help = "Examples:
  trialplate score \"$TRACE\" quality 4.5 --source judge --judge rubric-2
  trialplate score \"$TRACE\" helpful true --source user
  trialplate score \"$TRACE\" quality null --source judge   # the judge's answer could not be read")]
    Score(traces::Score),
    /// Log production calls from JSON lines, with their scores; prints their ids as they are on disk
    ///
    /// A line is an object with prompt, version and what log has flags for (trace_id, at, input, output, error,
    /// latency_ms, ...), and scores, an object of metrics and values, with their source. Lines are sent 10,000 at a
    /// time: of these all are written, or none.
    #[command(after_help = "Example:
  echo '{\"prompt\": \"extraction\", \"version\": 3, \"latency_ms\": 812, \"scores\": {\"quality\": 4.5}}' |
      trialplate log-many")]
    LogMany(traces::Many),
    /// Score traces from JSON lines
    ///
    /// A line is an object with trace_id, metric, value, and if you like source, comment and judge. Lines are sent
    /// 10,000 at a time: of these all are written, or none.
    #[command(after_help = "Example:\n  trialplate score-many scores.jsonl")]
    ScoreMany(traces::Many),
    /// Remove old production calls with their texts and scores; says what went and what stayed
    ///
    /// Traces of an experiment that has no conclusion yet stay, and so do dataset items that were made of traces.
    #[command(after_help = "Example:\n  trialplate prune --before 2026-08-01T00:00:00Z --prompt extraction")]
    Prune(traces::Prune),
    /// Wait until everything logged is on disk; here it always is, as each call waits for itself
    #[command(after_help = "Example:\n  trialplate flush")]
    Flush,
    /// Show what became of this process's calls that nobody waited for; here always nothing, as each call waits
    #[command(after_help = "Example:\n  trialplate recorder --json")]
    Recorder,
    /// Show a trace with its scores
    #[command(after_help = "Example:\n  trialplate trace \"$TRACE\" --json")]
    Trace(traces::Trace),
    /// List traces, newest first, or by the highest or lowest value of a metric
    #[command(after_help = "Examples:
  trialplate traces extraction --label production --limit 20
  trialplate traces extraction --order lowest --metric quality
  trialplate traces --user u1 --since 2026-11-23T00:00:00Z --json")]
    Traces(traces::Traces),
    /// Add a production call to a dataset: its input, and what it should have given
    #[command(
        after_help = "Example:\n  trialplate dataset-add-from-trace golden \"$TRACE\" --expected 'Alice, Bob'"
    )]
    DatasetAddFromTrace(traces::AddFromTrace),
    /// Register an A/B test on traffic and start it, or show one that is there
    ///
    /// The plan, with its power analysis, is stored and frozen before anything is seen. The same call again gives
    /// the same experiment.
    #[command(after_help = "Examples:
  trialplate experiment tone --prompt extraction --variant a=1 --variant b=2 --metric quality --min-effect 0.2
  trialplate experiment tone --prompt extraction --variant a=1 --variant b=2 --weight a=9 --weight b=1 \\
      --metric quality --min-effect 0.2 --mode anytime --coverage 0.2
  trialplate experiment tone")]
    Experiment(Box<experiments::Experiment>),
    /// List the experiments
    #[command(after_help = "Example:\n  trialplate experiments")]
    Experiments,
    /// Start an experiment that was only registered
    #[command(after_help = "Example:\n  trialplate experiment-start tone")]
    ExperimentStart(experiments::Name),
    /// Print which variant a user gets; nothing is written
    #[command(after_help = "Example:\n  trialplate assign tone user-42")]
    Assign(experiments::Assign),
    /// Assign a user and enrol it; logging a trace with --experiment and --user does the same
    #[command(after_help = "Example:\n  trialplate expose tone user-42 --stratum hard")]
    Expose(experiments::Expose),
    /// Change the weights of an experiment; only the users that must change their variant do
    #[command(after_help = "Example:\n  trialplate experiment-weights tone a=1 b=3")]
    ExperimentWeights(experiments::Weights),
    /// Change the share of all users that takes part; nobody changes the variant by that
    #[command(after_help = "Example:\n  trialplate experiment-coverage tone 0.5")]
    ExperimentCoverage(experiments::Coverage),
    /// Show what an experiment says now; nothing that could tempt before it may be decided
    #[command(after_help = "Example:\n  trialplate experiment-result tone

Exit code: 0 decided, 3 cannot tell yet.")]
    ExperimentResult(experiments::Name),
    /// End an experiment with its verdict, and move a label to the winner through its gate
    #[command(after_help = "Example:\n  trialplate experiment-conclude tone --promote production

Exit code: 0 concluded, 1 or 3 the gate refuses the winner, 4 it is not decided.")]
    ExperimentConclude(experiments::Conclude),
    /// End an experiment without a verdict
    #[command(after_help = "Example:\n  trialplate experiment-stop tone --reason 'the judge was replaced'")]
    ExperimentStop(experiments::Stop),
    /// Register a canary: a few fixed items that are run again and again to tell whether the model changed
    ///
    /// It never changes; the same again is the one that is there. With nothing but its name, it is shown.
    #[command(after_help = "Examples:
  trialplate canary daily --prompt extraction --version 3 --dataset canary --metric quality
  trialplate canary daily

The plan: 20 baseline runs spread over days, then at most one false alarm in 365 runs.")]
    Canary(canaries::Canary),
    /// Run a command on a canary's items, record the run, and say where the canary stands; for cron
    ///
    /// The command is called as eval calls it, once per item. The same call resumes a run that was killed.
    #[command(after_help = "Examples:
  trialplate canary-run daily --task 'python3 task.py' --scorer quality
  7 6 * * * trialplate --file prompts.tp canary-run daily --task ./task.sh --scorer quality || mail ...   # cron

Exit code: 0 quiet or baseline, 1 alarm, 3 cannot tell, 2 wrong usage, 4 any other error.")]
    CanaryRun(canaries::Run),
    /// Take a finished run as the next one of a canary, and say where the canary stands
    ///
    /// The run is of the canary's version, on its dataset version, with one trial. The same run again changes
    /// nothing. A run with other scorers begins a new baseline.
    #[command(after_help = "Examples:
  trialplate canary-record daily \"$RUN\"
  trialplate canary-record daily \"$RUN\" --anchor \"$JUDGED_AGAIN\"   # tells a moved judge from a moved model

Exit code: 0 quiet or baseline, 1 alarm, 3 cannot tell.")]
    CanaryRecord(canaries::Record),
    /// Say where a canary stands
    #[command(after_help = "Example:\n  trialplate canary-status daily || echo 'look at it'

Exit code: 0 quiet or baseline, 1 alarm, 3 cannot tell.")]
    CanaryStatus(canaries::Name),
    /// Show every run and answer of a canary, oldest first
    #[command(after_help = "Example:\n  trialplate canary-history daily --json")]
    CanaryHistory(canaries::Name),
    /// Say that an alarm is real: a new baseline begins
    #[command(after_help = "Example:
  trialplate canary-confirm daily --reason 'the golden set is 0.3 points down as well'")]
    CanaryConfirm(canaries::Answer),
    /// Say that an alarm is none: the detector begins anew, and keeps its reference
    #[command(
        after_help = "Example:\n  trialplate canary-dismiss daily --reason 'the provider had an outage'"
    )]
    CanaryDismiss(canaries::Answer),
    /// List the canaries and where they stand
    #[command(after_help = "Example:\n  trialplate canaries")]
    Canaries,
    /// Print the log of everything that happened (with --json as JSON lines)
    #[command(after_help = "Example:\n  trialplate events --after 120 --limit 20")]
    Events(store::Events),
    /// Check every hash and every link from label to scores
    #[command(after_help = "Example:\n  trialplate verify || echo 'broken'

Exit code: 0 all of it holds, 4 something is broken; the first broken link is named.")]
    Verify,
    /// Copy the store into a new file, while others read and write, and verify the copy
    #[command(after_help = "Example:\n  trialplate backup prompts-$(date +%F).tp")]
    Backup(store::Backup),
    /// Say what is wrong with a file, and save what can be read; writes nothing to it
    #[command(after_help = "Examples:
  trialplate doctor --deep
  trialplate doctor --salvage saved.tp

Exit code: 0 healthy, 4 something is wrong.")]
    Doctor(store::Doctor),
    /// Show what takes the space
    #[command(after_help = "Example:\n  trialplate space")]
    Space,
    /// Make the file as small as it can be
    #[command(
        after_help = "Example:\n  trialplate compact\n\nNobody may be reading or writing at that moment."
    )]
    Compact,
    /// Show the store: its path, how many events it holds, when it last changed
    #[command(after_help = "Example:\n  trialplate info")]
    Info,
    /// Run one of the statistics on figures of your own; needs no store
    ///
    /// What gates, comparisons and plans are made of, by name: JSON in, JSON out, the same digits in every language.
    #[command(after_help = "Examples:
  trialplate stats n_two_sample '{\"delta\": 0.2, \"sd\": 1.13, \"power\": 0.8}'   # units per variant
  trialplate stats wilson '{\"k\": 48, \"n\": 50}'
  trialplate stats srm_chi2 '{\"counts\": [5200, 4800], \"weights\": [1, 1]}'
  trialplate stats --cases cases.jsonl
  trialplate stats --list")]
    Stats(store::Stats),
    /// Call any verb with JSON arguments and print its JSON result
    #[command(
        after_help = "Example:\n  trialplate call get '{\"name\": \"extraction\", \"label\": \"staging\"}'"
    )]
    Call(store::Call),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  trialplate completions bash > ~/.local/share/bash-completion/completions/trialplate"
    )]
    Completions(store::Completions),
}
