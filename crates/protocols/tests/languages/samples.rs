//! One of everything that a connection can be told, with the values that the protocol's page shows.

use std::sync::Arc;
use switchboard_core::event::LeftWhy;
use switchboard_core::{
    Body, Code, Epoch, Event, MemberRow, Reply, RoomRow, Sender, SessionId, Time, UserId, Via, Welcome,
};

/// 2026-11-20T08:00:00.123Z.
pub(crate) const TIME: Time = Time(1_795_161_600_123);

pub(crate) fn sender(nick: &str) -> Sender {
    let (session, via) = match nick {
        "ada" => (0x51c0_2f6a_9be4_07d3, Via::Tcp),
        _ => (0x8d14_7be2_60fa_c935, Via::WebSocket),
    };
    Sender {
        nick: nick.into(),
        session: SessionId(session),
        user: UserId(session),
        via,
        address: Some([127, 0, 0, 1].into()),
    }
}

pub(crate) fn event(body: Body) -> Event {
    Event { pos: 9, time: TIME, room: Some("lobby".into()), body }
}

pub(crate) fn message(seq: u64, text: &str) -> Event {
    let id = Some("01JD4Z8Q6T9GX2V5N7RWB3KMYC".into());
    event(Body::Message { seq: Some(seq), id, from: sender("bob"), to: None, text: text.into(), action: false })
}

/// Every kind of event, with its name.
pub(crate) fn events() -> Vec<Event> {
    let bob = || sender("bob");
    let private = Event {
        room: None,
        ..event(Body::Message {
            seq: None,
            id: None,
            from: bob(),
            to: Some("ada".into()),
            text: "psst".into(),
            action: false,
        })
    };
    vec![
        message(42, "hi"),
        event(Body::Message { seq: Some(43), id: None, from: bob(), to: None, text: "waves".into(), action: true }),
        private,
        event(Body::Topic { seq: 44, from: bob(), text: "tea at five".into() }),
        event(Body::Joined { from: bob(), members: 4 }),
        event(Body::Left { from: bob(), members: 3, why: LeftWhy::Gone }),
        event(Body::Renamed { from: bob(), old: "guest-7f3a".into() }),
        event(Body::Typing { from: bob() }),
        event(Body::Notice { code: "missed_private", text: "some private messages were lost".into() }),
        event(Body::Members { members: 250 }),
        event(Body::Relay {
            name: "drawing".into(),
            args: r#"[{"x":3,"y":4},"red"]"#.into(),
            binary: Default::default(),
            packed: None,
            from: bob(),
        }),
        event(Body::Gap { first: 42, last: 1_800 }),
    ]
}

/// Every kind of answer.
pub(crate) fn replies() -> Vec<Reply> {
    let reference = || Some(Arc::from("1"));
    let room = || Arc::from("lobby");
    let row = || RoomRow { room: room(), seq: 41, members: 3, topic: "tea at five".into() };
    let ada = sender("ada");
    let ada = MemberRow { nick: ada.nick, user: ada.user, sessions: vec![(ada.session, ada.via)] };
    vec![
        Reply::Welcome(Box::new(Welcome {
            reference: reference(),
            session: sender("ada").session,
            token: "UcAvapvkB9M".into(),
            epoch: Epoch(0x0f3c_66aa_91d2_e870),
            nick: "ada".into(),
            resumed: false,
            rooms: vec![row()],
        })),
        Reply::Observing { room: room(), members: 3, seq: 41 },
        Reply::Ack { reference: reference(), seq: Some(42), time: Some(TIME), duplicate: false },
        Reply::Ack { reference: reference(), seq: Some(42), time: Some(TIME), duplicate: true },
        Reply::Ack { reference: reference(), seq: None, time: Some(TIME), duplicate: false },
        Reply::Joined { reference: reference(), room: room(), seq: 41, members: 3, topic: "tea at five".into() },
        Reply::Left { reference: reference(), room: "dev".into(), current: Some(room()) },
        Reply::Nick { reference: reference(), nick: "ada".into() },
        Reply::Topic { reference: reference(), room: room(), topic: "tea at five".into() },
        Reply::Members { reference: reference(), room: room(), count: 1, members: vec![ada], more: false },
        Reply::Rooms { reference: reference(), rooms: vec![row()], more: false },
        Reply::History { reference: reference(), room: room(), events: vec![Arc::new(message(42, "hi"))], more: true },
        Reply::Found {
            reference: reference(),
            room: room(),
            query: "hi".into(),
            events: vec![Arc::new(message(42, "hi"))],
            more: false,
            behind: 0,
        },
        Reply::Found {
            reference: reference(),
            room: room(),
            query: "hi".into(),
            events: vec![Arc::new(message(42, "hi"))],
            more: false,
            behind: 1_200,
        },
        Reply::Pong { reference: reference(), time: TIME },
        Reply::Refused(Code::NotAMember.refuse(reference(), "you are not in that room")),
    ]
}
