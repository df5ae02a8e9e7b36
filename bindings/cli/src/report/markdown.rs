//! A verdict as Markdown.

use serde_json::Value;

use super::{Told, words};
use crate::print::verdict::bounds;
use crate::print::{each, figure, plain, text};

/// The verdict: a table of its checks, the worst items, the reason. What does not fit is left out from the end, and
/// it says so.
pub(super) fn verdict(told: &Told<'_>, room: usize) -> String {
    let v = told.verdict;
    let head = format!(
        "### {}\n\n{} {}\n\n",
        escaped(&words::headline(v)),
        escaped(&words::effect(told)),
        escaped(&capitalised(&words::scene(v)))
    );
    let table = "| verdict | check | n | missing | baseline | candidate | bound | threshold | why |\n\
                 | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
    let mut parts = vec![head + table];
    let checks = words::worst_first(v);
    parts.extend(checks.iter().map(|check| row(check)));
    let with_items =
        checks.iter().filter(|check| check["outcome"] != "pass" && each(&check["items"]).count() > 0);
    for (i, check) in with_items.enumerate() {
        parts.push(if i == 0 { "\n**Worst items**\n\n".to_owned() } else { String::new() } + &worst(check));
    }
    parts.push(format!("\nVerdict `{}`\n\n", text(&v["id"])));

    let cut = "\nThe rest is left out: a summary holds 1 MiB.\n\n";
    let whole = parts.iter().map(String::len).sum::<usize>() <= room;
    let (mut out, mut room) = (String::new(), if whole { room } else { room.saturating_sub(cut.len()) });
    for part in &parts {
        if part.len() > room {
            break;
        }
        room -= part.len();
        out.push_str(part);
    }
    if !whole && !out.is_empty() {
        out.push_str(cut);
    }
    out
}

fn row(check: &Value) -> String {
    let outcome = match check["outcome"].as_str() {
        Some("pass") => "pass",
        Some("fail") => "**FAIL**",
        _ => "**CANNOT TELL**",
    };
    let optional = |value: &Value, show: fn(&Value) -> String| {
        if value.is_null() { String::new() } else { show(value) }
    };
    let missing = if check["n_missing"] == 0 { String::new() } else { text(&check["n_missing"]) };
    format!(
        "| {outcome} | {} | {} | {missing} | {} | {} | {} | {} | {} |\n",
        escaped(&words::check(check)),
        text(&check["n"]),
        optional(&check["baseline"], figure),
        optional(&check["value"], figure),
        escaped(&bounds(check)),
        optional(&check["threshold"], plain),
        escaped(&text(&check["sentence"])),
    )
}

fn worst(check: &Value) -> String {
    let items: Vec<String> = words::items(check).iter().map(|item| escaped(item)).collect();
    format!("- {}: {}\n", escaped(&words::check(check)), items.join("; "))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect::<String>() + ".")
        .unwrap_or_default()
}

/// Text that stays text, also in a table's cell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' | '~' | '@' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_fits_or_says_so() {
        let check = json!({"check": "mean", "metric": "a|b_c", "outcome": "fail", "n": 3, "n_missing": 1,
                           "sentence": "the mean | is <low>", "items": [{"key": "k*"}]});
        let v = json!({"outcome": "fail", "id": "b3:1", "checks": vec![check; 1000],
                       "key": {"prompt": "x", "label": "production", "version": 2, "datasets": []}});
        let told = Told { verdict: &v, moved: &Value::Null };
        let whole = verdict(&told, 1 << 20);
        assert!(
            whole.contains("mean(a\\|b\\_c)") && whole.contains("\\| is &lt;low&gt; |"),
            "{}",
            &whole[..800]
        );
        assert!(whole.ends_with("Verdict `b3:1`\n\n") && whole.contains("k\\*"));
        for room in [0, 100, 1000, 50_000, whole.len() - 1] {
            let cut = verdict(&told, room);
            assert!(cut.len() <= room);
            assert!(cut.is_empty() || cut.ends_with("holds 1 MiB.\n\n"));
        }
        assert_eq!(verdict(&told, whole.len()), whole);
    }
}
