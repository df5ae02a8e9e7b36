//! Files that are no stores, or are no more.

use super::super::open::record_key;
use super::{Engine, Space, get, open, options, place, put, second_handle};
use redb::ReadableDatabase;
use std::fs;

fn code(path: &std::path::Path, read_only: bool) -> &'static str {
    match Engine::open(path, options(read_only, 50)) {
        Ok(_) => "fine",
        Err(error) => error.code(),
    }
}

#[test]
fn what_is_missing_is_made_or_reported() {
    let place = place();
    assert_eq!(code(&place.path, true), "store-not-found");
    assert!(!place.path.exists());
    let folder = place.path.parent().unwrap();
    assert_eq!(code(folder, false), "storage");
    assert_eq!(code(&folder.join("no/such/folder.tp"), false), "storage");
    fs::write(&place.path, b"").unwrap();
    assert_eq!(code(&place.path, true), "store-not-found");
    assert_eq!(fs::metadata(&place.path).unwrap().len(), 0);
    assert_eq!(code(&place.path, false), "fine");
    assert_eq!(code(&place.path, true), "fine");
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let place = place();
    for content in [b"x".to_vec(), b"# a text of some length\n".repeat(40), vec![0; 5000], vec![0; 100_000]] {
        fs::write(&place.path, &content).unwrap();
        assert_eq!(code(&place.path, false), "not-a-store");
        assert_eq!(fs::read(&place.path).unwrap(), content);
    }
    fs::remove_file(&place.path).unwrap();
    let foreign = redb::TableDefinition::<u64, u64>::new("theirs");
    let db = second_handle_of_new(&place.path);
    let tx = db.begin_write().unwrap();
    tx.open_table(foreign).unwrap().insert(1, 1).unwrap();
    tx.commit().unwrap();
    drop(db);
    let before = fs::read(&place.path).unwrap();
    assert_eq!(code(&place.path, false), "not-a-store");
    assert_eq!(code(&place.path, true), "not-a-store");
    assert_eq!(fs::read(&place.path).unwrap(), before);
    // A table of our name and another type.
    fs::remove_file(&place.path).unwrap();
    let db = second_handle_of_new(&place.path);
    let tx = db.begin_write().unwrap();
    tx.open_table(redb::TableDefinition::<u64, u64>::new("refs")).unwrap().insert(1, 1).unwrap();
    tx.commit().unwrap();
    drop(db);
    assert_eq!(code(&place.path, false), "not-a-store");
}

fn second_handle_of_new(path: &std::path::Path) -> redb::Database {
    fs::write(path, b"").unwrap();
    second_handle(path)
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let place = place();
    let engine = open(&place.path);
    let mut record = get(&engine, record_key().bytes()).unwrap();
    let number = record.len() - 16 - 1;
    assert_eq!(record[number], 2);
    record[number] = 3;
    put(&engine, record_key().bytes(), record).unwrap();
    engine.close().unwrap();
    let error = Engine::open(&place.path, options(false, 50)).err().unwrap();
    assert!(matches!(error, crate::Error::NewerFormat { found: 3, supported: 2, .. }), "{error}");
}

#[test]
fn an_older_format_is_raised_by_the_first_who_may_write_and_keeps_its_id() {
    let place = place();
    let engine = open(&place.path);
    let new = get(&engine, record_key().bytes()).unwrap();
    let mut old = new.clone();
    old[new.len() - 16 - 1] = 1;
    put(&engine, record_key().bytes(), old.clone()).unwrap();
    engine.close().unwrap();
    let reader = Engine::open(&place.path, options(true, 50)).unwrap();
    assert_eq!(get(&reader, record_key().bytes()).unwrap(), old, "who only reads changes nothing");
    reader.close().unwrap();
    let engine = open(&place.path);
    assert_eq!(get(&engine, record_key().bytes()).unwrap(), new);
    engine.close().unwrap();
}

#[test]
fn a_maker_that_died_leaves_a_file_that_is_made_again() {
    let place = place();
    drop(second_handle_of_new(&place.path));
    // What redb has on the disk before it writes its magic.
    let mut bytes = fs::read(&place.path).unwrap();
    bytes[..9].fill(0);
    bytes.resize(73_728, 0);
    fs::write(&place.path, &bytes).unwrap();
    assert_eq!(code(&place.path, true), "store-not-found");
    let engine = open(&place.path);
    put(&engine, "a", "1").unwrap();
    drop(engine);
    // And one that redb had made, without our record.
    fs::remove_file(&place.path).unwrap();
    drop(second_handle_of_new(&place.path));
    assert_eq!(code(&place.path, true), "not-a-store");
    put(&open(&place.path), "a", "1").unwrap();
}

/// Whatever the bytes, the answer is an error or the truth: no panic comes out, no process dies.
#[test]
fn hostile_bytes_are_an_error_or_harmless() {
    // The panics that end inside are not worth a page of output.
    let place = place();
    let engine = open(&place.path);
    for n in 0..200u32 {
        engine.write(move |tx| tx.put(Space::Rows, &n.to_be_bytes(), &[n as u8; 300])).unwrap();
    }
    engine.close().unwrap();
    let good = fs::read(&place.path).unwrap();
    let try_it = |what: String, bytes: &[u8]| {
        let path = place.path.with_extension("bad");
        fs::write(&path, bytes).unwrap();
        let outcome = std::panic::catch_unwind(|| {
            let engine = Engine::open(&path, options(false, 50))?;
            for n in 0..200u32 {
                engine.read(|tx| tx.get(Space::Rows, &n.to_be_bytes()))?;
            }
            put(&engine, "a", "1")?;
            put(&engine, "b", "1")
        });
        let outcome = outcome.unwrap_or_else(|_| panic!("a panic came out: {what}"));
        fs::remove_file(&path).unwrap();
        outcome.map_err(|error| error.code())
    };
    for len in [9, 100, 320, 4096, 8192, 20_000, 65_536, good.len() - 4096, good.len() - 1] {
        let outcome = try_it(format!("truncated to {len}"), &good[..len.min(good.len())]);
        let code = outcome.unwrap_err();
        assert!(["damaged", "not-a-store", "storage"].contains(&code), "{len}: {code}");
    }
    let mut noise = 0x9E37_79B9_7F4A_7C15u64;
    for page in 0..good.len() / 4096 {
        let mut bytes = good.clone();
        for byte in &mut bytes[page * 4096..(page + 1) * 4096] {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (noise >> 56) as u8;
        }
        let _ = try_it(format!("page {page}"), &bytes);
    }
    for at in 9..320 {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        let _ = try_it(format!("header byte {at}"), &bytes);
    }
}

#[test]
fn a_file_that_needs_repair_is_repaired_also_for_a_reader() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "a", "1").unwrap();
    // As after a kill -9: the copy says that a writer is live, and there is none.
    let copy = place.path.with_extension("copy");
    fs::copy(&place.path, &copy).unwrap();
    let reader = Engine::open(&copy, options(true, 50)).unwrap();
    assert_eq!(get(&reader, b"a").unwrap(), b"1");
    assert!(!reader.has_written());
    assert_eq!(put(&reader, "a", "2").unwrap_err().code(), "read-only");
    drop(reader);
    let db = second_handle(&copy);
    assert!(db.begin_read().unwrap().open_table(super::REFS).is_ok());
}
