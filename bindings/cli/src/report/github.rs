//! GitHub Actions: annotations, the step's summary, the step's outputs.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::{Told, markdown, words};
use crate::args::eval::Reports;
use crate::fail::{Failure, Result};
use crate::print::{self, text};

/// GitHub shows ten annotations of a kind and step: so many at the most, the last of them the summary.
const ANNOTATIONS: usize = 10;
/// GitHub drops the whole of a step's summary that is larger.
const SUMMARY: u64 = 1 << 20;

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Asked for, or on a runner of theirs.
pub(super) fn is_wanted(reports: &Reports) -> bool {
    reports.github.unwrap_or_else(|| variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"))
}

/// The checks that do not pass, worst first, and then the whole. On stderr, which the runner reads as well: stdout
/// stays data.
pub(super) fn annotate(told: &Told<'_>) {
    let v = told.verdict;
    // What an override let through is no error any more.
    let kind = |outcome: &Value| match outcome.as_str() {
        Some("pass") => "notice",
        Some("fail") if told.moved["override"] != true => "error",
        _ => "warning",
    };
    let bad: Vec<&Value> =
        words::worst_first(v).into_iter().filter(|check| check["outcome"] != "pass").collect();
    for check in bad.iter().take(ANNOTATIONS - 1) {
        let items = words::items(check);
        let worst =
            if items.is_empty() { String::new() } else { format!("\nworst items: {}", items.join(" | ")) };
        let title = format!("{} for {}", words::check(check), words::subject(v));
        print::note(&annotation(
            kind(&check["outcome"]),
            &title,
            &format!("{}{worst}", text(&check["sentence"])),
        ));
    }
    let more = match bad.len().saturating_sub(ANNOTATIONS - 1) {
        0 => String::new(),
        more => format!(" ({more} more than annotated here)"),
    };
    let whole = format!("{} {}{more}", words::effect(told), words::tally(v));
    print::note(&annotation(kind(&v["outcome"]), &words::headline(v), &whole));
}

pub(super) fn annotate_failure(subject: &str, code: &str, message: &str) {
    print::note(&annotation("error", &format!("{subject}: {code}"), message));
}

/// A workflow command.
fn annotation(kind: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::{kind} title={}::{}", property(title), data(message))
}

/// Appends the verdict to the step's summary, or as much of it as fits.
pub(super) fn summarise(told: &Told<'_>) -> Result<()> {
    let Some(path) = variable("GITHUB_STEP_SUMMARY").map(PathBuf::from) else { return Ok(()) };
    let there = std::fs::metadata(&path).map_or(0, |file| file.len());
    let room = usize::try_from(SUMMARY.saturating_sub(there + 1)).unwrap_or(0);
    let summary = markdown::verdict(told, room);
    append(path, &summary)
}

/// `outcome` and `verdict`, for the steps that follow.
pub(super) fn put_out(told: &Told<'_>) -> Result<()> {
    let Some(path) = variable("GITHUB_OUTPUT").map(PathBuf::from) else { return Ok(()) };
    // Neither has a line break in it.
    let (outcome, verdict) = (text(&told.verdict["outcome"]), text(&told.verdict["id"]));
    append(path, &format!("outcome={outcome}\nverdict={verdict}\n"))
}

fn append(path: PathBuf, text: &str) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| Failure::file(path.display().to_string(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_commands_are_one_line() {
        assert_eq!(
            annotation("error", "a: b, 5 %", "5 %: a\r\nb, c"),
            "::error title=a%3A b%2C 5 %25::5 %25: a%0D%0Ab, c"
        );
    }
}
