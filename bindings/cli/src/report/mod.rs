//! `check` and `promote`: the verdict, printed, and told to what reads JUnit XML and to GitHub Actions.

mod github;
mod junit;
mod markdown;
mod words;

use std::path::Path;

use serde_json::{Value, json};

use crate::args::Global;
use crate::args::eval::Reports;
use crate::args::gates::{Check, Promote};
use crate::fail::{self, Failure, Result};
use crate::print::{self, Style};
use crate::verbs;

/// What a report is about.
struct Told<'t> {
    /// Null where a label without a gate was moved.
    verdict: &'t Value,
    /// The label's move, if it was promoted.
    moved: &'t Value,
}

pub(crate) fn check(mut a: Check, global: &Global) -> Result<u8> {
    let reports = std::mem::take(&mut a.reports);
    let subject = format!("check {}@{}", a.name, a.label);
    let judge = || {
        let store = verbs::to_write(global)?;
        a.version = print::text(&verbs::version(&store, &a.name, &a.version)?);
        let verdict = verbs::of(&store, "check", &verbs::flags(a)?)?;
        store.close()?;
        Ok((verdict, Value::Null))
    };
    let show = |verdict: &Value, _: &Value| match global.json {
        true => print::out(&format!("{verdict}\n")),
        false => print::out(&print::verdict::verdict(verdict, &Style::of_stdout())),
    };
    let (verdict, _) = reported(&reports, &subject, judge, show)?;
    Ok(fail::outcome_code(&verdict))
}

pub(crate) fn promote(mut a: Promote, global: &Global) -> Result<u8> {
    let reports = std::mem::take(&mut a.reports);
    let subject = format!("promote {}@{}", a.name, a.to);
    let judge = || {
        let store = verbs::to_write(global)?;
        a.version = print::text(&verbs::version(&store, &a.name, &a.version)?);
        let which = json!({"name": a.name, "label": a.to});
        let moved = verbs::of(&store, "promote", &verbs::flags(a)?)?;
        let verdict = match &moved["verdict"] {
            Value::String(id) => {
                let mut verdicts = verbs::of(&store, "verdicts", &which)?;
                let verdicts = verdicts["verdicts"].as_array_mut().into_iter().flatten();
                verdicts.into_iter().find(|v| v["id"] == **id).map(Value::take).unwrap_or_default()
            }
            _ => Value::Null,
        };
        store.close()?;
        Ok((verdict, moved))
    };
    let show = |_: &Value, moved: &Value| match global.json {
        true => print::out(&format!("{moved}\n")),
        false => print::out(&print::registry::moved(moved, &Style::of_stdout())),
    };
    reported(&reports, &subject, judge, show)?;
    Ok(0)
}

/// Judges, prints and reports. A report that can't be written is an error of its own, but changes no verdict.
fn reported(
    reports: &Reports,
    subject: &str,
    judge: impl FnOnce() -> Result<(Value, Value)>,
    show: impl FnOnce(&Value, &Value) -> Result<()>,
) -> Result<(Value, Value)> {
    match judge() {
        Ok((verdict, moved)) => {
            show(&verdict, &moved)?;
            write(reports, &Told { verdict: &verdict, moved: &moved })?;
            Ok((verdict, moved))
        }
        Err(failure) => {
            let written = match failure.verdict() {
                Some(verdict) => write(reports, &Told { verdict: &verdict, moved: &Value::Null }),
                None => write_failure(reports, subject, &failure),
            };
            if let Err(Failure::Core(reason)) = written {
                print::note(&format!("no report: {reason}"));
            }
            Err(failure)
        }
    }
}

fn write(reports: &Reports, told: &Told<'_>) -> Result<()> {
    // A label without a gate has no verdict to report.
    if told.verdict.is_null() {
        return Ok(());
    }
    if let Some(file) = &reports.junit {
        write_file(file, &junit::verdict(told))?;
    }
    if github::is_wanted(reports) {
        github::annotate(told);
        github::summarise(told)?;
        github::put_out(told)?;
    }
    Ok(())
}

/// There is no verdict at all: the prompt, the label or the gate is not there, or the store is not.
fn write_failure(reports: &Reports, subject: &str, failure: &Failure) -> Result<()> {
    let (code, _, message) = failure.told();
    if let Some(file) = &reports.junit {
        write_file(file, &junit::failure(subject, code, &message))?;
    }
    if github::is_wanted(reports) {
        github::annotate_failure(subject, code, &message);
    }
    Ok(())
}

fn write_file(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(|e| Failure::file(file.display().to_string(), e))
}
