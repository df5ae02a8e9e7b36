//! A clock that goes backwards, stands still and jumps ahead.

use serde_json::json;

use super::*;
use crate::model::content::Content;
use crate::model::dataset::NewItem;
use crate::model::run::NewRow;
use crate::model::selector::Selector;
use crate::model::trace::NewTrace;
use crate::storage::kv::{Flow, Order, Space};

const NOON: i64 = 1_795_456_800_000_000;
const HOUR: i64 = 3_600_000_000;

fn set_clock(hours: i64) {
    Timestamp::set_clock(Timestamp::from_micros(NOON + hours * HOUR));
}

#[test]
fn what_is_in_the_log_stays_in_order_whatever_the_clock_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let mut store = Store::open(&path).unwrap();
    // In 1926 too, before the times that ids can hold.
    let clocks = [0, 2, 1, -5, -5, 3, -876_000, 0, 3, 876_000, 1];
    for (n, hours) in clocks.into_iter().enumerate() {
        set_clock(hours);
        let v = store.publish("p", Content::text(format!("text {n}")), Default::default()).unwrap();
        assert_eq!(v.number() as usize, n + 1);
        let moved = store.set_label("p", "production", &(&v).into(), MoveOptions::default()).unwrap();
        // As of the move's own time it is there, and not an earlier one that a later clock wrote.
        let then = store.get("p", Selector::LabelAt("production".into(), moved.at)).unwrap();
        assert_eq!(then.number(), v.number(), "{hours}");
        let then = store.get("p", Selector::LabelAt("latest".into(), v.created_at())).unwrap();
        assert_eq!(then.number(), v.number(), "{hours}");
        if n % 4 == 2 {
            store.close().unwrap();
            store = Store::open(&path).unwrap();
        }
    }
    let history = store.history("p", "production").unwrap();
    assert!(history.is_sorted_by(|a, b| a.at <= b.at && a.seq < b.seq && a.to == b.from), "{history:?}");
    assert_eq!(history.iter().map(|m| m.to).collect::<Vec<_>>(), (1..=11).map(Some).collect::<Vec<_>>());
    let events = store.events(0, usize::MAX).unwrap();
    assert!(events.is_sorted_by(|a, b| a.at <= b.at && a.seq < b.seq));
    let versions = store.versions("p").unwrap();
    assert!(versions.is_sorted_by(|a, b| a.created_at() <= b.created_at()));
    // Before the clock jumped ahead, and after it came back, which in the log is the same moment.
    let before = store.get("p", Selector::LabelAt("production".into(), history[8].at)).unwrap();
    assert_eq!(before.number(), 9);
    assert_eq!(store.rollback("p", "production", None, None).unwrap().to, Some(10));
    assert!(store.verify().unwrap().ok);
}

#[test]
fn runs_are_listed_and_judged_in_the_order_in_which_they_were_started() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    set_clock(0);
    store.publish("p", Content::text("text"), Default::default()).unwrap();
    let item = NewItem { key: Some("k".to_owned()), ..NewItem::default() };
    store.dataset_add("d", vec![item]).unwrap();
    let mut started = Vec::new();
    for hours in [5, 3, 3, -100, 4, 6, 0] {
        set_clock(hours);
        let run = store.start_run("p", &1.into(), "d", RunOptions::default()).unwrap();
        set_clock(hours - 1);
        store.record(run.id, "k", 1, NewRow { output: Some(json!(hours)), ..NewRow::default() }).unwrap();
        let run = store.finish_run(run.id).unwrap().run;
        assert!(run.finished_at >= Some(run.started_at));
        started.push(run.id);
    }
    let listed: Vec<_> = store.runs(None).unwrap().iter().map(|run| run.id).collect();
    assert_eq!(listed, started);
    assert!(store.verify().unwrap().ok);
}

#[test]
fn traces_are_where_their_own_time_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    set_clock(0);
    store.publish("p", Content::text("text"), Default::default()).unwrap();
    let mut logged = Vec::new();
    for hours in [5, 3, 4, -100, 6] {
        set_clock(hours);
        for durability in [Durability::Soon, Durability::Now] {
            let trace = NewTrace { output: Some(json!(hours)), ..NewTrace::default() };
            logged.push((hours, store.log("p", &1.into(), trace, durability).unwrap()));
        }
    }
    store.flush().unwrap();
    let page = store.traces(&TraceFilter::default()).unwrap();
    let mut found: Vec<_> = page.traces.iter().map(|trace| trace.at).collect();
    found.reverse();
    assert!(found.is_sorted(), "the newest first");
    assert_eq!(found.len(), logged.len());
    for (hours, id) in &logged {
        assert_eq!(store.trace(id.as_str()).unwrap().output, Some(json!(hours)));
    }
    assert!(store.verify().unwrap().ok);
}

/// A calibration is held against the log: what became of it otherwise is named.
#[test]
fn a_damaged_calibration_is_named() {
    let judged = || {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store.tp")).unwrap();
        store.publish("p", Content::text("text"), Default::default()).unwrap();
        for i in 0..12 {
            let id = format!("t{i}");
            let call = |verb, arguments: serde_json::Value| store.call(verb, &arguments.to_string()).unwrap();
            call("log", json!({"prompt": "p", "version": 1, "trace_id": id}));
            let judge = json!({"name": "q", "kind": "judge", "config": {"model": "m"}});
            call(
                "score",
                json!({"trace_id": id, "metric": "q", "value": i % 5, "source": "judge", "judge": judge}),
            );
            call("score", json!({"trace_id": id, "metric": "q", "value": i % 4, "source": "human"}));
        }
        store
            .calibrate("q", CalibrateOptions { prompt: Some("p".to_owned()), ..Default::default() })
            .unwrap();
        store
            .calibrate("q", CalibrateOptions { prompt: Some("p".to_owned()), ..Default::default() })
            .unwrap();
        (dir, store)
    };
    let (_dir, store) = judged();
    let report = store.verify().unwrap();
    assert_eq!((report.ok, report.calibrations), (true, 1), "{report:?}");
    type Damage = fn(Vec<u8>) -> Option<Vec<u8>>;
    let damages: [(Damage, &str); 3] = [
        (|_| None, "is gone, but the log says it is there"),
        (|bytes| Some(bytes[..bytes.len() - 1].to_vec()), "can't be read"),
        (|bytes| Some(replaced(bytes, "\"units\":12", "\"units\":11")), "is not what the log says it is"),
    ];
    for (damage, said) in damages {
        let (_dir, store) = judged();
        store
            .engine
            .write(move |tx| {
                let mut entry = None;
                let prefix = crate::storage::layout::calibrations();
                crate::storage::kv::scan_prefix(
                    &*tx,
                    Space::Refs,
                    prefix.bytes(),
                    Order::Ascending,
                    &mut |k, v| {
                        entry = Some((k.to_vec(), v.to_vec()));
                        Ok(Flow::Continue)
                    },
                )?;
                let (key, value) = entry.unwrap();
                match damage(value.clone()) {
                    Some(changed) => {
                        assert_ne!(changed, value);
                        tx.put(Space::Refs, &key, &changed)
                    }
                    None => tx.delete(Space::Refs, &key),
                }
            })
            .unwrap();
        let report = store.verify().unwrap();
        assert!(!report.ok);
        let broken = report.broken.unwrap();
        assert!(
            broken.starts_with("the calibration of q for judge b3:") && broken.contains(said),
            "{broken}"
        );
    }
}

/// With one text in the place of another of the same length; what has none of it as it is.
fn replaced(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    if let Some(at) = bytes.windows(from.len()).position(|part| part == from.as_bytes()) {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}
