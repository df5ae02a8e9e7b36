//! redb's errors and panics in our words.

use super::again::panic_text;
use super::holder;
use super::patient::WaitedTooLong;
use super::quiet::Guard;
use super::registry::FileId;
use crate::error::{Error, Result};
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file an error is about.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) file: FileId,
}

impl Place {
    pub(super) fn text(&self) -> String {
        text(&self.path)
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::Damaged { path: self.text(), reason: reason.into() }
    }

    pub(super) fn closed(&self) -> Error {
        Error::Closed { path: self.text() }
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> Error {
        Error::Storage { path: self.text(), reason: reason.into(), source: None }
    }

    pub(super) fn busy(&self, waited: Duration) -> Error {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        Error::Busy { path: self.text(), waited_ms, holder: holder::name(self.file) }
    }

    pub(super) fn storage(&self, error: StorageError) -> Error {
        match error {
            StorageError::Corrupted(reason) => self.damaged(reason),
            StorageError::ValueTooLarge(bytes) => Error::TooLarge {
                what: "record",
                bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
                limit: 3 << 30,
            },
            StorageError::Io(source) if waited_too_long(&source) => self.busy(Duration::ZERO),
            StorageError::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.damaged("it ends before its contents do")
            }
            StorageError::Io(source) => io(&self.path, "reading or writing it failed", source),
            StorageError::Unsupported => Error::LocksUnsupported { path: self.text() },
            StorageError::DatabaseClosed => self.closed(),
            StorageError::PreviousIo => {
                self.refused("an earlier operation failed; the file is opened again at the next one")
            }
            StorageError::LockPoisoned(_) => self.damaged("the engine stopped on its contents"),
            other => self.refused(other.to_string()),
        }
    }

    pub(super) fn table(&self, error: TableError) -> Error {
        match error {
            TableError::Storage(error) => self.storage(error),
            TableError::TableTypeMismatch { .. }
            | TableError::TypeDefinitionChanged { .. }
            | TableError::TableIsMultimap(_) => Error::NotAStore { path: self.text() },
            other => self.damaged(other.to_string()),
        }
    }

    pub(super) fn begin(&self, error: TransactionError) -> Error {
        match error {
            TransactionError::Storage(error) => self.storage(error),
            other => self.refused(other.to_string()),
        }
    }

    pub(super) fn commit(&self, error: CommitError) -> Error {
        match error {
            CommitError::Storage(error) => self.storage(error),
            other => self.refused(other.to_string()),
        }
    }

    pub(super) fn open(&self, error: DatabaseError, waited: Duration) -> Error {
        match error {
            DatabaseError::DatabaseAlreadyOpen => self.busy(waited),
            DatabaseError::Storage(StorageError::Io(source)) if waited_too_long(&source) => self.busy(waited),
            DatabaseError::Storage(error) => self.storage(error),
            DatabaseError::RepairAborted => self.damaged(
                "its last writer died and it must be repaired first; open it once without read_only",
            ),
            DatabaseError::UpgradeRequired(_) => Error::NotAStore { path: self.text() },
            DatabaseError::LockProtocolMismatch => {
                self.refused("a process with an incompatible version of the engine has it open")
            }
            other => self.refused(other.to_string()),
        }
    }

    /// Runs engine code. On a hostile file it may panic; that ends here.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let guard = Guard::new();
        let done = catch_unwind(AssertUnwindSafe(work));
        drop(guard);
        done.unwrap_or_else(|panic| {
            Err(self.damaged(format!("the engine stopped on its contents: {}", panic_text(&*panic))))
        })
    }
}

fn waited_too_long(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<WaitedTooLong>())
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn io(path: &Path, reason: &str, source: std::io::Error) -> Error {
    // The other languages get the text only, and "no space left" is what one acts on.
    let reason = format!("{reason}: {source}");
    Error::Storage { path: text(path), reason, source: Some(source) }
}
