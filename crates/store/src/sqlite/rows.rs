//! The conversion between events and rows of the table `events`.

use super::write::Write;
use crate::durable::{Durable, Kind};
use rusqlite::types::Type;
use rusqlite::{Row, params};
use std::sync::Arc;
use switchboard_core::{Body, Event, Pos, Sender, SessionId, Time, UserId, Via};

/// The columns that [`event`] reads, in its order, of a table or alias `e`.
pub(super) const COLUMNS: &str =
    "e.pos, e.seq, e.time, e.kind, e.id, e.nick, e.session, e.user, e.via, e.text, e.action";

/// Inserts an event into the room whose row has the id `room`.
pub(super) fn insert(transaction: &Write<'_>, room: i64, pos: Pos, event: &Durable<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO events (pos, room, seq, time, kind, id, nick, session, user, via, text, action)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            pos.cast_signed(),
            room,
            event.seq.cast_signed(),
            event.time.0.cast_signed(),
            kind_number(event.kind),
            event.id,
            event.from.nick,
            event.from.session.0.cast_signed(),
            event.from.user.0.cast_signed(),
            via_number(event.from.via),
            event.text,
            event.action,
        ])
        .map(|_| ())
}

/// The event in a row of [`COLUMNS`].
pub(super) fn event(row: &Row<'_>, room: &Arc<str>) -> rusqlite::Result<Arc<Event>> {
    let unsigned = |column| row.get(column).map(i64::cast_unsigned);
    let seq = unsigned(1)?;
    let from = Sender {
        nick: row.get(5)?,
        session: SessionId(unsigned(6)?),
        user: UserId(unsigned(7)?),
        via: via(row.get(8)?).ok_or_else(|| unknown(8, "transport"))?,
        address: None,
    };
    let text = row.get(9)?;
    let body = match kind(row.get(3)?).ok_or_else(|| unknown(3, "kind of event"))? {
        Kind::Message => Body::Message { seq: Some(seq), id: row.get(4)?, from, to: None, text, action: row.get(10)? },
        Kind::Topic => Body::Topic { seq, from, text },
    };
    Ok(Arc::new(Event { pos: unsigned(0)?, time: Time(unsigned(2)?), room: Some(Arc::clone(room)), body }))
}

const fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Message => 0,
        Kind::Topic => 1,
    }
}

const fn kind(number: i64) -> Option<Kind> {
    match number {
        0 => Some(Kind::Message),
        1 => Some(Kind::Topic),
        _ => None,
    }
}

/// Numbers of their own, so that reordering the enum changes no database.
const fn via_number(via: Via) -> i64 {
    match via {
        Via::Tcp => 0,
        Via::Tls => 1,
        Via::Udp => 2,
        Via::WebSocket => 3,
        Via::Polling => 4,
    }
}

fn via(number: i64) -> Option<Via> {
    Via::ALL.into_iter().find(|via| via_number(*via) == number)
}

fn unknown(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, format!("no such {what}").into())
}
