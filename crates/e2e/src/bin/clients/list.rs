//! The common list: what every Socket.IO client is put through, and what a client cannot do, with the reason.
//!
//! Each client's program has the checks under these names, in this order: `crates/e2e/clients/`.

/// The checks, and what each shows.
pub(crate) const CHECKS: [(&str, &str); 22] = [
    ("connect", "it connects, by the transport that was asked for; with the upgrade, it ends on a WebSocket"),
    ("hello", "`auth.nick` is the nick that `welcome` names"),
    ("ack", "a message is acknowledged with its number; what is refused, with a code"),
    ("broadcast", "another socket hears a message, who said it, and its text outside ASCII"),
    ("arguments", "an event with arguments of every JSON type arrives as it was sent"),
    ("bytes", "an event whose one argument is bytes arrives"),
    ("nested", "bytes arrive beside other arguments, and inside of objects and arrays, the empty ones too"),
    ("rooms", "`to` a room of a relay reaches who joined it and did not leave it, and nobody else"),
    ("direct", "`to` another socket's id reaches that one only"),
    ("namespaces", "sockets in two namespaces share a connection, and each hears what is its own"),
    ("part", "one namespace is left, and the other stays"),
    ("unknown", "a namespace that is unknown is refused, in the words of official servers"),
    ("refused", "a wrong join code is a `connect_error` with words and a code"),
    ("exact", "a catch-all listener hears what was emitted, each with exactly its arguments, and nothing else"),
    ("large", "an event of 848,000 bytes arrives"),
    ("order", "100 events that were emitted at once arrive in their order"),
    ("reconnect", "when its connection is cut it comes back by itself, and hears and is heard"),
    ("kicked", "when the server ends the socket, the client is told"),
    ("leaving", "when the client disconnects, others are told"),
    ("names", "with recovery, a catch-all listener hears no name that nobody emitted"),
    ("recovered", "with recovery, after a cut it is recovered: the same id, nothing missed, nothing twice"),
    ("heartbeat", "a connection on which nothing is said outlives the server's pings and their time-out"),
];

/// A check that a client is known to fail.
pub(crate) struct Exception {
    /// The client's name in [`super::CLIENTS`].
    pub(crate) client: &'static str,
    /// By these transports.
    pub(crate) transports: &'static [&'static str],
    pub(crate) check: &'static str,
    pub(crate) why: &'static str,
}

const ALL: &[&str] = &["polling", "websocket", "upgrade"];
const NO_RECOVERY: &str = "it has no connection state recovery; JavaScript's has it from version 4.6 on";

const fn no_recovery(client: &'static str) -> Exception {
    never(client, "recovered", NO_RECOVERY)
}

const fn never(client: &'static str, check: &'static str, why: &'static str) -> Exception {
    Exception { client, transports: ALL, check, why }
}

const RUST: &str = "rust_socketio 0.6.0";
const DEAF: &str = "it sends bytes on a WebSocket, which JavaScript's clients hear, and hears none there itself";
const ONE_NAMESPACE: &str = "a connection of it has one namespace";
const ALL_AT_ONCE: &str = "it leaves all of its namespaces or none";

/// All of them. One that passes is a fault, too.
pub(crate) const EXCEPTIONS: [Exception; 14] = [
    no_recovery("socket.io-client 3.0.5"),
    no_recovery("socket.io-client 4.0.2"),
    no_recovery("socket.io-client 4.4.1"),
    no_recovery("python-socketio 5.18.1, synchronous"),
    no_recovery("python-socketio 5.18.1, asyncio"),
    no_recovery(RUST),
    no_recovery("io.socket:socket.io-client 2.1.2 (Java)"),
    never("python-socketio 5.18.1, synchronous", "part", ALL_AT_ONCE),
    never("python-socketio 5.18.1, asyncio", "part", ALL_AT_ONCE),
    never(RUST, "nested", "an event of it is JSON or one piece of bytes, never both"),
    Exception { client: RUST, transports: &["websocket", "upgrade"], check: "bytes", why: DEAF },
    never(RUST, "direct", "it does not tell its program its id"),
    never(RUST, "namespaces", ONE_NAMESPACE),
    never(RUST, "part", ONE_NAMESPACE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CLIENTS;

    #[test]
    fn the_document_has_every_check_and_exceptions_are_of_the_list() {
        let document = include_str!("../../../../../docs/clients.md");
        for (check, what) in CHECKS {
            assert!(document.contains(&format!("| `{check}` | {what} |\n")), "docs/clients.md: {check}");
        }
        for Exception { client, check, .. } in EXCEPTIONS {
            assert!(CLIENTS.iter().any(|known| known.name == client), "{client}");
            assert!(CHECKS.iter().any(|(known, _)| *known == check), "{check}");
        }
    }
}
