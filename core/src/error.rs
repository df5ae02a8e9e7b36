//! What can go wrong, in std words.
//!
//! One enum. Every error has a [`Kind`] (what a handler would do about it) and an append-only kebab-case
//! [`Error::code`] (which never changes its meaning and is the same in every language). Messages are
//! lowercase, say what to do, and put the values last as key=`value`.

use std::fmt;

#[path = "error/place.rs"]
mod place;
#[path = "error/words.rs"]
mod words;

use words::{missing_text, shown};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a handler would do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// What was asked for is not in the store.
    NotFound,
    /// It is there already, and differs or may not be written twice.
    AlreadyExists,
    /// Somebody else changed it first: read again, decide again.
    Conflict,
    /// The input is wrong; nothing was written.
    Invalid,
    /// The input is fine, but a rule of the store forbids it.
    Refused,
    /// The file holds something it should not.
    Corrupt,
    /// The file is not ours, or not ours yet.
    Incompatible,
    /// Another process holds the file; try again.
    Busy,
    /// The operating system or the disk said no.
    Storage,
}

impl Kind {
    /// The kind's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::AlreadyExists => "already-exists",
            Kind::Conflict => "conflict",
            Kind::Invalid => "invalid",
            Kind::Refused => "refused",
            Kind::Corrupt => "corrupt",
            Kind::Incompatible => "incompatible",
            Kind::Busy => "busy",
            Kind::Storage => "storage",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything that can go wrong. Match on [`Error::kind`] or [`Error::code`], not on the text.
// The messages are the documentation of the variants; their fields are named in them.
#[allow(missing_docs)]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- not-found
    #[error("there is no such prompt; publish it first, or list what is there with `prompts` name=`{name}`")]
    PromptNotFound { name: String },
    #[error("this prompt has no such version; `versions` lists them prompt=`{prompt}` version=`{version}`")]
    VersionNotFound { prompt: String, version: String },
    #[error(
        "the label is not set on this prompt; set it with `set_label`, or see `labels` prompt=`{prompt}` label=`{label}`"
    )]
    LabelNotFound { prompt: String, label: String },
    #[error("there is no such dataset; `add` makes it name=`{name}`")]
    DatasetNotFound { name: String },
    #[error("this dataset has no such version dataset=`{dataset}` version=`{version}`")]
    DatasetVersionNotFound { dataset: String, version: u32 },
    #[error("this dataset has no such item dataset=`{dataset}` key=`{key}`")]
    ItemNotFound { dataset: String, key: String },
    #[error("there is no such run; `runs` lists them run=`{}`", shown(.run))]
    RunNotFound { run: String },
    #[error(
        "there is no such metric; declare it with `metric`, or record a score under it first metric=`{metric}`"
    )]
    MetricNotFound { metric: String },
    #[error("no gate guards this label; bind one with `protect` prompt=`{prompt}` label=`{label}`")]
    GateNotFound { prompt: String, label: String },
    #[error("there is no such verdict verdict=`{verdict}`")]
    VerdictNotFound { verdict: String },
    #[error("there is no such trace; `log` writes one, and a score comes after it trace=`{trace}`")]
    TraceNotFound { trace: String },
    #[error(
        "there is no such canary; register it with `canary`, or list what is there with `canaries` canary=`{canary}`"
    )]
    CanaryNotFound { canary: String },
    #[error(
        "there is no such experiment; register it with its prompt, variants and metric experiment=`{experiment}`"
    )]
    ExperimentNotFound { experiment: String },
    #[error(
        "there is no store here, and only a verb that begins one (such as publish) makes it path=`{path}`"
    )]
    StoreNotFound { path: String },

    // ---- already-exists
    #[error(
        "this item and trial are recorded already, and a row is never overwritten; start another run, or more trials run=`{run}` key=`{key}` trial=`{trial}`"
    )]
    RowExists { run: String, key: String, trial: u32 },
    #[error(
        "the metric is declared already, and differently; scores under it were judged by that declaration metric=`{metric}` declared=`{declared}`"
    )]
    MetricExists { metric: String, declared: String },
    #[error(
        "a trace of this id is logged already, and none is ever overwritten; leave the id out to have one made trace=`{trace}`"
    )]
    TraceExists { trace: String },
    #[error(
        "a canary of this name is registered and differs in {what}; a canary never changes, so choose another name canary=`{canary}`"
    )]
    CanaryExists { canary: String, what: String },
    #[error(
        "the experiment is registered already, and differently; a plan is frozen: choose another name experiment=`{experiment}` plan=`{plan}`"
    )]
    ExperimentExists { experiment: String, plan: String },
    #[error(
        "there is a file of this name, and none is ever replaced; give a path that is free path=`{path}`"
    )]
    FileExists { path: String },

    // ---- conflict
    #[error("the experiment has ended; register another one experiment=`{experiment}` state=`{state}`")]
    ExperimentEnded { experiment: String, state: &'static str },
    #[error(
        "so much of the layer is not free; end another experiment of it, or ask for less layer=`{layer}` free=`{free}`"
    )]
    LayerFull { layer: String, free: String },
    #[error(
        "the label points elsewhere than expected; read it again and decide again prompt=`{prompt}` label=`{label}` expected=`{expected}` found=`{found}`"
    )]
    LabelMoved { prompt: String, label: String, expected: String, found: String },
    #[error("the run is finished and takes no more rows; start another run=`{run}`")]
    RunFinished { run: String },
    #[error(
        "an unfinished run of this name differs in {what}; finish it, or choose another name name=`{name}` run=`{run}`"
    )]
    RunDiffers { name: String, run: String, what: String },
    #[error(
        "the run is not finished, so it is no evidence yet that could be withdrawn; finish it first run=`{run}`"
    )]
    RunNotFinished { run: String },
    #[error(
        "the run was withdrawn and is evidence for nothing; it can be read, not compared run=`{run}` reason=`{reason}`"
    )]
    RunWithdrawn { run: String, reason: String },

    // ---- invalid
    #[error("{what} must be {rule} given=`{}`", shown(.given))]
    InvalidName { what: &'static str, rule: &'static str, given: String },
    #[error("a label must match ^[a-z0-9][a-z0-9_.-]{{0,35}}$ and not be reserved{note} label=`{}`", shown(.label))]
    InvalidLabel { label: String, note: &'static str },
    #[error(
        "a content id is `b3:` and 64 hex digits, or `b3:` and at least 8 of its first ones given=`{}`", shown(.given)
    )]
    InvalidId { given: String },
    #[error("more than one content id begins so; give more digits prompt=`{prompt}` id=`{id}`")]
    AmbiguousId { prompt: String, id: String },
    #[error("{reason}")]
    InvalidContent { reason: String },
    #[error("{reason} at=`{at}`")]
    InvalidJson { reason: String, at: String },
    #[error("{}", missing_text(.names, .unused))]
    MissingVariable { names: Vec<String>, unused: Vec<String> },
    #[error(
        "the value of a placeholder must be a list of messages, each an object with a role placeholder=`{name}`"
    )]
    InvalidPlaceholder { name: String },
    #[error("this template does not fit the mode: {reason} mode=`{mode}`")]
    UnsupportedTemplate { mode: &'static str, reason: String },
    #[error("{what} given=`{}`", shown(.given))]
    InvalidSelector { what: &'static str, given: String },
    #[error(
        "this is a version of another prompt; publish its content here first prompt=`{prompt}` version_of=`{other}`"
    )]
    VersionOfAnotherPrompt { prompt: String, other: String },
    #[error("{reason} item=`{}`", shown(.key))]
    InvalidItem { key: String, reason: String },
    #[error("one call names the same item twice; keys are unique within a dataset key=`{}`", shown(.key))]
    DuplicateItem { key: String },
    #[error("{reason} metric=`{metric}`")]
    InvalidScore { metric: String, reason: String },
    #[error(
        "the score lies outside the range that the metric declares metric=`{metric}` score=`{score}` range=`{range}`"
    )]
    ScoreOutOfRange { metric: String, score: String, range: String },
    #[error("{reason} trace=`{trace}`")]
    InvalidTrace { trace: String, reason: String },
    #[error("{reason}")]
    InvalidSchema { reason: String },
    #[error("the value does not fit its JSON Schema: {reason} what=`{what}`")]
    SchemaMismatch { what: String, reason: String },
    #[error("{reason}")]
    InvalidGate { reason: String },
    #[error("{reason} scorer=`{scorer}`")]
    InvalidScorer { scorer: String, reason: String },
    #[error("{reason}")]
    InvalidExperiment { reason: String },
    #[error("{reason} argument=`{argument}`")]
    InvalidArgument { argument: String, reason: String },
    #[error("there is no such verb verb=`{}`", shown(.verb))]
    UnknownVerb { verb: String },
    #[error("a time is RFC 3339 text such as 2026-11-23T18:00:00Z given=`{}`", shown(.given))]
    InvalidTime { given: String },
    #[error(
        "it is larger than the store takes; keep large files elsewhere and store their address what=`{what}` bytes=`{bytes}` limit=`{limit}`"
    )]
    TooLarge { what: &'static str, bytes: u64, limit: u64 },
    #[error("the store is closed; open it again path=`{path}`")]
    Closed { path: String },

    // ---- refused
    #[error(
        "the label is protected by a gate: use `promote`, which checks it, or `rollback` prompt=`{prompt}` label=`{label}`"
    )]
    LabelProtected { prompt: String, label: String },
    #[error("{sentence} prompt=`{prompt}` label=`{label}` verdict=`{verdict}`")]
    GateRefused {
        prompt: String,
        label: String,
        /// The verdict's id.
        verdict: String,
        sentence: String,
        /// The whole verdict as JSON text (this floor knows no verdicts); doors make an object of it.
        json: String,
    },
    #[error(
        "the label has not pointed to {what} before, so there is nothing to roll back to prompt=`{prompt}` label=`{label}`"
    )]
    NothingToRollBack { prompt: String, label: String, what: String },
    #[error("{sentence} experiment=`{experiment}`")]
    ExperimentNotDecided { experiment: String, sentence: String },
    #[error(
        "the salt does not split your users as the weights say, so the experiment is not begun; register it with another salt experiment=`{experiment}` seen=`{seen}` p=`{p}`"
    )]
    AssignmentSkewed { experiment: String, seen: String, p: String },
    #[error("this is logged for ever and needs a reason; give one")]
    ReasonRequired,
    #[error(
        "version {version} is not promoted by itself: {reason}; promote it yourself if you want it prompt=`{prompt}` label=`{label}`"
    )]
    AutoRefused { prompt: String, label: String, version: u32, reason: String },
    #[error("the canary has no alarm to answer; see `canary_status` canary=`{canary}` state=`{state}`")]
    NoAlarm { canary: String, state: String },
    #[error("this store was opened read-only path=`{path}`")]
    ReadOnly { path: String },

    // ---- corrupt
    #[error("the file is damaged: {reason} path=`{path}`")]
    Damaged { path: String, reason: String },
    #[error("a stored record cannot be read: {reason} record=`{record}`")]
    DamagedRecord { record: &'static str, reason: String },

    // ---- incompatible
    #[error("the file is not a trialplate store and was left as it is path=`{path}`")]
    NotAStore { path: String },
    #[error(
        "the file was written by a newer trialplate; upgrade this one path=`{path}` format=`{found}` supported=`{supported}`"
    )]
    NewerFormat { path: String, found: u32, supported: u32 },
    #[error(
        "the file system has no byte-range locks, so several processes could not share the file safely; put it on a local disk path=`{path}`"
    )]
    LocksUnsupported { path: String },

    // ---- busy
    #[error(
        "another process is writing and did not finish in time; try again, or raise busy_timeout path=`{path}` waited_ms=`{waited_ms}` held_by=`{holder}`"
    )]
    Busy { path: String, waited_ms: u64, holder: String },

    // ---- storage
    #[error("the disk or the operating system refused: {reason} path=`{path}`")]
    Storage {
        path: String,
        reason: String,
        #[source]
        source: Option<std::io::Error>,
    },

    // ---- of the kind and the code of what it holds
    #[error("{first} in=`{list}[{index}]`")]
    InBatch {
        first: Box<Error>,
        /// The argument that is the list, such as `calls`.
        list: &'static str,
        /// The first element that is wrong, counted from 0.
        index: usize,
    },
    #[error("{first} (found after the call had returned) failed_calls=`{failed}`")]
    Deferred { first: Box<Error>, failed: u64 },
}

impl Error {
    /// What a handler would do about it.
    pub fn kind(&self) -> Kind {
        self.code_and_kind().1
    }

    /// The error's append-only name, the same in every language.
    pub fn code(&self) -> &'static str {
        self.code_and_kind().0
    }

    fn code_and_kind(&self) -> (&'static str, Kind) {
        use Kind::*;
        match self {
            Error::PromptNotFound { .. } => ("prompt-not-found", NotFound),
            Error::VersionNotFound { .. } => ("version-not-found", NotFound),
            Error::LabelNotFound { .. } => ("label-not-found", NotFound),
            Error::DatasetNotFound { .. } => ("dataset-not-found", NotFound),
            Error::DatasetVersionNotFound { .. } => ("dataset-version-not-found", NotFound),
            Error::ItemNotFound { .. } => ("item-not-found", NotFound),
            Error::RunNotFound { .. } => ("run-not-found", NotFound),
            Error::MetricNotFound { .. } => ("metric-not-found", NotFound),
            Error::GateNotFound { .. } => ("gate-not-found", NotFound),
            Error::VerdictNotFound { .. } => ("verdict-not-found", NotFound),
            Error::StoreNotFound { .. } => ("store-not-found", NotFound),
            Error::TraceNotFound { .. } => ("trace-not-found", NotFound),
            Error::CanaryNotFound { .. } => ("canary-not-found", NotFound),
            Error::ExperimentNotFound { .. } => ("experiment-not-found", NotFound),
            Error::RowExists { .. } => ("row-exists", AlreadyExists),
            Error::MetricExists { .. } => ("metric-exists", AlreadyExists),
            Error::TraceExists { .. } => ("trace-exists", AlreadyExists),
            Error::CanaryExists { .. } => ("canary-exists", AlreadyExists),
            Error::ExperimentExists { .. } => ("experiment-exists", AlreadyExists),
            Error::FileExists { .. } => ("file-exists", AlreadyExists),
            Error::ExperimentEnded { .. } => ("experiment-ended", Conflict),
            Error::LayerFull { .. } => ("layer-full", Conflict),
            Error::LabelMoved { .. } => ("label-moved", Conflict),
            Error::RunFinished { .. } => ("run-finished", Conflict),
            Error::RunDiffers { .. } => ("run-differs", Conflict),
            Error::RunNotFinished { .. } => ("run-not-finished", Refused),
            Error::RunWithdrawn { .. } => ("run-withdrawn", Refused),
            Error::InvalidName { .. } => ("invalid-name", Invalid),
            Error::InvalidLabel { .. } => ("invalid-label", Invalid),
            Error::InvalidId { .. } => ("invalid-id", Invalid),
            Error::AmbiguousId { .. } => ("ambiguous-id", Invalid),
            Error::InvalidContent { .. } => ("invalid-content", Invalid),
            Error::InvalidJson { .. } => ("invalid-json", Invalid),
            Error::MissingVariable { .. } => ("missing-variable", Invalid),
            Error::InvalidPlaceholder { .. } => ("invalid-placeholder", Invalid),
            Error::UnsupportedTemplate { .. } => ("unsupported-template", Invalid),
            Error::InvalidSelector { .. } => ("invalid-selector", Invalid),
            Error::VersionOfAnotherPrompt { .. } => ("version-of-another-prompt", Invalid),
            Error::InvalidItem { .. } => ("invalid-item", Invalid),
            Error::DuplicateItem { .. } => ("duplicate-item", Invalid),
            Error::InvalidScore { .. } => ("invalid-score", Invalid),
            Error::ScoreOutOfRange { .. } => ("score-out-of-range", Invalid),
            Error::InvalidTrace { .. } => ("invalid-trace", Invalid),
            Error::InvalidSchema { .. } => ("invalid-schema", Invalid),
            Error::SchemaMismatch { .. } => ("schema-mismatch", Invalid),
            Error::InvalidGate { .. } => ("invalid-gate", Invalid),
            Error::InvalidScorer { .. } => ("invalid-scorer", Invalid),
            Error::InvalidExperiment { .. } => ("invalid-experiment", Invalid),
            Error::InvalidArgument { .. } => ("invalid-argument", Invalid),
            Error::UnknownVerb { .. } => ("unknown-verb", Invalid),
            Error::InvalidTime { .. } => ("invalid-time", Invalid),
            Error::TooLarge { .. } => ("too-large", Invalid),
            Error::Closed { .. } => ("closed", Invalid),
            Error::LabelProtected { .. } => ("label-protected", Refused),
            Error::GateRefused { .. } => ("gate-refused", Refused),
            Error::NothingToRollBack { .. } => ("nothing-to-roll-back", Refused),
            Error::ExperimentNotDecided { .. } => ("experiment-not-decided", Refused),
            Error::AssignmentSkewed { .. } => ("assignment-skewed", Refused),
            Error::ReasonRequired => ("reason-required", Refused),
            Error::AutoRefused { .. } => ("auto-refused", Refused),
            Error::NoAlarm { .. } => ("no-alarm", Refused),
            Error::ReadOnly { .. } => ("read-only", Refused),
            Error::Damaged { .. } => ("damaged", Corrupt),
            Error::DamagedRecord { .. } => ("damaged-record", Corrupt),
            Error::NotAStore { .. } => ("not-a-store", Incompatible),
            Error::NewerFormat { .. } => ("newer-format", Incompatible),
            Error::LocksUnsupported { .. } => ("locks-unsupported", Incompatible),
            Error::Busy { .. } => ("busy", Kind::Busy),
            Error::Storage { .. } => ("storage", Kind::Storage),
            Error::InBatch { first, .. } | Error::Deferred { first, .. } => first.code_and_kind(),
        }
    }
}
