//! The files of a folder, and what each says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::NonFiniteFloatPolicy;
use trialplate::Content;

use crate::fail::{Failure, Result};
use crate::input;

/// A prompt's file.
pub(super) struct File {
    /// The path below the folder without its ending, folders by `/`.
    pub(super) name: String,
    /// The path for messages.
    pub(super) shown: String,
    /// What the store hashes.
    pub(super) content: Content,
    /// The arguments of `publish`, without the name.
    pub(super) arguments: Map<String, Value>,
}

impl File {
    /// An error that names the file and the line.
    pub(super) fn refuse(&self, line: usize, reason: &str) -> Failure {
        input::bad(&self.shown, line, reason)
    }

    /// Why the version exists, as the file says.
    pub(super) fn message(&self) -> Option<&str> {
        self.arguments.get("message").and_then(Value::as_str)
    }
}

/// What a folder holds.
pub(super) struct Found {
    /// In the order of their names.
    pub(super) files: Vec<File>,
    /// Files that are none of a prompt.
    pub(super) skipped: Vec<String>,
}

/// Reads every prompt file below a folder. Hidden files and folders are passed over.
pub(super) fn read(dir: &Path) -> Result<Found> {
    let mut paths = Vec::new();
    walk(dir, &mut paths)?;
    let (mut files, mut skipped) = (BTreeMap::<String, File>::new(), Vec::new());
    for path in paths {
        let shown = path.display().to_string();
        let Some(read) = reader(&path) else {
            skipped.push(shown);
            continue;
        };
        let name =
            name(dir, &path).ok_or_else(|| input::bad(&shown, 1, "the file's name is not UTF-8 text"))?;
        let bytes = std::fs::read(&path).map_err(|e| Failure::file(&*shown, e))?;
        let arguments = read(input::utf8(bytes, &shown)?, &shown)?;
        let file = File { content: content(&arguments, &shown)?, name, shown, arguments };
        if let Some(other) = files.get(&file.name) {
            let reason = format!("{} is the prompt {} as well; keep one of them", other.shown, file.name);
            return Err(file.refuse(1, &reason));
        }
        files.insert(file.name.clone(), file);
    }
    skipped.sort();
    Ok(Found { files: files.into_values().collect(), skipped })
}

fn walk(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |e| Failure::file(dir.display().to_string(), e);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link to a folder is not followed: it might lead back up.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), paths)?;
        } else if entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(())
}

/// The prompt's name: the path below the folder without its ending.
fn name(dir: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(dir).ok()?.with_extension("");
    let steps: Option<Vec<&str>> = below.iter().map(|step| step.to_str()).collect();
    Some(steps?.join("/"))
}

type Reader = fn(String, &str) -> Result<Map<String, Value>>;

fn reader(path: &Path) -> Option<Reader> {
    match path.extension()?.to_str()? {
        "prompt" => Some(dotprompt),
        "txt" | "md" => Some(plain),
        "json" => Some(arguments),
        _ => None,
    }
}

fn plain(text: String, _: &str) -> Result<Map<String, Value>> {
    Ok(Map::from_iter([("prompt".to_owned(), input::without_last_newline(text).into())]))
}

/// The members that a file may give; the name is the file's path and the labels are apply's own flag.
const MEMBERS: [&str; 8] =
    ["prompt", "model", "params", "tools", "response_schema", "message", "author", "tags"];

fn arguments(text: String, shown: &str) -> Result<Map<String, Value>> {
    let Value::Object(arguments) = input::parse(&text, shown)? else {
        return Err(input::bad(
            shown,
            1,
            "it must be an object, such as {\"prompt\": \"...\", \"model\": \"...\"}",
        ));
    };
    match arguments.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        None => Ok(arguments),
        Some(key) => {
            let line = 1 + text.lines().position(|line| line.contains(&format!("\"{key}\""))).unwrap_or(0);
            let reason =
                format!("there is no member {key} in a prompt's file; there are {}", MEMBERS.join(", "));
            Err(input::bad(shown, line, &reason))
        }
    }
}

/// What stands between the two lines of `---`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    model: Option<String>,
    #[serde(alias = "config")]
    params: Option<Map<String, Value>>,
    tools: Option<Vec<Value>>,
    response_schema: Option<Value>,
    output: Option<Output>,
    tags: Option<Vec<String>>,
    message: Option<String>,
    author: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    schema: Option<Value>,
    /// What dotprompt writes beside a schema; the schema says it already.
    #[allow(dead_code)]
    format: Option<String>,
}

fn dotprompt(text: String, shown: &str) -> Result<Map<String, Value>> {
    let text = input::without_last_newline(text);
    let Some((head, body)) = front_matter(&text, shown)? else { return plain(text, shown) };
    let options = serde_saphyr::options! { strict_booleans: true, non_finite_float_policy: NonFiniteFloatPolicy::Reject };
    let front = match head.trim().is_empty() {
        true => FrontMatter::default(),
        false => serde_saphyr::from_str_with_options::<Option<FrontMatter>>(head, options)
            .map_err(|e| {
                // The line of `---` stands above.
                let line = e.location().map_or(1, |at| 1 + usize::try_from(at.line()).unwrap_or(0));
                input::bad(shown, line, &e.without_snippet().to_string())
            })?
            .unwrap_or_default(),
    };
    let schema = match (front.response_schema, front.output.and_then(|output| output.schema)) {
        (Some(_), Some(_)) => {
            return Err(input::bad(shown, 1, "give response_schema or output.schema, not both"));
        }
        (schema, output) => schema.or(output),
    };
    let given = json!({
        "prompt": body, "model": front.model, "params": front.params, "tools": front.tools,
        "response_schema": schema, "tags": front.tags, "message": front.message, "author": front.author,
    });
    match given {
        Value::Object(given) => Ok(given.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => Ok(Map::new()),
    }
}

/// The text between the two lines of `---` at the top, and the text below them.
fn front_matter<'t>(text: &'t str, shown: &str) -> Result<Option<(&'t str, &'t str)>> {
    let is_mark = |line: &str| line.trim_end() == "---";
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_mark(line)) else { return Ok(None) };
    let mut end = first.len();
    for line in lines {
        if is_mark(line) {
            return Ok(Some((&text[first.len()..end], &text[end + line.len()..])));
        }
        end += line.len();
    }
    Err(input::bad(shown, 1, "the front matter that begins here never ends; close it with a line of ---"))
}

/// The content of a file's arguments: the members that are part of it.
fn content(arguments: &Map<String, Value>, shown: &str) -> Result<Content> {
    let part = |(key, _): &(&String, &Value)| !matches!(key.as_str(), "message" | "author" | "tags");
    let content = arguments.iter().filter(part).map(|(key, value)| (key.clone(), value.clone()));
    serde_json::from_value(Value::Object(content.collect())).map_err(|e| input::bad(shown, 1, &e.to_string()))
}
