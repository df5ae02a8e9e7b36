//! The registry's verbs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Store, background};
use crate::error::{Error, Result};
use crate::model::content::Content;
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::model::selector::{Selector, VersionRef};
use crate::model::version::{LabelMove, PromptSummary, PromptVersion};
use crate::prompts::diff::{ContentDiff, diff_content};
use crate::prompts::labels::{self, Expected};
use crate::prompts::query::{self, PromptFilter};
use crate::prompts::versions::{self, Draft, PublishOptions};
use crate::storage::Engine;

/// What is said about a label's move.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MoveOptions {
    /// Compare-and-set: where the label must be found.
    pub expected: Expected,
    /// Why.
    pub reason: Option<String>,
}

impl MoveOptions {
    /// Only if the label points to this version.
    pub fn expecting(version: u32) -> MoveOptions {
        MoveOptions { expected: Expected::Version(version), reason: None }
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> MoveOptions {
        self.reason = Some(reason.into());
        self
    }
}

impl Store {
    /// Publishes a content as the next version of a prompt.
    ///
    /// Publishing a content that the prompt has already returns that version and writes nothing.
    ///
    /// # Atomicity
    /// One transaction: the version and the labels moved with it are there, or neither is.
    ///
    /// # Errors
    /// `invalid-name` (also of a tag), `invalid-content`, `invalid-json`, `invalid-schema`, `too-large`; `version-not-found` for
    /// a parent that is not there; `label-protected` for a label that only `promote` may move.
    pub fn publish(&self, name: &str, content: Content, options: PublishOptions) -> Result<PromptVersion> {
        let draft = Draft::new(name, content)?;
        let options = options.validated()?;
        self.write(move |tx, author| {
            let name = draft.name().clone();
            let (version, _) = versions::publish(tx, author, draft, &options)?;
            for label in &options.labels {
                let to = version.number();
                labels::set(tx, author, &name, label, to, Expected::Anything, options.message.as_deref())?;
            }
            Ok(version)
        })
    }

    /// The content id that publishing a content would give it, without publishing it.
    ///
    /// # Errors
    /// As [`Store::publish`].
    pub fn content_id(content: Content) -> Result<ContentId> {
        Ok(Draft::new("id", content)?.id())
    }

    /// The version that a selector names; a label by default `production`.
    ///
    /// By label this is the hot path: an answer that no commit of any process could have changed comes from
    /// memory, in well under a microsecond.
    ///
    /// # Errors
    /// `prompt-not-found`, `label-not-found`, `version-not-found`, `invalid-name`, `invalid-label`.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trialplate::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use trialplate::{Content, Selector, Store};
    /// let store = Store::open(dir.path().join("prompts.tp"))?;
    /// let v = store.publish("extraction", Content::text("Extract: {{document}}"), Default::default())?;
    /// store.set_label("extraction", "production", &(&v).into(), Default::default())?;
    /// assert_eq!(store.get("extraction", Selector::default())?.number(), 1);
    /// assert_eq!(store.get("extraction", "staging").unwrap_err().code(), "label-not-found");
    /// # Ok(())
    /// # }
    /// ```
    pub fn get<'a>(&self, name: &str, selector: impl Into<Selector<'a>>) -> Result<PromptVersion> {
        match selector.into() {
            Selector::Label(label) => self.get_by_label(name, &label),
            selector => {
                let name: PromptName = name.parse()?;
                self.read(|tx| versions::select(tx, &name, &selector))
            }
        }
    }

    fn get_by_label(&self, name: &str, label: &str) -> Result<PromptVersion> {
        let load = || {
            let selector = Selector::Label(Cow::Borrowed(label));
            let name: PromptName = name.parse()?;
            self.read(|tx| versions::select(tx, &name, &selector))
        };
        // What a transaction has not committed yet is neither in the cache nor for it.
        if background::is_inside() {
            load()
        } else {
            self.cache.get(&self.engine, read_epoch, name, label, load)
        }
    }

    /// A number that changes whenever a `get` by label may answer differently: what a language binding that
    /// keeps its own objects compares before it hands one out. Costs a few nanoseconds while nothing changes.
    ///
    /// # Errors
    /// `closed`, or what reading the store may give.
    pub fn registry_epoch(&self) -> Result<u64> {
        self.cache.state(&self.engine, read_epoch)
    }

    /// Every version of a prompt, oldest first.
    ///
    /// # Errors
    /// `prompt-not-found`.
    pub fn versions(&self, name: &str) -> Result<Vec<PromptVersion>> {
        self.versions_after(name, 0, usize::MAX)
    }

    /// At most `limit` versions of a prompt behind number `after`, oldest first: a page of a prompt that has many. The
    /// next page comes after the last number of this one; an empty one is the end.
    ///
    /// # Errors
    /// `prompt-not-found`.
    pub fn versions_after(&self, name: &str, after: u32, limit: usize) -> Result<Vec<PromptVersion>> {
        let name: PromptName = name.parse()?;
        self.read(|tx| versions::page(tx, &name, after, limit))
    }

    /// The prompts that fit a filter, in the order of their names.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn prompts(&self, filter: &PromptFilter) -> Result<Vec<PromptSummary>> {
        self.read(|tx| query::prompts(tx, filter))
    }

    /// What differs between two versions: members of the content, and words of the text.
    ///
    /// # Errors
    /// `prompt-not-found`, `version-not-found`.
    pub fn diff(&self, name: &str, from: &VersionRef, to: &VersionRef) -> Result<ContentDiff> {
        let name: PromptName = name.parse()?;
        self.read(|tx| {
            let content = |version| {
                let version = versions::load(tx, &name, versions::resolve(tx, &name, version)?)?;
                serde_json::to_value(version.content())
                    .map_err(|e| Error::InvalidContent { reason: e.to_string() })
            };
            Ok(diff_content(&content(from)?, &content(to)?))
        })
    }

    /// Points a label at a version. A label that points there already stays as it is.
    ///
    /// # Atomicity
    /// One durable transaction and one entry of the history.
    ///
    /// # Errors
    /// `label-protected` if a gate guards it; `label-moved` if it is not where `expected` says;
    /// `version-not-found`, `version-of-another-prompt`, `invalid-label`.
    pub fn set_label(
        &self,
        name: &str,
        label: &str,
        version: &VersionRef,
        options: MoveOptions,
    ) -> Result<LabelMove> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let version = version.clone();
        self.write(move |tx, author| {
            let to = versions::resolve(tx, &name, &version)?;
            labels::set(tx, author, &name, &label, to, options.expected, options.reason.as_deref())
        })
    }

    /// Takes a label off.
    ///
    /// # Errors
    /// `label-protected`, `label-not-found`.
    pub fn unset_label(&self, name: &str, label: &str, reason: Option<&str>) -> Result<LabelMove> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let reason = reason.map(str::to_owned);
        self.write(move |tx, author| labels::unset(tx, author, &name, &label, reason.as_deref()))
    }

    /// Moves a label back to the version it pointed to before, or to an earlier one that it pointed to.
    ///
    /// Always allowed, also on a protected label. Rolling back twice goes two moves back.
    ///
    /// # Errors
    /// `nothing-to-roll-back`, `label-not-found`, `version-not-found`.
    pub fn rollback(
        &self,
        name: &str,
        label: &str,
        to: Option<&VersionRef>,
        reason: Option<&str>,
    ) -> Result<LabelMove> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let (to, reason) = (to.cloned(), reason.map(str::to_owned));
        self.write(move |tx, author| {
            let to = to.map(|to| versions::resolve(tx, &name, &to)).transpose()?;
            labels::rollback(tx, author, &name, &label, to, reason.as_deref())
        })
    }

    /// The labels of a prompt and the versions they point to; `latest` is not among them.
    ///
    /// # Errors
    /// `prompt-not-found`.
    pub fn labels(&self, name: &str) -> Result<BTreeMap<Label, u32>> {
        let name: PromptName = name.parse()?;
        self.read(|tx| {
            versions::latest(tx, &name)?;
            labels::all(tx, &name)
        })
    }

    /// Every move of a label, oldest first.
    ///
    /// # Errors
    /// `label-not-found` if it was never set.
    pub fn history(&self, name: &str, label: &str) -> Result<Vec<LabelMove>> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        self.read(|tx| labels::history(tx, &name, &label))
    }
}

pub(super) fn read_epoch(engine: &Engine) -> Result<u64> {
    engine.read(|tx| versions::epoch(tx))
}
