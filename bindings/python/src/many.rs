//! `log_many` without a detour: calls as plain dicts become what the core takes, with no JSON text between.
//!
//! As in `record`, whatever is not usual is the general way's, and so are the errors that name a call: nothing was written
//! by then. So this file decides nothing.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyType};
use trialplate::{Error, LoggedCall, NewScore, NewTrace, ScoreSource, ScoreValue, Timestamp, VersionRef};

use crate::errors::{detached, raised};
use crate::fastcall::{is_text, utf8};
use crate::record::{LONGEST, integer, plain, set, text};
use crate::store::Store;
use crate::version::PromptVersion;

/// What is said for all calls that don't say it themselves.
struct ForAll<'a, 'py> {
    version: &'a Bound<'py, PyAny>,
    prompt: Option<String>,
    source: Option<ScoreSource>,
}

/// A version, and the prompt's name if the version says it.
fn version(value: &Bound<'_, PyAny>) -> Option<(VersionRef, Option<String>)> {
    if let Ok(version) = value.cast_exact::<PromptVersion>() {
        let version = version.get().core();
        return Some((VersionRef::from(version), Some(version.name().to_owned())));
    }
    let number = value.cast_exact::<PyInt>().ok()?;
    Some((VersionRef::from(u32::try_from(integer(number)?).ok()?), None))
}

/// A time as text, or a datetime with a zone.
fn moment(value: &Bound<'_, PyAny>) -> Option<Timestamp> {
    if is_text(value.as_ptr()) {
        return text(value)?.parse().ok();
    }
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let datetime = DATETIME.import(value.py(), "datetime", "datetime").ok()?;
    if !value.is_exact_instance(datetime) || value.getattr("tzinfo").ok()?.is_none() {
        return None;
    }
    text(&value.call_method0("isoformat").ok()?)?.parse().ok()
}

fn logged(call: &Bound<'_, PyAny>, all: &ForAll<'_, '_>, left: &mut usize) -> Option<LoggedCall> {
    let mut trace = NewTrace::default();
    let (mut own, mut prompt, mut source) = (None, None, all.source);
    let mut values = None;
    for (name, value) in call.cast_exact::<PyDict>().ok()? {
        if !is_text(name.as_ptr()) {
            return None;
        }
        // SAFETY: a live `str`, which `name` keeps.
        let known = unsafe { utf8(name.as_ptr()) }?;
        match known {
            "version" | "prompt" | "source" | "scores" | "at" if value.is_none() => {}
            "version" => own = Some(version(&value)?),
            "prompt" => prompt = Some(text(&value)?),
            "source" => source = Some(text(&value)?.parse().ok()?),
            "scores" => values = Some(value.cast_into_exact::<PyDict>().ok()?),
            "at" => trace.at = Some(moment(&value)?),
            _ => set(&mut trace, known, &value, left)?,
        }
    }
    let (version, named) = match own {
        Some(own) => own,
        None => version(all.version)?,
    };
    let prompt = prompt.or(named).or_else(|| all.prompt.clone())?;
    let source = source.unwrap_or_default();
    let mut scores = Vec::with_capacity(values.as_ref().map_or(0, |values| values.len()));
    for (metric, value) in values.into_iter().flatten() {
        let metric = text(&metric)?;
        let score = NewScore::new(ScoreValue::from_json(&metric, &plain(&value)?).ok()?);
        scores.push((metric, score.from_source(source)));
    }
    Some(LoggedCall { prompt, version, trace, scores })
}

/// Logs calls, and gives back their traces' ids; `None`, and nothing is done, if one of them is not as usual or is wrong.
#[pyfunction]
pub(crate) fn log_many<'py>(
    store: &Bound<'py, Store>,
    calls: &Bound<'py, PyList>,
    version: &Bound<'py, PyAny>,
    prompt: Option<&Bound<'py, PyAny>>,
    source: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let (py, core) = (store.py(), &store.get().core);
    let given = || {
        let source = match source {
            Some(source) => Some(text(source)?.parse().ok()?),
            None => None,
        };
        let prompt = match prompt {
            Some(prompt) => Some(text(prompt)?),
            None => None,
        };
        let all = ForAll { version, prompt, source };
        let mut left = LONGEST;
        calls.iter().map(|call| logged(&call, &all, &mut left)).collect::<Option<Vec<LoggedCall>>>()
    };
    let Some(calls) = given() else { return Ok(None) };
    // Of the errors that name a call the general way says which it is of how many.
    match detached(py, || Ok(core.log_many(calls)))? {
        Ok(ids) => PyList::new(py, ids.iter().map(|id| PyString::new(py, id.as_str()))).map(Some),
        Err(Error::InBatch { .. }) => Ok(None),
        Err(error) => Err(raised(py, &error)),
    }
}
