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

    /// The moment, if it lies in the years that text can write.
    ///
    /// # Errors
    /// `invalid-time`.
    pub(crate) fn writable(self) -> Result<Timestamp> {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(_) => Ok(self),
            Err(_) => Err(Error::InvalidTime { given: self.to_string() }),
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
