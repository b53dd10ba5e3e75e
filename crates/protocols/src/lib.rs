//! The languages Switchboard speaks, sans-io: bytes in, requests out; events in, frames out.
//!
//! [`framing`] cuts bytes into messages and knows nothing of chat. [`text`] and [`json`] are the languages: what one
//! message means, and how an event reads. [`engineio`] and [`socketio`] are both at once: their packets carry their own
//! framing. A [`Conversation`] puts a language on a framing, for one connection.

pub mod conversation;
pub mod encode;
pub mod engineio;
pub mod first;
pub mod frame;
pub mod framing;
pub mod json;
pub mod settings;
pub mod socketio;
pub mod text;
mod timestamp;

pub use conversation::{Act, Conversation, Tick};
pub use encode::{compressed, encode};
pub use frame::{Dialect, Frame, Framing, Language, TextStyle, join};
pub use settings::Settings;
