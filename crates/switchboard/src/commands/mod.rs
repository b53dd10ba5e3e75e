//! What the commands do: one thin file each.

pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod echo;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
