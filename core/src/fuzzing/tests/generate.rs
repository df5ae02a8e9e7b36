//! Hostile bytes from honest ones: what is nearly right gets further in than noise does.

use serde_json::{Value, json};

/// xorshift64*: the same case from the same seed, everywhere.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        rng.next();
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }

    pub(super) fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    pub(super) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// A number of every size that a length may have.
const EXTREMES: &[u64] = &[
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "a\0b",
    "\u{FEFF}x",
    "\u{202E}x",
    "é",
    "e\u{301}",
    "\u{10FFFF}",
    "../../etc/passwd",
    "{{x}}",
    "{{{{x}}}}",
    "{{#x}}{{/x}}",
    "}}{{",
    "b3:",
    "b3:00",
    "latest",
    "production",
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "'; DROP TABLE",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "-9999-01-01T00:00:00Z",
    "0000-00-00",
    "1970-01-01T00:00:00+25:00",
    "9223372036854775807/t",
    "-9223372036854775808/",
    "99999999999999999999/x",
    "\n",
    "x\ny",
    "p0",
    "d",
    "quality",
];

/// Something else in the place of any JSON value.
pub(super) fn strange(rng: &mut Rng) -> Value {
    match rng.below(14) {
        0 => Value::Null,
        1 => json!(rng.below(2) == 0),
        2 => json!(*rng.of(EXTREMES)),
        3 => json!(-(*rng.of(EXTREMES) as i64 as f64)),
        4 => json!(*rng.of(&[1e308, -1e308, 5e-324, 0.1, -0.0, 1.5, 1e15, 9_007_199_254_740_993.0])),
        5 => json!([]),
        6 => json!({}),
        7 => json!("x".repeat(*rng.of(&[1, 255, 256, 1000, 70_000]))),
        8 => {
            let depth = rng.of(&[3, 60, 126, 130, 500]);
            (0..*depth)
                .fold(json!(1), |inner, i| if i % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
        }
        9 => json!(vec![0; *rng.of(&[1, 2, 100, 3000])]),
        10 => json!({"$ref": "#", "name": "p0", "number": 1, "id": "b3:00"}),
        _ => json!(*rng.of(TEXTS)),
    }
}

/// How many values there are in a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the `at`-th value of a tree.
fn change(value: &mut Value, at: &mut usize, rng: &mut Rng) -> bool {
    if *at == 0 {
        match (rng.below(5), &mut *value) {
            (0, Value::Object(members)) if !members.is_empty() => {
                let names: Vec<String> = members.keys().cloned().collect();
                members.remove(rng.of(&names));
            }
            (1, Value::Object(members)) => {
                members.insert((*rng.of(TEXTS)).to_owned(), strange(rng));
            }
            (0 | 1, Value::Array(list)) if !list.is_empty() => {
                let twice = rng.of(list).clone();
                list.extend(vec![twice; *rng.of(&[1, 2, 50])]);
            }
            (2, Value::Array(list)) if !list.is_empty() => {
                list.pop();
            }
            (2, Value::Number(n)) => {
                let n = n.as_f64().unwrap_or(0.0);
                *value = json!(*rng.of(&[-n, n + 1.0, n * 1e6, n / 1e6, n.trunc(), 0.0]));
            }
            _ => *value = strange(rng),
        }
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|value| change(value, at, rng)),
        Value::Object(members) => members.values_mut().any(|value| change(value, at, rng)),
        _ => false,
    }
}

/// A JSON text, changed as a tree, and sometimes as bytes.
pub(super) fn json_like(rng: &mut Rng, seed: &Value) -> String {
    let mut value = seed.clone();
    for _ in 0..rng.below(4) {
        let mut at = rng.below(count(&value));
        change(&mut value, &mut at, rng);
    }
    let mut text = value.to_string();
    match rng.below(12) {
        0 => text = String::from_utf8_lossy(&bytes_like(rng, text.as_bytes())).into_owned(),
        1 => {
            text = text.replacen(
                |c: char| c.is_ascii_digit(),
                rng.of::<&str>(&["NaN", "1e400", "-Infinity", "00"]),
                1,
            )
        }
        2 => text = text.replacen('"', rng.of::<&str>(&["\"\\ud800", "\"\\u0000", "'"]), 1),
        3 => text.insert_str(0, &rng.of(&["[", "{\"a\":", "\u{FEFF}"]).repeat(*rng.of(&[1, 200, 20_000]))),
        _ => {}
    }
    text
}

/// Bytes, changed as bytes: flips, cuts, splices, extremes where a length may stand.
pub(super) fn bytes_like(rng: &mut Rng, seed: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(out.len() + 1);
        let end = (at + rng.below(20)).min(out.len());
        match rng.below(9) {
            0 | 1 if at < out.len() => out[at] ^= 1 << rng.below(8),
            2 if at < out.len() => out[at] = *rng.of(&[0, 1, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFF]),
            3 => out.truncate(at),
            4 => {
                let part = rng.bytes(rng.0 as usize % 24);
                out.splice(at..end, part);
            }
            5 => {
                // As bincode writes a number: FB, FC or FD, and two, four or eight bytes.
                let n = rng.of(EXTREMES).to_le_bytes();
                let (mark, wide) = *rng.of(&[(0xFB, 2), (0xFC, 4), (0xFD, 8)]);
                out.splice(at..end, [&[mark], &n[..wide]].concat());
            }
            6 => {
                let part = out[at..end].to_vec();
                let to = rng.below(out.len() + 1);
                out.splice(to..to, part);
            }
            7 => {
                let part = rng.of(TEXTS).bytes();
                out.splice(at..end, part);
            }
            _ => {
                let part = out[at..end].repeat(rng.below(40));
                out.splice(at..at, part);
            }
        }
    }
    out
}

/// Text, changed as text.
pub(super) fn text_like(rng: &mut Rng, seed: &str) -> Vec<u8> {
    String::from_utf8_lossy(&bytes_like(rng, seed.as_bytes())).into_owned().into_bytes()
}
