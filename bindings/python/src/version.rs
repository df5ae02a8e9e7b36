//! One immutable version of a prompt, as a Python object.

use std::hash::{Hash, Hasher};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use serde_json::{Map, Value};
use trialplate::{Compiled, Error, Mode};

use crate::errors::{attached, invalid_json, raised};
use crate::fastcall::{self, Arguments, borrowed, is_text, same_text, text_hash, utf8};
use crate::json;

/// One immutable version of a prompt.
///
/// It is what `Store.publish` and `Store.get` return. Its content (prompt, model, params, tools, response_schema)
/// is what `id` names; the rest is said about it. Two versions are equal if they are the same version.
#[pyclass(frozen, module = "trialplate")]
pub(crate) struct PromptVersion {
    core: trialplate::PromptVersion,
    /// A text prompt's text.
    text: PyOnceLock<Py<PyString>>,
    /// The variables' names, interned: keywords of a call are the same objects.
    names: PyOnceLock<Vec<Py<PyString>>>,
}

impl PromptVersion {
    pub(crate) fn new(core: trialplate::PromptVersion) -> PromptVersion {
        PromptVersion { core, text: PyOnceLock::new(), names: PyOnceLock::new() }
    }

    pub(crate) fn core(&self) -> &trialplate::PromptVersion {
        &self.core
    }

    fn names(&self, py: Python<'_>) -> &[Py<PyString>] {
        let names = || self.core.variables().iter().map(|name| fastcall::interned(py, name)).collect();
        self.names.get_or_init(py, names)
    }

    fn json(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(&self.core).map_err(|e| invalid_json(py, e.to_string(), "version".to_owned()))
    }

    /// Asks one of the Python helpers, which know how things look.
    fn shown<'py>(this: &Bound<'py, Self>, by: &str) -> PyResult<Bound<'py, PyAny>> {
        this.py().import("trialplate._html")?.getattr(by)?.call1((this,))
    }
}

#[pymethods]
impl PromptVersion {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("name", "number", "prompt")
    }

    /// The prompt's name.
    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    /// 1, 2, 3 … within the prompt; never reused.
    #[getter]
    fn number(&self) -> u32 {
        self.core.number()
    }

    /// The content id: the same content has the same id in every language, on every machine.
    #[getter]
    fn id(&self) -> String {
        self.core.id().to_string()
    }

    /// `text` or `chat`.
    #[getter(r#type)]
    fn kind(&self) -> &'static str {
        if self.core.is_chat() { "chat" } else { "text" }
    }

    /// The text, or a new list of the messages and placeholders.
    #[getter]
    fn prompt<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.core.content().prompt() {
            Value::String(text) => {
                let text = self.text.get_or_init(py, || PyString::new(py, text).unbind());
                Ok(text.bind(py).clone().into_any())
            }
            messages => json::to_python(py, messages),
        }
    }

    /// The model's name.
    #[getter]
    fn model(&self) -> Option<&str> {
        self.core.content().model_name()
    }

    /// The parameters, as a new dict.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::to_dict(py, self.core.content().params())
    }

    /// The tools, as a new list, if there are any.
    #[getter]
    fn tools<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.core.content().tool_list().map(|tools| json::to_python(py, tools)).transpose()
    }

    /// The JSON Schema that an output must satisfy, if there is one.
    #[getter]
    fn response_schema<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.core.content().schema().map(|schema| json::to_python(py, schema)).transpose()
    }

    /// The names of the variables, in the order of their first appearance.
    #[getter]
    fn variables(&self, py: Python<'_>) -> Vec<Py<PyString>> {
        self.names(py).iter().map(|name| name.clone_ref(py)).collect()
    }

    /// The names of a chat prompt's placeholders, in order.
    #[getter]
    fn placeholders(&self) -> Vec<&str> {
        self.core.placeholders()
    }

    /// Why it was published.
    #[getter]
    fn message(&self) -> Option<&str> {
        self.core.message()
    }

    /// Who published it.
    #[getter]
    fn author(&self) -> Option<&str> {
        self.core.author()
    }

    /// When it was published: an aware datetime in UTC.
    #[getter]
    fn created_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static MOMENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        MOMENT.import(py, "trialplate._results", "moment")?.call1((self.core.created_at().to_string(),))
    }

    /// The number of the version it was derived from.
    #[getter]
    fn parent(&self) -> Option<u32> {
        self.core.parent()
    }

    /// The tags it was published with.
    #[getter]
    fn tags(&self) -> Vec<&str> {
        self.core.tags().iter().map(String::as_str).collect()
    }

    /// Renders the prompt by the rules of another tool: `strict` (ours), `partial`, `langfuse` or `langfuse-js`.
    ///
    /// Raises:
    ///     InvalidError: `missing-variable`, `unsupported-template`, `invalid-argument` for an unknown mode.
    #[pyo3(signature = (mode, variables=None, /, **values))]
    fn compile_as<'py>(
        &self,
        py: Python<'py>,
        mode: &str,
        variables: Option<&Bound<'py, PyAny>>,
        values: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mode = attached(py, || Mode::from_name(mode))?;
        let given = merged(py, variables, values)?;
        self.render(py, mode, &given)
    }

    /// The attributes to put on a span of a call that is made with this version (OpenTelemetry GenAI).
    fn otel_attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::to_dict(py, &self.core.otel_attributes().into_iter().collect())
    }

    /// Everything about it, as its JSON has it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = serde_json::to_value(&self.core);
        let value = value.map_err(|e| invalid_json(py, e.to_string(), "version".to_owned()))?;
        json::to_python(py, &value)
    }

    /// Everything about it, as JSON text.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.json(py)
    }

    /// Reads a version back from its JSON text. No store is needed.
    ///
    /// Raises:
    ///     InvalidError: `invalid-content` if it is no version, or its content is not the one that its id names.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<PromptVersion> {
        version_from_json(py, text)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<PromptVersion>().is_ok_and(|other| self.core == other.get().core)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.core.id(), self.core.name(), self.core.number()).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PromptVersion::shown(this, "version_text")
    }

    fn _repr_html_<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PromptVersion::shown(this, "version_html")
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.import("trialplate._native")?.getattr("version_from_json")?, (self.json(py)?,)))
    }
}

/// Reads a version from its JSON text: what a pickle calls.
#[pyfunction]
pub(crate) fn version_from_json(py: Python<'_>, text: &str) -> PyResult<PromptVersion> {
    attached(py, || trialplate::PromptVersion::from_json(text)).map(PromptVersion::new)
}

/// The values of a call as one dict: those of a mapping, and the named ones over them.
fn merged<'py>(
    py: Python<'py>,
    variables: Option<&Bound<'py, PyAny>>,
    values: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    static MEMBERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let merged = PyDict::new(py);
    if let Some(variables) = variables.filter(|v| !v.is_none()) {
        let members = MEMBERS.import(py, "trialplate._results", "members")?.call1((variables,))?;
        merged.update(members.cast::<PyDict>()?.as_mapping())?;
    }
    if let Some(values) = values {
        merged.update(values.as_mapping())?;
    }
    Ok(merged)
}

impl PromptVersion {
    /// Renders by the core, from JSON values.
    fn render<'py>(
        &self,
        py: Python<'py>,
        mode: Mode,
        given: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let own_rules = matches!(mode, Mode::Strict | Mode::Partial);
        let placeholders = self.core.placeholders();
        let asked = |name: &str| {
            !own_rules || self.core.variables().iter().any(|v| **v == *name) || placeholders.contains(&name)
        };
        let mut values = Map::new();
        for (key, value) in given.iter() {
            // A template has no name that is no text: it can't be asked for.
            let Some(key) = key.cast::<PyString>().ok().and_then(|key| key.to_str().ok()) else { continue };
            // What is not asked for need not be JSON; its name is kept for the error message.
            let value = if asked(key) { json::to_value(&value, key)? } else { Value::Null };
            values.insert(key.to_owned(), value);
        }
        match attached(py, || self.core.compile_as(mode, &values))? {
            Compiled::Text(text) => Ok(PyString::new(py, &text).into_any()),
            Compiled::Chat(messages) => json::to_python(py, &Value::Array(messages)),
        }
    }

    /// Renders a text prompt whose values are all texts, without copying one. `None` if it is not that simple.
    #[inline]
    fn render_texts(&self, py: Python<'_>, given: &Arguments<'_>, keep: bool) -> Option<*mut ffi::PyObject> {
        if self.core.is_chat() {
            return None;
        }
        let names = self.names(py);
        let mut texts: Vec<Option<&str>> = Vec::with_capacity(names.len());
        // What a dict gives up is held here while its text is borrowed.
        let mut held: Vec<Bound<'_, PyAny>> = Vec::new();
        match (given.positional(), given.named()) {
            ([], values) => {
                let mut search = Search::new(given);
                for name in names {
                    let Some(place) = search.find(name.as_ptr()) else {
                        // A subclass of `str` may be equal to it all the same.
                        if !search.names.iter().all(|&given| is_text(given)) {
                            return None;
                        }
                        texts.push(None);
                        continue;
                    };
                    if !is_text(values[place]) {
                        return None;
                    }
                    // SAFETY: a `str` that the caller keeps alive during this call.
                    texts.push(Some(unsafe { utf8(values[place]) }?));
                }
            }
            (&[variables], []) => {
                // SAFETY: a live argument of this call.
                if unsafe { ffi::PyDict_CheckExact(variables) } == 0 {
                    return None;
                }
                held.reserve(names.len());
                let variables = borrowed(py, variables);
                // SAFETY: it was checked to be a dict.
                let variables = unsafe { variables.cast_unchecked::<PyDict>() };
                for name in names {
                    let Some(value) = variables.get_item(name.bind(py)).ok()? else {
                        texts.push(None);
                        continue;
                    };
                    if !is_text(value.as_ptr()) {
                        return None;
                    }
                    // SAFETY: a `str` that `held` keeps alive until the text is made.
                    texts.push(Some(unsafe { utf8(value.as_ptr()) }?));
                    held.push(value);
                }
            }
            _ => return None,
        }
        // With nothing given for some variable, the general way says so with every name.
        let text = self.core.compile_texts(&texts, keep, Vec::new)?.ok()?;
        Some(PyString::new(py, &text).into_ptr())
    }
}

/// Finds keywords by their names. Written in the call they are interned, like ours, and come in the template's order;
/// from a dict they may be neither, and their hashes, which they keep, are compared.
struct Search {
    names: Vec<*mut ffi::PyObject>,
    hashes: Vec<u64>,
    next: usize,
}

impl Search {
    fn new(given: &Arguments<'_>) -> Search {
        let names = (0..given.named().len()).map(|i| given.name(i)).collect();
        Search { names, hashes: Vec::new(), next: 0 }
    }

    #[inline]
    fn find(&mut self, name: *mut ffi::PyObject) -> Option<usize> {
        let place = match self.names.get(self.next) {
            Some(&next) if next == name => self.next,
            _ => match self.names.iter().position(|&given| given == name) {
                Some(place) => place,
                None => self.find_by_hash(name)?,
            },
        };
        self.next = place + 1;
        Some(place)
    }

    fn find_by_hash(&mut self, name: *mut ffi::PyObject) -> Option<usize> {
        if self.hashes.len() != self.names.len() {
            // A subclass of `str` matches nothing here: the general way knows it.
            self.hashes =
                self.names.iter().map(|&given| if is_text(given) { text_hash(given) } else { 0 }).collect();
        }
        let hash = text_hash(name);
        let is_it = |&place: &usize| {
            self.hashes[place] == hash && is_text(self.names[place]) && same_text(self.names[place], name)
        };
        // Where it is expected, behind that, and then from the front.
        (self.next..self.names.len()).chain(0..self.next.min(self.names.len())).find(is_it)
    }
}

fn compile_by(slf: *mut ffi::PyObject, given: Arguments<'_>, mode: Mode) -> *mut ffi::PyObject {
    fastcall::call(|| {
        // SAFETY: CPython calls this with the GIL held.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: the method's descriptor has checked that `self` is a PromptVersion.
        let this = unsafe { Bound::ref_from_ptr(py, &slf).cast_unchecked::<PromptVersion>() };
        if let Some(text) = this.get().render_texts(py, &given, mode == Mode::Partial) {
            return text;
        }
        fastcall::general(|py| {
            let positional: Bound<'_, PyTuple> = given.tuple(py)?;
            if positional.len() > 1 {
                let reason = "give one mapping of values, or values by their names".to_owned();
                return Err(raised(py, &Error::InvalidArgument { argument: "variables".to_owned(), reason }));
            }
            let variables = positional.get_item(0).ok();
            let values = merged(py, variables.as_ref(), Some(&given.dict(py)?))?;
            Ok(this.get().render(py, mode, &values)?.unbind())
        })
    })
}

unsafe extern "C" fn compile(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: these are the arguments of this call.
    compile_by(slf, unsafe { Arguments::new(values, positional, names) }, Mode::Strict)
}

unsafe extern "C" fn compile_partial(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: these are the arguments of this call.
    compile_by(slf, unsafe { Arguments::new(values, positional, names) }, Mode::Partial)
}

const COMPILE: &std::ffi::CStr = c"compile($self, variables=None, /, **values)
--

Renders the prompt: a str for a text prompt, a list of messages for a chat prompt.

One pass: a value is never rendered again, and the messages put in for a placeholder are never rendered. None
becomes the empty text, text stays as it is, anything else becomes its canonical JSON. Values that the template
does not ask for are left out.

Args:
    variables: the values by name: a mapping, a dataclass or a pydantic model.
    values: the values as keyword arguments; they win over `variables`.

Raises:
    InvalidError: `missing-variable` names every variable and placeholder without a value; `invalid-placeholder`;
        `invalid-json` for a value that is no JSON.
";

const COMPILE_PARTIAL: &std::ffi::CStr = c"compile_partial($self, variables=None, /, **values)
--

Renders what has a value, and keeps the rest as it stands in the template. Otherwise as `compile`.
";

pub(crate) fn install(class: &Bound<'_, PyType>) -> PyResult<()> {
    fastcall::install(class, c"compile", COMPILE, compile)?;
    fastcall::install(class, c"compile_partial", COMPILE_PARTIAL, compile_partial)
}
