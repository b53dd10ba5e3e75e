//! The storage threads: one that writes, and some that read, so that neither delays the engine or a shard.

mod indexing;
mod readers;
mod writer;

pub(crate) use readers::{Readers, Surroundings as ReaderSurroundings};
pub(crate) use writer::{Committed, Settings, Writer};

#[cfg(test)]
mod testing;
