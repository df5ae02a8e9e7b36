//! Reads the inputs of a case: numbers, lists, and the documented generators for long lists.

use serde_json::Value;

use super::super::invalid;
use crate::error::Result;

/// A list made by a generator is at most this long.
const LONGEST: u64 = 10_000_000;

/// The inputs of one case, read by name.
pub(in super::super) struct Inputs<'a>(pub(in super::super) &'a Value);

impl<'a> Inputs<'a> {
    pub(in super::super) fn find(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn need(&self, name: &str) -> Result<&'a Value> {
        self.find(name).ok_or_else(|| invalid(name, format!("the case needs `{name}`")))
    }

    pub(in super::super) fn number(&self, name: &str) -> Result<f64> {
        number(name, self.need(name)?)
    }

    pub(in super::super) fn number_or(&self, name: &str, default: f64) -> Result<f64> {
        self.find(name).map_or(Ok(default), |value| number(name, value))
    }

    pub(in super::super) fn count(&self, name: &str) -> Result<u64> {
        count(name, self.need(name)?)
    }

    pub(in super::super) fn text_or(&self, name: &str, default: &'a str) -> Result<&'a str> {
        let Some(value) = self.find(name) else { return Ok(default) };
        value.as_str().ok_or_else(|| invalid(name, format!("`{name}` must be text")))
    }

    /// 1 - `conf`, which defaults to 95%.
    pub(in super::super) fn alpha_from_conf(&self) -> Result<f64> {
        Ok(1.0 - self.number_or("conf", 0.95)?)
    }

    pub(in super::super) fn alpha(&self) -> Result<f64> {
        self.number_or("alpha", 0.05)
    }

    pub(in super::super) fn array(&self, name: &str) -> Result<&'a [Value]> {
        match self.need(name)? {
            Value::Array(values) => Ok(values),
            _ => Err(invalid(name, format!("`{name}` must be a list"))),
        }
    }

    /// A list of numbers, or a generator that makes one.
    pub(in super::super) fn list(&self, name: &str) -> Result<Vec<f64>> {
        match self.need(name)? {
            Value::Array(values) => values.iter().map(|value| number(name, value)).collect(),
            value @ Value::Object(_) => generate(name, value),
            _ => Err(invalid(name, format!("`{name}` must be a list of numbers"))),
        }
    }

    /// A list of numbers in which null is a missing one.
    pub(in super::super) fn optional(&self, name: &str) -> Result<Vec<Option<f64>>> {
        match self.need(name)? {
            Value::Array(values) => values.iter().map(|value| optional(name, value)).collect(),
            _ => Ok(self.list(name)?.into_iter().map(Some).collect()),
        }
    }

    /// A list of whole numbers.
    pub(in super::super) fn counts(&self, name: &str) -> Result<Vec<u64>> {
        self.array(name)?.iter().map(|value| count(name, value)).collect()
    }

    /// A list of lists of whole numbers.
    pub(in super::super) fn count_rows(&self, name: &str) -> Result<Vec<Vec<u64>>> {
        let row = |row: &Value| match row {
            Value::Array(values) => values.iter().map(|value| count(name, value)).collect(),
            _ => Err(invalid(name, format!("`{name}` must be a list of lists of whole numbers"))),
        };
        self.array(name)?.iter().map(row).collect()
    }

    /// A list of pairs of a name and a number; any JSON value names, by its text where it is none.
    pub(in super::super) fn pairs(&self, name: &str) -> Result<Vec<(String, f64)>> {
        let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
            Some([who, value]) => {
                let who = who.as_str().map_or_else(|| who.to_string(), str::to_owned);
                Ok((who, number(name, value)?))
            }
            _ => Err(invalid(name, format!("`{name}` must be a list of pairs of a name and a number"))),
        };
        self.array(name)?.iter().map(pair).collect()
    }

    /// True or false.
    pub(in super::super) fn flag_or(&self, name: &str, default: bool) -> Result<bool> {
        let Some(value) = self.find(name) else { return Ok(default) };
        value.as_bool().ok_or_else(|| invalid(name, format!("`{name}` must be true or false")))
    }

    /// A text that must be there.
    pub(in super::super) fn text(&self, name: &str) -> Result<&'a str> {
        let text = self.need(name)?.as_str();
        text.ok_or_else(|| invalid(name, format!("`{name}` must be text")))
    }

    /// A list of lists of numbers, in which null is a missing repeat.
    pub(in super::super) fn repeats(&self, name: &str) -> Result<Vec<Vec<Option<f64>>>> {
        self.array(name)?
            .iter()
            .map(|item| match item {
                Value::Array(repeats) => repeats.iter().map(|value| optional(name, value)).collect(),
                _ => Err(invalid(name, format!("`{name}` must be a list of lists of numbers"))),
            })
            .collect()
    }
}

fn optional(name: &str, value: &Value) -> Result<Option<f64>> {
    if value.is_null() { Ok(None) } else { number(name, value).map(Some) }
}

/// JSON has no NaN and no infinity: they come as text.
fn number(name: &str, value: &Value) -> Result<f64> {
    let found = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| invalid(name, format!("`{name}` must be a number")))
}

fn count(name: &str, value: &Value) -> Result<u64> {
    let whole =
        |x: f64| ((0.0..=9_007_199_254_740_992.0).contains(&x) && x.fract() == 0.0).then_some(x as u64);
    value
        .as_u64()
        .or_else(|| value.as_f64().and_then(whole))
        .ok_or_else(|| invalid(name, format!("`{name}` must be a whole number from 0")))
}

/// x ← x·6364136223846793005 + 1442695040888963407 mod 2⁶⁴ (step first), u = (x >> 11)·2⁻⁵³.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

fn generate(name: &str, spec: &Value) -> Result<Vec<f64>> {
    let spec = Inputs(spec);
    let n = spec.count("n")?;
    if n > LONGEST {
        return Err(invalid(name, format!("a generated list has at most {LONGEST} numbers")));
    }
    let mut random = Generator(spec.count("seed")?);
    let mut fill = |one: &dyn Fn(&mut Generator) -> f64| (0..n).map(|_| one(&mut random)).collect();
    Ok(match spec.text_or("gen", "")? {
        "uniform" => {
            let (low, high) = (spec.number("lo")?, spec.number("hi")?);
            fill(&|g| low + (high - low) * g.next())
        }
        "bernoulli" => {
            let p = spec.number("p")?;
            fill(&|g| f64::from(u8::from(g.next() < p)))
        }
        "irwin" => {
            let (mean, sd) = (spec.number("mean")?, spec.number("sd")?);
            fill(&|g| mean + sd * ((0..12).fold(0.0, |total, _| total + g.next()) - 6.0))
        }
        "likert" => {
            let cum = spec.list("cum")?;
            fill(&|g| {
                let u = g.next();
                let index = cum.iter().position(|&c| u < c).unwrap_or(cum.len().saturating_sub(1));
                1.0 + index as f64
            })
        }
        other => return Err(invalid(name, format!("there is no generator `{other}`"))),
    })
}
