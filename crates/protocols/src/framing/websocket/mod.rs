//! WebSocket (RFC 6455), sans-io: the opening handshake, a decoder, and an encoder for frames.
//!
//! ```
//! use switchboard_protocols::framing::websocket::{Decoder, Message, Role, client, frame};
//!
//! let mut received = bytes::BytesMut::new();
//! client::put_message(&mut received, frame::Opcode::Text, b"hi", [1, 2, 3, 4]);
//!
//! let mut decoder = Decoder::new(Role::Server, 64 * 1024);
//! let mut input = &mut received[..];
//! while let Some(message) = decoder.next_message(&mut input)? {
//!     assert_eq!(message, Message::Text("hi".into()));
//!     assert_eq!(&frame::text("hi")[..], b"\x81\x02hi");
//! }
//! # Ok::<(), switchboard_protocols::framing::websocket::Violation>(())
//! ```

mod assembly;
pub mod client;
mod close;
mod decoder;
mod deflate;
pub mod frame;
pub mod handshake;
mod mask;
mod message;
mod negotiation;
mod violation;

pub use close::{Close, CloseCode};
pub use decoder::{Decoder, EMPTY_FRAGMENTS_MAX, Role};
pub use deflate::{Deflate, FINAL_BLOCKS_MAX, Window};
pub use message::Message;
pub use negotiation::Agreement;
pub use violation::Violation;
