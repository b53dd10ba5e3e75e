//! Which certificates are believed: a pinned one and no other; else what this machine vouches for, or the system does.

use crate::fingerprint::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};

/// The judge of a server's certificate. The signatures of the handshake, which prove that the server has the key, are
/// checked in every case.
#[derive(Debug)]
pub(super) struct Trust {
    pin: Option<Fingerprint>,
    known: Option<Fingerprint>,
    /// None with a pin, which needs no roots, and on a system that has none.
    system: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    refused: Mutex<Option<(Fingerprint, String)>>,
}

impl Trust {
    pub(super) fn new(pin: Option<Fingerprint>, known: Option<Fingerprint>, provider: &Arc<CryptoProvider>) -> Self {
        let system = if pin.is_none() { system_verifier(provider) } else { None };
        Self { pin, known, system, provider: provider.clone(), refused: Mutex::new(None) }
    }

    /// The certificate that was refused, and why.
    pub(super) fn refused(&self) -> Option<(Fingerprint, String)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, fingerprint: Fingerprint, why: &str, error: Error) -> Error {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((fingerprint, why.to_owned()));
        error
    }
}

fn system_verifier(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read is one that nothing is believed by; the others stand.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok()
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fingerprint = Fingerprint::of(end_entity);
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if let Some(pin) = self.pin {
            return if pin == fingerprint {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(self.refuse(fingerprint, "it is not the one that --fingerprint names", unknown()))
            };
        }
        if self.known == Some(fingerprint) {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(system) = &self.system else {
            return Err(self.refuse(fingerprint, "this system has no root certificates", unknown()));
        };
        system
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| self.refuse(fingerprint, &error.to_string(), error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
