//! Which processes may be silent at first and speak HTTP later: browsers, and whatever passes on what others send.

use super::proc_net::{Holder, Row};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

/// How the programs' names begin, in lower case, that connect before they have anything to send: browsers, whose network
/// process has their name or one of its own, and SSH's servers, whose forwarded connections begin when their client's
/// do.
const CONNECT_AHEAD: [&str; 26] = [
    "brave",
    "chrom",
    "cromite",
    "dropbear",
    "electron",
    "epiphany",
    "falkon",
    "firefox",
    "floorp",
    "google-chrome",
    "headless_shell",
    "konqueror",
    "librewolf",
    "microsoft-edge",
    "msedge",
    "opera",
    "palemoon",
    "qtwebengine",
    "qutebrowser",
    "seamonkey",
    "sshd",
    "thorium",
    "vivaldi",
    "waterfox",
    "webkitnetwork",
    "wpenetwork",
];

/// What Chromium, and every program that is built on it, passes to its process that holds the sockets.
const NETWORK_SERVICE: &[u8] = b"network.mojom.NetworkService";

/// What is known of this machine's sockets.
pub(super) struct Sockets<'a> {
    by_inode: HashMap<u64, &'a Row>,
    /// The ports on which some process takes connections.
    listening: HashSet<u16>,
}

impl<'a> Sockets<'a> {
    pub(super) fn new(rows: &'a [Row]) -> Self {
        Self {
            by_inode: rows.iter().filter(|row| row.inode != 0).map(|row| (row.inode, row)).collect(),
            listening: rows.iter().filter(|row| row.is_listening).map(|row| row.local.port()).collect(),
        }
    }

    /// Returns whether a process may yet send an HTTP request over a connection on which it was silent: it is a browser,
    /// it takes connections itself, as a proxy does, or another connection of its speaks HTTP here.
    pub(super) fn may_ask_later(&self, holder: &Holder, speaks_http: impl Fn(&SocketAddr) -> bool) -> bool {
        let program = holder.program.to_ascii_lowercase();
        let connects_ahead = CONNECT_AHEAD.iter().any(|name| program.starts_with(name))
            || holder.arguments.windows(NETWORK_SERVICE.len()).any(|part| part == NETWORK_SERVICE);
        connects_ahead
            || holder
                .sockets
                .iter()
                .filter_map(|inode| self.by_inode.get(inode))
                .any(|row| row.is_listening || self.listening.contains(&row.local.port()) || speaks_http(&row.local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(local: &str, remote: &str, is_listening: bool, inode: u64) -> Row {
        let address = |text: &str| text.parse().expect("an address");
        Row { local: address(local), remote: address(remote), is_listening, inode }
    }

    #[test]
    fn browsers_and_proxies_may_ask_later_and_programs_that_read_text_do_not() {
        let rows = [
            row("127.0.0.1:12345", "0.0.0.0:0", true, 1),
            row("0.0.0.0:8080", "0.0.0.0:0", true, 2),
            // Silent connections to the server.
            row("127.0.0.1:50001", "127.0.0.1:12345", false, 11),
            // Accepted at port 8080 by one process, and passed on by another.
            row("192.168.1.2:8080", "192.168.1.9:40000", false, 21),
            // Connections that speak HTTP and text to the server.
            row("127.0.0.1:50003", "127.0.0.1:12345", false, 31),
            row("127.0.0.1:50004", "127.0.0.1:12345", false, 32),
            // Nobody holds it any more.
            row("127.0.0.1:8080", "127.0.0.1:1", false, 0),
        ];
        let sockets = Sockets::new(&rows);
        let http: SocketAddr = "127.0.0.1:50003".parse().expect("an address");
        let service = "/opt/app/app\0--type=utility\0--utility-sub-type=network.mojom.NetworkService\0";
        for (program, arguments, held, may) in [
            ("nc.openbsd", "nc\0localhost\0", &[11][..], false),
            ("python3.11", "python3\0client.py\0", &[11, 99], false),
            ("python3.11", "python3\0client.py\0", &[11, 32], false),
            ("ncat", "ncat\0", &[11, 0], false),
            ("", "", &[11], false),
            ("chromium", "", &[11], true),
            ("Chrome", "", &[11], true),
            ("firefox-esr", "", &[11], true),
            ("firefox-esr (deleted)", "", &[11], true),
            ("WebKitNetworkProcess", "", &[11], true),
            ("sshd-session", "", &[11], true),
            ("app", service, &[11], true),
            ("ssh", "ssh\0-L\0", &[2, 11], true),
            ("socat", "socat\0", &[21, 11], true),
            ("node", "node\0", &[31, 11], true),
        ] {
            let holder = Holder { program: program.to_owned(), arguments: arguments.into(), sockets: held.to_vec() };
            assert_eq!(sockets.may_ask_later(&holder, |address| *address == http), may, "{program} {held:?}");
        }
    }
}
