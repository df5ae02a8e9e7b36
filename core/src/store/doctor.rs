//! What is wrong with a file, and what of it can be saved. Works on files that no longer open, and writes nothing to them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::OpenOptions;
use super::lost;
use super::records::{check, named};
use super::verify::{self, Report};
use crate::error::{Error, Kind, Result};
use crate::storage::copy::{END, NewFile};
use crate::storage::examine::{Examined, examine};
use crate::storage::kv::{Flow, Order, Space};
use crate::storage::log;
use crate::traces;

mod harvest;

use harvest::harvest;

/// What a doctor is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct DoctorOptions {
    /// Also check every link as [`crate::Store::verify`] does, and name every entry that can't be read.
    pub deep: bool,
    /// Copy what can be read into a new file of this name.
    pub salvage: Option<PathBuf>,
    /// How long to wait for a process that is writing; it is five seconds by default.
    pub busy_timeout: Duration,
}

impl Default for DoctorOptions {
    fn default() -> DoctorOptions {
        DoctorOptions { deep: false, salvage: None, busy_timeout: Duration::from_secs(5) }
    }
}

/// What a doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// The file.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Events whose hash chain holds.
    pub events: u64,
    /// What is wrong, the gravest first; none in a healthy store. At most 100 are listed.
    pub findings: Vec<Finding>,
    /// What `verify` says; only with `deep`, and only if the file can be read that far.
    pub report: Option<Report>,
    /// What was saved; only if it was asked for.
    pub salvaged: Option<Salvaged>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The code of the error that reading meets, such as `not-a-store`, `newer-format`, `damaged` or `damaged-record`;
    /// `broken-log` if the hash chain of the log does not hold, `broken-link` if `verify` finds something.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// A file into which everything readable was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Salvaged {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Entries that were saved.
    pub entries: u64,
    /// Whether the new file verifies. If not it opens all the same, and holds what could be read.
    pub ok: bool,
    /// What is broken in it, in words.
    pub broken: Option<String>,
    /// What was left behind.
    pub left: Vec<Left>,
    /// What the new file lacks by name, such as `version 3 of prompt "extraction"`: what the saved log and the saved records
    /// name and what is not there. At most 1,000; what nothing names is in `left` alone.
    pub lost: Vec<String>,
}

/// Something that could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Left {
    /// The part of the store; see [`crate::PartUse`].
    pub part: &'static str,
    /// What it is in words, for a single entry; none for a stretch, whose entries could not be listed.
    pub what: Option<String>,
    /// The key, or the last key that was saved before the stretch; readable bytes as they are, others as `\xNN`.
    pub key: String,
    /// The first key saved behind the stretch; none for a single entry, and at the end.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
}

/// How many findings are listed.
const LISTED: usize = 100;

/// Looks at the store at `path` and says what is wrong with it: every page's checksum, the store's record, the log's hash
/// chain; with `deep` every link and every entry. Writes nothing to it; other processes can read meanwhile, and
/// their writes wait.
///
/// # Errors
/// `store-not-found`; `busy` if a writer does not finish in time; `file-exists` and `storage` of the file to salvage into.
/// Whatever is wrong inside is in the diagnosis.
pub fn doctor(path: impl AsRef<Path>, options: &DoctorOptions) -> Result<Diagnosis> {
    let path = path.as_ref();
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let mut found = Diagnosis {
        ok: false,
        path: path.display().to_string(),
        bytes,
        events: 0,
        findings: Vec::new(),
        report: None,
        salvaged: None,
    };
    if options.salvage.as_deref().is_some_and(|to| to.as_os_str().is_empty()) {
        let reason = "give the path of a file that is not there yet".to_owned();
        return Err(Error::InvalidArgument { argument: "salvage".to_owned(), reason });
    }
    match examine(path, options.busy_timeout, |file| look(file, options, &mut found)) {
        Err(error) if is_about_the_file(&error) => found.say(error.code(), error.to_string()),
        done => done?,
    }
    found.ok = found.findings.is_empty();
    Ok(found)
}

/// Whether an error is what the doctor came for, and no reason to go home.
fn is_about_the_file(error: &Error) -> bool {
    matches!(error.kind(), Kind::Corrupt | Kind::Incompatible)
}

impl Diagnosis {
    fn say(&mut self, code: &'static str, text: String) {
        let known = self.findings.iter().any(|finding| finding.text == text);
        if !known && self.findings.len() < LISTED {
            self.findings.push(Finding { code, text });
        }
    }

    /// Notes what went wrong in reading, whatever it was: here nothing is a failure of the caller's.
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.say(error.code(), error.to_string())).ok()
    }
}

fn look(file: &Examined, options: &DoctorOptions, found: &mut Diagnosis) -> Result<()> {
    found.bytes = file.bytes;
    let pages = file.check_pages();
    found.note(pages);
    if file.headless {
        // The engine itself finds nothing in it; what is still there is found page by page.
        return options.salvage.as_deref().map_or(Ok(()), |to| salvage(file, to, found));
    }
    if let Err(error) = file.check_record() {
        found.say(error.code(), error.to_string());
        if error.kind() == Kind::Incompatible {
            // Somebody else's file, or one whose entries we don't know: nothing further can be said of it.
            return Ok(());
        }
    }
    match file.read(|tx| log::verify_chain(tx)) {
        Ok(Ok(events)) => found.events = events,
        Ok(Err(text)) => found.say("broken-log", text),
        Err(error) => found.say(error.code(), error.to_string()),
    }
    if options.deep {
        found.report = found.note(file.read(verify::report));
        if let Some(broken) = found.report.as_ref().and_then(|report| report.broken.clone()) {
            found.say("broken-link", broken);
        }
        for space in Space::ALL {
            let read = file.read(|tx| {
                tx.scan(space, &[], &END, Order::Ascending, &mut |key, value| {
                    if let Err(reason) = check(space, key, value) {
                        let text = format!("{} can't be read: {reason}", named(space, key));
                        found.say("damaged-record", text);
                    }
                    Ok(Flow::Continue)
                })
            });
            found.note(read);
        }
    }
    match &options.salvage {
        Some(to) => salvage(file, to, found),
        None => Ok(()),
    }
}

fn salvage(file: &Examined, to: &Path, found: &mut Diagnosis) -> Result<()> {
    let mut copy = NewFile::begin(to)?;
    let left = harvest(file, &mut copy)?;
    copy.settle()?;
    let store = OpenOptions::new().open(copy.part())?;
    // What is whole stays as it was found.
    let whole = store.read(|tx| traces::verify::check(tx, &mut |_, _, _| Ok(true))).is_ok();
    let columns = if whole { Ok(Vec::new()) } else { store.write(|tx, _| traces::mend(tx)) };
    store.close()?;
    let store = OpenOptions::new().read_only(true).open(copy.part())?;
    // Whatever it says, what was saved is kept.
    // A saved record that can't be followed ends the list, and the store all the same.
    let mut lost =
        store.read(lost::lost).unwrap_or_else(|error| vec![format!("it could not be listed: {error}")]);
    lost.extend(
        columns.unwrap_or_else(|error| {
            vec![format!("traces may be lost, it could not be listed which: {error}")]
        }),
    );
    let broken = store.verify().map_or_else(|error| Some(error.to_string()), |report| report.broken);
    store.close()?;
    let entries = copy.entries();
    let path = to.display().to_string();
    let bytes = copy.name()?;
    found.salvaged = Some(Salvaged { path, bytes, entries, ok: broken.is_none(), broken, left, lost });
    Ok(())
}

/// A key as text.
fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests;
