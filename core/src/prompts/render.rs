//! Rendering: the one place that turns a version and values into what a model is sent.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::modes::{self, Mode};
use crate::codec::canonical::value_text;
use crate::error::{Error, Result};
use crate::model::content::Body;
use crate::model::version::PromptVersion;

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Compiled {
    /// A text prompt's text.
    Text(String),
    /// A chat prompt's messages.
    Chat(Vec<Value>),
}

impl Compiled {
    /// The text, if it is a text prompt.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Compiled::Text(text) => Some(text),
            Compiled::Chat(_) => None,
        }
    }
}

impl PromptVersion {
    /// Renders the prompt with the given values.
    ///
    /// One pass: a value is never rendered again, and the messages put in for a placeholder are never
    /// rendered. Null becomes the empty text, text stays as it is, anything else becomes its canonical JSON.
    /// Values that the template does not ask for are left out.
    ///
    /// # Errors
    /// `missing-variable` names every variable and placeholder without a value; `invalid-placeholder` if a
    /// placeholder's value is no list of messages; `invalid-json` for an integer that no double holds.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trialplate::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = trialplate::Store::open(dir.path().join("p.tp"))?;
    /// use serde_json::json;
    /// let v = store.publish("greeting", trialplate::Content::text("Hello {{ name }}!"), Default::default())?;
    /// let values = json!({"name": "{{name}}"});
    /// assert_eq!(v.compile(values.as_object().unwrap())?.as_text(), Some("Hello {{name}}!"));
    /// assert_eq!(v.compile(&Default::default()).unwrap_err().code(), "missing-variable");
    /// # Ok(())
    /// # }
    /// ```
    pub fn compile(&self, values: &Map<String, Value>) -> Result<Compiled> {
        self.compile_as(Mode::Strict, values)
    }

    /// Renders what has a value, and keeps the rest as it stands in the template.
    ///
    /// # Errors
    /// As [`PromptVersion::compile`], without `missing-variable`.
    pub fn compile_partial(&self, values: &Map<String, Value>) -> Result<Compiled> {
        self.compile_as(Mode::Partial, values)
    }

    /// Renders by the rules of another tool; see [`Mode`].
    ///
    /// # Errors
    /// As [`PromptVersion::compile`]; `unsupported-template` if the mode knows a construct that we don't render.
    pub fn compile_as(&self, mode: Mode, values: &Map<String, Value>) -> Result<Compiled> {
        match mode {
            Mode::Strict => self.compile_values(values, false),
            Mode::Partial => self.compile_values(values, true),
            Mode::Langfuse | Mode::LangfuseJs => {
                let value = |name: &str| values.get(name);
                Ok(match self.body() {
                    Body::Text(template) => Compiled::Text(modes::render(mode, template.source(), &value)?),
                    Body::Chat(chat) => Compiled::Chat(modes::render_chat(mode, chat, &value, &value)?),
                })
            }
        }
    }

    fn compile_values(&self, values: &Map<String, Value>, keep: bool) -> Result<Compiled> {
        let text = |name: &str| {
            values.get(name).map(|value| value_text(value).map_err(|e| e.within(name))).transpose()
        };
        let texts = self.variables().iter().map(|name| text(name));
        let texts: Vec<Option<Cow<'_, str>>> = texts.collect::<Result<_>>()?;
        let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        let placeholders = |name: &str| values.get(name);
        if !keep {
            self.check_complete(&texts, &placeholders, || values.keys().cloned().collect())?;
        }
        match self.body() {
            Body::Text(template) => Ok(Compiled::Text(template.fill(&texts))),
            Body::Chat(chat) => Ok(Compiled::Chat(chat.fill(&texts, &placeholders, keep)?)),
        }
    }

    /// Renders a text prompt from texts that stand in the order of [`PromptVersion::variables`]: what a
    /// language binding calls, so that no value is copied on the way. `None` if this is a chat prompt.
    ///
    /// # Errors
    /// `missing-variable` unless `keep`; `given` names what the caller had, for the message.
    pub fn compile_texts(
        &self,
        texts: &[Option<&str>],
        keep: bool,
        given: impl FnOnce() -> Vec<String>,
    ) -> Option<Result<String>> {
        let Body::Text(template) = self.body() else { return None };
        if !keep && let Err(e) = self.check_complete(texts, &|_| None, given) {
            return Some(Err(e));
        }
        Some(Ok(template.fill(texts)))
    }

    fn check_complete<'v>(
        &self,
        texts: &[Option<&str>],
        placeholder: &dyn Fn(&str) -> Option<&'v Value>,
        given: impl FnOnce() -> Vec<String>,
    ) -> Result<()> {
        let (variables, placeholders) = (self.variables(), self.placeholders());
        let lacking =
            variables.iter().enumerate().filter(|(i, _)| texts.get(*i).copied().flatten().is_none());
        let mut names: Vec<String> = lacking.map(|(_, name)| name.to_string()).collect();
        for name in placeholders.iter().filter(|name| placeholder(name).is_none()) {
            if !names.iter().any(|known| known == name) {
                names.push((*name).to_owned());
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let known =
            |name: &String| variables.iter().any(|v| **v == **name) || placeholders.iter().any(|p| p == name);
        let unused = given().into_iter().filter(|name| !known(name)).collect();
        Err(Error::MissingVariable { names, unused })
    }
}
