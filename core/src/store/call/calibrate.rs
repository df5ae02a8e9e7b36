//! The arguments of `calibrate` as the hall takes them.

use serde::Deserialize;
use serde_json::Value;

use super::args::Version;
use crate::calibration::Calibration;
use crate::error::Result;
use crate::model::id::ContentId;
use crate::scorers::Scorer;
use crate::store::{CalibrateOptions, Store};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calibrate {
    metric: String,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    human: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    judge: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calibrations {
    #[serde(default)]
    pub(super) metric: Option<String>,
}

pub(super) fn calibrate(store: &Store, a: Calibrate) -> Result<Calibration> {
    let judge: Option<ContentId> = match a.judge {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.parse()?),
        Some(scorer) => Some(Scorer::from_json(&scorer)?.identity()?.id),
    };
    let options = CalibrateOptions {
        run: a.run.as_deref().map(str::parse).transpose()?,
        human: a.human,
        prompt: a.prompt,
        version: a.version.map(|version| version.reference()).transpose()?,
        since: a.since.as_deref().map(str::parse).transpose()?,
        until: a.until.as_deref().map(str::parse).transpose()?,
        judge,
    };
    store.calibrate(&a.metric, options)
}
