//! Methods that take their arguments as CPython holds them.
//!
//! The hot `get` and `compile` have a budget of a few dozen nanoseconds; unpacking arguments the general way
//! costs more than the work. CPython passes positional and keyword values in one array (`METH_FASTCALL`), in
//! the stable ABI since 3.10.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::errors::panicked;

/// The arguments of one call, borrowed from the caller for as long as it lasts.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    values: &'a [*mut ffi::PyObject],
    positional: usize,
    names: *mut ffi::PyObject,
}

impl<'a> Arguments<'a> {
    /// # Safety
    /// The arguments of a `METH_FASTCALL | METH_KEYWORDS` function, while it runs.
    pub(crate) unsafe fn new(
        values: *const *mut ffi::PyObject,
        positional: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Arguments<'a> {
        let positional = positional.max(0) as usize;
        // SAFETY: `names`, if not null, is a tuple.
        let named = if names.is_null() { 0 } else { unsafe { ffi::PyTuple_Size(names) }.max(0) as usize };
        let count = positional + named;
        // SAFETY: CPython passes that many values; a null pointer may come only with none.
        let values = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(values, count) } };
        Arguments { values, positional, names }
    }

    pub(crate) fn positional(&self) -> &'a [*mut ffi::PyObject] {
        &self.values[..self.positional]
    }

    pub(crate) fn named(&self) -> &'a [*mut ffi::PyObject] {
        &self.values[self.positional..]
    }

    /// The name of the i-th named argument.
    pub(crate) fn name(&self, i: usize) -> *mut ffi::PyObject {
        // SAFETY: asked for named values alone, so the tuple is there; an index past its end gives null.
        unsafe { ffi::PyTuple_GetItem(self.names, i as ffi::Py_ssize_t) }
    }

    /// The positional arguments as a tuple.
    pub(crate) fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.positional().iter().map(|&value| borrowed(py, value)))
    }

    /// The named arguments as a dict.
    pub(crate) fn dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (i, &value) in self.named().iter().enumerate() {
            dict.set_item(borrowed(py, self.name(i)), borrowed(py, value))?;
        }
        Ok(dict)
    }
}

/// A reference of our own to what the caller holds.
pub(crate) fn borrowed(py: Python<'_>, value: *mut ffi::PyObject) -> Bound<'_, PyAny> {
    // SAFETY: only called with values of the running call, which the caller keeps alive.
    unsafe { Bound::from_borrowed_ptr(py, value) }
}

/// Whether it is a `str` and no subclass, which could answer otherwise for its hash.
#[inline]
pub(crate) fn is_text(value: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::PyUnicode_CheckExact(value) != 0 }
}

/// Whether two exact `str` are equal. Runs no Python code.
#[inline]
pub(crate) fn same_text(a: *mut ffi::PyObject, b: *mut ffi::PyObject) -> bool {
    // SAFETY: both are live `str` objects, for which this can't fail.
    a == b || unsafe { ffi::PyUnicode_Compare(a, b) == 0 }
}

/// The hash that an exact `str` keeps in itself.
#[inline]
pub(crate) fn text_hash(text: *mut ffi::PyObject) -> u64 {
    // SAFETY: a live `str`; hashing one can't fail and runs no Python code.
    unsafe { ffi::PyObject_Hash(text) as u64 }
}

/// The UTF-8 of a `str`, which it keeps; `None` (and no exception) for a lone surrogate.
///
/// # Safety
/// `text` is a live `str`, and stays alive for `'a`.
#[inline]
pub(crate) unsafe fn utf8<'a>(text: *mut ffi::PyObject) -> Option<&'a str> {
    let mut size: ffi::Py_ssize_t = 0;
    // SAFETY: as required of the caller.
    let bytes = unsafe { ffi::PyUnicode_AsUTF8AndSize(text, &raw mut size) };
    if bytes.is_null() {
        // SAFETY: attached; the failed call has set an exception.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    // SAFETY: CPython gives valid UTF-8 of that many bytes, kept by the object.
    Some(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes.cast(), size as usize)) })
}

/// An interned `str`, made once and kept.
pub(crate) fn interned(py: Python<'_>, text: &str) -> Py<PyString> {
    PyString::intern(py, text).unbind()
}

/// Runs the body of a method that CPython calls directly: errors are raised, and a panic is one.
#[inline]
pub(crate) fn call(f: impl FnOnce() -> *mut ffi::PyObject) -> *mut ffi::PyObject {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(panic) => general(|py| Err(panicked(py, panic.as_ref()))),
    }
}

/// The body of a method of `T` that CPython calls directly.
///
/// # Safety
/// These are the arguments of a method that [`install`] put on the class of `T`, while it runs.
#[inline]
pub(crate) unsafe fn method<T: PyClass>(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    f: impl for<'py> FnOnce(Python<'py>, &Bound<'py, T>, Arguments<'_>) -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    call(|| {
        // SAFETY: CPython calls a method with the GIL held.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: as required of the caller.
        let given = unsafe { Arguments::new(values, positional, names) };
        // SAFETY: the method's descriptor has checked that `self` is of that class.
        let this = unsafe { Bound::ref_from_ptr(py, &slf).cast_unchecked::<T>() };
        f(py, this, given)
    })
}

/// The general way: attached as pyo3 counts it, with errors raised.
#[cold]
pub(crate) fn general<'a>(f: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + 'a) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let caught = catch_unwind(AssertUnwindSafe(|| f(py)));
        match caught.unwrap_or_else(|panic| Err(panicked(py, panic.as_ref()))) {
            Ok(value) => value.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}

/// Adds a method to a class that pyo3 made.
pub(crate) fn install(
    class: &Bound<'_, PyType>,
    name: &'static std::ffi::CStr,
    doc: &'static std::ffi::CStr,
    method: ffi::PyCFunctionFastWithKeywords,
) -> PyResult<()> {
    // CPython keeps the definition for as long as the class lives: for ever.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: method },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }));
    // SAFETY: the class is alive, the definition never dies; the descriptor checks `self` before each call.
    let descriptor = unsafe {
        Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))?
    };
    let name = name.to_str().map_err(|e| PyTypeError::new_err(e.to_string()))?;
    class.setattr(name, descriptor)
}
