//! The certificate in use, exchanged while connections come and go.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, fingerprint, load};

/// A certificate and key that can be read again from their files, if they have any.
///
/// A connection keeps the pair it began with; a new one gets the newest pair that could be read.
#[derive(Debug)]
pub struct Reloadable {
    files: Option<(PathBuf, PathBuf)>,
    current: ArcSwap<CertifiedKey>,
}

impl Reloadable {
    /// Reads the pair for the first time.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn open(certificate_path: PathBuf, key_path: PathBuf) -> Result<Self, TlsError> {
        let current = ArcSwap::new(load(&certificate_path, &key_path)?);
        Ok(Self { files: Some((certificate_path, key_path)), current })
    }

    /// A pair that is in no file, and stays in use.
    #[must_use]
    pub fn fixed(pair: Arc<CertifiedKey>) -> Self {
        Self { files: None, current: ArcSwap::new(pair) }
    }

    /// Reads the files again, and returns the fingerprint of the certificate that is now in use. `None`: it is in no file.
    ///
    /// # Errors
    /// Those of [`load`]; the old pair then stays in use.
    pub fn reload(&self) -> Result<Option<String>, TlsError> {
        let Some((certificate_path, key_path)) = &self.files else { return Ok(None) };
        self.current.store(load(certificate_path, key_path)?);
        Ok(Some(self.fingerprint()))
    }

    /// The SHA-256 fingerprint of the certificate in use, as `AA:BB:...`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.current.load())
    }
}

impl ResolvesServerCert for Reloadable {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}
