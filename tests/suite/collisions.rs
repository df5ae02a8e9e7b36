//! No two different contents share an id, and the same content has one id however it is written.
//!
//! BLAKE3 is not what is tested here: the encoding in front of it is. Contents are made that look alike (an
//! element moved elsewhere, text that looks like another element's JSON, absent and null), and every pair of
//! ids is compared.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use trialplate::{Content, ContentId, Store};

fn id(content: &Value) -> ContentId {
    let content: Content =
        serde_json::from_value(content.clone()).unwrap_or_else(|e| panic!("{content}: {e}"));
    Store::content_id(content).unwrap()
}

/// Remembers which content has which id, and fails on the second content under one id.
#[derive(Default)]
struct Seen(HashMap<ContentId, Value>);

impl Seen {
    fn add(&mut self, content: Value) {
        if let Some(other) = self.0.insert(id(&content), content.clone()) {
            panic!("{content} and {other} share an id");
        }
    }
}

#[test]
fn contents_that_differ_in_any_element_differ_in_their_id() {
    let texts = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "á",
        "a\u{301}",
        "null",
        "[]",
        "{{a}}",
        "{{ a }}",
        "{\"role\":\"user\"}",
        "a\n",
        "a\r\n",
        "\u{0}",
        "😀",
    ];
    let role = |role: &str, content: Value| json!({"role": role, "content": content});
    let chats = [
        json!([role("user", json!("a"))]),
        json!([role("system", json!("a"))]),
        json!([role("user", json!(["a"]))]),
        json!([role("user", json!([{"type": "text", "text": "a"}]))]),
        json!([role("user", Value::Null)]),
        json!([{"role": "user", "content": null, "name": "a"}]),
        json!([{"role": "user", "name": "a"}]),
        json!([role("user", json!("a")), role("user", json!("a"))]),
        json!([role("user", json!("a")), role("system", json!("b"))]),
        json!([role("system", json!("b")), role("user", json!("a"))]),
        json!([{"type": "placeholder", "name": "a"}]),
        json!([{"type": "placeholder", "name": "b"}]),
    ];
    let models = [Value::Null, json!("m"), json!("M"), json!("null"), json!("m,\"params\":{}")];
    let params = [
        json!({}),
        json!({"a": null}),
        json!({"a": 1}),
        json!({"a": "1"}),
        json!({"a": true}),
        json!({"a": [1]}),
        json!({"a": [[1]]}),
        json!({"a": {"b": 1}}),
        json!({"a.b": 1}),
        json!({"a": {}, "b": 1}),
        json!({"a": 1.0000000000000002}),
        json!({"b": 1}),
        json!({"model": "m"}),
        json!({"": 1}),
    ];
    let tools = [
        Value::Null,
        json!([null]),
        json!([{}]),
        json!([{"name": "a"}]),
        json!([[]]),
        json!(["a", "b"]),
        json!(["b", "a"]),
    ];
    let schemas = [
        Value::Null,
        json!({}),
        json!(true),
        json!(false),
        json!({"type": "object"}),
        json!({"type": ["object"]}),
    ];
    let prompts: Vec<Value> = texts.iter().map(|t| json!(t)).chain(chats).collect();
    let mut seen = Seen::default();
    for prompt in &prompts {
        for model in &models {
            for params in &params {
                seen.add(json!({"prompt": prompt, "model": model, "params": params}));
            }
        }
    }
    for tools in &tools {
        for schema in &schemas {
            for params in &params {
                seen.add(json!({"prompt": "tools and schemas", "params": params, "tools": tools, "response_schema": schema}));
            }
        }
    }
    assert_eq!(
        seen.0.len(),
        prompts.len() * models.len() * params.len() + tools.len() * schemas.len() * params.len()
    );
}

#[test]
fn one_content_has_one_id_however_it_is_written() {
    let plain = id(&json!({"prompt": "x"}));
    for same in [
        json!({"prompt": "x", "model": null}),
        json!({"prompt": "x", "params": {}}),
        json!({"prompt": "x", "params": null}),
        json!({"prompt": "x", "tools": []}),
        json!({"prompt": "x", "tools": null}),
        json!({"prompt": "x", "response_schema": null}),
    ] {
        assert_eq!(id(&same), plain, "{same}");
    }
    let number = id(&json!({"prompt": "x", "params": {"n": 1}}));
    for text in ["1.0", "1e0", "10e-1", "1.00"] {
        let same: Value =
            serde_json::from_str(&format!("{{\"prompt\": \"x\", \"params\": {{\"n\": {text}}}}}")).unwrap();
        assert_eq!(id(&same), number, "{text}");
    }
    assert_eq!(
        id(&json!({"prompt": "x", "params": {"n": -0.0}})),
        id(&json!({"prompt": "x", "params": {"n": 0}}))
    );
}

/// Everything that an item is made of, and nothing else, decides its id.
#[test]
fn items_that_differ_in_any_element_differ_in_their_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let values = [
        json!(null),
        json!(""),
        json!("a"),
        json!(1),
        json!("1"),
        json!([]),
        json!({}),
        json!({"a": null}),
        json!(false),
    ];
    let texts = [None, Some("a"), Some("b")];
    let (mut items, mut n) = (Vec::new(), 0);
    for input in &values {
        for expected in &values {
            for metadata in [json!(null), json!({}), json!("a")] {
                for stratum in texts {
                    for source_trace in texts {
                        n += 1;
                        items.push(json!({"key": format!("k{n}"), "input": input, "expected": expected, "metadata": metadata,
                                          "stratum": stratum, "source_trace": source_trace}));
                    }
                }
            }
        }
    }
    store.call("dataset_add", &json!({"name": "d", "items": items}).to_string()).unwrap();
    let read: Value =
        serde_json::from_str(&store.call("dataset_items", r#"{"name": "d"}"#).unwrap()).unwrap();
    let ids: BTreeMap<&str, &str> = read["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| (i["id"].as_str().unwrap(), i["key"].as_str().unwrap()))
        .collect();
    assert_eq!(ids.len(), n);
    // The key is no part of the id.
    let again: Vec<Value> = items
        .into_iter()
        .map(|mut item| {
            item["key"] = format!("again {}", item["key"].as_str().unwrap()).into();
            item
        })
        .collect();
    store.call("dataset_add", &json!({"name": "d", "items": again}).to_string()).unwrap();
    let read: Value =
        serde_json::from_str(&store.call("dataset_items", r#"{"name": "d"}"#).unwrap()).unwrap();
    assert_eq!(read["items"].as_array().unwrap().len(), 2 * n);
    assert!(
        read["items"].as_array().unwrap().iter().all(|item| ids.contains_key(item["id"].as_str().unwrap()))
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        (-3i64..3).prop_map(|n| json!(n as f64)),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
        "[a\"\\\\{}:,\u{0}\u{e9}\u{ffff}\u{1f600}]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab\u{ffff}\u{1f600}]{0,2}", inner, 0..3)
                .prop_map(|m| Value::from(m.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same value, if numbers are the doubles that JSON says they are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ids_are_equal_exactly_if_the_values_are(a in any_json(), b in any_json()) {
        let of = |value: &Value| id(&json!({"prompt": "x", "params": {"v": value}}));
        prop_assert_eq!(of(&a) == of(&b), same(&a, &b), "{} {}", a, b);
        // Written as text and read again it is the same content.
        let back: Value = serde_json::from_str(&a.to_string()).unwrap();
        prop_assert_eq!(of(&back), of(&a));
    }
}
