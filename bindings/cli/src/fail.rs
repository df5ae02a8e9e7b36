//! What goes wrong, how it is said, and the exit codes.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use trialplate::Error;

use crate::print;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A gate says fail.
pub(crate) const GATE_FAILED: u8 = 1;
/// `apply --check` found something that is not published.
pub(crate) const UNPUBLISHED: u8 = 1;
/// A canary has an alarm that waits for an answer.
pub(crate) const ALARM: u8 = 1;
/// The command line itself is wrong.
pub(crate) const USAGE: u8 = 2;
/// A gate or a canary cannot tell.
pub(crate) const CANNOT_TELL: u8 = 3;
/// Anything else.
pub(crate) const OTHER: u8 = 4;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The core refused.
    Core(Error),
    /// The core refused a batch of lines: which ones.
    Batch(Box<(Error, String)>),
    /// The command line is wrong in a way that its grammar can't see.
    Usage(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

/// The exit code of a verdict's outcome.
pub(crate) fn outcome_code(verdict: &Value) -> u8 {
    match verdict["outcome"].as_str() {
        Some("pass") => 0,
        Some("fail") => GATE_FAILED,
        _ => CANNOT_TELL,
    }
}

/// The exit code of where a canary stands.
pub(crate) fn canary_code(status: &Value) -> u8 {
    match status["state"].as_str() {
        Some("baseline" | "quiet") => 0,
        Some("alarm") => ALARM,
        _ => CANNOT_TELL,
    }
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage(message.into())
    }

    /// A file that can't be read or written.
    pub(crate) fn file(path: impl Into<String>, source: std::io::Error) -> Failure {
        Failure::Core(Error::Storage { path: path.into(), reason: source.to_string(), source: Some(source) })
    }

    /// What went wrong with some lines of a file; they were sent as one.
    pub(crate) fn within(self, name: &str, lines: &[usize]) -> Failure {
        let [first, last] = [lines.first(), lines.last()].map(|line| line.copied().unwrap_or_default());
        match self {
            Failure::Core(Error::InBatch { first: error, index, .. }) => {
                let line = lines.get(index).copied().unwrap_or(first);
                let place = format!("{name}, line {line}; of lines {first} to {last} nothing was written");
                Failure::Batch(Box::new((*error, place)))
            }
            Failure::Core(error) => {
                let place = format!("{name}, lines {first} to {last}: nothing of them was written");
                Failure::Batch(Box::new((error, place)))
            }
            other => other,
        }
    }

    /// The verdict that a refused promotion rests on.
    pub(crate) fn verdict(&self) -> Option<Value> {
        match self {
            Failure::Core(Error::GateRefused { json, .. }) => serde_json::from_str(json).ok(),
            _ => None,
        }
    }

    fn code(&self) -> u8 {
        match (self, self.verdict()) {
            (Failure::Usage(_), _) => USAGE,
            (_, Some(verdict)) => outcome_code(&verdict),
            _ => OTHER,
        }
    }

    /// Its code, its kind and what it says.
    pub(crate) fn told(&self) -> (&'static str, &'static str, String) {
        match self {
            Failure::Core(error) => (error.code(), error.kind().as_str(), error.to_string()),
            Failure::Batch(batch) => {
                let (error, place) = &**batch;
                let told = format!("{error} ({place}; lines before them are)");
                (error.code(), error.kind().as_str(), told)
            }
            Failure::Usage(message) => ("usage", "invalid", message.clone()),
        }
    }

    /// Says it on stderr, a refused promotion's verdict on stdout, and gives the exit code.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let (code, kind, message) = self.told();
        let verdict = self.verdict();
        let text = if json {
            let mut error = json!({"code": code, "kind": kind, "message": message});
            if let Some(verdict) = verdict {
                error["verdict"] = verdict;
            }
            json!({ "error": error }).to_string()
        } else {
            let style = print::Style::of_stderr();
            if let Some(verdict) = &verdict {
                // The message below says it as well, should stdout be closed.
                let _ = print::out(&print::verdict::verdict(verdict, &print::Style::of_stdout()));
            }
            // The sentence stands in the verdict already.
            let message = match &self {
                Failure::Core(Error::GateRefused { prompt, label, .. }) => {
                    format!("{prompt}@{label} stays where it is")
                }
                _ => message,
            };
            format!("{} {message}", style.bad(&format!("error[{code}]:")))
        };
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(self.code())
    }
}
