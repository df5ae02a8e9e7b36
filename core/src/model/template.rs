//! A text with `{{ name }}` variables: parsed once, rendered many times.
//!
//! The grammar is `{{` ASCII white space* name ASCII white space* `}}` with a name of
//! `[A-Za-z_][A-Za-z0-9_.-]*`. Everything else is text, so no template is ever wrong, and JSON or
//! code full of braces needs no escaping. A variable is found at the leftmost place where one fits:
//! in `{{{a}}}` the inner `{{a}}` is the variable and the outer braces are text.
//!
//! Rendering is one pass over positions found at parse time. A value is copied and never looked at,
//! which is why a value holding `{{other}}` cannot pull another variable in.

use std::collections::HashMap;
use std::sync::Arc;

/// The variable names of one prompt, each once, in the order of their first appearance.
///
/// All strings of a prompt share one table, so a variable that three messages use has one index and
/// is converted to text once per rendering.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    list: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
}

impl Names {
    /// An empty table.
    pub fn new() -> Names {
        Names::default()
    }

    /// The names in the order of their first appearance; `values[i]` of a rendering belongs to the i-th.
    pub fn as_slice(&self) -> &[Arc<str>] {
        &self.list
    }

    /// The index of a name, if some template uses it.
    pub fn get(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// How many different names there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether no template has a variable.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn intern(&mut self, name: &str) -> usize {
        if let Some(&index) = self.index.get(name) {
            return index;
        }
        let name: Arc<str> = name.into();
        let index = self.list.len();
        self.list.push(Arc::clone(&name));
        self.index.insert(name, index);
        index
    }
}

/// One variable of a template: the bytes `start..end` of the source, braces included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    start: usize,
    end: usize,
    index: usize,
}

/// A parsed text. Cloning shares the source.
///
/// # Examples
///
/// ```
/// use trialplate::{Names, Template};
///
/// let mut names = Names::new();
/// let template = Template::parse("Dear {{ name }}, {\"n\": {{n}}}", &mut names);
/// assert_eq!(names.get("n"), Some(1));
/// assert_eq!(template.fill(&[Some("Ada"), Some("7")]), "Dear Ada, {\"n\": 7}");
/// assert_eq!(template.fill(&[Some("{{n}}"), None]), "Dear {{n}}, {\"n\": {{n}}}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: Arc<str>,
    /// Ascending and disjoint: each variable of the source.
    slots: Arc<[Slot]>,
    /// Bytes of the source outside of the slots: where the size of a rendering starts from.
    text: usize,
}

impl Template {
    /// Parses a text and adds its variables to `names`. Linear in the length of any input.
    pub fn parse(source: &str, names: &mut Names) -> Template {
        let bytes = source.as_bytes();
        let mut slots = Vec::new();
        let mut text = source.len();
        let mut at = 0;
        while let Some(step) = source[at..].find('{') {
            let start = at + step;
            match variable(bytes, start) {
                Some((name, end)) => {
                    slots.push(Slot { start, end, index: names.intern(&source[name]) });
                    text -= end - start;
                    at = end;
                }
                // One byte on, not past what was scanned: `{{{a}}` has its variable at the second
                // brace. The scanned part holds no further `{`, so no byte is scanned a third time.
                None => at = start + 1,
            }
        }
        Template { source: source.into(), slots: slots.into(), text }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text has no variable, so that every rendering of it is the source.
    pub fn is_literal(&self) -> bool {
        self.slots.is_empty()
    }

    /// The indices (into the [`Names`]) of its variables, in the order of the text, repeated ones too.
    pub fn variables(&self) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().map(|slot| slot.index)
    }

    /// Renders the text in one allocation of exactly its size.
    ///
    /// `values[i]` belongs to variable i of the [`Names`]. `None` (and an index past the end) keeps
    /// the placeholder exactly as it stands in the source; whether that is allowed is the caller's rule.
    pub fn fill(&self, values: &[Option<&str>]) -> String {
        let value = |slot: &Slot| values.get(slot.index).copied().flatten();
        let size = self
            .slots
            .iter()
            .fold(self.text, |size, slot| size + value(slot).map_or(slot.end - slot.start, str::len));
        let mut out = String::with_capacity(size);
        let mut at = 0;
        for slot in self.slots.iter() {
            match value(slot) {
                Some(value) => {
                    out.push_str(&self.source[at..slot.start]);
                    out.push_str(value);
                }
                None => out.push_str(&self.source[at..slot.end]),
            }
            at = slot.end;
        }
        out.push_str(&self.source[at..]);
        out
    }
}

/// Whether `name` is a variable or placeholder name: `[A-Za-z_][A-Za-z0-9_.-]*`.
pub(crate) fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty() && name_end(bytes, 0) == bytes.len()
}

/// Where the name at `at` ends; `at` itself if none begins there.
fn name_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
            skip(bytes, at + 1, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        }
        _ => at,
    }
}

fn skip(bytes: &[u8], from: usize, keep: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|&b| !keep(b)).unwrap_or(rest.len())
}

/// The variable that begins exactly at `start`: the range of its name and the end behind its braces.
fn variable(bytes: &[u8], start: usize) -> Option<(std::ops::Range<usize>, usize)> {
    if bytes.get(start + 1) != Some(&b'{') {
        return None;
    }
    // ASCII white space with the vertical tab, which `u8::is_ascii_whitespace` leaves out.
    let space = |b: u8| b.is_ascii_whitespace() || b == 0x0b;
    let from = skip(bytes, start + 2, space);
    let to = name_end(bytes, from);
    if to == from {
        return None;
    }
    let close = skip(bytes, to, space);
    (bytes.get(close..close + 2) == Some(b"}}")).then_some((from..to, close + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names_of(source: &str) -> Vec<String> {
        let mut names = Names::new();
        Template::parse(source, &mut names);
        names.as_slice().iter().map(|n| n.to_string()).collect()
    }

    fn with(source: &str, pairs: &[(&str, &str)]) -> String {
        let mut names = Names::new();
        let template = Template::parse(source, &mut names);
        let values: Vec<_> = names
            .as_slice()
            .iter()
            .map(|n| pairs.iter().find(|(k, _)| *k == &**n).map(|(_, v)| *v))
            .collect();
        template.fill(&values)
    }

    #[test]
    fn template_grammar() {
        assert_eq!(names_of("{{a}} {{ b }} {{\t\r\n\x0b\x0cc\n}} {{a}}"), ["a", "b", "c"]);
        assert_eq!(names_of("{{_}} {{A9._-z}} {{a.b-c}}"), ["_", "A9._-z", "a.b-c"]);
        for text in [
            "",
            "{",
            "{{",
            "{{}}",
            "{{ }}",
            "{{1a}}",
            "{{-a}}",
            "{{.a}}",
            "{{a b}}",
            "{{a",
            "{{a}",
            "{{a} }",
            "{ {a}}",
            "{{é}}",
            "{{\u{a0}a}}",
            "{{#a}}",
            "{{a|b}}",
            "{{{}}}",
            "{a}",
            "}}{{",
            "{{a\u{301}}}",
        ] {
            assert_eq!(names_of(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn template_takes_the_leftmost_fit() {
        let v = [("a", "A"), ("b", "B")];
        assert_eq!(with("{{{a}}}", &v), "{A}");
        assert_eq!(with("{{{{a}}}}", &v), "{{A}}");
        assert_eq!(with("{{a {{b}} c}}", &v), "{{a B c}}");
        assert_eq!(with("{{a}}{{b}}{{a}}", &v), "ABA");
        assert_eq!(with("{{a}}{{x}}", &v), "A{{x}}");
        assert_eq!(with("é{{a}}日{{ b }}😀", &v), "éA日B😀");
    }

    #[test]
    fn template_values_are_not_rendered_again() {
        assert_eq!(with("{{a}}{{b}}", &[("a", "{{b}}"), ("b", "{{a}}")]), "{{b}}{{a}}");
        assert_eq!(with("{{{a}}}", &[("a", "{b}")]), "{{b}}");
    }

    #[test]
    fn template_allocates_exactly_once() {
        let mut names = Names::new();
        let t = Template::parse("x{{a}}y{{ b }}z", &mut names);
        for values in [[Some("1234"), None], [None, None], [Some(""), Some("")]] {
            let out = t.fill(&values);
            assert_eq!(out.len(), out.capacity());
        }
    }

    #[test]
    fn template_parse_is_linear() {
        // Quadratic behaviour would take hours on these.
        for unit in ["{", "{{", "{{ ", "{{a", "{{a ", "{{{a", "{{a}"] {
            let source = unit.repeat(4_000_000 / unit.len());
            let mut names = Names::new();
            assert!(Template::parse(&source, &mut names).is_literal());
            let long = format!("{unit}{}", " ".repeat(1 << 20));
            assert!(Template::parse(&long, &mut names).is_literal());
        }
    }

    /// Pieces that collide with the grammar far more often than random text.
    fn braces() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just("{".to_owned()),
                Just("{{".to_owned()),
                Just("}}".to_owned()),
                Just("}".to_owned()),
                Just(" ".to_owned()),
                Just("a".to_owned()),
                Just("b.c".to_owned()),
                Just("{{a}}".to_owned()),
                Just("{{ b }}".to_owned()),
                Just("é".to_owned()),
                any::<char>().prop_map(String::from)
            ],
            0..40,
        )
        .prop_map(|v| v.concat())
    }

    /// The grammar as a regular expression, replaced from left to right.
    fn naive(source: &str, value: impl Fn(&str) -> String) -> String {
        let re = regex::Regex::new(r"\{\{[\t\n\x0b\x0c\r ]*([A-Za-z_][A-Za-z0-9_.-]*)[\t\n\x0b\x0c\r ]*\}\}")
            .unwrap();
        re.replace_all(source, |c: &regex::Captures<'_>| value(&c[1])).into_owned()
    }

    proptest! {
        #[test]
        fn template_keeps_any_source(source in prop_oneof![any::<String>(), braces()]) {
            let mut names = Names::new();
            let t = Template::parse(&source, &mut names);
            prop_assert_eq!(t.fill(&[]), source.clone());
            prop_assert_eq!(t.fill(&vec![None; names.len()]), source.clone());
            prop_assert_eq!(t.source(), source);
        }

        #[test]
        fn template_equals_naive_replacement(source in braces(), values in proptest::collection::vec(braces(), 50)) {
            let mut names = Names::new();
            let t = Template::parse(&source, &mut names);
            let given: Vec<_> = (0..names.len()).map(|i| Some(values[i % 50].as_str())).collect();
            let expected = naive(&source, |n| given[names.get(n).unwrap()].unwrap().to_owned());
            prop_assert_eq!(t.fill(&given), expected);
        }

        #[test]
        fn template_never_renders_a_value(text in "[a-z ]{0,20}", value in braces()) {
            let source = format!("{text}{{{{a}}}}{text}");
            prop_assert_eq!(with(&source, &[("a", &value), ("b.c", "LEAK")]), format!("{text}{value}{text}"));
        }
    }
}
