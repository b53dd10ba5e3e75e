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

mod heading;
mod held;
mod outgoing;
mod pace;
mod position;
mod queue;
mod received;
mod requests;

use crate::event::{Ending, Event, Limits, Resume};
use crate::request::{Ask, Outgoing, RequestId, Target};
use crate::wire;
use heading::Heading;
use held::{Held, Line, Order};
use position::Position;
use queue::Queue;
use requests::Requests;
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
    /// Nobody reads the answers before writing on: after a room that was refused, nothing is said anywhere else until
    /// another command leads to another room. A person is back in the room of before, and told so.
    pub is_script: bool,
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
    heading: Heading,
    queue: Queue,
    held: Line,
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
            heading: Heading::new(wish.room, wish.is_script),
            queue: Queue::default(),
            held: Line::default(),
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

    /// Queues a message, which is sent when it can be. Without a room it is for the one that the commands before it lead
    /// to.
    pub fn say(&mut self, now: u64, message: Outgoing, out: &mut Vec<Output>) {
        if !self.queue.has_room() {
            out.push(not_sent(message.id, "queue_full", "too many messages wait for the server"));
            return;
        }
        let target = match (message.target, self.heading.room()) {
            (Target::Current, Some(room)) => Target::Room(room.to_owned()),
            (Target::Current, None) if self.heading.is_nowhere() => {
                out.push(not_sent(message.id, "not_in_room", "you are in no room"));
                return;
            }
            (target @ (Target::Current | Target::Room(_) | Target::User(_)), _) => target,
        };
        self.queue.push(Outgoing { target, ..message });
        self.advance(now, out);
    }

    /// Asks for something. What was said and asked before happens before; without a connection it waits for one, unless
    /// it only reads a room that it names, or tells what passes.
    pub fn ask(&mut self, now: u64, id: RequestId, ask: &Ask, out: &mut Vec<Output>) {
        let order = Order::of(ask);
        let mut ask = ask.clone();
        ask.name_room(self.heading.room());
        if self.heading.is_nowhere() && ask.needs_room() {
            out.push(refused(Some(id), "not_in_room", "you are in no room"));
            return;
        }
        let online = matches!(self.phase, Phase::Online { .. });
        match &ask {
            Ask::Join { room } => self.heading.go(room),
            Ask::Leave { room } => self.heading.leave(room.as_deref()),
            _ => {}
        }
        let held = Held {
            id,
            ask: ask.clone(),
            order,
            leads_to: self.heading.room().map(str::to_owned),
            after: self.queue.last(),
        };
        match order {
            Order::Free if !online => out.push(refused(Some(id), "not_connected", "there is no connection")),
            Order::Free => self.send_ask(held, out),
            // Without a connection, what is to be joined is asked for with the welcome, before all else.
            Order::BehindCommands if self.held.is_empty() && (online || matches!(ask, Ask::Join { .. })) => {
                self.send_ask(held, out);
            }
            Order::BehindCommands | Order::BehindMessages => {
                if self.held.push(held) {
                    self.advance(now, out);
                } else {
                    out.push(refused(Some(id), "too_many_requests", "too many requests wait for the server"));
                }
            }
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
                self.advance(now, out);
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
                [Some(liveness), self.queue.ready_at(self.held.messages_up_to()), overdue].into_iter().flatten().min()
            }
        }
    }

    /// Whether another message may be said now.
    #[must_use]
    pub fn accepts_messages(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether every message has been acknowledged or refused, and no command waits.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.held.is_empty()
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
