//! The message that all the work is about: 64 characters from a guest to the lobby.

use switchboard_core::{Body, Event, Sender, SessionId, Time, UserId, Via};

/// 64 characters, as in the other benchmarks.
pub(crate) const TEXT: &str = "#00000:00000042;qrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";

pub(crate) fn sender() -> Sender {
    let number = 0x51c0_2f6a_9be4_07d3;
    Sender {
        nick: "guest-7f3a".into(),
        session: SessionId(number),
        user: UserId(number),
        via: Via::WebSocket,
        address: None,
    }
}

/// 2026-11-20T08:00:00.123Z.
pub(crate) const TIME: Time = Time(1_795_161_600_123);

pub(crate) fn event() -> Event {
    let body = Body::Message { seq: Some(42), id: None, from: sender(), to: None, text: TEXT.into(), action: false };
    Event { pos: 42, time: TIME, room: Some("lobby".into()), body }
}
