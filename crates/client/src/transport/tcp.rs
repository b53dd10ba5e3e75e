//! Lines over TCP.

use super::{Duplex, Times, lines};
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(super) fn start(stream: TcpStream, peer: SocketAddr, times: Times) -> Duplex {
    let (reader, writer) = stream.into_split();
    Duplex::run(peer, false, times, |to| lines::read(reader, to), |from| lines::write(writer, from))
}
