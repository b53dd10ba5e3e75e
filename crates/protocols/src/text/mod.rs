//! The text protocol, for people: a line is a message or a `/command`, and what comes back reads by itself.

pub mod clean;
pub mod commands;
pub(crate) mod encode;
pub(crate) mod replies;
