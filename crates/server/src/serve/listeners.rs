//! The listeners of `serve`: the addresses that were asked for, or loopback on the first free port.

use super::StartError;
use crate::config::{Config, ListenPlace, Pin};
use crate::lan::private_addresses;
use crate::ports::{bind_all, bind_first_free, bind_tcp, bind_udp};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

/// The ports that are tried in turn when none was asked for; the first is the tutorials'.
const PORTS: RangeInclusive<u16> = 12_345..=12_444;

/// A place that is listened on.
pub(super) struct Listener {
    pub address: SocketAddr,
    pub pin: Pin,
    pub tcp: Option<TcpListener>,
    pub udp: Option<UdpSocket>,
}

/// Takes every listener of the configuration; IPv4 addresses come before IPv6 ones.
///
/// # Errors
/// One of them cannot be had; none is kept then.
pub(super) fn bind(config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut local = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    if config.server.lan {
        local.extend(private_addresses()?);
        local.sort_by_key(IpAddr::is_ipv6);
    }
    if config.server.listen.is_empty() {
        let bound = bind_first_free(&local, PORTS)
            .map_err(|error| StartError::Listen { place: "localhost".to_owned(), error })?;
        return Ok(bound.into_iter().map(|bound| whole(Pin::Any, bound)).collect());
    }
    let mut listeners = Vec::new();
    for listen in &config.server.listen {
        let (ips, port) = match listen.place {
            ListenPlace::Port(port) => (local.clone(), port),
            ListenPlace::Address(address) => (vec![address.ip()], address.port()),
        };
        let bound = bind_pinned(listen.pin, &ips, port)
            .map_err(|error| StartError::Listen { place: listen.to_string(), error })?;
        listeners.extend(bound);
    }
    Ok(listeners)
}

fn bind_pinned(pin: Pin, ips: &[IpAddr], port: u16) -> io::Result<Vec<Listener>> {
    if pin == Pin::Any {
        return Ok(bind_all(ips, port)?.into_iter().map(|bound| whole(pin, bound)).collect());
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for ip in ips {
        // Of several addresses, all get the number that the first one got.
        let port = listeners.first().map_or(port, |first| first.address.port());
        let address = SocketAddr::new(*ip, port);
        let listener = if pin == Pin::Udp {
            let udp = bind_udp(address)?;
            Listener { address: udp.local_addr()?, pin, tcp: None, udp: Some(udp) }
        } else {
            let tcp = bind_tcp(address)?;
            Listener { address: tcp.local_addr()?, pin, tcp: Some(tcp), udp: None }
        };
        listeners.push(listener);
    }
    Ok(listeners)
}

fn whole(pin: Pin, bound: crate::ports::Bound) -> Listener {
    Listener { address: bound.address, pin, tcp: Some(bound.tcp), udp: Some(bound.udp) }
}
