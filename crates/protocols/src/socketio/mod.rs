//! Socket.IO version 5, sans-io: packets, namespaces, and what the chat's events are called.

pub mod assembly;
pub(crate) mod chat;
pub mod encode;
pub mod msgpack;
pub mod namespace;
pub mod objects;
pub mod packet;
pub(crate) mod relay;

pub use encode::packets;
pub use namespace::{Behaviour, Entry, Extras, Heard, Namespace, Namespaces, Parser, RelayTo, Said, Shows, Tongue};
