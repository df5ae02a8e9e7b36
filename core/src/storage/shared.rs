//! The one engine of a file in this process, and its life: reading, from the first write on also writing, closed.
//!
//! A file is opened for reading only, also by who may write: that waits for no other process and writes
//! nothing, where redb's writable open and close cost several fsyncs. The first write opens it again,
//! writable. After an error that stops redb (it refuses everything once an operation failed) the next call opens anew.

use super::batch::Post;
use super::commit::{Ledger, Queue};
use super::current::OfProcess;
use super::header::Stamp;
use super::kv::Write;
use super::open;
use super::patient::{Backing, Patience};
use super::stamp::Stamps;
use super::table::{ReadTables, WriteTables};
use super::trouble::Place;
use crate::error::{Error, Result};
use redb::{
    Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, StorageError, TransactionError,
    WriteTransaction,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How the file is open.
pub(super) enum Db {
    /// Not yet, or not any more after an error.
    Unopened,
    ReadOnly(ReadOnlyDatabase),
    ReadWrite(Database, Arc<Backing>),
    Closed,
}

pub(super) struct Shared {
    place: Place,
    generation: u64,
    stamps: Stamps,
    db: RwLock<Db>,
    queue: Queue,
    commits: AtomicU64,
}

impl Shared {
    pub(super) fn new(place: Place, db: Db, stamps: Stamps) -> Shared {
        let generation = super::fork::generation();
        Shared {
            place,
            generation,
            stamps,
            db: RwLock::new(db),
            queue: Queue::default(),
            commits: AtomicU64::new(0),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    #[inline]
    pub(super) fn stamp(&self) -> Stamp {
        self.stamps.take()
    }

    pub(super) fn read<T>(&self, f: impl FnOnce(&ReadTables<'_>) -> Result<T>) -> Result<T> {
        let view = ReadTables::new(&self.place, self.begin_read()?);
        let out = f(&view);
        if self.generation != super::fork::generation() {
            // `f` forked, and this is the child: to drop the transaction would unlock the parent's bytes.
            std::mem::forget(view);
        }
        out
    }

    pub(super) fn write<T: Send + 'static>(
        &self,
        patience: Patience,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue.write(self, patience, op)
    }

    pub(super) fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        patience: Patience,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.queue.submit(self.clone(), patience, op, done);
    }

    /// Joins the posts that wait already; gives the post back if there are none.
    pub(super) fn join(&self, post: Post) -> Option<Post> {
        self.queue.join(post)
    }

    pub(super) fn post(self: &Arc<Self>, patience: Patience, post: Post) -> Result<()> {
        self.queue.post(self.clone(), patience, post)
    }

    /// How many transactions were committed here.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits for the writes that were asked for, then lets go of the file.
    pub(super) fn shut(&self) -> Result<()> {
        self.queue.shut(self);
        let db = std::mem::replace(&mut *self.db_mut(), Db::Closed);
        self.stamps.retire();
        self.place.guarded(|| match db {
            Db::ReadOnly(db) => db.close().map_err(|error| self.place.open(error, Default::default())),
            Db::ReadWrite(db, _) => db.close().map_err(|error| self.place.open(error, Default::default())),
            Db::Unopened | Db::Closed => Ok(()),
        })
    }

    fn db(&self) -> RwLockReadGuard<'_, Db> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn db_mut(&self) -> RwLockWriteGuard<'_, Db> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_read(&self) -> Result<ReadTransaction> {
        for last in [false, true] {
            let begun = self.place.guarded(|| match &*self.db() {
                Db::Unopened => Ok(None),
                Db::Closed => Err(self.place.closed()),
                Db::ReadOnly(db) => Ok(Some(db.begin_read())),
                Db::ReadWrite(db, _) => Ok(Some(db.begin_read())),
            });
            match begun {
                Ok(Some(Ok(tx))) => return Ok(tx),
                Ok(Some(Err(error))) if last || !stops(&error) => return Err(self.place.begin(error)),
                Ok(Some(Err(_))) => self.give_up(),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
            let mut db = self.db_mut();
            if matches!(*db, Db::Unopened) {
                *db = open::for_reading(&self.place)?;
            }
        }
        Err(self.place.refused("it could not be opened again"))
    }

    /// The engine, writable; only the one who holds the baton comes here.
    fn writable(&self, patience: Patience) -> Result<Arc<Backing>> {
        match &*self.db() {
            Db::ReadWrite(_, backing) => return Ok(backing.clone()),
            Db::Closed => return Err(self.place.closed()),
            Db::ReadOnly(_) | Db::Unopened => {}
        }
        let (db, backing) = open::for_writing(&self.place, patience)?;
        let before = std::mem::replace(&mut *self.db_mut(), Db::ReadWrite(db, backing.clone()));
        // Its read transactions keep it alive until they end.
        self.place.guarded(|| {
            drop(before);
            Ok(())
        })?;
        Ok(backing)
    }

    fn begin_write(&self, patience: Patience) -> Result<WriteTransaction> {
        let backing = self.writable(patience)?;
        let mut other = None;
        let begun = backing.queue_for_writer(patience, || match &*self.db() {
            Db::ReadWrite(db, _) => match db.try_begin_write() {
                Ok(tx) => Ok::<_, StorageError>(Some(tx)),
                Err(TransactionError::WouldBlock) => Ok(None),
                Err(TransactionError::Storage(error)) => Err(error),
                Err(error) => {
                    other = Some(self.place.begin(error));
                    Err(StorageError::PreviousIo)
                }
            },
            _ => Err(StorageError::DatabaseClosed),
        });
        match begun {
            Ok(Some(tx)) => Ok(tx),
            Ok(None) => Err(self.place.busy(patience.waited())),
            Err(error) => {
                self.give_up();
                Err(other.unwrap_or_else(|| self.place.storage(error)))
            }
        }
    }

    /// After an error that redb doesn't recover from: the next call opens the file anew.
    fn give_up(&self) {
        let mut db = self.db_mut();
        if !matches!(*db, Db::Closed) {
            let before = std::mem::replace(&mut *db, Db::Unopened);
            drop(db);
            let _ = self.place.guarded(|| {
                drop(before);
                Ok(())
            });
        }
    }
}

/// Whether redb refuses everything from here on.
fn stops(error: &TransactionError) -> bool {
    matches!(error, TransactionError::Storage(StorageError::PreviousIo | StorageError::LockPoisoned(_)))
}

impl OfProcess for Shared {
    #[inline]
    fn generation(&self) -> u64 {
        self.generation
    }
}

impl Ledger for Shared {
    fn transact(
        &self,
        patience: Patience,
        fill: &mut dyn FnMut(&mut WriteTables<'_>) -> Result<bool>,
    ) -> Result<()> {
        let tx = self.place.guarded(|| self.begin_write(patience))?;
        let filled = fill(&mut WriteTables::new(&self.place, &tx));
        if self.generation != super::fork::generation() {
            // An operation forked, and this is the child: the transaction is the parent's.
            std::mem::forget(tx);
            return Err(self.place.refused("a write can't be carried on in a forked child"));
        }
        let ended = self.place.guarded(|| match &filled {
            Ok(true) => tx.commit().map_err(|error| self.place.commit(error)),
            Ok(false) | Err(_) => tx.abort().map_err(|error| self.place.storage(error)),
        });
        if ended.is_err() || filled.is_err() {
            self.give_up();
        } else if matches!(filled, Ok(true)) {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        filled.and(ended)
    }

    fn closed(&self) -> Error {
        self.place.closed()
    }

    fn panicked(&self, text: &str) -> Error {
        self.place.refused(format!("the operation panicked: {text}"))
    }
}

#[cfg(test)]
impl Shared {
    pub(super) fn is_writable(&self) -> bool {
        matches!(*self.db(), Db::ReadWrite(..))
    }
}
