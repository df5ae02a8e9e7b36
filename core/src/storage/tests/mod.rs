//! Tests of the room: the waist's promises, and attempts to break the dangerous files.

mod conformance;
mod files;
#[cfg(unix)]
mod forks;
#[cfg(unix)]
mod full;
mod group;
#[cfg(unix)]
pub(in crate::storage) mod powercut;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod stamps;
mod strays;

use super::{Engine, EngineOptions, Flow, Order, Space};
use crate::error::Result;
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that goes away with the test, and a path in it.
struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.tp");
    Place { _folder: folder, path }
}

fn options(read_only: bool, busy_ms: u64) -> EngineOptions {
    EngineOptions { read_only, busy_timeout: Duration::from_millis(busy_ms) }
}

fn open(path: &Path) -> Engine {
    Engine::open(path, options(false, 20_000)).unwrap()
}

fn put(engine: &Engine, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<()> {
    let (key, value) = (key.into(), value.into());
    engine.write(move |tx| tx.put(Space::Refs, &key, &value))
}

fn get(engine: &Engine, key: &[u8]) -> Option<Vec<u8>> {
    engine.read(|tx| tx.get(Space::Refs, key)).unwrap()
}

/// The keys under a one-byte prefix.
fn keys(engine: &Engine, prefix: u8) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    engine
        .read(|tx| {
            tx.scan(Space::Refs, &[prefix], &[prefix + 1], Order::Ascending, &mut |key, _| {
                out.push(key.to_vec());
                Ok(Flow::Continue)
            })
        })
        .unwrap();
    out
}

/// Adds one to a counter: a lost write shows as a number that is too small.
fn count(engine: &Engine) -> Result<u64> {
    engine.write(|tx| {
        let old = tx.get(Space::Refs, b"n")?.map_or(0, |old| u64::from_be_bytes(old.try_into().unwrap()));
        tx.put(Space::Refs, b"n", &(old + 1).to_be_bytes())?;
        Ok(old + 1)
    })
}

/// Counts `times` times.
fn count_on(engine: &Engine, times: u32) {
    for _ in 0..times {
        count(engine).unwrap();
    }
}

fn counted(engine: &Engine) -> u64 {
    get(engine, b"n").map_or(0, |n| u64::from_be_bytes(n.try_into().unwrap()))
}

/// The file through redb alone, as another process would have it: outside of the registry.
fn second_handle(path: &Path) -> Database {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    Builder::new()
        .set_concurrency_mode(ConcurrencyMode::MultiWriter)
        .create_with_backend(FileBackend::new(file).unwrap())
        .unwrap()
}

const REFS: redb::TableDefinition<'static, &'static [u8], &'static [u8]> = redb::TableDefinition::new("refs");

/// A commit that our engine knows nothing of.
fn commit_elsewhere(db: &Database, key: &[u8], value: &[u8]) {
    let tx = db.begin_write().unwrap();
    tx.open_table(REFS).unwrap().insert(key, value).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_store_keeps_what_was_written_and_closes_and_opens_again() {
    let place = place();
    let engine = open(&place.path);
    assert_eq!(engine.path(), place.path);
    assert!(!engine.read_only() && !engine.is_closed());
    put(&engine, "a", "1").unwrap();
    let clone = engine.clone();
    engine.close().unwrap();
    engine.close().unwrap();
    assert!(clone.is_closed());
    for code in [
        clone.stamp().unwrap_err().code(),
        put(&clone, "a", "2").unwrap_err().code(),
        clone.read(|tx| tx.get(Space::Refs, b"a")).unwrap_err().code(),
    ] {
        assert_eq!(code, "closed");
    }
    let again = open(&place.path);
    assert_eq!(get(&again, b"a").unwrap(), b"1");
    assert!(!again.has_written());
    put(&again, "a", "2").unwrap();
    assert!(again.has_written());
    assert_eq!(get(&again, b"a").unwrap(), b"2");
}

#[test]
fn opened_twice_it_is_one_engine_and_each_closes_for_itself() {
    let place = place();
    let first = open(&place.path);
    let link = place.path.with_extension("link");
    std::fs::hard_link(&place.path, &link).unwrap();
    let second = Engine::open(&link, options(true, 0)).unwrap();
    assert_eq!(first.stamp().unwrap(), second.stamp().unwrap());
    put(&first, "a", "1").unwrap();
    assert_eq!(get(&second, b"a").unwrap(), b"1");
    assert_eq!(put(&second, "a", "2").unwrap_err().code(), "read-only");
    first.close().unwrap();
    assert_eq!(get(&second, b"a").unwrap(), b"1");
    drop(second);
    // Really let go of: an exclusive open succeeds.
    drop(Database::open(&place.path).unwrap());
}

#[test]
fn an_operation_that_fails_leaves_nothing() {
    let place = place();
    let engine = open(&place.path);
    let before = engine.stamp().unwrap();
    let failed: Result<()> = engine.write(|tx| {
        tx.put(Space::Refs, b"a", b"1")?;
        Err(crate::Error::ReasonRequired)
    });
    assert_eq!(failed.unwrap_err().code(), "reason-required");
    assert_eq!(get(&engine, b"a"), None);
    // Nor does one that only looked: nothing was committed.
    engine.write(|tx| tx.get(Space::Refs, b"a")).unwrap();
    assert_eq!(keys(&engine, b'a'), Vec::<Vec<u8>>::new());
    let after = engine.stamp().unwrap();
    assert_eq!(before, after);
}
