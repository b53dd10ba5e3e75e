//! Namespaces: what each is called, where its sockets come in, and what it does with their events.

use super::chat::Chat;
use super::relay::Relay;
use serde_json::value::RawValue;
use std::fmt;
use std::hash::{Hash, Hasher};
use switchboard_core::{Attachments, Command, Epoch, Hello, Realm, Refusal};

/// Namespaces of one server at most: each client may join all of them, and each is a session of its own.
pub const NAMESPACES_MAX: usize = 32;
/// The classes of [`Namespace::class`].
pub(crate) const CLASSES: usize = 3;

/// An event that a client emitted.
#[derive(Debug)]
pub struct Heard<'a> {
    pub name: &'a str,
    /// The arguments after the name, each as the JSON that came.
    pub args: &'a [&'a RawValue],
    /// What the placeholders in the arguments stand for.
    pub binary: &'a Attachments,
    /// The client wants an answer.
    pub wants_answer: bool,
}

impl Heard<'_> {
    /// The arguments as one JSON array.
    #[must_use]
    pub fn args_json(&self) -> String {
        join(self.args)
    }
}

/// Arguments as one JSON array.
pub(crate) fn join(args: &[&RawValue]) -> String {
    let mut out = String::with_capacity(args.iter().map(|arg| arg.get().len() + 1).sum::<usize>() + 2);
    out.push('[');
    for (place, arg) in args.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str(arg.get());
    }
    out.push(']');
    out
}

/// What a namespace makes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Ask the core; its answer acknowledges the event.
    Request(Command),
    /// Answer the client itself with an event. `args`: a JSON array.
    Emit { name: String, args: String, binary: Attachments },
    /// Acknowledge the event. `args`: a JSON array.
    Acknowledge { args: String, binary: Attachments },
    /// No, and why.
    Refuse(Refusal),
}

/// How a socket comes into a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// With a session in the core.
    Session(Box<Hello>),
    /// On its own: it is welcomed at once, and what it is given is what its own events make. The events follow the
    /// welcome.
    Alone(Vec<Said>),
}

/// What a namespace does with its sockets: the seam behind which chat, relay and anything else stand.
pub trait Behaviour: fmt::Debug + Send + Sync {
    /// A socket wants in, with what it said of itself: a JSON object.
    ///
    /// # Errors
    /// Why it may not come in.
    fn enter(&self, auth: &str) -> Result<Entry, Refusal>;

    /// A socket emitted an event.
    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>);
}

/// What of the core's events a namespace shows, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// All of them, under their names, as objects.
    Vocabulary,
    /// Messages, as bare strings under this name, and relayed events.
    Bare(String),
    /// Relayed events only.
    Relayed,
}

/// Whom a relay passes events on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayTo {
    /// Everybody in the namespace but the sender.
    Others,
    /// Everybody, the sender included.
    All,
    /// Nobody: events are acknowledged and forgotten, unless they name a receiver.
    None,
}

/// Whose clients a namespace takes. A client has one parser for all its namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parser {
    /// Everybody's: a client's first packet shows which one it has.
    Any,
    /// Those with the library's own parser, whose packets are text.
    Json,
    /// Those with the msgpack parser, whose packets are bytes.
    Msgpack,
}

impl Parser {
    /// Why a client may not come in, if it may not. `packed`: it has the msgpack parser.
    #[must_use]
    pub const fn refuses(self, packed: bool) -> Option<&'static str> {
        match (self, packed) {
            (Self::Any, _) | (Self::Json, false) | (Self::Msgpack, true) => None,
            (Self::Json, true) => Some("this namespace is for clients with the default parser (socketio.parser)"),
            (Self::Msgpack, false) => Some("this namespace is for clients with the msgpack parser (socketio.parser)"),
        }
    }
}

/// A namespace.
#[derive(Debug)]
pub struct Namespace {
    /// `/`, or `/` and a name.
    pub path: String,
    /// The space of rooms that its sessions are in.
    pub realm: Realm,
    pub shows: Shows,
    /// Its sockets are given their own messages and events too.
    pub echoes: bool,
    /// The room whose messages carry numbers, for sockets that want them: the one that newcomers speak in.
    pub numbered: String,
    pub parser: Parser,
    pub behaviour: Box<dyn Behaviour>,
}

impl Namespace {
    /// The chat, under this path.
    #[must_use]
    pub fn chat(path: &str) -> Self {
        let behaviour = Box::new(Chat::new(None));
        Self {
            path: path.to_owned(),
            realm: Realm(0),
            shows: Shows::Vocabulary,
            echoes: false,
            numbered: String::new(),
            parser: Parser::Any,
            behaviour,
        }
    }

    /// The chat, where `event` is a message: a bare string in and out, the sender included.
    #[must_use]
    pub fn bare_chat(path: &str, event: &str) -> Self {
        let shows = Shows::Bare(event.to_owned());
        let behaviour = Box::new(Chat::new(Some(event.to_owned())));
        Self { shows, echoes: true, behaviour, ..Self::chat(path) }
    }

    /// A relay, in a realm of its own.
    #[must_use]
    pub fn relay(path: &str, realm: Realm, to: RelayTo) -> Self {
        let behaviour = Box::new(Relay::new(to));
        Self { realm, shows: Shows::Relayed, echoes: to == RelayTo::All, behaviour, ..Self::chat(path) }
    }

    /// Which namespaces share frames: of those in the chat's realm each path has its own, and an event of another
    /// realm is in that one only.
    #[must_use]
    const fn class(&self) -> usize {
        match &self.shows {
            Shows::Vocabulary => 0,
            Shows::Bare(_) => 1,
            Shows::Relayed => 2,
        }
    }
}

/// The namespaces of a server. It lives as long as the process, so that each connection can point into it.
#[derive(Debug)]
pub struct Namespaces {
    list: Vec<Namespace>,
    /// Sockets may come back with what they missed, those that ask for it or all of them.
    pub recovery: Option<Recovery>,
    /// What acknowledgements of the chat announce.
    pub speech: std::sync::Arc<crate::Settings>,
}

/// Connection state recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recovery {
    /// The life of the database that positions belong to.
    pub epoch: Epoch,
    /// How long a session waits for its client, in milliseconds.
    pub keep_ms: u32,
    /// Every socket has it that does not say otherwise; if not, those that ask for it.
    pub by_default: bool,
}

impl Namespaces {
    /// These namespaces, of which at most one is the chat with its vocabulary and at most one the bare chat.
    #[must_use]
    pub fn new(
        mut list: Vec<Namespace>,
        recovery: Option<Recovery>,
        speech: std::sync::Arc<crate::Settings>,
    ) -> &'static Self {
        list.truncate(NAMESPACES_MAX);
        Box::leak(Box::new(Self { list, recovery, speech }))
    }

    /// The chat with its vocabulary.
    #[must_use]
    pub fn chat(&self) -> Option<&Namespace> {
        self.list.iter().find(|namespace| namespace.shows == Shows::Vocabulary)
    }

    /// The namespace of this path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Namespace> {
        self.list.iter().find(|namespace| namespace.path == path)
    }
}

/// A namespace as one socket hears it.
#[derive(Clone, Copy, Debug)]
pub struct Tongue {
    pub namespace: &'static Namespace,
    /// Each event carries its position as a further argument, so that the client knows what it saw last.
    pub offsets: Option<Recovery>,
    /// Messages as bare strings carry their number behind the text.
    pub numbers: bool,
    /// The client's parser is the msgpack one.
    pub packed: bool,
}

impl Tongue {
    /// How many there are that differ in what their frames are.
    pub const COUNT: usize = 8 * CLASSES;

    /// The tongue's place among them.
    #[must_use]
    pub const fn index(self) -> usize {
        self.namespace.class() * 8
            + self.numbers as usize * 4
            + self.offsets.is_some() as usize * 2
            + self.packed as usize
    }
}

impl PartialEq for Tongue {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.namespace, other.namespace)
            && (self.offsets, self.numbers, self.packed) == (other.offsets, other.numbers, other.packed)
    }
}

impl Eq for Tongue {}

impl Hash for Tongue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.namespace, state);
        (self.offsets, self.numbers, self.packed).hash(state);
    }
}
