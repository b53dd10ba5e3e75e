//! A Socket.IO socket in one namespace: how the core's answers read there. Its carrier decodes what it says.

use super::{Act, Conversation, Tick};
use crate::frame::{Dialect, Frame, Framing, Language};
use crate::json::replies::{acknowledgement, untyped};
use crate::json::write::{Object, string};
use crate::socketio::encode::{begin, message, together};
use crate::socketio::namespace::{Namespaces, Shows, Tongue};
use crate::socketio::relay;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use switchboard_core::{Body, CloseReason, Event, Refusal, Reply, SessionId, Welcome};

/// How far a socket is, as its carrier and its own conversation both know it.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing(Arc<AtomicU8>);

/// See [`Standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It asked to come in.
    Asking,
    /// It is in.
    In,
    /// It was refused, and may ask again.
    Refused,
    /// The server ended it.
    Ended,
}

impl Standing {
    pub(super) fn get(&self) -> Stands {
        match self.0.load(Ordering::Relaxed) {
            0 => Stands::Asking,
            1 => Stands::In,
            2 => Stands::Refused,
            _ => Stands::Ended,
        }
    }

    pub(super) fn set(&self, stands: Stands) {
        self.0.store(stands as u8, Ordering::Relaxed);
    }
}

/// A socket in a namespace.
pub(super) struct Member {
    pub(super) tongue: Tongue,
    pub(super) framing: Framing,
    /// Its path, where the namespace is a pattern.
    pub(super) space: Option<Arc<str>>,
    pub(super) namespaces: &'static Namespaces,
    pub(super) standing: Standing,
    /// What it came back with: if its session goes on, it keeps this.
    pub(super) pid: Option<Box<str>>,
    pub(super) session: Option<SessionId>,
}

impl Member {
    fn path(&self) -> &str {
        self.space.as_deref().unwrap_or(&self.tongue.namespace.path)
    }

    fn is_relay(&self) -> bool {
        self.tongue.namespace.shows == Shows::Relayed
    }

    fn packet(&self, kind: char, id: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        self.packet_in(self.framing, kind, id, write)
    }

    fn packet_in(&self, framing: Framing, kind: char, id: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        message(framing, self.tongue.packed, &[], |out| {
            begin(out, kind, self.path(), id, 0);
            write(out);
        })
    }

    fn event(&self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        self.event_in(self.framing, name, write)
    }

    fn event_in(&self, framing: Framing, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        self.packet_in(framing, '2', None, |out| {
            out.push(b'[');
            string(out, name);
            out.push(b',');
            write(out);
            out.push(b']');
        })
    }

    /// The welcome: what the library needs, then the session as the vocabulary tells it. A socket that is cut before its
    /// first event comes back without a position, and the core knows where its session began.
    fn welcome(&mut self, welcome: &Welcome) -> Frame {
        // Its client may have left before it was in.
        if self.standing.get() != Stands::Ended {
            self.standing.set(Stands::In);
        }
        self.session = Some(welcome.session);
        let kept = self.pid.take().filter(|_| welcome.resumed);
        // What has the session's token is never compressed: the length would tell something of it to who can choose the
        // words beside it.
        let framing = self.framing.uncompressed();
        let mut frames = vec![self.packet_in(framing, '0', None, |out| {
            let mut object = Object::begin(out);
            object.string("sid", &welcome.session.to_string());
            if self.tongue.offsets.is_some() {
                object.string("pid", kept.as_deref().unwrap_or(&welcome.token));
            }
            object.end();
        })];
        if self.tongue.namespace.shows == Shows::Vocabulary {
            let reply = Reply::Welcome(Box::new(welcome.clone()));
            frames.push(self.event_in(framing, "welcome", |out| untyped(out, &reply, &self.namespaces.speech)));
        }
        together(self.framing, &frames)
    }

    fn refused(&self, refusal: &Refusal) -> Frame {
        self.standing.set(Stands::Refused);
        self.packet('4', None, |out| connect_error(out, refusal))
    }

    /// An answer to a request that asked for none, where it says something.
    fn unasked(&self, reply: &Reply) -> Option<Frame> {
        let name = match reply {
            Reply::Refused(_) => "error",
            Reply::Members { .. } => "members",
            Reply::Rooms { .. } => "rooms",
            Reply::History { .. } => "history",
            Reply::Found { .. } => "search",
            Reply::Topic { .. } => "topic",
            Reply::Pong { .. } => "pong",
            Reply::Welcome(_)
            | Reply::Observing { .. }
            | Reply::Ack { .. }
            | Reply::Joined { .. }
            | Reply::Left { .. }
            | Reply::Nick { .. } => return None,
        };
        if self.is_relay() {
            return Some(self.event(name, |out| relay::reply(out, reply, self.path(), false, &self.namespaces.speech)));
        }
        Some(self.event(name, |out| untyped(out, reply, &self.namespaces.speech)))
    }
}

/// Appends why a socket may not come in, as the library hands it to `connect_error`.
pub(super) fn connect_error(out: &mut Vec<u8>, refusal: &Refusal) {
    let mut object = Object::begin(out);
    object.string("message", &refusal.message);
    let mut data = Object::begin(object.member("data"));
    data.string("code", refusal.code.as_str());
    data.end();
    object.end();
}

impl Conversation for Member {
    fn receive(&mut self, _now: Tick, _bytes: &mut [u8], _acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn finish(&mut self, _acts: &mut Vec<Act>) {}

    fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        match reply {
            Reply::Welcome(welcome) => return Some(self.welcome(welcome)),
            Reply::Refused(refusal) if self.session.is_none() => return Some(self.refused(refusal)),
            _ => {}
        }
        match reply.reference() {
            Some(id) => Some(self.packet('3', Some(id), |out| {
                out.push(b'[');
                if self.is_relay() {
                    relay::reply(out, reply, self.path(), true, &self.namespaces.speech);
                } else {
                    acknowledgement(out, reply, &self.namespaces.speech);
                }
                out.push(b']');
            })),
            None => self.unasked(reply),
        }
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        let was = self.standing.get();
        self.standing.set(Stands::Ended);
        // Who said that it leaves its namespace was marked as ended then.
        let tells = was == Stands::In && reason != CloseReason::PeerGone;
        tells.then(|| self.packet('1', None, |_| {}))
    }

    fn dialect(&self) -> Dialect {
        Dialect { language: Language::SocketIo(Some(self.tongue)), framing: self.framing, elsewhere: false }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn tick(&mut self, _now: Tick, _acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn upgrade(&mut self, _now: Tick, framing: Framing) {
        self.framing = framing;
    }

    fn missed(&self, event: &Event) -> bool {
        // Where its own messages are given to a socket, it may have missed those, too.
        let is_own = match &event.body {
            Body::Message { from, .. } | Body::Topic { from, .. } => Some(from.session) == self.session,
            Body::Joined { .. }
            | Body::Left { .. }
            | Body::Renamed { .. }
            | Body::Typing { .. }
            | Body::Notice { .. }
            | Body::Members { .. }
            | Body::Relay { .. }
            | Body::Gap { .. } => false,
        };
        self.tongue.namespace.echoes || !is_own
    }

    fn resumed(&mut self, _now: Tick) {}
}
