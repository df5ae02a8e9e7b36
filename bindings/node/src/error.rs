//! Errors on their way out: `index.js` makes `TrialplateError`s of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use trialplate::Error;

/// The macro of napi knows a fallible function by this name.
pub(crate) type Result<T> = std::result::Result<T, napi::Error<String>>;

/// What JavaScript needs to know about an error, as JSON: message, kind and a refused gate's verdict.
fn facts(error: &Error) -> String {
    let mut facts = json!({"message": error.to_string(), "kind": error.kind().as_str()});
    if let Error::GateRefused { json, .. } = error {
        facts["verdict"] = serde_json::from_str(json).unwrap_or(Value::Null);
    }
    facts.to_string()
}

/// An error's code and its facts.
pub(crate) fn parts(error: &Error) -> (&'static str, String) {
    (error.code(), facts(error))
}

pub(crate) fn thrown(error: &Error) -> napi::Error<String> {
    let (code, facts) = parts(error);
    napi::Error::new(code.to_owned(), facts)
}

/// A call that must not unwind into JavaScript's frames.
pub(crate) fn guarded<T>(f: impl FnOnce() -> trialplate::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|e| thrown(&e)),
        Err(panic) => {
            Err(napi::Error::new(PANIC.to_owned(), panic_facts(panic.downcast_ref::<&str>().copied())))
        }
    }
}

/// The code of a defect: a panic that was caught before it could end the process.
pub(crate) const PANIC: &str = "panic";

pub(crate) fn panic_facts(what: Option<&str>) -> String {
    let message =
        format!("a defect in trialplate; please report it panic=`{}`", what.unwrap_or("see stderr"));
    json!({"message": message, "kind": "storage"}).to_string()
}
