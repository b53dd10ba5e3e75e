//! Who may reach the server: loopback by default, others only over TLS or when the operator says so.

use super::StartError;
use crate::config::Config;
use std::net::SocketAddr;

/// Checks the addresses that are listened on.
///
/// # Errors
/// One of them is reachable from elsewhere, in plaintext, and nobody said that this is wanted.
pub(super) fn check(config: &Config, addresses: &[SocketAddr]) -> Result<(), StartError> {
    let has_tls = config.tls.cert.is_some() || config.tls.self_signed;
    if has_tls || config.server.allow_plaintext {
        return Ok(());
    }
    let exposed = addresses.iter().find(|address| {
        let ip = address.ip().to_canonical();
        !(ip.is_loopback() || config.server.lan && crate::lan::is_private(ip))
    });
    exposed.map_or(Ok(()), |address| Err(StartError::Exposed(*address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_leaves_the_machine_only_when_somebody_said_so() {
        let exposed = |config: &Config, address: &str| check(config, &[address.parse().expect("an address")]).is_err();
        let mut config = Config::default();
        assert!(!exposed(&config, "127.0.0.1:1"));
        assert!(!exposed(&config, "[::1]:1"));
        assert!(exposed(&config, "0.0.0.0:1"));
        assert!(exposed(&config, "192.168.1.2:1"));
        config.server.lan = true;
        assert!(!exposed(&config, "192.168.1.2:1"));
        assert!(exposed(&config, "203.0.113.1:1"), "the network is not the world");
        config.server.allow_plaintext = true;
        assert!(!exposed(&config, "203.0.113.1:1"));
        let mut config = Config::default();
        config.tls.self_signed = true;
        assert!(!exposed(&config, "0.0.0.0:1"));
    }
}
