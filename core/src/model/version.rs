//! A version of a prompt, and the labels that point to versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::content::{Body, Content};
use super::id::ContentId;
use super::name::{Label, PromptName};
use super::template::Names;
use super::time::Timestamp;
use crate::error::Result;

/// What is said about a version beside its content. None of it enters the content id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VersionFacts {
    pub(crate) name: PromptName,
    pub(crate) number: u32,
    pub(crate) id: ContentId,
    pub(crate) message: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) parent: Option<u32>,
    pub(crate) tags: Vec<String>,
}

#[derive(Debug)]
struct Inner {
    facts: VersionFacts,
    content: Content,
    body: Body,
    names: Names,
}

/// One immutable version of a prompt. Cheap to clone; safe to share between threads.
// Two levels of Arc: the outer one is made anew for each thread by the hot cache, so that a `get` on one
// thread never writes to a cache line that another thread's `get` writes to.
#[allow(clippy::redundant_allocation)]
#[derive(Debug, Clone)]
pub struct PromptVersion(Arc<Arc<Inner>>);

impl PromptVersion {
    pub(crate) fn new(facts: VersionFacts, content: Content) -> Result<PromptVersion> {
        let (body, names) = Body::parse(content.prompt())?;
        Ok(PromptVersion(Arc::new(Arc::new(Inner { facts, content, body, names }))))
    }

    /// A handle whose reference count is shared with no other thread (yet).
    pub(crate) fn for_this_thread(&self) -> PromptVersion {
        PromptVersion(Arc::new(Arc::clone(&self.0)))
    }

    /// The prompt's name.
    pub fn name(&self) -> &str {
        self.0.facts.name.as_str()
    }

    pub(crate) fn prompt_name(&self) -> &PromptName {
        &self.0.facts.name
    }

    /// 1, 2, 3 … within the prompt; never reused.
    pub fn number(&self) -> u32 {
        self.0.facts.number
    }

    /// The content id: the same content has the same id in every language, on every machine.
    pub fn id(&self) -> ContentId {
        self.0.facts.id
    }

    /// What decides the output.
    pub fn content(&self) -> &Content {
        &self.0.content
    }

    /// Why it was published.
    pub fn message(&self) -> Option<&str> {
        self.0.facts.message.as_deref()
    }

    /// Who published it.
    pub fn author(&self) -> Option<&str> {
        self.0.facts.author.as_deref()
    }

    /// When it was published.
    pub fn created_at(&self) -> Timestamp {
        self.0.facts.created_at
    }

    /// The number of the version it was derived from.
    pub fn parent(&self) -> Option<u32> {
        self.0.facts.parent
    }

    /// The tags it was published with.
    pub fn tags(&self) -> &[String] {
        &self.0.facts.tags
    }

    /// The names of the template's variables, in the order of their first appearance.
    pub fn variables(&self) -> &[Arc<str>] {
        self.0.names.as_slice()
    }

    /// The names of a chat prompt's placeholders, in order.
    pub fn placeholders(&self) -> Vec<&str> {
        match &self.0.body {
            Body::Text(_) => Vec::new(),
            Body::Chat(chat) => chat.placeholders(),
        }
    }

    /// Whether it is a chat prompt.
    pub fn is_chat(&self) -> bool {
        matches!(self.0.body, Body::Chat(_))
    }

    pub(crate) fn body(&self) -> &Body {
        &self.0.body
    }

    /// The attributes to put on a span of a call made with this version (OpenTelemetry GenAI, and our own
    /// names where the conventions have none).
    pub fn otel_attributes(&self) -> BTreeMap<String, Value> {
        let mut out = BTreeMap::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("gen_ai.prompt.name", self.name().into());
        put("gen_ai.prompt.version", self.number().to_string().into());
        put("trialplate.prompt.name", self.name().into());
        put("trialplate.prompt.version", self.number().into());
        put("trialplate.prompt.id", self.id().to_string().into());
        if let Some(model) = self.content().model_name() {
            put("gen_ai.request.model", model.into());
        }
        // The conventions' own request attributes; other parameters have no standard name.
        const REQUEST: [&str; 7] =
            ["temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty"];
        for name in REQUEST {
            if let Some(value) = self.content().params().get(name) {
                put(&format!("gen_ai.request.{name}"), value.clone());
            }
        }
        if let Some(stop) = self.content().params().get("stop_sequences") {
            put("gen_ai.request.stop_sequences", stop.clone());
        }
        out
    }
}

impl PartialEq for PromptVersion {
    fn eq(&self, other: &PromptVersion) -> bool {
        self.0.facts == other.0.facts
    }
}

impl Serialize for PromptVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (facts, content) = (&self.0.facts, &self.0.content);
        let mut out = serializer.serialize_struct("PromptVersion", 16)?;
        out.serialize_field("name", &facts.name)?;
        out.serialize_field("number", &facts.number)?;
        out.serialize_field("id", &facts.id)?;
        out.serialize_field("type", if self.is_chat() { "chat" } else { "text" })?;
        out.serialize_field("prompt", content.prompt())?;
        out.serialize_field("model", &content.model_name())?;
        out.serialize_field("params", content.params())?;
        out.serialize_field("tools", &content.tool_list())?;
        out.serialize_field("response_schema", &content.schema())?;
        let variables: Vec<&str> = self.variables().iter().map(|name| &**name).collect();
        out.serialize_field("variables", &variables)?;
        out.serialize_field("placeholders", &self.placeholders())?;
        out.serialize_field("message", &facts.message)?;
        out.serialize_field("author", &facts.author)?;
        out.serialize_field("created_at", &facts.created_at)?;
        out.serialize_field("parent", &facts.parent)?;
        out.serialize_field("tags", &facts.tags)?;
        out.end()
    }
}

/// One entry of a label's append-only history.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelMove {
    /// The prompt.
    pub prompt: PromptName,
    /// The label.
    pub label: Label,
    /// The position in the event log.
    pub seq: u64,
    /// When it moved.
    pub at: Timestamp,
    /// Who moved it.
    pub actor: Option<String>,
    /// The version it pointed to before; none if it was not set.
    pub from: Option<u32>,
    /// The version it points to since; none if it was taken off.
    pub to: Option<u32>,
    /// Why.
    pub reason: Option<String>,
    /// The id of the verdict that the move rests on.
    pub verdict: Option<ContentId>,
    /// Whether it moved back to where it had been.
    pub rollback: bool,
    /// Whether it moved against its gate's verdict, for the reason given.
    #[serde(rename = "override")]
    pub overridden: bool,
    /// Whether nobody asked for this move: the version passed the gate of a label that moves by itself.
    pub auto: bool,
}

/// A prompt at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PromptSummary {
    /// Its name.
    pub name: PromptName,
    /// The number of its newest version.
    pub latest: u32,
    /// Its labels and the versions they point to.
    pub labels: BTreeMap<Label, u32>,
    /// The labels that a gate protects.
    pub protected: Vec<Label>,
    /// The tags of its newest version.
    pub tags: Vec<String>,
    /// When its newest version was published.
    pub updated_at: Timestamp,
}
