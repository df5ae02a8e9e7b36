//! As mixed.py, through the crate alone: `mixed FILE JOURNAL WHO`. An example, so that `cargo test` builds it.

// On other systems a time's members are smaller.
#![allow(clippy::unwrap_used, clippy::panic, clippy::useless_conversion)]

#[cfg(unix)]
fn main() {
    worker::main();
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod worker {
    use std::fs::{File, OpenOptions};
    use std::io::Write as _;
    use std::path::Path;
    use std::time::Duration;

    use serde_json::{Value, json};
    use trialplate::{Error, Store};

    /// The monotonic clock that the other languages read: it is the same one for all processes.
    fn clock() -> i64 {
        // SAFETY: a plain old structure that the call fills in.
        let mut at: libc::timespec = unsafe { std::mem::zeroed() };
        let which = if cfg!(target_os = "macos") { 8 } else { libc::CLOCK_MONOTONIC };
        // SAFETY: `at` is a valid place for it.
        assert_eq!(unsafe { libc::clock_gettime(which as _, &mut at) }, 0);
        i64::from(at.tv_sec) * 1_000_000_000 + i64::from(at.tv_nsec)
    }

    struct Worker {
        store: Store,
        journal: File,
    }

    impl Worker {
        fn told(
            &mut self,
            what: &str,
            facts: Value,
            call: impl FnOnce(&Store) -> Result<Value, Error>,
        ) -> Option<Value> {
            let begin = clock();
            let answer = match call(&self.store) {
                Ok(answer) => Some(answer),
                Err(error) if error.code() == "busy" => None,
                Err(error) => panic!("{what}: {error}"),
            };
            let mut line = facts;
            line["do"] = answer.as_ref().map_or("busy", |_| what).into();
            line["begin"] = begin.into();
            line["end"] = clock().into();
            line["answer"] = answer.clone().unwrap_or_else(|| what.into());
            self.journal.write_all(format!("{line}\n").as_bytes()).unwrap();
            answer
        }

        fn gets(&mut self) {
            for _ in 0..5 {
                self.told("get", json!({}), |store| Ok(store.get("shared", "production")?.number().into()));
            }
            self.told("latest", json!({}), |store| Ok(store.get("shared", "latest")?.number().into()));
        }
    }

    fn call(store: &Store, verb: &str, arguments: Value) -> Result<Value, Error> {
        Ok(serde_json::from_str(&store.call(verb, &arguments.to_string())?).unwrap())
    }

    pub(super) fn main() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [file, journal, who] = &arguments[..] else { panic!("FILE JOURNAL WHO") };
        let stop = Path::new(file).with_file_name("stop");
        let options = trialplate::OpenOptions::new().busy_timeout(Duration::from_secs(10));
        let mut worker = Worker {
            store: options.open(file).unwrap(),
            journal: OpenOptions::new().create(true).append(true).open(journal).unwrap(),
        };
        let mut run = None;
        for i in 0u32.. {
            if stop.exists() {
                break;
            }
            let tag = format!("{who} {i}");
            let number = worker.told("publish", json!({"text": tag}), |store| {
                Ok(call(store, "publish", json!({"name": "shared", "prompt": tag}))?["number"].clone())
            });
            worker.gets();
            if let Some(number) = number {
                worker.told("move", json!({"to": number, "reason": tag}), |store| {
                    let to =
                        json!({"name": "shared", "label": "production", "version": number, "reason": tag});
                    Ok(call(store, "set_label", to)?["seq"].clone())
                });
            }
            worker.gets();
            if run.is_none() {
                run = worker.told("start", json!({}), |store| {
                    let plan =
                        json!({"prompt": "shared", "version": 1, "dataset": "items", "trials": 100, "name": who});
                    Ok(call(store, "start_run", plan)?["id"].clone())
                });
            }
            if let Some(run) = &run {
                let place = json!({"run": run, "key": format!("k{}", i % 10), "trial": i / 10 % 100 + 1});
                let mut facts = place.clone();
                facts["output"] = tag.clone().into();
                worker.told("record", facts, |store| {
                    let mut row = place;
                    row["row"] = json!({"output": tag});
                    call(store, "record", row).map(|_| Value::Null)
                });
            }
            worker.gets();
            let ids: Vec<String> = (0..5).map(|n| format!("{tag} {n}")).collect();
            worker.told("trace", json!({}), |store| {
                for id in &ids {
                    let call_of = json!({"prompt": "shared", "version": 1, "trace_id": id, "output": id});
                    call(store, "log", call_of)?;
                    call(store, "score", json!({"trace_id": id, "metric": "quality", "value": 0.5}))?;
                }
                store.flush()?;
                Ok(json!(ids))
            });
            if run.is_some() && i % 1000 == 999 {
                // Every item and trial of it is recorded.
                break;
            }
        }
        worker.store.close().unwrap();
    }
}
