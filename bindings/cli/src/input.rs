//! Text and JSON from flags, files and stdin.

use std::io::Read;

use serde_json::Value;
use trialplate::Error;

use crate::fail::{Failure, Result};

/// What stdin is called in messages.
const STDIN: &str = "stdin";

/// The whole of a file, or of stdin for `-`; and its name for messages.
fn read(file: &str) -> Result<(String, &str)> {
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let name = if file == "-" { STDIN } else { file };
    let bytes = bytes.map_err(|e| Failure::file(name, e))?;
    Ok((utf8(bytes, name)?, name))
}

/// Text, or the line where it stops being text.
pub(crate) fn utf8(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        bad(name, line, "it is not UTF-8 text")
    })
}

/// Content that can't be read, by file and line.
pub(crate) fn bad(name: &str, line: usize, reason: &str) -> Failure {
    Error::InvalidJson { reason: reason.to_owned(), at: format!("{name}:{line}") }.into()
}

/// A text without the newline that ends its file.
pub(crate) fn without_last_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// A prompt's text from a file.
pub(crate) fn text_file(file: &str) -> Result<String> {
    Ok(without_last_newline(read(file)?.0))
}

/// JSON from a file.
pub(crate) fn json_file(file: &str) -> Result<Value> {
    let (text, name) = read(file)?;
    parse(&text, name)
}

/// JSON text from a file, with the line at fault if it is none.
pub(crate) fn parse(text: &str, name: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| bad(name, e.line(), &format!("it is not JSON: {}", cause(&e))))
}

/// The parser's reason without its own "at line 1 column 2".
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

/// JSON that stands in a flag, or in the file that the flag names (`FILE`, `@FILE` or `-`).
pub(crate) fn json(flag: &str, given: &str) -> Result<Value> {
    if given.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(given).map_err(|e| Failure::usage(format!("{flag} is not JSON: {e}")));
    }
    if matches!(given.trim(), "true" | "false" | "null") {
        return Ok(lenient(given.to_owned()));
    }
    json_file(given.strip_prefix('@').unwrap_or(given))
}

/// JSON, or else the text itself.
pub(crate) fn lenient(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// One JSON value per line; empty lines are skipped.
pub(crate) fn json_lines(file: &str) -> Result<Vec<Value>> {
    let (text, name) = read(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(i, text)| line(text, name, i + 1)).collect()
}

/// One line of JSON lines.
pub(crate) fn line(text: &str, name: &str, number: usize) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| bad(name, number, &format!("the line is not JSON: {}", cause(&e))))
}

/// The arguments of `call`: as they stand, or from stdin.
pub(crate) fn arguments(given: Option<String>) -> Result<String> {
    match given.as_deref() {
        Some("-") => Ok(read("-")?.0),
        Some(file) if file.starts_with('@') => Ok(read(&file[1..])?.0),
        _ => Ok(given.unwrap_or_default()),
    }
}
