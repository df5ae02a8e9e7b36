//! The keys of production calls in columns. All in [`Space::Traces`](crate::storage::kv::Space::Traces).

use crate::storage::keys::{Fields, Key};

/// What is known of a prompt's calls: how many wait, and what comes next.
pub(crate) fn stream(prompt: &str) -> Key {
    streams().text(prompt)
}

pub(crate) fn streams() -> Key {
    Key::new(b'p')
}

/// The prompt in the key of a stream.
pub(crate) fn prompt_in_stream(key: &[u8]) -> Option<String> {
    Fields::of(key).text()
}

/// The prompt of a stream, by the stream's number.
pub(crate) fn stream_name(stream: u32) -> Key {
    stream_names().u32(stream)
}

pub(crate) fn stream_names() -> Key {
    Key::new(b'q')
}

/// What is in each segment of calls; behind it comes the segment's first place.
pub(crate) fn calls_infos(stream: u32) -> Key {
    all_calls_infos().u32(stream)
}

pub(crate) fn all_calls_infos() -> Key {
    Key::new(b'A')
}

/// A segment of calls.
pub(crate) fn calls(stream: u32, first: u64) -> Key {
    all_calls().u32(stream).u64(first)
}

pub(crate) fn all_calls() -> Key {
    Key::new(b'a')
}

/// What is in each segment of a metric's scores; behind it comes the segment's number.
pub(crate) fn scores_infos(stream: u32, metric: &str) -> Key {
    scores_infos_of(stream).text(metric)
}

pub(crate) fn scores_infos_of(stream: u32) -> Key {
    all_scores_infos().u32(stream)
}

pub(crate) fn all_scores_infos() -> Key {
    Key::new(b'B')
}

/// The stream, the metric and the number in the key of what is in a segment of scores.
pub(crate) fn in_scores_info(key: &[u8]) -> Option<(u32, String, u64)> {
    let mut fields = Fields::of(key);
    Some((fields.u32()?, fields.text()?, fields.u64()?))
}

/// A segment of a metric's scores.
pub(crate) fn scores(stream: u32, metric: &str, number: u64) -> Key {
    all_scores().u32(stream).text(metric).u64(number)
}

pub(crate) fn all_scores() -> Key {
    Key::new(b'b')
}

/// A score that came after its call got its place, and waits to get to the columns.
pub(crate) fn late_score(stream: u32, place: u64, number: u64) -> Key {
    late_scores(stream, place).u64(number)
}

pub(crate) fn late_scores(stream: u32, place: u64) -> Key {
    late_scores_of(stream).u64(place)
}

pub(crate) fn late_scores_of(stream: u32) -> Key {
    all_late_scores().u32(stream)
}

pub(crate) fn all_late_scores() -> Key {
    Key::new(b'u')
}

/// The stream, the call's place and the number in the key of a late score.
pub(crate) fn in_late_score(key: &[u8]) -> Option<(u32, u64, u64)> {
    let mut fields = Fields::of(key);
    Some((fields.u32()?, fields.u64()?, fields.u64()?))
}

/// Calls and scores that came together and are not in segments yet.
pub(crate) fn pack(stream: u32, number: u64) -> Key {
    packs(stream).u64(number)
}

pub(crate) fn packs(stream: u32) -> Key {
    all_packs().u32(stream)
}

pub(crate) fn all_packs() -> Key {
    Key::new(b'k')
}

/// The texts of a call in the columns.
pub(crate) fn call_texts(stream: u32, place: u64) -> Key {
    call_texts_of(stream).u64(place)
}

pub(crate) fn call_texts_of(stream: u32) -> Key {
    all_call_texts().u32(stream)
}

pub(crate) fn all_call_texts() -> Key {
    Key::new(b'y')
}

/// A text that calls share, by the first half of its digest.
pub(crate) fn shared_text(digest: &[u8; 16]) -> Key {
    shared_texts().raw(digest)
}

pub(crate) fn shared_texts() -> Key {
    Key::new(b'h')
}

/// The comment of a score in the columns.
pub(crate) fn score_comment(stream: u32, number: u64) -> Key {
    score_comments_of(stream).u64(number)
}

pub(crate) fn score_comments_of(stream: u32) -> Key {
    all_score_comments().u32(stream)
}

pub(crate) fn all_score_comments() -> Key {
    Key::new(b'z')
}

/// The ids of one batch, as the index takes them, until there are enough for a run.
pub(crate) fn index_batch(number: u64) -> Key {
    index_batches().u64(number)
}

pub(crate) fn index_batches() -> Key {
    Key::new(b'j')
}

/// A run of the index from a call's id to its place: the youngest level first.
pub(crate) fn index_run(level: u8, run: u64) -> Key {
    index_runs().u8(level).u64(run)
}

pub(crate) fn index_runs() -> Key {
    Key::new(b'I')
}

/// The level and the number in the key of a run.
pub(crate) fn in_index_run(key: &[u8]) -> Option<(u8, u64)> {
    let mut fields = Fields::of(key);
    Some((u8::from_be_bytes(fields.raw()?), fields.u64()?))
}

/// A block of a run, by its first fingerprint.
pub(crate) fn index_block(run: u64, first: u64) -> Key {
    index_blocks(run).u64(first)
}

pub(crate) fn index_blocks(run: u64) -> Key {
    all_index_blocks().u64(run)
}

pub(crate) fn all_index_blocks() -> Key {
    Key::new(b'i')
}

/// What a run surely does not have.
pub(crate) fn index_filter(run: u64) -> Key {
    index_filters().u64(run)
}

pub(crate) fn index_filters() -> Key {
    Key::new(b'f')
}
