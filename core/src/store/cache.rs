//! The hot cache: `get` without a transaction, and never stale.
//!
//! Every answer is filed under the freshness stamp that was read BEFORE the transaction that gave it; it is
//! returned only while the file still has that stamp. When the stamp differs, the registry epoch is read from the
//! store: if it is unchanged (somebody recorded a score) the answers stay, otherwise they are thrown away. They are
//! thrown away as well if the file was opened anew: another file's epoch may be the same number.
//!
//! Two levels. Each thread has answers of its own, so a hit writes to no cache line that another thread writes
//! to. Behind them stands one table that threads share, so that a text is kept once. It is never waited for: a
//! read from the store is always a correct answer. A forked child begins with an empty one, because a lock that
//! another thread held at the fork stays locked in the child for ever.

use hashbrown::{Equivalent, HashMap};
use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use crate::error::Result;
use crate::model::version::PromptVersion;
use crate::storage::{Engine, PerProcess, Stamp};
use crate::sync::RwLock;

/// A table that grows beyond this is emptied: the cache is bounded, whatever is asked for.
const MAX_ENTRIES: usize = 1 << 18;
/// A thread keeps answers of that many stores.
const MAX_STORES: usize = 8;

/// (name, label), looked up without being built.
#[derive(PartialEq, Eq)]
struct Key(Box<str>, Box<str>);

#[derive(Hash)]
struct KeyRef<'a>(&'a str, &'a str);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef(&self.0, &self.1).hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == &*key.0 && self.1 == &*key.1
    }
}

#[derive(Default)]
struct Answers {
    stamp: Option<Stamp>,
    /// Of which state of which file: see [`state`].
    state: u64,
    by_label: HashMap<Key, PromptVersion>,
}

impl Answers {
    /// Takes the answers for good under `stamp`, or throws them away if the registry has changed.
    fn renew(&mut self, stamp: Stamp, state: u64) {
        if self.state != state || self.stamp.is_none() {
            self.by_label.clear();
            self.state = state;
        }
        self.stamp = Some(stamp);
    }

    /// Whether an answer that was looked up under this stamp, in this state, belongs here. The stamp alone would not
    /// do: a slow thread may have set it back under a state that is newer than the answer.
    fn is_of(&self, stamp: Stamp, state: u64) -> bool {
        self.stamp == Some(stamp) && self.state == state
    }

    fn find(&self, name: &str, label: &str) -> Option<&PromptVersion> {
        self.by_label.get(&KeyRef(name, label))
    }

    fn file(&mut self, name: &str, label: &str, version: PromptVersion) {
        if self.by_label.len() >= MAX_ENTRIES {
            self.by_label.clear();
        }
        self.by_label.insert(Key(name.into(), label.into()), version);
    }
}

thread_local! {
    static LOCAL: RefCell<Vec<(u64, Answers)>> = const { RefCell::new(Vec::new()) };
}

/// The answers of one open store.
pub(super) struct Cache {
    id: u64,
    shared: PerProcess<RwLock<Answers>>,
}

impl Cache {
    pub(super) fn new() -> Cache {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Cache { id: NEXT.fetch_add(1, Ordering::Relaxed), shared: PerProcess::new() }
    }

    /// This thread's answers.
    fn with_local<T>(&self, f: impl FnOnce(&mut Answers) -> T) -> T {
        LOCAL.with(|stores| {
            let mut stores = stores.borrow_mut();
            let place = match stores.iter().position(|(id, _)| *id == self.id) {
                Some(place) => place,
                None => {
                    if stores.len() >= MAX_STORES {
                        stores.remove(0);
                    }
                    stores.push((self.id, Answers::default()));
                    stores.len() - 1
                }
            };
            f(&mut stores[place].1)
        })
    }

    /// The version that a label points to now; `load` reads it from the store.
    pub(super) fn get(
        &self,
        engine: &Engine,
        epoch: impl Fn(&Engine) -> Result<u64>,
        name: &str,
        label: &str,
        load: impl FnOnce() -> Result<PromptVersion>,
    ) -> Result<PromptVersion> {
        let stamp = engine.stamp()?;
        let hit =
            self.with_local(
                |local| {
                    if local.stamp == Some(stamp) { local.find(name, label).cloned() } else { None }
                },
            );
        if let Some(version) = hit {
            return Ok(version);
        }
        let state = self.state_at(engine, stamp, epoch)?;
        let renewed = self.with_local(|local| {
            local.renew(stamp, state);
            local.find(name, label).cloned()
        });
        if let Some(version) = renewed {
            return Ok(version);
        }
        let known = match self.shared.get().try_read() {
            Ok(shared) if shared.is_of(stamp, state) => shared.find(name, label).cloned(),
            _ => None,
        };
        let version = match known {
            Some(version) => version,
            None => {
                let version = load()?;
                if let Ok(mut shared) = self.shared.get().try_write()
                    && shared.is_of(stamp, state)
                {
                    shared.file(name, label, version.clone());
                }
                version
            }
        };
        let own = version.for_this_thread();
        self.with_local(|local| {
            if local.is_of(stamp, state) {
                local.file(name, label, own.clone());
            }
        });
        Ok(own)
    }

    /// The registry's state as of `stamp` or later.
    fn state_at(&self, engine: &Engine, stamp: Stamp, epoch: impl Fn(&Engine) -> Result<u64>) -> Result<u64> {
        if let Ok(shared) = self.shared.get().try_read()
            && shared.stamp == Some(stamp)
        {
            return Ok(shared.state);
        }
        let state = state(stamp, epoch(engine)?);
        if let Ok(mut shared) = self.shared.get().try_write() {
            shared.renew(stamp, state);
        }
        Ok(state)
    }

    /// The registry's state now: as quick as a hit, as long as nothing is committed. A caller that keeps answers
    /// of its own compares it.
    pub(super) fn state(&self, engine: &Engine, epoch: impl Fn(&Engine) -> Result<u64>) -> Result<u64> {
        let stamp = engine.stamp()?;
        let known = self.with_local(|local| (local.stamp == Some(stamp)).then_some(local.state));
        if let Some(state) = known {
            return Ok(state);
        }
        let state = self.state_at(engine, stamp, epoch)?;
        self.with_local(|local| local.renew(stamp, state));
        Ok(state)
    }
}

/// A number for the registry's epoch in one opening of the file. It stays below 2^53, so that every language holds
/// it exactly; 2^40 moves of a label, or 8,192 openings between two looks, would be needed to meet it again.
fn state(stamp: Stamp, epoch: u64) -> u64 {
    (stamp.opening() & 0x1FFF) << 40 | epoch & 0xFF_FFFF_FFFF
}

#[cfg(test)]
mod tests;
