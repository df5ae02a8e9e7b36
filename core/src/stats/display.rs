//! How numbers are written in a sentence for a person.

/// A number with so many decimals and a comma between thousands. There is no "-0".
pub(super) fn number(x: f64, decimals: usize) -> String {
    if !x.is_finite() || x.abs() >= 1e15 {
        return format!("{x:e}");
    }
    let text = format!("{:.decimals$}", x.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let is_zero = !text.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0');
    let sign = if x < 0.0 && !is_zero { "-" } else { "" };
    format!("{sign}{}{rest}", grouped(whole))
}

/// A count with a comma between thousands.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A share in per cent, with one decimal if that says more.
pub(super) fn percent(share: f64) -> String {
    let text = number(share * 100.0, 1);
    format!("{}%", text.strip_suffix(".0").unwrap_or(&text))
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
        assert_eq!((number(f64::NAN, 2), number(1e300, 2)), ("NaN".to_owned(), "1e300".to_owned()));
        assert_eq!([0, 999, 1000, 2006, 5_200_000].map(count), ["0", "999", "1,000", "2,006", "5,200,000"]);
        assert_eq!(
            (percent(0.08), percent(0.0512), percent(0.5)),
            ("8%".into(), "5.1%".into(), "50%".into())
        );
    }
}
