//! What a connection can be told, around a name and a text that somebody else chose.

use std::net::Ipv4Addr;
use std::sync::Arc;
use switchboard_core::event::LeftWhy;
use switchboard_core::{
    Body, Code, Command, Epoch, Event, MemberRow, Reply, RoomRow, Sender, Seq, SessionId, Time, UserId, Via, Welcome,
};
use switchboard_protocols::json;

/// How many kinds of event [`event`] makes.
pub(crate) const EVENTS: usize = 12;
/// How many kinds of answer [`reply`] makes.
pub(crate) const REPLIES: usize = 14;

pub(crate) fn sender(nick: &str) -> Sender {
    Sender {
        nick: nick.into(),
        session: SessionId(7),
        user: UserId(8),
        via: Via::WebSocket,
        address: Some(Ipv4Addr::LOCALHOST.into()),
    }
}

/// A message that is stored under `seq` in `room`.
pub(crate) fn message(room: &str, seq: Seq, nick: &str, text: &str) -> Event {
    let body =
        Body::Message { seq: Some(seq), id: None, from: sender(nick), to: None, text: text.into(), action: false };
    Event { pos: seq, time: Time(1_795_161_600_123), room: Some(room.into()), body }
}

/// The event of this kind, a number below [`EVENTS`].
pub(crate) fn event(kind: usize, nick: &str, text: &str) -> Event {
    let from = sender(nick);
    let (text, name): (Arc<str>, Arc<str>) = (text.into(), nick.into());
    let message =
        |seq, to, action| Body::Message { seq, id: None, from: from.clone(), to, text: Arc::clone(&text), action };
    let body = match kind {
        0 => message(Some(1), None, false),
        1 => message(Some(2), None, true),
        2 => message(None, Some(name), false),
        3 => Body::Topic { seq: 3, from, text },
        4 => Body::Joined { from, members: 4 },
        5 => Body::Left { from, members: 3, why: LeftWhy::Gone },
        6 => Body::Renamed { from, old: text },
        7 => Body::Typing { from },
        8 => Body::Notice { code: "missed_private", text },
        9 => Body::Members { members: 250 },
        10 => Body::Relay { name, args: relayed(&text), binary: Default::default(), packed: None, from },
        _ => Body::Gap { first: 1, last: Seq::MAX },
    };
    let room = if kind == 2 { None } else { Some("lobby".into()) };
    Event { pos: 9, time: Time(1_795_161_600_123), room, body }
}

/// Arguments with this text in them, as a client's come out of the decoder.
fn relayed(text: &str) -> Arc<str> {
    let request = serde_json::json!({"type": "event", "name": "x", "args": [text]}).to_string();
    match json::decode(&request).map(|request| request.command) {
        Ok(Command::Relay { args, .. }) => args,
        other => panic!("{request} is {other:?}"),
    }
}

/// The answer of this kind, a number below [`REPLIES`].
pub(crate) fn reply(kind: usize, nick: &str, text: &str) -> Reply {
    let reference: Option<Arc<str>> = Some(text.into());
    let room: Arc<str> = "lobby".into();
    let (text, nick): (Arc<str>, Arc<str>) = (text.into(), nick.into());
    let time = Time(1_795_161_600_123);
    let row = RoomRow { room: Arc::clone(&room), seq: 41, members: 3, topic: Arc::clone(&text) };
    let events = || (0..EVENTS).map(|kind| Arc::new(event(kind, &nick, &text))).collect();
    match kind {
        0 => Reply::Welcome(Box::new(Welcome {
            reference,
            session: SessionId(7),
            token: "UcAvapvkB9M".into(),
            epoch: Epoch(9),
            nick,
            resumed: false,
            rooms: vec![row],
        })),
        1 => Reply::Observing { room, members: 3, seq: 41 },
        2 => Reply::Ack { reference, seq: Some(42), time: Some(time), duplicate: true },
        3 => Reply::Ack { reference, seq: None, time: None, duplicate: false },
        4 => Reply::Joined { reference, room, seq: 41, members: 3, topic: text },
        5 => Reply::Left { reference, room, current: None },
        6 => Reply::Nick { reference, nick },
        7 => Reply::Topic { reference, room, topic: text },
        8 => {
            let members = vec![MemberRow { nick, user: UserId(1), sessions: vec![(SessionId(7), Via::Udp)] }];
            Reply::Members { reference, room, count: 9, members, more: true }
        }
        9 => Reply::Rooms { reference, rooms: vec![row.clone(), row], more: false },
        10 => Reply::History { reference, room, events: events(), more: true },
        11 => Reply::Found { reference, room, query: Arc::clone(&text), events: events(), more: false, behind: 2 },
        12 => Reply::Pong { reference, time },
        _ => Reply::Refused(Code::NotAMember.refuse(reference, text.to_string())),
    }
}
