use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Diagnosis, DoctorOptions, doctor};
use crate::storage::copy::END;
use crate::storage::entry::{Kind, entry};
use crate::storage::kv::{Flow, Order, Space};
use crate::{Content, Store};

type Entries = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// A store with something in every part.
fn fill(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    let call = |verb: &str, args: Value| -> Value {
        serde_json::from_str(&store.call(verb, &args.to_string()).unwrap()).unwrap()
    };
    for number in 0..150 {
        let content = Content::text(format!("{number} {{{{x}}}} {}", "word ".repeat(number % 40)));
        store.publish(&format!("prompt {}", number % 7), content, Default::default()).unwrap();
    }
    for number in 0..7 {
        call("set_label", json!({"name": format!("prompt {number}"), "label": "production", "version": 3}));
    }
    call("metric", json!({"name": "quality", "kind": "numeric", "direction": "higher"}));
    let items: Vec<Value> = (0..60).map(|i| json!({"key": format!("k{i:02}"), "input": {"q": i}})).collect();
    call("dataset_add", json!({"name": "d", "items": items}));
    let run = call("start_run", json!({"prompt": "prompt 1", "version": 1, "dataset": "d"}))["id"].take();
    let row = |i: u32| {
        let text = "said ".repeat(i as usize);
        json!({"key": format!("k{i:02}"), "trial": 1, "row": {"output": text, "scores": {"quality": 0.5}}})
    };
    call("record_all", json!({"run": run, "rows": (0..60).map(row).collect::<Vec<_>>()}));
    call("finish_run", json!({"run": run}));
    for number in 0..60 {
        call("log", json!({"prompt": "prompt 2", "version": 1, "output": format!("answer {number}")}));
    }
    call("flush", json!({}));
    store
}

fn entries(store: &Store) -> Entries {
    let mut out = Entries::new();
    let scan = |tx: &dyn crate::storage::kv::Read| {
        for space in Space::ALL {
            tx.scan(space, &[], &END, Order::Ascending, &mut |key, value| {
                out.insert((space, key.to_vec()), value.to_vec());
                Ok(Flow::Continue)
            })?;
        }
        Ok(())
    };
    store.engine.read(scan).unwrap();
    out
}

fn deep(path: &Path) -> Diagnosis {
    doctor(path, &DoctorOptions { deep: true, ..Default::default() }).unwrap()
}

fn codes(found: &Diagnosis) -> Vec<&str> {
    found.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_healthy_store_is_healthy_open_or_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let store = fill(&path);
    let bytes = std::fs::read(&path).unwrap();
    let found = deep(&path);
    assert!(found.ok && found.findings.is_empty(), "{found:?}");
    assert_eq!(found.report.unwrap(), store.verify().unwrap());
    let to = dir.path().join("saved.tp");
    let found = doctor(&path, &DoctorOptions { salvage: Some(to.clone()), ..Default::default() }).unwrap();
    let saved = found.salvaged.unwrap();
    assert!(saved.ok && saved.left.is_empty());
    assert_eq!(entries(&Store::open(&to).unwrap()), entries(&store));
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing is written");
    // Its locks are given back.
    store.publish("a", Content::text("x"), Default::default()).unwrap();
    store.close().unwrap();
    assert!(deep(&path).ok);
}

#[test]
fn what_is_no_store_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    assert_eq!(doctor(&path, &DoctorOptions::default()).unwrap_err().code(), "store-not-found");
    for text in ["", "a text", &"x".repeat(100_000)] {
        std::fs::write(&path, text).unwrap();
        let found = deep(&path);
        assert_eq!((found.ok, codes(&found)), (false, vec!["not-a-store"]));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::remove_file(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let record = [&b"trialplate store\n"[..], &3u32.to_be_bytes(), &[0; 16]].concat();
    let key = crate::storage::keys::Key::new(0).text("store");
    store.engine.write(move |tx| tx.put(Space::Refs, key.bytes(), &record)).unwrap();
    store.close().unwrap();
    assert_eq!(codes(&deep(&path)), ["newer-format"]);
}

#[test]
fn what_is_wrong_inside_is_named_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let store = fill(&path);
    let mut objects: Vec<Vec<u8>> = entries(&store)
        .into_keys()
        .filter(|(space, key)| *space == Space::Objects && key.len() == 32)
        .map(|(_, key)| key)
        .collect();
    objects.truncate(2);
    let spoilt = objects.clone();
    store
        .engine
        .write(move |tx| {
            tx.put(Space::Log, crate::storage::layout::event(5).bytes(), b"rubbish")?;
            spoilt.iter().try_for_each(|key| tx.put(Space::Objects, key, b"rubbish"))
        })
        .unwrap();
    let to = dir.path().join("saved.tp");
    let options = DoctorOptions { deep: true, salvage: Some(to.clone()), ..Default::default() };
    let found = doctor(&path, &options).unwrap();
    assert!(!found.ok);
    let of_records = found.findings.iter().filter(|finding| finding.text.contains("can't be read")).count();
    assert_eq!(of_records, 3, "{found:?}");
    let saved = found.salvaged.unwrap();
    assert!(!saved.ok && saved.broken.is_some());
    assert_eq!(saved.left.len(), 3);
    let before = entries(&store);
    let after = entries(&Store::open(&to).unwrap());
    assert_eq!(after.len(), before.len() - 3);
    assert!(after.iter().all(|(key, value)| before.get(key) == Some(value)));
}

/// The entries of a store, less what is worked out from others and may be made anew.
fn told(store: &Store) -> Entries {
    let mut all = entries(store);
    all.retain(|(space, key), _| {
        let derived = [Kind::Stream, Kind::StreamName, Kind::CallsInfo, Kind::ScoresInfo];
        let index = [Kind::IndexBatch, Kind::IndexRun, Kind::IndexBlock, Kind::IndexFilter];
        entry(*space, key).is_none_or(|(kind, _)| !derived.contains(&kind) && !index.contains(&kind))
    });
    all
}

/// Every page of a store once with zeros and once with noise. What is said to be lost is what is lost.
#[test]
#[allow(clippy::print_stdout)]
fn whatever_page_is_damaged_it_is_seen_and_the_rest_is_saved() {
    let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "." }).unwrap();
    let path = dir.path().join("store.tp");
    let store = Store::open(&path).unwrap();
    // The long run, see tests/README.md, takes a larger store.
    let long = std::env::var_os("TRIALPLATE_HOSTILE").is_some();
    crate::fuzzing::real::fill(&store, if long { 48 } else { 10 });
    let (all, counted) = (entries(&store), store.verify().unwrap());
    store.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    // What is saved of the whole file: batches that came together have become segments.
    let to = dir.path().join("whole.tp");
    let options = DoctorOptions { deep: true, salvage: Some(to.clone()), ..Default::default() };
    let found = doctor(&path, &options).unwrap();
    assert!(found.ok && found.salvaged.is_some_and(|saved| saved.ok && saved.lost.is_empty()));
    let saved = Store::open(&to).unwrap();
    assert_eq!(saved.verify().unwrap(), counted);
    let before = told(&saved);
    saved.close().unwrap();
    let pages = whole.len() / 4096;
    assert!((if long { 200..=400 } else { 80..=150 }).contains(&pages), "{pages}");
    let mut noise = 0x9E37_79B9_7F4A_7C15u64;
    let (mut sick, mut unused, mut saved_all, mut nothing_left, mut one_page, mut more) =
        (0, 0, 0, 0, 0, Vec::new());
    for page in 0..pages {
        for with_noise in [false, true] {
            let mut bytes = whole.clone();
            for byte in &mut bytes[page * 4096..(page + 1) * 4096] {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                *byte = if with_noise { noise as u8 } else { 0 };
            }
            let at = format!("page {page}, noise {with_noise}");
            let bad = dir.path().join("bad.tp");
            std::fs::write(&bad, &bytes).unwrap();
            let to = dir.path().join("saved.tp");
            let _ = std::fs::remove_file(&to);
            let options = DoctorOptions { deep: true, salvage: Some(to.clone()), ..Default::default() };
            let found = doctor(&bad, &options).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(std::fs::read(&bad).unwrap(), bytes, "{at}: nothing is written");
            assert_eq!(found.ok, found.findings.is_empty());
            let Some(saved) = found.salvaged.as_ref() else {
                panic!("{at}: nothing is saved: {found:?}");
            };
            let after = told(&Store::open(&to).unwrap());
            for (key, value) in &after {
                // A new file has a record of its own, and a segment may lack what belonged to something that is lost;
                // what else is there was there.
                let own = matches!(entry(key.0, &key.1), Some((Kind::Store | Kind::Calls | Kind::Scores, _)));
                assert!(own || before.get(key) == Some(value), "{at}: nothing is made up");
            }
            let lacks: Vec<&(Space, Vec<u8>)> =
                before.keys().filter(|key| !after.contains_key(*key)).collect();
            if found.ok {
                // The unused pages hold nothing, so all is there.
                assert!(saved.ok && saved.left.is_empty() && saved.lost.is_empty(), "{at}: {saved:?}");
                assert!(lacks.is_empty(), "{at}");
                unused += 1;
                continue;
            }
            sick += 1;
            if lacks.is_empty() {
                saved_all += 1;
                // A branch, the list of the parts, the header: what they led to is found without them, and nothing is
                // said to be lost. Of the index, which is made anew, it may be.
                let index = saved.left.iter().all(|left| left.part == "traces");
                assert!(saved.lost.is_empty() && index, "{at}: {saved:?}");
                nothing_left += usize::from(saved.left.is_empty());
                continue;
            }
            // Every entry that is not there is one that is named, or lies in a stretch that is.
            for (space, key) in &lacks {
                let part = crate::store::care::part_name(*space);
                // What belongs to calls that are lost goes with them.
                let column = entry(*space, key).is_some_and(|(kind, _)| kind >= Kind::Stream);
                if column && !saved.lost.is_empty() {
                    continue;
                }
                let inside = |left: &super::Left| {
                    left.part == part
                        && (left.key == super::shown(key)
                            || left.what.is_none() && in_stretch(key, left, &all, *space))
                };
                assert!(
                    saved.left.iter().any(inside),
                    "{at}: {part} {} is missing, and nobody says so",
                    super::shown(key)
                );
            }
            // A page of 4 KiB holds no more than that; but calls can lose what belongs to them, and a large record is lost whole.
            let size: usize = lacks.iter().map(|key| key.1.len() + before[*key].len()).sum();
            if size <= 4096 {
                one_page += 1;
            } else {
                more.push((page, lacks.len(), size));
            }
            // What the log and the records name is named.
            for name in &saved.lost {
                assert!(!name.is_empty() && !name.contains("could not be listed: "), "{at}: {name}");
            }
            for (space, key) in &lacks {
                let named = entry(*space, key).unwrap();
                if matches!(named.0, Kind::Version | Kind::DatasetVersion | Kind::Run)
                    && lacks.iter().all(|(space, _)| *space != Space::Log)
                {
                    assert!(saved.lost.contains(&named.1), "{at}: {} is not in {:?}", named.1, saved.lost);
                }
            }
        }
    }
    println!(
        "{pages} pages: {unused} unused, {sick} sick, of which all saved {saved_all} and nothing left behind {nothing_left}, \
         one page's worth lost {one_page}, more lost {}: {more:?}",
        more.len()
    );
    // At least the header and the list of the parts, with zeros and with noise.
    assert!(nothing_left >= 4, "{nothing_left}");
    assert!(sick > pages / 2 && one_page > sick / 2, "most pages are leaves");
    assert!(
        more.len() * 10 < sick && more.iter().all(|(_, _, size)| *size < 64 << 10),
        "nothing costs what it led to"
    );
}

/// Whether a key lies in the stretch that `left` names.
fn in_stretch(key: &[u8], left: &super::Left, all: &Entries, space: Space) -> bool {
    let place = |shown: &str| {
        let found = all.keys().filter(|(s, _)| *s == space).position(|(_, key)| super::shown(key) == shown);
        found.map(|at| at as isize)
    };
    let own = place(&super::shown(key));
    let low = if left.key.is_empty() { Some(-1) } else { place(&left.key) };
    let high = left.until.as_deref().map_or(Some(isize::MAX), place);
    own > low && own < high
}

#[test]
fn a_file_cut_short_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let store = fill(&path);
    store.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for part in [100, 4096, whole.len() / 3, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(&path, &whole[..part]).unwrap();
        let found = deep(&path);
        assert!(!found.ok, "{part}");
    }
}
