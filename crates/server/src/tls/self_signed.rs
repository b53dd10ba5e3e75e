//! A certificate of our own, made once and kept in the data directory, or not kept at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use rcgen::{
    Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{PrivatePkcs8KeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::{TlsError, fingerprint, load, provider};
use crate::private_file;

/// The longest validity that all common clients accept.
const VALIDITY: Duration = Duration::from_secs(825 * 24 * 60 * 60);

/// A certificate is renewed when it has no more than this left, so that it does not end in the
/// middle of a run.
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Clocks differ: a new certificate is valid for those that are up to a day late.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// The certificate of our own, and where it is kept.
#[derive(Debug, Clone)]
pub struct SelfSigned {
    /// The certificate and its key.
    pub pair: Arc<CertifiedKey>,
    /// The SHA-256 fingerprint of the certificate, as `AA:BB:...`.
    pub fingerprint: String,
    /// Whether it was made just now, so that clients that knew the old one will not know it.
    pub is_new: bool,
    /// `tls-cert.pem` in the given directory.
    pub certificate_path: PathBuf,
    /// `tls-key.pem` in the given directory, mode 0600.
    pub key_path: PathBuf,
}

/// The certificate of our own that is kept in `directory`; a new one when there is none or when it
/// expires within 30 days of `now`.
///
/// It is valid for `localhost`, 127.0.0.1, ::1, the name of this machine, and `names`: host names
/// and IP addresses. One that exists is kept as it is, whatever `names` are now: its fingerprint is
/// what clients have been told to trust.
///
/// # Errors
/// [`TlsError`] when the files are there but unusable (they are left alone), when a new one cannot
/// be made, for a name that is not ASCII for example, or when it cannot be written.
pub fn self_signed(directory: &Path, names: &[String], now: SystemTime) -> Result<SelfSigned, TlsError> {
    let certificate_path = directory.join("tls-cert.pem");
    let key_path = directory.join("tls-key.pem");
    let kept = kept(&certificate_path, &key_path)?.filter(|pair| is_valid(pair, now));
    let is_new = kept.is_none();
    let pair = match kept {
        Some(pair) => pair,
        None => {
            make(&certificate_path, &key_path, names, now)?;
            load(&certificate_path, &key_path)?
        }
    };
    Ok(SelfSigned { fingerprint: fingerprint(&pair), pair, is_new, certificate_path, key_path })
}

/// A certificate like that, for as long as the process lives.
///
/// # Errors
/// [`TlsError::Generate`] when it cannot be made, for a name that is not ASCII for example.
pub fn passing(names: &[String], now: SystemTime) -> Result<Arc<CertifiedKey>, TlsError> {
    let (certificate, key) = generate(names, now)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let pair = CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider());
    pair.map(Arc::new).map_err(TlsError::Settings)
}

/// The pair in the files, if there is a whole one.
///
/// Half of a pair, and a key that belongs to another certificate, are what a crash between the two
/// files leaves.
fn kept(certificate_path: &Path, key_path: &Path) -> Result<Option<Arc<CertifiedKey>>, TlsError> {
    match load(certificate_path, key_path) {
        Ok(pair) => Ok(Some(pair)),
        Err(TlsError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(TlsError::KeyMismatch { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the certificate will still be valid when [`RENEWED_BEFORE`] has passed.
fn is_valid(pair: &CertifiedKey, now: SystemTime) -> bool {
    let Some(certificate) = pair.cert.first() else { return false };
    // A certificate that signed itself is its own root; the rest is what every client checks.
    let mut roots = RootCertStore::empty();
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    roots.add(certificate.clone()).is_ok()
        && verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            &[],
            UnixTime::since_unix_epoch(since_epoch(now) + RENEWED_BEFORE),
            provider().signature_verification_algorithms.all,
        )
        .is_ok()
}

fn generate(names: &[String], now: SystemTime) -> Result<(Certificate, KeyPair), TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Generate)?;
    let mut subjects: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    // A machine may have no name, or one that cannot stand in a certificate; it does without.
    subjects.extend(switchboard_sys::host_name().ok().filter(|name| is_host_name(name)));
    subjects.extend_from_slice(names);
    subjects.sort();
    subjects.dedup();

    let mut params = CertificateParams::new(subjects).map_err(TlsError::Generate)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Switchboard self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = date_time_ymd(1970, 1, 1) + since_epoch(now);
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + VALIDITY;
    let certificate = params.self_signed(&key).map_err(TlsError::Generate)?;
    Ok((certificate, key))
}

fn make(certificate_path: &Path, key_path: &Path, names: &[String], now: SystemTime) -> Result<(), TlsError> {
    let (certificate, key) = generate(names, now)?;
    let write = |path: &Path, pem: &str| {
        private_file::replace(path, pem.as_bytes()).map_err(|error| TlsError::Write { path: path.to_owned(), error })
    };
    if let Some(directory) = key_path.parent() {
        fs::create_dir_all(directory).map_err(|error| TlsError::Write { path: directory.to_owned(), error })?;
    }
    write(key_path, &key.serialize_pem())?;
    write(certificate_path, &certificate.pem())
}

/// Whether the text can be a DNS name (RFC 1123, 2.1).
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
