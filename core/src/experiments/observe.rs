//! Traces become what each unit did.

use std::collections::BTreeMap;

use super::exposures::Exposure;
use super::record::Stored;
use crate::error::Result;
use crate::model::experiment::Covariate;
use crate::model::name::{MetricName, PromptName};
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, ScoreSource, TraceFacts, TraceScore};
use crate::stats;
use crate::storage::kv::{Flow, Read};
use crate::traces::Archive;
use crate::traces::read::Span;

/// Old scores are looked for in so many of the newest traces.
const MOST_OLD_TRACES: usize = 100_000;

/// What is asked of each trace.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) metric: MetricName,
    pub(super) source: Option<ScoreSource>,
}

/// One response, and what counts of it.
pub(super) struct Response {
    pub(super) at: Timestamp,
    pub(super) stratum: Option<String>,
    figure: Option<f64>,
    scores: Vec<TraceScore>,
}

impl Response {
    fn read(
        archive: &Archive<'_, impl Read + ?Sized>,
        prompt: &PromptName,
        facts: &TraceFacts,
        asked: &Asked,
    ) -> Result<Response> {
        let figure = Figure::of(asked.metric.as_str());
        let mut scores = match figure {
            Some(_) => Vec::new(),
            None => archive.of_metric(facts, prompt, &asked.metric)?,
        };
        scores.retain(|score| asked.source.is_none_or(|source| source == score.source));
        let figure = figure.and_then(|figure| facts.figure(figure));
        Ok(Response { at: facts.at, stratum: facts.stratum.clone(), figure, scores })
    }

    /// The scores that count at a moment: each source's newest.
    pub(super) fn current(&self, until: Option<Timestamp>) -> BTreeMap<ScoreSource, &TraceScore> {
        let seen = self.scores.iter().filter(|score| until.is_none_or(|until| score.at <= until));
        seen.map(|score| (score.source, score)).collect()
    }

    /// The response's value at a moment; several sources are averaged.
    pub(super) fn value(&self, until: Option<Timestamp>) -> Option<f64> {
        if let Some(figure) = self.figure {
            return until.is_none_or(|until| self.at <= until).then_some(figure);
        }
        let numbers: Vec<Option<f64>> =
            self.current(until).values().map(|score| score.value.as_number()).collect();
        stats::mean_of_repeats(&numbers)
    }

    /// When it was first given a value, and which.
    pub(super) fn first(&self) -> Option<(Timestamp, f64)> {
        if let Some(figure) = self.figure {
            return Some((self.at, figure));
        }
        let readable = self.scores.iter().filter_map(|s| s.value.as_number().map(|x| (s.at, x)));
        readable.min_by_key(|(at, _)| *at)
    }
}

/// One enrolled unit.
pub(super) struct Unit {
    pub(super) exposure: Exposure,
    /// Whether traces say that it had another variant, or another version, than it was given.
    pub(super) in_two_arms: bool,
    /// In the order of their time.
    pub(super) responses: Vec<Response>,
    /// What the plan's covariate is for it.
    pub(super) covariate: Option<f64>,
    /// Milliseconds, US dollars: what each response carries.
    pub(super) latency_ms: Vec<f64>,
    pub(super) cost_usd: Vec<f64>,
}

impl Unit {
    /// The values of its responses at a moment.
    pub(super) fn values(&self, until: Option<Timestamp>) -> Vec<f64> {
        self.responses.iter().filter_map(|response| response.value(until)).collect()
    }

    /// When it was first scored on any response.
    pub(super) fn scored_at(&self) -> Option<Timestamp> {
        self.responses.iter().filter_map(|response| response.first().map(|(at, _)| at)).min()
    }

    /// The first value of its first response, which never changes once it is there.
    pub(super) fn first_value(&self) -> Option<(Timestamp, f64)> {
        self.responses.first()?.first()
    }

    /// The stratum of its exposure, or of its first response.
    pub(super) fn stratum(&self) -> Option<&str> {
        let first = || self.responses.first().and_then(|response| response.stratum.as_deref());
        self.exposure.stratum.as_deref().or_else(first)
    }

    /// Whether its responses lie in several strata.
    pub(super) fn has_several_strata(&self) -> bool {
        let first = self.responses.first().map(|response| &response.stratum);
        self.responses.iter().any(|response| Some(&response.stratum) != first)
    }
}

/// What an experiment has seen.
pub(super) struct Seen {
    /// In the order of enrolment.
    pub(super) units: Vec<Unit>,
    /// Traces of the experiment whose user is not enrolled, or that name no user.
    pub(super) strays: u64,
}

/// Reads the traces of an experiment.
pub(super) fn observe(
    tx: &(impl Read + ?Sized),
    stored: &Stored,
    enrolled: Vec<Exposure>,
    asked: &Asked,
) -> Result<Seen> {
    let places: BTreeMap<String, usize> =
        enrolled.iter().enumerate().map(|(i, exposure)| (exposure.unit.clone(), i)).collect();
    let unit = |exposure| Unit {
        exposure,
        in_two_arms: false,
        responses: Vec::new(),
        covariate: None,
        latency_ms: Vec::new(),
        cost_usd: Vec::new(),
    };
    let mut seen = Seen { units: enrolled.into_iter().map(unit).collect(), strays: 0 };
    let plan = stored.plan();
    let archive = Archive::new(tx);
    archive.visit(&plan.prompt, Span::default(), None, &mut |facts| {
        if facts.experiment.as_deref() != Some(stored.name().as_str()) {
            return Ok(Flow::Continue);
        }
        let Some(&place) = facts.user.as_deref().and_then(|user| places.get(user)) else {
            seen.strays += 1;
            return Ok(Flow::Continue);
        };
        let unit = &mut seen.units[place];
        let given = plan.variants.get(unit.exposure.variant);
        let same = given.is_some_and(|given| {
            given.version == facts.version && facts.variant.as_ref().is_none_or(|name| *name == given.name)
        });
        unit.in_two_arms |= !same;
        unit.responses.push(Response::read(&archive, &plan.prompt, &facts, asked)?);
        unit.latency_ms.extend(facts.latency_ms);
        unit.cost_usd.extend(facts.cost_usd);
        Ok(Flow::Continue)
    })?;
    for unit in &mut seen.units {
        // They came newest first.
        unit.responses.reverse();
        unit.latency_ms.reverse();
        unit.cost_usd.reverse();
    }
    Ok(seen)
}

/// Old scores: each user's values on traces that are older than the experiment, oldest last.
pub(super) fn old_values(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    until: Timestamp,
    asked: &Asked,
    fits: impl Fn(&TraceFacts) -> bool,
) -> Result<Vec<(TraceFacts, f64)>> {
    let mut found = Vec::new();
    let mut looked = 0;
    let span = Span { since: None, until: Some(until) };
    let archive = Archive::new(tx);
    archive.visit(prompt, span, None, &mut |facts| {
        looked += 1;
        if fits(&facts) {
            // What was said about it later was not known then.
            if let Some(value) = Response::read(&archive, prompt, &facts, asked)?.value(Some(until)) {
                found.push((facts, value));
            }
        }
        Ok(if looked == MOST_OLD_TRACES { Flow::Stop } else { Flow::Continue })
    })?;
    Ok(found)
}

/// The mean of each user's old values.
pub(super) fn means_by_user(values: &[(TraceFacts, f64)]) -> BTreeMap<&str, f64> {
    let mut by_user: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (facts, value) in values {
        if let Some(user) = &facts.user {
            by_user.entry(user).or_default().push(*value);
        }
    }
    by_user.into_iter().filter_map(|(user, values)| Some((user, stats::mean_sd(&values)?.mean))).collect()
}

/// The mean of the old values in each stratum.
pub(super) fn means_by_stratum(values: &[(TraceFacts, f64)]) -> BTreeMap<&str, f64> {
    let mut by_stratum: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (facts, value) in values {
        if let Some(stratum) = &facts.stratum {
            by_stratum.entry(stratum).or_default().push(*value);
        }
    }
    by_stratum.into_iter().filter_map(|(name, values)| Some((name, stats::mean_sd(&values)?.mean))).collect()
}

/// What is known of each unit before its first exposure, as the plan says.
pub(super) fn covariates(
    tx: &(impl Read + ?Sized),
    stored: &Stored,
    asked: &Asked,
    seen: &mut Seen,
) -> Result<()> {
    let plan = stored.plan();
    let began = stored.experiment.started_at.unwrap_or(stored.experiment.registered_at);
    let old = |fits: &dyn Fn(&TraceFacts) -> bool| old_values(tx, &plan.prompt, began, asked, fits);
    match plan.covariate {
        Covariate::Exposure => {
            for unit in &mut seen.units {
                unit.covariate = unit.exposure.covariate;
            }
        }
        Covariate::History => {
            let values = old(&|facts| facts.user.is_some())?;
            let means = means_by_user(&values);
            for unit in &mut seen.units {
                unit.covariate = means.get(unit.exposure.unit.as_str()).copied();
            }
        }
        Covariate::Stratum => {
            let values = old(&|facts| facts.stratum.is_some())?;
            let means = means_by_stratum(&values);
            for unit in &mut seen.units {
                let of = |r: &Response| means.get(r.stratum.as_deref()?).copied();
                let known: Vec<f64> = unit.responses.iter().filter_map(of).collect();
                unit.covariate = stats::mean_sd(&known).map(|m| m.mean);
            }
        }
    }
    Ok(())
}
