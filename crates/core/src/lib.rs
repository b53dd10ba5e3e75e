//! The domain of Switchboard: who is here, what a room is, what may be said; pure, synchronous and deterministic.
//!
//! Nothing in this crate does I/O, reads a clock or draws a random number: time and randomness are arguments, so the
//! same inputs give the same outputs. It has two halves. [`sessions`] is what this node knows of its own connections:
//! users, sessions, nicks, presence, rates, admission. [`rooms`] is what every node of a cluster would agree upon: an
//! ordered log for each room, made from [`Entry`] values and nothing else.

#![warn(clippy::iter_over_hash_type)]

pub mod close;
pub mod command;
pub mod cost;
pub mod counted;
pub mod entry;
pub mod event;
pub mod ids;
pub mod limits;
pub mod names;
pub mod output;
pub mod refusal;
pub mod reply;
pub mod rooms;
pub mod sessions;
pub mod visible;
pub mod vocabulary;

pub use close::CloseReason;
pub use command::{Command, Hello, Request, Target};
pub use entry::{Applied, Entry, EntryKind, Outcome, Ticket};
pub use event::{Attachments, Body, Event, Sender};
pub use ids::{ConnectionId, Epoch, Pos, Realm, RoomId, Seq, SessionId, Time, UserId, Via};
pub use limits::Limits;
pub use output::Output;
pub use refusal::{Code, Refusal};
pub use reply::{MemberRow, Reply, RoomRow, Welcome};
pub use rooms::Rooms;
pub use sessions::Sessions;
