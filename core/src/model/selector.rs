//! How a version is named: by a label, by its number or by its id; typed, so that a number is never a label.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::id::{ContentId, IdPrefix};
use super::name::{DEFAULT_LABEL, Label};
use super::time::Timestamp;
use super::version::PromptVersion;
use crate::error::{Error, Result};

/// Which version of a prompt `get` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector<'a> {
    /// The version that a label points to (`@production`); `latest` names the newest one.
    Label(Cow<'a, str>),
    /// The version that a label pointed to at that moment.
    LabelAt(Cow<'a, str>, Timestamp),
    /// The version with this number (`:3`).
    Number(u32),
    /// The version with this content (`#b3:…`).
    Id(IdPrefix),
}

impl Default for Selector<'_> {
    fn default() -> Self {
        Selector::Label(Cow::Borrowed(DEFAULT_LABEL))
    }
}

/// Text names a label here; a selector as a person types it is parsed with [`str::parse`].
impl<'a> From<&'a str> for Selector<'a> {
    fn from(label: &'a str) -> Selector<'a> {
        Selector::Label(Cow::Borrowed(label))
    }
}

impl From<u32> for Selector<'_> {
    fn from(number: u32) -> Self {
        Selector::Number(number)
    }
}

impl From<ContentId> for Selector<'_> {
    fn from(id: ContentId) -> Self {
        Selector::Id(id.into())
    }
}

impl FromStr for Selector<'static> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let what = "a selector is @label, :number or #id";
        let invalid = || Error::InvalidSelector { what, given: text.to_owned() };
        let selector = match text.split_at_checked(1) {
            Some(("@", label)) if Label::well_formed(label) => Selector::Label(label.to_owned().into()),
            Some((":", number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
                Selector::Number(number.parse().map_err(|_| invalid())?)
            }
            Some(("#", id)) => Selector::Id(id.parse()?),
            _ => return Err(invalid()),
        };
        Ok(selector)
    }
}

impl fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Label(label) => write!(f, "@{label}"),
            Selector::LabelAt(label, at) => write!(f, "@{label} at {at}"),
            Selector::Number(number) => write!(f, ":{number}"),
            Selector::Id(id) => write!(f, "#{id}"),
        }
    }
}

/// What is said to who names a version otherwise.
pub(crate) const A_VERSION: &str =
    "a version is named by its number or its content id; a label can move in between, so it names none";

/// A version that is meant to be changed, labelled or run: by number, by id, or the version itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionRef {
    /// By its number within the prompt.
    Number(u32),
    /// By its content id, or the first digits of it.
    Id(IdPrefix),
    /// The version itself. It must be a version of the prompt that is named beside it.
    Of {
        /// The prompt it is a version of.
        prompt: String,
        /// Its number there.
        number: u32,
        /// Its content id.
        id: ContentId,
    },
}

impl VersionRef {
    /// Reads a reference as people and other languages write it: `3`, `:3`, `b3:…` or `#b3:…`.
    ///
    /// # Errors
    /// `invalid-selector` for anything else, in particular for a label: a label can move in between.
    pub fn parse(text: &str) -> Result<VersionRef> {
        let invalid = || Error::InvalidSelector { what: A_VERSION, given: text.to_owned() };
        if let Some(id) = text.strip_prefix('#') {
            return Ok(VersionRef::Id(id.parse()?));
        }
        if text.starts_with("b3:") {
            return Ok(VersionRef::Id(text.parse()?));
        }
        let digits = text.strip_prefix(':').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(VersionRef::Number(digits.parse().map_err(|_| invalid())?))
    }
}

impl From<u32> for VersionRef {
    fn from(number: u32) -> VersionRef {
        VersionRef::Number(number)
    }
}

impl From<ContentId> for VersionRef {
    fn from(id: ContentId) -> VersionRef {
        VersionRef::Id(id.into())
    }
}

impl From<&PromptVersion> for VersionRef {
    fn from(version: &PromptVersion) -> VersionRef {
        VersionRef::Of { prompt: version.name().to_owned(), number: version.number(), id: version.id() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_typed() {
        assert_eq!("@3".parse::<Selector>().unwrap(), Selector::Label("3".into()));
        assert_eq!(":3".parse::<Selector>().unwrap(), Selector::Number(3));
        assert!(matches!("#b3:00112233".parse::<Selector>().unwrap(), Selector::Id(_)));
        for bad in ["", "3", "production", "@", "@A", ":x", ":-1", ":99999999999", ": 3"] {
            assert_eq!(bad.parse::<Selector>().unwrap_err().code(), "invalid-selector", "{bad}");
        }
        assert_eq!("#zz".parse::<Selector>().unwrap_err().code(), "invalid-id");
        assert_eq!(VersionRef::parse("production").unwrap_err().code(), "invalid-selector");
    }
}
