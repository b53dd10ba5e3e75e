//! The Switchboard client: it connects, resumes, keeps what could not be sent, and shows what arrives.
//!
//! [`state`] is what a session is, without a socket or a clock; [`transport`] is how messages travel over each scheme
//! of an [`address`]; [`client`] drives the one over the other, and is what programs use. The commands [`chat`],
//! [`send`] and [`ping`] are made of it.

pub mod address;
pub mod backoff;
pub mod chat;
pub mod clean;
pub mod client;
mod command;
pub mod discovery;
mod driver;
pub mod event;
pub mod exit;
pub mod fingerprint;
pub mod login;
pub mod message_id;
pub mod ping;
pub mod request;
pub mod send;
pub mod state;
pub mod transport;
mod wire;

pub use address::Address;
pub use client::{Client, Events, Handle};
pub use event::{Ending, Event};
pub use exit::Exit;
pub use fingerprint::Fingerprint;
pub use login::Login;
pub use request::{Ask, Outgoing, RequestId, Target};
