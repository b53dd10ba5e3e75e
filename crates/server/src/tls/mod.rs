//! TLS: certificates from files or made by ourselves, their reloading, and the settings of rustls.

mod certificate;
mod reloadable;
mod self_signed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, version};

pub use certificate::{TlsError, fingerprint, load};
pub use reloadable::Reloadable;
pub use self_signed::{SelfSigned, passing, self_signed};

/// The settings of all TLS connections: TLS 1.2 and 1.3, with a certificate from `certificates`.
///
/// ALPN (RFC 7301) offers `http/1.1`. A client without ALPN is served as well, and what it speaks
/// is seen from its first bytes; one that insists on something else is refused by rustls. Sessions
/// are resumed by tickets, which keep nothing in the server. Early data is not taken: it can be
/// replayed (RFC 8446, 8).
///
/// # Errors
/// [`TlsError::Settings`] when the system gives no randomness for the key of the tickets.
pub fn server_config(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(TlsError::Settings)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Settings)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // One ticket is enough to resume with; each further one costs every connection its bytes.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The one provider of cryptography. It is always named, so that no process-wide default is needed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
