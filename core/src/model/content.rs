//! The tuple that decides a model's output. Change any element and it is another version.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chat::ChatTemplate;
use super::template::{Names, Template};
use crate::error::{Error, Result};

/// The content of a prompt version: text or chat messages, model, parameters, tools, response schema.
///
/// Two contents are the same if and only if their canonical JSON is. An absent element and an empty one
/// (`params: {}`, `tools: []`) mean the same to a model, so they are the same content.
///
/// # Examples
/// ```
/// use trialplate::Content;
/// let content = Content::text("Extract the parties from: {{document}}")
///     .model("claude-sonnet-4-6")
///     .param("temperature", 0.0);
/// assert_eq!(content.params()["temperature"], 0.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    #[serde(default)]
    model: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    params: Map<String, Value>,
    prompt: Value,
    #[serde(default)]
    response_schema: Option<Value>,
    #[serde(default)]
    tools: Option<Value>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Content {
    /// A text prompt.
    pub fn text(prompt: impl Into<String>) -> Content {
        Content::of(Value::String(prompt.into()))
    }

    /// A chat prompt: a list of messages and placeholders (`{"type": "placeholder", "name": …}`).
    pub fn chat(messages: Vec<Value>) -> Content {
        Content::of(Value::Array(messages))
    }

    fn of(prompt: Value) -> Content {
        Content { model: None, params: Map::new(), prompt, response_schema: None, tools: None }
    }

    /// Sets the model's name.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Content {
        self.model = Some(model.into());
        self
    }

    /// Sets one parameter, such as `temperature`.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Content {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Sets the tools that the model may call, as a JSON list.
    #[must_use]
    pub fn tools(mut self, tools: Value) -> Content {
        self.tools = Some(tools);
        self
    }

    /// Sets the JSON Schema that an output must satisfy.
    #[must_use]
    pub fn response_schema(mut self, schema: Value) -> Content {
        self.response_schema = Some(schema);
        self
    }

    /// The text (a JSON string) or the messages (a JSON list), as published.
    pub fn prompt(&self) -> &Value {
        &self.prompt
    }

    /// The model's name.
    pub fn model_name(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The parameters.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// The tools.
    pub fn tool_list(&self) -> Option<&Value> {
        self.tools.as_ref()
    }

    /// The JSON Schema that an output must satisfy.
    pub fn schema(&self) -> Option<&Value> {
        self.response_schema.as_ref()
    }

    /// Checks the shape and brings absent and empty to one form.
    pub(crate) fn normalised(mut self) -> Result<Content> {
        let invalid = |reason: &str| Err(Error::InvalidContent { reason: reason.to_owned() });
        if self.model.as_deref().is_some_and(|m| m.trim() != m || m.is_empty()) {
            return invalid("model must be a name without white space at either end, or absent");
        }
        self.tools =
            self.tools.filter(|tools| !tools.is_null() && tools.as_array().is_none_or(|t| !t.is_empty()));
        if self.tools.as_ref().is_some_and(|tools| !tools.is_array()) {
            return invalid("tools must be a list");
        }
        self.response_schema = self.response_schema.filter(|schema| !schema.is_null());
        if self.response_schema.as_ref().is_some_and(|schema| !schema.is_object() && !schema.is_boolean()) {
            return invalid("response_schema must be a JSON Schema: an object");
        }
        Ok(self)
    }
}

/// A content's prompt, parsed once to be rendered many times.
#[derive(Debug)]
pub(crate) enum Body {
    Text(Template),
    Chat(ChatTemplate),
}

impl Body {
    /// Parses the prompt; `Names` holds its variables in the order of their first appearance.
    pub(crate) fn parse(prompt: &Value) -> Result<(Body, Names)> {
        let mut names = Names::default();
        let body = match prompt {
            Value::String(text) => Body::Text(Template::parse(text, &mut names)),
            Value::Array(_) => Body::Chat(ChatTemplate::parse(prompt, &mut names)?),
            _ => {
                let reason = "a prompt is text or a list of messages".to_owned();
                return Err(Error::InvalidContent { reason });
            }
        };
        Ok((body, names))
    }
}
