//! Posts: small writes that nobody waits for, which come by the thousand.
//!
//! A post that finds posts at the end of the queue joins them there, so it costs its caller one lock: no look at the file, no
//! waking, no memory but its own. By that it never overtakes anything, and nothing overtakes it.
//!
//! Invariants: posts of one place run in the order they came, each over its own overlay, so a failing one leaves nothing
//! behind and spoils no other; their outcomes are told after the commit, in the same order, and neighbours of one [`Told`] at once.

use super::again::{again, panic_text};
use super::commit::{Ledger, Queue, Shared, Waiting};
use super::kv::Write;
use super::overlay::Overlay;
use super::patient::Patience;
use super::table::WriteTables;
use super::task::{Queued, Task, hold};
use crate::error::{Error, Result};
use crate::sync::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Posts at one place in the queue at most: a group takes up whole places.
const PLACE: usize = 512;

/// How some posts ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) posts: u64,
    pub(crate) bytes: usize,
    pub(crate) failed: u64,
    /// The first error of those that failed.
    pub(crate) first: Option<Error>,
}

/// Who is told how posts ended, on the writer thread.
pub(crate) trait Told: Send + Sync {
    fn ended(&self, ended: Ended);
}

pub(crate) type Operation = Box<dyn FnOnce(&mut dyn Write) -> Result<()> + Send>;

/// One write that nobody waits for.
pub(crate) struct Post {
    pub(crate) op: Operation,
    /// Of its texts; given back to `told`.
    pub(crate) bytes: usize,
    pub(crate) told: Arc<dyn Told>,
}

pub(super) type SharedLedger = Arc<dyn Ledger + Send + Sync>;

/// Posts at one place in the queue.
pub(super) struct Place {
    posts: Vec<Post>,
    pub(super) patience: Patience,
    ledger: SharedLedger,
}

impl Place {
    pub(super) fn len(&self) -> usize {
        self.posts.len()
    }

    pub(super) fn into_task(self, queue: Arc<Shared>) -> Arc<dyn Queued> {
        let state = Mutex::new((self.posts.into_iter(), Vec::new()));
        Arc::new(Batch { ledger: self.ledger, queue, state })
    }
}

impl Queue {
    /// Joins the posts at the end of the queue; gives the post back if there are none.
    pub(super) fn join(&self, post: Post) -> Option<Post> {
        let mut line = hold(&self.0.line);
        let shut = line.shut;
        match line.waiting.back_mut() {
            Some(Waiting::Posted(place)) if !shut && place.posts.len() < PLACE => {
                place.posts.push(post);
                None
            }
            _ => Some(post),
        }
    }

    /// Takes a place in the queue. An error gives nothing away: `told` is not told.
    pub(super) fn post(&self, ledger: SharedLedger, patience: Patience, post: Post) -> Result<()> {
        let Some(post) = self.join(post) else { return Ok(()) };
        let mut line = hold(&self.0.line);
        if line.shut {
            return Err(ledger.closed());
        }
        if !self.has_writer(&mut line, &ledger) {
            // No thread to be had: better slow than lost.
            drop(line);
            let Post { op, bytes, told } = post;
            let first = self.write(&*ledger, patience, op).err();
            told.ended(Ended { posts: 1, bytes, failed: u64::from(first.is_some()), first });
            return Ok(());
        }
        line.waiting.push_back(Waiting::Posted(Place { posts: vec![post], patience, ledger }));
        self.call_writer(line);
        Ok(())
    }
}

struct Outcome {
    bytes: usize,
    told: Arc<dyn Told>,
    result: Result<()>,
}

struct Batch {
    ledger: SharedLedger,
    queue: Arc<Shared>,
    /// Those to come, and how the others went. Nobody is ever in neither: whoever posted is told.
    state: Mutex<(std::vec::IntoIter<Post>, Vec<Outcome>)>,
}

impl Task for Batch {
    fn run(&self, tx: &mut WriteTables<'_>) -> Result<bool> {
        let mut state = hold(&self.state);
        let mut changed = false;
        let posts = state.0.len();
        state.1.reserve(posts);
        while let Some(Post { op, bytes, told }) = state.0.next() {
            let mut overlay = Overlay::new(&*tx);
            let result = catch_unwind(AssertUnwindSafe(|| op(&mut overlay)));
            let result = result.unwrap_or_else(|panic| Err(self.ledger.panicked(panic_text(&*panic))));
            let changes =
                result.is_ok().then(|| overlay.into_changes()).filter(|changes| !changes.is_empty());
            // Before it is applied: an engine that fails there fails everybody, this one too.
            state.1.push(Outcome { bytes, told, result });
            if let Some(changes) = changes {
                changed = true;
                changes.apply(tx)?;
            }
        }
        Ok(changed)
    }

    fn settle(&self, outcome: std::result::Result<(), &Error>) {
        let (posts, outcomes) = std::mem::take(&mut *hold(&self.state));
        let failure = outcome.err();
        let all = outcomes.into_iter().map(move |outcome| match failure {
            Some(error) => Outcome { result: Err(again(error)), ..outcome },
            None => outcome,
        });
        // Those that were not come to, because one before them met a failing engine.
        let rest = posts.into_iter().map(|post| Outcome {
            bytes: post.bytes,
            told: post.told,
            result: Err(failure.map_or_else(|| self.ledger.panicked("it was not run"), again)),
        });
        let mut told: Vec<(Arc<dyn Told>, Ended)> = Vec::new();
        for Outcome { bytes, told: who, result } in all.chain(rest) {
            if !told.last().is_some_and(|(last, _)| Arc::ptr_eq(last, &who)) {
                told.push((who, Ended::default()));
            }
            let Some((_, ended)) = told.last_mut() else { continue };
            ended.posts += 1;
            ended.bytes += bytes;
            if let Err(error) = result {
                ended.failed += 1;
                ended.first.get_or_insert(error);
            }
        }
        self.queue.tell(Box::new(move || told.into_iter().for_each(|(who, ended)| who.ended(ended))));
    }
}

impl Queued for Batch {
    fn lead(&self, _: usize) {}
}
