//! Whether sockets of Socket.IO come back with what they missed, all of them or those that ask for it, and for how long.

use super::units::Millis;

/// Connection state recovery: `false`, `true`, or a span of time as `"5m"`, which is `true` with another time than
/// [`Recovery::USUAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Those that ask for it have it, for [`Recovery::USUAL`].
    Asked,
    /// All have it, for this long.
    All(Millis),
}

impl Recovery {
    /// How long a socket is waited for unless a time is set.
    pub const USUAL: Millis = Millis::minutes(2);

    /// How long a socket is waited for.
    #[must_use]
    pub const fn time(self) -> Millis {
        match self {
            Self::Asked => Self::USUAL,
            Self::All(time) => time,
        }
    }
}
