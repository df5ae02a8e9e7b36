//! A file that may be damaged, looked at without being opened as a store and without a byte of it being written.
//!
//! redb may panic on pages that are not what they were, and refuses everything after an error. So every look is an opening
//! of its own, and the panics end in `Place::guarded`, as everywhere in this room: nothing crosses its edge as one.

use super::EngineOptions;
use super::copy::END;
use super::kv::{Flow, Order, Read, Space};
use super::lens::Lens;
use super::open::{Door, builder, door, is_engine, parse_record, reopen};
use super::pages::{PAGE, Pages};
use super::patient::{Backing, Patience};
use super::quiet::be_quiet;
use super::table::ReadTables;
use super::trouble::{Place, io};
use crate::error::{Error, Result};
use redb::{BackendError, ReadableDatabase};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// How often a damaged part is opened anew to find what lies behind the damage.
const LOOKS: u32 = 160;

/// A file under examination.
pub(crate) struct Examined {
    place: Place,
    pub(crate) bytes: u64,
    /// Whether the engine's header is lost, without which the engine itself finds nothing.
    pub(crate) headless: bool,
}

/// Takes an entry that could be read.
pub(crate) type Keep<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

/// A stretch of keys in which nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) space: Space,
    /// The last key before it.
    pub(crate) after: Vec<u8>,
    /// The first key behind it.
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) reason: String,
}

/// Runs `work` on the file at `path`, during which nobody else writes to it; others may read.
///
/// # Errors
/// `store-not-found`, `not-a-store`, `storage`; `busy` if a writer does not finish in time.
pub(crate) fn examine<T>(
    path: &Path,
    busy_timeout: Duration,
    work: impl FnOnce(&Examined) -> Result<T>,
) -> Result<T> {
    be_quiet();
    let options = EngineOptions { read_only: true, busy_timeout };
    let door: Door = door(path, &options)?;
    let place = door.place().clone();
    let bytes =
        std::fs::metadata(path).map_err(|error| io(path, "the file could not be examined", error))?.len();
    let examined = Examined { place, bytes, headless: !is_engine(&door)? };
    if examined.headless {
        let record = if bytes.is_multiple_of(PAGE) { examined.stray_record()? } else { None };
        let record = record.ok_or_else(|| Error::NotAStore { path: path.display().to_string() })?;
        parse_record(&record, path.display().to_string())?;
    }
    // Who may not write to the file can't keep others from it, and looks all the same.
    let Ok(file) = reopen(&examined.place, true) else { return work(&examined) };
    let patience = Patience::new(busy_timeout);
    let backing = Backing::new(file).map_err(|error| examined.place.open(error, patience.waited()))?;
    let mut result = None;
    let held = backing.as_writer(patience, || {
        result = Some(work(&examined));
        Ok(())
    });
    match (result, held) {
        (Some(result), _) => result,
        (None, Err(BackendError::Io(error))) if error.kind() == std::io::ErrorKind::TimedOut => {
            Err(examined.place.busy(patience.waited()))
        }
        (None, Err(error)) => Err(examined.place.storage(error.into())),
        (None, Ok(())) => Err(examined.place.refused("it could not be examined")),
    }
}

impl Examined {
    pub(super) fn pages(&self) -> Result<Pages> {
        Pages::new(reopen(&self.place, false)?)
            .map_err(|error| io(&self.place.path, "the file could not be examined", error))
    }

    fn lens(&self, look: fn(File) -> std::io::Result<Lens>) -> Result<Lens> {
        let file = reopen(&self.place, false)?;
        look(file).map_err(|error| io(&self.place.path, "the file could not be examined", error))
    }

    /// Checks the checksum of every page that is in use.
    ///
    /// # Errors
    /// `damaged`, with what the engine says.
    pub(crate) fn check_pages(&self) -> Result<()> {
        if self.headless {
            return Err(self.place.damaged(
                "its first page, which says where all others are, is not what was written; salvage what they hold",
            ));
        }
        let lens = self.lens(Lens::to_repair)?;
        self.place.guarded(|| {
            let opened = builder().create_with_backend(lens);
            let mut db = opened.map_err(|error| self.place.open(error, Duration::ZERO))?;
            match db.check_integrity() {
                Ok(true) => Ok(()),
                Ok(false) => Err(self.place.damaged("pages of its last commit are not what was written")),
                Err(error) => Err(self.place.open(error, Duration::ZERO)),
            }
        })
    }

    /// Whether it is a store, and one that we can read.
    pub(crate) fn check_record(&self) -> Result<()> {
        let record = self.read(|tx| tx.get(Space::Refs, super::open::record_key().bytes()))?;
        match record {
            Some(record) => parse_record(&record, self.place.text()).map(drop),
            None => Err(Error::NotAStore { path: self.place.text() }),
        }
    }

    /// Runs `f` on the last commit, without a check of its pages.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&dyn Read) -> Result<T>) -> Result<T> {
        let lens = self.lens(Lens::as_it_is)?;
        let (db, tx) = self.place.guarded(|| {
            let opened = builder().open_read_only_with_backend(lens);
            let db = opened.map_err(|error| self.place.open(error, Duration::ZERO))?;
            let tx = db.begin_read().map_err(|error| self.place.begin(error))?;
            Ok((db, tx))
        })?;
        let tables = ReadTables::new(&self.place, tx);
        let out = f(&tables);
        // Dropping may panic as well, after a panic.
        let dropped = self.place.guarded(|| {
            drop(tables);
            drop(db);
            Ok(())
        });
        out.and_then(|out| dropped.map(|()| out))
    }

    /// Hands every entry of a part that can be read to `keep`, and tells the stretches in between.
    pub(crate) fn rescue(&self, space: Space, keep: Keep<'_>) -> Result<Vec<Gap>> {
        if self.headless {
            let reason = "its first page is lost".to_owned();
            return Ok(vec![Gap { space, after: Vec::new(), before: None, reason }]);
        }
        let mut gaps = Vec::new();
        let mut looks = LOOKS;
        let mut open = vec![(Vec::new(), None::<Vec<u8>>)];
        while let Some((low, high)) = open.pop() {
            let end = high.as_deref().unwrap_or(&END);
            looks = looks.saturating_sub(2);
            let up = self.run(space, &low, end, Order::Ascending, keep)?;
            let Some(reason) = up.stopped else { continue };
            let from = up.last.as_deref().map_or_else(|| low.clone(), just_behind);
            let after = up.last.unwrap_or(low);
            let down = self.run(space, &from, end, Order::Descending, keep)?;
            if down.stopped.is_none() {
                // It came through from above: whatever stopped the other way lies between nothing.
                continue;
            }
            let before = down.last.or(high);
            let middle = middle(&from, before.as_deref().unwrap_or(&END));
            match middle {
                Some(middle) if looks > 0 => {
                    // The upper half first onto the stack, so that the lower one comes first.
                    open.push((middle.clone(), before));
                    open.push((from, Some(middle)));
                }
                _ => gaps.push(Gap { space, after, before, reason }),
            }
        }
        gaps.sort_by(|a, b| a.after.cmp(&b.after));
        Ok(joined(gaps))
    }

    /// Reads in one direction until the end or the damage. Only an error of `keep` is an error.
    fn run(&self, space: Space, low: &[u8], high: &[u8], order: Order, keep: Keep<'_>) -> Result<Run> {
        let mut last: Option<Vec<u8>> = None;
        let mut failed = None;
        let read = self.read(|tx| {
            tx.scan(space, low, high, order, &mut |key, value| {
                let follows = last.as_deref().is_none_or(|last| match order {
                    Order::Ascending => key > last,
                    Order::Descending => key < last,
                });
                if key < low || key >= high || !follows {
                    // A page of noise can pass for one of keys.
                    return Err(self.place.damaged("its keys are out of order"));
                }
                if let Err(error) = keep(key, value) {
                    failed = Some(error);
                    return Ok(Flow::Stop);
                }
                last = Some(key.to_vec());
                Ok(Flow::Continue)
            })
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(Run { last, stopped: read.err().map(|error| error.to_string()) }),
        }
    }
}

impl Gap {
    /// Whether a key lies in it.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        // A key is never empty, so all lie behind the beginning.
        key > self.after.as_slice() && self.before.as_deref().is_none_or(|before| key < before)
    }
}

struct Run {
    last: Option<Vec<u8>>,
    stopped: Option<String>,
}

/// The smallest key above `key`.
fn just_behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// A key between two, if there is room: halfway in the eight bytes behind what they have in common.
fn middle(low: &[u8], high: &[u8]) -> Option<Vec<u8>> {
    let common = low.iter().zip(high).take_while(|(a, b)| a == b).count();
    let number = |key: &[u8]| {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(key.iter().skip(common)) {
            *to = *from;
        }
        u64::from_be_bytes(bytes)
    };
    let (a, b) = (number(low), number(high));
    // No finer than 48 of the 64 bits: what lies closer together lies in the same damaged page.
    if b.saturating_sub(a) < 1 << 16 {
        return None;
    }
    let middle = [low.get(..common).unwrap_or_default(), &(a + (b - a) / 2).to_be_bytes()].concat();
    (middle.as_slice() > low && middle.as_slice() < high).then_some(middle)
}

/// Neighbouring stretches as one.
fn joined(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut out: Vec<Gap> = Vec::new();
    for gap in gaps {
        match out.last_mut() {
            Some(last) if last.before.as_ref().is_some_and(|before| *before <= just_behind(&gap.after)) => {
                last.before = gap.before;
            }
            _ => out.push(gap),
        }
    }
    out
}
