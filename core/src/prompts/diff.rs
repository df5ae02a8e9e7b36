//! What changed between two contents: by structure, and by word where it is prose.
//!
//! Lists are aligned before they are compared. Without that, a message inserted at the front would
//! make every later one look changed. Equal elements are matched first (a longest common
//! subsequence); between two matches, elements that play the same part (a message's role, a tool's
//! name) are matched and compared inside; what is left over was removed or added.

use serde::Serialize;
use serde_json::{Map, Value};
use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// What a [`Change`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Only the second content has it.
    Added,
    /// Only the first content has it.
    Removed,
    /// Both have it, with different values.
    Changed,
}

/// One difference between two contents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where: `params.temperature`, `messages[1].content`, `params["odd key"]`. An index counts in the
    /// second content, except for something removed, which only the first one has.
    pub path: String,
    /// Whether it was added, removed or changed.
    pub kind: ChangeKind,
    /// The first content's value, unless it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The second content's value, unless it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// What a [`Piece`] of text is to the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceTag {
    /// In both texts.
    Equal,
    /// Only in the second text.
    Insert,
    /// Only in the first text.
    Delete,
}

/// A run of words that are all equal, all inserted or all deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// To which of the two texts it belongs.
    pub tag: PieceTag,
    /// The words, with the white space between them.
    pub text: String,
}

/// The word diff of one changed text.
///
/// The equal and deleted pieces together are the first text, the equal and inserted ones the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    /// The path of the [`Change`] that it details.
    pub path: String,
    /// The pieces in order; no two neighbours have the same tag.
    pub hunks: Vec<Piece>,
}

/// Every difference between two contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ContentDiff {
    /// What was added, removed and changed, keys in alphabetical order, lists in theirs.
    pub changes: Vec<Change>,
    /// A word diff for each change from one prose text to another.
    pub text: Vec<TextDiff>,
}

/// Compares two contents: objects with `model`, `params`, `prompt`, `response_schema` and `tools`.
///
/// A null and a missing key are the same at the top level and different below. Numbers are compared as
/// the content id does, so `1` and `1.0` are equal. A text prompt's path is `prompt`, those of a chat
/// prompt begin with `messages`; a change from one to the other is one change of `prompt`.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use trialplate::diff_content;
///
/// let a = json!({"prompt": "Be kind.", "params": {"temperature": 0.2}});
/// let b = json!({"prompt": "Be brief.", "params": {"temperature": 0.7}});
/// let diff = diff_content(&a, &b);
/// assert_eq!(diff.changes[0].path, "params.temperature");
/// assert_eq!(
///     diff.to_unified(),
///     "~ params.temperature: [-0.2-]{+0.7+}\n~ prompt\n    Be [-kind-]{+brief+}.\n"
/// );
/// ```
pub fn diff_content(a: &Value, b: &Value) -> ContentDiff {
    let mut diff = ContentDiff::default();
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        diff.value("", a, b);
        return diff;
    };
    for key in keys(a, b) {
        let present = |object: &'_ Map<String, Value>| object.get(key).filter(|v| !v.is_null()).cloned();
        let (a, b) = (present(a), present(b));
        let is_list = |v: &Option<Value>| v.as_ref().is_none_or(Value::is_array);
        let chat = key == "prompt" && is_list(&a) && is_list(&b);
        let path = if chat { "messages".to_owned() } else { step("", key) };
        diff.entry(path, a.as_ref(), b.as_ref());
    }
    diff
}

impl ContentDiff {
    /// Whether the two contents are the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The diff for a terminal: one line per change, and under a changed text its words with the marks
    /// of git's word diff, `[-old-]{+new+}`. Long unchanged stretches are shortened to `...`.
    pub fn to_unified(&self) -> String {
        let texts: HashMap<&str, &TextDiff> = self.text.iter().map(|t| (t.path.as_str(), t)).collect();
        let show = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        let mut out = String::new();
        for change in &self.changes {
            let Change { path, kind, from, to } = change;
            let line = match (kind, texts.get(path.as_str())) {
                (ChangeKind::Added, _) => format!("+ {path}: {}\n", show(to)),
                (ChangeKind::Removed, _) => format!("- {path}: {}\n", show(from)),
                (ChangeKind::Changed, None) => format!("~ {path}: [-{}-]{{+{}+}}\n", show(from), show(to)),
                (ChangeKind::Changed, Some(text)) => format!("~ {path}\n{}", text.to_marked()),
            };
            out.push_str(&line);
        }
        out
    }

    fn push(&mut self, path: String, kind: ChangeKind, from: Option<&Value>, to: Option<&Value>) {
        self.changes.push(Change { path, kind, from: from.cloned(), to: to.cloned() });
    }

    fn entry(&mut self, path: String, a: Option<&Value>, b: Option<&Value>) {
        match (a, b) {
            (Some(a), Some(b)) => self.value(&path, a, b),
            (None, Some(_)) => self.push(path, ChangeKind::Added, a, b),
            (Some(_), None) => self.push(path, ChangeKind::Removed, a, b),
            (None, None) => {}
        }
    }

    fn value(&mut self, path: &str, a: &Value, b: &Value) {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                for key in keys(a, b) {
                    self.entry(step(path, key), a.get(key), b.get(key));
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                for pair in align(a, b) {
                    match pair {
                        (Some(i), Some(j)) => self.value(&format!("{path}[{j}]"), &a[i], &b[j]),
                        (Some(i), None) => self.entry(format!("{path}[{i}]"), a.get(i), None),
                        (_, j) => self.entry(
                            format!("{path}[{}]", j.unwrap_or_default()),
                            None,
                            j.and_then(|j| b.get(j)),
                        ),
                    }
                }
            }
            _ if a == b => {}
            // 1 and 1.0 are one number in canonical JSON, and so in the content id.
            (Value::Number(x), Value::Number(y))
                if (x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64() => {}
            _ => {
                if let (Value::String(a), Value::String(b)) = (a, b) {
                    let prompt = path == "prompt" || path.starts_with("messages[");
                    if prompt || a.contains(char::is_whitespace) || b.contains(char::is_whitespace) {
                        self.text.push(TextDiff { path: path.to_owned(), hunks: words(a, b) });
                    }
                }
                self.push(path.to_owned(), ChangeKind::Changed, Some(a), Some(b));
            }
        }
    }
}

impl TextDiff {
    fn to_marked(&self) -> String {
        let mut text = String::new();
        for (i, Piece { tag, text: piece }) in self.hunks.iter().enumerate() {
            match tag {
                PieceTag::Equal => text.push_str(&shorten(piece, i == 0, i + 1 == self.hunks.len())),
                PieceTag::Insert => text.push_str(&format!("{{+{piece}+}}")),
                PieceTag::Delete => text.push_str(&format!("[-{piece}-]")),
            }
        }
        text.split('\n').map(|line| format!("    {line}\n")).collect()
    }
}

/// Keeps the three lines next to a change and leaves the middle out.
fn shorten(text: &str, first: bool, last: bool) -> String {
    const CONTEXT: usize = 3;
    let lines: Vec<&str> = text.split('\n').collect();
    // The line that a change shares is context too, and `...` must save more than it costs.
    let head = if first { 0 } else { CONTEXT + 1 };
    let tail = if last { 0 } else { CONTEXT + 1 };
    if lines.len() <= head + tail + 1 {
        return text.to_owned();
    }
    let kept = [&lines[..head], &["..."], &lines[lines.len() - tail..]];
    kept.concat().join("\n")
}

fn keys<'a>(a: &'a Map<String, Value>, b: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    a.keys().chain(b.keys()).map(String::as_str).collect()
}

fn step(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{}]", Value::from(key)),
    }
}

fn words(a: &str, b: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for change in similar::TextDiff::from_unicode_words(a, b).iter_all_changes() {
        let tag = match change.tag() {
            ChangeTag::Equal => PieceTag::Equal,
            ChangeTag::Insert => PieceTag::Insert,
            ChangeTag::Delete => PieceTag::Delete,
        };
        match pieces.last_mut() {
            Some(last) if last.tag == tag => last.text.push_str(change.value()),
            _ => pieces.push(Piece { tag, text: change.value().to_owned() }),
        }
    }
    pieces
}

type Pair = (Option<usize>, Option<usize>);
/// What to do with the elements between two matches.
type Gap<'a> = dyn FnMut(Range<usize>, Range<usize>, &mut Vec<Pair>) + 'a;

/// Matches the elements of two lists, in order; every index of both appears exactly once.
fn align(a: &[Value], b: &[Value]) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(a.len().max(b.len()));
    let keys = |list: &[Value]| list.iter().map(Value::to_string).collect::<Vec<_>>();
    match_keys(&keys(a), &keys(b), 0, 0, &mut pairs, &mut |x, y, pairs| {
        let part = |list: &[Value], range: &Range<usize>, side: char| {
            let at = |i: usize| part(&list[i]).unwrap_or_else(|| format!("{side}{i}"));
            range.clone().map(at).collect::<Vec<_>>()
        };
        match_keys(&part(a, &x, 'a'), &part(b, &y, 'b'), x.start, y.start, pairs, &mut |x, y, pairs| {
            if x.len() == y.len() {
                pairs.extend(x.zip(y).map(|(i, j)| (Some(i), Some(j))));
            } else {
                pairs.extend(x.map(|i| (Some(i), None)));
                pairs.extend(y.map(|j| (None, Some(j))));
            }
        });
    });
    pairs
}

/// Pairs elements of equal keys along a common subsequence and hands each gap between them to `gap`.
/// The ranges are those of the whole lists, in which the keys begin at `from_a` and `from_b`.
fn match_keys(
    a: &[String],
    b: &[String],
    from_a: usize,
    from_b: usize,
    pairs: &mut Vec<Pair>,
    gap: &mut Gap<'_>,
) {
    let (mut at_a, mut at_b) = (from_a, from_b);
    for op in capture_diff_slices(Algorithm::Myers, a, b) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            let (i, j) = (from_a + old_index, from_b + new_index);
            gap(at_a..i, at_b..j, pairs);
            pairs.extend((0..len).map(|k| (Some(i + k), Some(j + k))));
            (at_a, at_b) = (i + len, j + len);
        }
    }
    gap(at_a..from_a + a.len(), at_b..from_b + b.len(), pairs);
}

/// The part that an element plays in its list, if it says so.
fn part(value: &Value) -> Option<String> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    if let Some(role) = text("/role") {
        return Some(format!("role {role} {}", text("/name").unwrap_or_default()));
    }
    let name = text("/name").or_else(|| text("/function/name"));
    name.map(|name| format!("name {name}")).or_else(|| text("/type").map(|kind| format!("type {kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn lines(a: Value, b: Value) -> Vec<String> {
        diff_content(&a, &b).to_unified().lines().map(str::to_owned).collect()
    }

    fn m(role: &str, content: &str) -> Value {
        json!({"role": role, "content": content})
    }

    #[test]
    fn diff_names_what_changed() {
        let a = json!({"model": "m-1", "params": {"temperature": 0.2, "stop": ["a", "b"], "top_p": 1, "a.b": 1}, "prompt": "x", "tools": null});
        let b = json!({"model": "m-2", "params": {"temperature": 0.7, "stop": ["a", "c"], "seed": null, "top_p": 1.0}, "prompt": "x"});
        assert_eq!(
            lines(a.clone(), b),
            [
                r#"~ model: [-"m-1"-]{+"m-2"+}"#,
                r#"- params["a.b"]: 1"#,
                "+ params.seed: null",
                r#"~ params.stop[1]: [-"b"-]{+"c"+}"#,
                "~ params.temperature: [-0.2-]{+0.7+}",
            ]
        );
        assert!(diff_content(&a, &a).is_empty());
    }

    #[test]
    fn diff_aligns_messages() {
        let a = json!({"prompt": [m("system", "Be kind."), m("user", "one"), m("user", "two")]});
        let b = json!({"prompt": [m("system", "Be very kind."), m("user", "zero"), m("user", "one"), m("user", "two")]});
        assert_eq!(
            lines(a.clone(), b.clone()),
            [
                "~ messages[0].content",
                "    Be {+very +}kind.",
                r#"+ messages[1]: {"content":"zero","role":"user"}"#
            ]
        );
        let back = diff_content(&b, &a);
        assert_eq!(back.changes[1].path, "messages[1]");
        assert_eq!(back.changes[1].kind, ChangeKind::Removed);
        // A role is a part: the message in front is new, the one behind is the changed one.
        let a = json!({"prompt": [m("user", "first text")]});
        let b = json!({"prompt": [m("system", "new"), m("user", "second text")]});
        assert_eq!(
            lines(a.clone(), b),
            [
                r#"+ messages[0]: {"content":"new","role":"system"}"#,
                "~ messages[1].content",
                "    [-first-]{+second+} text"
            ]
        );
        let b = json!({"prompt": [m("developer", "first text")]});
        assert_eq!(lines(a.clone(), b), ["~ messages[0].role", "    [-user-]{+developer+}"]);
        assert_eq!(diff_content(&a, &json!({"prompt": "text"})).changes[0].path, "prompt");
    }

    #[test]
    fn diff_aligns_tools_by_name() {
        let tool = |name: &str, about: &str| json!({"type": "function", "function": {"name": name, "description": about}});
        let a = json!({"tools": [tool("a", "does a"), tool("b", "does b")]});
        let b = json!({"tools": [tool("c", "does c"), tool("b", "does more")]});
        let paths: Vec<_> = diff_content(&a, &b).changes.into_iter().map(|c| c.path).collect();
        assert_eq!(
            paths,
            ["tools[0].function.description", "tools[0].function.name", "tools[1].function.description"]
        );
    }

    #[test]
    fn diff_shortens_long_equal_stretches() {
        let long: String = (0..50).map(|i| format!("line {i}\n")).collect();
        let text = lines(json!({"prompt": format!("a\n{long}z")}), json!({"prompt": format!("b\n{long}y")}));
        assert_eq!(
            text,
            [
                "~ prompt",
                "    [-a-]{+b+}",
                "    line 0",
                "    line 1",
                "    line 2",
                "    ...",
                "    line 47",
                "    line 48",
                "    line 49",
                "    [-z-]{+y+}"
            ]
        );
    }

    #[test]
    fn diff_serializes() {
        let diff = diff_content(&json!({"prompt": "a b"}), &json!({"prompt": "a c", "model": "m"}));
        assert_eq!(
            serde_json::to_value(&diff).unwrap(),
            json!({
                "changes": [
                    {"path": "model", "kind": "added", "to": "m"},
                    {"path": "prompt", "kind": "changed", "from": "a b", "to": "a c"}
                ],
                "text": [{"path": "prompt", "hunks": [
                    {"tag": "equal", "text": "a "}, {"tag": "delete", "text": "b"}, {"tag": "insert", "text": "c"}
                ]}]
            })
        );
    }

    #[test]
    fn diff_of_two_large_unrelated_texts_is_bounded() {
        let text = |seed: u64| {
            let mut x = seed;
            let mut word = || {
                x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                format!("w{} ", (x >> 33) % 5000)
            };
            (0..20_000).map(|_| word()).collect::<String>()
        };
        let (a, b) = (text(1), text(2));
        let started = std::time::Instant::now();
        assert!(!words(&a, &b).is_empty());
        // Far above what it takes, far below what a quadratic search of texts this long would.
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    fn join(pieces: &[Piece], without: PieceTag) -> String {
        pieces.iter().filter(|p| p.tag != without).map(|p| p.text.as_str()).collect()
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[ab é\n.]{0,40}"]
    }

    proptest! {
        #[test]
        fn diff_pieces_give_both_texts(a in text(), b in text()) {
            let pieces = words(&a, &b);
            prop_assert_eq!(join(&pieces, PieceTag::Insert), a);
            prop_assert_eq!(join(&pieces, PieceTag::Delete), b);
            prop_assert!(pieces.windows(2).all(|w| w[0].tag != w[1].tag));
        }

        #[test]
        fn diff_align_takes_every_element_once(a in proptest::collection::vec(0..12u8, 0..12), b in proptest::collection::vec(0..12u8, 0..12)) {
            let list = |v: &[u8]| v.iter().map(|n| m(["user", "system", "assistant"][*n as usize % 3], &n.to_string())).collect::<Vec<_>>();
            let pairs = align(&list(&a), &list(&b));
            let left: Vec<_> = pairs.iter().filter_map(|p| p.0).collect();
            let right: Vec<_> = pairs.iter().filter_map(|p| p.1).collect();
            prop_assert_eq!(left, (0..a.len()).collect::<Vec<_>>());
            prop_assert_eq!(right, (0..b.len()).collect::<Vec<_>>());
            let diff = diff_content(&json!({"prompt": list(&a)}), &json!({"prompt": list(&b)}));
            prop_assert_eq!(diff.is_empty(), a == b);
            diff.to_unified();
        }
    }
}
