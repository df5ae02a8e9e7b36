//! Canaries in a store: what verify sees, what one transaction writes, what is refused before anything is.

use serde_json::json;

use super::*;
use crate::model::canary::CanaryState;
use crate::model::content::Content;
use crate::model::dataset::NewItem;
use crate::model::run::NewRow;
use crate::model::score::{ScoreConfig, ScoreValue};
use crate::storage::kv::{Space, Write};
use crate::storage::layout;
use crate::store::RunOptions;

fn shop() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    store.publish("p", Content::text("one"), Default::default()).unwrap();
    let item = |i| NewItem { key: Some(format!("q{i}")), ..Default::default() };
    store.dataset_add("d", (10..30).map(item).collect()).unwrap();
    let config: ScoreConfig = serde_json::from_value(json!({"min": 0, "max": 100})).unwrap();
    store.metric("quality", config).unwrap();
    store.canary("c", plan()).unwrap();
    (dir, store)
}

fn plan() -> NewCanary {
    NewCanary { version: Some(1.into()), baseline: 10, ..NewCanary::new("p", "d", &["quality"]) }
}

fn finished(store: &Store, score: f64) -> RunId {
    let run = store.start_run("p", &1.into(), "d", RunOptions::default()).unwrap().id;
    let row = |i| {
        let scores = [("quality".to_owned(), ScoreValue::Number(score))].into();
        (format!("q{i}"), 1, NewRow { output: Some("x".into()), scores, ..Default::default() })
    };
    store.record_all(run, (10..30).map(row).collect()).unwrap();
    store.finish_run(run).unwrap();
    run
}

#[test]
fn verify_sees_a_canary_that_was_changed() {
    type Damage = fn(&mut dyn Write) -> Result<()>;
    let damages: [(Damage, &str); 6] = [
        (|tx| tx.delete(Space::Refs, layout::canary("c").bytes()), "of the canary c is gone"),
        (
            |tx| tx.delete(Space::Refs, layout::canary_entry("c", 3).bytes()),
            "entry 3 of the canary c is gone",
        ),
        (|tx| tx.delete(Space::Refs, layout::canary_entry("c", 1).bytes()), "entry 1 of the canary c is not"),
        (
            |tx| {
                let bytes = tx.get(Space::Refs, layout::canary_entry("c", 1).bytes())?.unwrap();
                tx.put(Space::Refs, layout::canary_entry("c", 2).bytes(), &bytes)
            },
            "entry 2 of the canary c is not",
        ),
        (
            |tx| {
                // The last score of the last item, as the record's last double before the anchor that is none.
                let key = layout::canary_entry("c", 2);
                let mut bytes = tx.get(Space::Refs, key.bytes())?.unwrap();
                let at = bytes.len() - 2;
                bytes[at] ^= 1;
                tx.put(Space::Refs, key.bytes(), &bytes)
            },
            "the canary c holds other scores than its run",
        ),
        (
            |tx| {
                let mut canary = crate::drift::store::load(tx, &"c".parse()?)?;
                canary.alarm = 1_000.0;
                crate::drift::store::save(tx, canary)
            },
            "the canary c is not what the log says it is",
        ),
    ];
    for (damage, said) in damages {
        let (_dir, store) = shop();
        for score in [80.0, 81.0, 82.0] {
            store.canary_record("c", finished(&store, score), None).unwrap();
        }
        let whole = store.verify().unwrap();
        assert_eq!((whole.ok, whole.canaries), (true, 1), "{whole:?}");
        store.write(move |tx, _| damage(tx)).unwrap();
        let broken = store.verify().unwrap();
        assert!(broken.broken.as_ref().is_some_and(|text| text.contains(said)), "{said}: {broken:?}");
    }
}

#[test]
fn what_is_refused_writes_nothing() {
    let (_dir, store) = shop();
    let open = store.start_run("p", &1.into(), "d", RunOptions::default()).unwrap().id;
    let before = store.events(0, usize::MAX).unwrap().len();
    let infinite = NewCanary { alarm: f64::INFINITY, ..plan() };
    let none = NewCanary { floor: f64::NAN, ..plan() };
    for (name, plan) in [("i", infinite), ("n", none), ("a", NewCanary { alarm: f64::NAN, ..plan() })] {
        assert_eq!(store.canary(name, plan).unwrap_err().code(), "invalid-argument");
    }
    assert_eq!(store.canary_record("c", open, None).unwrap_err().code(), "invalid-argument");
    assert_eq!(store.canary_confirm("c", "x").unwrap_err().code(), "no-alarm");
    assert_eq!(store.canary_plan(" c").unwrap_err().code(), "invalid-name");
    assert_eq!(store.events(0, usize::MAX).unwrap().len(), before);
}

/// Two readers can't see different states: what `record` returns is what `status` and a second handle say.
#[test]
fn every_reader_says_the_same() {
    let (dir, store) = shop();
    let other = Store::open(dir.path().join("store.tp")).unwrap();
    for i in 0..14 {
        let score = if i < 12 { 80.0 + f64::from(i % 3) } else { 40.0 };
        let said = store.canary_record("c", finished(&store, score), None).unwrap();
        assert_eq!(said, store.canary_status("c").unwrap());
        assert_eq!(vec![said.clone()], other.canaries().unwrap());
        let step = other.canary_history("c").unwrap().pop().unwrap();
        assert_eq!((step.m, step.state), (said.m, said.state));
    }
    assert_eq!(store.canary_status("c").unwrap().state, CanaryState::Alarm);
}
