//! Where to, and as whom: the options that every client command shares, and what becomes of them.

use crate::address::{Address, BadAddress};
use crate::client::Options;
use crate::discovery;
use crate::exit::Exit;
use crate::fingerprint::{BadFingerprint, Fingerprint};
use crate::state::Wish;
use crate::transport::Place;

/// The options, as they were typed.
#[derive(Clone, Default)]
pub struct Login {
    /// None: the server of this machine.
    pub url: Option<String>,
    /// The SHA-256 of the one certificate to accept.
    pub fingerprint: Option<String>,
    pub nick: Option<String>,
    pub room: Option<String>,
    /// The join code.
    pub pass: Option<String>,
}

/// Why the options lead nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Nowhere {
    #[error("`{0}` is no address: {1}")]
    Address(String, BadAddress),
    #[error(transparent)]
    Fingerprint(#[from] BadFingerprint),
    #[error(transparent)]
    Discovery(#[from] discovery::NotFound),
}

impl Nowhere {
    /// The exit code for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Address(..) | Self::Fingerprint(_) => Exit::Usage,
            Self::Discovery(_) => Exit::NotConnected,
        }
    }
}

impl Login {
    /// What to connect with.
    ///
    /// # Errors
    /// [`Nowhere`]: the address or fingerprint is none, or no server was found.
    pub fn options(self) -> Result<Options, Nowhere> {
        let place = place(self.url.as_deref(), self.fingerprint.as_deref())?;
        Ok(Options { place, wish: Wish { nick: self.nick, room: self.room, pass: self.pass, is_script: false } })
    }
}

/// The server that is meant, and the certificate to accept.
///
/// # Errors
/// As [`Login::options`].
pub fn place(url: Option<&str>, fingerprint: Option<&str>) -> Result<Place, Nowhere> {
    let pin = fingerprint.map(str::parse::<Fingerprint>).transpose()?;
    let parse = |url: &str| url.parse::<Address>().map_err(|error| Nowhere::Address(url.to_owned(), error));
    let (address, known) = match url {
        Some(url) => {
            let address = parse(url)?;
            let known = if address.scheme.is_secure() { discovery::fingerprint_at(&address) } else { None };
            (address, known)
        }
        None => {
            let server = discovery::find()?;
            let address = parse(&server.url)?;
            // Only what runs on this machine is vouched for by a file of this machine.
            let known = server.fingerprint.filter(|_| address.is_loopback()).and_then(|known| known.parse().ok());
            (address, known)
        }
    };
    Ok(Place { address, pin, known })
}
