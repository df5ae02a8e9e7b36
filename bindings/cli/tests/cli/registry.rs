//! Prompts, versions, labels.

use serde_json::json;

use crate::Shop;

fn two_versions() -> Shop {
    let shop = Shop::new();
    shop.ok(&["publish", "extraction", "--text", "Extract from: {{document}}", "--label", "production"]);
    shop.ok(&["publish", "extraction", "--text", "List from: {{document}}", "--param", "temperature=0.5"]);
    shop
}

#[test]
fn selectors_as_people_type_them() {
    let shop = two_versions();
    let id = shop.json(&["get", "extraction:2"])["id"].as_str().unwrap().to_owned();
    for (which, text) in [
        ("extraction", "Extract from: {{document}}\n"),
        ("extraction@production", "Extract from: {{document}}\n"),
        ("extraction@latest", "List from: {{document}}\n"),
        ("extraction:2", "List from: {{document}}\n"),
        (&format!("extraction#{id}"), "List from: {{document}}\n"),
        (&format!("extraction#{}", &id[..11]), "List from: {{document}}\n"),
    ] {
        assert_eq!(shop.ok(&["get", which]), text, "{which}");
    }
    assert_eq!(shop.ok(&["get", "extraction", "--version", "2"]), "List from: {{document}}\n");
    assert_eq!(shop.run(&["get", "extraction:9"]).error(), (4, "version-not-found"));
    assert_eq!(shop.run(&["get", "extraction@staging"]).error(), (4, "label-not-found"));
    assert_eq!(shop.run(&["get", "extraction#b3:12"]).error(), (4, "invalid-id"));
    assert_eq!(shop.run(&["get", "extraction:2", "--label", "staging"]).error(), (2, "usage"));
    // A name that ends like a selector.
    shop.ok(&["publish", "a:3", "--text", "odd", "--label", "production"]);
    assert_eq!(shop.ok(&["get", "--name", "a:3"]), "odd\n");
    assert_eq!(shop.ok(&["get", "a:3:1"]), "odd\n");
    assert_eq!(shop.run(&["get", "a:3"]).error(), (4, "prompt-not-found"));
}

#[test]
fn text_comes_from_everywhere_and_goes_round() {
    let shop = Shop::new();
    shop.write("p.txt", "Hello {{name}}\n");
    let id = |args: &[&str], input: &str| {
        let args = [&["publish", "hello"], args, &["--json"]].concat();
        shop.feed(&args, input).json()["id"].clone()
    };
    let first = id(&["--text", "Hello {{name}}"], "");
    assert_eq!(first, id(&["--from-file", "p.txt"], ""));
    assert_eq!(first, id(&["-"], "Hello {{name}}\n"));
    assert_ne!(first, id(&["-"], "Hello {{name}}\n\n"));
    let text = shop.ok(&["get", "hello:1"]);
    assert_eq!(first, id(&["-"], &text), "what get prints is what publish reads");
    let chat = json!([{"role": "user", "content": "{{q}}"}, {"type": "placeholder", "name": "history"}]);
    shop.write("chat.json", chat.to_string());
    let chat_id = id(&["--chat", "chat.json"], "");
    assert_eq!(chat_id, id(&["--chat", "-"], &shop.ok(&["get", "hello@latest"])));
    assert_eq!(shop.run(&["publish", "hello"]).error(), (2, "usage"));
    assert_eq!(shop.run(&["publish", "hello", "--text", "a", "-"]).code, 2);
    let said = shop.run(&["publish", "hello", "--from-file", "gone.txt"]);
    assert_eq!(said.error(), (4, "storage"));
    assert!(said.err.contains("gone.txt"));
}

#[test]
fn parameters_are_json_or_text() {
    let shop = Shop::new();
    shop.write("schema.json", r#"{"type": "object"}"#);
    let v = shop.json(&[
        "publish",
        "x",
        "--text",
        "t",
        "--params",
        r#"{"a": 1, "b": 2}"#,
        "--param",
        "b=0.5",
        "--param",
        "stop=[\"\\n\"]",
        "--param",
        "style=warm",
        "--tools",
        r#"[{"name": "f"}]"#,
        "--schema",
        "schema.json",
        "--tag",
        "one",
        "--tag",
        "two",
    ]);
    assert_eq!(v["params"], json!({"a": 1, "b": 0.5, "stop": ["\n"], "style": "warm"}));
    assert_eq!(v["tools"], json!([{"name": "f"}]));
    assert_eq!(v["response_schema"], json!({"type": "object"}));
    assert_eq!(v["tags"], json!(["one", "two"]));
    assert_eq!(v["author"], "ada");
    assert_eq!(shop.run(&["publish", "x", "--text", "t", "--params", "{oops"]).error(), (2, "usage"));
    assert_eq!(shop.run(&["publish", "x", "--text", "t", "--param", "oops"]).code, 2);
    shop.write("bad.json", "{\n  \"a\": 1,\n}");
    let said = shop.run(&["publish", "x", "--text", "t", "--params", "bad.json"]);
    assert_eq!(said.error(), (4, "invalid-json"));
    assert!(said.err.contains("bad.json:3"), "{}", said.err);
}

#[test]
fn compile_fills_in() {
    let shop = two_versions();
    assert_eq!(
        shop.ok(&["compile", "extraction", "--var", "document=a=b {{document}}"]),
        "Extract from: a=b {{document}}\n"
    );
    shop.write("values.json", r#"{"document": {"b": 1, "a": [true]}}"#);
    assert_eq!(
        shop.ok(&["compile", "extraction:2", "--vars", "@values.json"]),
        "List from: {\"a\":[true],\"b\":1}\n"
    );
    assert_eq!(shop.run(&["compile", "extraction"]).error(), (4, "missing-variable"));
    assert_eq!(shop.ok(&["compile", "extraction", "--partial"]), "Extract from: {{document}}\n");
    assert_eq!(shop.ok(&["compile", "extraction", "--mode", "langfuse"]), "Extract from: {{document}}\n");
    assert_eq!(
        shop.json(&["compile", "extraction", "--var", "document=x"]),
        json!({"prompt": "Extract from: x"})
    );
}

#[test]
fn labels_move_and_remember() {
    let shop = two_versions();
    assert_eq!(
        shop.ok(&["set-label", "extraction", "production", "2"]),
        "extraction@production moved from version 1 to 2\n"
    );
    let lost = shop.run(&["set-label", "extraction", "production", "1", "--expected", "1"]);
    assert_eq!(lost.error(), (4, "label-moved"));
    let back = shop.ok(&["rollback", "extraction", "production", "--reason", "wrong dates"]);
    assert_eq!(back, "extraction@production rolled back from version 2 to 1\n");
    let history = shop.json(&["history", "extraction", "production"]);
    let moves = history["moves"].as_array().unwrap();
    assert_eq!(moves.len(), 3);
    assert_eq!(moves[2]["reason"], "wrong dates");
    assert_eq!(moves[2]["actor"], "ada");
    assert!(shop.ok(&["history", "extraction", "production"]).contains("rollback  wrong dates"));
    assert_eq!(shop.json(&["labels", "extraction"]), json!({"labels": {"production": 1}}));
    assert_eq!(
        shop.ok(&["unset-label", "extraction", "production"]),
        "extraction@production taken off version 1\n"
    );
    assert_eq!(shop.ok(&["labels", "extraction"]), "no labels\n");
    assert!(shop.ok(&["prompts", "extr"]).contains("extraction"));
    assert_eq!(shop.ok(&["prompts", "billing/"]), "no prompts\n");
}

#[test]
fn diff_shows_words() {
    let shop = two_versions();
    let diff = shop.ok(&["diff", "extraction", "1", "2"]);
    assert!(diff.contains("[-Extract-]{+List+} from: {{document}}"), "{diff}");
    assert_eq!(diff, shop.ok(&["diff", "extraction", "@production", "@latest"]));
    assert_eq!(shop.ok(&["diff", "extraction", "2", "2"]), "no difference\n");
    assert!(shop.json(&["diff", "extraction", "1", "2"])["changes"].is_array());
    let mut coloured = shop.command(&["diff", "extraction", "1", "2"]);
    coloured.env("CLICOLOR_FORCE", "1");
    assert!(crate::said(coloured, "").ok().contains("\x1b[31mExtract\x1b[0m\x1b[32mList\x1b[0m"));
    let mut plain = shop.command(&["diff", "extraction", "1", "2"]);
    plain.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert_eq!(crate::said(plain, "").ok(), diff);
}
