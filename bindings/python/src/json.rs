//! Python values to JSON text, and JSON values to Python: the one place where values cross.
//!
//! What JSON can't hold is refused here with the place where it stands. NaN and Infinity are written as such
//! where the core has a better word for them.

use std::cell::RefCell;
use std::fmt;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::errors::invalid_json;

/// Deeper values are refused: that is where a value which contains itself ends.
const MAX_DEPTH: usize = 200;
const TOO_LARGE: &str = "this integer is larger than JSON numbers are exact for (2^53); give it as text";

enum Fail {
    /// What can't be written, and where it stands, the innermost step first.
    Invalid(String, Vec<String>),
    Raised(PyErr),
}

impl From<PyErr> for Fail {
    fn from(error: PyErr) -> Fail {
        Fail::Raised(error)
    }
}

impl Fail {
    fn new(reason: impl Into<String>) -> Fail {
        Fail::Invalid(reason.into(), Vec::new())
    }

    fn within(mut self, step: impl FnOnce() -> String) -> Fail {
        if let Fail::Invalid(_, path) = &mut self {
            path.push(step());
        }
        self
    }

    fn into_err(self, py: Python<'_>, root: &str) -> PyErr {
        match self {
            Fail::Raised(error) => error,
            Fail::Invalid(reason, path) => {
                let steps: String = path.into_iter().rev().collect();
                invalid_json(py, reason, format!("{root}{steps}"))
            }
        }
    }
}

/// The JSON text of a Python value; `root` names it in errors.
pub(crate) fn to_text(value: &Bound<'_, PyAny>, root: &str, allow_nan: bool) -> PyResult<String> {
    let py = value.py();
    let mut out = Vec::with_capacity(256);
    write(value, &mut out, 0, allow_nan).map_err(|fail| fail.into_err(py, root))?;
    // Only texts that were valid UTF-8 and ASCII went in.
    String::from_utf8(out).map_err(|e| invalid_json(py, e.to_string(), root.to_owned()))
}

/// A Python value as a JSON value.
pub(crate) fn to_value(value: &Bound<'_, PyAny>, root: &str) -> PyResult<Value> {
    let text = to_text(value, root, false)?;
    serde_json::from_str(&text).map_err(|e| invalid_json(value.py(), e.to_string(), root.to_owned()))
}

fn write(value: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize, allow_nan: bool) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err(Fail::new("the value is nested too deeply, or contains itself"));
    }
    if let Ok(text) = value.cast::<PyString>() {
        write_text(text, out)
    } else if value.is_none() {
        out.extend_from_slice(b"null");
        Ok(())
    } else if let Ok(yes) = value.cast::<PyBool>() {
        out.extend_from_slice(if yes.is_true() { b"true" } else { b"false" });
        Ok(())
    } else if let Ok(number) = value.cast::<PyInt>() {
        write_int(number, out)
    } else if let Ok(number) = value.cast::<PyFloat>() {
        write_float(number.extract()?, out, allow_nan)
    } else if let Ok(members) = value.cast::<PyDict>() {
        write_dict(members, out, depth, allow_nan)
    } else if let Ok(elements) = value.cast::<PyList>() {
        write_all(elements.iter(), out, depth, allow_nan)
    } else if let Ok(elements) = value.cast::<PyTuple>() {
        write_all(elements.iter(), out, depth, allow_nan)
    } else {
        // Mappings, dataclasses, models: Python knows them, and answers None for what it doesn't know.
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let plain = PLAIN.import(value.py(), "trialplate._results", "plain")?.call1((value,))?;
        if plain.is_none() {
            let kind = value.get_type().name()?;
            return Err(Fail::new(format!("a value of the type {kind} is no JSON")));
        }
        write(&plain, out, depth + 1, allow_nan)
    }
}

fn write_text(text: &Bound<'_, PyString>, out: &mut Vec<u8>) -> Result<(), Fail> {
    let text = text
        .to_str()
        .map_err(|_| Fail::new("the text holds half of a surrogate pair, which is no Unicode"))?;
    serde_json::to_writer(out, text).map_err(|e| Fail::new(e.to_string()))
}

fn write_int(number: &Bound<'_, PyInt>, out: &mut Vec<u8>) -> Result<(), Fail> {
    if let Ok(n) = number.extract::<i64>() {
        out.extend_from_slice(n.to_string().as_bytes());
        return Ok(());
    }
    // A reader would round a longer one without a word.
    let exact = number.extract::<f64>().ok().filter(|x| x.is_finite());
    let exact = exact.and_then(|x| number.as_any().eq(PyFloat::new(number.py(), x)).ok());
    if exact != Some(true) {
        return Err(Fail::new(TOO_LARGE));
    }
    let digits = number.py().get_type::<PyInt>().call_method1("__repr__", (number,))?;
    out.extend_from_slice(digits.extract::<String>()?.as_bytes());
    Ok(())
}

fn write_float(number: f64, out: &mut Vec<u8>, allow_nan: bool) -> Result<(), Fail> {
    if number.is_finite() {
        return serde_json::to_writer(out, &number).map_err(|e| Fail::new(e.to_string()));
    }
    if !allow_nan {
        return Err(Fail::new("NaN and Infinity are not JSON"));
    }
    let name: &[u8] = if number.is_nan() {
        b"NaN"
    } else if number > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    };
    out.extend_from_slice(name);
    Ok(())
}

fn write_dict(
    members: &Bound<'_, PyDict>,
    out: &mut Vec<u8>,
    depth: usize,
    allow_nan: bool,
) -> Result<(), Fail> {
    out.push(b'{');
    for (i, (key, value)) in members.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_key(&key, out)?;
        out.push(b':');
        write(&value, out, depth + 1, allow_nan).map_err(|fail| {
            fail.within(|| {
                format!(".{}", key.str().map(|k| k.to_string_lossy().into_owned()).unwrap_or_default())
            })
        })?;
    }
    out.push(b'}');
    Ok(())
}

/// As Python's own `json`: numbers and names of constants become texts.
fn write_key(key: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Fail> {
    if let Ok(text) = key.cast::<PyString>() {
        return write_text(text, out);
    }
    if !(key.is_none() || key.is_instance_of::<PyInt>() || key.is_instance_of::<PyFloat>()) {
        let kind = key.get_type().name()?;
        return Err(Fail::new(format!("a key of the type {kind} is no JSON; keys are texts")));
    }
    out.push(b'"');
    write(key, out, 0, true)?;
    out.push(b'"');
    Ok(())
}

fn write_all<'py>(
    elements: impl Iterator<Item = Bound<'py, PyAny>>,
    out: &mut Vec<u8>,
    depth: usize,
    allow_nan: bool,
) -> Result<(), Fail> {
    out.push(b'[');
    for (i, element) in elements.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(&element, out, depth + 1, allow_nan).map_err(|fail| fail.within(|| format!("[{i}]")))?;
    }
    out.push(b']');
    Ok(())
}

/// What the core answers, as Python's own objects. It can't be deeper than what the core took, and a little.
pub(crate) fn read<'py>(py: Python<'py>, text: &str, root: &str) -> PyResult<Bound<'py, PyAny>> {
    let names = RefCell::new([const { None }; NAMES]);
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    Reader { py, names: &names }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|e| invalid_json(py, e.to_string(), root.to_owned()))
}

/// So many names of members are remembered while an answer is read: most come again and again.
const NAMES: usize = 64;

/// Names and their objects, each at a place that the name says.
type Known<'py> = [Option<(String, Bound<'py, PyString>)>; NAMES];

/// Makes Python's objects as the text is read, without a value of ours in between.
#[derive(Clone, Copy)]
struct Reader<'a, 'py> {
    py: Python<'py>,
    names: &'a RefCell<Known<'py>>,
}

impl<'py> Reader<'_, 'py> {
    fn name(&self, name: &str) -> Bound<'py, PyString> {
        let place = name.bytes().fold(name.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let mut names = self.names.borrow_mut();
        match &mut names[place % NAMES] {
            Some((known, object)) if known == name => object.clone(),
            other => {
                let object = PyString::new(self.py, name);
                *other = Some((name.to_owned(), object.clone()));
                object
            }
        }
    }

    fn object<T, E: serde::de::Error>(
        &self,
        object: PyResult<Bound<'py, T>>,
    ) -> Result<Bound<'py, PyAny>, E> {
        object.map(Bound::into_any).map_err(E::custom)
    }
}

impl<'de, 'py> DeserializeSeed<'de> for Reader<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Reader<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn visit_bool<E: serde::de::Error>(self, yes: bool) -> Result<Self::Value, E> {
        self.object(yes.into_bound_py_any(self.py))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.object(number.into_bound_py_any(self.py))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.object(number.into_bound_py_any(self.py))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        self.object(number.into_bound_py_any(self.py))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.py, text).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let list = PyList::empty(self.py);
        while let Some(element) = elements.next_element_seed(self)? {
            list.append(element).map_err(A::Error::custom)?;
        }
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.py);
        while let Some(name) = members.next_key_seed(Name(self))? {
            dict.set_item(name, members.next_value_seed(self)?).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}

/// The name of a member.
struct Name<'a, 'py>(Reader<'a, 'py>);

impl<'de, 'py> DeserializeSeed<'de> for Name<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 'py> Visitor<'de> for Name<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.name(name))
    }
}

/// A JSON value as Python's own objects, new ones at every call.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(yes) => yes.into_bound_py_any(py),
        Value::String(text) => text.into_bound_py_any(py),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => n.into_bound_py_any(py),
            (_, Some(n)) => n.into_bound_py_any(py),
            _ => number.as_f64().into_bound_py_any(py),
        },
        Value::Array(elements) => {
            let list = PyList::empty(py);
            for element in elements {
                list.append(to_python(py, element)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(members) => Ok(to_dict(py, members)?.into_any()),
    }
}

pub(crate) fn to_dict<'py>(py: Python<'py>, members: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, member) in members {
        dict.set_item(name, to_python(py, member)?)?;
    }
    Ok(dict)
}
