//! Every verb by its name, with JSON in and JSON out.
//!
//! This is what language bindings, the command line and the conformance scenarios call, so that arguments are
//! read, defaults are filled in and results are shaped once. A verb's arguments are a struct here; an
//! argument that it does not know is refused.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{DoctorOptions, Store, doctor};
use crate::codec::canonical::rounded_integer;
use crate::error::{Error, Result};
use crate::model::version::PromptVersion;

mod args;
mod calibrate;
mod canaries;
mod datasets;
mod experiments;
mod traces;
mod verbs;

pub use verbs::VERBS;

impl Store {
    /// Calls a verb with its arguments as a JSON object, and returns its result as JSON text.
    ///
    /// # Errors
    /// `unknown-verb`, `invalid-argument` for arguments that the verb does not take, `invalid-json` for text that
    /// is no JSON, `too-large` for arguments of more than 1 GiB, and the verb's own errors.
    pub fn call(&self, verb: &str, arguments: &str) -> Result<String> {
        let arguments = parse(verb, arguments)?;
        verbs::dispatch(self, verb, arguments)
    }

    /// As [`Store::call`], with arguments that are values already: for bindings that make them of their language's own.
    ///
    /// # Errors
    /// As [`Store::call`].
    pub fn call_with(&self, verb: &str, arguments: Value) -> Result<String> {
        verbs::dispatch(self, verb, arguments)
    }

    /// Calls `publish` or `get` with its arguments as a JSON object, and returns the version itself: for bindings
    /// that hold versions, and would only read its JSON again.
    ///
    /// # Errors
    /// As [`Store::call`]; `unknown-verb` for any other verb.
    pub fn call_for_version(&self, verb: &str, arguments: &str) -> Result<PromptVersion> {
        verbs::for_version(self, verb, parse(verb, arguments)?)
    }
}

/// The verb `doctor` on a file that may not open as a store: its arguments as a JSON object, its result as JSON text.
///
/// # Errors
/// As [`doctor`] and [`Store::call`].
pub fn call_doctor(path: impl AsRef<Path>, arguments: &str) -> Result<String> {
    let default = DoctorOptions::default().busy_timeout;
    Ok(diagnose(path.as_ref(), self::arguments(parse("doctor", arguments)?)?, default)?.to_string())
}

fn diagnose(path: &Path, a: args::Doctor, busy_timeout: Duration) -> Result<Value> {
    let busy_timeout = match a.busy_timeout {
        None => busy_timeout,
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|e| Error::InvalidArgument {
            argument: "busy_timeout".to_owned(),
            reason: format!("give seconds: {e}"),
        })?,
    };
    let salvage = a.salvage.map(Into::into);
    result(doctor(path, &DoctorOptions { deep: a.deep, salvage, busy_timeout })?)
}

/// Longer arguments are refused before they are read, which takes several times their length in memory.
const MAX_ARGUMENTS: usize = 1 << 30;

fn parse(verb: &str, text: &str) -> Result<Value> {
    if text.len() > MAX_ARGUMENTS {
        let (bytes, limit) = (text.len() as u64, MAX_ARGUMENTS as u64);
        return Err(Error::TooLarge { what: "the arguments of one call", bytes, limit });
    }
    let text = if text.trim().is_empty() { "{}" } else { text };
    if let Some(number) = rounded_integer(text) {
        let reason = "this integer is larger than JSON numbers are exact for (2^53); give it as text";
        return Err(Error::InvalidJson { reason: reason.to_owned(), at: number.to_owned() });
    }
    serde_json::from_str(text).map_err(|e| match not_finite(text) {
        Some(key)
            if (verb.starts_with("record") && !args::is_figure(&key))
                || (verb, &*key) == ("score", "value") =>
        {
            Error::InvalidScore {
                metric: key,
                reason: "a score is a finite number; give null if it could not be read".to_owned(),
            }
        }
        Some(key) => Error::InvalidJson { reason: "NaN and Infinity are not JSON".to_owned(), at: key },
        None => {
            Error::InvalidJson { reason: format!("the arguments are not JSON: {e}"), at: verb.to_owned() }
        }
    })
}

/// The name in front of a bare NaN or Infinity, which several languages' JSON writers emit.
fn not_finite(text: &str) -> Option<String> {
    let (mut name, mut token, mut quoted, mut escaped) = (String::new(), String::new(), false, false);
    for c in text.chars() {
        if quoted {
            match c {
                '"' if !escaped => quoted = false,
                _ => token.push(c),
            }
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                token.clear();
            }
            ':' => name = std::mem::take(&mut token),
            'a'..='z' | 'A'..='Z' => {
                token.push(c);
                if token == "NaN" || token == "Infinity" {
                    return Some(name);
                }
            }
            _ => token.clear(),
        }
    }
    None
}

fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_json::from_value(arguments)
        .map_err(|e| Error::InvalidArgument { argument: "arguments".to_owned(), reason: e.to_string() })
}

fn result<T: Serialize>(value: T) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "the result".to_owned() })
}

/// A list under a name, so that results are objects and can grow.
fn listed<T: Serialize>(name: &str, values: T) -> Result<Value> {
    Ok(json!({ name: result(values)? }))
}
