//! Namespaces: what each is called, where its sockets come in, and what it does with their events.

use super::chat::Chat;
use super::msgpack;
use super::objects::Objects;
use super::relay::Relay;
use crate::engineio::Sid;
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use switchboard_core::{Attachments, Command, Epoch, Hello, Realm, Refusal};

/// Namespaces that one server declares at most, and that one client may be in at once: each is a session of its own.
pub const NAMESPACES_MAX: usize = 32;
/// Bytes of the path of a namespace by a pattern.
const PATH_BYTES_MAX: usize = 100;
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
    /// The arguments as msgpack, where they hold something that JSON cannot say.
    pub packed: Option<&'a [&'a [u8]]>,
    /// The client wants an answer.
    pub wants_answer: bool,
    /// What no other event has.
    pub unique: Unique,
}

/// Which event of which client it is.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The client's session, which no other client has, and nobody can guess.
    pub session: Sid,
    /// Which of the client's events.
    pub number: u64,
}

impl Unique {
    /// A message's id that no other message has, and of which nobody learns anything about the client.
    pub(crate) fn id(&self) -> String {
        let hash = Sha1::new().chain_update(self.session.text()).chain_update(self.number.to_le_bytes()).finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Heard<'_> {
    /// The arguments as one JSON array.
    #[must_use]
    pub fn args_json(&self) -> String {
        join(self.args)
    }

    /// The arguments as one array of msgpack, where JSON cannot say them.
    #[must_use]
    pub fn args_packed(&self) -> Option<Arc<[u8]>> {
        self.packed.map(|packed| msgpack::array(packed.iter().copied()).into())
    }

    /// The event that a part of the arguments is: its name and what follows it.
    pub(crate) fn inner<'b>(&'b self, name: &'b str, args: usize) -> Heard<'b> {
        let packed = self.packed.map(|packed| packed.get(args..).unwrap_or_default());
        Heard { name, args: self.args.get(args..).unwrap_or_default(), packed, ..*self }
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
    /// `/`, or `/` and a name. With a `*` it is a pattern: each path of that form is a namespace of its own.
    pub path: String,
    /// The space of rooms that its sessions are in.
    pub realm: Realm,
    pub shows: Shows,
    /// Its sockets are given their own messages and events too.
    pub echoes: bool,
    /// The room whose messages carry numbers, for sockets that want them: the one that newcomers speak in.
    pub numbered: String,
    pub parser: Parser,
    /// What is special about it, if it is a relay.
    pub extras: Extras,
    /// What messages looked like that were emitted as objects.
    pub objects: Arc<Objects>,
    pub behaviour: Box<dyn Behaviour>,
}

/// What is special about a relay: what it tells its sockets beside the events, and what becomes of those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Who comes and who goes, and who is there when they ask.
    pub presence: bool,
    /// Who emitted an event, as its first argument.
    pub from: bool,
    /// A socket that does not keep up is not given its events, rather than closed.
    pub volatile: bool,
}

impl Namespace {
    /// The chat, under this path.
    #[must_use]
    pub fn chat(path: &str) -> Self {
        let behaviour = Box::new(Chat::new(None, Arc::default()));
        Self {
            path: path.to_owned(),
            realm: Realm(0),
            shows: Shows::Vocabulary,
            echoes: false,
            numbered: String::new(),
            parser: Parser::Any,
            extras: Extras::default(),
            objects: Arc::default(),
            behaviour,
        }
    }

    /// The chat, where `event` is a message: in and out as it was emitted, a bare string or an object, the sender
    /// included.
    #[must_use]
    pub fn bare_chat(path: &str, event: &str) -> Self {
        let shows = Shows::Bare(event.to_owned());
        let objects: Arc<Objects> = Arc::default();
        let behaviour = Box::new(Chat::new(Some(event.to_owned()), Arc::clone(&objects)));
        Self { shows, echoes: true, objects, behaviour, ..Self::chat(path) }
    }

    /// A relay, in a realm of its own.
    #[must_use]
    pub fn relay(path: &str, realm: Realm, to: RelayTo, extras: Extras) -> Self {
        let behaviour = Box::new(Relay::new(to, extras));
        Self { realm, shows: Shows::Relayed, echoes: to == RelayTo::All, extras, behaviour, ..Self::chat(path) }
    }

    /// Whether it is a pattern of namespaces.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.path.contains('*')
    }

    /// Whether a path is of this pattern: the `*` stands for one or more characters other than `/`.
    #[must_use]
    fn takes(&self, path: &str) -> bool {
        let Some((before, after)) = self.path.split_once('*') else { return false };
        let inside = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        path.len() <= PATH_BYTES_MAX
            && inside.is_some_and(|inside| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
                !inside.is_empty() && inside.bytes().all(plain)
            })
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
    pub speech: Arc<crate::Settings>,
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
    pub fn new(mut list: Vec<Namespace>, recovery: Option<Recovery>, speech: Arc<crate::Settings>) -> &'static Self {
        list.truncate(NAMESPACES_MAX);
        Box::leak(Box::new(Self { list, recovery, speech }))
    }

    /// The chat with its vocabulary.
    #[must_use]
    pub fn chat(&self) -> Option<&Namespace> {
        self.list.iter().find(|namespace| namespace.shows == Shows::Vocabulary)
    }

    /// The namespace of this path: the one that has it, else the first whose pattern takes it.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Namespace> {
        let own = self.list.iter().find(|namespace| namespace.path == path && !namespace.is_pattern());
        own.or_else(|| self.list.iter().find(|namespace| namespace.takes(path)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_is_of_its_form() {
        let relay = |path: &str| Namespace::relay(path, Realm(1), RelayTo::Others, Extras::default());
        let list = vec![Namespace::chat("/"), relay("/game-*"), relay("/game-own"), relay("/*/room"), relay("/g*")];
        let namespaces = Namespaces::new(list, None, Arc::default());
        let longest = format!("/g{}", "x".repeat(98));
        for (path, expected) in [
            ("/", Some("/")),
            ("/game-7", Some("/game-*")),
            ("/game-own", Some("/game-own")),
            ("/game-", Some("/g*")),
            ("/game-*", None),
            ("/a/room", Some("/*/room")),
            ("/a/b/room", None),
            ("//room", None),
            ("/game-7/x", None),
            ("/game-7#x", None),
            ("/game-é", None),
            ("/game-7?x=1", None),
            ("/g", None),
            (&longest, Some("/g*")),
            (&format!("{longest}x"), None),
        ] {
            assert_eq!(namespaces.find(path).map(|namespace| &*namespace.path), expected, "{path}");
        }
    }
}
