//! The flags of `eval`, and those that say how a verdict is reported.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{runs, seconds};

#[derive(Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    pub(crate) start: runs::StartRun,
    /// The command that answers one item: JSON on stdin, the output on stdout; run by the shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) task: String,
    /// So many commands at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,
    /// A command that takes longer is ended, and the row is an error [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Call nothing if this very run is finished already: show it
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Args, Default)]
#[command(next_help_heading = "Reports")]
pub(crate) struct Reports {
    /// Write the checks as test cases into this JUnit XML file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Tell GitHub Actions: annotations, step summary, outputs [default: whether GITHUB_ACTIONS is true]
    #[arg(long, value_name = "true|false", hide_possible_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) github: Option<bool>,
}
