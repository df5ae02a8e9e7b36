#![no_main]
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use trialplate::{Store, fuzzing};

static STORE: LazyLock<(tempfile::TempDir, Store)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("real.tp")).unwrap();
    fuzzing::real::fill(&store, 1);
    (dir, store)
});

fuzz_target!(|data: &[u8]| fuzzing::verb(&STORE.1, STORE.0.path(), data));
