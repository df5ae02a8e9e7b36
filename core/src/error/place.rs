//! Where in what was given the wrong thing stands.

use super::{Error, Kind};

impl Error {
    /// Names the value that holds the wrong JSON: a path that began at `$` begins at `name`.
    pub(crate) fn within(self, name: &str) -> Error {
        match self {
            Error::InvalidJson { reason, at } => {
                let at = format!("{name}{}", at.strip_prefix('$').unwrap_or_default());
                Error::InvalidJson { reason, at }
            }
            other => other,
        }
    }

    /// Names the element of a list that is wrong. What is no fault of an element, such as a file that can't be read,
    /// is left as it is.
    pub(crate) fn in_batch(self, list: &'static str, index: usize) -> Error {
        match self.kind() {
            Kind::NotFound | Kind::AlreadyExists | Kind::Conflict | Kind::Invalid | Kind::Refused => {
                Error::InBatch { first: Box::new(self), list, index }
            }
            _ => self,
        }
    }
}
