//! The server: everything that has threads, sockets and files.
//!
//! [`serve`] puts it together. `listener` takes connections in and finds out what they speak; a [`shard`] owns them,
//! decodes what they ask for and writes what they are told; the [`engine`] applies it all in one order; `storage`
//! makes it durable before anybody sees it.

pub mod admission;
mod authority;
pub mod check;
mod clock;
pub mod config;
pub mod discovery;
pub mod echo;
pub mod engine;
mod http;
pub mod lan;
mod listener;
pub mod message;
mod metrics;
pub mod ports;
mod private_file;
pub mod sequencer;
pub mod serve;
pub mod shard;
mod socket;
mod storage;
mod threads;
pub mod tls;
pub mod udp;
