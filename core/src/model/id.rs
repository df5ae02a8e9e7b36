//! Ids: bytes inside, text outside.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

const PREFIX: &str = "b3:";

/// The BLAKE3 digest of a canonical JSON text behind a domain tag; as text `b3:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId([u8; 32]);

impl ContentId {
    /// Wraps the 32 bytes of a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> ContentId {
        ContentId(bytes)
    }

    /// The 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight hex digits behind the prefix, for people.
    pub fn short(&self) -> String {
        self.to_string()[..PREFIX.len() + 8].to_owned()
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; PREFIX.len() + 64];
        text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        for (pair, byte) in text[PREFIX.len()..].chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<ContentId> {
        match text.parse::<IdPrefix>()?.whole() {
            Some(id) => Ok(id),
            None => Err(Error::InvalidId { given: text.to_owned() }),
        }
    }
}

impl Serialize for ContentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ContentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ContentId, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(ContentId)
        }
    }
}

/// A content id or its first digits (at least eight), as a person types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    digits: String,
}

impl IdPrefix {
    /// The whole id, if all 64 digits were given.
    pub fn whole(&self) -> Option<ContentId> {
        let mut bytes = [0; 32];
        if self.digits.len() != 64 {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&self.digits[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(ContentId(bytes))
    }

    /// Whether `id` begins with these digits.
    pub fn matches(&self, id: &ContentId) -> bool {
        id.to_string()[PREFIX.len()..].starts_with(&self.digits)
    }

    /// The digits' whole bytes: what an index can look up.
    pub(crate) fn leading_bytes(&self) -> Vec<u8> {
        let even = self.digits.len() / 2 * 2;
        (0..even).step_by(2).filter_map(|i| u8::from_str_radix(&self.digits[i..i + 2], 16).ok()).collect()
    }
}

impl From<ContentId> for IdPrefix {
    fn from(id: ContentId) -> IdPrefix {
        IdPrefix { digits: id.to_string()[PREFIX.len()..].to_owned() }
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.digits)
    }
}

impl FromStr for IdPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<IdPrefix> {
        let digits = text.strip_prefix(PREFIX).unwrap_or(text).to_ascii_lowercase();
        let valid = (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if valid { Ok(IdPrefix { digits }) } else { Err(Error::InvalidId { given: text.to_owned() }) }
    }
}

/// The id of a run: a UUID v7, so ids sort by their time and stay unique when two files meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId([u8; 16]);

impl RunId {
    /// A new id, made at `now`.
    pub(crate) fn new(now: super::time::Timestamp) -> RunId {
        RunId::of(now, *random().as_bytes())
    }

    /// The id (a UUID of version 7) of a moment and eight random bytes, the last ones.
    fn of(now: super::time::Timestamp, mut bytes: [u8; 16]) -> RunId {
        let micros = now.as_micros().max(0) as u64;
        bytes[..6].copy_from_slice(&(micros / 1_000).to_be_bytes()[2..]);
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        // Twelve of the random bits become the fraction of the millisecond (RFC 9562, 6.2, method 3): runs that
        // start within one millisecond keep their order.
        let fraction = ((micros % 1_000) << 12) / 1_000;
        bytes[6] = 0x70 | (fraction >> 8) as u8;
        bytes[7] = fraction as u8;
        RunId(bytes)
    }

    /// A new id, made at `now`, or right behind `last` if the clock has gone backwards since that was made.
    pub(crate) fn after(last: Option<RunId>, now: super::time::Timestamp) -> RunId {
        let behind = last.map_or(i64::MIN, |last| last.micros().saturating_add(1));
        RunId::new(super::time::Timestamp::from_micros(now.as_micros().max(behind)))
    }

    /// When it was made.
    fn micros(self) -> i64 {
        let millis = self.0[..6].iter().fold(0i64, |millis, byte| millis << 8 | i64::from(*byte));
        let fraction = i64::from(self.0[6] & 0x0F) << 8 | i64::from(self.0[7]);
        // `new` rounds down.
        millis * 1_000 + ((fraction * 1_000 + 4_095) >> 12)
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> RunId {
        RunId(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A UUID whose last eight bytes are random, but for the variant.
fn random() -> uuid::Uuid {
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 0, 0))
}

/// Forks of this process's line, in whose children the random numbers must not go on as their parents' do.
static RENEWALS: AtomicU64 = AtomicU64::new(0);

/// A forked child calls this: the random numbers that it inherited are its parent's. Safe inside of `fork`.
pub(crate) fn renew_random() {
    RENEWALS.fetch_add(1, Ordering::Relaxed);
}

/// The text of a new id of a trace, as [`RunId::new`] makes them, without asking the system each time.
pub(crate) fn new_trace(at: super::time::Timestamp) -> String {
    /// Renewals, how many more, and the state of a SplitMix64, which gives each number once.
    type Drawn = (u64, u32, u64);
    thread_local! {
        static DRAWN: Cell<Drawn> = const { Cell::new((0, 0, 0)) };
    }
    let renewals = RENEWALS.load(Ordering::Relaxed);
    let (made_at, mut left, mut state) = DRAWN.get();
    if left == 0 || made_at != renewals {
        let [a, b] = [random(), random()].map(|random| random.as_u64_pair().1);
        (left, state) = (4096, a.rotate_left(32) ^ b);
    }
    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    DRAWN.set((renewals, left - 1, state));
    let mut random = state;
    random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    random = (random ^ (random >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    random ^= random >> 31;
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&random.to_be_bytes());
    let mut text = [0; 36];
    uuid::Uuid::from_bytes(RunId::of(at, bytes).0).hyphenated().encode_lower(&mut text).to_owned()
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<RunId> {
        uuid::Uuid::try_parse(text)
            .map(|id| RunId(*id.as_bytes()))
            .map_err(|_| Error::RunNotFound { run: text.to_owned() })
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RunId, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(RunId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_traces_are_ids_of_runs_in_every_respect_and_differ() {
        let at = crate::model::time::Timestamp::from_micros(1_795_456_800_123_456);
        let mut texts: Vec<String> = (0..10_000).map(|_| new_trace(at)).collect();
        let more = std::thread::spawn(move || (0..10_000).map(|_| new_trace(at)).collect::<Vec<_>>());
        texts.extend(more.join().unwrap());
        renew_random();
        texts.push(new_trace(at));
        let head = RunId::new(at).to_string()[..18].to_owned();
        for text in &texts {
            let id: uuid::Uuid = text.parse().unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122), "{text}");
            assert_eq!(
                (text[..18] == head, text.len()),
                (true, 36),
                "the time alone decides the head: {text}"
            );
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 20_001);
    }

    #[test]
    fn run_ids_sort_by_their_time_to_the_microsecond() {
        let at =
            |micros| RunId::new(crate::model::time::Timestamp::from_micros(1_795_456_800_000_000 + micros));
        let ids: Vec<RunId> = (0..3_000i64).map(at).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.to_string().parse::<RunId>().unwrap() == *id));
        assert!(ids.iter().all(|id| uuid::Uuid::from_bytes(id.0).get_version_num() == 7));
    }

    #[test]
    fn run_ids_go_on_when_the_clock_goes_back() {
        let at = |micros: i64| crate::model::time::Timestamp::from_micros(1_795_456_800_000_000 + micros);
        for micros in 0..3_000 {
            assert_eq!(RunId::new(at(micros)).micros(), at(micros).as_micros());
        }
        let mut ids = vec![RunId::new(at(0))];
        for clock in [5, -1_000_000, 3, -9_000_000_000_000_000, 7, 7, 7] {
            ids.push(RunId::after(ids.last().copied(), at(clock)));
        }
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    }

    #[test]
    fn ids_are_text_outside_and_come_back() {
        let id = ContentId::from_bytes(std::array::from_fn(|i| i as u8));
        let text = id.to_string();
        assert_eq!(text.len(), 67);
        assert_eq!(text.parse::<ContentId>().unwrap(), id);
        assert_eq!(text[3..].parse::<ContentId>().unwrap(), id, "the prefix may be left out");
        assert!(text[..20].parse::<IdPrefix>().unwrap().matches(&id));
        assert_eq!(text[..20].parse::<ContentId>().unwrap_err().code(), "invalid-id");
        for bad in ["", "b3:", "b3:0011", "latest", "b3:zzzzzzzzzz", "3"] {
            assert_eq!(bad.parse::<IdPrefix>().unwrap_err().code(), "invalid-id", "{bad}");
        }
    }
}
