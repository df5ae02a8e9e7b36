//! Time, and the only place that reads the clock.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// A moment: microseconds since 1970-01-01T00:00:00Z; as text RFC 3339 in UTC with six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

#[cfg(test)]
thread_local! {
    /// What this thread's clock shows, if a test has set it.
    static CLOCK: std::cell::Cell<Option<Timestamp>> = const { std::cell::Cell::new(None) };
}

impl Timestamp {
    /// From now on this thread's clock stands still at `at`.
    #[cfg(test)]
    pub(crate) fn set_clock(at: Timestamp) {
        CLOCK.set(Some(at));
    }

    /// Now, by the machine's clock.
    pub(crate) fn now() -> Timestamp {
        #[cfg(test)]
        if let Some(at) = CLOCK.get() {
            return at;
        }
        let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        Timestamp(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        })
    }

    /// The moment that many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// The day in UTC as a person writes it, such as `12 March 2026`.
    pub(crate) fn day(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => at.strftime("%-d %B %Y").to_string(),
            Err(_) => self.to_string(),
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

// Every trace's time is written and read; the general ways of jiff take ten times as long for the form that we write.
const COMMON: &[u8; TEXT] = b"0000-00-00T00:00:00.000000Z";
const TEXT: usize = 27;
const DAY: i64 = 86_400_000_000;
/// Where each number stands in the text, and its digits.
const FIELDS: [(usize, usize); 7] = [(0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2), (20, 6)];

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar (Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970-01-01 (Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl Timestamp {
    /// The text, of a moment in the years 1970 to 9000.
    fn common_text(self) -> Option<[u8; TEXT]> {
        if !(0..=221_845_392_000_000_000).contains(&self.0) {
            return None;
        }
        let (year, month, day) = civil(self.0 / DAY);
        let seconds = self.0 % DAY / 1_000_000;
        let numbers = [year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, self.0 % 1_000_000];
        let mut text = *COMMON;
        for ((start, digits), mut number) in FIELDS.into_iter().zip(numbers) {
            for at in (start..start + digits).rev() {
                text[at] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Some(text)
    }

    /// A moment from a text as `common_text` writes it.
    fn from_common_text(text: &str) -> Option<Timestamp> {
        let text: &[u8; TEXT] = text.as_bytes().try_into().ok()?;
        let mut numbers = [0i64; 7];
        for (number, (start, digits)) in numbers.iter_mut().zip(FIELDS) {
            for byte in &text[start..start + digits] {
                *number = *number * 10 + i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
            }
        }
        let [year, month, day, hour, minute, second, micros] = numbers;
        let date = days(year, month, day);
        let at = date * DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
        // What is no date, no time of day or another form is written otherwise than it came.
        let at = Timestamp(at);
        (at.common_text().as_ref() == Some(text)).then_some(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.common_text() {
            return f.write_str(std::str::from_utf8(&text).unwrap_or_default());
        }
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at:.6}"),
            // Outside of the years that RFC 3339 can write.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Timestamp> {
        if let Some(at) = Timestamp::from_common_text(text) {
            return Ok(at);
        }
        text.parse::<jiff::Timestamp>()
            .map(|at| Timestamp(at.as_microsecond()))
            .map_err(|_| Error::InvalidTime { given: text.to_owned() })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Timestamp)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_common_form_is_what_jiff_makes_of_it(micros in -1_000_000_000_000i64..253_402_207_200_000_000) {
            let jiff = jiff::Timestamp::from_microsecond(micros).unwrap();
            let text = Timestamp(micros).to_string();
            prop_assert_eq!(&text, &format!("{jiff:.6}"));
            prop_assert_eq!(text.parse::<Timestamp>().unwrap(), Timestamp(micros));
        }

        #[test]
        fn what_looks_like_a_time_is_read_as_jiff_reads_it(
            (year, month, day) in (0u32..10_000, 0u32..14, 0u32..33),
            (hour, minute, second) in (0u32..26, 0u32..62, 0u32..62),
            (micros, end) in (0u32..1_000_000, "[Zz+]"),
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}{end}");
            let jiff = text.parse::<jiff::Timestamp>().ok().map(|at| at.as_microsecond());
            prop_assert_eq!(text.parse::<Timestamp>().ok().map(Timestamp::as_micros), jiff);
        }
    }

    #[test]
    fn the_first_and_the_last_of_every_month() {
        for year in [1970, 1999, 2000, 2024, 2100, 8999] {
            for month in 1..=12 {
                for day in [1, 28, 29, 30, 31] {
                    let text = format!("{year}-{month:02}-{day:02}T23:59:59.999999Z");
                    let jiff = text.parse::<jiff::Timestamp>().ok().map(|at| at.as_microsecond());
                    assert_eq!(text.parse::<Timestamp>().ok().map(Timestamp::as_micros), jiff, "{text}");
                    if let Some(micros) = jiff {
                        assert_eq!(Timestamp(micros).to_string(), text);
                    }
                }
            }
        }
    }

    #[test]
    fn text_and_back() {
        let at = Timestamp::from_micros(1_795_456_800_123_456);
        assert_eq!(at.to_string(), "2026-11-23T18:00:00.123456Z");
        assert_eq!(at.day(), "23 November 2026");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        assert_eq!("2026-11-23T20:00:00.123456+02:00".parse::<Timestamp>().unwrap(), at);
        for bad in ["", "yesterday", "2026-11-23", "1700000000"] {
            assert_eq!(bad.parse::<Timestamp>().unwrap_err().code(), "invalid-time", "{bad}");
        }
    }
}
