//! Rooms alone: entries in, numbered events out.

use std::sync::Arc;
use switchboard_core::{
    Applied, Body, Code, Entry, EntryKind, Limits, Outcome, Rooms, Sender, Seq, SessionId, Ticket, Time, UserId, Via,
};

fn sender() -> Sender {
    Sender { nick: Arc::from("ada"), session: SessionId(1), user: UserId(2), via: Via::Tcp, address: None }
}

fn entry(room: &str, time: u64, kind: EntryKind) -> Entry {
    Entry { ticket: Ticket(1), room: Arc::from(room), time: Time(time), kind }
}

fn message(room: &str, time: u64, text: &str, id: Option<&str>) -> Entry {
    let kind = EntryKind::Message { id: id.map(Arc::from), from: sender(), text: Arc::from(text), action: false };
    entry(room, time, kind)
}

fn apply(rooms: &mut Rooms, entry: &Entry) -> Outcome {
    let Applied { ticket, room, outcome } = rooms.apply(entry);
    assert_eq!((ticket, &room), (entry.ticket, &entry.room));
    outcome
}

/// The number and the time under which an entry was stored.
fn stored(rooms: &mut Rooms, entry: &Entry) -> (Seq, u64) {
    match apply(rooms, entry) {
        Outcome::Stored { seq, time, body } => {
            let in_body = match body {
                Body::Message { seq, .. } => seq,
                Body::Topic { seq, .. } => Some(seq),
                other => panic!("{other:?} is not durable"),
            };
            assert_eq!(in_body, Some(seq));
            (seq, time.0)
        }
        other => panic!("not stored: {other:?}"),
    }
}

#[test]
fn each_room_counts_for_itself_and_its_time_never_goes_back() {
    let mut rooms = Rooms::new(&Limits::default());
    assert_eq!(stored(&mut rooms, &message("a", 100, "x", None)), (1, 100));
    assert_eq!(stored(&mut rooms, &message("b", 50, "x", None)), (1, 50));
    assert_eq!(stored(&mut rooms, &message("a", 70, "x", None)), (2, 100));
    assert_eq!(stored(&mut rooms, &message("a", 101, "x", None)), (3, 101));
    assert_eq!((rooms.seq("a"), rooms.seq("b"), rooms.seq("c")), (3, 1, 0));
    assert_eq!(rooms.names().map(|name| &**name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(rooms.len(), 2);
}

#[test]
fn a_topic_is_an_event_too() {
    let mut rooms = Rooms::new(&Limits::default());
    let kind = EntryKind::Topic { from: sender(), text: Arc::from("news") };
    assert_eq!(stored(&mut rooms, &entry("a", 1, kind)), (1, 1));
    assert_eq!(&*rooms.topic("a"), "news");
    assert_eq!(&*rooms.topic("b"), "");
}

#[test]
fn an_id_is_used_once_in_its_room() {
    let mut rooms = Rooms::new(&Limits::default());
    let first = message("a", 1, "x", Some("id"));
    assert_eq!(stored(&mut rooms, &first), (1, 1));
    stored(&mut rooms, &message("a", 2, "y", None));
    assert_eq!(apply(&mut rooms, &message("a", 3, "x", Some("id"))), Outcome::Duplicate { seq: 1, time: Time(1) });
    assert_eq!(apply(&mut rooms, &message("a", 3, "z", Some("id"))), Outcome::Refused(Code::IdConflict));
    let mut action = message("a", 3, "x", Some("id"));
    if let EntryKind::Message { action, .. } = &mut action.kind {
        *action = true;
    }
    assert_eq!(apply(&mut rooms, &action), Outcome::Refused(Code::IdConflict));
    assert_eq!(stored(&mut rooms, &message("b", 3, "x", Some("id"))), (1, 3));
    assert_eq!(rooms.seq("a"), 2);
}

#[test]
fn ids_are_forgotten_by_age() {
    let mut rooms = Rooms::new(&Limits { dedupe_age_ms: 1_000, ..Limits::default() });
    stored(&mut rooms, &message("a", 5, "x", Some("id")));
    assert_eq!(apply(&mut rooms, &message("a", 1_005, "x", Some("id"))), Outcome::Duplicate { seq: 1, time: Time(5) });
    assert_eq!(stored(&mut rooms, &message("a", 1_006, "x", Some("id"))), (2, 1_006));
    // The clock of another node that is behind does not make them young again.
    stored(&mut rooms, &message("a", 9_000, "y", Some("other")));
    assert_eq!(stored(&mut rooms, &message("a", 1_010, "x", Some("id"))), (4, 9_000));
}

#[test]
fn no_clock_that_was_wrong_makes_ids_old() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    for wrong in [100 * DAY + 2 * DAY, 100 * DAY + 60 * 60 * 1_000, 3 * DAY, 0] {
        let mut rooms = Rooms::new(&Limits::default());
        let now = 100 * DAY;
        assert_eq!(stored(&mut rooms, &message("a", now, "pay 10", Some("once"))).0, 1);
        // Another room is stamped by a clock that is wrong, and keeps that time for some while.
        stored(&mut rooms, &message("b", wrong, "x", Some("elsewhere")));
        stored(&mut rooms, &message("b", now + 1, "x", None));
        for later in [2, 1_000, 1_000_000] {
            for id in ["once", "again"] {
                let entry = message("a", now + later, "pay 10", Some(id));
                let again = apply(&mut rooms, &entry);
                let first = (id, later) == ("again", 2);
                assert_eq!(matches!(again, Outcome::Stored { .. }), first, "{wrong} {later} {id} {again:?}");
            }
            stored(&mut rooms, &message("b", now + later, "y", Some(&later.to_string())));
        }
    }
}

#[test]
fn ids_are_forgotten_by_number() {
    let mut rooms = Rooms::new(&Limits { dedupe_ids: 2, ..Limits::default() });
    for id in ["1", "2", "3"] {
        stored(&mut rooms, &message("a", 1, "x", Some(id)));
    }
    assert_eq!(rooms.ids(), 2);
    assert_eq!(apply(&mut rooms, &message("a", 1, "x", Some("3"))), Outcome::Duplicate { seq: 3, time: Time(1) });
    assert_eq!(apply(&mut rooms, &message("a", 1, "x", Some("2"))), Outcome::Duplicate { seq: 2, time: Time(1) });
    assert_eq!(stored(&mut rooms, &message("a", 1, "x", Some("1"))), (4, 1));
    let mut none = Rooms::new(&Limits { dedupe_ids: 0, ..Limits::default() });
    assert_eq!(stored(&mut none, &message("a", 1, "x", Some("1"))), (1, 1));
    assert_eq!(stored(&mut none, &message("a", 1, "x", Some("1"))), (2, 1));
    assert_eq!(none.ids(), 0);
}

#[test]
fn trimming_goes_forward_and_no_further_than_the_end() {
    let mut rooms = Rooms::new(&Limits::default());
    for _ in 0..5 {
        stored(&mut rooms, &message("a", 1, "x", None));
    }
    let trim = |rooms: &mut Rooms, room: &str, seq| apply(rooms, &entry(room, 1, EntryKind::TrimBefore { seq }));
    assert_eq!(rooms.first_seq("a"), 1);
    assert_eq!(trim(&mut rooms, "a", 3), Outcome::Trimmed { first: 3 });
    assert_eq!(trim(&mut rooms, "a", 2), Outcome::Trimmed { first: 3 });
    assert_eq!(trim(&mut rooms, "a", 99), Outcome::Trimmed { first: 6 });
    assert_eq!(stored(&mut rooms, &message("a", 1, "x", None)), (6, 1));
    assert_eq!((rooms.first_seq("a"), rooms.seq("a")), (6, 6));
    // A room that is not there is not made by forgetting.
    assert_eq!(trim(&mut rooms, "b", 99), Outcome::Trimmed { first: 1 });
    assert!(!rooms.contains("b"));
}

#[test]
fn what_is_restored_goes_on_as_before() {
    let mut before = Rooms::new(&Limits::default());
    stored(&mut before, &message("a", 10, "x", Some("id")));
    stored(&mut before, &entry("a", 20, EntryKind::Topic { from: sender(), text: Arc::from("news") }));
    let mut after = Rooms::new(&Limits::default());
    after.restore_room(Arc::from("a"), 3, 1, Arc::from("news"), Time(20));
    after.restore_id("a", "id", 1, Time(10), "x", false);
    assert_eq!(before, after);
    for entry in [message("a", 1, "x", Some("id")), message("a", 1, "x", Some("other"))] {
        assert_eq!(before.apply(&entry), after.apply(&entry));
    }
    assert_eq!(before, after);
}
