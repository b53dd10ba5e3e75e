//! The ways to break the WebSocket protocol, each with the close code it earns.

use super::CloseCode;
use crate::framing::utf8::InvalidUtf8;

/// How the peer broke the protocol.
///
/// The connection is to be closed with [`close_code`](Self::close_code) and with what `Display`
/// prints as the reason: it is ASCII, short enough for a close frame, and does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// RSV1, RSV2 or RSV3 is set and no extension was agreed on that uses it (RFC 6455, 5.2).
    #[error("reserved bits set")]
    ReservedBits,
    /// An opcode that means nothing (RFC 6455, 5.2).
    #[error("reserved opcode")]
    ReservedOpcode,
    /// A control frame without FIN (RFC 6455, 5.5).
    #[error("fragmented control frame")]
    ControlFragmented,
    /// A control frame of more than 125 bytes (RFC 6455, 5.5).
    #[error("control frame longer than 125 bytes")]
    ControlTooLong,
    /// A payload length in more bytes than it needs, or with its highest bit set (RFC 6455, 5.2).
    #[error("payload length not minimal")]
    LengthNotMinimal,
    /// A frame from a client that is not masked (RFC 6455, 5.1).
    #[error("client frame not masked")]
    NotMasked,
    /// A frame from a server that is masked (RFC 6455, 5.1).
    #[error("server frame masked")]
    Masked,
    /// A continuation frame with nothing to continue (RFC 6455, 5.4).
    #[error("continuation of no message")]
    ContinuationUnexpected,
    /// A new message before the last one is finished (RFC 6455, 5.4).
    #[error("message inside a fragmented message")]
    ContinuationMissing,
    /// A close frame with one byte of the two of its code (RFC 6455, 5.5.1).
    #[error("close code cut short")]
    CloseCodeCut,
    /// A close code that may not be sent (RFC 6455, 7.4).
    #[error("invalid close code {code}")]
    CloseCodeInvalid {
        /// The number received.
        code: u16,
    },
    /// A text or a close reason that is not UTF-8 (RFC 6455, 8.1).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// A compressed message that cannot be inflated (RFC 7692, 7.2.2).
    #[error("invalid compressed data")]
    InvalidDeflate,
    /// A message larger than we take (RFC 6455, 7.4.1).
    #[error("message larger than {bytes_max} bytes")]
    MessageTooBig {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// A message with more empty fragments than any sense can be made of.
    #[error("too many empty fragments")]
    TooManyEmptyFragments,
}

impl Violation {
    /// The code to close the connection with (RFC 6455, 7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::NotMasked
            | Self::Masked
            | Self::ContinuationUnexpected
            | Self::ContinuationMissing
            | Self::CloseCodeCut
            | Self::CloseCodeInvalid { .. } => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_DATA,
            Self::MessageTooBig { .. } => CloseCode::TOO_BIG,
            Self::TooManyEmptyFragments => CloseCode::POLICY,
        }
    }
}

impl From<InvalidUtf8> for Violation {
    fn from(_: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}
