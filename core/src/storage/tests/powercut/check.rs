//! Opens what a power cut left, and holds it against what must be there.

use super::tape::{Asked, Tape};
use super::work::{Entries, Model, State, entries};
use super::{Engine, Space, options};
use crate::storage::log;
use crate::storage::open::record_key;
use crate::{Content, Error, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How far an image is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Every entry, and the chain of the log.
    Entries,
    /// Also every verb that reads, `verify`, a further write, and the file opened once more.
    Everything,
}

/// What may be found in an image: one of `states`, and nothing yet if nobody was told even of the store's making.
pub(super) struct Allowed<'a> {
    pub(super) states: &'a [State],
    pub(super) nothing: bool,
}

impl<'a> Allowed<'a> {
    /// After a cut at a position of the tape: the last state that somebody was told of, or one that was asked for.
    pub(super) fn at(states: &'a [State], cut: usize) -> Allowed<'a> {
        let told = states.iter().filter(|state| state.told <= cut).count();
        let asked = states.iter().filter(|state| state.asked < cut).count();
        Allowed { states: &states[told.saturating_sub(1)..asked.max(told)], nothing: told == 0 }
    }

    pub(super) fn find(&self, found: &Entries) -> Result<Option<&'a State>, String> {
        let record = (Space::Refs, record_key().bytes().to_vec());
        if self.nothing && found.len() == 1 && found.contains_key(&record) {
            return Ok(None);
        }
        if let Some(state) = self.states.iter().find(|state| state.entries == *found) {
            return Ok(Some(state));
        }
        let must = &self.states[0].entries;
        let lost = must.iter().filter(|(key, value)| found.get(*key) != Some(*value)).count();
        let more = found.keys().filter(|key| !must.contains_key(*key)).count();
        Err(format!(
            "it holds none of {} states: of {} entries {lost} are lost or changed, {more} are too many",
            self.states.len(),
            must.len()
        ))
    }
}

fn told(error: Error) -> String {
    format!("{}: {error}", error.code())
}

/// What an image's own opening asked of the disk, and what was found: that can be cut off, too.
pub(super) struct Recovery {
    pub(super) tape: Vec<Asked>,
    /// None: a store that is wholly new.
    pub(super) found: Option<State>,
}

/// A fault in words, or how the recovery went.
pub(super) fn check(
    folder: &Path,
    image: &[u8],
    allowed: &Allowed<'_>,
    depth: Depth,
) -> Result<Recovery, String> {
    static IMAGES: AtomicU64 = AtomicU64::new(0);
    // A name of its own: the engine knows a file by its identity, and a file is one image for all its life.
    let path = folder.join(format!("{}.tp", IMAGES.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, image).map_err(|error| error.to_string())?;
    let image = Image(path);
    let tape = Tape::of(&image.0);
    let engine = Engine::open(&image.0, options(false, 20_000)).map_err(told)?;
    let found_at = tape.position();
    let (found, chain) = engine.read(|tx| Ok((entries(tx)?, log::verify_chain(tx)?))).map_err(told)?;
    chain.map_err(|fault| format!("the log is broken: {fault}"))?;
    let state = allowed.find(&found)?;
    if depth == Depth::Everything {
        everything(&image.0, state)?;
    }
    engine.close().map_err(told)?;
    // Told of as soon as the opening returned: from then on it must be there.
    let found =
        state.map(|state| State { entries: found, model: state.model.clone(), asked: 0, told: found_at });
    Ok(Recovery { tape: tape.asked(), found })
}

fn everything(path: &Path, state: Option<&State>) -> Result<(), String> {
    let mut must = state.map(|state| state.model.clone()).unwrap_or_default();
    let store = Store::open(path).map_err(told)?;
    for after in ["once", "twice"] {
        let model = Model::of(&store).map_err(told)?;
        if model != must {
            return Err(format!("the store says {model:?} instead of {must:?}"));
        }
        let report = store.verify().map_err(told)?;
        if !report.ok {
            return Err(format!("verify says: {:?}", report.broken));
        }
        store.publish("after", Content::text(after), Default::default()).map_err(told)?;
        must.prompts.entry("after".to_owned()).or_default().push(after.to_owned());
    }
    store.close().map_err(told)
}

struct Image(PathBuf);

impl Drop for Image {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
