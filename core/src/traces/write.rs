//! Logging a trace.

use serde_json::Value;

use super::texts::Texts;
use super::{Archive, FactsRecord, TraceRecord, fold, scores, stream};
use crate::codec::canonical::to_canonical;
use crate::codec::record::encode;
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::{FOREIGN_ID_RULE, NAME_RULE, PromptName, TraceId, foreign_id, plain};
use crate::model::time::Timestamp;
use crate::model::trace::{NewTrace, TraceFacts};
use crate::storage::kv::{Space, Write};
use crate::storage::layout;

/// Texts that are larger together are refused.
const MAX_TRACE: usize = 8 << 20;
/// Up to here JSON numbers are exact.
const MAX_TOKENS: u64 = 1 << 53;

/// A trace that passed every check that needs no store.
pub(crate) struct Draft {
    pub(crate) id: TraceId,
    pub(crate) prompt: PromptName,
    at: Timestamp,
    trace: NewTrace,
    input: Option<String>,
    output: Option<String>,
    metadata: Option<String>,
}

/// What a trace says about an experiment.
pub(crate) struct Exposed {
    pub(crate) trace: TraceId,
    pub(crate) experiment: Option<String>,
    pub(crate) variant: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) stratum: Option<String>,
}

impl Draft {
    pub(crate) fn new(prompt: &str, trace: NewTrace, now: Timestamp) -> Result<Draft> {
        let prompt = prompt.parse()?;
        // What can't be written as text could not be read again.
        let at = trace.at.unwrap_or(now).writable()?;
        let id = trace.trace_id.as_deref().map_or_else(|| Ok(TraceId::new(at)), str::parse)?;
        let refuse = |reason: String| Err(Error::InvalidTrace { trace: id.to_string(), reason });
        for (what, value) in [("latency_ms", trace.latency_ms), ("cost_usd", trace.cost_usd)] {
            if value.is_some_and(|x| !x.is_finite() || x < 0.0) {
                return refuse(format!("{what} must be a finite number of 0 or more"));
            }
        }
        if [trace.tokens_in, trace.tokens_out].iter().flatten().any(|&n| n > MAX_TOKENS) {
            return refuse("tokens are counted up to 2^53".to_owned());
        }
        if trace.user.as_deref().is_some_and(|user| !foreign_id(user)) {
            return refuse(format!("a user is {FOREIGN_ID_RULE}"));
        }
        let names =
            [("experiment", &trace.experiment), ("variant", &trace.variant), ("stratum", &trace.stratum)];
        for (what, name) in names {
            if name.as_deref().is_some_and(|name| !plain(name)) {
                return refuse(format!("{what} must be {NAME_RULE}, or absent"));
            }
        }
        let text = |what: &str, value: &Option<Value>| {
            value.as_ref().map(to_canonical).transpose().map_err(|error| error.within(what))
        };
        let (input, output, metadata) = (
            text("input", &trace.input)?,
            text("output", &trace.output)?,
            text("metadata", &trace.metadata)?,
        );
        let draft = Draft { id, prompt, at, trace, input, output, metadata };
        if draft.bytes() > MAX_TRACE {
            let bytes = draft.bytes() as u64;
            return Err(Error::TooLarge { what: "a trace", bytes, limit: MAX_TRACE as u64 });
        }
        Ok(draft)
    }

    pub(crate) fn names_an_experiment(&self) -> bool {
        self.trace.experiment.is_some()
    }

    /// What it says about an experiment.
    pub(crate) fn exposed(&self) -> Exposed {
        Exposed {
            trace: self.id.clone(),
            experiment: self.trace.experiment.clone(),
            variant: self.trace.variant.clone(),
            user: self.trace.user.clone(),
            stratum: self.trace.stratum.clone(),
        }
    }

    /// With a variant, unless it names one.
    pub(crate) fn with_variant(mut self, variant: Option<String>) -> Draft {
        self.trace.variant = self.trace.variant.or(variant);
        self
    }

    /// What it counts with, and what it says at length.
    pub(super) fn parts(self, version: u32) -> (TraceFacts, Texts) {
        let Draft { id, at, trace, input, output, metadata, .. } = self;
        let facts = TraceFacts {
            trace_id: id,
            at,
            place: None,
            version,
            user: trace.user,
            experiment: trace.experiment,
            variant: trace.variant,
            stratum: trace.stratum,
            latency_ms: trace.latency_ms,
            cost_usd: trace.cost_usd,
            tokens_in: trace.tokens_in,
            tokens_out: trace.tokens_out,
        };
        (facts, Texts { input, output, error: trace.error, metadata })
    }

    /// How many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.input, &self.output, &self.metadata, &self.trace.error];
        texts.into_iter().flatten().map(String::len).sum()
    }
}

/// Writes a trace of a version that is there.
pub(crate) fn log(tx: &mut dyn Write, version: u32, version_id: ContentId, draft: Draft) -> Result<()> {
    if scores::waits(tx, &draft.id)? || Archive::new(&*tx).locate_one(&draft.id)?.is_some() {
        return Err(Error::TraceExists { trace: draft.id.to_string() });
    }
    let prompt = draft.prompt.clone();
    let mut stream = stream::find_or_make(tx, &prompt)?;
    let (facts, texts) = draft.parts(version);
    put_row(tx, &prompt, version_id, facts, texts)?;
    stream.waiting += 1;
    fold::settle(tx, &prompt, &mut stream)?;
    stream::save(tx, &prompt, &stream)
}

/// Writes a trace as rows that wait.
pub(super) fn put_row(
    tx: &mut dyn Write,
    prompt: &PromptName,
    version_id: ContentId,
    facts: TraceFacts,
    texts: Texts,
) -> Result<()> {
    let key = layout::trace_facts(prompt.as_str(), facts.at, facts.trace_id.as_str());
    let (place, at) = (layout::trace(facts.trace_id.as_str()), facts.at);
    let record = FactsRecord {
        version: facts.version,
        user: facts.user,
        experiment: facts.experiment,
        variant: facts.variant,
        stratum: facts.stratum,
        latency_ms: facts.latency_ms,
        cost_usd: facts.cost_usd,
        tokens_in: facts.tokens_in,
        tokens_out: facts.tokens_out,
    };
    tx.put(Space::Traces, key.bytes(), &encode(&record)?)?;
    let Texts { input, output, error, metadata } = texts;
    let record = TraceRecord { prompt: prompt.clone(), at, version_id, input, output, error, metadata };
    tx.put(Space::Traces, place.bytes(), &encode(&record)?)
}
