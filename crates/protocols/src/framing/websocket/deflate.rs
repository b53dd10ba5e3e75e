//! Compressed messages (RFC 7692, 7.2): made once for all receivers, and inflated within a bound.
//!
//! No message refers to an earlier one, in either direction (`no_context_takeover`): that is why a
//! compressed frame can be shared, and why a connection keeps no window. Each thread has one
//! compressor for each window and one decompressor, which start anew with every message.

use std::cell::RefCell;
use std::thread::LocalKey;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Violation;
use super::frame::{FrameHeader, Opcode};
use crate::framing::growth;

/// How many blocks of one message may say that they are the last one (RFC 7692, 7.2.3.4).
///
/// Each costs the sender two bytes and the receiver a fresh start. A sender that cannot flush
/// otherwise makes one for each fragment.
pub const FINAL_BLOCKS_MAX: usize = 128;

/// What every compressed message ends with, and is sent without (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// An empty block that is the last of its stream. Behind a message and its tail it is read as
/// such only if the message was whole.
const LAST: [u8; 2] = [0x03, 0x00];

/// How far back a compressed message may refer to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// 32 KiB.
    Full,
    /// 512 bytes: all that a peer remembers that asked for less.
    Small,
}

impl Window {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// The size as a power of two, as the negotiation names it (RFC 7692, 7.1.2.1).
    pub const fn bits(self) -> u8 {
        match self {
            Self::Full => 15,
            Self::Small => 9,
        }
    }

    /// Its place among them.
    pub const fn index(self) -> usize {
        match self {
            Self::Full => 0,
            Self::Small => 1,
        }
    }

    fn compressor(self) -> Compress {
        // The fastest: a message waits for its compression, and what a better one gains on texts
        // of a few kilobytes is a few percent.
        Compress::new_with_window_bits(Compression::fast(), false, self.bits())
    }
}

thread_local! {
    static FULL: RefCell<Compress> = RefCell::new(Window::Full.compressor());
    static SMALL: RefCell<Compress> = RefCell::new(Window::Small.compressor());
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// How messages to a peer are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deflate {
    /// What the peer remembers of a message.
    pub window: Window,
    /// Bytes of the shortest message that is compressed.
    pub bytes_min: u32,
}

impl Deflate {
    /// Compresses the messages in a server's frames that are long enough and become shorter. If
    /// there are none, these are the very same bytes.
    ///
    /// `frames` are whole frames that this codec made.
    #[must_use]
    pub fn compress(self, frames: &Bytes) -> Bytes {
        if frames.len() < self.bytes_min as usize {
            return frames.clone();
        }
        let mut out = BytesMut::new();
        let mut rest = &frames[..];
        let mut gained = false;
        while let Ok(Some((header, header_len))) = FrameHeader::parse(rest, false) {
            let frame_len = header_len + header.payload_len as usize;
            let (frame, after) = rest.split_at(frame_len);
            let payload = &frame[header_len..];
            match self.payload(header.opcode, payload) {
                Some(compressed) => {
                    gained = true;
                    let header =
                        FrameHeader { compressed: true, ..FrameHeader::whole(header.opcode, compressed.len()) };
                    out.put_slice(&header.encode());
                    out.put_slice(&compressed);
                }
                None => out.put_slice(frame),
            }
            rest = after;
        }
        if gained { out.freeze() } else { frames.clone() }
    }

    fn payload(self, opcode: Opcode, payload: &[u8]) -> Option<Vec<u8>> {
        let compressor: &'static LocalKey<RefCell<Compress>> = match self.window {
            Window::Full => &FULL,
            Window::Small => &SMALL,
        };
        if opcode.is_control() || payload.len() < self.bytes_min as usize {
            return None;
        }
        compressor.with_borrow_mut(|compressor| deflate(compressor, self.window, payload))
    }
}

/// The payload compressed, or `None` if that makes it no shorter.
fn deflate(compressor: &mut Compress, window: Window, payload: &[u8]) -> Option<Vec<u8>> {
    compressor.reset();
    // With room for the worst case: what is left inside a compressor is not all gone with its reset
    // (zlib-rs 0.6 forgets how much of it was written, and overflows later).
    let mut out = Vec::with_capacity(len_max(payload.len()));
    let compressed = compressor.compress_vec(payload, &mut out, FlushCompress::Sync);
    if compressed.is_err() || compressor.total_in() < payload.len() as u64 || out.len() == out.capacity() {
        *compressor = window.compressor();
        return None;
    }
    if !out.ends_with(&TAIL) || out.len() - TAIL.len() >= payload.len() {
        return None;
    }
    out.truncate(out.len() - TAIL.len());
    Some(out)
}

/// How many bytes a message of at most `bytes_max` may have while it is compressed: an eighth more
/// is what the least able of compressors makes of what cannot be compressed, and a little is for the
/// flushes.
pub(super) const fn len_max(bytes_max: usize) -> usize {
    bytes_max.saturating_add(bytes_max / 7).saturating_add(64)
}

/// A message's payload, inflated (RFC 7692, 7.2.2).
///
/// # Errors
/// [`Violation::MessageTooBig`] as soon as it is longer than `bytes_max`, and
/// [`Violation::InvalidDeflate`] if it is damaged, cut short, or refers to what was before it.
pub(super) fn inflate(compressed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Violation> {
    INFLATER.with_borrow_mut(|inflater| {
        // One byte more than there may be shows that there is more.
        let room_max = bytes_max.saturating_add(1);
        let mut out = Vec::new();
        out.reserve_exact(growth(0, 0, compressed.len().min(bytes_max) + 1, room_max));
        let (mut final_blocks, mut is_ended) = (0, false);
        inflater.reset(false);
        for mut input in [compressed, &TAIL, &LAST] {
            while !input.is_empty() {
                if is_ended {
                    final_blocks += 1;
                    if final_blocks > FINAL_BLOCKS_MAX {
                        return Err(Violation::InvalidDeflate);
                    }
                    inflater.reset(false);
                }
                if out.len() == out.capacity() {
                    out.reserve_exact(growth(out.len(), out.capacity(), 1, room_max));
                }
                let before = inflater.total_in();
                let status = inflater.decompress_vec(input, &mut out, FlushDecompress::Sync);
                is_ended = status.map_err(|_| Violation::InvalidDeflate)? == Status::StreamEnd;
                if out.len() > bytes_max {
                    return Err(Violation::MessageTooBig { bytes_max });
                }
                let used = (inflater.total_in() - before) as usize;
                input = &input[used..];
            }
        }
        if is_ended { Ok(out) } else { Err(Violation::InvalidDeflate) }
    })
}
