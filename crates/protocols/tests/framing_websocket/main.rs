//! The WebSocket decoder against RFC 6455: each rule by example, and all of them under any input.

mod cases;
mod compression;
mod limits;
mod properties;
mod support;
mod utf8;
