//! A file that is replaced under an open store: what is remembered of the old one is never served for the new one.

use trialplate::{Content, MoveOptions, Store};

fn with_text(path: &std::path::Path, text: &str) {
    let store = Store::open(path).unwrap();
    let v = store.publish("p", Content::text(text), Default::default()).unwrap();
    store.set_label("p", "production", &(&v).into(), MoveOptions::default()).unwrap();
    store.close().unwrap();
}

#[test]
fn another_file_with_the_same_history_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.tp"), folder.path().join("new.tp"));
    // The same verbs in the same order: both files have the same registry epoch.
    with_text(&old, "old");
    with_text(&new, "new");
    let store = Store::open(&old).unwrap();
    let text =
        |store: &Store| store.get("p", "production").unwrap().content().prompt().as_str().unwrap().to_owned();
    assert_eq!(text(&store), "old");
    let before = store.registry_epoch().unwrap();
    std::fs::rename(&new, &old).unwrap();
    // A rename changes nothing in the file that is mapped: it is noticed at the next look at the path.
    store.versions("p").unwrap();
    assert_eq!(text(&store), "new");
    assert_ne!(store.registry_epoch().unwrap(), before);
}
