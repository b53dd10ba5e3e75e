//! A text or binary message of which only a part has come.

use std::borrow::Cow;

use super::deflate::{inflate, len_max};
use super::{Message, Violation};
use crate::framing::growth;
use crate::framing::utf8::{InvalidUtf8, Utf8Decoder};

/// The pieces of a message so far, unmasked; text is decoded as it comes.
#[derive(Debug)]
pub(super) enum Assembly {
    Text {
        text: String,
        utf8: Utf8Decoder,
    },
    Binary(Vec<u8>),
    /// Of either kind, and not inflated yet: what it says shows at its end.
    Compressed {
        bytes: Vec<u8>,
        is_text: bool,
    },
}

impl Assembly {
    pub(super) fn text() -> Self {
        Self::Text { text: String::new(), utf8: Utf8Decoder::default() }
    }

    pub(super) fn binary() -> Self {
        Self::Binary(Vec::new())
    }

    pub(super) fn compressed(is_text: bool) -> Self {
        Self::Compressed { bytes: Vec::new(), is_text }
    }

    /// How many bytes have come.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text { text, utf8 } => text.len() + utf8.pending_len(),
            Self::Binary(bytes) | Self::Compressed { bytes, .. } => bytes.len(),
        }
    }

    /// How many bytes may come of a message that is at most `bytes_max` long.
    pub(super) fn len_max(&self, bytes_max: usize) -> usize {
        match self {
            Self::Text { .. } | Self::Binary(_) => bytes_max,
            Self::Compressed { .. } => len_max(bytes_max),
        }
    }

    /// Appends `piece`. `len_max` is the most the message can grow to, and so the most it takes.
    pub(super) fn append(&mut self, piece: &[u8], len_max: usize) -> Result<(), InvalidUtf8> {
        let len = self.len();
        match self {
            Self::Text { text, utf8 } => {
                let (completed, rest) = utf8.decode(piece)?;
                // The bytes of a cut character move into the text with its last byte.
                let extra = (len + piece.len()).saturating_sub(text.len());
                text.reserve_exact(growth(text.len(), text.capacity(), extra, len_max));
                text.extend(completed);
                text.push_str(rest);
            }
            Self::Binary(bytes) | Self::Compressed { bytes, .. } => {
                bytes.reserve_exact(growth(len, bytes.capacity(), piece.len(), len_max));
                bytes.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// The whole message, of which `last` is the last piece. Inflated, it is at most `bytes_max`
    /// long.
    ///
    /// It borrows from `last` if that is all of it. A text must not end inside a character.
    pub(super) fn finish(mut self, last: &[u8], bytes_max: usize) -> Result<Message<'_>, Violation> {
        let len = self.len();
        if len > 0 {
            self.append(last, len + last.len())?;
        }
        match self {
            Self::Text { .. } if len == 0 => match str::from_utf8(last) {
                Ok(text) => Ok(Message::Text(Cow::Borrowed(text))),
                Err(_) => Err(Violation::InvalidUtf8),
            },
            Self::Text { text, utf8 } if utf8.is_complete() => Ok(Message::Text(Cow::Owned(text))),
            Self::Text { .. } => Err(Violation::InvalidUtf8),
            Self::Binary(_) if len == 0 => Ok(Message::Binary(Cow::Borrowed(last))),
            Self::Binary(bytes) => Ok(Message::Binary(Cow::Owned(bytes))),
            Self::Compressed { bytes, is_text } => {
                let inflated = inflate(if len == 0 { last } else { &bytes }, bytes_max)?;
                if !is_text {
                    return Ok(Message::Binary(Cow::Owned(inflated)));
                }
                match String::from_utf8(inflated) {
                    Ok(text) => Ok(Message::Text(Cow::Owned(text))),
                    Err(_) => Err(Violation::InvalidUtf8),
                }
            }
        }
    }
}
