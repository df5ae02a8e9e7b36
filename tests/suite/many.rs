//! A prompt with very many versions, labels and moves.
//!
//! `TRIALPLATE_LONG=1` makes it a million versions and a hundred thousand labels.

use std::sync::mpsc;

use serde_json::{Value, json};
use trialplate::{Selector, Store, VersionRef};

/// Asks for many writes at once, which share commits, and looks at every answer.
fn all(store: &Store, verb: &str, arguments: impl Iterator<Item = Value>, look: impl Fn(usize, Value)) {
    // Not all at once: each waits in memory.
    let (tell, told) = mpsc::channel::<Result<String, trialplate::Error>>();
    let answer = |n: usize| look(n, serde_json::from_str(&told.recv().unwrap().unwrap()).unwrap());
    let mut answered = 0;
    let mut asked = 0;
    for arguments in arguments {
        let tell = tell.clone();
        store.call_in_background(verb, arguments.to_string(), move |result| tell.send(result).unwrap());
        asked += 1;
        if asked - answered > 4_096 {
            answer(answered);
            answered += 1;
        }
    }
    while answered < asked {
        answer(answered);
        answered += 1;
    }
}

fn label(n: u32) -> String {
    format!("l{n:06}")
}

#[test]
fn very_many_versions_and_labels_are_as_right_as_few() {
    let (versions, labels) =
        if std::env::var_os("TRIALPLATE_LONG").is_some() { (1_000_000, 100_000) } else { (10_000, 1_000) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.tp");
    let store = Store::open(&path).unwrap();
    let text = |n: u32| format!("text {n} for {{{{who}}}}");
    let publish = (1..=versions).map(|n| json!({"name": "p", "prompt": text(n)}));
    all(&store, "publish", publish, |n, found| assert_eq!(found["number"], json!(n + 1)));
    // Every label to a version of its own, and one label through many.
    let to = |n: u32| n * (versions / labels);
    let set = (1..=labels).map(|n| json!({"name": "p", "label": label(n), "version": to(n)}));
    all(&store, "set_label", set, |n, found| assert_eq!(found["to"], json!(to(n as u32 + 1))));
    let moves = (1..=labels).map(|n| json!({"name": "p", "label": "production", "version": to(n)}));
    all(&store, "set_label", moves, |n, found| {
        assert_eq!(found["from"], if n == 0 { Value::Null } else { json!(to(n as u32)) });
    });
    store.close().unwrap();

    let store = Store::open(&path).unwrap();
    assert_eq!(store.get("p", "latest").unwrap().number(), versions);
    for n in [1, 2, versions / 3, versions - 1, versions] {
        let found = store.get("p", Selector::Number(n)).unwrap();
        assert_eq!(found.content().prompt(), text(n).as_str());
        assert_eq!(store.get("p", Selector::Id(found.id().into())).unwrap().number(), n);
    }
    assert_eq!(store.get("p", Selector::Number(versions + 1)).unwrap_err().code(), "version-not-found");
    // The same content is the same version, however many there are between; a new one is the next.
    let again =
        |text: String| store.publish("p", trialplate::Content::text(text), Default::default()).unwrap();
    assert_eq!(again(text(3)).number(), 3);
    assert_eq!(again("another".to_owned()).number(), versions + 1);

    // Pages, each asked for by the last number of the one before, have every version once.
    let (mut after, mut pages) = (0, 0);
    loop {
        let page = store.versions_after("p", after, 999).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.iter().map(|v| v.number()).eq(after + 1..=last.number()));
        assert!(page.len() <= 999);
        (after, pages) = (last.number(), pages + 1);
    }
    assert_eq!((after, pages), (versions + 1, (versions + 1).div_ceil(999)));
    assert_eq!(store.versions_after("p", versions - 2, 2).unwrap()[1].number(), versions);

    let found = store.labels("p").unwrap();
    assert_eq!(found.len(), labels as usize + 1);
    for n in [1, labels / 2, labels] {
        assert_eq!(found[&label(n).parse().unwrap()], to(n));
        assert_eq!(store.get("p", label(n).as_str()).unwrap().number(), to(n));
    }
    assert_eq!(store.get("p", label(0).as_str()).unwrap_err().code(), "label-not-found");
    let history = store.history("p", "production").unwrap();
    assert!(history.iter().map(|m| m.to).eq((1..=labels).map(|n| Some(to(n)))));
    assert_eq!(store.rollback("p", "production", None, None).unwrap().to, Some(to(labels - 1)));
    let far = VersionRef::Number(to(1));
    assert_eq!(store.rollback("p", "production", Some(&far), None).unwrap().to, Some(to(1)));
    assert_eq!(
        store.rollback("p", "production", None, None).unwrap_err().code(),
        "nothing-to-roll-back",
        "what lay above was taken off"
    );
    assert_eq!(store.unset_label("p", &label(labels), None).unwrap().from, Some(to(labels)));
    assert_eq!(store.prompts(&Default::default()).unwrap()[0].labels.len(), labels as usize);
    let report = store.verify().unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.versions, u64::from(versions) + 1);
}
