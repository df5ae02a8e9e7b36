//! Calls that return at once: what asynchronous bindings stand on.
//!
//! A call is handed whole to the store's writers, who run it inside the transaction that they have open: usually
//! the store's own writer thread, or a caller that happens to lead the group. So calls take effect in the order in which they were made, those that wait together share a commit, and the
//! host's own threads are left alone.
//!
//! Dangerous and therefore small: while a call runs there, this thread's `read` and `write` must not begin a
//! transaction (the thread holds the only one there is) but use that one. It is found through a thread-local
//! pointer. Invariants: the pointer is set only inside [`inside`], whose caller's borrow outlives it; it is taken out while
//! it is in use, so that it is never borrowed twice.

use std::cell::Cell;
use std::ptr::NonNull;

use super::Store;
use crate::error::Result;
use crate::storage::kv::Write;

thread_local! {
    static CURRENT: Cell<Option<NonNull<dyn Write>>> = const { Cell::new(None) };
    /// Whether the call's write went well: then it stays, whatever the call makes of it.
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread is telling an outcome. It is the one that tells all of them, and must not wait for another.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with `tx` as the transaction that this thread's reads and writes use.
fn inside<T>(tx: &mut dyn Write, f: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            CURRENT.set(None);
        }
    }
    let pointer: NonNull<dyn Write + '_> = NonNull::from(tx);
    // SAFETY: only the lifetime is changed. `Reset` takes the pointer out before this function, and with it the
    // borrow of `tx`, ends; also when `f` panics.
    let pointer: NonNull<dyn Write> = unsafe { std::mem::transmute(pointer) };
    let _reset = Reset;
    CURRENT.set(Some(pointer));
    f()
}

/// Lends this thread's transaction to `with`, if it is inside of one; otherwise gives `what` back.
pub(super) fn lend<T, A>(what: A, with: impl FnOnce(&mut dyn Write, A) -> T) -> std::result::Result<T, A> {
    let Some(mut pointer) = CURRENT.take() else { return Err(what) };
    // SAFETY: by the invariants above the transaction is alive, and nobody else has the pointer.
    let result = with(unsafe { pointer.as_mut() }, what);
    CURRENT.set(Some(pointer));
    Ok(result)
}

/// Whether this thread is inside of a transaction.
pub(super) fn is_inside() -> bool {
    CURRENT.get().is_some()
}

/// Whether this thread may wait for what the writer thread does.
pub(super) fn may_wait() -> bool {
    !is_inside() && !TELLING.get()
}

/// Calls a callback of the writer thread's.
fn tell(callback: impl FnOnce()) {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            TELLING.set(false);
        }
    }
    let _reset = Reset;
    TELLING.set(true);
    callback();
}

/// Notes that a lent write went well.
pub(super) fn note_written() {
    WRITTEN.set(true);
}

impl Store {
    /// Calls a verb that writes, and `done` with the result when it is durable.
    ///
    /// Calls take effect in the order in which they were made, and those that wait at the same time share a
    /// commit. `done` runs on the store's writer thread: hand the result on, don't work in it.
    pub fn call_in_background(
        &self,
        verb: impl Into<String>,
        arguments: impl Into<String>,
        done: impl FnOnce(Result<String>) + Send + 'static,
    ) {
        let (store, verb, arguments) = (self.clone(), verb.into(), arguments.into());
        if verb == "flush" {
            // Outcomes are told in the order in which the calls were made: those of earlier calls are known by then.
            let flushed = move |result: Result<()>| result.and_then(|()| store.recorder.settle());
            let answer = move |result| tell(|| done(flushed(result).map(|()| "{}".to_owned())));
            return self.engine.submit(|_| Ok(()), answer);
        }
        let op = move |tx: &mut dyn Write| {
            WRITTEN.set(false);
            match inside(tx, || store.call(&verb, &arguments)) {
                // A refused promotion is an error whose verdict is written all the same.
                Err(error) if !WRITTEN.get() => Err(error),
                result => Ok(result),
            }
        };
        self.engine.submit(op, move |result| tell(|| done(result.and_then(|result| result))));
    }
}
