//! The handle of an open file: cheap to clone, safe from threads and forks, follows its path.

use super::batch::Post;
use super::current::Current;
use super::header::Stamp;
use super::kv::{Read, Write};
use super::patient::Patience;
use super::registry::{self, FileId};
use super::shared::Shared;
use super::trouble::{io, text};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How a file is opened.
#[derive(Debug, Clone)]
pub(crate) struct EngineOptions {
    /// Refuse every write, and make no file.
    pub read_only: bool,
    /// How long to wait for another process that is writing. Zero: not at all.
    pub busy_timeout: Duration,
}

/// An open file. Clones share it, and `close` closes all of them.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Handle>);

struct Handle {
    path: PathBuf,
    /// The path from the root: a process may change its directory, and must find the file after that.
    place: PathBuf,
    options: EngineOptions,
    current: Current<Shared>,
}

impl Engine {
    /// Opens the store at `path`, and makes it if it is missing and may be made. The same file opened
    /// twice in one process is one engine.
    pub(crate) fn open(path: &Path, options: EngineOptions) -> Result<Engine> {
        let place =
            std::path::absolute(path).map_err(|error| io(path, "this is not a path of a file", error))?;
        let handle = Handle { path: path.to_owned(), place, options, current: Current::new() };
        handle.attach(None)?;
        Ok(Engine(Arc::new(handle)))
    }

    /// The path as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn read_only(&self) -> bool {
        self.0.options.read_only
    }

    /// Runs `f` on one committed state.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&dyn Read) -> Result<T>) -> Result<T> {
        self.0.verified()?.read(|tx| f(tx))
    }

    /// Runs `op` in a write transaction and commits.
    ///
    /// # Atomicity
    /// All or nothing; durable when this returns. If `op` fails, nothing of it is written. Callers
    /// that write at the same time share one commit. A panic of `op` goes on in its caller, and
    /// concerns nobody else.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writable()?.write(self.patience(), op)
    }

    /// As [`Engine::write`], but returns at once; `done` is called by the store's own writer thread when the
    /// commit is durable, or has failed. On a handle that takes no writes (closed, read-only, path gone) it is
    /// called at once, by the caller's thread.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let shared = self.writable().and_then(|shared| self.0.strong(shared));
        match shared {
            Ok(shared) => shared.submit(self.patience(), op, done),
            Err(error) => done(Err(error)),
        }
    }

    /// A write of an open, writable handle that nobody waits for; it returns at once.
    ///
    /// It takes effect in its order among all that were asked for. The path is looked at when a post finds none that it could
    /// join: those that join are written where the ones before them are. An error says that it was not taken.
    pub(crate) fn post(&self, post: Post) -> Result<()> {
        if self.is_closed() {
            return Err(self.0.closed_error());
        }
        let Some(post) = self.0.shared()?.join(post) else { return Ok(()) };
        let shared = self.writable().and_then(|shared| self.0.strong(shared))?;
        shared.post(self.patience(), post)
    }

    /// How many transactions this process has committed to the file since it opened it.
    pub(crate) fn commits(&self) -> Result<u64> {
        Ok(self.0.shared()?.commits())
    }

    /// Makes the file as small as it can be.
    pub(crate) fn compact(&self) -> Result<()> {
        super::open::compact(self.writable()?.place(), self.patience())
    }

    /// The freshness stamp; see the file `stamp` for what may be concluded from it.
    #[inline]
    pub(crate) fn stamp(&self) -> Result<Stamp> {
        Ok(self.0.shared()?.stamp())
    }

    /// Closes this handle and its clones, after the writes that were asked for. Again does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        self.0.close()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.current.is_closed()
    }

    pub(crate) fn busy_timeout(&self) -> std::time::Duration {
        self.0.options.busy_timeout
    }

    fn patience(&self) -> Patience {
        Patience::new(self.0.options.busy_timeout)
    }

    fn writable(&self) -> Result<&Shared> {
        if self.is_closed() {
            return Err(self.0.closed_error());
        }
        if self.read_only() {
            return Err(Error::ReadOnly { path: text(self.path()) });
        }
        self.0.verified()
    }
}

impl Handle {
    fn closed_error(&self) -> Error {
        Error::Closed { path: text(&self.path) }
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Storage { path: text(&self.path), reason: reason.to_owned(), source: None }
    }

    /// The engine in use; in a forked child its own one, which is opened if need be.
    #[inline]
    fn shared(&self) -> Result<&Shared> {
        match self.current.get() {
            Some(shared) => Ok(shared),
            None => self.attach(None),
        }
    }

    /// The engine in use, after a look whether the path still names its file.
    fn verified(&self) -> Result<&Shared> {
        let shared = self.shared()?;
        match std::fs::metadata(&self.place) {
            Ok(meta) if FileId::of(&meta) == shared.place().file => Ok(shared),
            Ok(_) => self.attach(Some(shared)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(self.refused("the file was removed or renamed while it was open"))
            }
            Err(error) => Err(io(&self.path, "the file could not be examined", error)),
        }
    }

    /// Opens an engine: the first one, a child's own one, or one in place of `replaced`.
    #[cold]
    fn attach(&self, replaced: Option<&Shared>) -> Result<&Shared> {
        let open = || registry::attach(&self.place, &self.options);
        let (shared, before) = self.current.exchange(replaced, open, || self.closed_error())?;
        // Not under the lock: callbacks of the old engine may need it.
        if let Some(before) = before {
            // Writes that were asked of the old file are still written there; how its closing went is no
            // concern of those who asked for the new one.
            let _ = registry::detach(&before);
        }
        Ok(shared)
    }

    fn strong(&self, shared: &Shared) -> Result<Arc<Shared>> {
        self.current.strong(shared).ok_or_else(|| self.closed_error())
    }

    fn close(&self) -> Result<()> {
        self.current.close().map_or(Ok(()), |current| registry::detach(&current))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.close();
    }
}

#[cfg(test)]
impl Engine {
    pub(super) fn has_written(&self) -> bool {
        self.0.shared().unwrap().is_writable()
    }
}
