//! Events of volatile namespaces, which a receiver who does not keep up is not given.

use super::connection::Connection;
use slab::Slab;
use switchboard_core::{Body, Event};
use switchboard_protocols::{Dialect, Language};

/// Whether an event may be left out for who is told of it in this dialect: those of clients' own, in a namespace that says
/// so.
pub(super) const fn is_volatile(dialect: Dialect, event: &Event) -> bool {
    match dialect.language {
        Language::SocketIo(Some(tongue)) => {
            tongue.namespace.extras.volatile && matches!(event.body, Body::Relay { .. })
        }
        Language::SocketIo(None) | Language::Text(_) | Language::Json => false,
    }
}

/// Whether a connection is so far behind that so many bytes more would take up more than a quarter of its outbox, with
/// what waits in that of its carrier; or it is still being given what it missed.
pub(super) fn is_behind(connections: &Slab<Connection>, slot: u32, bytes: usize, outbox_bytes: usize) -> bool {
    let connection = &connections[slot as usize];
    let carried = connection.carrier.map_or(0, |carrier| connections[carrier as usize].outbox.bytes());
    let waiting = connection.outbox.bytes() + carried;
    connection.gate.is_some() || (waiting > 0 && waiting + bytes > outbox_bytes / 4)
}
