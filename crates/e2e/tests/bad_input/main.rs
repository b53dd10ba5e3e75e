//! Bad input: at worst its own connection is closed, with the right code, and nobody else notices.

mod frames;
mod http;
mod lines;
mod noise;
mod room;
mod tls;
