//! Frames as bytes (RFC 6455, 5.2): the header both ways, and whole frames as a server sends them.
//!
//! A server's frame is not masked, so one [`Bytes`] serves all receivers of a message.

use std::ops::Deref;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Close, CloseCode, Violation};

/// The most bytes a header can have: two, eight of length, four of mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// The most payload bytes a control frame can have (RFC 6455, 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The last frame of its sender.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    /// Whether it is a control frame, which may stand between the fragments of a message.
    pub const fn is_control(self) -> bool {
        match self {
            Self::Continuation | Self::Text | Self::Binary => false,
            Self::Close | Self::Ping | Self::Pong => true,
        }
    }

    const fn to_bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            0x3..=0x7 | 0xB..=u8::MAX => None,
        }
    }
}

/// A frame's header. Of its reserved bits, RSV1 marks a compressed message, and the others are always 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// Whether it begins a compressed message (RFC 7692, 6): its RSV1.
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key its payload is masked with, if it is.
    pub mask: Option<[u8; 4]>,
    /// How many bytes of payload follow.
    pub payload_len: u64,
}

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const COMPRESSED: u8 = 0x40;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
/// Values of the 7-bit length that announce the real one in 2 or 8 bytes.
const LENGTH_IN_2: u8 = 126;
const LENGTH_IN_8: u8 = 127;

impl FrameHeader {
    /// The header of an unmasked frame that is a whole message.
    pub const fn whole(opcode: Opcode, payload_len: usize) -> Self {
        Self { fin: true, compressed: false, opcode, mask: None, payload_len: payload_len as u64 }
    }

    /// The header's bytes, with the length in its shortest form.
    pub fn encode(self) -> EncodedHeader {
        let mut header = EncodedHeader { bytes: [0; HEADER_BYTES_MAX], len: 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let compressed = if self.compressed { COMPRESSED } else { 0 };
        header.push(&[if self.fin { FIN } else { 0 } | compressed | self.opcode.to_bits()]);
        match self.payload_len {
            len @ 0..=125 => header.push(&[masked | len as u8]),
            len @ 126..=0xFFFF => {
                header.push(&[masked | LENGTH_IN_2]);
                header.push(&(len as u16).to_be_bytes());
            }
            len @ 0x1_0000..=u64::MAX => {
                header.push(&[masked | LENGTH_IN_8]);
                header.push(&len.to_be_bytes());
            }
        }
        header.push(self.mask.as_ref().map_or(&[], |key| key.as_slice()));
        header
    }

    /// Reads a header from the front of `bytes`, and says how many bytes it took; `None` when more
    /// bytes are needed. `takes_compressed`: compression was agreed on.
    ///
    /// # Errors
    /// A [`Violation`] of what holds for every frame by itself, as early as the bytes show it.
    pub fn parse(bytes: &[u8], takes_compressed: bool) -> Result<Option<(Self, usize)>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        // RSV1 is the first frame's of a message, and no control frame's (RFC 7692, 6.1). Without
        // the extension, none of the three bits has a meaning.
        let opcode = Opcode::from_bits(first & OPCODE);
        let compressed = first & RESERVED == COMPRESSED;
        let begins_message = matches!(opcode, Some(Opcode::Text | Opcode::Binary));
        if first & RESERVED != 0 && !(compressed && takes_compressed && begins_message) {
            return Err(Violation::ReservedBits);
        }
        let opcode = opcode.ok_or(Violation::ReservedOpcode)?;
        let fin = first & FIN != 0;
        let short_len = second & LENGTH;
        if opcode.is_control() {
            if !fin {
                return Err(Violation::ControlFragmented);
            }
            if usize::from(short_len) > CONTROL_BYTES_MAX {
                return Err(Violation::ControlTooLong);
            }
        }
        let Some((payload_len, rest)) = parse_length(short_len, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = if second & MASKED == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (Some(*key), rest)
        };
        let header = Self { fin, compressed, opcode, mask, payload_len };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

/// Reads the payload length, the longer forms from the front of `rest`.
fn parse_length(short_len: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    let (len, rest, len_min) = match short_len {
        LENGTH_IN_2 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, 126),
            None => return Ok(None),
        },
        LENGTH_IN_8 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 0x1_0000),
            None => return Ok(None),
        },
        short_len => (u64::from(short_len), rest, 0),
    };
    if len < len_min || len > i64::MAX as u64 {
        return Err(Violation::LengthNotMinimal);
    }
    Ok(Some((len, rest)))
}

/// The bytes of a header, on the stack, to be written before the payload.
#[derive(Debug, Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl EncodedHeader {
    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A text message.
pub fn text(text: &str) -> Bytes {
    whole(Opcode::Text, text.as_bytes())
}

/// A binary message.
pub fn binary(payload: &[u8]) -> Bytes {
    whole(Opcode::Binary, payload)
}

/// A ping. Of `payload` the first 125 bytes are sent, the most a control frame can carry.
pub fn ping(payload: &[u8]) -> Bytes {
    whole(Opcode::Ping, cut(payload))
}

/// The answer to a ping with this payload.
pub fn pong(payload: &[u8]) -> Bytes {
    whole(Opcode::Pong, cut(payload))
}

/// A close frame. Of `reason` as much is sent as a control frame can carry, in whole characters.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    let code = code.get().to_be_bytes();
    let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - code.len())];
    whole(Opcode::Close, &[&code, reason.as_bytes()].concat())
}

/// The answer to a close frame: the same code, or none to none (RFC 6455, 5.5.1).
pub fn close_reply(received: Option<&Close<'_>>) -> Bytes {
    match received {
        Some(received) => close(received.code, ""),
        None => whole(Opcode::Close, &[]),
    }
}

/// Appends an unmasked frame that is a whole message to `out`. The payload of a control frame must
/// not be longer than [`CONTROL_BYTES_MAX`].
pub fn put(out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_BYTES_MAX);
    let header = FrameHeader::whole(opcode, payload.len()).encode();
    out.reserve(header.len() + payload.len());
    out.put_slice(&header);
    out.put_slice(payload);
}

fn whole(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    put(&mut frame, opcode, payload);
    frame.freeze()
}

fn cut(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_the_bytes_of_the_specification() {
        // RFC 6455, 5.7, and the boundaries between the forms of the length.
        assert_eq!(&text("Hello")[..], b"\x81\x05Hello");
        assert_eq!(&ping(b"Hello")[..], b"\x89\x05Hello");
        assert_eq!(&pong(b"")[..], b"\x8A\x00");
        for (len, header) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (256, &[0x82, 126, 1, 0]),
            (65_535, &[0x82, 126, 0xFF, 0xFF]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = binary(&vec![7; len]);
            assert_eq!(&frame[..header.len()], header, "{len} bytes");
            assert_eq!(&frame[header.len()..], vec![7; len], "{len} bytes");
        }
    }

    #[test]
    fn close_frames_keep_within_a_control_frame() {
        assert_eq!(&close(CloseCode::NORMAL, "")[..], [0x88, 2, 0x03, 0xE8]);
        assert_eq!(&close(CloseCode::TOO_BIG, "big")[..], b"\x88\x05\x03\xF1big");
        assert_eq!(&close_reply(None)[..], [0x88, 0]);
        let cut = close(CloseCode::NORMAL, &"é".repeat(100));
        assert_eq!(cut[1], 124, "122 bytes are 61 whole characters");
        assert_eq!(ping(&[0; 200]).len(), 2 + CONTROL_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn a_header_survives_its_encoding(
            fin: bool,
            compressed: bool,
            opcode in prop::sample::select(vec![Opcode::Text, Opcode::Binary, Opcode::Continuation]),
            mask: Option<[u8; 4]>,
            payload_len in prop_oneof![0_u64..200, 65_000_u64..66_000, 0..=i64::MAX as u64],
        ) {
            let compressed = compressed && opcode != Opcode::Continuation;
            let header = FrameHeader { fin, compressed, opcode, mask, payload_len };
            let encoded = header.encode();
            prop_assert_eq!(FrameHeader::parse(&encoded, true), Ok(Some((header, encoded.len()))));
            for cut in 0..encoded.len() {
                prop_assert_eq!(FrameHeader::parse(&encoded[..cut], true), Ok(None));
            }
            let without = FrameHeader::parse(&encoded, false);
            prop_assert_eq!(without == Err(Violation::ReservedBits), compressed);
        }
    }
}
