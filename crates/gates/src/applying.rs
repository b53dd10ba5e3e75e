//! Applying: an entry becomes an event of its room.

use std::hint::black_box;

use switchboard_core::{Entry, EntryKind, Limits, Rooms, Ticket};

use crate::samples::{TEXT, TIME, sender};

pub(crate) fn message() -> Box<dyn FnMut()> {
    let mut rooms = Rooms::new(&Limits::default());
    let kind = EntryKind::Message { id: None, from: sender(), text: TEXT.into(), action: false };
    let entry = Entry { ticket: Ticket(1), room: "lobby".into(), time: TIME, kind };
    Box::new(move || {
        black_box(rooms.apply(black_box(&entry)));
    })
}
