//! The command line of trialplate: parse, call, print.
//!
//! Flags become a verb's JSON arguments, the core does the rest, and its JSON result is printed as it is (`--json`)
//! or as text. No rule and no default of the store lives here.

mod apply;
mod args;
mod eval;
mod fail;
mod help;
mod input;
mod many;
mod print;
mod report;
mod verbs;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::fail::Failure;

fn main() -> ExitCode {
    let given: Vec<OsString> = std::env::args_os().collect();
    let wants_json = given.iter().any(|argument| argument == "--json");
    let parsed = help::command().try_get_matches_from(given).and_then(|m| args::Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        // Help and the version are data; anything else is bad usage.
        Err(text) if !text.use_stderr() => {
            return match print::out(&text.render().ansi_or_plain()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => failure.report(wants_json),
            };
        }
        Err(usage) if wants_json => return Failure::usage(reason(&usage)).report(true),
        Err(usage) => {
            // Nobody is left to tell if stderr is closed.
            let _ = usage.print();
            return ExitCode::from(fail::USAGE);
        }
    };
    match verbs::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(wants_json),
    }
}

/// What is wrong, without the usage that follows it.
fn reason(usage: &clap::Error) -> String {
    let text = usage.render().to_string();
    let text = text.split("\n\n").next().unwrap_or_default();
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}

/// clap's styled text, coloured only where stdout is.
trait AnsiOrPlain {
    fn ansi_or_plain(&self) -> String;
}

impl AnsiOrPlain for clap::builder::StyledStr {
    fn ansi_or_plain(&self) -> String {
        if print::Style::of_stdout().is_coloured() { self.ansi().to_string() } else { self.to_string() }
    }
}
