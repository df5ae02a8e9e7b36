//! The engine that a handle uses, while others exchange it and close the handle.

use super::current::{Current, OfProcess};
use crate::error::{Error, Result};
use crate::models::check;
use crate::sync::Mutex;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// An opened file, whose making and whose use loom watches.
struct Opened {
    number: UnsafeCell<usize>,
}

// SAFETY: that it is whole when it is looked at is what loom checks.
unsafe impl Sync for Opened {}
// SAFETY: a number.
unsafe impl Send for Opened {}

impl OfProcess for Opened {
    fn generation(&self) -> u64 {
        super::fork::generation()
    }
}

impl Opened {
    fn number(&self) -> usize {
        // SAFETY: nobody writes to it any more.
        self.number.with(|number| unsafe { *number })
    }
}

struct Handle {
    current: Current<Opened>,
    /// How often each one was handed back, by their numbers.
    back: Mutex<Vec<u32>>,
}

fn closed() -> Error {
    Error::Closed { path: "played".to_owned() }
}

impl Handle {
    fn new() -> Arc<Handle> {
        Arc::new(Handle { current: Current::new(), back: Mutex::default() })
    }

    fn exchange(&self, replaced: Option<&Opened>) -> Result<&Opened> {
        let open = || {
            let opened = Opened { number: UnsafeCell::new(usize::MAX) };
            let mut back = self.back.lock().unwrap();
            back.push(0);
            // SAFETY: nobody else has it yet.
            opened.number.with_mut(|number| unsafe { *number = back.len() - 1 });
            Ok(Arc::new(opened))
        };
        let (opened, before) = self.current.exchange(replaced, open, closed)?;
        self.hand_back(before);
        Ok(opened)
    }

    fn hand_back(&self, opened: Option<Arc<Opened>>) {
        if let Some(opened) = opened {
            self.back.lock().unwrap()[opened.number()] += 1;
        }
    }

    /// As a verb does: the one in use, or the first one.
    fn get(&self) -> Result<&Opened> {
        self.current.get().map_or_else(|| self.exchange(None), Ok)
    }

    fn close(&self) {
        self.hand_back(self.current.close());
    }

    /// Nobody gets one any more, and each was handed back once.
    fn is_over(&self) {
        assert!(self.current.get().is_none() && self.get().is_err());
        let back = self.back.lock().unwrap();
        assert!(back.iter().all(|times| *times == 1), "{back:?}");
    }
}

/// Two threads use a handle that a third one closes: they get the same engine, whole, or none.
pub fn a_handle_uses_one_engine_until_it_is_closed() {
    check(3, || {
        let handle = Handle::new();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    let opened = handle.get().ok()?;
                    assert_eq!(opened.number(), 0);
                    Some(std::ptr::from_ref(&*handle.current.strong(opened).unwrap()) as usize)
                })
            })
            .collect();
        handle.close();
        assert!(handle.current.get().is_none(), "closed, and there is one");
        let seen: Vec<usize> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        assert!(seen.windows(2).all(|two| two[0] == two[1]));
        handle.is_over();
    });
}

/// The path names another file, and two threads notice while a third one closes the handle: the file is opened once more and
/// not twice, and nobody stays with the old one.
pub fn everybody_follows_an_exchange() {
    check(3, || {
        let handle = Handle::new();
        assert_eq!(handle.get().unwrap().number(), 0);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    let seen = handle.get().ok()?;
                    // As a verb does that finds another file under the path than the first.
                    let now = match seen.number() {
                        0 => handle.exchange(Some(seen)).ok()?,
                        _ => seen,
                    };
                    assert_eq!(now.number(), 1);
                    let again = handle.get().ok()?;
                    assert_eq!(again.number(), 1);
                    Some(())
                })
            })
            .collect();
        handle.close();
        for thread in threads {
            thread.join().unwrap();
        }
        handle.is_over();
    });
}
