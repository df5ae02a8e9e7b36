//! One suite over the waist. Every implementation passes it: redb, memory, and an overlay over each.

use super::super::memory::Memory;
use super::super::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use super::{open, place};
use crate::error::{Error, Result};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Entries = Vec<(Vec<u8>, Vec<u8>)>;
type Op = Box<dyn FnOnce(&mut dyn Write) -> Result<Vec<Entries>> + Send>;
type Model = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Put(Space, Vec<u8>, Vec<u8>),
    Delete(Space, Vec<u8>),
}

#[derive(Debug, Clone)]
struct Query {
    space: Space,
    low: Vec<u8>,
    high: Vec<u8>,
    order: Order,
    limit: usize,
}

// Never empty and never of tag 0: that is the record of the store itself.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![1u8, 2, 3, 0xFE]), 1..3)
}

fn space() -> impl Strategy<Value = Space> {
    prop::sample::select(Space::ALL.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (space(), key(), prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(s, k, v)| Step::Put(s, k, v)),
        1 => (space(), key()).prop_map(|(s, k)| Step::Delete(s, k)),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let order = prop::sample::select(vec![Order::Ascending, Order::Descending]);
    (space(), key(), key(), order, 1..6usize).prop_map(|(space, low, high, order, limit)| Query {
        space,
        low,
        high,
        order,
        limit,
    })
}

fn apply(tx: &mut dyn Write, steps: &[Step]) -> Result<()> {
    for step in steps {
        match step {
            Step::Put(space, key, value) => tx.put(*space, key, value)?,
            Step::Delete(space, key) => tx.delete(*space, key)?,
        }
    }
    Ok(())
}

fn model_apply(model: &mut Model, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(space, key, value) => drop(model.insert((*space, key.clone()), value.clone())),
            Step::Delete(space, key) => drop(model.remove(&(*space, key.clone()))),
        }
    }
}

fn answer(tx: &dyn Read, query: &Query) -> Result<Entries> {
    let mut out = Vec::new();
    tx.scan(query.space, &query.low, &query.high, query.order, &mut |key, value| {
        // A visitor may read, also what is being scanned.
        assert_eq!(tx.get(query.space, key)?.as_deref(), Some(value));
        out.push((key.to_vec(), value.to_vec()));
        Ok(if out.len() == query.limit { Flow::Stop } else { Flow::Continue })
    })?;
    Ok(out)
}

fn model_answer(model: &Model, query: &Query) -> Entries {
    let inside = model
        .iter()
        .filter(|((space, key), _)| *space == query.space && *key >= query.low && *key < query.high);
    let mut all: Entries = inside.map(|((_, key), value)| (key.clone(), value.clone())).collect();
    if query.order == Order::Descending {
        all.reverse();
    }
    all.truncate(query.limit);
    all
}

/// What a test of the waist needs of an implementation.
trait Waist {
    fn write(&mut self, op: Op) -> Result<Vec<Entries>>;
    fn read(&self, op: &dyn Fn(&dyn Read) -> Result<Vec<Entries>>) -> Result<Vec<Entries>>;
}

impl Waist for super::Engine {
    fn write(&mut self, op: Op) -> Result<Vec<Entries>> {
        super::Engine::write(self, op)
    }

    fn read(&self, op: &dyn Fn(&dyn Read) -> Result<Vec<Entries>>) -> Result<Vec<Entries>> {
        super::Engine::read(self, op)
    }
}

impl Waist for Memory {
    fn write(&mut self, op: Op) -> Result<Vec<Entries>> {
        Memory::write(self, op)
    }

    fn read(&self, op: &dyn Fn(&dyn Read) -> Result<Vec<Entries>>) -> Result<Vec<Entries>> {
        op(self)
    }
}

/// Transactions against a model: each has steps, an end (kept or failed), and questions asked inside and after.
fn conforms(waist: &mut dyn Waist, rounds: &[(Vec<Step>, Vec<Query>, bool)]) {
    let mut model = Model::new();
    for (steps, queries, keep) in rounds {
        let mut inside = model.clone();
        model_apply(&mut inside, steps);
        let expected: Vec<Entries> = queries.iter().map(|query| model_answer(&inside, query)).collect();
        let (s, q, keep) = (steps.clone(), queries.clone(), *keep);
        let seen = waist.write(Box::new(move |tx| {
            apply(tx, &s)?;
            let seen = q.iter().map(|query| answer(tx, query)).collect::<Result<Vec<_>>>()?;
            if keep { Ok(seen) } else { Err(Error::InvalidContent { reason: format!("{seen:?}") }) }
        }));
        match seen {
            Ok(seen) => assert_eq!(seen, expected),
            Err(Error::InvalidContent { reason }) if !keep => assert_eq!(reason, format!("{expected:?}")),
            Err(error) => panic!("{error}"),
        }
        if keep {
            model = inside;
        }
        let after = waist.read(&|tx| queries.iter().map(|query| answer(tx, query)).collect()).unwrap();
        let expected: Vec<Entries> = queries.iter().map(|query| model_answer(&model, query)).collect();
        assert_eq!(after, expected);
    }
}

fn rounds(most: usize) -> impl Strategy<Value = Vec<(Vec<Step>, Vec<Query>, bool)>> {
    let round = (
        prop::collection::vec(step(), 0..8),
        prop::collection::vec(query(), 1..4),
        prop::bool::weighted(0.7),
    );
    prop::collection::vec(round, 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn memory_conforms(rounds in rounds(8)) {
        conforms(&mut Memory::default(), &rounds);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_engine_conforms(rounds in rounds(12)) {
        let place = place();
        conforms(&mut open(&place.path), &rounds);
    }
}

#[test]
fn prefixes_and_last_below() {
    let place = place();
    let engine = open(&place.path);
    engine
        .write(|tx| {
            for n in 0..10u8 {
                tx.put(Space::Log, &[b'x', n], &[n])?;
            }
            // Uncommitted and committed entries alike.
            assert_eq!(last_below(tx, Space::Log, b"x", &[b'x', 7])?, Some((vec![b'x', 6], vec![6])));
            tx.delete(Space::Log, &[b'x', 6])?;
            assert_eq!(last_below(tx, Space::Log, b"x", &[b'x', 7])?, Some((vec![b'x', 5], vec![5])));
            Ok(())
        })
        .unwrap();
    engine
        .read(|tx| {
            let mut seen = 0;
            scan_prefix(tx, Space::Log, b"x", Order::Descending, &mut |_, _| {
                seen += 1;
                Ok(Flow::Continue)
            })?;
            assert_eq!(seen, 9);
            assert_eq!(last_below(tx, Space::Rows, b"x", b"y")?, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_visitors_error_ends_the_scan_and_is_handed_on() {
    let place = place();
    let engine = open(&place.path);
    super::put(&engine, "a", "1").unwrap();
    let failed = engine.read(|tx| {
        tx.scan(Space::Refs, b"a", b"b", Order::Ascending, &mut |_, _| Err(Error::ReasonRequired))
    });
    assert_eq!(failed.unwrap_err().code(), "reason-required");
}

#[test]
fn a_reader_sees_one_state_while_others_write() {
    let place = place();
    let engine = open(&place.path);
    super::put(&engine, "a", "1").unwrap();
    engine
        .read(|tx| {
            super::put(&engine, "a", "2").unwrap();
            super::put(&engine, "b", "2").unwrap();
            assert_eq!(tx.get(Space::Refs, b"a")?.unwrap(), b"1");
            assert_eq!(tx.get(Space::Refs, b"b")?, None);
            Ok(())
        })
        .unwrap();
    assert_eq!(super::get(&engine, b"a").unwrap(), b"2");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Many entries of one transaction, between those that are there and in their places: in runs, pages, and one by one.
    #[test]
    fn what_goes_in_at_once_is_what_would_go_in_one_by_one(
        before in prop::collection::btree_map(0u16..2_000, 0usize..900, 0..300),
        dense in (0u16..1_500, 0u16..500),
        more in prop::collection::btree_map(0u16..2_000, 0usize..900, 0..300),
        gone in prop::collection::btree_set(0u16..2_000, 0..40),
    ) {
        let place = place();
        let engine = open(&place.path);
        let entry = |n: u16, size: usize| ([&[7][..], &n.to_be_bytes()].concat(), vec![n as u8; size]);
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let first: Entries = before.iter().map(|(n, size)| entry(*n, *size)).collect();
        let run = (dense.0..dense.0 + dense.1).map(|n| entry(n, 40));
        let second: Entries = more.iter().map(|(n, size)| entry(*n, *size)).chain(run).collect();
        let gone: Vec<Vec<u8>> = gone.iter().map(|n| entry(*n, 0).0).collect();
        model.extend(first.iter().cloned());
        model.extend(second.iter().cloned());
        gone.iter().for_each(|key| drop(model.remove(key)));
        engine.write(move |tx| first.iter().try_for_each(|(k, v)| tx.put(Space::Rows, k, v))).unwrap();
        engine
            .write(move |tx| {
                second.iter().try_for_each(|(k, v)| tx.put(Space::Rows, k, v))?;
                gone.iter().try_for_each(|k| tx.delete(Space::Rows, k))
            })
            .unwrap();
        let mut found = BTreeMap::new();
        engine
            .read(|tx| {
                tx.scan(Space::Rows, &[7], &[8], Order::Ascending, &mut |key, value| {
                    found.insert(key.to_vec(), value.to_vec());
                    Ok(Flow::Continue)
                })
            })
            .unwrap();
        prop_assert_eq!(found, model);
    }
}
