//! The storage threads: one that writes, and some that read, so that neither delays the engine or a shard.

mod readers;
mod writer;

pub(crate) use readers::Readers;
pub(crate) use writer::{Committed, Settings, Writer};
