//! A client's session as a pure state machine: what to send, what to show, when to wake up.
//!
//! It knows no socket and no clock. The driver tells it that a connection is there, what line came, that the
//! connection is gone, and what time it is (milliseconds of any clock that never goes back); it answers with
//! [`Output`] values in order. What it keeps over any number of connections:
//!
//! - the token and the last number seen in each room, so that a new connection goes on where the old one ended;
//! - the messages that are not acknowledged, each with its `id`: they are sent again on the next connection, and the
//!   server stores each once;
//! - the rooms it is to be in.
//!
//! Each event of a room is shown once and in order; numbers that never come are told as an [`Event::Gap`].

mod outgoing;
mod pace;
mod position;
mod queue;
mod received;
mod requests;

use crate::event::{Ending, Event, Limits, Resume};
use crate::request::{Ask, Outgoing, RequestId, Target};
use crate::wire;
use position::Position;
use queue::Queue;
use requests::{Asked, Request, Requests};
use std::collections::BTreeMap;

/// The silence after which the server is asked whether it is there, in milliseconds.
const PING_AFTER_MS: u64 = 25_000;

/// How long it may take to answer that, or to welcome, in milliseconds.
const ANSWER_WITHIN_MS: u64 = 10_000;

/// The time after which a datagram without an answer is sent again, in milliseconds.
const RESEND_MS: u64 = 1_000;

/// Lines that are not ours and may come before the welcome: a server greets a line client that is slow to say what it
/// is. More: this is no Switchboard server.
const FOREIGN_LINES_MAX: u32 = 1_000;

/// The largest datagram there is over IPv4, less its headers.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// What the state machine wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Send this message.
    Send(String),
    /// Tell the person or program.
    Show(Event),
    /// The connection is of no use any more: drop it, and connect again later.
    Reconnect(String),
    /// Never connect again.
    Stop(Ending),
}

/// Who a client wants to be, and where.
#[derive(Clone, Default)]
pub struct Wish {
    /// None: the server makes a guest's name.
    pub nick: Option<String>,
    /// The room to join and speak in. None: what the server puts everyone into.
    pub room: Option<String>,
    /// The join code of a server that asks for one.
    pub pass: Option<String>,
}

/// A client's session.
pub struct State {
    pass: Option<String>,
    /// The nick to ask for.
    nick: Option<String>,
    token: Option<String>,
    epoch: Option<String>,
    session: Option<String>,
    phase: Phase,
    /// One message a datagram: anything can be lost.
    datagram: bool,
    /// The rooms to be in.
    rooms: BTreeMap<String, Room>,
    current: Option<String>,
    queue: Queue,
    requests: Requests,
    limits: Limits,
}

/// A room that the session is, or is to be, in.
#[derive(Debug, Default)]
struct Room {
    /// None: never joined, so that nothing of it can have been missed.
    position: Option<Position>,
    /// The server has put this session into it.
    joined: bool,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Offline,
    /// The hello went out; `sent_at` is of the last one.
    Greeting {
        since: u64,
        sent_at: u64,
        foreign_lines: u32,
    },
    Online {
        heard_at: u64,
        pinged_at: Option<u64>,
    },
    Over,
}

impl State {
    /// A session that has not begun.
    #[must_use]
    pub fn new(wish: Wish) -> Self {
        Self {
            pass: wish.pass,
            nick: wish.nick,
            token: None,
            epoch: None,
            session: None,
            phase: Phase::Offline,
            datagram: false,
            rooms: wish.room.clone().into_iter().map(|room| (room, Room::default())).collect(),
            current: wish.room,
            queue: Queue::default(),
            requests: Requests::default(),
            limits: Limits::default(),
        }
    }

    /// A connection is there; `datagram`: each message is a datagram.
    pub fn connected(&mut self, now: u64, datagram: bool, out: &mut Vec<Output>) {
        self.datagram = datagram;
        self.phase = Phase::Greeting { since: now, sent_at: now, foreign_lines: 0 };
        self.hello(None, out);
    }

    /// The connection is gone. What was under way is sent again on the next one, or reported.
    pub fn disconnected(&mut self, out: &mut Vec<Output>) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Offline;
        for message in self.queue.cut() {
            out.push(not_sent(
                message.id,
                "connection_lost",
                "the connection was lost before the answer; it may have arrived",
            ));
        }
        for request in self.requests.cut() {
            out.push(refused(request.caller, "connection_lost", "the connection was lost before the answer"));
        }
    }

    /// Says something; it is sent when it can be.
    pub fn say(&mut self, now: u64, message: Outgoing, out: &mut Vec<Output>) {
        if !self.queue.has_room() {
            out.push(not_sent(message.id, "queue_full", "too many messages wait for the server"));
            return;
        }
        let target = match (message.target, &self.current) {
            (Target::Current, Some(room)) => Target::Room(room.clone()),
            (target @ (Target::Current | Target::Room(_) | Target::User(_)), _) => target,
        };
        self.queue.push(Outgoing { target, ..message });
        self.send_queued(now, out);
    }

    /// Asks for something. Only joining can be asked without a connection: it is done when there is one.
    pub fn ask(&mut self, id: RequestId, ask: &Ask, out: &mut Vec<Output>) {
        let online = matches!(self.phase, Phase::Online { .. });
        let asked = match ask {
            Ask::Join { room } => Asked::Join { typed: room.clone() },
            Ask::Leave { room } => Asked::Leave { room: self.named(room.as_deref()) },
            Ask::Topic { room, text: Some(_) } => Asked::SetTopic { room: self.named(room.as_deref()) },
            Ask::Nick { .. } => Asked::Nick,
            Ask::Topic { text: None, .. }
            | Ask::Typing { .. }
            | Ask::History { .. }
            | Ask::Search { .. }
            | Ask::Members { .. }
            | Ask::Rooms
            | Ask::Relay { .. } => Asked::Other,
        };
        if !online && !matches!(asked, Asked::Join { .. }) {
            out.push(refused(Some(id), "not_connected", "there is no connection"));
            return;
        }
        match self.requests.add(Request { caller: Some(id), asked }) {
            Err(request) => {
                out.push(refused(request.caller, "too_many_requests", "too many requests wait for the server"));
            }
            Ok(reference) if online => out.push(Output::Send(self.encode_ask(&reference, ask))),
            Ok(_) => {}
        }
    }

    /// The connection may be dead without our knowing: asks the server now whether it is there.
    pub fn probe(&mut self, now: u64, out: &mut Vec<Output>) {
        if let Phase::Online { heard_at, pinged_at: None } = self.phase {
            self.phase = Phase::Online { heard_at, pinged_at: Some(now) };
            out.push(Output::Send(wire::Outgoing::Ping { r#ref: None }.encode()));
        }
    }

    /// Ends the session for good, and says so to the server, which may have opened it without our knowing yet.
    pub fn leave(&mut self, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Greeting { .. } | Phase::Online { .. }) {
            out.push(Output::Send(wire::Outgoing::Quit.encode()));
        }
        self.phase = Phase::Over;
    }

    /// Time passed.
    pub fn tick(&mut self, now: u64, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Offline | Phase::Over => {}
            Phase::Greeting { since, sent_at, foreign_lines } => {
                if now >= since.saturating_add(ANSWER_WITHIN_MS) {
                    self.reconnect("the server does not answer", out);
                } else if self.datagram && now >= sent_at.saturating_add(RESEND_MS) {
                    self.phase = Phase::Greeting { since, sent_at: now, foreign_lines };
                    self.hello(None, out);
                }
            }
            Phase::Online { heard_at, pinged_at } => {
                match pinged_at {
                    Some(pinged_at) if now >= pinged_at.saturating_add(ANSWER_WITHIN_MS) => {
                        self.reconnect("the server does not answer", out);
                        return;
                    }
                    None if now >= heard_at.saturating_add(PING_AFTER_MS) => {
                        self.phase = Phase::Online { heard_at, pinged_at: Some(now) };
                        out.push(Output::Send(wire::Outgoing::Ping { r#ref: None }.encode()));
                    }
                    Some(_) | None => {}
                }
                self.send_queued(now, out);
                self.send_overdue(now, out);
            }
        }
    }

    /// When [`State::tick`] wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Offline | Phase::Over => None,
            Phase::Greeting { since, sent_at, .. } => {
                let again = if self.datagram { sent_at.saturating_add(RESEND_MS) } else { u64::MAX };
                Some(since.saturating_add(ANSWER_WITHIN_MS).min(again))
            }
            Phase::Online { heard_at, pinged_at } => {
                let liveness = match pinged_at {
                    Some(pinged_at) => pinged_at.saturating_add(ANSWER_WITHIN_MS),
                    None => heard_at.saturating_add(PING_AFTER_MS),
                };
                let overdue = if self.datagram { self.queue.overdue_at(RESEND_MS) } else { None };
                [Some(liveness), self.queue.ready_at(), overdue].into_iter().flatten().min()
            }
        }
    }

    /// Whether another message may be said now.
    #[must_use]
    pub fn accepts_messages(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether every message has been acknowledged or refused.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the session is open.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// For each room the last number seen: what the next hello resumes with.
    fn resume(&self) -> Resume {
        let seen = self.rooms.iter().filter_map(|(name, room)| Some((name, room.position.as_ref()?)));
        seen.map(|(name, position)| (name.clone(), position.last())).collect()
    }

    fn named(&self, room: Option<&str>) -> Option<String> {
        room.map(str::to_owned).or_else(|| self.current.clone())
    }

    fn reconnect(&mut self, why: &str, out: &mut Vec<Output>) {
        self.disconnected(out);
        out.push(Output::Reconnect(why.to_owned()));
    }

    fn stop(&mut self, ending: Ending, out: &mut Vec<Output>) {
        self.phase = Phase::Over;
        out.push(Output::Stop(ending));
    }
}

fn not_sent(id: String, code: &str, message: &str) -> Output {
    Output::Show(Event::NotSent { id, code: code.to_owned(), message: message.to_owned() })
}

fn refused(request: Option<RequestId>, code: &str, message: &str) -> Output {
    Output::Show(Event::Refused { request, code: code.to_owned(), message: message.to_owned() })
}
