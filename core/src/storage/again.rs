//! What went wrong once, told to many: an error built again, a panic in words.

use crate::error::Error;
use std::any::Any;

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "unknown"
    }
}

/// One failed commit fails everyone who took part; an [`Error`] can't be cloned, so it is built again.
pub(super) fn again(error: &Error) -> Error {
    match error {
        Error::Busy { path, waited_ms, holder } => {
            Error::Busy { path: path.clone(), waited_ms: *waited_ms, holder: holder.clone() }
        }
        Error::Damaged { path, reason } => Error::Damaged { path: path.clone(), reason: reason.clone() },
        Error::Closed { path } => Error::Closed { path: path.clone() },
        Error::ReadOnly { path } => Error::ReadOnly { path: path.clone() },
        Error::LocksUnsupported { path } => Error::LocksUnsupported { path: path.clone() },
        Error::TooLarge { what, bytes, limit } => Error::TooLarge { what, bytes: *bytes, limit: *limit },
        Error::Storage { path, reason, source } => Error::Storage {
            path: path.clone(),
            reason: reason.clone(),
            source: source.as_ref().map(|source| match source.raw_os_error() {
                Some(code) => std::io::Error::from_raw_os_error(code),
                None => std::io::Error::new(source.kind(), source.to_string()),
            }),
        },
        other => Error::Storage { path: String::new(), reason: other.to_string(), source: None },
    }
}
