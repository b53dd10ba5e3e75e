//! The tables of TCP sockets that Linux shows in `/proc/net`, and which process holds which of them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

/// The state `TCP_LISTEN` as the kernel's tables number it.
const LISTENING: u8 = 0x0A;

/// One TCP socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) is_listening: bool,
    /// Names the socket in `/proc/PID/fd`; 0 when no process holds it any more.
    pub(super) inode: u64,
}

/// A process that holds one of the sockets that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// The file name of its program.
    pub(super) program: String,
    /// Its arguments, each followed by a NUL.
    pub(super) arguments: Vec<u8>,
    /// Every socket that it holds, as inodes.
    pub(super) sockets: Vec<u64>,
}

/// Returns the TCP sockets of this network namespace, IPv4 addresses in their own form.
pub(super) fn tcp_sockets(proc: &Path) -> Vec<Row> {
    let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(proc.join(table)).unwrap_or_default());
    tables.iter().flat_map(|table| rows(table)).collect()
}

/// Returns the processes that hold each of the sockets `wanted`, by inode. Processes that this one may not look into are
/// left out. At the `deadline` it returns `None`: half a search proves nothing.
pub(super) fn holders(proc: &Path, wanted: &HashSet<u64>, deadline: Instant) -> Option<HashMap<u64, Vec<Holder>>> {
    let mut found: HashMap<u64, Vec<Holder>> = HashMap::new();
    for entry in fs::read_dir(proc).ok()?.flatten() {
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let process = entry.path();
        let Ok(descriptors) = fs::read_dir(process.join("fd")) else { continue };
        let mut sockets = Vec::new();
        for descriptor in descriptors.flatten() {
            if Instant::now() > deadline {
                return None;
            }
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            sockets.extend(socket_inode(target.as_os_str().as_encoded_bytes()));
        }
        if !sockets.iter().any(|inode| wanted.contains(inode)) {
            continue;
        }
        let program = fs::read_link(process.join("exe")).unwrap_or_default();
        let holder = Holder {
            program: program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            arguments: fs::read(process.join("cmdline")).unwrap_or_default(),
            sockets,
        };
        for inode in holder.sockets.iter().filter(|inode| wanted.contains(inode)) {
            found.entry(*inode).or_default().push(holder.clone());
        }
    }
    Some(found)
}

/// The number in `socket:[NUMBER]`.
fn socket_inode(target: &[u8]) -> Option<u64> {
    let number = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}

/// Reads a table; its first line is a heading, and lines that are not understood are left out.
fn rows(table: &str) -> impl Iterator<Item = Row> {
    table.lines().skip(1).filter_map(row)
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    // Between them stand the queues, the timer, what was sent again, the user, and the time of the next probe.
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Row { local, remote, is_listening: state == LISTENING, inode })
}

/// Reads `ADDRESS:PORT`, in which an address is words of 32 bits in this machine's order of bytes.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_are_read_and_others_left_out() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:3039 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x 100\n\
            1: 0100007F:C350 0100007F:3039 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 x 20\n\
            2: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:3039 01 0:0 0:0 0 0 0 4713 1\n\
            3: 00000000000000000000000001000000:C352 00000000000000000000000001000000:3039 01 0:0 0:0 0 0 0 4714 1\n\
            4: not a row\n\n";
        let row = |local: &str, remote: &str, is_listening, inode| Row {
            local: local.parse().expect("an address"),
            remote: remote.parse().expect("an address"),
            is_listening,
            inode,
        };
        let expected = [
            row("127.0.0.1:12345", "0.0.0.0:0", true, 4711),
            row("127.0.0.1:50000", "127.0.0.1:12345", false, 4712),
            row("127.0.0.1:50001", "127.0.0.1:12345", false, 4713),
            row("[::1]:50002", "[::1]:12345", false, 4714),
        ];
        assert_eq!(rows(table).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn this_process_is_found_by_its_sockets() {
        let proc = Path::new("/proc");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let far = TcpStream::connect(address).expect("a connection");
        let own = far.local_addr().expect("an address");
        let sockets = tcp_sockets(proc);
        let row = sockets.iter().find(|row| row.local == own && row.remote == address).expect("the connection");
        let listening = sockets.iter().find(|row| row.local == address && row.is_listening).expect("the listener");
        let wanted = HashSet::from([row.inode]);
        let soon = Instant::now() + Duration::from_secs(60);
        let found = holders(proc, &wanted, soon).expect("in time");
        let holder = &found[&row.inode][0];
        assert!(holder.sockets.contains(&listening.inode) && holder.sockets.contains(&row.inode));
        let program = std::env::current_exe().expect("a program");
        assert_eq!(Some(&*holder.program), program.file_name().and_then(|name| name.to_str()));
        assert!(!holder.arguments.is_empty());
        assert_eq!(holders(proc, &wanted, Instant::now()), None, "there is no time left");
        assert_eq!(holders(Path::new("/nowhere"), &wanted, soon), None);
    }
}
