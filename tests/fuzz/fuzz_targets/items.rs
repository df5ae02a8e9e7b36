#![no_main]
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use trialplate::{Store, fuzzing};

static STORE: LazyLock<(tempfile::TempDir, Store)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("items.tp")).unwrap();
    (dir, store)
});

fuzz_target!(|data: &[u8]| fuzzing::items(&STORE.1, data));
