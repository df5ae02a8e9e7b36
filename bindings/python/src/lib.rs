//! The Python door: it reads arguments, releases the GIL, calls the core and wraps what comes back.
//!
//! It has no defaults and no rules of its own. What a user sees is in `python/trialplate`.

// Python reads the documentation of classes and methods; the crate itself exports nothing.
#![allow(missing_docs)]

mod errors;
mod fastcall;
mod json;
mod many;
mod record;
mod records;
mod store;
mod table;
mod version;

use pyo3::prelude::*;

/// Runs one procedure of the statistics by its name, on JSON inputs, with a JSON result.
#[pyfunction]
fn run_case(py: Python<'_>, kind: &str, inputs: &str) -> PyResult<String> {
    errors::detached(py, || {
        let inputs = serde_json::from_str(inputs).map_err(|e| trialplate::Error::InvalidJson {
            reason: format!("the inputs are not JSON: {e}"),
            at: "inputs".to_owned(),
        })?;
        trialplate::stats::run_case(kind, &inputs).map(|result| result.to_string())
    })
}

/// What is wrong with a file, which need not open as a store; arguments and result as JSON.
#[pyfunction]
fn doctor(py: Python<'_>, path: std::path::PathBuf, arguments: &str) -> PyResult<String> {
    errors::detached(py, || trialplate::call_doctor(&path, arguments))
}

/// The native half of the package.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::doctor;
    #[pymodule_export]
    use super::many::log_many;
    #[pymodule_export]
    use super::records::records;
    #[pymodule_export]
    use super::run_case;
    #[pymodule_export]
    use super::store::Store;
    #[pymodule_export]
    use super::store::forked;
    #[pymodule_export]
    use super::version::{PromptVersion, version_from_json};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        super::store::install(&py.get_type::<Store>())?;
        super::record::install(&py.get_type::<Store>())?;
        super::version::install(&py.get_type::<PromptVersion>())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("VERBS", trialplate::VERBS)
    }
}
