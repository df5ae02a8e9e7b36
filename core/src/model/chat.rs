//! A list of chat messages with variables and placeholders: parsed once, rendered many times.
//!
//! A *variable* stands inside a text and is filled with a text. A *placeholder* stands in the list
//! and is filled with messages, usually the conversation so far. Those come from users, so they are
//! inserted as they are and never rendered: a user who types `{{api_key}}` reads it back unchanged.

use super::template::{Names, Template, is_name};
use crate::{Error, Result};
use serde_json::{Map, Value};

/// A parsed chat prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChatTemplate {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    /// The message as it stands, with its content replaced by null where `content` makes a new one.
    Message {
        rest: Map<String, Value>,
        content: Option<Node>,
    },
    Placeholder(String),
}

/// A content with at least one text that has braces in it.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fixed(Value),
    Text(Template),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl ChatTemplate {
    /// Parses a list of messages and adds the variables to `names`.
    ///
    /// An element is a placeholder, `{"type": "placeholder", "name": NAME}` and nothing else, or a
    /// message: an object with a `role`. A `content` that is a text is a template; in a list, every
    /// text value at any depth is one, except under a `type` key. Other keys are kept and never rendered.
    ///
    /// # Errors
    ///
    /// `invalid-content`, naming the message by its 0-based index, if `messages` is not a non-empty
    /// array, an element is not an object, a `role` is missing, empty or not a text, a `content` is
    /// something else than a text, null or a list, a message has neither content nor another key
    /// than `role` and `type`, or a placeholder has other keys or a name outside of the grammar.
    pub(crate) fn parse(messages: &Value, names: &mut Names) -> Result<ChatTemplate> {
        let list = messages.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| invalid("a chat prompt is a list of at least one message"))?;
        let items = list.iter().enumerate().map(|(index, value)| item(index, value, names));
        Ok(ChatTemplate { items: items.collect::<Result<_>>()? })
    }

    /// The names of the placeholders, each once, in the order of their first appearance.
    pub(crate) fn placeholders(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for item in &self.items {
            match item {
                Item::Placeholder(name) if !names.contains(&name.as_str()) => names.push(name),
                _ => {}
            }
        }
        names
    }

    /// Renders the messages.
    ///
    /// `values[i]` belongs to variable i of the [`Names`]; `None` keeps the variable as it stands, and
    /// whether that is allowed is the caller's rule. What `placeholders` gives is inserted as it is.
    /// With `keep_missing`, a placeholder without a value stays in the list as it stands.
    ///
    /// # Errors
    ///
    /// `invalid-placeholder` if a placeholder's value is not an array of objects that each have a text
    /// as `role`; `missing-variable`, naming all of them, if placeholders have no value and
    /// `keep_missing` is not set.
    pub(crate) fn fill<'v>(
        &self,
        values: &[Option<&str>],
        placeholders: &dyn Fn(&str) -> Option<&'v Value>,
        keep_missing: bool,
    ) -> Result<Vec<Value>> {
        self.fill_with(&mut |template| Ok(template.fill(values)), placeholders, keep_missing)
    }

    /// As [`ChatTemplate::fill`], with the rendering of each text that has braces in the caller's hands.
    pub(crate) fn fill_with<'v>(
        &self,
        text: &mut dyn FnMut(&Template) -> Result<String>,
        placeholders: &dyn Fn(&str) -> Option<&'v Value>,
        keep_missing: bool,
    ) -> Result<Vec<Value>> {
        let mut out = Vec::with_capacity(self.items.len());
        let mut missing = Vec::new();
        for item in &self.items {
            match item {
                Item::Message { rest, content } => {
                    let mut message = rest.clone();
                    if let Some(content) = content {
                        message.insert("content".to_owned(), content.fill(text)?);
                    }
                    out.push(Value::Object(message));
                }
                Item::Placeholder(name) => match placeholders(name) {
                    Some(value) => out.extend_from_slice(messages_of(name, value)?),
                    None if keep_missing => out.push(placeholder(name)),
                    None if missing.contains(name) => {}
                    None => missing.push(name.clone()),
                },
            }
        }
        if missing.is_empty() {
            Ok(out)
        } else {
            Err(Error::MissingVariable { names: missing, unused: vec![] })
        }
    }
}

impl Node {
    fn parse(value: &Value, names: &mut Names) -> Node {
        let node = match value {
            // Braces that are no variable here can be one in a compatibility mode, so only a text
            // without any is fixed.
            Value::String(text) if text.contains("{{") => return Node::Text(Template::parse(text, names)),
            Value::Array(list) => Node::List(list.iter().map(|v| Node::parse(v, names)).collect()),
            Value::Object(object) => {
                let entry = |(key, value): (&String, &Value)| {
                    // The name of a part's shape (`text`, `image_url`), not a text of the prompt.
                    let fixed = key == "type";
                    let node = if fixed { Node::Fixed(value.clone()) } else { Node::parse(value, names) };
                    (key.clone(), node)
                };
                Node::Object(object.iter().map(entry).collect())
            }
            other => Node::Fixed(other.clone()),
        };
        // Without a text to render, copying the value is all there is to do.
        if node.is_fixed() { Node::Fixed(value.clone()) } else { node }
    }

    fn is_fixed(&self) -> bool {
        // Children were folded already, so one level is enough.
        match self {
            Node::Fixed(_) => true,
            Node::Text(_) => false,
            Node::List(list) => list.iter().all(|n| matches!(n, Node::Fixed(_))),
            Node::Object(object) => object.iter().all(|(_, n)| matches!(n, Node::Fixed(_))),
        }
    }

    fn fill(&self, text: &mut dyn FnMut(&Template) -> Result<String>) -> Result<Value> {
        Ok(match self {
            Node::Fixed(value) => value.clone(),
            Node::Text(template) => Value::String(text(template)?),
            Node::List(list) => Value::Array(list.iter().map(|n| n.fill(text)).collect::<Result<_>>()?),
            Node::Object(object) => {
                let entries = object.iter().map(|(key, n)| Ok((key.clone(), n.fill(text)?)));
                Value::Object(entries.collect::<Result<_>>()?)
            }
        })
    }
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidContent { reason: reason.into() }
}

fn placeholder(name: &str) -> Value {
    let entries = [("type", "placeholder"), ("name", name)];
    Value::Object(entries.into_iter().map(|(k, v)| (k.to_owned(), Value::from(v))).collect())
}

fn item(index: usize, value: &Value, names: &mut Names) -> Result<Item> {
    let refuse = |what: &str| invalid(format!("{what} message=`{index}`"));
    let object = value.as_object().ok_or_else(|| refuse("a message is an object with a role"))?;
    if object.get("type").and_then(Value::as_str) == Some("placeholder") {
        let name = object.get("name").and_then(Value::as_str).filter(|name| is_name(name));
        let name = name.ok_or_else(|| refuse("a placeholder needs a name like [A-Za-z_][A-Za-z0-9_.-]*"))?;
        if object.len() > 2 {
            return Err(refuse("a placeholder has a type and a name and no other key"));
        }
        return Ok(Item::Placeholder(name.to_owned()));
    }
    if object.get("role").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(refuse("a message needs a role that is a non-empty text"));
    }
    let content = match object.get("content") {
        Some(content @ (Value::String(_) | Value::Array(_))) => Some(Node::parse(content, names)),
        Some(Value::Null) => None,
        Some(_) => return Err(refuse("the content of a message is a text, null or a list")),
        None if object.keys().any(|key| key != "role" && key != "type") => None,
        None => return Err(refuse("a message needs content, or another key such as tool_calls")),
    };
    let mut rest = object.clone();
    let content = content.filter(|node| !matches!(node, Node::Fixed(_)));
    if content.is_some() {
        // Kept as a null, not removed: inserting the rendered content then keeps the keys' order.
        rest.insert("content".to_owned(), Value::Null);
    }
    Ok(Item::Message { rest, content })
}

fn messages_of<'v>(name: &str, value: &'v Value) -> Result<&'v [Value]> {
    let is_message = |v: &Value| v.get("role").is_some_and(Value::is_string);
    match value.as_array() {
        Some(list) if list.iter().all(is_message) => Ok(list),
        _ => Err(Error::InvalidPlaceholder { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(messages: Value) -> Result<(ChatTemplate, Vec<String>)> {
        let mut names = Names::new();
        let chat = ChatTemplate::parse(&messages, &mut names)?;
        Ok((chat, names.as_slice().iter().map(|n| n.to_string()).collect()))
    }

    fn none<'v>(_: &str) -> Option<&'v Value> {
        None
    }

    #[test]
    fn chat_template_finds_variables_everywhere_in_content() {
        let (chat, names) = parse(json!([
            {"role": "{{no}}", "content": "{{b}} {{a}}", "name": "{{no}}", "type": "chatmessage"},
            {"type": "placeholder", "name": "h"},
            {"role": "user", "content": [
                {"type": "{{no}}", "text": "{{a}} {{c}}", "{{no}}": 1},
                {"image_url": {"url": "https://{{d}}/x", "detail": ["{{e}}", 5, null]}},
                "{{f}}"
            ], "tool_calls": ["{{no}}"]},
            {"type": "placeholder", "name": "g"},
            {"type": "placeholder", "name": "h"},
        ]))
        .unwrap();
        assert_eq!(names.len(), 6, "{names:?}");
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert!(names.contains(&name.to_owned()));
        }
        assert_eq!(names[..2], ["b", "a"]);
        assert_eq!(chat.placeholders(), ["h", "g"]);
        let values: Vec<_> = names.iter().map(|n| n.to_uppercase()).collect();
        let values: Vec<_> = values.iter().map(|v| Some(v.as_str())).collect();
        let filled = chat.fill(&values, &none, true).unwrap();
        assert_eq!(
            Value::from(filled),
            json!([
                {"role": "{{no}}", "content": "B A", "name": "{{no}}", "type": "chatmessage"},
                {"type": "placeholder", "name": "h"},
                {"role": "user", "content": [
                    {"type": "{{no}}", "text": "A C", "{{no}}": 1},
                    {"image_url": {"url": "https://D/x", "detail": ["E", 5, null]}},
                    "F"
                ], "tool_calls": ["{{no}}"]},
                {"type": "placeholder", "name": "g"},
                {"type": "placeholder", "name": "h"},
            ])
        );
    }

    #[test]
    fn chat_template_refuses_what_is_no_message() {
        for (messages, says) in [
            (json!([]), "at least one"),
            (json!({}), "list"),
            (json!("x"), "list"),
            (json!([1]), "message=`0`"),
            (
                json!([{"role": "user", "content": "x"}, {"content": "x"}]),
                "role that is a non-empty text message=`1`",
            ),
            (json!([{"role": "", "content": "x"}]), "role"),
            (json!([{"role": 1, "content": "x"}]), "role"),
            (json!([{"role": "user", "content": 1}]), "content"),
            (json!([{"role": "user", "content": {"text": "x"}}]), "content"),
            (json!([{"role": "user"}]), "needs content"),
            (json!([{"role": "user", "type": "chatmessage"}]), "needs content"),
            (json!([{"type": "placeholder"}]), "name"),
            (json!([{"type": "placeholder", "name": "a b"}]), "name"),
            (json!([{"type": "placeholder", "name": 1}]), "name"),
            (json!([{"type": "placeholder", "name": "a", "role": "user"}]), "no other key"),
        ] {
            let error = parse(messages.clone()).unwrap_err();
            assert_eq!(error.code(), "invalid-content");
            assert!(error.to_string().contains(says), "{messages}: {error}");
        }
        assert!(parse(json!([{"role": "assistant", "tool_calls": []}])).is_ok());
        assert!(parse(json!([{"role": "assistant", "content": null}])).is_ok());
        assert!(parse(json!([{"role": "assistant", "content": []}])).is_ok());
    }

    #[test]
    fn chat_template_inserts_placeholders_as_they_are() {
        let (chat, _) = parse(json!([
            {"type": "placeholder", "name": "h"}, {"role": "user", "content": "{{a}}"}, {"type": "placeholder", "name": "g"}
        ]))
        .unwrap();
        let history = json!([{"role": "user", "content": "{{a}}"}, {"role": "assistant", "content": null, "tool_calls": []}]);
        let h = |name: &str| (name == "h").then_some(&history);
        let filled = Value::from(chat.fill(&[Some("A")], &h, true).unwrap());
        let expected = json!([history[0], history[1], {"role": "user", "content": "A"}, {"type": "placeholder", "name": "g"}]);
        assert_eq!(filled, expected);
        match chat.fill(&[Some("A")], &none, false) {
            Err(Error::MissingVariable { names, .. }) => assert_eq!(names, ["h", "g"]),
            other => panic!("{other:?}"),
        }
        let empty = json!([]);
        assert_eq!(chat.fill(&[Some("A")], &|_| Some(&empty), false).unwrap().len(), 1);
        for bad in [
            json!(null),
            json!("x"),
            json!({"role": "user"}),
            json!(["x"]),
            json!([{"content": "x"}]),
            json!([{"role": 1}]),
        ] {
            assert_eq!(
                chat.fill(&[None], &|_| Some(&bad), true).unwrap_err().code(),
                "invalid-placeholder",
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn chat_template_kept_is_its_source(role in "[a-z]{1,8}", text in any::<String>(), deep in "[{} a]{0,30}") {
            let messages = json!([{"role": role, "content": text}, {"role": "user", "content": [{"a": [deep]}, text], "k": deep}]);
            let (chat, _) = parse(messages.clone()).unwrap();
            prop_assert_eq!(Value::from(chat.fill(&[], &none, false).unwrap()), messages);
        }
    }
}
