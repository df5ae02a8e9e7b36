//! Is this file ours? Nothing is written to one that isn't.
//!
//! A new store is made in place. redb writes the nine bytes of its magic last, and our record comes in the
//! first transaction; so a file that is being made, or whose maker died, is told apart from a foreign one by its zeros, and is
//! taken over only by who holds the writer byte.

use super::EngineOptions;
use super::keys::Key;
use super::kv::{Read, Space};
use super::patient::{Backing, Patience, Patient, Pauses};
use super::registry::FileId;
use super::shared::{Db, Shared};
use super::stamp::Stamps;
use super::trouble::{Place, io, text};
use crate::error::{Error, Result};
use redb::{BackendError, Builder, CompactionError, ConcurrencyMode, Database, DatabaseError};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read as _, Seek};
use std::path::Path;
use std::sync::Arc;

/// Filled as pages are read; an idle store holds none of it.
const CACHE: usize = 64 << 20;
pub(super) const REDB: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
pub(super) const HEADER: usize = 320;
/// What redb 4.6 makes a new file.
const NEW_FILE: u64 = 73_728;

/// The store's record: the text, the format, and an id of its own.
const RECORD: &[u8] = b"trialplate store\n";
/// 2: production calls move to columns. What format 1 has is read as it is, and moves there when calls are logged; so a
/// file of format 1 only has to say that it may have them now, which older versions would not see.
const FORMAT: u32 = 2;

/// The record's key: tag 0, which no other key has.
pub(super) fn record_key() -> Key {
    Key::new(0).text("store")
}

/// A file on whose threshold we stand: opened by the system, not yet by the engine.
pub(super) struct Door {
    file: File,
    place: Place,
}

impl Door {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn file_id(&self) -> FileId {
        self.place.file
    }
}

pub(super) fn door(path: &Path, options: &EngineOptions) -> Result<Door> {
    // Asked first, because to open a pipe would wait for its other end.
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let reason = "this is a directory; give the path of a file in it".to_owned();
            return Err(Error::Storage { path: text(path), reason, source: None });
        }
        Ok(meta) if !meta.is_file() => return Err(Error::NotAStore { path: text(path) }),
        _ => {}
    }
    let opened = if options.read_only {
        File::open(path)
    } else {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    };
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound if options.read_only => Error::StoreNotFound { path: text(path) },
        ErrorKind::NotFound => io(path, "the directory of this path doesn't exist; make it first", error),
        ErrorKind::PermissionDenied if options.read_only => {
            io(path, "this user may not read the file", error)
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            io(path, "this user may not write here; open it read_only, or change the permissions", error)
        }
        _ => io(path, "the file could not be opened", error),
    })?;
    let meta = file.metadata().map_err(|error| io(path, "the file could not be examined", error))?;
    Ok(Door { place: Place { path: path.to_owned(), file: FileId::of(&meta) }, file })
}

enum Look {
    Engine,
    Empty,
    /// The engine's, but without its magic: being made, or left so by a crash.
    Unfinished,
    Foreign,
}

fn look(file: &File) -> std::io::Result<Look> {
    let mut file = file;
    let len = file.metadata()?.len();
    if len == 0 {
        return Ok(Look::Empty);
    }
    let mut head = Vec::with_capacity(HEADER);
    file.rewind()?;
    file.take(HEADER as u64).read_to_end(&mut head)?;
    if head.starts_with(&REDB) {
        return Ok(Look::Engine);
    }
    let blank = head.len() == HEADER && head[..9].iter().all(|&byte| byte == 0);
    let ours = head.get(12..16) == Some(&4096u32.to_le_bytes()) || head.iter().all(|&byte| byte == 0);
    Ok(if blank && ours && len == NEW_FILE { Look::Unfinished } else { Look::Foreign })
}

/// Whether the file is the engine's at all.
pub(super) fn is_engine(door: &Door) -> Result<bool> {
    let look = look(&door.file).map_err(|error| io(&door.place.path, "the file could not be read", error))?;
    Ok(matches!(look, Look::Engine))
}

/// Opens what is behind the door, and makes sure that it is a store.
pub(super) fn open(door: Door, options: &EngineOptions) -> Result<Shared> {
    let Door { file, place } = door;
    let patience = Patience::new(options.busy_timeout);
    let mut pauses = Pauses::new(patience);
    let db = loop {
        match look(&file).map_err(|error| io(&place.path, "the file could not be read", error))? {
            Look::Engine => break for_reading_within(&place, !options.read_only, patience)?,
            Look::Foreign => return Err(Error::NotAStore { path: place.text() }),
            Look::Empty if !options.read_only => {
                let (db, backing) = for_writing(&place, patience)?;
                break Db::ReadWrite(db, backing);
            }
            Look::Unfinished if !options.read_only => take_over(&place, patience)?,
            // Another process may be making it right now.
            Look::Empty | Look::Unfinished => {
                if !pauses.pause() {
                    return Err(Error::StoreNotFound { path: place.text() });
                }
            }
        }
    };
    let page = reopen(&place, false)?;
    let shared = Shared::new(place, db, Stamps::new(page));
    if let Err(error) = admit(&shared, options.read_only, patience) {
        // The reason it was refused is worth more than how the closing went.
        let _ = shared.shut();
        return Err(error);
    }
    Ok(shared)
}

/// The format that the store's record says, if it is one that we can read.
pub(super) fn parse_record(record: &[u8], path: String) -> Result<u32> {
    let rest = record.strip_prefix(RECORD).and_then(|rest| rest.first_chunk::<4>());
    let Some(format) = rest else { return Err(Error::NotAStore { path }) };
    let found = u32::from_be_bytes(*format);
    if found > FORMAT {
        return Err(Error::NewerFormat { path, found, supported: FORMAT });
    }
    Ok(found)
}

/// The record of a store of another format, as this format has it: the id stays.
fn raised(record: &[u8]) -> Vec<u8> {
    let id = record.get(RECORD.len() + 4..).unwrap_or_default();
    [RECORD, &FORMAT.to_be_bytes(), id].concat()
}

/// Reads the store's record, and writes it into a file that is wholly new.
fn admit(shared: &Shared, read_only: bool, patience: Patience) -> Result<()> {
    let path = shared.place().text();
    let mut pauses = Pauses::new(patience);
    loop {
        let (record, bare) = shared.read(|tx| {
            let record = tx.get(Space::Refs, record_key().bytes())?;
            Ok((record, tx.bare()?))
        })?;
        match record {
            Some(record) => {
                if parse_record(&record, path)? == FORMAT || read_only {
                    return Ok(());
                }
                return shared.write(patience, move |tx| {
                    // Another process may have raised it, further than we know.
                    let key = record_key();
                    match tx.get(Space::Refs, key.bytes())? {
                        Some(now) if now == record => tx.put(Space::Refs, key.bytes(), &raised(&record)),
                        _ => Ok(()),
                    }
                });
            }
            None if !bare => return Err(Error::NotAStore { path }),
            None if read_only => {
                if !pauses.pause() {
                    return Err(Error::NotAStore { path });
                }
            }
            None => {
                shared.write(patience, |tx| {
                    // Two processes may have come here at once; the first one's record stays.
                    let key = record_key();
                    if tx.get(Space::Refs, key.bytes())?.is_none() {
                        let id = [RandomState::new(), RandomState::new()]
                            .map(|state| state.build_hasher().finish());
                        let id = id.map(u64::to_be_bytes).concat();
                        tx.put(Space::Refs, key.bytes(), &[RECORD, &FORMAT.to_be_bytes(), &id].concat())?;
                    }
                    Ok(())
                })?;
                sync_folder(shared.place())?;
            }
        }
    }
}

/// A new file survives a power cut only once its folder's entry for it is on disk too.
#[cfg(unix)]
fn sync_folder(place: &Place) -> Result<()> {
    let folder = place.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    match synced {
        // Who may not read the folder, or whose file system syncs no folders, can do no better.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput) => Ok(()),
        synced => synced.map_err(|error| io(&place.path, "the folder could not be synced", error)),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Place) -> Result<()> {
    Ok(())
}

/// Empties a file whose maker died in the middle, so that it can be made again.
fn take_over(place: &Place, patience: Patience) -> Result<()> {
    let file = reopen(place, true)?;
    let own = file.try_clone().map_err(|error| io(&place.path, "the file could not be opened", error))?;
    let backing = Backing::new(own).map_err(|error| place.open(error, patience.waited()))?;
    let done = backing.as_writer(patience, || match look(&file)? {
        // Whoever was making it would hold the byte; so it is nobody's.
        Look::Unfinished => file.set_len(0),
        _ => Ok(()),
    });
    done.map_err(|error| match error {
        BackendError::Io(error) if error.kind() == ErrorKind::TimedOut => place.busy(patience.waited()),
        error => place.storage(error.into()),
    })
}

/// Opens the file of `place` again: every engine has a file description of its own, because locks belong to it.
pub(super) fn reopen(place: &Place, writable: bool) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(writable).open(&place.path);
    let file = opened.map_err(|error| io(&place.path, "the file could not be opened", error))?;
    let meta = file.metadata().map_err(|error| io(&place.path, "the file could not be examined", error))?;
    if FileId::of(&meta) != place.file {
        return Err(place.refused("the path names another file since a moment ago; try again"));
    }
    Ok(file)
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder
}

/// Opens the file for reading, without the right to repair it by writing.
pub(super) fn for_reading(place: &Place) -> Result<Db> {
    for_reading_within(place, false, Patience::new(std::time::Duration::from_secs(1)))
}

fn for_reading_within(place: &Place, will_write: bool, patience: Patience) -> Result<Db> {
    let attempt = || {
        let backing = Backing::new(reopen(place, false)?);
        let backing = backing.map_err(|error| place.open(error, patience.waited()))?;
        place.guarded(|| Ok(builder().open_read_only_with_backend(Patient::new(backing, patience))))
    };
    match attempt()? {
        Ok(db) => return Ok(Db::ReadOnly(db)),
        Err(DatabaseError::RepairAborted) => {}
        Err(error) => return Err(place.open(error, patience.waited())),
    }
    // Its last writer died. To repair takes a write, which needs the permission to.
    let may_write = OpenOptions::new().read(true).write(true).open(&place.path).is_ok();
    if !may_write {
        return Err(place.open(DatabaseError::RepairAborted, patience.waited()));
    }
    let (db, backing) = for_writing(place, patience)?;
    if will_write {
        return Ok(Db::ReadWrite(db, backing));
    }
    place.guarded(|| db.close().map_err(|error| place.open(error, patience.waited())))?;
    match attempt()? {
        Ok(db) => Ok(Db::ReadOnly(db)),
        Err(error) => Err(place.open(error, patience.waited())),
    }
}

/// Moves pages to the front and cuts the file. By an opening of its own, which to the others is one more process: redb
/// lets no transaction begin meanwhile, and refuses if one is running.
pub(super) fn compact(place: &Place, patience: Patience) -> Result<()> {
    let (mut db, _) = for_writing(place, patience)?;
    place.guarded(|| {
        // Each call moves what it can; the last one moves nothing.
        loop {
            match db.compact() {
                Ok(true) => {}
                Ok(false) => break,
                Err(CompactionError::TransactionInProgress) => return Err(place.busy(patience.waited())),
                Err(CompactionError::Storage(error)) => return Err(place.storage(error)),
                Err(other) => return Err(place.refused(other.to_string())),
            }
        }
        db.close().map_err(|error| place.open(error, patience.waited()))
    })
}

/// Opens the file for reading and writing; makes the engine's structures in an empty one.
pub(super) fn for_writing(place: &Place, patience: Patience) -> Result<(Database, Arc<Backing>)> {
    let backing = Backing::new(reopen(place, true)?).map_err(|error| place.open(error, patience.waited()))?;
    let patient = Patient::new(backing.clone(), patience);
    let db = place.guarded(|| {
        builder().create_with_backend(patient).map_err(|error| place.open(error, patience.waited()))
    })?;
    Ok((db, backing))
}
