//! The registry's verbs.

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};
use trialplate::Selector;

use super::pair;
use crate::fail::{Failure, Result};
use crate::input;

#[derive(Args, Serialize)]
pub(crate) struct Name {
    /// The name
    name: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Versions {
    /// The name
    name: String,
    /// Only what came after the version of this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u32>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

#[derive(Args, Serialize)]
pub(crate) struct NameLabel {
    /// The prompt
    name: String,
    /// The label
    label: String,
}

#[derive(Args)]
pub(crate) struct Publish {
    /// The prompt; `/` makes folders
    name: String,
    /// `-` reads the text from stdin
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    stdin: Option<String>,
    /// The text itself
    #[arg(long, group = "source", conflicts_with = "stdin")]
    text: Option<String>,
    /// A file that holds the text
    #[arg(long, value_name = "FILE", group = "source", conflicts_with = "stdin")]
    from_file: Option<String>,
    /// A JSON file that holds the list of messages
    #[arg(long, value_name = "FILE", group = "source", conflicts_with = "stdin")]
    chat: Option<String>,
    /// The model
    #[arg(long)]
    model: Option<String>,
    /// A parameter, as JSON or else as text; may be given again
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// All parameters as a JSON object, or a file that holds it; --param adds to them
    #[arg(long, value_name = "JSON|FILE")]
    params: Option<String>,
    /// The tools as a JSON list, or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    tools: Option<String>,
    /// The JSON Schema of a good output, or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    schema: Option<String>,
    /// Why this version exists
    #[arg(short, long)]
    message: Option<String>,
    /// Who wrote it, if it is not the actor
    #[arg(long)]
    author: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The number of the version it was derived from
    #[arg(long, value_name = "NUMBER")]
    parent: Option<u32>,
    /// A label that moves to it in the same transaction; may be given again
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
}

impl Publish {
    pub(crate) fn arguments(self) -> Result<Value> {
        let prompt = match (self.text, self.from_file, self.chat, self.stdin) {
            (Some(text), ..) => Value::from(text),
            (_, Some(file), ..) => Value::from(input::text_file(&file)?),
            (_, _, Some(file), _) => input::json_file(&file)?,
            (.., Some(dash)) => Value::from(input::text_file(&dash)?),
            (None, None, None, None) => {
                return Err(Failure::usage(
                    "say where the text is: --text TEXT, --from-file FILE, --chat FILE or - for stdin",
                ));
            }
        };
        let mut params = self.params.as_deref().map(|given| input::json("--params", given)).transpose()?;
        if !self.param.is_empty() {
            match params.get_or_insert_with(|| json!({})) {
                Value::Object(params) => {
                    params.extend(self.param.into_iter().map(|(name, value)| (name, input::lenient(value))));
                }
                _ => {
                    return Err(Failure::usage("--params takes a JSON object, such as {\"temperature\": 0}"));
                }
            }
        }
        let tools = self.tools.as_deref().map(|given| input::json("--tools", given)).transpose()?;
        let schema = self.schema.as_deref().map(|given| input::json("--schema", given)).transpose()?;
        Ok(json!({
            "name": self.name, "prompt": prompt, "model": self.model, "params": params, "tools": tools,
            "response_schema": schema, "message": self.message, "author": self.author, "parent": self.parent,
            "tags": self.tags, "labels": self.labels,
        }))
    }
}

#[derive(Args)]
pub(crate) struct Get {
    /// NAME, NAME@label, NAME:3 or NAME#b3:...
    #[arg(required_unless_present = "name")]
    prompt: Option<String>,
    /// The prompt's name exactly as it is, for one that ends like a selector
    #[arg(long, conflicts_with = "prompt")]
    name: Option<String>,
    /// The label [default: production]
    #[arg(long, conflicts_with_all = ["number", "id"])]
    label: Option<String>,
    /// The version's number
    #[arg(long = "version", id = "number", value_name = "NUMBER", conflicts_with = "id")]
    version: Option<u32>,
    /// The version's content id, or at least its first eight digits
    #[arg(long)]
    id: Option<String>,
    /// The moment at which the label pointed there, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with_all = ["number", "id"])]
    at: Option<String>,
}

impl Get {
    pub(crate) fn arguments(self) -> Result<Map<String, Value>> {
        let mut arguments = Map::new();
        let mut put = |key: &str, value: Value| arguments.insert(key.to_owned(), value);
        let name = match (self.prompt, self.name) {
            (Some(prompt), _) => {
                let (name, selector) = split(&prompt)?;
                if selector.is_some() && (self.label.is_some() || self.version.is_some() || self.id.is_some())
                {
                    return Err(Failure::usage(
                        "the name says which version already; leave out --label, --version and --id, or give the name with --name",
                    ));
                }
                match selector {
                    Some(Selector::Label(label)) => put("label", label.into_owned().into()),
                    Some(Selector::Number(number)) => put("version", number.into()),
                    Some(Selector::Id(id)) => put("id", id.to_string().into()),
                    _ => None,
                };
                name.to_owned()
            }
            (None, name) => name.unwrap_or_default(),
        };
        put("name", name.into());
        for (key, value) in [("label", self.label), ("id", self.id), ("at", self.at)] {
            value.and_then(|value| put(key, value.into()));
        }
        self.version.and_then(|version| put("version", version.into()));
        Ok(arguments)
    }
}

/// A name and the selector behind it. What does not end like a selector is a name.
fn split(text: &str) -> Result<(&str, Option<Selector<'static>>)> {
    // A digest may look like a number, so it is looked for first.
    if let Some(at) = text.rfind("#b3:").filter(|at| *at > 0) {
        return Ok((&text[..at], Some(text[at..].parse()?)));
    }
    for mark in ['#', '@', ':'] {
        let selector =
            text.rfind(mark).filter(|at| *at > 0).map(|at| (at, text[at..].parse::<Selector<'static>>()));
        if let Some((at, Ok(selector))) = selector {
            return Ok((&text[..at], Some(selector)));
        }
    }
    Ok((text, None))
}

#[derive(Args)]
pub(crate) struct Compile {
    #[command(flatten)]
    which: Get,
    /// A variable's value, taken as text; may be given again
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    var: Vec<(String, String)>,
    /// Values as a JSON object, or @FILE; --var adds to them
    #[arg(long, value_name = "JSON|@FILE")]
    vars: Option<String>,
    /// Whose rules: strict, partial, langfuse or langfuse-js [default: strict]
    #[arg(long)]
    mode: Option<String>,
    /// Leave what has no value as it stands (the same as --mode partial)
    #[arg(long, conflicts_with = "mode")]
    partial: bool,
}

impl Compile {
    pub(crate) fn arguments(self) -> Result<Value> {
        let mut variables =
            match self.vars.as_deref().map(|given| input::json("--vars", given)).transpose()? {
                None => Map::new(),
                Some(Value::Object(variables)) => variables,
                Some(_) => {
                    return Err(Failure::usage(
                        "--vars takes a JSON object, such as {\"document\": \"...\"}",
                    ));
                }
            };
        variables.extend(self.var.into_iter().map(|(name, value)| (name, value.into())));
        let mut arguments = self.which.arguments()?;
        arguments.insert("variables".to_owned(), variables.into());
        let mode = if self.partial { Some("partial".to_owned()) } else { self.mode };
        arguments.insert("mode".to_owned(), mode.into());
        Ok(arguments.into())
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Prompts {
    /// Only names that begin so, such as billing/
    prefix: Option<String>,
    /// Only prompts whose name, newest text, message or tags contain this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only prompts whose newest version carries this tag
    #[arg(long)]
    tag: Option<String>,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// The prompt
    name: String,
    /// From: a number, b3:..., or @label
    a: String,
    /// To: a number, b3:..., or @label
    b: String,
}

impl Diff {
    /// The arguments; `find` gives the number of the version that a label points to.
    pub(crate) fn arguments(self, find: impl Fn(&str, &str) -> Result<Value>) -> Result<Value> {
        let version = |text: &str| of_label(&self.name, text, &find);
        Ok(json!({"a": version(&self.a)?, "b": version(&self.b)?, "name": self.name}))
    }
}

/// A version where a label may be given in its place; `find` gives the number of the version it points to.
pub(crate) fn of_label(name: &str, text: &str, find: &impl Fn(&str, &str) -> Result<Value>) -> Result<Value> {
    match text.parse::<Selector<'static>>() {
        Ok(Selector::Label(label)) => find(name, &label),
        _ => Ok(text.into()),
    }
}

#[derive(Args, Serialize)]
pub(crate) struct SetLabel {
    /// The prompt
    name: String,
    /// The label
    label: String,
    /// The version: its number or b3:...
    version: String,
    /// Only if the label points to this version now; 0 if it must not be set yet
    #[arg(long, value_name = "VERSION")]
    expected: Option<String>,
    /// Why, in the label's history
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct UnsetLabel {
    /// The prompt
    name: String,
    /// The label
    label: String,
    /// Why, in the label's history
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Rollback {
    /// The prompt
    name: String,
    /// The label
    label: String,
    /// An earlier version that the label pointed to
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Why, in the label's history
    #[arg(long)]
    reason: Option<String>,
}

/// Checked here because the parser never sees a whole selector.
#[cfg(test)]
mod tests {
    use super::*;
    use trialplate::Error;

    #[test]
    fn names_and_selectors() {
        let text = |given: &str| {
            let (name, selector) = split(given).unwrap();
            (name.to_owned(), selector.map(|s| s.to_string()).unwrap_or_default())
        };
        for (given, name, selector) in [
            ("a", "a", ""),
            ("a/b@staging", "a/b", "@staging"),
            ("a:3", "a", ":3"),
            ("a:b", "a:b", ""),
            ("a:b:3", "a:b", ":3"),
            ("a@B", "a@B", ""),
            ("a#b3:12345678", "a", "#b3:12345678"),
            ("a#12345678", "a", "#b3:12345678"),
            (":3", ":3", ""),
            ("a@latest", "a", "@latest"),
        ] {
            assert_eq!(text(given), (name.to_owned(), selector.to_owned()), "{given}");
        }
        assert!(matches!(split("a#b3:12"), Err(Failure::Core(Error::InvalidId { .. }))));
    }
}
