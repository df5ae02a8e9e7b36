//! Copies what can be read of a damaged file: first what its trees lead to, then what lies in leaves to which nothing leads.

use std::collections::BTreeMap;

use super::{Left, shown};
use crate::error::Result;
use crate::storage::copy::NewFile;
use crate::storage::examine::{Examined, Gap};
use crate::storage::kv::Space;
use crate::storage::strays::{Leaves, Pair};
use crate::store::care::part_name;
use crate::store::records::{check, named};

/// Copies into `copy`, and says what stays behind.
pub(super) fn harvest(file: &Examined, copy: &mut NewFile) -> Result<Vec<Left>> {
    let mut harvest = Harvest { copy, left: Vec::new(), met: BTreeMap::new() };
    let mut gaps = Vec::new();
    for space in Space::ALL {
        gaps.extend(file.rescue(space, &mut |key, value| harvest.keep(space, key, value))?);
    }
    if !gaps.is_empty()
        && let Some(leaves) = file.leaves(&mut |entries| harvest.leaf(entries, &gaps))?
    {
        gaps.retain(|gap| !harvest.has_all(gap.space, &leaves));
    }
    let mut left = harvest.left;
    left.extend(gaps.into_iter().map(stretch));
    Ok(left)
}

struct Harvest<'a> {
    copy: &'a mut NewFile,
    left: Vec<Left>,
    /// How many entries of each part were found, whole or not.
    met: BTreeMap<Space, u64>,
}

impl Harvest<'_> {
    fn keep(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        *self.met.entry(space).or_default() += 1;
        match check(space, key, value) {
            Ok(()) => self.copy.put(space, key, value),
            Err(reason) => {
                let what = Some(named(space, key));
                self.left.push(Left { part: part_name(space), what, key: shown(key), until: None, reason });
                Ok(())
            }
        }
    }

    /// Keeps what lies in the gaps of the part to which a leaf belongs. It belongs to the one as whose it makes most sense:
    /// every record says what it is, and an object has the hash that its key is.
    fn leaf(&mut self, entries: &[Pair<'_>], gaps: &[Gap]) -> Result<()> {
        let inside = |space, key: &[u8]| gaps.iter().any(|gap: &Gap| gap.space == space && gap.holds(key));
        if !Space::ALL.iter().any(|space| entries.iter().any(|(key, _)| inside(*space, key))) {
            return Ok(());
        }
        let sense = |space| entries.iter().filter(|(key, value)| check(space, key, value).is_ok()).count();
        let best = Space::ALL.into_iter().map(|space| (sense(space), space)).max();
        let Some((1.., space)) = best else { return Ok(()) };
        for (key, value) in entries.iter().filter(|(key, _)| inside(space, key)) {
            self.keep(space, key, value)?;
        }
        Ok(())
    }

    /// Whether nothing of a part is missing after all: what was lost only led to others.
    fn has_all(&self, space: Space, leaves: &Leaves) -> bool {
        let met = self.met.get(&space).copied().unwrap_or(0);
        leaves.entries.as_ref().map_or(leaves.all, |parts| parts.get(&space).copied().unwrap_or(0) == met)
    }
}

fn stretch(gap: Gap) -> Left {
    Left {
        part: part_name(gap.space),
        what: None,
        key: shown(&gap.after),
        until: gap.before.as_deref().map(shown),
        reason: gap.reason,
    }
}
