//! The table of targets, one file for each kind of input.

mod client;
mod config;
mod conversations;
mod doorstep;
mod first;
mod handshake;
mod json;
mod lines;
mod names;
mod sessions;
mod shard;
mod socketio;
mod text;
mod utf8;
mod websocket;

/// Something that reads bytes of others, with all that must be true of it.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpora.
    pub name: &'static str,
    /// Pieces of what it reads, for the mutator.
    pub words: &'static [&'static [u8]],
    /// Runs it. It panics when something is wrong.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "client", words: client::WORDS, run: client::run },
    Target { name: "config", words: config::WORDS, run: config::run },
    Target { name: "datagrams", words: conversations::WORDS, run: conversations::datagrams },
    Target { name: "doorstep", words: doorstep::WORDS, run: doorstep::run },
    Target { name: "engineio", words: socketio::WORDS, run: socketio::payload },
    Target { name: "first", words: first::WORDS, run: first::run },
    Target { name: "handshake", words: handshake::WORDS, run: handshake::run },
    Target { name: "json", words: json::WORDS, run: json::run },
    Target { name: "lines", words: lines::WORDS, run: lines::run },
    Target { name: "names", words: names::WORDS, run: names::run },
    Target { name: "sessions", words: sessions::WORDS, run: sessions::run },
    Target { name: "shard", words: shard::WORDS, run: shard::run },
    Target { name: "socketio", words: socketio::WORDS, run: socketio::packet },
    Target { name: "stream_json", words: conversations::WORDS, run: conversations::stream_json },
    Target { name: "stream_text", words: conversations::WORDS, run: conversations::stream_text },
    Target { name: "text", words: text::WORDS, run: text::run },
    Target { name: "utf8", words: utf8::WORDS, run: utf8::run },
    Target { name: "websocket", words: websocket::WORDS, run: websocket::run },
    Target { name: "websocket_talk", words: websocket::WORDS, run: conversations::websocket },
];

/// Runs the target of this name.
///
/// # Panics
/// Something is wrong, or there is no such target.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target {name}")).run)(bytes);
}
