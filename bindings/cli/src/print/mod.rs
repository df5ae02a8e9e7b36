//! Results as text for people. Every function takes the JSON that `--json` prints.

pub(crate) mod calibration;
pub(crate) mod canaries;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod experiments;
pub(crate) mod registry;
pub(crate) mod runs;
pub(crate) mod store;
mod table;
pub(crate) mod traces;
pub(crate) mod verdict;

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::Value;

pub(crate) use table::Table;

use crate::fail::{Failure, Result};

/// Writes data to stdout. A reader that has seen enough is no error.
pub(crate) fn out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::file("stdout", e)),
        _ => Ok(()),
    }
}

/// Tells something on stderr.
pub(crate) fn note(text: &str) {
    part(&format!("{text}\n"));
}

/// Tells something on stderr that is not at its end yet.
pub(crate) fn part(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell if stderr is closed.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// A list's members as JSON lines.
pub(crate) fn lines(list: &Value) -> String {
    each(list).map(|value| format!("{value}\n")).collect()
}

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
    terminal: bool,
}

impl Style {
    pub(crate) fn of_stdout() -> Style {
        Style::of(std::io::stdout().is_terminal())
    }

    pub(crate) fn of_stderr() -> Style {
        Style::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Style {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let colour = match (set("NO_COLOR"), set("CLICOLOR_FORCE")) {
            (Some(_), _) => false,
            (_, Some(force)) => force != "0" || terminal,
            _ => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        Style { colour, terminal }
    }

    pub(crate) fn is_coloured(&self) -> bool {
        self.colour
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn strong(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn faint(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn unsure(&self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// The members of a list.
pub(crate) fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The members of an object, in the order of their names.
pub(crate) fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

/// Text as it is, nothing for null, anything else as JSON; on one line and without control characters.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => one_line(text),
        other => other.to_string(),
    }
}

/// The first line, with anything in it that could steer a terminal taken out.
pub(crate) fn one_line(text: &str) -> String {
    let mut lines = text.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let mut line: String = first.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if lines.next().is_some() {
        line.push_str(" ...");
    }
    line
}

/// At most so many characters.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// An id's first digits.
pub(crate) fn short(id: &Value) -> String {
    let id = id.as_str().unwrap_or_default();
    id.get(..11).unwrap_or(id).to_owned()
}

/// A time in UTC, to the second.
pub(crate) fn time(at: &Value) -> String {
    let at = at.as_str().unwrap_or_default();
    at.get(..19).map_or_else(|| at.to_owned(), |at| format!("{}Z", at.replace('T', " ")))
}

/// A figure with as many decimals as help; a dash for none.
pub(crate) fn figure(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), decimal)
}

fn decimal(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if !(0.0005..1e15).contains(&size) => format!("{x:.2e}"),
        size if size >= 1000.0 => format!("{x:.0}"),
        size if size >= 100.0 => format!("{x:.1}"),
        size if size >= 10.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    }
}

/// A figure that stands alone, without zeros at its end.
pub(crate) fn plain(value: &Value) -> String {
    let text = figure(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A difference, with its sign.
pub(crate) fn signed(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| "-".to_owned(), |x| if x > 0.0 { format!("+{}", decimal(x)) } else { decimal(x) })
}

/// `1 item`, `2 items`.
pub(crate) fn count(n: &Value, one: &str, many: &str) -> String {
    match n.as_u64() {
        Some(1) => format!("1 {one}"),
        n => format!("{} {many}", n.unwrap_or_default()),
    }
}

/// `word word`, with commas between the members of a list.
pub(crate) fn listed(list: &Value) -> String {
    each(list).map(text).collect::<Vec<_>>().join(", ")
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &Value) -> String {
    let word = text(word);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '@');
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The next command worth typing.
pub(crate) fn next(style: &Style, command: &str) -> String {
    format!("{} trialplate {command}\n", style.faint("next:"))
}

/// Text for a list with nothing in it.
pub(crate) fn none(what: &str) -> String {
    format!("no {what}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures() {
        for (x, text) in [
            (0.0, "0"),
            (4.2149, "4.215"),
            (-0.13, "-0.130"),
            (82.5, "82.50"),
            (1234.6, "1235"),
            (1e-5, "1.00e-5"),
        ] {
            assert_eq!(figure(&json!(x)), text);
        }
        assert_eq!(figure(&json!(null)), "-");
        assert_eq!(plain(&json!(4.0)), "4");
        assert_eq!(plain(&json!(100)), "100");
        assert_eq!(signed(&json!(0.05)), "+0.050");
        assert_eq!(time(&json!("2026-11-23T18:00:05.123456Z")), "2026-11-23 18:00:05Z");
        assert_eq!(short(&json!("b3:91c20f1a77ab")), "b3:91c20f1a");
        assert_eq!(one_line("a\x1b[31mb\nc"), "a [31mb ...");
        assert_eq!(quoted(&json!("a b's")), r"'a b'\''s'");
    }
}
