//! How figures are written for people.

/// A difference with two significant digits of its half-width: what the data can tell, and no digit more.
pub(crate) fn by_width(x: f64, half_width: f64) -> String {
    format!("{x:+.*}", decimals(half_width))
}

/// The decimals that show two significant digits of `width`.
pub(crate) fn decimals(width: f64) -> usize {
    if !width.is_finite() || width <= 0.0 {
        return 3;
    }
    let magnitude = libm::floor(libm::log10(width));
    (1.0 - magnitude).clamp(0.0, 12.0) as usize
}

/// A figure with up to four significant digits.
pub(crate) fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = libm::floor(libm::log10(x.abs()));
    let text = format!("{x:.*}", (3.0 - magnitude).clamp(0.0, 12.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A p-value as statistics.md wants it: never smaller than it can be believed.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

/// A share as a percentage.
pub(crate) fn percent(x: f64) -> String {
    format!("{} %", short(100.0 * x))
}

/// A count and its noun.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_for_people() {
        assert_eq!(by_width(-0.065_063_8, 0.0146), "-0.065");
        assert_eq!(by_width(6.5, 1.46), "+6.5");
        assert_eq!(by_width(12.3, 15.0), "+12");
        assert_eq!(short(0.157_335), "0.1573");
        assert_eq!(short(15.733_506), "15.73");
        assert_eq!(short(1234.5), "1234");
        assert_eq!(short(2.0), "2");
        assert_eq!(short(100.0), "100");
        assert_eq!(p_value(1e-9), "p < 0.0001");
        assert_eq!(percent(0.985_5), "98.55 %");
    }
}
