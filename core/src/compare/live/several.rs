//! Groups by several things at once.
//!
//! Rows that no grouping tells apart share a cell. A cell is one group; by label it is one for each label of its
//! version, which may be none.

use std::collections::BTreeMap;

use super::Group;
use super::pile::Groups;
use crate::model::trace::ScoreSource;
use crate::traces::Live;

struct Cells {
    of_row: Vec<u32>,
    /// By cell: its code in each grouping so far.
    codes: Vec<Vec<u32>>,
}

impl Cells {
    /// Splits every cell by one more grouping, which has so many codes.
    fn split(&mut self, by: &[u32], codes: usize) {
        let before = std::mem::take(&mut self.codes);
        // A table of all pairs, unless hardly any of them occurs.
        let mut table: Vec<u32> = Vec::new();
        let mut rare: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let pairs = before.len().saturating_mul(codes);
        if pairs <= 1024 + 4 * by.len() {
            table.resize(pairs, u32::MAX);
        }
        for (cell, &code) in self.of_row.iter_mut().zip(by) {
            let mut fresh = || {
                let mut made = before[*cell as usize].clone();
                made.push(code);
                self.codes.push(made);
                self.codes.len() as u32 - 1
            };
            *cell = match table.get_mut(*cell as usize * codes + code as usize) {
                Some(known) => {
                    if *known == u32::MAX {
                        *known = fresh();
                    }
                    *known
                }
                None => *rare.entry((*cell, code)).or_insert_with(fresh),
            };
        }
    }
}

/// The groups by all of `parts`, named in their order.
pub(super) fn combined(parts: impl Iterator<Item = Groups>, live: &Live) -> Groups {
    let mut made = Groups::none();
    if live.rows() == 0 {
        return made;
    }
    let parts: Vec<Groups> = parts.collect();
    let mut versions = Groups::none();
    if parts.iter().any(|part| part.of_version.is_some()) {
        versions.of_versions(live);
    }
    let mut cells = Cells { of_row: vec![0; live.rows()], codes: vec![Vec::new()] };
    for part in parts.iter().chain([&versions]).filter(|part| part.partition()) {
        cells.split(&part.of_row, part.names.len());
    }
    made.by_source = parts.iter().any(|part| part.by_source);
    let mut groups = 0;
    for codes in &cells.codes {
        let version = codes.last().and_then(|&code| match versions.names.get(code as usize) {
            Some(Group::Version(version)) => Some(*version),
            _ => None,
        });
        let mut codes = codes.iter();
        let mut names: Vec<Vec<Group>> = vec![Vec::new()];
        for part in &parts {
            let those = if part.by_source {
                // The source itself is put here below.
                vec![Group::Without]
            } else if let Some(of_version) = &part.of_version {
                let labels = version.and_then(|version| of_version.get(&version)).into_iter().flatten();
                labels.map(|&label| part.names[label as usize].clone()).collect()
            } else {
                codes.next().map(|&code| part.names[code as usize].clone()).into_iter().collect()
            };
            let longer = |name: &Vec<Group>| {
                those.iter().map(|one| [&name[..], std::slice::from_ref(one)].concat()).collect::<Vec<_>>()
            };
            names = names.iter().flat_map(longer).collect();
        }
        made.of_cell.push((groups..groups + names.len() as u32).collect());
        groups += names.len() as u32;
        for name in names {
            match parts.iter().position(|part| part.by_source) {
                None => made.names.push(Group::Several(name)),
                Some(place) => made.names.extend(ScoreSource::ALL.iter().map(|source| {
                    let mut name = name.clone();
                    name[place] = Group::Name(source.as_str().to_owned());
                    Group::Several(name)
                })),
            }
        }
    }
    // Without labels a cell is its group.
    if versions.names.is_empty() {
        made.of_cell.clear();
    }
    made.of_row = cells.of_row;
    made
}
