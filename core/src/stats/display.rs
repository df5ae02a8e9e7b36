//! How numbers are written in a sentence for a person.

/// The decimals that show two significant digits of `width`; three where there is no width.
pub(crate) fn decimals(width: f64) -> usize {
    if !(width > 0.0 && width.is_finite()) {
        return 3;
    }
    // Rounded first: two digits of 0.0996 are 0.10.
    let text = format!("{width:.1e}");
    let exponent: i32 = text.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    (1 - exponent).clamp(0, 12) as usize
}

/// A number with so many decimals and a comma between thousands. There is no "-0".
pub(crate) fn number(x: f64, decimals: usize) -> String {
    if !x.is_finite() || x.abs() >= 1e15 {
        return format!("{x:e}");
    }
    let text = format!("{:.decimals$}", x.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let is_zero = !text.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0');
    let sign = if x < 0.0 && !is_zero { "-" } else { "" };
    format!("{sign}{}{rest}", grouped(whole))
}

/// As [`number`], with more decimals where a bound that is not 0 would be shown as 0: a verdict hangs on its side.
pub(crate) fn bound(x: f64, decimals: usize) -> String {
    let shown =
        (decimals..=12).map(|d| number(x, d)).find(|text| text.bytes().any(|b| (b'1'..=b'9').contains(&b)));
    shown.filter(|_| x != 0.0).unwrap_or_else(|| number(x, decimals))
}

/// As [`bound`], with a plus where there is no minus.
pub(crate) fn signed(x: f64, decimals: usize) -> String {
    let text = bound(x, decimals);
    if text.starts_with('-') || x == 0.0 { text } else { format!("+{text}") }
}

/// A number that somebody chose, such as a margin: with `decimals`, or as many as it has itself, up to four more.
pub(crate) fn chosen(x: f64, decimals: usize) -> String {
    let exact = |d: &usize| number(x, *d).replace(',', "").parse() == Ok(x);
    let enough = (decimals..decimals + 5).find(exact).unwrap_or(decimals + 4);
    number(x, enough)
}

/// A count with a comma between thousands.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A p-value, never smaller than it can be believed.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

/// A share in per cent, with one decimal if that says more. What is not all and not nothing is not shown as it.
pub(crate) fn percent(share: f64) -> String {
    let extreme =
        |text: &str| share > 0.0 && share < 1.0 && (text.starts_with("100") || text.parse() == Ok(0.0));
    let mut texts = (1..=9).map(|decimals| number(share * 100.0, decimals));
    let text = texts.find(|text| !extreme(text)).unwrap_or_else(|| number(share * 100.0, 9));
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
        assert_eq!([0.16, 1.46, 15.0, 0.0996, 0.0146, 2300.0].map(decimals), [2, 1, 0, 2, 3, 0]);
        assert_eq!([0.0, -1.0, f64::NAN, f64::INFINITY, 5e-324].map(decimals), [3, 3, 3, 3, 12]);
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
        assert_eq!((number(f64::NAN, 2), number(1e300, 2)), ("NaN".to_owned(), "1e300".to_owned()));
        assert_eq!(
            (bound(0.001, 2), bound(-0.001, 2), bound(0.0, 2)),
            ("0.001".into(), "-0.001".into(), "0.00".into())
        );
        assert_eq!(
            (signed(0.25, 2), signed(-0.05, 2), signed(0.0, 2)),
            ("+0.25".into(), "-0.05".into(), "0.00".into())
        );
        assert_eq!(
            (chosen(0.2, 2), chosen(0.2, 0), chosen(1.0 / 3.0, 1)),
            ("0.20".into(), "0.2".into(), "0.33333".into())
        );
        assert_eq!([0, 999, 1000, 2006, 5_200_000].map(count), ["0", "999", "1,000", "2,006", "5,200,000"]);
        assert_eq!((p_value(0.00006), p_value(0.0001)), ("p < 0.0001".to_owned(), "p = 0.0001".to_owned()));
        assert_eq!(
            (percent(0.9999), percent(0.00004), percent(1.0)),
            ("99.99%".into(), "0.004%".into(), "100%".into())
        );
        assert_eq!(
            (percent(0.08), percent(0.0512), percent(0.5)),
            ("8%".into(), "5.1%".into(), "50%".into())
        );
    }
}
