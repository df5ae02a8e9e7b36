//! The disk is full, from the k-th write on, for every k: what was acknowledged is there, nothing is half there, the store
//! says so while it lasts, and the same store works again once there is space.
//!
//! The disk is the one of `powercut`, which also refuses on demand. What the limit of a real file does is shown by
//! `tests/processes/test_circumstances.py`.

use super::powercut::{Disk, Refuses};
use crate::{
    Content, Durability, Error, MoveOptions, NewRow, NewScore, NewTrace, RunOptions, ScoreValue, Store,
};
use std::collections::BTreeMap;

/// What was asked of the store: whether it was acknowledged, and how to look for it.
struct Asked {
    done: Result<(), Error>,
    there: fn(&Store) -> bool,
}

fn page(n: u8) -> String {
    format!("{n}").repeat(90_000)
}

/// One of each kind of write, each over several pages.
fn everything(store: &Store) -> Vec<Asked> {
    let run = store.runs(None).unwrap()[0].id;
    let row = || {
        let scores = BTreeMap::from([("q".to_owned(), ScoreValue::Number(1.0))]);
        NewRow { output: Some(page(2).into()), scores, ..NewRow::default() }
    };
    let trace =
        || NewTrace { trace_id: Some("t".into()), output: Some(page(3).into()), ..NewTrace::default() };
    vec![
        Asked {
            done: store.publish("p", Content::text(page(1)), Default::default()).map(drop),
            there: |store| store.versions("p").unwrap()[1].content().prompt() == &page(1),
        },
        Asked {
            done: store.set_label("p", "live", &2.into(), MoveOptions::default()).map(drop),
            there: |store| store.get("p", "live").is_ok_and(|v| v.number() == 2),
        },
        Asked {
            done: store.record(run, "k", 1, row()).map(drop),
            there: |store| store.rows(store.runs(None).unwrap()[0].id).unwrap().len() == 1,
        },
        Asked {
            done: store.log("p", &1.into(), trace(), Durability::Now).map(drop),
            there: |store| store.trace("t").is_ok_and(|t| t.output == Some(page(3).into())),
        },
        Asked {
            done: store.score("t", "q", NewScore::new(ScoreValue::Number(1.0)), Durability::Now),
            there: |store| store.trace("t").is_ok_and(|t| t.scores.len() == 1),
        },
    ]
}

/// What each may say on a full disk: that it is full, or that what it rests on was not written.
fn excused(error: &Error) -> bool {
    ["storage", "version-not-found", "trace-not-found"].contains(&error.code())
}

fn made(path: &std::path::Path) {
    let store = Store::open(path).unwrap();
    store.publish("p", Content::text("first"), Default::default()).unwrap();
    store.set_label("p", "production", &1.into(), MoveOptions::default()).unwrap();
    let item = crate::NewItem { key: Some("k".into()), ..Default::default() };
    store.dataset_add("d", vec![item]).unwrap();
    store.start_run("p", &1.into(), "d", RunOptions::default()).unwrap();
    store.close().unwrap();
}

/// Fills the disk at the k-th write, for `lasting` ones or for as long as we say. Says whether anything was refused.
fn full_at(base: &[u8], refuses: Refuses, k: usize, lasting: Option<usize>) -> bool {
    let what = format!("{refuses:?} refused at write {k}, for {lasting:?}");
    let place = super::place();
    std::fs::write(&place.path, base).unwrap();
    let disk = Disk::of(&place.path);
    let store = Store::open(&place.path).unwrap();
    disk.fill(refuses, k, lasting);
    let asked = everything(&store);
    let refused = asked.iter().any(|asked| asked.done.is_err());
    // A reader goes on while the disk is full, whatever was tried; but a last writer that died in the middle leaves a
    // mark in the file, and to take it off is a write.
    for read in [store.get("p", "production").map(|v| v.number()), store.versions("p").map(|v| v[0].number())]
    {
        match read {
            Err(error) if refuses == Refuses::All => assert_eq!(error.code(), "storage", "{what}"),
            read => assert_eq!(read.map_err(|e| e.to_string()), Ok(1), "{what}"),
        }
    }
    disk.empty();
    let check = |store: &Store| {
        for (n, asked) in asked.iter().enumerate() {
            match &asked.done {
                Ok(()) => assert!((asked.there)(store), "{what}: {n} was acknowledged and is not there"),
                Err(error) => assert!(excused(error), "{what}: {n}: {error}"),
            }
        }
        let report = store.verify().unwrap();
        assert!(report.ok, "{what}: {report:?}");
    };
    // The same store, as if nothing had been.
    store.publish("p", Content::text("after"), Default::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(&store);
    store.close().unwrap_or_else(|e| panic!("{what}: {e}"));
    let store = Store::open(&place.path).unwrap();
    check(&store);
    assert_eq!(store.versions("p").unwrap().last().unwrap().content().prompt(), "after", "{what}");
    store.close().unwrap();
    refused
}

#[test]
fn a_full_disk_loses_nothing_and_the_store_works_again() {
    let place = super::place();
    made(&place.path);
    let base = std::fs::read(&place.path).unwrap();
    for (refuses, least) in [(Refuses::Growth, 10), (Refuses::All, 20)] {
        let mut refused = 0;
        // Until no write of it all is refused any more.
        for k in 0.. {
            assert!(k < 2_000, "it never ends");
            if !full_at(&base, refuses, k, None) {
                break;
            }
            // Space that comes back by itself, at once or in the middle of the recovery.
            for lasting in [1, 2, 5] {
                full_at(&base, refuses, k, Some(lasting));
            }
            refused += 1;
        }
        assert!(refused > least, "{refuses:?}: {refused}");
    }
}

#[test]
fn the_error_says_that_the_disk_is_full() {
    let place = super::place();
    made(&place.path);
    let disk = Disk::of(&place.path);
    let store = Store::open(&place.path).unwrap();
    disk.fill(Refuses::All, 0, None);
    let error = store.publish("p", Content::text("x"), Default::default()).unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
}

#[test]
fn a_store_that_cannot_be_made_for_want_of_space_is_made_later() {
    for (k, refuses) in (0..12).flat_map(|k| [(k, Refuses::Growth), (k, Refuses::All)]) {
        let place = super::place();
        std::fs::File::create_new(&place.path).unwrap();
        let disk = Disk::of(&place.path);
        disk.fill(refuses, k, None);
        match Store::open(&place.path) {
            Ok(store) => drop(store),
            Err(error) => assert_eq!(error.code(), "storage", "{k}: {error}"),
        }
        disk.empty();
        let store = Store::open(&place.path).unwrap_or_else(|e| panic!("{k}: {e}"));
        store.publish("p", Content::text("first"), Default::default()).unwrap();
        assert!(store.verify().unwrap().ok);
    }
}
