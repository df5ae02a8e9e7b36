//! The arguments of the canaries' verbs as the hall takes them.

use serde_json::Value;

use super::args::{CanaryPlan, CanaryRecord};
use super::result;
use crate::error::Result;
use crate::scorers::Scorer;
use crate::store::{NewCanary, Store};

/// Registers, or with nothing but a name looks up.
pub(super) fn canary(store: &Store, a: CanaryPlan) -> Result<Value> {
    let canary = match (a.prompt, a.dataset, a.metrics) {
        (Some(prompt), Some(dataset), Some(metrics)) => {
            let mut plan = NewCanary::new(prompt, dataset, &[]);
            plan.metrics = metrics;
            plan.version = a.version.map(|version| version.reference()).transpose()?;
            plan.label = a.label;
            plan.dataset_version = a.dataset_version;
            let scorers = a.scorers.unwrap_or_default();
            plan.scorers = scorers.iter().map(Scorer::from_json).collect::<Result<_>>()?;
            plan.baseline = a.baseline.unwrap_or(plan.baseline);
            plan.alarm = a.alarm.unwrap_or(plan.alarm);
            plan.floor = a.floor.unwrap_or(plan.floor);
            store.canary(&a.name, plan)?
        }
        (None, None, None)
            if a.version.is_none()
                && a.label.is_none()
                && a.dataset_version.is_none()
                && a.scorers.is_none()
                && a.baseline.is_none()
                && a.alarm.is_none()
                && a.floor.is_none() =>
        {
            store.canary_plan(&a.name)?
        }
        _ => {
            return Err(crate::error::Error::InvalidArgument {
                argument: "prompt".to_owned(),
                reason:
                    "give prompt, dataset and metrics to register a canary, or the name alone to look one up"
                        .to_owned(),
            });
        }
    };
    let mut value = result(&canary)?;
    value["warnings"] = result(canary.warnings())?;
    Ok(value)
}

pub(super) fn record(store: &Store, a: CanaryRecord) -> Result<Value> {
    let anchor = a.anchor.map(|anchor| anchor.parse()).transpose()?;
    result(store.canary_record(&a.name, a.run.parse()?, anchor)?)
}
