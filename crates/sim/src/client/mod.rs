//! The clients: programs that speak JSON and come back, and people who speak text.

mod person;
mod program;

pub(crate) use person::Person;
pub(crate) use program::Program;

use crate::check::{Check, Verdict};
use crate::network::{LinkId, Transport};

/// What a client is.
pub(crate) enum Speaker {
    Program(Program),
    Person(Person),
}

/// A client with its connection, if it has one.
pub(crate) struct Client {
    pub(crate) speaker: Speaker,
    pub(crate) transport: Transport,
    pub(crate) link: Option<LinkId>,
    /// It is on its way to connect again, or to say what it could not say.
    pub(crate) is_due: bool,
}

impl Client {
    /// It is told something on its connection.
    pub(crate) fn hear(&mut self, check: &mut Check, link: LinkId, text: &str) -> Verdict {
        match &mut self.speaker {
            Speaker::Program(program) => program.hear(check, link, text),
            Speaker::Person(person) => person.hear(check, link, text),
        }
    }

    /// What it wants to send, in order.
    pub(crate) fn take_out(&mut self) -> Vec<String> {
        match &mut self.speaker {
            Speaker::Program(program) => std::mem::take(&mut program.out),
            Speaker::Person(person) => std::mem::take(&mut person.out),
        }
    }

    /// Its connection is no more.
    pub(crate) fn disconnected(&mut self) {
        self.link = None;
        match &mut self.speaker {
            Speaker::Program(program) => program.disconnected(),
            Speaker::Person(person) => person.disconnected(),
        }
    }

    /// Whether everything it asked for was answered.
    pub(crate) fn is_settled(&self) -> bool {
        match &self.speaker {
            Speaker::Program(program) => self.link.is_some() && program.is_settled(),
            Speaker::Person(_) => true,
        }
    }

    /// Holds what it heard of its rooms against all there is.
    pub(crate) fn has_everything(&mut self, check: &Check) -> Verdict {
        match &mut self.speaker {
            Speaker::Program(program) => program.has_everything(check),
            Speaker::Person(person) if self.link.is_some() => person.has_everything(check),
            Speaker::Person(_) => Ok(()),
        }
    }
}
