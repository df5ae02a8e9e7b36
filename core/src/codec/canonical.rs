//! Canonical JSON (RFC 8785): the one text that a JSON value has, in every language.
//!
//! This is law: content ids are made of it, so a change here would rename everything that was ever published.
//! Members are sorted by the UTF-16 code units of their names; numbers are ECMAScript's shortest round-trip
//! decimals of an IEEE double; strings escape what must be escaped and nothing else; there is no white space.
//!
//! Stricter than the RFC in one point: an integer that no double holds exactly is refused instead of rounded.
//! A seed or an order number that silently becomes another one is worse than an error.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::error::{Error, Result};

/// Deeper values are refused: recursion is bounded on every thread's stack. serde_json reads 127 levels, and a
/// result wraps a value in a few more, so that what was written can always be read again.
const MAX_DEPTH: usize = 120;

/// The canonical text of a value.
///
/// # Errors
/// `invalid-json` for an integer that a double can't hold, or for more than 120 levels; the message says where.
pub(crate) fn to_canonical(value: &Value) -> Result<String> {
    let mut out = String::with_capacity(64);
    write(value, &mut out, &mut Vec::new())?;
    Ok(out)
}

/// The canonical text of an object with these members, which come in the order of their ASCII names.
///
/// # Errors
/// As [`to_canonical`].
pub(crate) fn object_to_canonical(members: &[(&'static str, &Value)]) -> Result<String> {
    debug_assert!(members.is_sorted_by(|a, b| a.0 < b.0) && members.iter().all(|(name, _)| name.is_ascii()));
    let mut out = String::with_capacity(512);
    let mut path = Vec::new();
    let mut between = '{';
    for (name, member) in members {
        out.push(between);
        between = ',';
        write_string(name, &mut out);
        out.push(':');
        path.push(Step::Member(name));
        write(member, &mut out, &mut path)?;
        path.pop();
    }
    out.push_str(if members.is_empty() { "{}" } else { "}" });
    Ok(out)
}

/// The text that stands for a value in a rendered prompt: null is empty, text is itself, anything else its
/// canonical JSON.
pub(crate) fn value_text(value: &Value) -> Result<Cow<'_, str>> {
    match value {
        Value::Null => Ok(Cow::Borrowed("")),
        Value::String(text) => Ok(Cow::Borrowed(text)),
        other => to_canonical(other).map(Cow::Owned),
    }
}

/// So many bytes are looked at together, which processors do at once.
const BLOCK: usize = 32;

/// One step on the way from the root to a value, for the error message.
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

fn refuse(reason: &str, path: &[Step<'_>]) -> Error {
    let mut at = String::from("$");
    for step in path {
        match step {
            Step::Member(name) => at.extend([".", name]),
            Step::Element(index) => at.push_str(&format!("[{index}]")),
        }
    }
    Error::InvalidJson { reason: reason.to_owned(), at }
}

fn write<'a>(value: &'a Value, out: &mut String, path: &mut Vec<Step<'a>>) -> Result<()> {
    if path.len() > MAX_DEPTH {
        return Err(refuse("the JSON is nested more than 120 levels deep", &path[..3]));
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out, path)?,
        Value::String(text) => write_string(text, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                path.push(Step::Element(index));
                write(element, out, path)?;
                path.pop();
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            // UTF-16 order differs from UTF-8 order only above U+FFFF, so ASCII names never pay for it.
            if !sorted.is_sorted_by(|a, b| utf16_less(a.0, b.0)) {
                sorted.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            }
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                path.push(Step::Member(name));
                write(member, out, path)?;
                path.pop();
            }
            out.push('}');
        }
    }
    Ok(())
}

fn utf16_less(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a < b } else { a.encode_utf16().lt(b.encode_utf16()) }
}

fn write_number(number: &Number, out: &mut String, path: &[Step<'_>]) -> Result<()> {
    let reason = "this integer is larger than JSON numbers are exact for (2^53); give it as text";
    let Some(x) = number.as_f64().filter(|x| x.is_finite()) else { return Err(refuse(reason, path)) };
    let mut buffer = ryu_js::Buffer::new();
    let text = buffer.format(x);
    // Above 2^53 a canonical text is the shortest that names the double, not its exact value: it must stay
    // readable, or what we wrote ourselves would be refused.
    let kept = |n: i128| x as i128 == n || text.parse() == Ok(n);
    if !number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)).is_none_or(kept) {
        return Err(refuse(reason, path));
    }
    out.push_str(text);
    Ok(())
}

/// Where the text ends whose first byte is at `at`: at its closing quote, or behind the last byte.
fn closing_quote(bytes: &[u8], mut at: usize) -> usize {
    let marks = |byte: &u8| (*byte == b'"') | (*byte == b'\\');
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        // Most of a text is neither, and a block of it is looked at at once.
        let block = &rest[..rest.len().min(BLOCK)];
        if !block.iter().fold(false, |found, byte| found | marks(byte)) {
            at += block.len();
            continue;
        }
        at += block.iter().position(marks).unwrap_or_default();
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    at
}

/// An integer in a JSON text that no double holds and that a reader would round without a word, if there is one.
///
/// `serde_json` reads integers up to 64 bits exactly (and [`to_canonical`] judges those), longer ones as doubles.
pub(crate) fn rounded_integer(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = closing_quote(bytes, at + 1) + 1,
            b'-' | b'0'..=b'9' => {
                let start = at;
                let part = |b: &u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                while bytes.get(at).is_some_and(part) {
                    at += 1;
                }
                let number = &text[start..at];
                let long = number.len() > 18 && number.bytes().all(|b| b == b'-' || b.is_ascii_digit());
                if long && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    let exact = |x: f64| format!("{x:.0}") == number;
                    let shortest = |x: f64| ryu_js::Buffer::new().format(x) == number;
                    let kept = number.parse().is_ok_and(|x| exact(x) || shortest(x));
                    if !kept {
                        return Some(number);
                    }
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Writes a JSON string: what must be escaped is, and nothing else.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (block, bytes) in text.as_bytes().chunks(BLOCK).enumerate() {
        if !bytes.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'))
        {
            continue;
        }
        for (at, &byte) in (block * BLOCK..).zip(bytes) {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                0x08 => "\\b",
                0x09 => "\\t",
                0x0A => "\\n",
                0x0C => "\\f",
                0x0D => "\\r",
                0x00..=0x1F => "",
                _ => continue,
            };
            out.push_str(&text[plain..at]);
            plain = at + 1;
            if escape.is_empty() {
                out.push_str(&format!("\\u{byte:04x}"));
            } else {
                out.push_str(escape);
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn canonical(text: &str) -> String {
        to_canonical(&serde_json::from_str(text).unwrap()).unwrap()
    }

    /// RFC 8785, 3.2.2 and 3.2.3: the document's own example.
    #[test]
    fn the_example_of_the_rfc() {
        let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let expected = concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(canonical(input), expected);
    }

    /// RFC 8785, 3.2.3: sorting by UTF-16 code units, where U+1F600 sorts before U+FB33.
    #[test]
    fn members_are_sorted_as_utf16() {
        let input = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(
            canonical(input),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        );
    }

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_are_ecmascripts() {
        for (input, expected) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740992", "9007199254740992"),
            ("1152921504606846976", "1152921504606847000"),
            ("1152921504606847000", "1152921504606847000"),
            ("-377133730558939400", "-377133730558939400"),
            ("295147905179352830000", "295147905179352830000"),
            ("999999999999999900000", "999999999999999900000"),
            ("1e21", "1e+21"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("333333333.33333325", "333333333.33333325"),
        ] {
            assert_eq!(canonical(input), expected, "{input}");
        }
    }

    #[test]
    fn an_object_by_its_members_is_the_object() {
        let (a, b) = (json!({"z": [1, "\n"], "a": null}), json!("é"));
        assert_eq!(
            object_to_canonical(&[("a", &a), ("b", &b)]).unwrap(),
            to_canonical(&json!({"b": b, "a": a})).unwrap()
        );
        assert_eq!(object_to_canonical(&[]).unwrap(), "{}");
        let error = object_to_canonical(&[("input", &json!([9007199254740993u64]))]).unwrap_err();
        assert!(error.to_string().contains("at=`$.input[0]`"), "{error}");
        let deep = (0..120).fold(json!(1), |v, _| json!([v]));
        assert_eq!(object_to_canonical(&[("a", &deep)]).is_ok(), to_canonical(&json!({"a": deep})).is_ok(),);
    }

    #[test]
    fn what_a_double_cannot_hold_is_refused_and_named() {
        let error = to_canonical(&json!({"a": [1, {"seed": 9007199254740993u64}]})).unwrap_err();
        assert_eq!(error.code(), "invalid-json");
        assert!(error.to_string().contains("at=`$.a[1].seed`"), "{error}");
        let deep = (0..200).fold(json!(1), |v, _| json!([v]));
        assert_eq!(to_canonical(&deep).unwrap_err().code(), "invalid-json");
    }

    #[test]
    fn integers_that_a_reader_would_round_are_found() {
        for (text, found) in [
            (r#"{"seed": 123456789012345678901234567890}"#, Some("123456789012345678901234567890")),
            (r#"[1, -99999999999999999999999]"#, Some("-99999999999999999999999")),
            (r#"{"a": "123456789012345678901234567890 \" 99999999999999999999999"}"#, None),
            (r#"[18446744073709551615, 1e40, 1.5, 123456789012345678901234567890.5]"#, None),
            (r#"[295147905179352830000, 1208925819614629174706176]"#, None),
            ("[1208925819614629174706177]", Some("1208925819614629174706177")),
            (r#"{"a\\": 1"#, None),
            (r#""open \"#, None),
        ] {
            assert_eq!(rounded_integer(text), found, "{text}");
        }
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1i64 << 53)..(1i64 << 53)).prop_map(Value::from),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|m| Value::from(m.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_is_a_fixed_point(value in any_json()) {
            let text = to_canonical(&value).unwrap();
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(to_canonical(&back).unwrap(), text);
        }

        #[test]
        fn different_values_have_different_texts(a in any_json(), b in any_json()) {
            // Numbers are compared as doubles, which is what JSON numbers are.
            fn same(a: &Value, b: &Value) -> bool {
                match (a, b) {
                    (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
                    (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
                    (Value::Object(x), Value::Object(y)) =>
                        x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w))),
                    _ => a == b,
                }
            }
            prop_assert_eq!(to_canonical(&a).unwrap() == to_canonical(&b).unwrap(), same(&a, &b));
        }
    }
}
