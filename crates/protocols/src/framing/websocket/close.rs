//! The close frame's code and reason (RFC 6455, 5.5.1 and 7.4).

use std::borrow::Cow;
use std::fmt;

use super::Violation;

/// Why a connection is closed: a number that may stand in a close frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data that is not accepted here.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Data that contradicts its kind: text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// The peer broke a rule that has no code of its own.
    pub const POLICY: Self = Self(1008);
    /// A message that is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// Something went wrong on the server's side.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts; connecting again will work.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded; connecting again later may work.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code of this number, if it may stand in a close frame (RFC 6455, 7.4, and the registry
    /// of IANA): 1000 to 1014 but 1004 to 1006, and 3000 to 4999.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            0..=999 | 1004..=1006 | 1015..=2999 | 5000..=u16::MAX => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CloseCode({})", self.0)
    }
}

/// What a close frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close<'a> {
    /// The code.
    pub code: CloseCode,
    /// Words for people who debug, of at most 123 bytes; often none.
    pub reason: Cow<'a, str>,
}

impl<'a> Close<'a> {
    /// Reads the payload of a close frame; an empty one says nothing.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, Violation> {
        match *payload {
            [] => Ok(None),
            [_] => Err(Violation::CloseCodeCut),
            [high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                Ok(Some(Self {
                    code: CloseCode::new(code).ok_or(Violation::CloseCodeInvalid { code })?,
                    reason: Cow::Borrowed(str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?),
                }))
            }
        }
    }

    /// The same, owning its reason.
    pub(super) fn into_owned(self) -> Close<'static> {
        Close { code: self.code, reason: Cow::Owned(self.reason.into_owned()) }
    }
}
