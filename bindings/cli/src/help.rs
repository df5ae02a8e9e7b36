//! The first page: the verbs in groups, a walk-through, the exit codes.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Every verb, in the order in which one meets them.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    (
        "Registry",
        &[
            "publish",
            "get",
            "compile",
            "versions",
            "prompts",
            "diff",
            "set-label",
            "unset-label",
            "labels",
            "history",
            "rollback",
            "otel-attributes",
            "apply",
        ],
    ),
    ("Gates", &["protect", "unprotect", "gate", "check", "promote", "verdicts", "calibrate", "calibrations"]),
    (
        "Datasets",
        &[
            "datasets",
            "dataset",
            "dataset-add",
            "dataset-add-from-trace",
            "dataset-archive",
            "dataset-items",
            "dataset-keys",
            "dataset-diff",
            "dataset-versions",
            "dataset-schema",
        ],
    ),
    (
        "Runs",
        &[
            "metric",
            "metrics",
            "scorer",
            "eval",
            "start-run",
            "run",
            "runs",
            "pending",
            "record",
            "record-all",
            "finish-run",
            "withdraw-run",
            "rows",
            "summary",
            "compare",
        ],
    ),
    (
        "Production",
        &[
            "log",
            "score",
            "log-many",
            "score-many",
            "flush",
            "recorder",
            "trace",
            "traces",
            "summaries",
            "prune",
        ],
    ),
    (
        "Experiments",
        &[
            "experiment",
            "experiments",
            "experiment-start",
            "assign",
            "expose",
            "experiment-weights",
            "experiment-coverage",
            "experiment-result",
            "experiment-conclude",
            "experiment-stop",
        ],
    ),
    (
        "Drift",
        &[
            "canary",
            "canary-run",
            "canary-record",
            "canary-status",
            "canary-history",
            "canary-confirm",
            "canary-dismiss",
            "canaries",
        ],
    ),
    (
        "Store",
        &["events", "verify", "backup", "doctor", "space", "compact", "info", "stats", "call", "completions"],
    ),
];

const AFTER: &str = "\
Walk-through:
  export TRIALPLATE_FILE=prompts.tp
  trialplate publish extraction --text 'Extract the parties from: {{document}}' --label production
  trialplate compile extraction --var document='Alice sells to Bob.'
  trialplate publish extraction --text 'List the parties in: {{document}}' -m 'shorter'
  trialplate diff extraction 1 2
  trialplate set-label extraction production 2 && trialplate rollback extraction production

Exit codes:
  0  done; the gate says pass
  1  the gate says fail; the canary has an alarm
  2  the command line is wrong
  3  the gate or the canary cannot tell
  4  any other error

`trialplate VERB --help` explains a verb with an example.";

/// The grammar with its first page.
pub(crate) fn command() -> Command {
    let command = Cli::command();
    let mut page = String::from("{about}\n\nUsage: trialplate --file PATH VERB ...\n");
    for (group, verbs) in GROUPS {
        let _ = write!(page, "\n{group}:\n");
        for verb in *verbs {
            let about = command.find_subcommand(verb).and_then(|c| c.get_about()).map(ToString::to_string);
            let _ = writeln!(page, "  {verb:<22} {}", about.unwrap_or_default());
        }
    }
    page.push_str("\nGlobal options:\n{options}{after-help}\n");
    command.help_template(page).after_help(AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_stands_in_one_group() {
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        listed.sort_unstable();
        let command = Cli::command();
        let mut verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        verbs.sort_unstable();
        assert_eq!(listed, verbs);
        for core in trialplate::VERBS {
            assert!(verbs.contains(&core.replace('_', "-").as_str()), "{core} has no verb here");
        }
    }

    #[test]
    fn every_verb_has_an_example() {
        for verb in Cli::command().get_subcommands() {
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains(&format!("trialplate {}", verb.get_name())), "{}", verb.get_name());
        }
    }
}
