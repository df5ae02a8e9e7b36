//! A store as JavaScript holds it.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::FnArgs;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, Unknown, sys};
use napi_derive::napi;
use serde::Deserialize;
use trialplate::{Error, OpenOptions, Store};

use crate::error::{PANIC, Result, guarded, panic_facts, parts};
use crate::raw::{self, Call};
use crate::record;

/// What `open` takes; what is left out is the core's default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    read_only: Option<bool>,
    busy_timeout: Option<f64>,
    actor: Option<String>,
    when_full: Option<String>,
    max_queue_size: Option<usize>,
    max_queue_bytes: Option<usize>,
}

fn open(path: &str, options: &str) -> trialplate::Result<Store> {
    let invalid =
        |argument: &str, reason: String| Error::InvalidArgument { argument: argument.to_owned(), reason };
    let given: Options = serde_json::from_str(options).map_err(|e| invalid("options", e.to_string()))?;
    let mut options = OpenOptions::new();
    if let Some(read_only) = given.read_only {
        options = options.read_only(read_only);
    }
    if let Some(seconds) = given.busy_timeout {
        let timeout = Duration::try_from_secs_f64(seconds);
        options = options.busy_timeout(timeout.map_err(|e| invalid("busyTimeout", e.to_string()))?);
    }
    if let Some(actor) = given.actor {
        options = options.actor(actor);
    }
    if let Some(when_full) = given.when_full {
        options = options.when_full(when_full.parse()?);
    }
    if let Some(calls) = given.max_queue_size {
        options = options.max_queue_size(calls);
    }
    if let Some(bytes) = given.max_queue_bytes {
        options = options.max_queue_bytes(bytes);
    }
    options.open(path)
}

/// Call number, error code (none if it went well), result or the error's facts.
type Outcome = FnArgs<(u32, Option<String>, String)>;
/// Unreferenced (weak) while nothing is under way, so that it keeps no process alive.
type Done = ThreadsafeFunction<Outcome, (), Outcome, Status, false, true>;

/// Settles a call exactly once, also if the thread that was to do it panics.
struct Settle {
    done: Arc<Done>,
    call: u32,
    open: bool,
}

impl Settle {
    fn settle(&mut self, code: Option<&str>, text: String) {
        self.open = false;
        let outcome = (self.call, code.map(str::to_owned), text).into();
        // A refusal means that the environment is going away, and its promises with it.
        let _ = self.done.call(outcome, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if self.open {
            self.settle(Some(PANIC), panic_facts(None));
        }
    }
}

/// A store: verbs by name, JSON in and out.
#[napi]
pub struct NativeStore {
    store: Store,
    done: Arc<Done>,
}

impl Drop for NativeStore {
    /// Collected, or its worker thread terminated: what it was asked for is not lost. Nobody is left to be told of an error.
    fn drop(&mut self) {
        let _ = guarded(|| self.store.flush());
    }
}

#[napi]
impl NativeStore {
    /// Opens a store. `done` is called with the outcome of each asynchronous call.
    #[napi(constructor)]
    pub fn new(path: String, options: String, done: Done) -> Result<NativeStore> {
        guarded(|| open(&path, &options)).map(|store| NativeStore { store, done: Arc::new(done) })
    }

    /// Calls a verb.
    #[napi]
    pub fn call(&self, verb: String, arguments: String) -> Result<String> {
        guarded(|| self.store.call(&verb, &arguments))
    }

    /// Calls a verb on the store's own threads, and keeps the process alive until `rest`.
    #[napi]
    pub fn call_async(&self, env: &Env, call: u32, verb: String, arguments: String) {
        // SAFETY: on the thread of `env`, and the function is alive as long as `self`.
        unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.done.raw()) };
        let mut settle = Settle { done: Arc::clone(&self.done), call, open: true };
        self.store.call_in_background(verb, arguments, move |result| match result {
            Ok(text) => settle.settle(None, text),
            Err(error) => {
                let (code, facts) = parts(&error);
                settle.settle(Some(code), facts);
            }
        });
    }

    /// Nothing is under way: the process may end.
    #[napi]
    pub fn rest(&self, env: &Env) {
        // SAFETY: as in `call_async`.
        unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.done.raw()) };
    }

    /// A number that changes whenever a `get` by label may answer differently.
    #[napi]
    pub fn registry_epoch(&self) -> Result<f64> {
        guarded(|| self.store.registry_epoch()).map(|epoch| epoch as f64)
    }

    /// A function that says `true` if a `get` by label may answer differently than when it was last called, and
    /// `undefined` if not.
    #[napi(ts_return_type = "() => true | undefined")]
    pub fn stale_check<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        raw::function::<_, StaleCheck>(env, Seen { store: self.store.clone(), epoch: Cell::new(None) })
    }

    /// A function that logs a trace from its texts, joined, and its numbers; see `record`. It says `undefined` if it
    /// can't be sure to do it exactly; `call` can.
    #[napi(ts_return_type = "(texts: string, numbers: Float64Array) => string | undefined")]
    pub fn logger<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        record::logger(env, &self.store)
    }

    /// As `logger`, for a score.
    #[napi(ts_return_type = "(texts: string, numbers: Float64Array) => true | undefined")]
    pub fn scorer<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        record::scorer(env, &self.store)
    }

    /// Closes the handle.
    #[napi]
    pub fn close(&self) -> Result<()> {
        guarded(|| self.store.close())
    }

    /// Whether it is closed.
    #[napi(getter)]
    pub fn closed(&self) -> bool {
        self.store.is_closed()
    }

    /// The file, as it was named.
    #[napi(getter)]
    pub fn path(&self) -> String {
        self.store.path().display().to_string()
    }
}

struct Seen {
    store: Store,
    epoch: Cell<Option<u64>>,
}

struct StaleCheck;

impl Call<Seen> for StaleCheck {
    const ARGUMENTS: usize = 0;

    unsafe fn call(env: sys::napi_env, _: &[sys::napi_value], seen: &Seen) -> sys::napi_value {
        // An error is no business of this function: the `get` that follows meets it again, and throws it.
        let epoch = guarded(|| seen.store.registry_epoch()).ok();
        if epoch.is_some() && epoch == seen.epoch.get() {
            return ptr::null_mut();
        }
        seen.epoch.set(epoch);
        let mut yes = ptr::null_mut();
        // SAFETY: `env` is the environment of this call.
        unsafe { sys::napi_get_boolean(env, true, &mut yes) };
        yes
    }
}

/// The name of every verb.
#[napi]
pub fn verbs() -> Vec<String> {
    trialplate::VERBS.iter().map(|verb| (*verb).to_owned()).collect()
}

/// What is wrong with a file, which need not open as a store.
#[napi]
pub fn doctor(path: String, arguments: String) -> Result<String> {
    guarded(|| trialplate::call_doctor(&path, &arguments))
}

/// One procedure of the statistics, by its name.
#[napi]
pub fn run_case(kind: String, inputs: String) -> Result<String> {
    guarded(|| {
        let inputs = serde_json::from_str(&inputs)
            .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "inputs".to_owned() })?;
        trialplate::stats::run_case(&kind, &inputs).map(|found| found.to_string())
    })
}
