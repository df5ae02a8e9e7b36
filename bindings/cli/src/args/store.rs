//! The verbs about the store as a whole.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Apply {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// A label that moves to each of the versions
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The same, with exit code 1 if a file holds something that is not published
    #[arg(long, conflicts_with = "label")]
    pub(crate) check: bool,
}

#[derive(Args, Serialize)]
pub(crate) struct Events {
    /// Only what came after the event of this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Call {
    /// The verb
    pub(crate) verb: String,
    /// Its arguments as a JSON object, @FILE or - for stdin [default: {}]
    #[arg(value_name = "JSON|@FILE|-")]
    pub(crate) arguments: Option<String>,
}

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}
