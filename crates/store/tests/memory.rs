//! The bounds of the store in memory.

mod common;

use common::*;
use switchboard_store::{MemorySettings, MemoryStore, Store};

#[test]
fn each_room_keeps_its_latest_events() {
    let mut store = MemoryStore::new(MemorySettings { events_per_room: 3, bytes_max: usize::MAX }).unwrap();
    for n in 1..=5 {
        store.commit(&batch(vec![message("busy", n * 2, n, "x")])).unwrap();
    }
    store.commit(&batch(vec![message("quiet", 11, 1, "x")])).unwrap();
    let mut reader = store.reader().unwrap();
    assert_eq!(read_all(&mut *reader, "busy", 10).len(), 3);
    assert_eq!(read_all(&mut *reader, "quiet", 10).len(), 1);
    let busy = store.load().unwrap().rooms.remove(0);
    assert_eq!((busy.first_seq, busy.next_seq), (3, 6));
}

#[test]
fn the_oldest_of_all_rooms_go_first() {
    let text = "x".repeat(1_000);
    let mut store = MemoryStore::new(MemorySettings { events_per_room: 100, bytes_max: 5_000 }).unwrap();
    store.commit(&batch(vec![message("old", 1, 1, &text)])).unwrap();
    for n in 1..=3 {
        store.commit(&batch(vec![message("new", n + 1, n, &text)])).unwrap();
    }
    let mut reader = store.reader().unwrap();
    assert_eq!(read_all(&mut *reader, "old", 10).len(), 0);
    assert_eq!(read_all(&mut *reader, "new", 10).len(), 3);
    // One that is larger than all the memory there is stays until the next one comes.
    store.commit(&batch(vec![message("old", 9, 2, &"y".repeat(9_000))])).unwrap();
    assert_eq!(read_all(&mut *reader, "old", 10).len(), 1);
    assert_eq!(read_all(&mut *reader, "new", 10).len(), 0);
    store.commit(&batch(vec![message("new", 10, 4, "z")])).unwrap();
    assert_eq!(read_all(&mut *reader, "old", 10).len(), 0);
    assert_eq!(read_all(&mut *reader, "new", 10).len(), 1);
}
