//! The finished objects of hot `get`s: (name, label) to the `PromptVersion` that was handed out before.
//!
//! Invariant: an entry was loaded after `registry_epoch` said `epoch`, so while the epoch is still the same, a new
//! load would give the same version. Nothing is ever answered from an older epoch.

use std::sync::Mutex;

use hashbrown::HashTable;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::fastcall::{same_text, text_hash};
use crate::version::PromptVersion;

/// A table that grows beyond this is emptied.
const MAX_ENTRIES: usize = 1 << 18;

struct Entry {
    hash: u64,
    name: Py<PyString>,
    label: Py<PyString>,
    version: Py<PromptVersion>,
}

#[derive(Default)]
struct State {
    epoch: Option<u64>,
    entries: HashTable<Entry>,
}

#[derive(Default)]
pub(crate) struct Table(Mutex<State>);

#[inline]
fn hash(name: *mut ffi::PyObject, label: *mut ffi::PyObject) -> u64 {
    text_hash(name) ^ text_hash(label).rotate_left(29)
}

impl Table {
    /// What was handed out for (name, label) in this epoch. Both are exact `str`.
    #[inline]
    pub(crate) fn find<'py>(
        &self,
        py: Python<'py>,
        epoch: u64,
        name: *mut ffi::PyObject,
        label: *mut ffi::PyObject,
    ) -> Option<Bound<'py, PromptVersion>> {
        // Never waited for: the general way is always right.
        let state = self.0.try_lock().ok()?;
        if state.epoch != Some(epoch) {
            return None;
        }
        let hash = hash(name, label);
        let entry = state.entries.find(hash, |entry| {
            entry.hash == hash
                && same_text(entry.name.as_ptr(), name)
                && same_text(entry.label.as_ptr(), label)
        });
        Some(entry?.version.bind(py).clone())
    }

    /// Keeps what was loaded after the epoch was read.
    pub(crate) fn keep(
        &self,
        epoch: u64,
        name: &Bound<'_, PyString>,
        label: &Bound<'_, PyString>,
        version: &Bound<'_, PromptVersion>,
    ) {
        let Ok(mut state) = self.0.try_lock() else { return };
        let mut old = HashTable::new();
        if state.epoch != Some(epoch) || state.entries.len() >= MAX_ENTRIES {
            std::mem::swap(&mut state.entries, &mut old);
            state.epoch = Some(epoch);
        }
        let hash = hash(name.as_ptr(), label.as_ptr());
        let is_same = |entry: &Entry| {
            entry.hash == hash
                && same_text(entry.name.as_ptr(), name.as_ptr())
                && same_text(entry.label.as_ptr(), label.as_ptr())
        };
        if state.entries.find(hash, is_same).is_none() {
            let (name, label) = (name.clone().unbind(), label.clone().unbind());
            let entry = Entry { hash, name, label, version: version.clone().unbind() };
            state.entries.insert_unique(hash, entry, |entry| entry.hash);
        }
        drop(state);
        // Not under the lock: this may free objects.
        drop(old);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let old = match self.0.try_lock() {
            Ok(mut state) => std::mem::take(&mut *state),
            Err(_) => return,
        };
        drop(old);
    }
}
