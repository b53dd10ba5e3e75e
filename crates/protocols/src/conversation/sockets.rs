//! Socket.IO on an Engine.IO session: the sockets of one client, each in a namespace of its own.

use super::carrier::{Down, Upper};
use super::member::{Member, Standing, Stands, connect_error};
use super::{Act, Branch, Conversation, Tick};
use crate::engineio::Sid;
use crate::frame::Framing;
use crate::json::write::{Object, string};
use crate::socketio::assembly::Assembly;
use crate::socketio::encode::{Offset, begin, put_args};
use crate::socketio::msgpack::{self, PackedArgs, Unpacked};
use crate::socketio::namespace::{
    Entry, Heard, NAMESPACES_MAX, Namespace, Namespaces, Recovery, Said, Shows, Tongue, Unique,
};
use crate::socketio::packet::{ATTACHMENTS_MAX, DEPTH_MAX, Kind, Malformed, Packet, event_name};
use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest, Sha1};
use smallvec::SmallVec;
use std::sync::Arc;
use switchboard_core::{Attachments, CloseReason, Code, Command, Hello, Pos, Refusal, Request, Seq};

/// Bytes of a namespace's path that are looked at; no namespace's is longer.
const PATH_BYTES_MAX: usize = 256;
/// How long a client whose last socket the server ended has to close the connection, as libraries do by themselves, in
/// milliseconds. A packet that closes it at once would overtake the one that says why.
const LEAVE_MS: u64 = 5_000;

/// Why a client may not come into one more namespace.
const TOO_MANY: &str = "a client may be in at most 32 namespaces";
const _: () = assert!(NAMESPACES_MAX == 32, "the words say so");

/// What is known of a client before it says anything.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its session, a secret of which the ids of sockets without a session in the core are made.
    pub session: Sid,
    /// Where all sockets have connection state recovery, it may be given the position of each event as a further argument.
    pub takes_offsets: bool,
    /// When it must have joined a namespace.
    pub connect_by: Tick,
    /// Bytes of a packet with its attachments.
    pub bytes_max: usize,
}

/// The sockets of one client.
pub struct Sockets {
    namespaces: &'static Namespaces,
    client: Client,
    /// Nearly always one.
    sockets: SmallVec<[Socket; 1]>,
    /// Sessions whose conversations were not made yet: a socket may be gone already when its own is.
    opening: Vec<Opening>,
    next_branch: u32,
    assembly: Option<Box<Assembly>>,
    joined_any: bool,
    /// When a client whose last socket the server ended must have closed the connection.
    leave_by: Option<Tick>,
    /// Events that it emitted.
    events: u64,
    /// The client's parser, which its first message shows: the msgpack one sends bytes only.
    packed: Option<bool>,
}

/// One socket.
struct Socket {
    namespace: &'static Namespace,
    /// Its path, where the namespace is a pattern.
    space: Option<Arc<str>>,
    /// Its session's number; none if it has none in the core.
    branch: Option<u32>,
    standing: Standing,
    /// Its session follows positions.
    follows: bool,
    /// It counts messages.
    numbers: bool,
}

impl Socket {
    fn path(&self) -> &str {
        self.space.as_deref().unwrap_or(&self.namespace.path)
    }
}

/// What belongs to a packet beside its text.
#[derive(Default)]
struct Payload {
    binary: Attachments,
    /// The client sent more attachments than a packet may have, and these are the first.
    too_many: bool,
    packed: Option<PackedArgs>,
}

/// A session that begins.
struct Opening {
    branch: u32,
    namespace: &'static Namespace,
    space: Option<Arc<str>>,
    standing: Standing,
    /// What it came with, if it says that it was here before.
    pid: Option<Box<str>>,
    offsets: Option<Recovery>,
    numbers: bool,
}

/// How a socket wants to hear what it missed, as it says in `auth`. What is of another type than it should be says
/// nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wishes {
    /// Connection state recovery, or none.
    recover: Value,
    /// The session it comes back to; the library adds it and the next.
    pid: Value,
    /// The position of the last event that it heard there.
    offset: Value,
    /// The number of the last message that it saw.
    #[serde(rename = "serverOffset")]
    server_offset: Value,
}

impl Wishes {
    fn read(auth: &str) -> Self {
        serde_json::from_str(auth).unwrap_or_default()
    }

    /// The position of the last event that the socket heard in the session that it comes back to. One that was not given
    /// out in this life of the database, or is none at all, is none that an event has had.
    fn since(&self, recovery: Recovery) -> Option<Pos> {
        if self.offset.is_null() {
            return None;
        }
        let offset = self.offset.as_str().and_then(Offset::read);
        let offset = offset.filter(|offset| offset.epoch == recovery.epoch.0);
        Some(offset.map_or(Pos::MAX, |offset| offset.pos))
    }

    /// The number of the last message that the socket saw, if it counts them.
    fn after(&self) -> Option<Seq> {
        // A number that is too small or too large is the smallest or the largest.
        self.server_offset.as_f64().map(|number| number as Seq)
    }
}

impl Sockets {
    /// A client that has joined nothing.
    #[must_use]
    pub fn new(namespaces: &'static Namespaces, client: Client) -> Self {
        Self {
            namespaces,
            client,
            sockets: SmallVec::new(),
            opening: Vec::new(),
            next_branch: 0,
            assembly: None,
            joined_any: false,
            leave_by: None,
            events: 0,
            packed: None,
        }
    }

    fn place(&self, path: &str) -> Option<usize> {
        self.sockets.iter().position(|socket| socket.path() == path)
    }

    fn packet(&mut self, packet: &Packet<'_>, payload: &Payload, down: &mut Down<'_>) -> Result<(), CloseReason> {
        if packet.namespace.len() > PATH_BYTES_MAX {
            return Err(CloseReason::ProtocolError);
        }
        match packet.kind {
            Kind::Connect | Kind::Event if packet.is_too_deep() => self.refuse_depth(packet, down),
            Kind::Connect => self.connect(packet, down),
            Kind::Disconnect if !packet.data.is_empty() => Err(CloseReason::ProtocolError),
            Kind::Disconnect => self.disconnect(packet.namespace, down),
            Kind::Event => self.event(packet, payload, down),
            Kind::Ack => {
                // The server asks for no acknowledgements: one that comes is late or mistaken, and ignored.
                packet.arguments().map_err(malformed)?;
                self.place(packet.namespace).map(|_| ()).ok_or(CloseReason::ProtocolError)
            }
            Kind::ConnectError => Err(CloseReason::ProtocolError),
        }
    }

    /// Answers a packet that is nested too deep to be read; its client made a mistake and goes on.
    fn refuse_depth(&self, packet: &Packet<'_>, down: &mut Down<'_>) -> Result<(), CloseReason> {
        let refusal = Code::BadRequest.refuse(None, format!("a packet is nested at most {DEPTH_MAX} deep"));
        if packet.kind == Kind::Connect && self.namespaces.find(packet.namespace).is_some() {
            down.send(&[], |out| {
                begin(out, '4', packet.namespace, None, 0);
                connect_error(out, &refusal);
            });
        } else if self.place(packet.namespace).is_some() {
            refuse(down, packet.namespace, packet.id, &refusal);
        } else {
            return Err(CloseReason::ProtocolError);
        }
        Ok(())
    }

    fn connect(&mut self, packet: &Packet<'_>, down: &mut Down<'_>) -> Result<(), CloseReason> {
        let auth = packet.auth().map_err(malformed)?.unwrap_or("{}");
        let Some(namespace) = self.namespaces.find(packet.namespace) else {
            down.send(&[], |out| {
                begin(out, '4', packet.namespace, None, 0);
                out.extend_from_slice(b"{\"message\":\"Invalid namespace\"}");
            });
            return Ok(());
        };
        let path = packet.namespace;
        let place = self.place(path);
        let words = namespace.parser.refuses(self.packed == Some(true));
        let is_full = place.is_none() && self.sockets.len() >= NAMESPACES_MAX;
        if let Some(words) = words.or(is_full.then_some(TOO_MANY)) {
            down.send(&[], |out| {
                begin(out, '4', path, None, 0);
                connect_error(out, &Code::BadRequest.refuse(None, words));
            });
            return Ok(());
        }
        if let Some(place) = place {
            match self.sockets[place].standing.get() {
                Stands::Asking | Stands::In => return Err(CloseReason::ProtocolError),
                Stands::Refused | Stands::Ended => {}
            }
        }
        match namespace.behaviour.enter(auth) {
            Err(refusal) => down.send(&[], |out| {
                begin(out, '4', path, None, 0);
                connect_error(out, &refusal);
            }),
            Ok(Entry::Alone(said)) => {
                self.joined_any = true;
                self.sockets.retain(|socket| !std::ptr::eq(socket.namespace, namespace));
                let standing = Standing::default();
                standing.set(Stands::In);
                self.sockets.push(Socket {
                    namespace,
                    space: None,
                    branch: None,
                    standing,
                    follows: false,
                    numbers: false,
                });
                let sid = self.lone_id(namespace);
                down.send(&[], |out| {
                    begin(out, '0', path, None, 0);
                    let mut object = Object::begin(out);
                    object.string("sid", &sid);
                    object.end();
                });
                for said in said {
                    say(down, path, None, None, said);
                }
            }
            Ok(Entry::Session(hello)) => {
                self.joined_any = true;
                let space = namespace.is_pattern().then(|| Arc::from(path));
                self.enter(namespace, space, place, *hello, auth, down);
            }
        }
        Ok(())
    }

    /// Begins a socket's session, or asks again for one that was refused.
    fn enter(
        &mut self,
        namespace: &'static Namespace,
        space: Option<Arc<str>>,
        place: Option<usize>,
        mut hello: Hello,
        auth: &str,
        down: &mut Down<'_>,
    ) {
        let wishes = Wishes::read(auth);
        let offsets = self.offsets(&wishes);
        if let (Some(recovery), Some(pid)) = (offsets, wishes.pid.as_str()) {
            hello.token = Some(pid.to_owned());
            hello.since = wishes.since(recovery);
        }
        if matches!(namespace.shows, Shows::Bare(_)) {
            hello.after = wishes.after();
        }
        hello.space.clone_from(&space);
        let (follows, numbers) = (offsets.is_some(), hello.after.is_some());
        let again = place.map(|place| &self.sockets[place]).filter(|socket| socket.standing.get() == Stands::Refused);
        let branch = match again.and_then(|socket| Some((socket, socket.branch?))) {
            Some((socket, branch)) => {
                socket.standing.set(Stands::Asking);
                // How it hears was settled when it asked first.
                hello.token = hello.token.filter(|_| socket.follows);
                hello.after = hello.after.filter(|_| socket.numbers);
                branch
            }
            None => {
                if let Some(place) = place {
                    self.sockets.swap_remove(place);
                }
                let branch = self.next_branch;
                self.next_branch += 1;
                let pid = hello.token.as_deref().map(Box::from);
                let standing = Standing::default();
                let (opens, known) = (space.clone(), standing.clone());
                self.opening.push(Opening { branch, namespace, space: opens, standing: known, pid, offsets, numbers });
                self.sockets.push(Socket { namespace, space, branch: Some(branch), standing, follows, numbers });
                down.act(Act::Branch(branch, Branch::Open));
                branch
            }
        };
        down.act(Act::Branch(branch, Branch::Request(Request::plain(Command::Hello(hello)))));
    }

    fn disconnect(&mut self, path: &str, down: &mut Down<'_>) -> Result<(), CloseReason> {
        let place = self.place(path).ok_or(CloseReason::ProtocolError)?;
        let socket = self.sockets.swap_remove(place);
        if let Some(branch) = socket.branch.filter(|_| socket.standing.get() != Stands::Ended) {
            // Its client knows, and is not told again.
            socket.standing.set(Stands::Ended);
            down.act(Act::Branch(branch, Branch::Request(Request::plain(Command::Quit))));
        }
        Ok(())
    }

    fn event(&mut self, packet: &Packet<'_>, payload: &Payload, down: &mut Down<'_>) -> Result<(), CloseReason> {
        let place = self.place(packet.namespace).ok_or(CloseReason::ProtocolError)?;
        // Official servers let a packet without any JSON pass.
        let Some(arguments) = packet.arguments().map_err(malformed)? else { return Ok(()) };
        let name = event_name(arguments.first()).map_err(malformed)?;
        self.events += 1;
        let socket = &self.sockets[place];
        match socket.standing.get() {
            Stands::Asking | Stands::In => {}
            // It may not know yet that the server ended it.
            Stands::Ended => return Ok(()),
            Stands::Refused => return Err(CloseReason::ProtocolError),
        }
        let wants_answer = packet.id.is_some();
        if payload.too_many {
            let words = format!("an event has at most {ATTACHMENTS_MAX} attachments");
            refuse(down, socket.path(), packet.id, &Code::BadRequest.refuse(None, words));
            return Ok(());
        }
        let unique = Unique { session: self.client.session, number: self.events };
        let packed: Option<Vec<&[u8]>> = payload.packed.as_ref().map(|packed| packed.arguments_from(1).collect());
        let (args, packed) = (&arguments[1..], packed.as_deref());
        let heard = Heard { name: &name, args, binary: &payload.binary, packed, wants_answer, unique };
        let mut said = Vec::new();
        socket.namespace.behaviour.event(&heard, &mut said);
        for said in said {
            say(down, socket.path(), socket.branch, packet.id, said);
        }
        Ok(())
    }

    /// Whether there are sockets, and the server ended them all.
    fn is_left(&self) -> bool {
        let mut sockets = self.sockets.iter();
        !self.sockets.is_empty() && sockets.all(|socket| socket.standing.get() == Stands::Ended)
    }

    /// Whether a socket has connection state recovery: as it says, and else as it is here for all whose clients cope with
    /// it.
    fn offsets(&self, wishes: &Wishes) -> Option<Recovery> {
        let by_default = |recovery: &Recovery| recovery.by_default && self.client.takes_offsets;
        self.namespaces.recovery.filter(|recovery| wishes.recover.as_bool().unwrap_or_else(|| by_default(recovery)))
    }

    /// The public id of a socket that has no session: nobody can find the secret in it.
    fn lone_id(&self, namespace: &Namespace) -> String {
        let hash = Sha1::new().chain_update(self.client.session.text()).chain_update(&namespace.path).finalize();
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Upper for Sockets {
    fn text(&mut self, _now: Tick, text: &str, down: &mut Down<'_>) -> Result<(), CloseReason> {
        if self.assembly.is_some() || *self.packed.get_or_insert(false) {
            return Err(CloseReason::ProtocolError);
        }
        let packet = Packet::read(text).map_err(malformed)?;
        if let Some(wanted) = packet.attachments {
            // What is wrong with it is said before anything is kept.
            packet.arguments().map_err(malformed)?;
            self.assembly = Some(Box::new(Assembly::begin(text, wanted, self.client.bytes_max)));
            return Ok(());
        }
        self.packet(&packet, &Payload::default(), down)
    }

    fn binary(&mut self, _now: Tick, bytes: &[u8], down: &mut Down<'_>) -> Result<(), CloseReason> {
        if *self.packed.get_or_insert(true) {
            down.pack();
            let Unpacked { text, attachments, too_many, packed } = msgpack::read(bytes).map_err(malformed)?;
            let packet = Packet::read(&text).map_err(malformed)?;
            return self.packet(&packet, &Payload { binary: attachments.into(), too_many, packed }, down);
        }
        let mut assembly = self.assembly.take().ok_or(CloseReason::ProtocolError)?;
        if !assembly.add(bytes).map_err(|_| CloseReason::FrameTooLarge)? {
            self.assembly = Some(assembly);
            return Ok(());
        }
        let packet = assembly.packet().map_err(malformed)?;
        let payload = Payload { binary: assembly.attachments(), ..Payload::default() };
        self.packet(&packet, &payload, down)
    }

    fn deadline(&self) -> Option<Tick> {
        if self.joined_any { self.leave_by } else { Some(self.client.connect_by) }
    }

    fn tick(&mut self, now: Tick) -> Result<(), CloseReason> {
        if self.deadline().is_none_or(|by| now < by) {
            return Ok(());
        }
        if !self.joined_any {
            return Err(CloseReason::HandshakeTimeout);
        }
        self.leave_by = None;
        // It may have joined another namespace meanwhile.
        if self.is_left() { Err(CloseReason::Quit) } else { Ok(()) }
    }

    fn branch_ended(&mut self, now: Tick) {
        if self.is_left() {
            self.leave_by = Some(now + LEAVE_MS);
        }
    }

    fn branch(&mut self, branch: u32, framing: Framing) -> Option<Box<dyn Conversation>> {
        let place = self.opening.iter().position(|opening| opening.branch == branch)?;
        let Opening { namespace, space, standing, pid, offsets, numbers, .. } = self.opening.swap_remove(place);
        if self.opening.is_empty() {
            // It is needed again when the client joins another namespace, which few do.
            self.opening = Vec::new();
        }
        Some(Box::new(Member {
            tongue: Tongue { namespace, offsets, numbers, packed: self.packed == Some(true) },
            framing,
            space,
            namespaces: self.namespaces,
            standing,
            pid,
            session: None,
        }))
    }
}

/// Does what a namespace made of an event; `id` is that of the acknowledgement that is waited for.
fn say(down: &mut Down<'_>, path: &str, branch: Option<u32>, id: Option<&str>, said: Said) {
    match said {
        Said::Request(command) => {
            if let Some(branch) = branch {
                let request = Request { reference: id.map(Arc::from), command };
                down.act(Act::Branch(branch, Branch::Request(request)));
            }
        }
        Said::Emit { name, args, binary } => down.send(&binary, |out| {
            begin(out, '2', path, None, binary.len());
            put_args(out, Some(&name), &args, None);
        }),
        Said::Acknowledge { args, binary } => {
            if let Some(id) = id {
                down.send(&binary, |out| {
                    begin(out, '3', path, Some(id), binary.len());
                    put_args(out, None, &args, None);
                });
            }
        }
        Said::Refuse(refusal) => refuse(down, path, id, &refusal),
    }
}

fn refuse(down: &mut Down<'_>, path: &str, id: Option<&str>, refusal: &Refusal) {
    down.send(&[], |out| {
        begin(out, if id.is_some() { '3' } else { '2' }, path, id, 0);
        out.push(b'[');
        if id.is_none() {
            string(out, "error");
            out.push(b',');
        }
        let mut object = Object::begin(out);
        if id.is_some() {
            object.bool("ok", false);
        }
        object.string("code", refusal.code.as_str());
        object.string("message", &refusal.message);
        object.end();
        out.push(b']');
    });
}

const fn malformed(_: Malformed) -> CloseReason {
    CloseReason::ProtocolError
}
