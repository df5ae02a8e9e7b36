//! Records by the ten thousand: what `Result.from_dict` does for one, without a step of the interpreter for each member.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

/// A member of a record: its attribute, its name in JSON, and what reads it, if it is not as JSON has it.
type Member<'py> = (Bound<'py, PyString>, Bound<'py, PyString>, Option<Bound<'py, PyAny>>);

/// Past a frozen class's own `__setattr__`, as `object.__setattr__` does it.
fn put(record: &Bound<'_, PyAny>, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: three live objects, and the GIL is held.
    match unsafe { ffi::PyObject_GenericSetAttr(record.as_ptr(), name.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(record.py())),
    }
}

/// One record of a class for each dict; `members` are triples of attribute, JSON name and reader.
#[pyfunction]
pub(crate) fn records<'py>(
    class: &Bound<'py, PyType>,
    members: &Bound<'py, PyTuple>,
    dicts: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyList>> {
    let py = class.py();
    let members: Vec<Member<'py>> = members.iter().map(|member| member.extract()).collect::<PyResult<_>>()?;
    let (make, data, none) =
        (class.getattr("__new__")?, PyString::intern(py, "_data"), py.None().into_bound(py));
    let made = PyList::empty(py);
    for dict in dicts.iter() {
        let dict = dict.cast_into::<PyDict>()?;
        let record = make.call1((class,))?;
        put(&record, &data, &dict)?;
        for (attribute, name, read) in &members {
            match (dict.get_item(name)?, read) {
                (Some(value), Some(read)) if !value.is_none() => {
                    put(&record, attribute, &read.call1((value,))?)?
                }
                (Some(value), _) => put(&record, attribute, &value)?,
                (None, _) => put(&record, attribute, &none)?,
            }
        }
        made.append(record)?;
    }
    Ok(made)
}
