//! A whole file that is not what it was: bits flipped, parts cut off, moved, overwritten.

use std::path::Path;
use std::time::Duration;

use super::real::{Answers, answers, store};
use crate::error::Kind;
use crate::store::{DoctorOptions, OpenOptions, doctor};

/// A real store to damage.
pub struct Victim {
    bytes: Vec<u8>,
    said: Answers,
}

/// What was seen of a case, for the counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The doctor found nothing wrong.
    pub healthy: bool,
    /// It opened.
    pub opened: bool,
    /// Some answer was another one than before; the doctor knew.
    pub differed: bool,
    /// A new file was saved.
    pub saved: bool,
}

impl Victim {
    pub fn new(folder: &Path, size: usize) -> Victim {
        let (bytes, said) = store(folder, size);
        Victim { bytes, said }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Applies edits: each is a byte that says what, an address (four bytes), and two bytes more.
    pub fn damaged(&self, edits: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for edit in edits.as_chunks::<7>().0.iter().take(64) {
            let [what, a, b, c, d, x, y] = *edit;
            if bytes.is_empty() {
                break;
            }
            let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
            let len = usize::from(u16::from_le_bytes([x, y]));
            let page = at / 4096 * 4096;
            let to = (at + len).min(bytes.len());
            match what % 9 {
                0 | 1 => bytes[at] ^= 1 << (x % 8),
                2 => bytes[at] = x,
                // The heads of pages are where the engine believes what it reads.
                3 => bytes[(page + usize::from(x) % 16).min(to.max(page + 1) - 1)] = y,
                4 => bytes[at..to].fill(if x & 1 == 0 { 0 } else { 0xFF }),
                5 => bytes.truncate(at),
                6 => {
                    // A page in the place of another one.
                    let from = len * 4096 % bytes.len() / 4096 * 4096;
                    let end = (from + 4096).min(bytes.len());
                    let part = bytes[from..end].to_vec();
                    let end = (page + part.len()).min(bytes.len());
                    bytes[page..end].copy_from_slice(&part[..end - page]);
                }
                7 => {
                    let part = bytes[at..to].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes[at % 320] = x,
            }
        }
        bytes
    }

    /// Opens what is left, reads everything, lets the doctor look, and saves what can be saved.
    ///
    /// # Panics
    /// If an answer is another one than it was, and neither its own error nor the doctor says that the file is damaged.
    pub fn examine(&self, folder: &Path, edits: &[u8], deep: bool, salvage: bool) -> Seen {
        let bytes = self.damaged(edits);
        let path = folder.join("bad.tp");
        std::fs::write(&path, &bytes).expect("the file to damage");
        let to = folder.join("saved.tp");
        let _ = std::fs::remove_file(&to);
        // Nobody else has the file, so there is nobody to wait for.
        let busy_timeout = Duration::from_millis(20);
        let options = DoctorOptions { deep, salvage: salvage.then(|| to.clone()), busy_timeout };
        let found = doctor(&path, &options).expect("whatever is wrong is in the diagnosis");
        assert_eq!(found.ok, found.findings.is_empty());
        assert!(std::fs::read(&path).expect("the file") == bytes, "the doctor wrote to it");
        let mut seen = Seen { healthy: found.ok, ..Seen::default() };
        if let Some(saved) = &found.salvaged {
            seen.saved = true;
            let copy = OpenOptions::new().read_only(true).open(&to).expect("what was saved opens");
            assert!(!found.ok || (saved.ok && answers(&copy) == self.said), "a healthy file is saved whole");
            // What the new file holds whole is what was there.
            assert!(saved.left.is_empty() || !found.ok);
            copy.close().expect("the copy closes");
        }
        match OpenOptions::new().read_only(true).busy_timeout(busy_timeout).open(&path) {
            Ok(store) => {
                seen.opened = true;
                seen.differed = self.compare(&answers(&store), &found);
                let _ = store.close();
            }
            Err(error) => {
                assert!(!found.ok, "{error}");
                assert!(
                    matches!(
                        error.kind(),
                        Kind::Corrupt | Kind::Incompatible | Kind::Storage | Kind::NotFound
                    ),
                    "{}: {error}",
                    error.code()
                );
            }
        }
        seen
    }

    fn compare(&self, now: &Answers, found: &crate::Diagnosis) -> bool {
        let mut differed = false;
        for (question, before) in &self.said {
            let same = now.get(question).is_some_and(|now| now == before);
            if !same {
                differed = true;
                assert!(
                    !found.ok,
                    "{question} says {:?} instead of {before:?}, and the doctor finds nothing",
                    now.get(question)
                );
            }
        }
        differed
    }
}
