//! How variables are filled: this library's own rule, and what the two official Langfuse SDKs do.
//!
//! The two SDKs differ from each other, and prompts written for one of them depend on its ways, so
//! each is a mode of its own. Their behaviour was recorded by running them; the recording, with the
//! versions, is `tests/reference/langfuse_modes.json`, and every case of it is a test here.
//!
//! | | `langfuse` (Python SDK) | `langfuse-js` (mustache.js, escaping off) |
//! | --- | --- | --- |
//! | a name | whatever stands between `{{` and the next `}}`, trimmed | the same |
//! | unknown name | kept as it stands | erased |
//! | `{{a.b}}` | the variable `a.b` | `b` of the object `a` |
//! | `{{{a}}}`, `{{& a}}` | the odd names `{a` and `& a` | the variable `a` |
//! | `{{! text }}` | the odd name `! text` | erased, with its line if it stands alone |
//! | an open `{{` | text | refused |
//! | sections, partials, delimiters | odd names | refused here: the SDK runs them |
//! | true, 1.0, `["a"]`, `{"k": 1}` | `True`, `1.0`, `['a']`, `{'k': 1}` | `true`, `1`, `a`, `[object Object]` |
//! | null | empty | empty |
//!
//! Not copied, on purpose: what every JavaScript object inherits (`{{toString}}` is a variable like any
//! other here), and the rendering of messages that a placeholder brings in (see [`render_chat`]).

use crate::model::chat::ChatTemplate;
use crate::{Error, Result};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt::Write;

/// How variables are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// This library's rule: a variable without a value is an error.
    #[default]
    Strict,
    /// This library's rule, but a variable without a value stays as it stands.
    Partial,
    /// As the Python SDK of Langfuse does.
    Langfuse,
    /// As the JavaScript SDK of Langfuse does.
    LangfuseJs,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 4] = [Mode::Strict, Mode::Partial, Mode::Langfuse, Mode::LangfuseJs];

    /// The mode's name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Strict => "strict",
            Mode::Partial => "partial",
            Mode::Langfuse => "langfuse",
            Mode::LangfuseJs => "langfuse-js",
        }
    }

    /// The mode of a name.
    ///
    /// # Errors
    ///
    /// `invalid-argument` if no mode has this name.
    pub fn from_name(name: &str) -> Result<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| Error::InvalidArgument {
            argument: "mode".to_owned(),
            reason: format!("a mode is strict, partial, langfuse or langfuse-js given=`{name}`"),
        })
    }
}

/// Renders a text in one of the two Langfuse modes.
///
/// # Errors
///
/// `unsupported-template` in the mode `langfuse-js`, naming the tag, if the text has a section, a
/// partial, a change of delimiters or a tag that is not closed. `invalid-argument` for the modes
/// `strict` and `partial`, which a [`Template`](crate::Template) renders.
pub(crate) fn render<'v>(
    mode: Mode,
    source: &str,
    value: &dyn Fn(&str) -> Option<&'v Value>,
) -> Result<String> {
    match mode {
        Mode::Langfuse => Ok(render_python(source, value)),
        Mode::LangfuseJs => render_js(source, value),
        Mode::Strict | Mode::Partial => Err(not_a_langfuse_mode(mode)),
    }
}

/// Renders a chat prompt in one of the two Langfuse modes.
///
/// Texts of the prompt's own messages follow the mode, and a placeholder without a value stays as it
/// stands, as in both SDKs. Where the SDKs lose or leak something, this does not: messages that a
/// placeholder brings in are never rendered (both SDKs put variables into them, and the JavaScript one
/// erases or runs what a user wrote in braces), keys such as `name` are kept (both drop them from the
/// prompt's own messages), and a value that is no list of messages is an error (the SDKs make up a
/// role `NOT_GIVEN`, or put a bare text in the list).
///
/// # Errors
///
/// Those of [`render`], and `invalid-placeholder` as in [`ChatTemplate::fill`].
pub(crate) fn render_chat<'v>(
    mode: Mode,
    chat: &ChatTemplate,
    value: &dyn Fn(&str) -> Option<&'v Value>,
    placeholders: &dyn Fn(&str) -> Option<&'v Value>,
) -> Result<Vec<Value>> {
    if matches!(mode, Mode::Strict | Mode::Partial) {
        return Err(not_a_langfuse_mode(mode));
    }
    chat.fill_with(&mut |template| render(mode, template.source(), value), placeholders, true)
}

fn not_a_langfuse_mode(mode: Mode) -> Error {
    let reason = format!("only langfuse and langfuse-js are rendered from a source mode=`{}`", mode.name());
    Error::InvalidArgument { argument: "mode".to_owned(), reason }
}

// ---- the Python SDK: langfuse/model.py, TemplateParser

fn render_python<'v>(source: &str, value: &dyn Fn(&str) -> Option<&'v Value>) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{{") {
        let Some(close) = rest[open..].find("}}").map(|at| open + at) else { break };
        out.push_str(&rest[..open]);
        let end = close + 2;
        match value(rest[open + 2..close].trim_matches(python_space)) {
            Some(Value::Null) => {}
            Some(Value::String(text)) => out.push_str(text),
            Some(other) => python_repr(&mut out, other),
            None => out.push_str(&rest[open..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// What `str.strip` takes off: `str.isspace`, which has four separators more than Unicode's White_Space.
fn python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

fn python_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => python_number(out, number),
        Value::String(text) => python_string(out, text),
        Value::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                python_repr(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (i, (key, item)) in object.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                python_string(out, key);
                out.push_str(": ");
                python_repr(out, item);
            }
            out.push('}');
        }
    }
}

/// `repr(float)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
fn python_number(out: &mut String, number: &Number) {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        out.push_str(&number.to_string());
        return;
    };
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = float.to_string();
        let point = if plain.contains('.') { "" } else { ".0" };
        out.push_str(&plain);
        out.push_str(point);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "{digits}e{exponent:+03}");
    }
}

fn python_string(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        let _ = match c {
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\\' => write!(out, "\\\\"),
            c if c == quote => write!(out, "\\{c}"),
            c if printable(c) => write!(out, "{c}"),
            c if (c as u32) < 0x100 => write!(out, "\\x{:02x}", c as u32),
            c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "\\U{:08x}", c as u32),
        };
    }
    out.push(quote);
}

/// `str.isprintable`: no separator, control, format, surrogate, private or unassigned character, except
/// the space. The standard library's debug escapes use the same rule, behind the first character of a
/// text without the exception that they make for combining marks.
fn printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let mut text = [b'a', 0, 0, 0, 0];
    let len = c.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..=len]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

// ---- the JavaScript SDK: mustache.js 4.2 with `mustache.escape` set to the identity

fn render_js<'v>(source: &str, value: &dyn Fn(&str) -> Option<&'v Value>) -> Result<String> {
    let refuse = |what: &str, tag: &str| {
        let end = tag.find("}}").map_or(tag.len(), |at| at + 2);
        let tag: String = tag[..end].chars().take(60).collect();
        Error::UnsupportedTemplate { mode: Mode::LangfuseJs.name(), reason: format!("{what} tag=`{tag}`") }
    };
    let mut out = Lines::default();
    let mut rest = source;
    while let Some(open) = rest.find("{{") {
        out.text(&rest[..open]);
        let tag = &rest[open..];
        let inner = tag[2..].trim_start_matches(js_space);
        let kind = inner.chars().next().filter(|&c| "#^/>{&=!".contains(c));
        match kind {
            Some('#' | '^' | '/') => return Err(refuse("sections are not rendered here", tag)),
            Some('>') => return Err(refuse("partials are not rendered here", tag)),
            Some('=') => return Err(refuse("delimiters cannot be changed here", tag)),
            _ => {}
        }
        let inner = inner[usize::from(kind.is_some())..].trim_start_matches(js_space);
        let closing = if kind == Some('{') { "}}}" } else { "}}" };
        let close = inner.find(closing).ok_or_else(|| refuse("a tag is not closed", tag))?;
        if kind == Some('!') {
            out.comment = true;
        } else {
            out.other = true;
            match js_lookup(inner[..close].trim_end_matches(js_space), value).as_deref() {
                None | Some(Value::Null) => {}
                Some(value) => js_string(&mut out.text, value),
            }
        }
        rest = &inner[close + closing.len()..];
    }
    out.text(rest);
    out.end_line();
    Ok(out.text)
}

/// The output, with what mustache needs to know of the current line: a line of nothing but comments and
/// white space is left out as a whole.
#[derive(Default)]
struct Lines {
    text: String,
    start: usize,
    comment: bool,
    other: bool,
}

impl Lines {
    fn text(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.text.push_str(line);
            self.other |= !line.chars().all(js_space);
            if line.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.comment && !self.other {
            self.text.truncate(self.start);
        }
        *self = Lines { start: self.text.len(), text: std::mem::take(&mut self.text), ..Lines::default() };
    }
}

/// `\s` of a JavaScript regular expression: no U+0085, but the byte order mark.
fn js_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

fn js_lookup<'v>(name: &str, value: &dyn Fn(&str) -> Option<&'v Value>) -> Option<Cow<'v, Value>> {
    if name == "." {
        // The whole set of variables, which is an object whatever is in it.
        return Some(Cow::Owned(Value::Object(serde_json::Map::new())));
    }
    match name.split_once('.') {
        Some((first, path)) if !first.is_empty() => {
            path.split('.').try_fold(Cow::Borrowed(value(first)?), |value, key| js_property(value, key))
        }
        _ => value(name).map(Cow::Borrowed),
    }
}

fn js_property<'v>(value: Cow<'v, Value>, key: &str) -> Option<Cow<'v, Value>> {
    // An index is a number as JavaScript prints it: `0`, not `00` or `+0`.
    let index = || key.parse::<usize>().ok().filter(|index| index.to_string() == key);
    match value {
        Cow::Borrowed(Value::Object(object)) => object.get(key).map(Cow::Borrowed),
        Cow::Borrowed(Value::Array(list)) if key == "length" => Some(Cow::Owned(list.len().into())),
        Cow::Borrowed(Value::Array(list)) => list.get(index()?).map(Cow::Borrowed),
        other => {
            let text = other.as_str()?;
            if key == "length" {
                return Some(Cow::Owned(text.encode_utf16().count().into()));
            }
            // Half of a surrogate pair is no text here: it becomes U+FFFD.
            let unit = text.encode_utf16().nth(index()?)?;
            Some(Cow::Owned(String::from_utf16_lossy(&[unit]).into()))
        }
    }
}

/// `String(value)`.
fn js_string(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        // Every number is a double there, so a large integer loses digits here as it does there.
        Value::Number(number) => match number.as_f64() {
            Some(float) => out.push_str(ryu_js::Buffer::new().format(float)),
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => out.push_str(text),
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                if !item.is_null() {
                    js_string(out, item);
                }
            }
        }
        Value::Object(_) => out.push_str("[object Object]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::{Names, Template};
    use proptest::prelude::*;
    use serde_json::json;

    fn recorded() -> Value {
        serde_json::from_str(include_str!("../../../tests/reference/langfuse_modes.json")).unwrap()
    }

    /// Refused although the SDK renders it, and rendered unlike the SDK: nothing else may differ.
    fn js_deviation(template: &str) -> Option<Option<&'static str>> {
        let inherited = ["{{toString}}", "{{constructor}}", "{{a.toString}}"].contains(&template);
        let refused = ["{{#", "{{^", "{{>", "{{=", "{{ ="].iter().any(|tag| template.contains(tag));
        if refused { Some(None) } else { inherited.then_some(Some("")) }
    }

    #[test]
    fn template_modes_do_what_the_sdks_do() {
        let recorded = recorded();
        let cases = recorded["cases"].as_array().unwrap();
        assert!(cases.len() >= 60);
        for case in cases {
            let template = case["template"].as_str().unwrap();
            let value = |name: &str| case["variables"].get(name);
            assert_eq!(render(Mode::Langfuse, template, &value).unwrap(), case["python"]["result"], "{case}");
            let js = render(Mode::LangfuseJs, template, &value);
            let expected = js_deviation(template).unwrap_or(case["js"]["result"].as_str());
            match expected {
                Some(text) => assert_eq!(js.unwrap(), text, "{case}"),
                None => assert_eq!(js.unwrap_err().code(), "unsupported-template", "{case}"),
            }
        }
    }

    #[test]
    fn template_modes_differ_in_chats_only_where_it_is_said() {
        let recorded = recorded();
        // What the SDKs do beyond this list is what this library does, too.
        let ours = [
            (
                "variables leak into history",
                json!([{"role": "user", "content": "print {{secret}} and {{unknown}}"}]),
            ),
            ("history with an open brace", json!([{"role": "user", "content": "what does {{ mean?"}])),
            ("history with a section", json!([{"role": "user", "content": "{{#a}}x{{/a}}"}])),
            (
                "history with null content",
                json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}]),
            ),
            ("history without content", json!([{"role": "assistant", "tool_calls": [{"id": "1"}]}])),
            (
                "history with a list content",
                json!([{"role": "user", "content": [{"type": "text", "text": "{{a}}"}]}]),
            ),
            ("history without role", json!("invalid-placeholder")),
            ("a text for a placeholder", json!("invalid-placeholder")),
            ("a list of texts for a placeholder", json!("invalid-placeholder")),
            ("null for a placeholder", json!("invalid-placeholder")),
            (
                "unknown keys of messages",
                json!([{"role": "user", "content": "A", "name": "bob", "cache_control": {"type": "ephemeral"}}]),
            ),
        ];
        for case in recorded["chats"].as_array().unwrap() {
            for (mode, sdk) in [(Mode::Langfuse, "python"), (Mode::LangfuseJs, "js")] {
                // The Python SDK has one name space for both, the JavaScript one has two.
                let shared = mode == Mode::Langfuse;
                let value = |name: &str| {
                    case["variables"].get(name).or_else(|| case["placeholders"].get(name).filter(|_| shared))
                };
                let placeholder = |name: &str| {
                    case["placeholders"].get(name).or_else(|| case["variables"].get(name).filter(|_| shared))
                };
                let chat = ChatTemplate::parse(&case["messages"], &mut Names::new()).unwrap();
                let result = match render_chat(mode, &chat, &value, &placeholder) {
                    Ok(messages) => Value::from(messages),
                    Err(error) => json!(error.code()),
                };
                let about = case["about"].as_str().unwrap();
                let expected = match ours.iter().find(|(name, _)| *name == about) {
                    Some((_, expected)) => expected.clone(),
                    None if about == "a variable named as a placeholder" && shared => {
                        json!("invalid-placeholder")
                    }
                    None => case[sdk]["result"].clone(),
                };
                assert_eq!(result, expected, "{about} {sdk}");
            }
        }
    }

    #[test]
    fn template_modes_have_names() {
        for mode in Mode::ALL {
            assert_eq!(Mode::from_name(mode.name()).unwrap(), mode);
        }
        assert_eq!(Mode::from_name("mustache").unwrap_err().code(), "invalid-argument");
        assert_eq!(render(Mode::Strict, "", &|_| None).unwrap_err().code(), "invalid-argument");
        let chat =
            ChatTemplate::parse(&json!([{"role": "user", "content": "x"}]), &mut Names::new()).unwrap();
        assert_eq!(
            render_chat(Mode::Partial, &chat, &|_| None, &|_| None).unwrap_err().code(),
            "invalid-argument"
        );
    }

    #[test]
    fn template_modes_name_the_tag() {
        let error = render(Mode::LangfuseJs, "a {{#items}}x{{/items}}", &|_| None).unwrap_err().to_string();
        assert!(error.contains("tag=`{{#items}}`") && error.contains("langfuse-js"), "{error}");
        let error = render(Mode::LangfuseJs, &format!("{{{{{}", "é".repeat(1000)), &|_| None).unwrap_err();
        assert!(error.to_string().len() < 300);
    }

    proptest! {
        #[test]
        fn template_modes_never_panic(source in prop_oneof![any::<String>(), "[{}!&. \n\u{85}aé#=]{0,30}"]) {
            let number = json!([1, "é", {"k": null}]);
            prop_assert_eq!(render(Mode::Langfuse, &source, &|_| None).unwrap(), source.clone());
            render(Mode::Langfuse, &source, &|_| Some(&number)).unwrap();
            let _ = render(Mode::LangfuseJs, &source, &|_| Some(&number));
        }

        #[test]
        fn template_modes_agree_on_plain_templates(value in any::<String>(), text in "[a-z é\n}]{0,20}") {
            let source = format!("{text} {{{{ a }}}}{text}");
            let given = json!(value);
            let expected = Template::parse(&source, &mut Names::new()).fill(&[Some(&value)]);
            for mode in [Mode::Langfuse, Mode::LangfuseJs] {
                prop_assert_eq!(&render(mode, &source, &|_| Some(&given)).unwrap(), &expected);
            }
        }
    }
}
