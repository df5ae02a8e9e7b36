//! Reading traces: one, a page of them, or what all of them count with.

use serde_json::Value;

use super::{FactsRecord, TraceRecord, scores};
use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::name::{PromptName, TraceId};
use crate::model::time::Timestamp;
use crate::model::trace::{Trace, TraceFacts};
use crate::storage::keys::after_prefix;
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

fn damaged(reason: impl ToString) -> Error {
    Error::DamagedRecord { record: "trace", reason: reason.to_string() }
}

fn record(tx: &(impl Read + ?Sized), id: &TraceId) -> Result<TraceRecord> {
    let bytes = tx.get(Space::Traces, layout::trace(id.as_str()).bytes())?;
    decode(&bytes.ok_or_else(|| Error::TraceNotFound { trace: id.to_string() })?)
}

fn facts(id: TraceId, at: Timestamp, value: &[u8]) -> Result<TraceFacts> {
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
    } = decode(value)?;
    Ok(TraceFacts {
        trace_id: id,
        at,
        version,
        user,
        experiment,
        variant,
        stratum,
        latency_ms,
        cost_usd,
        tokens_in,
        tokens_out,
    })
}

/// A trace with its scores.
pub(crate) fn load(tx: &(impl Read + ?Sized), id: &TraceId) -> Result<Trace> {
    let record = record(tx, id)?;
    let key = layout::trace_facts(record.prompt.as_str(), record.at, id.as_str());
    let Some(bytes) = tx.get(Space::Traces, key.bytes())? else {
        return Err(damaged(format!("the trace {id} has no facts")));
    };
    let facts = facts(id.clone(), record.at, &bytes)?;
    let value = |text: Option<String>| -> Result<Option<Value>> {
        text.as_deref().map(serde_json::from_str).transpose().map_err(damaged)
    };
    Ok(Trace {
        scores: scores::all(tx, id)?,
        trace_id: facts.trace_id,
        prompt: record.prompt,
        version: facts.version,
        version_id: record.version_id,
        at: record.at,
        input: value(record.input)?,
        output: value(record.output)?,
        error: record.error,
        latency_ms: facts.latency_ms,
        cost_usd: facts.cost_usd,
        tokens_in: facts.tokens_in,
        tokens_out: facts.tokens_out,
        user: facts.user,
        experiment: facts.experiment,
        variant: facts.variant,
        stratum: facts.stratum,
        metadata: value(record.metadata)?,
    })
}

/// A span of time: from `since` on, and before `until`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// Where a page ended: the time and the id of its last trace.
pub(crate) type Place = (Timestamp, TraceId);

/// Visits a prompt's traces, newest first; with a place, only what comes behind it.
pub(crate) fn visit(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    span: Span,
    behind: Option<&Place>,
    f: &mut dyn FnMut(TraceFacts) -> Result<Flow>,
) -> Result<()> {
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
    tx.scan(Space::Traces, low.bytes(), &high, Order::Descending, &mut |key, value| {
        let (_, at, id) = layout::in_trace_facts(key).ok_or_else(|| damaged("its key is malformed"))?;
        f(facts(id.parse()?, at, value)?)
    })
}

/// The prompts that have traces.
pub(crate) fn prompts(tx: &(impl Read + ?Sized)) -> Result<Vec<PromptName>> {
    let all = layout::all_trace_facts();
    let (mut low, high) = (all.bytes().to_vec(), after_prefix(all.bytes()));
    let mut prompts: Vec<PromptName> = Vec::new();
    loop {
        // From one prompt to the next, without a look at what lies between.
        let mut found = None;
        tx.scan(Space::Traces, &low, &high, Order::Ascending, &mut |key, _| {
            found = layout::in_trace_facts(key);
            Ok(Flow::Stop)
        })?;
        let Some((prompt, ..)) = found else { return Ok(prompts) };
        low = after_prefix(layout::trace_facts_of(&prompt).bytes());
        prompts.push(prompt.parse()?);
    }
}

/// Every trace with its version, for `verify`: each must have its two entries, and no entry stands alone.
pub(crate) fn check(
    tx: &dyn Read,
    version: &mut dyn FnMut(&PromptName, u32) -> Result<crate::model::id::ContentId>,
) -> Result<u64> {
    let (mut texts, mut counted) = (0u64, 0u64);
    scan_prefix(tx, Space::Traces, layout::traces().bytes(), Order::Ascending, &mut |_, value| {
        decode::<TraceRecord>(value)?;
        texts += 1;
        Ok(Flow::Continue)
    })?;
    scan_prefix(
        tx,
        Space::Traces,
        layout::all_trace_facts().bytes(),
        Order::Ascending,
        &mut |key, value| {
            let (prompt, at, id) =
                layout::in_trace_facts(key).ok_or_else(|| damaged("its key is malformed"))?;
            let id: TraceId = id.parse()?;
            let record = record(tx, &id)?;
            if record.prompt.as_str() != prompt || record.at != at {
                return Err(damaged(format!("the trace {id} is not where its record says")));
            }
            let facts = facts(id, at, value)?;
            if version(&record.prompt, facts.version)? != record.version_id {
                return Err(damaged(format!(
                    "the trace {} names another content of {prompt} version {}",
                    facts.trace_id, facts.version
                )));
            }
            counted += 1;
            Ok(Flow::Continue)
        },
    )?;
    if texts != counted {
        return Err(damaged(format!("{texts} traces are there, but {counted} are found by their time")));
    }
    Ok(counted)
}
