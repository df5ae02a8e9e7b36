//! No test file is forgotten: a `.rs` file that is no module of `main.rs` would silently never run.

use std::collections::BTreeSet;
use std::path::Path;

fn modules(main: &str) -> BTreeSet<String> {
    let names = main.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

#[test]
fn every_file_is_a_module() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/suite");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs") || path.is_dir())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "main")
        .collect();
    assert_eq!(files, modules(&main));
}

#[test]
fn a_forgotten_file_would_be_seen() {
    assert_eq!(modules("mod a;\n// mod b;\nmod c;\n"), BTreeSet::from(["a".to_owned(), "c".to_owned()]));
}
