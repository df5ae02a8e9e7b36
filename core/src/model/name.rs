//! Names, and what each may look like.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub(crate) const NAME_RULE: &str =
    "1 to 255 characters without control characters, with no white space at either end";
const FOLDER_RULE: &str = "1 to 255 characters without control characters, with no white space at either end and no empty segment between slashes";

/// The rule of ids that other systems make.
pub(crate) const FOREIGN_ID_RULE: &str = "1 to 255 characters without control characters";

/// Whether a text is a name: see [`NAME_RULE`].
pub(crate) fn plain(text: &str) -> bool {
    foreign_id(text) && text.trim() == text
}

/// Whether a text can be an id of another system's: see [`FOREIGN_ID_RULE`].
pub(crate) fn foreign_id(text: &str) -> bool {
    if text.is_ascii() {
        return (1..=255).contains(&text.len()) && !text.bytes().any(|byte| byte.is_ascii_control());
    }
    let length = text.chars().take(256).count();
    (1..=255).contains(&length) && !text.chars().any(char::is_control)
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Error::InvalidName { what: $what, rule: $rule, given: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a prompt; `/` makes folders.
    PromptName, "a prompt's name", FOLDER_RULE, |t| plain(t) && t.split('/').all(|s| !s.is_empty())
);
name_type!(
    /// The name of a dataset; `/` makes folders.
    DatasetName, "a dataset's name", FOLDER_RULE, |t| plain(t) && t.split('/').all(|s| !s.is_empty())
);
name_type!(
    /// The key of an item, unique within its dataset.
    ItemKey, "an item's key", NAME_RULE, plain
);
name_type!(
    /// The name of a metric.
    MetricName, "a metric's name", NAME_RULE, plain
);
name_type!(
    /// A word to find a version by.
    Tag, "a tag", NAME_RULE, plain
);
name_type!(
    /// The name of a run.
    RunName, "a run's name", NAME_RULE, plain
);
name_type!(
    /// The name of an experiment.
    ExperimentName, "an experiment's name", NAME_RULE, plain
);
name_type!(
    /// The id of a trace: yours (a request's or a span's id), or one that was made.
    TraceId, "a trace's id", FOREIGN_ID_RULE, foreign_id
);

name_type!(
    /// The name of a canary.
    CanaryName, "a canary's name", NAME_RULE, plain
);

impl TraceId {
    /// A new id, which sorts by `at`.
    pub(crate) fn new(at: super::time::Timestamp) -> TraceId {
        TraceId(super::id::new_trace(at))
    }
}

/// The label that `get` asks for when none is given.
pub const DEFAULT_LABEL: &str = "production";
/// The computed label: the newest version. It can't be moved.
pub const LATEST: &str = "latest";

/// The name of a label: `^[a-z0-9][a-z0-9_.-]{0,35}$`, and not [`LATEST`], which is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn well_formed(text: &str) -> bool {
        let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        (1..=36).contains(&bytes.len())
            && alphanumeric(bytes[0])
            && bytes.iter().all(|&b| alphanumeric(b) || matches!(b, b'_' | b'.' | b'-'))
    }
}

impl FromStr for Label {
    type Err = Error;

    fn from_str(text: &str) -> Result<Label> {
        let note = if !Label::well_formed(text) {
            ""
        } else if text == LATEST {
            "; `latest` is computed and always names the newest version"
        } else {
            return Ok(Label(text.to_owned()));
        };
        Err(Error::InvalidLabel { label: text.to_owned(), note })
    }
}

impl TryFrom<String> for Label {
    type Error = Error;

    fn try_from(text: String) -> Result<Label> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_names() {
        for good in
            ["a", "billing/refund", "Überweisung prüfen", "a b", "日本語/要約", "a:3", &"é".repeat(255)]
        {
            assert!(good.parse::<PromptName>().is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a\n", "a\tb", "/a", "a/", "a//b", "\u{7f}", "a\u{85}b", &"é".repeat(256)]
        {
            assert_eq!(bad.parse::<PromptName>().unwrap_err().code(), "invalid-name", "{bad:?}");
        }
    }

    #[test]
    fn labels() {
        for good in ["production", "a", "0", "v1.2_rc-3", &"a".repeat(36)] {
            assert!(good.parse::<Label>().is_ok(), "{good}");
        }
        for bad in ["", "Production", "-a", ".a", "_a", "a b", "a/b", "é", "latest", &"a".repeat(37)] {
            assert_eq!(bad.parse::<Label>().unwrap_err().code(), "invalid-label", "{bad:?}");
        }
    }
}
