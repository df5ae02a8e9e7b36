//! The help of every verb, kept in one file so that a change of it is seen in a review.

use crate::Shop;

/// Set to write the file anew.
const REGENERATE: &str = "TRIALPLATE_REGENERATE";
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/help.txt");

fn verbs(page: &str) -> Vec<&str> {
    let page = page.split("Global options:").next().unwrap();
    page.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect()
}

#[test]
fn help_is_what_it_was() {
    let shop = Shop::new();
    let first = shop.ok(&["--help"]);
    let mut all = format!("$ trialplate --help\n{first}");
    for verb in verbs(&first) {
        all.push_str(&format!("\n\n$ trialplate {verb} --help\n{}", shop.ok(&[verb, "--help"])));
    }
    let all: String = all.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(SNAPSHOT, &all).unwrap();
    }
    let kept = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(all == kept, "the help changed: run the tests with {REGENERATE}=1 and look at the difference");
}

#[test]
fn help_is_data_and_bad_usage_is_not() {
    let shop = Shop::new();
    assert!(shop.ok(&["--version"]).starts_with("trialplate "));
    for bad in
        [&[][..], &["nope"], &["get"], &["publish", "x", "--nope"], &["--busy-timeout", "soon", "info"]]
    {
        let said = shop.run(bad);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{bad:?}");
        assert!(!said.err.is_empty());
    }
    let said = shop.run(&["get", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["code"], "usage");
    assert_eq!(said.code, 2);
}

#[test]
fn completions_for_every_shell() {
    let shop = Shop::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = shop.ok(&["completions", shell]);
        assert!(script.contains("set-label") && script.contains("trialplate"), "{shell}");
    }
    assert!(!shop.path().exists());
}
