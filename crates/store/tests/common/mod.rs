//! What the tests of the stores share: events, batches, and the reading of everything.

// Each test program uses its own part of this.
#![allow(dead_code)]

use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Body, Event, Pos, Sender, Seq, SessionId, Time, UserId, Via};
use switchboard_store::{Batch, IdRecord, Page, Reader, Store, Trim};

/// A sender whose every number needs all its 64 bits.
pub(crate) fn ada() -> Sender {
    Sender {
        nick: Arc::from("ada"),
        session: SessionId(u64::MAX - 1),
        user: UserId(1 << 63),
        via: Via::WebSocket,
        address: None,
    }
}

pub(crate) fn message(room: &str, pos: Pos, seq: Seq, text: &str) -> Arc<Event> {
    message_with(room, pos, seq, 1_000 + pos, None, text)
}

pub(crate) fn message_with(room: &str, pos: Pos, seq: Seq, time: u64, id: Option<&str>, text: &str) -> Arc<Event> {
    let body = Body::Message {
        seq: Some(seq),
        id: id.map(Arc::from),
        from: ada(),
        to: None,
        text: Arc::from(text),
        action: pos.is_multiple_of(2),
    };
    Arc::new(Event { pos, time: Time(time), room: Some(Arc::from(room)), body })
}

pub(crate) fn topic(room: &str, pos: Pos, seq: Seq, text: &str) -> Arc<Event> {
    let body = Body::Topic { seq, from: Sender { via: Via::Udp, ..ada() }, text: Arc::from(text) };
    Arc::new(Event { pos, time: Time(1_000 + pos), room: Some(Arc::from(room)), body })
}

pub(crate) fn batch(events: Vec<Arc<Event>>) -> Batch {
    Batch { events, ..Batch::default() }
}

pub(crate) fn trim(room: &str, before: Seq) -> Batch {
    Batch { trims: vec![Trim { room: Arc::from(room), before }], ..Batch::default() }
}

/// Stores texts as the messages 1, 2, 3, ... of the room `lobby`, and indexes them.
pub(crate) fn store_texts(store: &mut dyn Store, texts: &[&str]) {
    let events = (1..).zip(texts).map(|(n, text)| message("lobby", n, n, text)).collect();
    store.commit(&batch(events)).unwrap();
    catch_up(store);
}

/// Does all of the work that trails the commits.
pub(crate) fn catch_up(store: &mut dyn Store) {
    while store.index(3).unwrap().rows() > 0 {}
}

pub(crate) fn seqs(page: &Page) -> Vec<Seq> {
    page.events.iter().filter_map(|event| event.seq()).collect()
}

/// Reads a whole room forwards, page by page.
pub(crate) fn read_all(reader: &mut dyn Reader, room: &str, limit: u32) -> Vec<Arc<Event>> {
    let mut events: Vec<Arc<Event>> = Vec::new();
    loop {
        let after = events.last().and_then(|event| event.seq()).unwrap_or(0);
        let page = reader.history(room, HistoryRange::After(after), limit, usize::MAX).unwrap();
        events.extend(page.events);
        if !page.more {
            return events;
        }
    }
}

pub(crate) fn ids(store: &mut dyn Store, age_ms: u64, max: usize) -> Vec<IdRecord> {
    let mut found = Vec::new();
    store.recent_ids(age_ms, max, &mut |record| found.push(record)).unwrap();
    found
}

/// The numbers of the events of `lobby` that a search finds, all of them.
pub(crate) fn found(store: &dyn Store, query: &str) -> Vec<Seq> {
    let page = store.reader().unwrap().search("lobby", query, None, 1_000).unwrap();
    assert!(!page.more);
    seqs(&page)
}
