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

#[derive(Args, Serialize)]
pub(crate) struct Backup {
    /// The new file; nothing is ever replaced
    #[arg(value_name = "FILE")]
    to: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Doctor {
    /// Also check every link as `verify` does, and name every entry that can't be read
    #[arg(long)]
    deep: bool,
    /// Copy what can be read into a new file
    #[arg(long, value_name = "FILE")]
    salvage: Option<String>,
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
pub(crate) struct Stats {
    /// The procedure, such as n_two_sample
    #[arg(value_name = "KIND", requires = "inputs")]
    pub(crate) kind: Option<String>,
    /// Its inputs as a JSON object, @FILE or - for stdin
    #[arg(value_name = "JSON|@FILE|-")]
    pub(crate) inputs: Option<String>,
    /// Many cases as JSON lines, {"kind": ..., "inputs": {...}}; FILE or - for stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "list"])]
    pub(crate) cases: Option<String>,
    /// List the procedures
    #[arg(long, conflicts_with = "kind")]
    pub(crate) list: bool,
}

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}
