#![no_main]
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use trialplate::fuzzing::file::Victim;

// Where there is a folder in memory, TMPDIR=/dev/shm makes this several times faster.
static VICTIM: LazyLock<(tempfile::TempDir, Victim)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let victim = Victim::new(dir.path(), 1);
    (dir, victim)
});

fuzz_target!(|data: &[u8]| {
    VICTIM.1.examine(VICTIM.0.path(), data, data.len() % 2 == 0, data.len() % 3 == 0);
});
