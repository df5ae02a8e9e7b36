//! A version as JavaScript renders it.

use std::cell::RefCell;
use std::ffi::c_char;
use std::ptr;

use napi::{Env, Unknown, sys};
use napi_derive::napi;
use trialplate::{Compiled, Error, Mode, PromptVersion};

use crate::error::{Result, guarded};
use crate::raw::{self, Call};

/// A version of a prompt.
#[napi]
pub struct NativePrompt(PromptVersion);

#[napi]
impl NativePrompt {
    /// Reads a version from its JSON.
    #[napi(factory)]
    pub fn from_json(json: String) -> Result<NativePrompt> {
        guarded(|| PromptVersion::from_json(&json)).map(NativePrompt)
    }

    /// Renders by a mode: a text prompt's text, a chat prompt's messages as JSON.
    #[napi]
    pub fn compile(&self, mode: String, values: String) -> Result<String> {
        guarded(|| {
            let mode = Mode::from_name(&mode)?;
            let values = serde_json::from_str(&values)
                .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "values".to_owned() })?;
            match self.0.compile_as(mode, &values)? {
                Compiled::Text(text) => Ok(text),
                chat => serde_json::to_string(&chat)
                    .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "messages".to_owned() }),
            }
        })
    }

    /// The attributes of a span, as JSON.
    #[napi]
    pub fn otel_attributes(&self) -> Result<String> {
        guarded(|| {
            serde_json::to_string(&self.0.otel_attributes())
                .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "attributes".to_owned() })
        })
    }

    /// A function that renders a text prompt from the texts of all its variables, in their order: one text of
    /// all of them, and a `Uint32Array` of their lengths. It says `undefined` if it can't be sure to do it
    /// exactly; `compile` can.
    #[napi(ts_return_type = "(texts: string, lengths: Uint32Array) => string | undefined")]
    pub fn renderer<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        raw::function::<_, Render>(env, self.0.clone())
    }
}

struct Render;

impl Call<PromptVersion> for Render {
    const ARGUMENTS: usize = 2;

    unsafe fn call(
        env: sys::napi_env,
        arguments: &[sys::napi_value],
        version: &PromptVersion,
    ) -> sys::napi_value {
        let rendered = guarded(|| {
            // SAFETY: the arguments are handles of this call.
            let lengths = unsafe { raw::typed::<u32>(env, arguments[1]) };
            // SAFETY: as above.
            Ok(unsafe { with_text(env, arguments[0], |text| render(version, text, lengths)) })
        });
        match rendered {
            // SAFETY: `env` is the environment of this call.
            Ok(Some(text)) => unsafe { string(env, &text) },
            _ => ptr::null_mut(),
        }
    }
}

fn render(version: &PromptVersion, text: &str, lengths: &[u32]) -> Option<String> {
    if lengths.len() != version.variables().len() {
        return None;
    }
    let texts = split(text, lengths)?;
    version.compile_texts(&texts, false, Vec::new)?.ok()
}

/// Cuts a text at lengths that JavaScript counted in UTF-16. `None` if a cut would go through a character, or
/// if there is a U+FFFD, which may stand for half a character that a text ended with.
fn split<'t>(text: &'t str, lengths: &[u32]) -> Option<Vec<Option<&'t str>>> {
    let mut rest = text;
    let mut texts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (head, tail) = piece(rest, *length as usize)?;
        texts.push(Some(head));
        rest = tail;
    }
    rest.is_empty().then_some(texts)
}

/// Cuts off the first `length` units of UTF-16.
pub(crate) fn piece(text: &str, length: usize) -> Option<(&str, &str)> {
    // A unit is a byte as long as all is ASCII.
    let end = match text.as_bytes().get(..length) {
        Some(head) if head.is_ascii() => length,
        _ => end_of(text, length)?,
    };
    text.split_at_checked(end)
}

/// Where the first `length` units of UTF-16 end, in bytes.
fn end_of(text: &str, length: usize) -> Option<usize> {
    let (mut units, mut end) = (0, 0);
    let mut characters = text.chars();
    while units < length {
        let c = characters.next()?;
        if c == char::REPLACEMENT_CHARACTER {
            return None;
        }
        units += c.len_utf16();
        end += c.len_utf8();
    }
    (units == length).then_some(end)
}

/// Buffers that have grown beyond this are not kept.
const KEPT: usize = 1 << 20;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a text into this thread's buffer, in one call where it fits.
pub(crate) unsafe fn with_text<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    f: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.is_empty() {
            buffer.resize(4096, 0);
        }
        // SAFETY: `value` is a handle of this call, and the buffer is as long as is said.
        let read = |buffer: &mut Vec<u8>| unsafe {
            let mut length = 0;
            let start = buffer.as_mut_ptr().cast::<c_char>();
            let status = sys::napi_get_value_string_utf8(env, value, start, buffer.len(), &mut length);
            (status == sys::Status::napi_ok).then_some(length)
        };
        let mut length = read(buffer)?;
        // A character that does not fit is left out whole, and takes four bytes at the most.
        if length + 5 >= buffer.len() {
            let mut whole = 0;
            // SAFETY: as above; without a buffer only the length is given.
            if unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut whole) }
                != sys::Status::napi_ok
            {
                return None;
            }
            buffer.resize(whole + 8, 0);
            length = read(buffer)?;
        }
        let result = std::str::from_utf8(buffer.get(..length)?).ok().and_then(f);
        if buffer.len() > KEPT {
            *buffer = Vec::new();
        }
        result
    })
}

/// A new JavaScript string; one byte per character where that is possible, which V8 copies as it is.
pub(crate) unsafe fn string(env: sys::napi_env, text: &str) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: the pointers and the lengths belong together; V8 copies what they name. A failure leaves null.
    unsafe {
        if text.is_ascii() {
            sys::napi_create_string_latin1(
                env,
                text.as_ptr().cast::<c_char>(),
                text.len() as isize,
                &mut value,
            );
        } else {
            let units = utf16(text);
            sys::napi_create_string_utf16(env, units.as_ptr(), units.len() as isize, &mut value);
        }
    }
    value
}

/// UTF-16, with stretches of ASCII widened at once: V8's own decoder takes ten times as long.
fn utf16(text: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| byte >= 0x80).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(ascii);
        units.extend(head.bytes().map(u16::from));
        let other = tail.bytes().position(|byte| byte < 0x80).unwrap_or(tail.len());
        let (head, tail) = tail.split_at(other);
        units.extend(head.encode_utf16());
        rest = tail;
    }
    units
}
