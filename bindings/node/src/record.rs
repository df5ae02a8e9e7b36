//! `log` and `score` in one crossing: all texts as one, their lengths, and the numbers.
//!
//! JavaScript hands over here what is usual; anything else, and whatever this is not sure about or refuses, goes the general
//! way, which says also what is wrong. Nothing was done by then, so this file decides nothing.

use napi::{Env, Unknown, sys};
use std::ptr;
use trialplate::{Durability, NewScore, NewTrace, ScoreValue, Store, VersionRef};

use crate::error::{Result, guarded};
use crate::prompt::{piece, string, with_text};
use crate::raw::{self, Call};

/// The length of a text that was not given.
const ABSENT: f64 = -1.0;

/// `log`: (texts, numbers) -> the trace's id, or `undefined`.
pub(crate) fn logger<'env>(env: &'env Env, store: &Store) -> Result<Unknown<'env>> {
    raw::function::<_, Log>(env, store.clone())
}

/// `score`: (texts, numbers) -> true, or `undefined`.
pub(crate) fn scorer<'env>(env: &'env Env, store: &Store) -> Result<Unknown<'env>> {
    raw::function::<_, Score>(env, store.clone())
}

/// Texts that were joined, cut one after the other at their lengths in UTF-16.
struct Pieces<'t> {
    rest: &'t str,
    lengths: std::slice::Iter<'t, f64>,
}

impl<'t> Pieces<'t> {
    /// The next text; the outer `None` is "not sure".
    fn next(&mut self) -> Option<Option<&'t str>> {
        let length = *self.lengths.next()?;
        if length == ABSENT {
            return Some(None);
        }
        let (head, tail) = piece(self.rest, length as usize)?;
        self.rest = tail;
        Some(Some(head))
    }

    fn owned(&mut self) -> Option<Option<String>> {
        Some(self.next()?.map(str::to_owned))
    }

    /// A text, or JSON where `is_json` says so.
    fn value(&mut self, is_json: bool) -> Option<Option<serde_json::Value>> {
        let Some(text) = self.next()? else { return Some(None) };
        if is_json {
            return serde_json::from_str(text).ok().map(Some);
        }
        Some(Some(text.into()))
    }
}

fn given(number: f64) -> Option<f64> {
    (!number.is_nan()).then_some(number)
}

fn count(number: f64) -> Option<Option<u64>> {
    match given(number) {
        None => Some(None),
        Some(n) if (0.0..=9_007_199_254_740_992.0).contains(&n) && n.fract() == 0.0 => Some(Some(n as u64)),
        Some(_) => None,
    }
}

/// Numbers: version, latency, cost, tokens in, tokens out, which of input, output and metadata are JSON (bits); then the
/// lengths of: prompt, id of the version, trace id, input, output, error, user, experiment, variant, stratum, metadata.
fn log(store: &Store, text: &str, numbers: &[f64]) -> Option<String> {
    let (&[version, latency_ms, cost_usd, tokens_in, tokens_out, json], lengths) =
        numbers.split_first_chunk()?;
    let json = json as u32;
    let mut pieces = Pieces { rest: text, lengths: lengths.iter() };
    let (prompt, id) = (pieces.next()??, pieces.next()??);
    let trace = NewTrace {
        trace_id: pieces.owned()?,
        input: pieces.value(json & 1 != 0)?.filter(|value| !value.is_null()),
        output: pieces.value(json & 2 != 0)?.filter(|value| !value.is_null()),
        error: pieces.owned()?,
        user: pieces.owned()?,
        experiment: pieces.owned()?,
        variant: pieces.owned()?,
        stratum: pieces.owned()?,
        metadata: pieces.value(json & 4 != 0)?.filter(|value| !value.is_null()),
        latency_ms: given(latency_ms),
        cost_usd: given(cost_usd),
        tokens_in: count(tokens_in)?,
        tokens_out: count(tokens_out)?,
        at: None,
    };
    if !pieces.rest.is_empty() {
        return None;
    }
    let version = VersionRef::Of { prompt: prompt.to_owned(), number: version as u32, id: id.parse().ok()? };
    store.log(prompt, &version, trace, Durability::Soon).ok().map(|id| id.as_str().to_owned())
}

/// Numbers: what the value is (0 missing, 1 a number, 2 a bool, 3 a text) and the number; then the lengths of: trace id,
/// metric, the value as text, source, comment, judge.
fn score(store: &Store, text: &str, numbers: &[f64]) -> Option<()> {
    let (&[kind, number], lengths) = numbers.split_first_chunk()?;
    let mut pieces = Pieces { rest: text, lengths: lengths.iter() };
    let (trace, metric) = (pieces.next()??, pieces.next()??);
    let category = pieces.next()?;
    let value = match kind as u32 {
        0 => serde_json::Value::Null,
        1 => serde_json::Number::from_f64(number).map(serde_json::Value::Number)?,
        2 => (number != 0.0).into(),
        _ => category?.into(),
    };
    let mut score = NewScore::new(ScoreValue::from_json(metric, &value).ok()?);
    if let Some(source) = pieces.next()? {
        score.source = source.parse().ok()?;
    }
    (score.comment, score.judge) = (pieces.owned()?, pieces.owned()?);
    if !pieces.rest.is_empty() {
        return None;
    }
    store.score(trace, metric, score, Durability::Soon).ok()
}

struct Log;

impl Call<Store> for Log {
    const ARGUMENTS: usize = 2;

    unsafe fn call(env: sys::napi_env, arguments: &[sys::napi_value], store: &Store) -> sys::napi_value {
        let logged = guarded(|| {
            // SAFETY: the arguments are handles of this call.
            let numbers = unsafe { raw::typed::<f64>(env, arguments[1]) };
            // SAFETY: as above.
            Ok(unsafe { with_text(env, arguments[0], |text| log(store, text, numbers)) })
        });
        match logged {
            // SAFETY: `env` is the environment of this call.
            Ok(Some(id)) => unsafe { string(env, &id) },
            _ => ptr::null_mut(),
        }
    }
}

struct Score;

impl Call<Store> for Score {
    const ARGUMENTS: usize = 2;

    unsafe fn call(env: sys::napi_env, arguments: &[sys::napi_value], store: &Store) -> sys::napi_value {
        let scored = guarded(|| {
            // SAFETY: the arguments are handles of this call.
            let numbers = unsafe { raw::typed::<f64>(env, arguments[1]) };
            // SAFETY: as above.
            Ok(unsafe { with_text(env, arguments[0], |text| score(store, text, numbers)) })
        });
        let mut yes = ptr::null_mut();
        if matches!(scored, Ok(Some(()))) {
            // SAFETY: `env` is the environment of this call.
            unsafe { sys::napi_get_boolean(env, true, &mut yes) };
        }
        yes
    }
}
