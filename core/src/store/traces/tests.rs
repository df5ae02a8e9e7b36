//! Traces against a plain model, and the queue of those who don't wait.

use std::collections::BTreeMap;
use std::sync::mpsc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::content::Content;
use crate::model::score::ScoreValue;
use crate::storage::kv::Space;
use crate::storage::layout;
use crate::traces::Pruned;

fn shop() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    for prompt in ["p", "q"] {
        store.publish(prompt, Content::text("one"), Default::default()).unwrap();
        store.publish(prompt, Content::text("two"), Default::default()).unwrap();
    }
    (dir, store)
}

fn named(id: &str) -> NewTrace {
    NewTrace { trace_id: Some(id.to_owned()), ..NewTrace::default() }
}

fn log(store: &Store, id: &str) {
    store.log("p", &1.into(), named(id), Durability::Soon).unwrap();
}

fn score(store: &Store, id: &str, value: f64) {
    store.score(id, "quality", NewScore::new(ScoreValue::Number(value)), Durability::Soon).unwrap();
}

#[test]
fn what_went_wrong_is_raised_once_and_counted() {
    let (_dir, store) = shop();
    log(&store, "a");
    log(&store, "a");
    store.log("p", &9.into(), named("b"), Durability::Soon).unwrap();
    score(&store, "nobody", 1.0);
    // A read waits, and leaves the errors to `flush`.
    assert_eq!(store.traces(&TraceFilter::default()).unwrap().traces.len(), 1);
    let error = store.flush().unwrap_err();
    assert_eq!((error.code(), error.kind().as_str()), ("trace-exists", "already-exists"));
    assert!(error.to_string().ends_with("failed_calls=`3`"), "{error}");
    store.flush().unwrap();
    score(&store, "nobody", 1.0);
    assert_eq!(store.close().unwrap_err().code(), "trace-not-found");
    assert!(store.is_closed());
    store.close().unwrap();
    assert_eq!(store.flush().unwrap_err().code(), "closed");
    assert_eq!(store.log("p", &1.into(), named("c"), Durability::Soon).unwrap_err().code(), "closed");
}

/// What has nothing to take away writes nothing: no stream, no commit, no event.
#[test]
fn pruning_nothing_writes_nothing() {
    let (_dir, store) = shop();
    let before = || Timestamp::from_micros(i64::MAX / 2);
    let entries = || {
        let mut n = 0;
        store
            .read(|tx| {
                tx.scan(Space::Traces, &[], &[0xFF; 2], crate::storage::kv::Order::Ascending, &mut |_, _| {
                    n += 1;
                    Ok(Flow::Continue)
                })
            })
            .unwrap();
        n
    };
    let commits = || store.engine.commits().unwrap();
    let (written, events) = (commits(), store.events(0, usize::MAX).unwrap().len());
    assert_eq!(store.prune(before(), Some("p")).unwrap(), Pruned::default());
    assert_eq!(store.prune(before(), None).unwrap(), Pruned::default());
    assert_eq!((entries(), commits(), store.events(0, usize::MAX).unwrap().len()), (0, written, events));
    log(&store, "a");
    store.flush().unwrap();
    let (written, there) = (commits(), entries());
    assert_eq!(store.prune(Timestamp::from_micros(0), None).unwrap(), Pruned::default());
    assert_eq!((entries(), commits()), (there, written));
    assert_eq!(store.prune(before(), None).unwrap().traces, 1);
    assert_eq!(commits(), written + 1);
    assert!(store.verify().unwrap().ok);
}

#[test]
fn closing_waits_and_a_read_only_handle_refuses_at_once() {
    let (dir, store) = shop();
    for i in 0..3_000 {
        log(&store, &i.to_string());
    }
    store.close().unwrap();
    let path = dir.path().join("store.tp");
    let store = crate::OpenOptions::new().read_only(true).open(path).unwrap();
    assert_eq!(store.verify().unwrap().traces, 3_000);
    assert_eq!(store.log("p", &1.into(), named("x"), Durability::Soon).unwrap_err().code(), "read-only");
    assert_eq!(store.summary("p", "latency_ms", &LiveFilter::default()).unwrap().figures.missing, 3_000);
}

#[test]
fn many_threads_log_more_than_may_be_on_their_way() {
    let (_dir, store) = shop();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..4_000 {
                    log(store, &format!("{thread}-{i}"));
                }
                // Its own ones are there for whoever logged them.
                store.trace(&format!("{thread}-3999")).unwrap();
            });
        }
    });
    store.flush().unwrap();
    assert_eq!(store.verify().unwrap().traces, 16_000);
}

#[test]
fn large_texts_wait_for_each_other() {
    let (_dir, store) = shop();
    let large = Value::from("x".repeat(7 << 20));
    for i in 0..12 {
        let trace = NewTrace { output: Some(large.clone()), ..named(&i.to_string()) };
        store.log("p", &1.into(), trace, Durability::Soon).unwrap();
    }
    store.flush().unwrap();
    let page = store.traces(&TraceFilter::default()).unwrap();
    assert_eq!((page.traces.len(), page.next.is_some()), (3, true), "a page ends where it grows too large");
    let trace = NewTrace { output: Some("x".repeat(9 << 20).into()), ..named("y") };
    assert_eq!(store.log("p", &1.into(), trace, Durability::Soon).unwrap_err().code(), "too-large");
}

#[test]
fn in_the_background_calls_are_durable_and_in_order() {
    let (_dir, store) = shop();
    let (tell, told) = mpsc::channel();
    let call = |verb: &str, arguments: Value| {
        let (tell, name) = (tell.clone(), verb.to_owned());
        store.call_in_background(verb, arguments.to_string(), move |result| {
            tell.send((name, result.map_err(|error| error.code()))).unwrap();
        });
    };
    log(&store, "a");
    log(&store, "a");
    call("log", json!({"prompt": "p", "version": 1, "trace_id": "b"}));
    call("log", json!({"prompt": "p", "version": 1, "trace_id": "a"}));
    call("score", json!({"trace_id": "b", "metric": "quality", "value": 1}));
    call("flush", json!({}));
    call("summary", json!({"prompt": "p", "metric": "quality"}));
    call("flush", json!({}));
    let outcomes: Vec<_> = told.iter().take(6).map(|(verb, result)| (verb, result.err())).collect();
    let expected = [
        ("log", None),
        ("log", Some("trace-exists")),
        ("score", None),
        ("flush", Some("trace-exists")),
        ("summary", None),
        ("flush", None),
    ];
    assert_eq!(outcomes, expected.map(|(verb, error)| (verb.to_owned(), error)));
    // A callback may log and close: it must not wait for itself.
    let (handle, tell) = (store.clone(), tell.clone());
    store.call_in_background("info", "{}", move |_| {
        log(&handle, "from-a-callback");
        let closed = handle.close().map_err(|error| error.code());
        tell.send(("closed".to_owned(), closed.map(|()| String::new()))).unwrap();
    });
    assert_eq!(told.recv().unwrap(), ("closed".to_owned(), Ok(String::new())));
}

#[test]
fn verify_sees_what_belongs_to_nothing() {
    type Damage = fn(&mut dyn crate::storage::kv::Write) -> Result<()>;
    let damages: [(Damage, &str); 3] = [
        (|tx| tx.delete(Space::Traces, layout::trace("a").bytes()), "trace=`a`"),
        (
            |tx| {
                let key = layout::trace_facts("p", Timestamp::from_micros(5), "a");
                tx.delete(Space::Traces, key.bytes())
            },
            "2 traces are there, but 1 are found",
        ),
        (|tx| tx.delete(Space::Refs, layout::version("p", 2).bytes()), "no such version"),
    ];
    for (damage, said) in damages {
        let (_dir, store) = shop();
        let at = Some(Timestamp::from_micros(5));
        store.log("p", &1.into(), NewTrace { at, ..named("a") }, Durability::Soon).unwrap();
        store.log("p", &2.into(), NewTrace { at, ..named("b") }, Durability::Soon).unwrap();
        score(&store, "a", 1.0);
        let whole = store.verify().unwrap();
        assert_eq!((whole.ok, whole.traces, whole.scores), (true, 2, 1));
        store.write(move |tx, _| damage(tx)).unwrap();
        let broken = store.verify().unwrap();
        assert!(broken.broken.as_ref().is_some_and(|text| text.contains(said)), "{said}: {broken:?}");
    }
}

#[test]
fn times_are_ordered_on_both_sides_of_1970() {
    let (_dir, store) = shop();
    let times = [-3_000_000_000_000_000, -1, 0, 1, 1_795_456_800_123_456];
    for at in times {
        let trace = NewTrace { at: Some(Timestamp::from_micros(at)), ..named(&at.to_string()) };
        store.log("p", &1.into(), trace, Durability::Soon).unwrap();
    }
    let listed: Vec<i64> = store
        .traces(&TraceFilter::default())
        .unwrap()
        .traces
        .iter()
        .rev()
        .map(|t| t.at.as_micros())
        .collect();
    assert_eq!(listed, times);
    let until = Some(Timestamp::from_micros(0));
    let summary = store.summary("p", "latency_ms", &LiveFilter { until, ..Default::default() }).unwrap();
    assert_eq!(summary.figures.traces, 2);
    let never = NewTrace { at: Some(Timestamp::from_micros(i64::MAX)), ..named("never") };
    assert_eq!(store.log("p", &1.into(), never, Durability::Soon).unwrap_err().code(), "invalid-time");
}

/// One call in the plain model.
#[derive(Debug, Clone)]
struct Plain {
    prompt: &'static str,
    version: u32,
    day: i64,
    user: Option<&'static str>,
    variant: Option<&'static str>,
    /// In the order in which they were given.
    scores: Vec<(usize, Option<u8>)>,
}

fn plain() -> impl Strategy<Value = Plain> {
    let user = prop::option::of(prop::sample::select(vec!["u1", "u2"]));
    let variant = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let scores = prop::collection::vec((0..4usize, prop::option::of(0..6u8)), 0..4);
    (prop::sample::select(vec!["p", "q"]), 1..3u32, 0..4i64, user, variant, scores).prop_map(
        |(prompt, version, day, user, variant, scores)| Plain { prompt, version, day, user, variant, scores },
    )
}

impl Plain {
    fn newest(&self, only: Option<usize>) -> BTreeMap<usize, Option<u8>> {
        self.scores.iter().copied().filter(|(source, _)| only.is_none_or(|only| only == *source)).collect()
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_micros(1_795_392_000_000_000 + self.day * 86_400_000_000)
    }
}

/// n, missing and the sum of the values.
fn counted<'a>(calls: impl Iterator<Item = &'a Plain>, only: Option<usize>) -> (u64, u64, f64) {
    let (mut n, mut missing, mut sum) = (0, 0, 0.0);
    for call in calls {
        let newest = call.newest(only);
        let values: Vec<f64> = newest.values().flatten().map(|x| f64::from(*x)).collect();
        if !values.is_empty() {
            n += 1;
            sum += values.iter().sum::<f64>() / values.len() as f64;
        } else if !newest.is_empty() {
            missing += 1;
        }
    }
    (n, missing, sum)
}

fn said(figures: &crate::compare::live::LiveFigures) -> (u64, u64, f64) {
    if let Some(histogram) = &figures.histogram {
        assert_eq!(histogram.counts.iter().sum::<u64>(), figures.n);
    }
    (figures.n, figures.missing, figures.mean.unwrap_or(0.0) * figures.n as f64)
}

fn near(a: (u64, u64, f64), b: (u64, u64, f64)) {
    assert_eq!((a.0, a.1), (b.0, b.1));
    assert!((a.2 - b.2).abs() < 1e-9, "{a:?} {b:?}");
}

/// Every question about the store is answered as the plain model answers it.
fn agrees(store: &Store, calls: &BTreeMap<String, Plain>, limit: usize) {
    // Listed page by page.
    for (prompt, user) in [(None, None), (Some("p"), None), (None, Some("u1")), (Some("q"), Some("u2"))] {
        let fits =
            |call: &Plain| prompt.is_none_or(|p| call.prompt == p) && (user.is_none() || call.user == user);
        let fitting = calls.iter().filter(|(_, call)| fits(call));
        let mut expected: Vec<_> = fitting.map(|(id, call)| (call.at(), id.clone())).collect();
        expected.sort_by(|a, b| b.cmp(a));
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let filter = TraceFilter {
                prompt: prompt.map(str::to_owned),
                user: user.map(str::to_owned),
                limit: Some(limit),
                cursor,
                ..TraceFilter::default()
            };
            let page = store.traces(&filter).unwrap();
            assert!(page.traces.len() <= limit);
            for trace in &page.traces {
                let call = &calls[trace.trace_id.as_str()];
                let given: Vec<_> =
                    trace.scores.iter().map(|s| (s.source as usize, s.value.clone())).collect();
                let mut expected: Vec<_> = call.scores.iter().map(|(n, x)| (*n, value(*x))).collect();
                expected.sort_by_key(|(source, _)| *source);
                assert_eq!(given, expected, "{}", trace.trace_id);
                assert_eq!(trace.output, Some(call.output().into()), "{}", trace.trace_id);
            }
            listed.extend(page.traces.iter().map(|t| (t.at, t.trace_id.to_string())));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected);
    }
    // Summed up, whole and by group.
    let of = |prompt| calls.values().filter(move |call| call.prompt == prompt);
    for source in [None, Some(0), Some(2)] {
        let each = [GroupBy::Version, GroupBy::Variant, GroupBy::Day, GroupBy::Source];
        let pairs = each.iter().flat_map(|a| each.iter().filter(move |b| *b != a).map(move |b| vec![*a, *b]));
        for by in each.iter().map(|one| vec![*one]).chain(pairs) {
            let filter = LiveFilter {
                by: by.clone(),
                source: source.map(|n| ScoreSource::ALL[n]),
                ..LiveFilter::default()
            };
            let found = store.summary("p", "quality", &filter).unwrap();
            assert_eq!(found.figures.traces as usize, of("p").count());
            near(said(&found.figures), counted(of("p"), source));
            for group in &found.groups {
                let name = serde_json::to_value(&group.group).unwrap();
                let names = if by.len() == 1 { vec![name] } else { name.as_array().unwrap().clone() };
                let is = |call: &&Plain| {
                    by.iter().zip(&names).all(|(by, name)| match by {
                        GroupBy::Version => *name == call.version,
                        GroupBy::Variant => *name == json!(call.variant),
                        GroupBy::Day => *name == call.at().to_string()[..10],
                        _ => call.scores.iter().any(|(n, _)| *name == ScoreSource::ALL[*n].as_str()),
                    })
                };
                let by_source = by.iter().position(|by| *by == GroupBy::Source);
                let only = by_source
                    .map_or(source, |i| ScoreSource::ALL.iter().position(|s| names[i] == s.as_str()));
                assert_eq!(group.figures.traces as usize, of("p").filter(is).count());
                near(said(&group.figures), counted(of("p").filter(is), only));
            }
            if !by.contains(&GroupBy::Source) {
                let all: u64 = found.groups.iter().map(|group| group.figures.traces).sum();
                assert_eq!(all, found.figures.traces);
            }
        }
    }
    // The best and the worst.
    for order in [TraceOrder::Highest, TraceOrder::Lowest] {
        let filter = TraceFilter {
            prompt: Some("p".to_owned()),
            metric: Some("quality".to_owned()),
            order,
            limit: Some(limit),
            ..TraceFilter::default()
        };
        let found = store.traces(&filter).unwrap();
        let value = |call: &Plain| {
            let (n, _, sum) = counted(std::iter::once(call), None);
            (n > 0).then_some(sum)
        };
        let mut values: Vec<f64> = of("p").filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        if order == TraceOrder::Highest {
            values.reverse();
        }
        values.truncate(limit);
        let listed: Vec<f64> =
            found.traces.iter().filter_map(|t| value(&calls[t.trace_id.as_str()])).collect();
        assert_eq!(listed, values);
    }
    let report = store.verify().unwrap();
    assert!(report.ok, "{:?}", report.broken);
    assert_eq!(report.traces as usize, calls.len());
    assert_eq!(report.scores as usize, calls.values().map(|call| call.scores.len()).sum::<usize>());
}

fn value(x: Option<u8>) -> ScoreValue {
    x.map_or(ScoreValue::Missing, |x| ScoreValue::Number(x.into()))
}

impl Plain {
    /// Some of them long, and the same for many calls.
    fn output(&self) -> String {
        format!("{} {}", self.prompt, "said ".repeat(if self.version == 1 { 2 } else { 150 }))
    }

    fn trace(&self, id: &str) -> NewTrace {
        NewTrace {
            at: Some(self.at()),
            user: self.user.map(str::to_owned),
            variant: self.variant.map(str::to_owned),
            output: Some(self.output().into()),
            ..named(id)
        }
    }

    fn given(&self) -> Vec<NewScore> {
        let score = |(source, x): &(usize, Option<u8>)| {
            NewScore::new(value(*x)).from_source(ScoreSource::ALL[*source])
        };
        self.scores.iter().map(score).collect()
    }
}

/// What happens to the next calls.
#[derive(Debug, Clone)]
enum Step {
    /// One by one, each with its scores.
    Single(usize),
    /// Together, with their first scores; the others come together.
    Many(usize),
    /// So many later scores, on calls that were made before; one by one, or together.
    Late(Vec<(prop::sample::Index, usize, Option<u8>)>, bool),
    /// What was made before a day goes.
    Prune(i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let late =
        prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, prop::option::of(0..6u8)), 1..14);
    prop_oneof![
        3 => (1..14usize).prop_map(Step::Single),
        3 => (1..30usize).prop_map(Step::Many),
        3 => (late, any::<bool>()).prop_map(|(scores, many)| Step::Late(scores, many)),
        1 => (0..4i64).prop_map(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_model_agrees(new in prop::collection::vec(plain(), 90), steps in prop::collection::vec(step(), 1..9), limit in 1..7usize) {
        let (dir, mut store) = shop();
        store.metric("quality", Default::default()).unwrap();
        let mut calls: BTreeMap<String, Plain> = BTreeMap::new();
        let mut new = new.into_iter().enumerate().map(|(i, call)| (format!("{i:03}"), call));
        for step in steps {
            match step {
                Step::Single(n) => for (id, call) in new.by_ref().take(n) {
                    store.log(call.prompt, &call.version.into(), call.trace(&id), Durability::Soon).unwrap();
                    for score in call.given() {
                        store.score(&id, "quality", score, Durability::Soon).unwrap();
                    }
                    calls.insert(id, call);
                },
                Step::Many(n) => {
                    let (mut logged, mut later) = (Vec::new(), Vec::new());
                    for (id, call) in new.by_ref().take(n) {
                        let mut scores = call.given().into_iter().map(|score| ("quality".to_owned(), score));
                        logged.push(LoggedCall {
                            prompt: call.prompt.to_owned(),
                            version: call.version.into(),
                            trace: call.trace(&id),
                            scores: scores.by_ref().take(1).collect(),
                        });
                        later.extend(scores.map(|(metric, score)| GivenScore { trace_id: id.clone(), metric, score }));
                        calls.insert(id, call);
                    }
                    let again = logged.first().cloned();
                    store.log_many(logged).unwrap();
                    store.score_many(later).unwrap();
                    if let Some(again) = again {
                        prop_assert_eq!(store.log_many(vec![again]).unwrap_err().code(), "trace-exists");
                    }
                }
                Step::Late(scores, many) => {
                    let ids: Vec<String> = calls.keys().cloned().collect();
                    let mut given = Vec::new();
                    for (which, source, x) in scores {
                        if ids.is_empty() { break }
                        let trace_id = which.get(&ids).clone();
                        calls.get_mut(&trace_id).unwrap().scores.push((source, x));
                        let score = NewScore::new(value(x)).from_source(ScoreSource::ALL[source]);
                        given.push(GivenScore { trace_id, metric: "quality".to_owned(), score });
                    }
                    if many {
                        store.score_many(given).unwrap();
                    } else {
                        for GivenScore { trace_id, metric, score } in given {
                            store.score(&trace_id, &metric, score, Durability::Soon).unwrap();
                        }
                    }
                }
                Step::Prune(day) => {
                    let before = Timestamp::from_micros(1_795_392_000_000_000 + day * 86_400_000_000);
                    let gone: Vec<String> = calls.iter().filter(|(_, call)| call.at() < before).map(|(id, _)| id.clone()).collect();
                    let scores: usize = gone.iter().map(|id| calls[id].scores.len()).sum();
                    let pruned = store.prune(before, None).unwrap();
                    prop_assert_eq!((pruned.traces as usize, pruned.scores as usize), (gone.len(), scores));
                    for id in gone {
                        prop_assert_eq!(store.trace(&id).unwrap_err().code(), "trace-not-found");
                        calls.remove(&id);
                    }
                }
                Step::Reopen => {
                    store.close().unwrap();
                    store = Store::open(dir.path().join("store.tp")).unwrap();
                }
            }
            store.flush().unwrap();
        }
        agrees(&store, &calls, limit);
    }
}
