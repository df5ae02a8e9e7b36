//! One entry point for every procedure: a kind and JSON inputs in, a JSON mapping out, the same in every language.

mod basics;
pub(super) mod inputs;
mod live;
mod looking;
mod planning;

use serde_json::{Map, Value, json};

use self::inputs::Inputs;
use super::*;
use crate::error::Error;

type Output = Map<String, Value>;

/// One file's procedures. Its `run` is asked for the kinds that it names, and for no other.
struct Group {
    kinds: &'static [&'static str],
    run: fn(&str, &Inputs<'_>) -> Result<Output>,
}

const GROUPS: &[Group] = &[basics::GROUP, live::GROUP, looking::GROUP, planning::GROUP];

/// The name of every kind that [`run_case`] knows, `edge` among them.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.kinds).copied().chain(["edge"])
}

/// Runs one procedure by its name.
///
/// The same mapping comes out in every language; it is what the reference cases in
/// `tests/reference/stats_cases_public.json` are checked through. A result that cannot be read has its
/// `status` and null in every number that could be misread; infinities are the texts "inf" and "-inf".
///
/// # Shapes and units
/// `inputs` is an object. A list is a JSON array (NaN as "nan"), or a generator, as the head of the reference
/// file describes. `edge` takes another kind as `procedure` and answers with its status, whatever is wrong.
///
/// # Errors
/// `invalid-argument` if the kind is unknown (argument=`kind`), an input is missing or of the wrong type, or
/// the procedure refuses it.
///
/// # Source
/// statistics.md, section 6.
///
/// # Examples
/// ```
/// use serde_json::json;
/// let r = trialplate::stats::run_case("wilson", &json!({"k": 0, "n": 10, "conf": 0.95}))?;
/// assert_eq!(r["low"], 0.0);
/// let e = trialplate::stats::run_case("tea_leaves", &json!({})).unwrap_err();
/// assert_eq!(e.code(), "invalid-argument");
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn run_case(kind: &str, inputs: &Value) -> Result<Value> {
    if kind == "edge" {
        return edge(inputs);
    }
    run(kind, &Inputs(inputs)).map(Value::Object)
}

fn edge(inputs: &Value) -> Result<Value> {
    let procedure = Inputs(inputs).text_or("procedure", "")?;
    match run(procedure, &Inputs(inputs)) {
        Ok(mut found) => {
            found.entry("status").or_insert(json!("ok"));
            Ok(Value::Object(found))
        }
        Err(Error::InvalidArgument { argument, .. }) if argument != "kind" => {
            Ok(json!({ "status": Status::InvalidInput.as_str() }))
        }
        Err(other) => Err(other),
    }
}

fn run(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    match GROUPS.iter().find(|group| group.kinds.contains(&kind)) {
        Some(group) => (group.run)(kind, i),
        None => Err(unknown(kind)),
    }
}

fn unknown(kind: &str) -> Error {
    invalid("kind", format!("there is no procedure `{kind}`"))
}

fn output<const N: usize>(fields: [(&str, Value); N]) -> Output {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn real(x: f64) -> Value {
    match x {
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        // -0 would print as "-0.0".
        x => json!(x + 0.0),
    }
}

fn maybe(x: Option<f64>) -> Value {
    x.map_or(Value::Null, real)
}

/// The reference cases say "inconclusive" where the product says "cannot-tell".
fn verdict(outcome: Outcome) -> Value {
    json!(if outcome == Outcome::CannotTell { "inconclusive" } else { outcome.as_str() })
}

fn of_interval(r: &Interval) -> Output {
    output([("status", json!(r.status.as_str())), ("low", maybe(r.low)), ("high", maybe(r.high))])
}

fn degrees(i: &Inputs<'_>) -> Result<f64> {
    let df = i.number("df")?;
    if df > 0.0 { Ok(df) } else { Err(invalid("df", "degrees of freedom must be larger than 0")) }
}

fn of_welch(r: &Welch) -> Output {
    output([
        ("status", json!(r.status.as_str())),
        ("n_a", json!(r.n_a)),
        ("n_b", json!(r.n_b)),
        ("mean_a", maybe(r.mean_a)),
        ("mean_b", maybe(r.mean_b)),
        ("sd_a", maybe(r.sd_a)),
        ("sd_b", maybe(r.sd_b)),
        ("diff", maybe(r.diff)),
        ("se", maybe(r.se)),
        ("t", maybe(r.t)),
        ("df", maybe(r.df)),
        ("p", maybe(r.p_value)),
        ("ci_low", maybe(r.ci_low)),
        ("ci_high", maybe(r.ci_high)),
    ])
}
