//! Rooms by what their names look like, as far as that is not their names.

use crate::names::lookalike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names of rooms by their looks. Almost every name is its own look, and those take no place here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Looks {
    /// Several rooms of earlier days may look alike: one of them stands for all.
    names: BTreeMap<Box<str>, Arc<str>>,
}

impl Looks {
    /// Adds a room of the chat.
    pub(crate) fn add(&mut self, name: &Arc<str>) {
        let look = lookalike(name);
        if *look != **name {
            self.names.insert(look.into(), Arc::clone(name));
        }
    }

    /// Takes a room away.
    pub(crate) fn remove(&mut self, name: &str) {
        let look = lookalike(name);
        if self.names.get(&*look).is_some_and(|known| **known == *name) {
            self.names.remove(&*look);
        }
    }

    /// A room of this look that exists.
    pub(crate) fn find(&self, look: &str, existing: impl Fn(&str) -> Option<Arc<str>>) -> Option<Arc<str>> {
        existing(look).or_else(|| self.names.get(look).and_then(|name| existing(name)))
    }
}
