//! Reading traces: one, or one after another in the order of time.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use serde_json::Value;

use super::segment::{Call, Calls};
use super::texts::Texts;
use super::{Archive, FactsRecord, TraceRecord, damaged, scores, stream, texts};
use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::name::{PromptName, TraceId};
use crate::model::time::Timestamp;
use crate::model::trace::{Trace, TraceFacts};
use crate::storage::keys::after_prefix;
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

/// So many waiting rows are read at a time.
const CHUNK: usize = 256;

fn facts(id: TraceId, at: Timestamp, record: FactsRecord) -> TraceFacts {
    let FactsRecord {
        version,
        user,
        experiment,
        variant,
        stratum,
        latency_ms,
        cost_usd,
        tokens_in,
        tokens_out,
    } = record;
    TraceFacts {
        trace_id: id,
        at,
        place: None,
        version,
        user,
        experiment,
        variant,
        stratum,
        latency_ms,
        cost_usd,
        tokens_in,
        tokens_out,
    }
}

/// A waiting row as what it counts with, and its prompt.
pub(super) fn waiting_row(key: &[u8], value: &[u8]) -> Result<(String, TraceFacts)> {
    let in_key = layout::in_trace_facts(key);
    let (prompt, at, id) = in_key.ok_or_else(|| damaged("its key is malformed"))?;
    Ok((prompt, facts(id.parse()?, at, decode(value)?)))
}

/// A span of time: from `since` on, and before `until`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Span {
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether it leaves anything out.
    pub(super) fn bounded(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether some of a segment may lie in it.
    pub(super) fn touches(&self, oldest: i64, newest: i64) -> bool {
        self.since.is_none_or(|since| since.as_micros() <= newest)
            && self.until.is_none_or(|until| oldest < until.as_micros())
    }
}

/// Where a page ended: the time and the id of its last trace.
pub(crate) type Place = (Timestamp, TraceId);

/// Rows of a segment that are still to come, the newest last.
struct Rows {
    calls: Rc<Calls>,
    order: Vec<u32>,
}

impl Rows {
    fn new(calls: Rc<Calls>, span: Span, behind: Option<&Place>) -> Rows {
        let place = |row: u32| (calls.at(row as usize), calls.ids.get(row as usize));
        let fits = |&row: &u32| {
            span.holds(calls.at(row as usize))
                && behind.is_none_or(|(at, id)| match calls.at(row as usize).cmp(at) {
                    std::cmp::Ordering::Equal => calls.ids.get(row as usize).as_str() < id.as_str(),
                    order => order.is_lt(),
                })
        };
        let mut order: Vec<u32> = (0..calls.len() as u32).filter(fits).collect();
        if order.windows(2).any(|pair| calls.at(pair[0] as usize) >= calls.at(pair[1] as usize)) {
            order.sort_by_cached_key(|&row| place(row));
        }
        Rows { calls, order }
    }

    fn head(&self) -> Option<(Timestamp, String)> {
        let row = *self.order.last()? as usize;
        Some((self.calls.at(row), self.calls.ids.get(row)))
    }
}

impl<T: Read + ?Sized> Archive<'_, T> {
    /// The stream of a prompt; 0, which has nothing, if there is none.
    pub(super) fn stream(&self, prompt: &PromptName) -> Result<u32> {
        Ok(stream::find(self.tx, prompt)?.map_or(0, |stream| stream.number))
    }

    /// Visits a prompt's traces, newest first; with a place, only what comes behind it.
    pub(crate) fn visit(
        &self,
        prompt: &PromptName,
        span: Span,
        behind: Option<&Place>,
        f: &mut dyn FnMut(TraceFacts) -> Result<Flow>,
    ) -> Result<()> {
        let number = self.stream(prompt)?;
        let listed = self.listed(number)?;
        let mut closed: Vec<(u64, i64)> = listed
            .iter()
            .filter(|(_, info)| span.touches(info.oldest, info.newest))
            .filter(|(_, info)| behind.is_none_or(|(at, _)| info.oldest <= at.as_micros()))
            .map(|(number, info)| (*number, info.newest))
            .collect();
        // The newest one last.
        closed.sort_by_key(|(number, newest)| (*newest, *number));
        let mut open: Vec<Rows> = Vec::new();
        let mut rows = self.waiting(prompt, span, behind);
        loop {
            let head = rows.head()?;
            let mut best = head.map(|facts| (facts.at, facts.trace_id.to_string()));
            let mut from = None;
            for (i, rows) in open.iter().enumerate() {
                let head = rows.head();
                if head > best {
                    (best, from) = (head, Some(i));
                }
            }
            // A segment is opened when nothing that is open is newer than all of it.
            let unseen = closed.last().map(|(_, newest)| *newest);
            if let Some(newest) = unseen
                && best.as_ref().is_none_or(|(at, _)| at.as_micros() <= newest)
            {
                if let Some((segment, _)) = closed.pop() {
                    open.push(Rows::new(self.whole(number, segment)?, span, behind));
                    open.retain(|rows| !rows.order.is_empty());
                }
                continue;
            }
            let facts = match from {
                Some(i) => {
                    let rows = &mut open[i];
                    let row = rows.order.pop().unwrap_or_default();
                    let facts = rows.calls.facts(row as usize)?;
                    open.retain(|rows| !rows.order.is_empty());
                    facts
                }
                None => match rows.take() {
                    Some(facts) => facts,
                    None => return Ok(()),
                },
            };
            if f(facts)? == Flow::Stop {
                return Ok(());
            }
        }
    }

    fn waiting(&self, prompt: &PromptName, span: Span, behind: Option<&Place>) -> Waiting<'_, T> {
        let name = prompt.as_str();
        let all = layout::trace_facts_of(name);
        let low = span.since.map_or_else(|| all.clone(), |since| layout::trace_facts_from(name, since));
        let mut high = match span.until {
            Some(until) => layout::trace_facts_from(name, until).bytes().to_vec(),
            None => after_prefix(all.bytes()),
        };
        if let Some((at, id)) = behind {
            high = high.min(layout::trace_facts(name, *at, id.as_str()).bytes().to_vec());
        }
        Waiting { tx: self.tx, low: low.bytes().to_vec(), high, next: VecDeque::new(), done: false }
    }

    /// A trace with its scores.
    pub(crate) fn load(&self, id: &TraceId) -> Result<Trace> {
        if let Some(bytes) = self.tx.get(Space::Traces, layout::trace(id.as_str()).bytes())? {
            let record: TraceRecord = decode(&bytes)?;
            let key = layout::trace_facts(record.prompt.as_str(), record.at, id.as_str());
            let Some(bytes) = self.tx.get(Space::Traces, key.bytes())? else {
                return Err(damaged(format!("the trace {id} has no facts")));
            };
            let facts = facts(id.clone(), record.at, decode(&bytes)?);
            let TraceRecord { prompt, version_id, input, output, error, metadata, .. } = record;
            let mut trace = whole(prompt, version_id, facts, Texts { input, output, error, metadata })?;
            trace.scores = scores::waiting(self.tx, id)?;
            return Ok(trace);
        }
        let missing = || Error::TraceNotFound { trace: id.to_string() };
        let (number, place) = self.locate_one(id)?.ok_or_else(missing)?;
        let Call { facts, version_id, texts, .. } = self.call(number, place)?.ok_or_else(missing)?;
        let texts = if texts { texts::load(self.tx, number, place)? } else { Texts::default() };
        let mut trace = whole(stream::prompt_of(self.tx, number)?, version_id, facts, texts)?;
        trace.scores = self.scores(number, place, None)?;
        Ok(trace)
    }
}

fn whole(
    prompt: PromptName,
    version_id: crate::model::id::ContentId,
    facts: TraceFacts,
    texts: Texts,
) -> Result<Trace> {
    let value = |text: Option<String>| -> Result<Option<Value>> {
        text.as_deref().map(serde_json::from_str).transpose().map_err(damaged)
    };
    Ok(Trace {
        trace_id: facts.trace_id,
        prompt,
        version: facts.version,
        version_id,
        at: facts.at,
        input: value(texts.input)?,
        output: value(texts.output)?,
        error: texts.error,
        latency_ms: facts.latency_ms,
        cost_usd: facts.cost_usd,
        tokens_in: facts.tokens_in,
        tokens_out: facts.tokens_out,
        user: facts.user,
        experiment: facts.experiment,
        variant: facts.variant,
        stratum: facts.stratum,
        metadata: value(texts.metadata)?,
        scores: Vec::new(),
    })
}

/// Rows that wait, newest first.
struct Waiting<'t, T: ?Sized> {
    tx: &'t T,
    low: Vec<u8>,
    high: Vec<u8>,
    next: VecDeque<TraceFacts>,
    done: bool,
}

impl<T: Read + ?Sized> Waiting<'_, T> {
    fn head(&mut self) -> Result<Option<&TraceFacts>> {
        if self.next.is_empty() && !self.done {
            let (next, mut high) = (&mut self.next, None);
            self.tx.scan(Space::Traces, &self.low, &self.high, Order::Descending, &mut |key, value| {
                next.push_back(waiting_row(key, value)?.1);
                high = Some(key.to_vec());
                Ok(if next.len() == CHUNK { Flow::Stop } else { Flow::Continue })
            })?;
            self.done = self.next.len() < CHUNK;
            self.high = high.unwrap_or_default();
        }
        Ok(self.next.front())
    }

    fn take(&mut self) -> Option<TraceFacts> {
        self.next.pop_front()
    }
}

/// Visits a prompt's traces, newest first.
pub(crate) fn visit(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    span: Span,
    f: &mut dyn FnMut(TraceFacts) -> Result<Flow>,
) -> Result<()> {
    Archive::new(tx).visit(prompt, span, None, f)
}

/// The prompts that have, or had, traces.
pub(crate) fn prompts(tx: &(impl Read + ?Sized)) -> Result<Vec<PromptName>> {
    let mut names = BTreeSet::new();
    scan_prefix(tx, Space::Traces, layout::streams().bytes(), Order::Ascending, &mut |key, _| {
        names.extend(layout::prompt_in_stream(key));
        Ok(Flow::Continue)
    })?;
    // Those of a file that was written before there were streams.
    let all = layout::all_trace_facts();
    let (mut low, high) = (all.bytes().to_vec(), after_prefix(all.bytes()));
    loop {
        // From one prompt to the next, without a look at what lies between.
        let mut found = None;
        tx.scan(Space::Traces, &low, &high, Order::Ascending, &mut |key, _| {
            found = layout::in_trace_facts(key);
            Ok(Flow::Stop)
        })?;
        let Some((prompt, ..)) = found else { break };
        low = after_prefix(layout::trace_facts_of(&prompt).bytes());
        names.insert(prompt);
    }
    names.iter().map(|name| name.parse()).collect()
}
