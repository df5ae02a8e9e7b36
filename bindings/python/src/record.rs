//! `log` and `score` without a detour: the usual arguments become what the core takes, with no JSON text between.
//!
//! What is not usual (other types, a figure that is no figure, `durable`, a full queue) is the general way's, which says
//! also what is wrong with it; nothing was done by then. So this file decides nothing.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use serde_json::{Map, Number, Value};
use trialplate::{Durability, NewScore, NewTrace, ScoreValue, VersionRef};

use crate::errors::attached;
use crate::fastcall::{self, Arguments, borrowed, is_text, utf8};
use crate::store::Store;
use crate::version::PromptVersion;

/// Deeper values are the general way's.
const DEEPEST: usize = 32;
/// More text in one call of the core is the general way's, which knows how much the core takes.
pub(crate) const LONGEST: usize = 1 << 29;
/// Up to here JSON numbers are exact.
const EXACT: i64 = 1 << 53;

/// The keywords, interned: those of a call are the same objects.
static NAMES: PyOnceLock<Vec<Py<PyString>>> = PyOnceLock::new();

const KEYWORDS: [&str; 16] = [
    "input",
    "output",
    "latency_ms",
    "user",
    "trace_id",
    "error",
    "cost_usd",
    "tokens_in",
    "tokens_out",
    "experiment",
    "variant",
    "stratum",
    "metadata",
    "source",
    "comment",
    "judge",
];

/// So many of them are of a trace, the others of a score.
const OF_A_TRACE: usize = 13;

/// A named argument's name. `None` if it is none of those, or was not interned.
fn keyword(py: Python<'_>, name: *mut ffi::PyObject) -> Option<&'static str> {
    let at = NAMES.get(py)?.iter().position(|known| known.as_ptr() == name)?;
    KEYWORDS.get(at).copied()
}

pub(crate) fn text(value: &Bound<'_, PyAny>) -> Option<String> {
    short(value, &mut { usize::MAX })
}

/// A text, if there is so much room left for it, which it takes.
fn short(value: &Bound<'_, PyAny>, left: &mut usize) -> Option<String> {
    if !is_text(value.as_ptr()) {
        return None;
    }
    // SAFETY: a live `str`, and the text is copied at once.
    let text = unsafe { utf8(value.as_ptr()) }?;
    *left = left.checked_sub(text.len())?;
    Some(text.to_owned())
}

pub(crate) fn integer(value: &Bound<'_, PyAny>) -> Option<i64> {
    let exact = value.cast_exact::<PyInt>().ok()?;
    exact.extract::<i64>().ok().filter(|n| (-EXACT..=EXACT).contains(n))
}

fn figure(value: &Bound<'_, PyAny>) -> Option<f64> {
    let number = match value.cast_exact::<PyFloat>() {
        Ok(number) => number.extract::<f64>().ok()?,
        Err(_) => integer(value)? as f64,
    };
    number.is_finite().then_some(number)
}

/// A value made of Python's own types alone.
pub(crate) fn plain(value: &Bound<'_, PyAny>) -> Option<Value> {
    within(value, 0, &mut { LONGEST })
}

fn within(value: &Bound<'_, PyAny>, depth: usize, left: &mut usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    if is_text(value.as_ptr()) {
        return short(value, left).map(Value::String);
    }
    if value.is_none() {
        return Some(Value::Null);
    }
    if let Ok(yes) = value.cast_exact::<PyBool>() {
        return Some(Value::Bool(yes.is_true()));
    }
    if let Some(number) = integer(value) {
        return Some(Value::from(number));
    }
    if value.cast_exact::<PyFloat>().is_ok() {
        return Number::from_f64(figure(value)?).map(Value::Number);
    }
    if let Ok(members) = value.cast_exact::<PyDict>() {
        let mut object = Map::new();
        for (key, member) in members {
            object.insert(short(&key, left)?, within(&member, depth + 1, left)?);
        }
        return Some(Value::Object(object));
    }
    if let Ok(elements) = value.cast_exact::<PyList>() {
        return elements.iter().map(|element| within(&element, depth + 1, left)).collect();
    }
    let elements = value.cast_exact::<PyTuple>().ok()?;
    elements.iter().map(|element| within(&element, depth + 1, left)).collect()
}

/// Sets what a call says under a name; `None` if there is no such name, the value is not as usual, or no room is left for it.
pub(crate) fn set(
    trace: &mut NewTrace,
    name: &str,
    value: &Bound<'_, PyAny>,
    left: &mut usize,
) -> Option<()> {
    if value.is_none() {
        return KEYWORDS.iter().take(OF_A_TRACE).any(|known| *known == name).then_some(());
    }
    match name {
        "input" => trace.input = Some(within(value, 0, left)?),
        "output" => trace.output = Some(within(value, 0, left)?),
        "metadata" => trace.metadata = Some(within(value, 0, left)?),
        "latency_ms" => trace.latency_ms = Some(figure(value)?),
        "cost_usd" => trace.cost_usd = Some(figure(value)?),
        "tokens_in" => trace.tokens_in = Some(integer(value)?.try_into().ok()?),
        "tokens_out" => trace.tokens_out = Some(integer(value)?.try_into().ok()?),
        "trace_id" => trace.trace_id = Some(short(value, left)?),
        "error" => trace.error = Some(short(value, left)?),
        "user" => trace.user = Some(short(value, left)?),
        // An Experiment goes by its name.
        "experiment" => {
            trace.experiment = Some(short(value, left).or_else(|| short(&value.getattr("name").ok()?, left))?)
        }
        "variant" => trace.variant = Some(short(value, left)?),
        "stratum" => trace.stratum = Some(short(value, left)?),
        _ => return None,
    }
    Some(())
}

fn trace(py: Python<'_>, given: &Arguments<'_>) -> Option<NewTrace> {
    let (mut trace, mut left) = (NewTrace::default(), LONGEST);
    for (i, &value) in given.named().iter().enumerate() {
        set(&mut trace, keyword(py, given.name(i))?, &borrowed(py, value), &mut left)?;
    }
    Some(trace)
}

fn scored(py: Python<'_>, given: &Arguments<'_>) -> Option<(String, String, Value, NewScore)> {
    let &[trace, metric, value] = given.positional() else { return None };
    let value = plain(&borrowed(py, value))?;
    let mut score = NewScore::new(ScoreValue::Missing);
    for (i, &value) in given.named().iter().enumerate() {
        let (name, value) = (keyword(py, given.name(i))?, borrowed(py, value));
        if value.is_none() {
            continue;
        }
        let value = text(&value)?;
        match name {
            "source" => score.source = value.parse().ok()?,
            "comment" => score.comment = Some(value),
            "judge" => score.judge = Some(value),
            _ => return None,
        }
    }
    Some((text(&borrowed(py, trace))?, text(&borrowed(py, metric))?, value, score))
}

/// The general way: the method of that name in the package.
fn in_general(this: &Bound<'_, PyAny>, method: &str, given: &Arguments<'_>) -> *mut ffi::PyObject {
    fastcall::general(|py| {
        let (arguments, named) = (given.tuple(py)?, given.dict(py)?);
        Ok(this.getattr(method)?.call(arguments, Some(&named))?.unbind())
    })
}

/// Whether the usual way may be gone: the process's end waits for this store, and the call itself for nothing.
fn may(store: &Store) -> bool {
    store.is_watched() && !store.core.would_block()
}

unsafe extern "C" fn log(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>, this: &Bound<'_, Store>, given: Arguments<'_>| {
        let store = this.get();
        if let &[version] = given.positional()
            && let Ok(version) = borrowed(py, version).cast_exact::<PromptVersion>()
            && may(store)
            && let Some(trace) = trace(py, &given)
        {
            let version = version.get().core();
            let logged = attached(py, || {
                store.core.log(version.name(), &VersionRef::from(version), trace, Durability::Soon)
            });
            return match logged {
                Ok(id) => PyString::new(py, id.as_str()).into_ptr(),
                Err(error) => fastcall::general(|_| Err(error)),
            };
        }
        in_general(this.as_any(), "_log", &given)
    };
    // SAFETY: these are the arguments of this call.
    unsafe { fastcall::method(slf, values, positional, names, body) }
}

unsafe extern "C" fn score(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>, this: &Bound<'_, Store>, given: Arguments<'_>| {
        let store = this.get();
        if may(store)
            && let Some((trace, metric, value, mut score)) = scored(py, &given)
        {
            let done = attached(py, || {
                score.value = ScoreValue::from_json(&metric, &value)?;
                store.core.score(&trace, &metric, score, Durability::Soon)
            });
            return match done {
                Ok(()) => py.None().into_ptr(),
                Err(error) => fastcall::general(|_| Err(error)),
            };
        }
        in_general(this.as_any(), "_score", &given)
    };
    // SAFETY: these are the arguments of this call.
    unsafe { fastcall::method(slf, values, positional, names, body) }
}

const LOG: &std::ffi::CStr = c"log($self, version, *, trace_id=None, input=None, output=None, error=None, latency_ms=None, cost_usd=None, tokens_in=None, tokens_out=None, user=None, experiment=None, variant=None, stratum=None, metadata=None, at=None, durable=None, prompt=None)
--

Logs one production call of a version.

It returns at once: the trace is durable within 200 ms, or when `flush` or `close` returns; what is not yet
when the process is killed is lost, each trace whole. Reads through this store see what it logged. What goes
wrong later (`trace-exists`, `version-not-found`) is raised by the next `flush` or `close`.

Args:
    trace_id: yours, such as a request's or a span's id; made, if left out.
    experiment: one that was registered enrols the `user`, and gives the trace its variant.
    stratum: difficulty or query type, set by something that has not seen the output.
    at: when the call was made; now, if left out.
    durable: True waits until the trace is durable, and raises what is wrong.
    prompt: the prompt's name, if the version is a number or an id.

Returns:
    The trace's id.

Raises:
    InvalidError: `invalid-trace`, `invalid-name`, `invalid-json`, `invalid-time`, `too-large`.
    AlreadyExistsError: `trace-exists`.
    NotFoundError: `version-not-found`, `prompt-not-found`.
";

const SCORE: &std::ffi::CStr =
    c"score($self, trace_id, metric, value, *, source=None, comment=None, judge=None, durable=None)
--

Scores a trace. All scores are kept; of one metric and source the newest counts. It returns as `log` does.

Args:
    value: a number, a bool or a category's name; None if it could not be read: that is counted, and never 0.
    source: `judge`, `human`, `user` or `code` (the default).
    judge: which judge: a Scorer, or a name of yours for its version.
    durable: True waits until the score is durable, and raises what is wrong.

Raises:
    InvalidError: `invalid-score`, `score-out-of-range`, `invalid-name`.
    NotFoundError: `trace-not-found`.
";

pub(crate) fn install(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    NAMES.get_or_init(py, || KEYWORDS.iter().map(|name| fastcall::interned(py, name)).collect());
    fastcall::install(class, c"log", LOG, log)?;
    fastcall::install(class, c"score", SCORE, score)
}
