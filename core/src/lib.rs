//! SQLite for LLMOps: prompts as versioned production artifacts in one local file.
//!
//! A [`Store`] is one file. It holds [`PromptVersion`]s (a text or chat template, the model, its parameters,
//! tools and a response schema: change any of them and it is another version), labels that point to versions,
//! datasets, runs with their scores, gates that guard labels, traces of production, and experiments on them. Deploying is moving the label `production`;
//! rolling back is moving it back. Any number of processes have the file open at once, and a label moved in
//! one is what the next [`Store::get`] in the others returns.
//!
//! ```
//! # fn main() -> trialplate::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! use trialplate::{Content, Selector, Store};
//!
//! let store = Store::open(dir.path().join("prompts.tp"))?;
//! let content = Content::text("Extract the parties from: {{document}}")
//!     .model("claude-sonnet-4-6")
//!     .param("temperature", 0.0);
//! let v = store.publish("extraction", content, Default::default())?;
//! store.set_label("extraction", "production", &(&v).into(), Default::default())?;
//!
//! let p = store.get("extraction", Selector::default())?; // by default the label `production`
//! let values = serde_json::json!({"document": "Alice sells to Bob."});
//! assert_eq!(p.compile(values.as_object().unwrap())?.as_text(), Some("Extract the parties from: Alice sells to Bob."));
//! # Ok(())
//! # }
//! ```
//!
//! # Who owns whom
//! ```text
//! Store ── one file
//!  ├─ Prompt ── PromptVersion 1, 2, 3 … ◄── Label ── LabelMove, LabelMove …
//!  │                    ▲                     ▲
//!  ├─ Dataset ── DatasetVersion ── Item       │ protects
//!  │                    ▲                   Gate ── Check, Check …
//!  ├─ Run ── Row (item × trial) ── Score      │ judges by runs
//!  │                                        Verdict
//!  ├─ Experiment ── Plan, frozen ── exposures, traces with scores ── result ── winner
//!  ├─ Canary ── runs of a few fixed items, again and again: did the model change?
//!  ├─ Event, Event … (hash-chained; everything above is in it)
//!  └─ Trace (one call in production) ── Score, Score … (too many for the log)
//! ```
//!
//! Nothing in this crate prints, reads the environment or the home folder.

mod calibration;
mod codec;
mod compare;
mod datasets;
mod drift;
mod error;
mod experiments;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gates;
mod model;
mod prompts;
mod runs;
mod scorers;
pub mod stats;
mod storage;
mod store;
mod sync;
mod traces;

pub use calibration::{Agreement, Calibration, JudgeLevel, LABELS_NEEDED};
pub use compare::{
    CompareOptions, Comparison, FigureComparison, Group, GroupBy, Histogram, ItemComparison, LiveFigures,
    LiveGroup, LiveSummary, McNemar, MetricComparison, MetricSummary, NoiseFloor, QuantileComparison,
    RegressedItem, Role, RunSummary, StratumComparison, WorstCase,
};
pub use datasets::write::DatasetSchemas;
pub use error::{Error, Kind, Result};
pub use experiments::{
    AnytimeResult, ArmResult, ComparisonResult, ExperimentResult, GuardrailResult, HarmResult,
    QuantileResult, SplitResult, StratumResult,
};
pub use model::canary::{
    AffectedItem, AnchorFigures, Canary, CanaryCause, CanaryEntryKind, CanaryFigures, CanaryMethod,
    CanaryMetric, CanaryOnset, CanaryState, CanaryStatus, CanaryStep, SeriesBegan,
};
pub use model::content::Content;
pub use model::dataset::{DatasetDiff, DatasetVersion, Item, NewItem};
pub use model::event::Event;
pub use model::experiment::{
    Analysis, Assignment, Covariate, Epoch, Experiment, ExperimentMode, ExperimentState, Guardrail,
    NewExperiment, Plan, SdSource, UnitScore, Variant,
};
pub use model::gate::{
    Bound, Check, Gate, Inconclusive, Mode as GateMode, OnError, ToleranceKind, Uncalibrated,
};
pub use model::id::{ContentId, IdPrefix, RunId};
pub use model::name::{
    CanaryName, DEFAULT_LABEL, DatasetName, ExperimentName, ItemKey, LATEST, Label, MetricName, PromptName,
    RunName, TraceId,
};
pub use model::run::{NewRow, Pending, Row, Run, ScorerRef, Withdrawal};
pub use model::score::{Direction, MetricKind, ScoreConfig, ScoreValue};
pub use model::selector::{Selector, VersionRef};
pub use model::template::{Names, Template};
pub use model::time::Timestamp;
pub use model::trace::{NewScore, NewTrace, ScoreSource, Trace, TraceScore};
pub use model::verdict::{
    Baseline, CheckResult, DatasetRef, EvidenceRef, ItemNote, Needed, Open, Outcome, Verdict, VerdictKey,
};
pub use model::version::{LabelMove, PromptSummary, PromptVersion};
pub use prompts::diff::{Change, ChangeKind, ContentDiff, Piece, PieceTag, TextDiff, diff_content};
pub use prompts::labels::Expected;
pub use prompts::modes::Mode;
pub use prompts::query::PromptFilter;
pub use prompts::render::Compiled;
pub use prompts::versions::PublishOptions;
pub use scorers::{Scorer, ScorerKind};
pub use store::{
    Backup, CalibrateOptions, Checked, Compacted, ConcludeOptions, Conclusion, Diagnosis, DoctorOptions,
    Durability, ExposeOptions, Finding, FinishedRun, GivenScore, Left, LiveFilter, LoggedCall, MoveOptions,
    NewCanary, OpenOptions, PartUse, PromoteOptions, RecorderStats, Report, RunOptions, RunUse, Salvaged,
    SpaceUse, Store, TraceFilter, TraceOrder, TracePage, VERBS, WhenFull, call_doctor, doctor,
};
pub use traces::Pruned;
