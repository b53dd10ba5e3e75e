//! A way to a server that a test has in its hands: everything that goes by it can be cut, and requests can be held up.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long what a client sent, in one piece, is held up.
pub type HoldUp = fn(&[u8]) -> Duration;

/// Listens, and passes bytes on in both directions.
#[derive(Debug)]
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    /// Both ends of each connection that ever was; what is closed already stays so.
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Listens at each of `places`, port 0 being any free one, for a server at `to`.
    ///
    /// # Panics
    /// A place is taken.
    #[must_use]
    pub fn start(places: &[SocketAddr], to: SocketAddr, hold_up: HoldUp) -> Self {
        let streams = Arc::new(Mutex::new(Vec::new()));
        let mut addresses = Vec::new();
        for place in places {
            let listener = TcpListener::bind(place).unwrap_or_else(|error| panic!("cannot listen on {place}: {error}"));
            addresses.push(listener.local_addr().expect("an address"));
            let streams = Arc::clone(&streams);
            spawn("proxy", move || {
                for near in listener.incoming() {
                    // A client may have gone already, and a server may refuse: the client is told by the end.
                    if let (Ok(near), Ok(far)) = (near, TcpStream::connect(to)) {
                        join(&streams, near, far, hold_up);
                    }
                }
            });
        }
        Self { addresses, streams }
    }

    /// Where it listens first.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Ends all connections, without a goodbye.
    pub fn cut(&self) {
        for stream in lock(&self.streams).drain(..) {
            // One of the ends may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn join(streams: &Mutex<Vec<TcpStream>>, near: TcpStream, far: TcpStream, hold_up: HoldUp) {
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("a socket option");
        lock(streams).push(stream.try_clone().expect("a descriptor"));
    }
    let (from, to) = (near.try_clone().expect("a descriptor"), far.try_clone().expect("a descriptor"));
    spawn("proxy up", move || pass_on(&from, &to, hold_up));
    spawn("proxy down", move || pass_on(&far, &near, |_| Duration::ZERO));
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, hold_up: HoldUp) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 => {
                thread::sleep(hold_up(&buffer[..count]));
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn lock(streams: &Mutex<Vec<TcpStream>>) -> MutexGuard<'_, Vec<TcpStream>> {
    streams.lock().expect("no thread panics with it")
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread");
}
