use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::{Content, Store};

/// Publishes and labels without end, until told to stop.
fn keep_writing(store: &Store, name: &str, stop: &AtomicBool) {
    for number in 1u32.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let content = Content::text(format!("{name} {number}"));
        let version = store.publish(name, content, Default::default()).unwrap();
        store.set_label(name, "production", &(&version).into(), Default::default()).unwrap();
    }
}

#[test]
fn a_backup_under_load_is_a_prefix_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    store.publish("first", Content::text("x"), Default::default()).unwrap();
    let stop = AtomicBool::new(false);
    let copies: Vec<_> = std::thread::scope(|threads| {
        for name in ["a", "b"] {
            let (store, stop) = (&store, &stop);
            threads.spawn(move || keep_writing(store, name, stop));
        }
        let made = (0..5)
            .map(|number| {
                let to = dir.path().join(format!("copy {number}.tp"));
                // Between two copies something happens.
                let before = store.events(0, usize::MAX).unwrap().len();
                while store.events(0, usize::MAX).unwrap().len() < before + 4 {
                    std::thread::yield_now();
                }
                let backup = store.backup(&to);
                (to, backup)
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        made
    });
    let log = store.events(0, usize::MAX).unwrap();
    let mut last = 0;
    for (path, backup) in copies {
        let backup = backup.unwrap();
        let copy = Store::open(&path).unwrap();
        assert!(copy.verify().unwrap().ok);
        let events = copy.events(0, usize::MAX).unwrap();
        assert_eq!(events.len() as u64, backup.events);
        assert!(backup.events > last, "{} {last}", backup.events);
        last = backup.events;
        assert_eq!(events[..], log[..events.len()]);
        let space = copy.space().unwrap();
        assert_eq!((space.entries, space.file_bytes), (backup.entries, backup.bytes));
        // It is a store like any other.
        copy.publish("a", Content::text("only in the copy"), Default::default()).unwrap();
    }
    let parts = |dir: &std::path::Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .filter(|file| {
                file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "part")
            })
            .count()
    };
    assert_eq!(parts(dir.path()), 0);
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let taken = dir.path().join("taken");
    std::fs::write(&taken, "mine").unwrap();
    let code = |to: &std::path::Path| store.backup(to).unwrap_err().code();
    assert_eq!(code(&taken), "file-exists");
    assert_eq!(code(store.path()), "file-exists");
    assert_eq!(code(dir.path()), "file-exists");
    assert_eq!(code(&dir.path().join("no folder/copy")), "storage");
    assert_eq!(code("".as_ref()), "invalid-argument");
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "mine");
    #[cfg(unix)]
    {
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        assert_eq!(code(&link), "file-exists");
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 2 + usize::from(cfg!(unix)));
}

#[test]
fn a_broken_store_makes_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let version = store.publish("a", Content::text("x"), Default::default()).unwrap();
    let id = version.id();
    let spoil = move |tx: &mut dyn crate::storage::kv::Write| {
        tx.put(crate::storage::kv::Space::Objects, id.as_bytes(), b"something else")
    };
    store.engine.write(spoil).unwrap();
    let to = dir.path().join("copy.tp");
    let error = store.backup(&to).unwrap_err();
    assert_eq!(error.code(), "damaged");
    assert!(error.to_string().contains("another hash"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn space_counts_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let call = |verb: &str, args: Value| -> Value {
        serde_json::from_str(&store.call(verb, &args.to_string()).unwrap()).unwrap()
    };
    let empty = store.space().unwrap();
    // The store's own record.
    assert_eq!((empty.entries, empty.largest_runs.len(), empty.parts.len()), (1, 0, 5));
    call("publish", json!({"name": "a", "prompt": "x"}));
    call("metric", json!({"name": "quality", "kind": "numeric", "direction": "higher"}));
    let items: Vec<Value> = (0..20).map(|i| json!({"key": format!("k{i:02}"), "input": {"q": i}})).collect();
    call("dataset_add", json!({"name": "d", "items": items}));
    for number in 0..12 {
        let run = call("start_run", json!({"prompt": "a", "version": 1, "dataset": "d"}))["id"].take();
        for item in 0..=number {
            let key = format!("k{item:02}");
            call("record", json!({"run": run, "key": key, "trial": 1, "row": {"scores": {"quality": 1.0}}}));
        }
    }
    let space = store.space().unwrap();
    let rows: Vec<u64> = space.largest_runs.iter().map(|run| run.rows).collect();
    assert_eq!(rows, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    let part = &space.parts[3];
    assert_eq!((part.part, part.entries), ("rows", 78));
    let named: u64 = space.largest_runs.iter().map(|run| run.bytes).sum();
    assert!(named < part.key_bytes + part.value_bytes);
    assert!(space.bytes < space.file_bytes);
    assert_eq!(space, store.space().unwrap());
}

#[test]
fn compacting_shrinks_the_file_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let store = Store::open(&path).unwrap();
    let other = Store::open(&path).unwrap();
    store.publish("a", Content::text("x"), Default::default()).unwrap();
    let large = "a long text ".repeat(20_000);
    for number in 0..10u32 {
        let key = format!("large {number}");
        let value = large.clone().into_bytes();
        store
            .engine
            .write(move |tx| tx.put(crate::storage::kv::Space::Traces, key.as_bytes(), &value))
            .unwrap();
    }
    for number in 0..10u32 {
        let key = format!("large {number}");
        store.engine.write(move |tx| tx.delete(crate::storage::kv::Space::Traces, key.as_bytes())).unwrap();
    }
    let events = store.events(0, 100).unwrap();
    // Somebody reads: not now.
    let refused = other.read(|_| Ok(store.compact().unwrap_err().code())).unwrap();
    assert_eq!(refused, "busy");
    let compacted = store.compact().unwrap();
    assert!(compacted.bytes * 2 < compacted.bytes_before, "{compacted:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), compacted.bytes);
    for store in [&store, &other] {
        assert_eq!(store.events(0, 100).unwrap(), events);
        assert!(store.verify().unwrap().ok);
    }
    other.publish("a", Content::text("y"), Default::default()).unwrap();
    assert_eq!(store.events(0, 100).unwrap().len(), events.len() + 1);
    drop((store, other));
    let store = crate::OpenOptions::new().read_only(true).open(&path).unwrap();
    assert_eq!(store.compact().unwrap_err().code(), "read-only");
    assert!(crate::doctor(&path, &crate::DoctorOptions { deep: true, ..Default::default() }).unwrap().ok);
}

#[test]
fn compacting_beside_writers_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for name in ["a", "b"] {
            let (store, stop) = (&store, &stop);
            threads.spawn(move || keep_writing(store, name, stop));
        }
        for _ in 0..10 {
            match store.compact() {
                Ok(_) => {}
                Err(error) => assert_eq!(error.code(), "busy"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(store.verify().unwrap().ok);
}
