//! The one way in which an error of the core becomes an exception.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use trialplate::Error;

/// Calls the core without the GIL. Its errors are raised, and so is a panic: the host never dies of one.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    f: impl FnOnce() -> trialplate::Result<T> + Send,
) -> PyResult<T> {
    let caught = py.detach(|| catch_unwind(AssertUnwindSafe(f)));
    settle(py, caught)
}

/// As [`detached`], for what is over in a few microseconds and touches no file.
pub(crate) fn attached<T>(py: Python<'_>, f: impl FnOnce() -> trialplate::Result<T>) -> PyResult<T> {
    settle(py, catch_unwind(AssertUnwindSafe(f)))
}

fn settle<T>(py: Python<'_>, caught: Result<trialplate::Result<T>, Box<dyn Any + Send>>) -> PyResult<T> {
    match caught {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(raised(py, &error)),
        Err(panic) => Err(panicked(py, panic.as_ref())),
    }
}

pub(crate) fn panicked(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    made(py, "internal", "corrupt", &format!("a bug in trialplate, please report it: {text}"), None)
}

pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let verdict = match error {
        Error::GateRefused { json, .. } => Some(json.as_str()),
        _ => None,
    };
    made(py, error.code(), error.kind().as_str(), &error.to_string(), verdict)
}

/// An `InvalidError` for what is wrong before the core sees it.
pub(crate) fn invalid_json(py: Python<'_>, reason: String, at: String) -> PyErr {
    raised(py, &Error::InvalidJson { reason, at })
}

fn made(py: Python<'_>, code: &str, kind: &str, message: &str, verdict: Option<&str>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE
        .import(py, "trialplate._errors", "make")
        .and_then(|make| make.call1((code, kind, message, verdict)));
    made.map_or_else(|e| e, PyErr::from_value)
}
