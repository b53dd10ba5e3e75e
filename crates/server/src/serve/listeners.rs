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

/// The ports above that of a listener for everything that are tried in turn for the one that is for text alone.
const TEXT_PORTS: u16 = 100;

/// A place that is listened on.
pub(super) struct Listener {
    pub address: SocketAddr,
    pub pin: Pin,
    pub tcp: Option<TcpListener>,
    pub udp: Option<UdpSocket>,
}

/// The addresses that the configuration names; of those that it leaves open, none.
pub(super) fn named(config: &Config) -> Vec<SocketAddr> {
    let places = config.server.listen.iter().map(|listen| listen.place);
    places
        .filter_map(|place| match place {
            ListenPlace::Address(address) => Some(address),
            ListenPlace::Port(_) => None,
        })
        .collect()
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
    let mut listeners = Vec::new();
    if config.server.listen.is_empty() {
        let bound = bind_first_free(&local, PORTS)
            .map_err(|error| StartError::Listen { place: "localhost".to_owned(), error })?;
        listeners.extend(bound.into_iter().map(|bound| whole(Pin::Any, bound)));
    }
    for listen in &config.server.listen {
        let (ips, port) = match listen.place {
            ListenPlace::Port(port) => (local.clone(), port),
            ListenPlace::Address(address) => (vec![address.ip()], address.port()),
        };
        let bound = bind_pinned(listen.pin, &ips, port)
            .map_err(|error| StartError::Listen { place: listen.to_string(), error })?;
        listeners.extend(bound);
    }
    if config.server.lan {
        let text = bind_text(&local, &listeners);
        listeners.extend(text);
    }
    Ok(listeners)
}

/// With `--lan`: takes the first free port above that of the listener for everything, for text alone. On a port for
/// everything a program that waits to be spoken to is not greeted soon when its machine has a browser that was here.
fn bind_text(local: &[IpAddr], listeners: &[Listener]) -> Vec<Listener> {
    if listeners.iter().any(|listener| listener.pin == Pin::Text) {
        return Vec::new();
    }
    let Some(whole) = listeners.iter().find(|listener| listener.pin == Pin::Any) else { return Vec::new() };
    let port = whole.address.port();
    let ports = port.saturating_add(1)..=port.saturating_add(TEXT_PORTS);
    let bound = ports.filter(|text| *text != port).find_map(|port| bind_pinned(Pin::Text, local, port).ok());
    bound.unwrap_or_else(|| {
        tracing::warn!(port, "no port above this one is free for programs that wait to be spoken to");
        Vec::new()
    })
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
