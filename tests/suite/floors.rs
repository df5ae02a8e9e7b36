//! The floors of the house, read from the source: a room imports rooms on lower floors only.
//!
//! A room is a top-level module of `core/src`. What counts is code: comments, doc examples and test modules
//! may name whatever they like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FLOORS: &[(&str, u8)] = &[
    ("error", 0),
    ("sync", 0),
    ("model", 1),
    ("codec", 2),
    ("storage", 3),
    ("prompts", 5),
    ("datasets", 5),
    ("scorers", 5),
    ("runs", 5),
    ("traces", 5),
    ("formats", 5),
    ("stats", 6),
    ("compare", 7),
    ("calibration", 7),
    ("drift", 7),
    ("experiments", 7),
    ("gates", 8),
    ("store", 9),
    ("fuzzing", 10),
];

/// Pure mathematics: what it may import is said by name.
const STATS_IMPORTS: &[&str] = &["error"];

/// Who alone may name what. A path ends with `/` for a room, otherwise it is one file.
const OWNERS: &[(&str, &[&str])] = &[
    ("redb", &["storage/"]),
    ("bincode", &["codec/"]),
    ("blake3", &["codec/"]),
    ("sha2", &["stats/assign.rs"]),
    ("SystemTime", &["model/time.rs"]),
    ("UNIX_EPOCH", &["model/time.rs"]),
    // For waiting, not for telling the time.
    ("Instant", &["model/time.rs", "storage/"]),
    ("pyo3", &[]),
    ("napi", &[]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!", &[]),
    ("eprint!", &[]),
    ("dbg!", &[]),
    ("std::env", &[]),
    ("home_dir", &[]),
];

const MAX_LINES: usize = 400;

/// Files that are longer for now, and how long they may be until they are split. An entry that is no longer
/// needed is a fault of its own.
const TOO_LONG: &[(&str, usize)] = &[];

/// Blanks out comments and the contents of texts, so that what is left is code; line breaks stay.
fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut i = 0;
    while i < chars.len() {
        let before = if i == 0 { ' ' } else { at(i - 1) };
        let word = before.is_alphanumeric() || before == '_';
        // r"…", r#"…"#, br"…"
        let raw = match (at(i), at(i + 1)) {
            ('r', '"' | '#') if !word || before == 'b' => Some(i + 1),
            _ => None,
        };
        let hashes = raw.map(|from| chars[from..].iter().take_while(|&&c| c == '#').count());
        if let (Some(from), Some(hashes)) = (raw, hashes)
            && at(from + hashes) == '"'
        {
            let mut end = from + hashes + 1;
            while end < chars.len() && !(at(end) == '"' && (1..=hashes).all(|k| at(end + k) == '#')) {
                end += 1;
            }
            out.push('"');
            out.extend(chars[i..end.min(chars.len())].iter().filter(|c| **c == '\n'));
            out.push('"');
            i = end + hashes + 1;
        } else if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 1),
                    ('*', '/') => (depth, i) = (depth - 1, i + 1),
                    ('\n', _) => out.push('\n'),
                    _ => {}
                }
                i += 1;
                if depth == 0 {
                    break;
                }
            }
        } else if at(i) == '"' {
            out.push('"');
            i += 1;
            while i < chars.len() && at(i) != '"' {
                if at(i) == '\n' || (at(i) == '\\' && at(i + 1) == '\n') {
                    out.push('\n');
                }
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            out.push('"');
            i += 1;
        } else if at(i) == '\'' && (at(i + 2) == '\'' || at(i + 1) == '\\') {
            // A character, not a lifetime.
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
            out.push_str("' '");
        } else {
            out.push(at(i));
            i += 1;
        }
    }
    out
}

/// The code in front of and behind items under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        out.push_str(before);
        let (mut depth, mut end) = (0usize, after.len());
        for (i, c) in after.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && (c == '}' || c == ';') {
                end = i + 1;
                break;
            }
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// What `lib.rs` re-exports at the root, by name: the room that it comes from.
fn root_names(lib: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let code = without_tests(&code_only(lib));
    for item in code.split(';') {
        let Some(path) =
            item.trim().strip_prefix("pub use ").or_else(|| item.split_once("\npub use ").map(|(_, p)| p))
        else {
            continue;
        };
        let room = identifier(path).to_owned();
        let listed = path.split_once('{').map_or_else(
            || path.rsplit("::").next().unwrap_or_default().to_owned(),
            |(_, list)| list.trim_end().trim_end_matches('}').to_owned(),
        );
        for name in listed.split(',') {
            let name = name.rsplit(" as ").next().unwrap_or_default().trim();
            if !name.is_empty() {
                names.insert(name.to_owned(), room.clone());
            }
        }
    }
    names
}

/// The rooms that a piece of code names by `crate::`.
fn imports(code: &str, root: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
            && !code[..at].ends_with('$')
        {
            continue;
        }
        let rest = code[at + "crate::".len()..].trim_start();
        let mut firsts = Vec::new();
        match rest.strip_prefix('{') {
            None => firsts.push(identifier(rest)),
            Some(list) => {
                // The first names of a list, not those of the lists within it.
                let (mut depth, mut start) = (0, 0);
                for (i, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => {
                            firsts.push(identifier(list[start..i].trim_start()));
                            break;
                        }
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            firsts.push(identifier(list[start..i].trim_start()));
                            start = i + 1;
                        }
                        _ => {}
                    }
                }
            }
        }
        for name in firsts.into_iter().filter(|name| !name.is_empty()) {
            found.insert(root.get(name).cloned().unwrap_or_else(|| name.to_owned()));
        }
    }
    found
}

fn names(code: &str, what: &str) -> bool {
    code.match_indices(what).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let whole = what.ends_with(|c: char| !part(c)) || !code[at + what.len()..].starts_with(part);
        whole && !code[..at].ends_with(part)
    })
}

/// A file, or a folder of files, `tests` that its room declares for tests alone.
fn is_test(files: &BTreeMap<String, String>, path: &str) -> bool {
    let Some(room) =
        path.split_once("/tests/").map(|(room, _)| room).or_else(|| path.strip_suffix("/tests.rs"))
    else {
        return false;
    };
    let declared =
        |file: String| files.get(&file).is_some_and(|source| source.contains("#[cfg(test)]\nmod tests;"));
    declared(format!("{room}/mod.rs")) || declared(format!("{room}.rs"))
}

/// Everything that is wrong with a set of files, given by their paths below `core/src`.
fn faults(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let root = files.get("lib.rs").map(|lib| root_names(lib)).unwrap_or_default();
    let floor = |room: &str| FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
    for (path, source) in files.iter().filter(|(path, _)| !is_test(files, path)) {
        let code = without_tests(&code_only(source));
        for (what, owners) in OWNERS {
            let owned = owners
                .iter()
                .any(|owner| if owner.ends_with('/') { path.starts_with(owner) } else { path == owner });
            if !owned && names(&code, what) {
                faults.push(format!("{path} names {what}, which belongs to {owners:?} alone"));
            }
        }
        let lines = source.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        let listed = TOO_LONG.iter().find(|(long, _)| long == path).map(|(_, lines)| *lines);
        let allowed = listed.unwrap_or(MAX_LINES);
        if lines > allowed {
            faults.push(format!("{path} has {lines} lines before its tests; {allowed} are allowed"));
        }
        if listed.is_some() && lines <= MAX_LINES {
            faults.push(format!("{path} is short enough by now; take it off the list"));
        }
        let room = path.split(['/', '.']).next().unwrap_or_default();
        if path == "lib.rs" {
            continue;
        }
        let Some(own) = floor(room) else {
            faults.push(format!("{path} is a room without a floor"));
            continue;
        };
        for import in imports(&code, &root) {
            if import == room {
                continue;
            }
            match floor(&import) {
                None => faults.push(format!("{path} imports {import}, which is no room")),
                Some(other) if other >= own => {
                    faults.push(format!("{path} (floor {own}) imports {import} (floor {other})"));
                }
                Some(_) if room == "stats" && !STATS_IMPORTS.contains(&&*import) => {
                    faults
                        .push(format!("{path} imports {import}; statistics import {STATS_IMPORTS:?} alone"));
                }
                Some(_) => {}
            }
        }
    }
    faults
}

fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn core() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    files
}

#[test]
fn rooms_import_lower_floors_only() {
    let files = core();
    assert!(files.len() > 50 && files.contains_key("stats/mod.rs"), "{}", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_room_of_the_library_has_a_floor() {
    let lib = code_only(&core()["lib.rs"]);
    let rooms = lib
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    for room in rooms {
        assert!(FLOORS.iter().any(|(name, _)| *name == room), "{room}");
    }
}

/// The checker itself can fail.
#[test]
fn a_fault_would_be_seen() {
    let lib = "mod a;\npub use model::run::{NewRow, Row as RunRow};\npub use store::Store;\npub use error::{Error, Result};\n";
    let faults_of = |path: &str, source: &str| {
        faults(&BTreeMap::from([("lib.rs".to_owned(), lib.to_owned()), (path.to_owned(), source.to_owned())]))
    };
    for (path, source, fault) in [
        ("model/x.rs", "use crate::store::Store;", "imports store"),
        ("model/x.rs", "use crate::{Error, Store};", "imports store"),
        ("model/x.rs", "fn f() { let s: crate::Store; }", "imports store"),
        ("model/x.rs", "use crate::{error::{Error, Result}, codec::hash};", "imports codec"),
        ("runs/x.rs", "use crate::datasets::read;", "imports datasets"),
        ("stats/x.rs", "use crate::model::name::Label;", "imports model"),
        ("stats/x.rs", "use crate::RunRow;", "imports model"),
        ("gates/x.rs", "use crate::nowhere::x;", "which is no room"),
        ("attic/x.rs", "", "without a floor"),
        ("prompts/x.rs", "use redb::Database;", "names redb"),
        ("storage/x.rs", "fn f() { bincode::x() }", "names bincode"),
        ("gates/x.rs", "let now = std::time::SystemTime::now();", "names SystemTime"),
        ("store/x.rs", "let now = Instant::now();", "names Instant"),
        ("store/x.rs", "println!(\"x\");", "names println!"),
        ("store/x.rs", "std::env::var(\"HOME\")", "names std::env"),
        ("store/x.rs", &"\n".repeat(401), "401 lines"),
        ("store/x.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nuse redb::x;", "names redb"),
    ] {
        let found = faults_of(path, source);
        assert!(found.iter().any(|f| f.contains(fault)), "{path} {source}: {found:?}");
        assert!(found.iter().all(|f| f.starts_with(path)), "{found:?}");
    }
    for (path, source) in [
        ("model/x.rs", "use crate::{Error, Result};\nuse crate::model::y;\nuse super::z;"),
        ("model/x.rs", "//! crate::store::Store\n/* use crate::store; /* redb */ println!() */"),
        (
            "model/x.rs",
            "const X: &str = \"crate::store redb \\\" println!\"; const Y: &str = r#\"crate::store \" redb\"#;",
        ),
        ("model/x.rs", "const Q: char = '\"'; fn f<'a>(x: &'a str) {} const R: char = '\\''; // redb"),
        ("model/x.rs", "#[cfg(test)]\nmod tests { use crate::store::Store; fn f() { println!(\"{}\", 1) } }"),
        ("store/x.rs", "use crate::{codec::hash, gates::{judge, store as verdicts}, stats};"),
        ("store/x.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\"); let redbird = 1; let instantly = 2;"),
        ("model/time.rs", "use std::time::{SystemTime, UNIX_EPOCH};"),
        ("storage/wait.rs", "let until = Instant::now();"),
        ("store/x.rs", &format!("{}#[cfg(test)]\n{}", "\n".repeat(400), "\n".repeat(900))),
    ] {
        assert_eq!(faults_of(path, source), [""; 0], "{path} {source}");
    }
}
