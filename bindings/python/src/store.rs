//! The store: opening, calling verbs, and the hot `get`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};
use trialplate::{DEFAULT_LABEL, Error, OpenOptions};

use crate::errors::{attached, detached, invalid_json, raised};
use crate::fastcall::{self, Arguments, borrowed, is_text};
use crate::json;
use crate::record::plain;
use crate::table::Table;
use crate::version::PromptVersion;

/// The native half of `trialplate.Store`.
#[pyclass(frozen, subclass, module = "trialplate._native")]
pub(crate) struct Store {
    pub(crate) core: trialplate::Store,
    hot: Table,
    /// In which process of its line of forks (see [`FORKS`]) its end waits for this store; 0 for none.
    watched: AtomicU64,
}

/// Which process of its line of forks this is, as Python counts them.
static FORKS: AtomicU64 = AtomicU64::new(1);

/// A forked child: no store is watched there yet.
#[pyfunction]
pub(crate) fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

impl Drop for Store {
    /// Collected: what it was asked for is not lost. Nobody is left to be told of an error.
    fn drop(&mut self) {
        let _ = self.core.flush();
    }
}

impl Store {
    /// Whether this process's end waits for what `log` and `score` of this store were asked for.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed) == FORKS.load(Ordering::Relaxed)
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path, read_only=None, busy_timeout=None, actor=None, *, when_full=None, max_queue_size=None, max_queue_bytes=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        read_only: Option<bool>,
        busy_timeout: Option<f64>,
        actor: Option<String>,
        when_full: Option<&str>,
        max_queue_size: Option<usize>,
        max_queue_bytes: Option<usize>,
    ) -> PyResult<Store> {
        let mut options = OpenOptions::new();
        if let Some(read_only) = read_only {
            options = options.read_only(read_only);
        }
        if let Some(seconds) = busy_timeout {
            let timeout = Duration::try_from_secs_f64(seconds).map_err(|_| {
                let reason = format!("a time to wait is a number of seconds of 0 or more, not {seconds}");
                raised(py, &Error::InvalidArgument { argument: "busy_timeout".to_owned(), reason })
            })?;
            options = options.busy_timeout(timeout);
        }
        if let Some(actor) = actor {
            options = options.actor(actor);
        }
        if let Some(when_full) = when_full {
            options = options.when_full(attached(py, || when_full.parse())?);
        }
        if let Some(calls) = max_queue_size {
            options = options.max_queue_size(calls);
        }
        if let Some(bytes) = max_queue_bytes {
            options = options.max_queue_bytes(bytes);
        }
        let core = detached(py, || options.open(path))?;
        Ok(Store { core, hot: Table::default(), watched: AtomicU64::new(0) })
    }

    /// The process's end waits for it: `log` and `score` need not see to that.
    fn watched(&self) {
        self.watched.store(FORKS.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Calls a verb by its name with its arguments: a mapping, or JSON text. The result is JSON text.
    fn call(&self, py: Python<'_>, verb: &str, arguments: &Bound<'_, PyAny>) -> PyResult<String> {
        // As values, where they are Python's own types; as text where it takes more to know what they are, or what is wrong.
        if let Some(arguments) = arguments.cast::<PyDict>().ok().and_then(|given| plain(given)) {
            return detached(py, || self.core.call_with(verb, arguments));
        }
        let arguments = arguments_text(arguments)?;
        detached(py, || self.core.call(verb, &arguments))
    }

    /// Calls `publish` or `get`; the result is the version.
    fn version(&self, py: Python<'_>, verb: &str, arguments: &Bound<'_, PyAny>) -> PyResult<PromptVersion> {
        let arguments = arguments_text(arguments)?;
        detached(py, || self.core.call_for_version(verb, &arguments)).map(PromptVersion::new)
    }

    /// As `call`, with the result as Python values.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        verb: &str,
        arguments: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let result = self.call(py, verb, arguments)?;
        json::read(py, &result, verb)
    }

    /// Every version of a prompt, oldest first; of one that has many, at most `limit` of those behind number `after`.
    #[pyo3(signature = (name, *, after = 0, limit = None))]
    fn versions(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyString>,
        after: u32,
        limit: Option<usize>,
    ) -> PyResult<Vec<PromptVersion>> {
        let name = text(name, "name")?;
        let limit = limit.unwrap_or(usize::MAX);
        let versions = detached(py, || self.core.versions_after(&name, after, limit))?;
        Ok(versions.into_iter().map(PromptVersion::new).collect())
    }

    /// Closes the store, after what `log` and `score` were asked for. Closing twice is fine; any other call says `closed`
    /// from now on.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.hot.clear();
        detached(py, || self.core.close())
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.core.is_closed()
    }

    /// The file, as it was named.
    #[getter]
    fn path(&self) -> std::ffi::OsString {
        self.core.path().as_os_str().to_owned()
    }
}

/// A verb's arguments as JSON text.
fn arguments_text(arguments: &Bound<'_, PyAny>) -> PyResult<String> {
    match arguments.cast::<PyString>() {
        Ok(given) => text(given, "arguments"),
        Err(_) => json::to_text(arguments, "$", true),
    }
}

/// A text of ours, or `invalid-json` for half of a surrogate pair.
fn text(text: &Bound<'_, PyString>, what: &str) -> PyResult<String> {
    text.to_str().map(str::to_owned).map_err(|_| {
        let reason = "the text holds half of a surrogate pair, which is no Unicode".to_owned();
        invalid_json(text.py(), reason, what.to_owned())
    })
}

/// The interned texts that the hot path compares with: the keyword and the default label.
static TEXTS: PyOnceLock<(Py<PyString>, Py<PyString>)> = PyOnceLock::new();

/// The name and the label of a call that gives nothing else.
#[inline]
fn by_label(py: Python<'_>, given: &Arguments<'_>) -> Option<(*mut ffi::PyObject, *mut ffi::PyObject)> {
    let (keyword, default) = TEXTS.get(py)?;
    match (given.positional(), given.named()) {
        (&[name], &[label]) => {
            let given = given.name(0);
            let is_label =
                given == keyword.as_ptr() || (is_text(given) && fastcall::same_text(given, keyword.as_ptr()));
            is_label.then_some((name, label))
        }
        (&[name], &[]) => Some((name, default.as_ptr())),
        _ => None,
    }
}

unsafe extern "C" fn get(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>, this: &Bound<'_, Store>, given: Arguments<'_>| {
        if let Some((name, label)) = by_label(py, &given)
            && is_text(name)
            && is_text(label)
        {
            let store = this.get();
            if let Ok(epoch) = store.core.registry_epoch()
                && let Some(version) = store.hot.find(py, epoch, name, label)
            {
                return version.into_ptr();
            }
        }
        fastcall::general(|py| get_in_general(py, this.as_any(), &given))
    };
    // SAFETY: these are the arguments of this call.
    unsafe { fastcall::method(slf, values, positional, names, body) }
}

fn get_in_general(py: Python<'_>, this: &Bound<'_, PyAny>, given: &Arguments<'_>) -> PyResult<Py<PyAny>> {
    if let Some((name, label)) = by_label(py, given)
        && let (Ok(name), Ok(label)) = (exact(borrowed(py, name)), exact(borrowed(py, label)))
    {
        let store: &Store = this.cast::<Store>()?.get();
        // The epoch first: a label that moves from here on only makes the entry useless.
        let epoch = detached(py, || store.core.registry_epoch())?;
        if let Some(version) = store.hot.find(py, epoch, name.as_ptr(), label.as_ptr()) {
            return Ok(version.into_any().unbind());
        }
        let (name_text, label_text) = (text(&name, "name")?, text(&label, "label")?);
        let version = detached(py, || store.core.get(&name_text, label_text.as_str()))?;
        let version = Bound::new(py, PromptVersion::new(version))?;
        store.hot.keep(epoch, &name, &label, &version);
        return Ok(version.into_any().unbind());
    }
    let (arguments, named) = (given.tuple(py)?, given.dict(py)?);
    Ok(this.getattr("_get")?.call(arguments, Some(&named))?.unbind())
}

/// A `str` of the exact type, whose hash and comparison are nobody else's.
fn exact(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyString>> {
    let value = value.cast_into::<PyString>()?;
    if is_text(value.as_ptr()) {
        return Ok(value);
    }
    value.py().get_type::<PyString>().call_method1("__str__", (&value,))?.cast_into().map_err(PyErr::from)
}

const GET: &std::ffi::CStr = c"get($self, name, *, label=None, version=None, id=None, at=None)
--

Returns the version that a label points to now (by default `production`), or another one.

A label moved by any process is what the next call returns: there is no time to live and nothing stale. While
nothing changes, the same object is returned again, in well under a microsecond.

Args:
    name: the prompt.
    label: a label; `latest` names the newest version.
    version: a number, a content id or a PromptVersion, in place of a label.
    id: a content id or its first digits, in place of a label.
    at: a time; the version that the label pointed to then. An aware datetime, RFC 3339 text, or seconds
        since 1970.

Raises:
    NotFoundError: `prompt-not-found`, `label-not-found`, `version-not-found`.
    InvalidError: `invalid-name`, `invalid-label`, `invalid-id`, `invalid-argument`, `closed`.
";

pub(crate) fn install(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    TEXTS.get_or_init(py, || (fastcall::interned(py, "label"), fastcall::interned(py, DEFAULT_LABEL)));
    fastcall::install(class, c"get", GET, get)
}
