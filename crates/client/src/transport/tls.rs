//! TLS, and lines over it.

use super::trust::Trust;
use super::{ConnectError, Duplex, Place, Times, lines};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A handshake that is ready to begin. Loading what to trust takes its time, and a server may take a client that says
/// nothing for so long for one without TLS: so this is made before the connection is.
pub(super) struct Handshake {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
}

pub(super) fn prepare(place: &Place) -> Result<Handshake, ConnectError> {
    let name =
        ServerName::try_from(place.address.host.clone()).map_err(|error| ConnectError::Tls(error.to_string()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let trust = Arc::new(Trust::new(place.pin, place.known, &provider));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(trust.clone())
        .with_no_client_auth();
    if place.address.scheme.is_websocket() {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    Ok(Handshake { name, config: Arc::new(config), trust })
}

impl Handshake {
    pub(super) async fn run(
        self,
        stream: TcpStream,
        times: Times,
    ) -> Result<(TlsStream<TcpStream>, Times), ConnectError> {
        let start = Instant::now();
        match TlsConnector::from(self.config).connect(self.name, stream).await {
            Ok(stream) => Ok((stream, Times { tls: Some(start.elapsed()), ..times })),
            Err(error) => Err(match self.trust.refused() {
                Some((fingerprint, why)) => ConnectError::Untrusted { fingerprint, why },
                None => ConnectError::Tls(error.to_string()),
            }),
        }
    }
}

pub(super) fn start(stream: TlsStream<TcpStream>, peer: SocketAddr, times: Times) -> Duplex {
    let (reader, writer) = tokio::io::split(stream);
    Duplex::run(peer, false, times, |to| lines::read(reader, to), |from| lines::write(writer, from))
}
