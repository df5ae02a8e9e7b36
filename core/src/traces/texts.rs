//! The texts of calls in the columns: compressed, and long ones that calls share stored once.
//!
//! Invariants: a shared text counts who uses it, and goes with its last user; its key is the first half of the digest of
//! its bytes, and whoever finds other bytes under it keeps its own.

use serde::{Deserialize, Serialize};

use crate::codec::hash::wide_digest;
use crate::codec::packed::{pack, unpack};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::storage::kv::{Read, Space, Write};
use crate::storage::layout;

/// Texts from here on are looked for among those that are there.
const SHARED: usize = 512;
/// No text was larger when it was logged.
const MOST: usize = 16 << 20;

/// What a call says at length; JSON texts are canonical.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Texts {
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) metadata: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum Text {
    Own(Vec<u8>),
    Shared([u8; 16]),
}

/// In the order of [`Texts`].
#[derive(Serialize, Deserialize)]
struct TextsRecord([Option<Text>; 4]);
record!(TextsRecord, 65, "texts of a trace");

#[derive(Serialize, Deserialize)]
struct SharedText {
    uses: u64,
    packed: Vec<u8>,
}
record!(SharedText, 66, "shared text");

fn damaged(reason: &str) -> Error {
    Error::DamagedRecord { record: "texts of a trace", reason: reason.to_owned() }
}

fn plain(packed: &[u8]) -> Result<String> {
    let bytes = unpack(packed, MOST).ok_or_else(|| damaged("a text can't be unpacked"))?;
    String::from_utf8(bytes).map_err(|error| damaged(&error.to_string()))
}

fn shared(tx: &(impl Read + ?Sized), digest: &[u8; 16]) -> Result<Option<SharedText>> {
    tx.get(Space::Traces, layout::shared_text(digest).bytes())?.map(|bytes| decode(&bytes)).transpose()
}

fn put_text(tx: &mut dyn Write, text: &str) -> Result<Text> {
    let packed = pack(text.as_bytes());
    if text.len() < SHARED {
        return Ok(Text::Own(packed));
    }
    let digest = wide_digest(text.as_bytes());
    let record = match shared(tx, &digest)? {
        Some(known) if known.packed != packed => return Ok(Text::Own(packed)),
        Some(known) => SharedText { uses: known.uses + 1, ..known },
        None => SharedText { uses: 1, packed },
    };
    tx.put(Space::Traces, layout::shared_text(&digest).bytes(), &encode(&record)?)?;
    Ok(Text::Shared(digest))
}

/// Stores the texts of a call; says whether there were any.
pub(super) fn put(tx: &mut dyn Write, stream: u32, place: u64, texts: &Texts) -> Result<bool> {
    let Texts { input, output, error, metadata } = texts;
    let mut put = |text: &Option<String>| text.as_deref().map(|text| put_text(tx, text)).transpose();
    let texts = [put(input)?, put(output)?, put(error)?, put(metadata)?];
    if texts.iter().all(Option::is_none) {
        return Ok(false);
    }
    tx.put(Space::Traces, layout::call_texts(stream, place).bytes(), &encode(&TextsRecord(texts))?)?;
    Ok(true)
}

fn record(tx: &(impl Read + ?Sized), stream: u32, place: u64) -> Result<TextsRecord> {
    let bytes = tx.get(Space::Traces, layout::call_texts(stream, place).bytes())?;
    decode(&bytes.ok_or_else(|| damaged("they are missing"))?)
}

/// The texts of a call that has some.
pub(super) fn load(tx: &(impl Read + ?Sized), stream: u32, place: u64) -> Result<Texts> {
    let read = |text: Option<Text>| -> Result<Option<String>> {
        Ok(match text {
            None => None,
            Some(Text::Own(packed)) => Some(plain(&packed)?),
            Some(Text::Shared(digest)) => {
                let found = shared(tx, &digest)?.ok_or_else(|| damaged("a shared text is missing"))?;
                let text = plain(&found.packed)?;
                if wide_digest(text.as_bytes()) != digest {
                    return Err(damaged("a shared text has changed"));
                }
                Some(text)
            }
        })
    };
    let TextsRecord([input, output, error, metadata]) = record(tx, stream, place)?;
    Ok(Texts { input: read(input)?, output: read(output)?, error: read(error)?, metadata: read(metadata)? })
}

/// Removes the texts of a call that has some.
pub(super) fn remove(tx: &mut dyn Write, stream: u32, place: u64) -> Result<()> {
    let TextsRecord(texts) = record(tx, stream, place)?;
    for text in texts.into_iter().flatten() {
        let Text::Shared(digest) = text else { continue };
        let key = layout::shared_text(&digest);
        match shared(tx, &digest)? {
            Some(known) if known.uses > 1 => {
                let fewer = SharedText { uses: known.uses - 1, ..known };
                tx.put(Space::Traces, key.bytes(), &encode(&fewer)?)?;
            }
            _ => tx.delete(Space::Traces, key.bytes())?,
        }
    }
    tx.delete(Space::Traces, layout::call_texts(stream, place).bytes())
}

/// Whether bytes are the texts of a call.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let TextsRecord(texts) = decode(bytes)?;
    texts.iter().flatten().try_for_each(|text| match text {
        Text::Own(packed) => plain(packed).map(drop),
        Text::Shared(_) => Ok(()),
    })
}

/// Whether bytes are a text that calls share.
pub(super) fn check_shared(bytes: &[u8]) -> Result<()> {
    plain(&decode::<SharedText>(bytes)?.packed).map(drop)
}
