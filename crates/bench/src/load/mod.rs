//! The load generator: one thread that opens all connections, sends, and accounts for each delivery to each receiver.
//!
//! It must stay far from being the bottleneck, and it must treat every target alike: the same sockets, the same reads,
//! the same search for the same marker in each message. What differs between targets is in [`Dialect`] alone.

mod decoder;
mod dialect;
mod generator;
mod ledger;
mod marker;
mod polling;
mod sockets;
mod tls;
mod websocket;

pub use decoder::{Decoder, Incoming, Piece};
pub use dialect::{Dialect, Protocol};
pub use generator::{Generator, OPENED_AT_ONCE, Outcome, Pace, Setup};
pub use ledger::Ledger;
pub use marker::{MARKER_BYTES, Marker};
pub use websocket::{ServerFrame, parse_server_frame};
