//! What a power cut leaves of what was asked of a disk.
//!
//! The rule: what was asked before the last finished sync is there. Of what came after it, each sector of 512 bytes
//! holds what it held at the sync or what any one of the later writes put there, and each change of the length happened or didn't.

use super::tape::Asked;
use std::collections::BTreeSet;

const SECTOR: u64 = 512;

/// SplitMix64: seeded, so that a fault can be looked at again.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n` - 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True `percent` times in a hundred.
    pub(super) fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// The time between two syncs that finished.
pub(super) struct Epoch {
    /// The file at the first one.
    pub(super) synced: Vec<u8>,
    /// The positions on the tape of what came after it, with the second sync, which has not finished.
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The epochs of a tape that begins with the file `first`; the syncs at the positions in `lost` are lies.
pub(super) fn epochs(first: &[u8], asked: &[Asked], lost: &BTreeSet<usize>) -> Vec<Epoch> {
    let mut epochs = Vec::new();
    let (mut file, mut from) = (first.to_vec(), 0);
    let syncs = (0..asked.len()).filter(|at| asked[*at] == Asked::Sync && !lost.contains(at));
    for to in syncs.chain([asked.len()]) {
        epochs.push(Epoch { synced: file.clone(), from, to });
        for asked in &asked[from..to] {
            apply(&mut file, asked, |_| true);
        }
        from = (to + 1).min(asked.len());
    }
    epochs
}

/// The file after all of it.
pub(super) fn all_of(asked: &[Asked]) -> Vec<u8> {
    let mut file = Vec::new();
    for asked in asked {
        apply(&mut file, asked, |_| true);
    }
    file
}

fn apply(file: &mut Vec<u8>, asked: &Asked, mut kept: impl FnMut(u64) -> bool) {
    match asked {
        Asked::Sync => {}
        Asked::SetLen(len) => file.resize(*len as usize, 0),
        Asked::Write(offset, data) => {
            let end = offset + data.len() as u64;
            let mut at = *offset;
            while at < end {
                let next = ((at / SECTOR + 1) * SECTOR).min(end);
                // What lies behind the end is of a length that didn't happen.
                if next <= file.len() as u64 && kept(at / SECTOR) {
                    let piece = &data[(at - offset) as usize..(next - offset) as usize];
                    file[at as usize..next as usize].copy_from_slice(piece);
                }
                at = next;
            }
        }
    }
}

/// One file that a cut after `pending` can leave behind.
pub(super) fn cut(synced: &[u8], pending: &[Asked], chance: &mut Chance) -> Vec<u8> {
    let mut file = synced.to_vec();
    let mut order: Vec<&Asked> = pending.iter().collect();
    // Reordered: an older write to a sector ends up over a newer one. A change of the length stays where it is.
    if chance.happens(30) {
        for run in order.split_mut(|asked| matches!(asked, Asked::SetLen(_))) {
            for i in (1..run.len()).rev() {
                run.swap(i, chance.below(i + 1));
            }
        }
    }
    let one = chance.below(order.len());
    // What a write has to go through to be kept, per hundred: as a whole, and sector by sector.
    let (whole, sector, but) = match chance.below(10) {
        0 => (100, 100, None),
        1 => (0, 100, None),
        // All but one, whole or torn.
        2 => (100, 100, Some((0, 100))),
        3 => (100, 100, Some((100, 50))),
        // None but one, whole or torn.
        4 => (0, 100, Some((100, 100))),
        5 => (0, 100, Some((100, 50))),
        6 => (50, 100, None),
        7 => (90, 90, None),
        8 => (100, 50, None),
        _ => (60, 70, None),
    };
    for (i, asked) in order.into_iter().enumerate() {
        let (whole, sector) = but.filter(|_| i == one).unwrap_or((whole, sector));
        if chance.happens(whole) {
            apply(&mut file, asked, |_| chance.happens(sector));
        }
    }
    file
}

#[test]
fn what_was_synced_stays_and_the_rest_is_anything_that_may_be() {
    let asked = [
        Asked::SetLen(2048),
        Asked::Write(0, vec![1; 2048]),
        Asked::Sync,
        Asked::Write(512, vec![2; 1024]),
        Asked::Write(1024, vec![3; 512]),
        Asked::SetLen(3072),
        Asked::Write(2048, vec![4; 1024]),
    ];
    let epochs = epochs(&[], &asked, &BTreeSet::new());
    assert_eq!(epochs.len(), 2);
    let last = &epochs[1];
    assert_eq!((last.from, last.to, &last.synced), (3, 7, &vec![1; 2048]));
    let (mut seen, mut lengths) = (vec![BTreeSet::new(); 6], BTreeSet::new());
    let mut chance = Chance(1);
    for _ in 0..2000 {
        let file = cut(&last.synced, &asked[last.from..last.to], &mut chance);
        lengths.insert(file.len());
        for (sector, bytes) in file.chunks(512).enumerate() {
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a sector is whole");
            seen[sector].insert(bytes[0]);
        }
    }
    assert_eq!(lengths, [2048, 3072].into());
    assert_eq!(
        seen,
        [vec![1], vec![1, 2], vec![1, 2, 3], vec![1], vec![0, 4], vec![0, 4]].map(BTreeSet::from_iter)
    );
    // A sync that lied leaves what was before it to chance.
    assert_eq!(super::disk::epochs(&[], &asked, &[2].into()).len(), 1);
}
