//! A certificate and its key, read from PEM files, and what can be wrong with them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::provider;

/// Why there is no certificate to serve with. Each says which file to look at.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is not PEM (RFC 7468).
    #[error("{} is not a PEM file: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where its syntax breaks.
        error: pem::Error,
    },
    /// The certificate's file has no certificate in it.
    #[error("{} has no certificate in it (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key's file has no private key in it.
    #[error("{} has no private key in it (-----BEGIN PRIVATE KEY-----)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is not that of the first certificate.
    #[error(
        "the key in {} does not belong to the first certificate in {}",
        key_path.display(),
        certificate_path.display()
    )]
    KeyMismatch {
        /// The certificate's file.
        certificate_path: PathBuf,
        /// The key's file.
        key_path: PathBuf,
    },
    /// The certificate or the key is of a kind that is not understood.
    #[error(
        "cannot use the certificate in {} with the key in {}: {error}",
        certificate_path.display(),
        key_path.display()
    )]
    Unusable {
        /// The certificate's file.
        certificate_path: PathBuf,
        /// The key's file.
        key_path: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
    /// A certificate of our own could not be made.
    #[error("cannot make a self-signed certificate: {0}")]
    Generate(rcgen::Error),
    /// A certificate of our own could not be kept.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// rustls did not take the settings.
    #[error("cannot set up TLS: {0}")]
    Settings(rustls::Error),
}

/// Reads a certificate, with those that vouch for it after it, and its private key (PKCS#8, PKCS#1
/// or SEC1), each from a PEM file. Both may stand in the same file.
///
/// # Errors
/// A [`TlsError`] that names the file at fault.
pub fn load(certificate_path: &Path, key_path: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate_path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(certificate_path, error))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: certificate_path.to_owned() });
    }
    let key = match PrivateKeyDer::from_pem_slice(&read(key_path)?) {
        Ok(key) => key,
        Err(pem::Error::NoItemsFound) => {
            return Err(TlsError::NoKey { path: key_path.to_owned() });
        }
        Err(error) => return Err(malformed(key_path, error)),
    };
    match CertifiedKey::from_der(chain, key, &provider()) {
        Ok(pair) => Ok(Arc::new(pair)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::KeyMismatch { certificate_path: certificate_path.to_owned(), key_path: key_path.to_owned() })
        }
        Err(error) => Err(TlsError::Unusable {
            certificate_path: certificate_path.to_owned(),
            key_path: key_path.to_owned(),
            error,
        }),
    }
}

/// The SHA-256 fingerprint of a pair's own certificate, as `AA:BB:...`: 32 bytes in hexadecimal.
/// It is what `openssl x509 -fingerprint -sha256` prints, and what a client may be told to expect.
#[must_use]
pub fn fingerprint(pair: &CertifiedKey) -> String {
    let certificate = pair.cert.first().map_or(&[][..], |certificate| certificate.as_ref());
    let mut text = String::with_capacity(32 * 3);
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Read { path: path.to_owned(), error })
}

fn malformed(path: &Path, error: pem::Error) -> TlsError {
    TlsError::Malformed { path: path.to_owned(), error }
}
