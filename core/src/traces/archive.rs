//! Reading calls and scores out of the columns, one at a time: what was unpacked is kept for the next question.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::segment::{Call, Calls, Scored, Scores};
use super::stream::{self, Info, Shelf};
use super::{LateScore, index};
use crate::codec::hash::fingerprint;
use crate::error::Result;
use crate::model::name::{MetricName, TraceId};
use crate::model::trace::TraceScore;
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

/// So many segments of calls, and of each metric's scores, are kept unpacked.
const KEPT: usize = 4;

/// A segment of scores, sorted by place for looking one up.
struct Sorted {
    rows: Vec<Scored>,
}

impl Sorted {
    fn of(&self, place: u64) -> impl Iterator<Item = &Scored> {
        let from = self.rows.partition_point(|row| row.place < place);
        self.rows[from..].iter().take_while(move |row| row.place == place)
    }
}

type Segments = Vec<(u64, Info)>;
type Listed = Rc<Segments>;
/// Each metric's segments.
type ByMetric = Rc<Vec<(String, Segments)>>;
/// What was unpacked last, the newest last.
type Unpacked<K, S> = RefCell<Vec<(K, Rc<S>)>>;

/// One transaction's view of the columns.
pub(crate) struct Archive<'t, T: Read + ?Sized> {
    pub(super) tx: &'t T,
    calls_listed: RefCell<BTreeMap<u32, Listed>>,
    scores_listed: RefCell<BTreeMap<u32, ByMetric>>,
    calls: Unpacked<(u32, u64), Calls>,
    scores: Unpacked<(u32, String, u64), Sorted>,
}

impl<'t, T: Read + ?Sized> Archive<'t, T> {
    pub(crate) fn new(tx: &'t T) -> Archive<'t, T> {
        Archive {
            tx,
            calls_listed: RefCell::default(),
            scores_listed: RefCell::default(),
            calls: RefCell::default(),
            scores: RefCell::default(),
        }
    }

    pub(super) fn locate_one(&self, id: &TraceId) -> Result<Option<(u32, u64)>> {
        Ok(index::find(self.tx, &[fingerprint(id.as_str())])?.pop().flatten())
    }

    pub(super) fn listed(&self, stream: u32) -> Result<Listed> {
        if let Some(listed) = self.calls_listed.borrow().get(&stream) {
            return Ok(listed.clone());
        }
        let listed = Rc::new(Shelf::Calls(stream).list(self.tx)?);
        self.calls_listed.borrow_mut().insert(stream, listed.clone());
        Ok(listed)
    }

    /// A whole segment of calls.
    pub(super) fn whole(&self, stream: u32, number: u64) -> Result<Rc<Calls>> {
        let key = (stream, number);
        let mut kept = self.calls.borrow_mut();
        if let Some(at) = kept.iter().position(|(found, _)| *found == key) {
            let found = kept.remove(at);
            kept.push(found.clone());
            return Ok(found.1);
        }
        let calls = Rc::new(Calls::decode(&Shelf::Calls(stream).read(self.tx, number)?)?);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((key, calls.clone()));
        Ok(calls)
    }

    pub(super) fn call(&self, stream: u32, place: u64) -> Result<Option<Call>> {
        let listed = self.listed(stream)?;
        let at = listed.partition_point(|(_, info)| info.last < place);
        let Some((number, _)) = listed.get(at).filter(|(_, info)| info.first <= place) else {
            return Ok(None);
        };
        let calls = self.whole(stream, *number)?;
        calls.places.binary_search(&place).ok().map(|row| calls.call(row)).transpose()
    }

    fn metrics(&self, stream: u32) -> Result<ByMetric> {
        if let Some(listed) = self.scores_listed.borrow().get(&stream) {
            return Ok(listed.clone());
        }
        let mut listed: Vec<(String, Segments)> = Vec::new();
        for (metric, number, info) in stream::scores_listed(self.tx, stream)? {
            match listed.last_mut() {
                Some((last, infos)) if *last == metric => infos.push((number, info)),
                _ => listed.push((metric, vec![(number, info)])),
            }
        }
        let listed = Rc::new(listed);
        self.scores_listed.borrow_mut().insert(stream, listed.clone());
        Ok(listed)
    }

    fn sorted(&self, stream: u32, metric: &str, number: u64) -> Result<Rc<Sorted>> {
        let key = (stream, metric.to_owned(), number);
        let mut kept = self.scores.borrow_mut();
        if let Some(at) = kept.iter().position(|(found, _)| *found == key) {
            let found = kept.remove(at);
            kept.push(found.clone());
            return Ok(found.1);
        }
        let mut rows = Vec::new();
        let scores = Scores::decode(&Shelf::Scores(stream, metric).read(self.tx, number)?)?;
        scores.visit(&mut |row| {
            rows.push(row);
            Ok(())
        })?;
        // Stable: those of one place stay in the order in which they were given.
        rows.sort_by_key(|row| row.place);
        let sorted = Rc::new(Sorted { rows });
        let of_metric = kept.iter().filter(|((.., found, _), _)| found == metric).count();
        if of_metric >= KEPT
            && let Some(oldest) = kept.iter().position(|((_, found, _), _)| found == metric)
        {
            kept.remove(oldest);
        }
        kept.push((key, sorted.clone()));
        Ok(sorted)
    }

    /// The scores of a place, of one metric or of all: by metric and source, in the order in which they were given.
    pub(super) fn scores(
        &self,
        stream: u32,
        place: u64,
        metric: Option<&MetricName>,
    ) -> Result<Vec<TraceScore>> {
        let mut found = Vec::new();
        for (name, infos) in self.metrics(stream)?.iter() {
            if metric.is_some_and(|metric| metric.as_str() != name) {
                continue;
            }
            for (number, _) in infos.iter().filter(|(_, info)| (info.first..=info.last).contains(&place)) {
                for score in self.sorted(stream, name, *number)?.of(place) {
                    let Scored { source, value, at, judge, comment, .. } = score.clone();
                    let comment = self.comment(stream, comment)?;
                    found.push(TraceScore { metric: name.parse()?, value, source, comment, judge, at });
                }
            }
        }
        let late = layout::late_scores(stream, place);
        scan_prefix(self.tx, Space::Traces, late.bytes(), Order::Ascending, &mut |_, value| {
            let score = LateScore::read(value)?;
            if metric.is_none_or(|metric| *metric == score.metric) {
                found.push(score);
            }
            Ok(Flow::Continue)
        })?;
        found.sort_by(|a, b| (&a.metric, a.source).cmp(&(&b.metric, b.source)));
        Ok(found)
    }

    fn comment(&self, stream: u32, number: u64) -> Result<Option<String>> {
        if number == 0 {
            return Ok(None);
        }
        let bytes = self.tx.get(Space::Traces, layout::score_comment(stream, number).bytes())?;
        let bytes = bytes.ok_or_else(|| super::damaged("the comment of a score is missing"))?;
        String::from_utf8(bytes).map(Some).map_err(super::damaged)
    }
}
