//! Clients of any address: connections that say, as a proxy does, from where they come; and attackers who push without end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use crate::{PATIENCE, ServerOptions, http_raw};

/// Has the server believe what connections say of where they come from. Loopback then counts like all other addresses.
#[must_use]
pub fn behind_proxy(options: ServerOptions) -> ServerOptions {
    options.set("server.trusted_proxies=[\"127.0.0.0/8\"]").set("server.proxy_protocol=true")
}

/// The first bytes of a connection from the address 192.0.2.`last`.
#[must_use]
pub fn from(last: u8) -> String {
    format!("PROXY TCP4 192.0.2.{last} 127.0.0.1 4000 80\r\n")
}

/// A number of the server's metrics, by its name and labels; 0 if it is not there. `header`: see [`from`].
///
/// # Panics
/// There are no metrics.
#[must_use]
pub fn metric(address: SocketAddr, header: &str, name: &str) -> u64 {
    let lines = metrics(address, header);
    let value = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap_or_else(|error| panic!("{name} is {value}: {error}")))
}

/// Which limits were reached, by the server's metrics.
///
/// # Panics
/// There are no metrics.
#[must_use]
pub fn limit_hits(address: SocketAddr, header: &str) -> Vec<String> {
    let is_hit = |line: &&str| line.starts_with("switchboard_limit_hits_total{");
    metrics(address, header).lines().filter(is_hit).map(str::to_owned).collect()
}

fn metrics(address: SocketAddr, header: &str) -> String {
    let request = format!("{header}GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = http_raw(address, request.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.head);
    answer.body
}

/// A connection that is written as fast as the server reads it, and whose answers are read and forgotten.
#[derive(Debug)]
pub struct Attacker {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Attacker {
    /// Connects, sends `first`, and then `more` again and again.
    ///
    /// # Panics
    /// It cannot connect.
    #[must_use]
    pub fn start(address: SocketAddr, first: &[u8], more: Vec<u8>) -> Self {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        stream.write_all(first).expect("first bytes");
        stream.set_write_timeout(Some(Duration::from_millis(50))).expect("a socket option");
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket option");
        let mut reader = stream.try_clone().expect("a descriptor");
        let (stop, sent, heard) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::default());
        let writes = {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            move || {
                let mut at = 0;
                while !stop.load(Ordering::Relaxed) {
                    match stream.write(&more[at..]) {
                        Ok(count) => {
                            sent.fetch_add(count as u64, Ordering::Relaxed);
                            at = (at + count) % more.len();
                        }
                        Err(error) if is_timeout(&error) => {}
                        Err(_) => return,
                    }
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        };
        let reads = {
            let (stop, heard): (_, Arc<AtomicU64>) = (Arc::clone(&stop), Arc::clone(&heard));
            move || {
                let mut buffer = vec![0; 64 * 1024];
                while !stop.load(Ordering::Relaxed) {
                    match reader.read(&mut buffer) {
                        Ok(0) => return,
                        Ok(count) => _ = heard.fetch_add(count as u64, Ordering::Relaxed),
                        Err(error) if is_timeout(&error) => {}
                        Err(_) => return,
                    }
                }
            }
        };
        Self { stop, sent, heard, threads: vec![spawn(writes), spawn(reads)] }
    }

    /// Bytes that the server took, as far as its system knows.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes that the server answered.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
