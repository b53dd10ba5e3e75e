//! What every store does: the same tests for the one in memory and the one on disk.

mod common;

use common::*;
use std::sync::Arc;
use switchboard_core::limits::ENDED_MAX;
use switchboard_core::output::HistoryRange::{After, Before, Latest};
use switchboard_core::{Body, Event, Sender, SessionId, Time, Via};
use switchboard_store::clock::Reading;
use switchboard_store::{
    Batch, ClockLog, Durability, MemorySettings, MemoryStore, Page, SqliteSettings, SqliteStore, Store, StoreError,
    Trim,
};

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&mut super::MemoryStore::new(super::MemorySettings::default()).unwrap()); })*
        }
        mod sqlite {
            $(#[test] fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let settings = super::SqliteSettings { durability: super::Durability::None, pages_max: None };
                super::$name(&mut super::SqliteStore::open(dir.path(), settings).unwrap());
            })*
        }
    };
}

contract!(
    a_new_store_is_empty,
    events_come_back_as_they_were,
    rooms_are_loaded_with_their_heads,
    positions_never_go_back,
    events_that_do_not_follow_are_refused_whole,
    only_durable_events_are_stored,
    history_pages_in_both_directions,
    pages_are_bounded_in_bytes,
    any_number_can_be_asked_for,
    ids_are_given_in_the_order_of_their_positions,
    what_the_clock_did_is_kept,
    sessions_that_were_ended_are_kept,
    trimmed_events_are_gone_at_once,
    numbers_are_not_used_again,
    retention_finds_what_is_too_old,
    words_are_found_as_a_person_expects,
    unspaced_scripts_are_found,
    query_syntax_has_no_meaning,
    searches_stay_in_their_room,
    searches_page_by_number,
    topics_are_found,
    readers_see_each_commit,
    free_space_can_be_asked,
);

fn a_new_store_is_empty(store: &mut dyn Store) {
    let loaded = store.load().unwrap();
    assert_eq!(loaded.rooms, []);
    assert!(loaded.next_pos >= 1);
    assert_ne!(loaded.secret, [0; 32]);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.history("lobby", Latest, 10, 1_000).unwrap(), Page::default());
    assert_eq!(reader.search("lobby", "hi", None, 10).unwrap(), Page::default());
    assert_eq!(reader.indexed().unwrap(), 0);
    assert_eq!(store.index(10).unwrap().rows(), 0);
    assert_eq!(store.older_than(&Time(u64::MAX >> 1).into()).unwrap(), []);
    store.commit(&Batch::default()).unwrap();
    store.commit(&trim("nowhere", 5)).unwrap();
    assert_eq!(store.load().unwrap(), loaded);
}

fn events_come_back_as_they_were(store: &mut dyn Store) {
    let mut events = vec![
        message_with("lobby", 3, 1, 7, Some("01JD0000000000000000000000"), "grüße, 世界 \u{1F44B}\u{0}!"),
        topic("lobby", 4, 2, ""),
        message("lobby", 9, 3, ""),
    ];
    for (n, via) in (4..).zip(Via::ALL) {
        let from = Sender { via, ..ada() };
        let body = Body::Message { seq: Some(n), id: None, from, to: None, text: Arc::from("x"), action: true };
        events.push(Arc::new(Event { pos: n + 10, time: Time(2_000), room: Some(Arc::from("lobby")), body }));
    }
    store.commit(&batch(events.clone())).unwrap();
    assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 100), events);
}

fn rooms_are_loaded_with_their_heads(store: &mut dyn Store) {
    store.commit(&batch(vec![topic("b", 1, 1, "bees"), message("a", 2, 1, "hi"), message("b", 3, 2, "hum")])).unwrap();
    let rooms = store.load().unwrap().rooms;
    let heads: Vec<_> = rooms.iter().map(|r| (&*r.name, r.next_seq, r.first_seq, &*r.topic, r.last_time.0)).collect();
    assert_eq!(heads, [("a", 2, 1, "", 1_002), ("b", 3, 1, "bees", 1_003)]);
    store.commit(&batch(vec![topic("b", 4, 3, "")])).unwrap();
    assert_eq!(&*store.load().unwrap().rooms[1].topic, "");
}

fn positions_never_go_back(store: &mut dyn Store) {
    store.commit(&Batch { reserve_pos: Some(100), ..Batch::default() }).unwrap();
    assert_eq!(store.load().unwrap().next_pos, 100);
    store.commit(&Batch { reserve_pos: Some(50), ..batch(vec![message("lobby", 7, 1, "x")]) }).unwrap();
    assert_eq!(store.load().unwrap().next_pos, 100);
    store.commit(&batch(vec![message("lobby", 200, 2, "x")])).unwrap();
    assert_eq!(store.load().unwrap().next_pos, 201);
    store.commit(&trim("lobby", 3)).unwrap();
    catch_up(store);
    assert_eq!(store.load().unwrap().next_pos, 201);
}

fn events_that_do_not_follow_are_refused_whole(store: &mut dyn Store) {
    store.commit(&batch(vec![message("lobby", 5, 1, "one")])).unwrap();
    let before = store.load().unwrap();
    let good = message("other", 6, 1, "good");
    for (what, bad) in [
        ("a hole", message("lobby", 7, 3, "x")),
        ("the same number again", message("lobby", 7, 1, "x")),
        ("a new room not from 1", message("new", 7, 2, "x")),
        ("the same position", message("lobby", 6, 2, "x")),
        ("an earlier position", message("lobby", 4, 2, "x")),
        ("an earlier time", message_with("lobby", 7, 2, 1_004, None, "x")),
    ] {
        let refused = store.commit(&Batch {
            events: vec![Arc::clone(&good), bad],
            trims: vec![Trim { room: Arc::from("lobby"), before: 2 }],
            reserve_pos: Some(1_000),
            ..Batch::default()
        });
        assert!(matches!(refused, Err(StoreError::Inconsistent { .. })), "{what}: {refused:?}");
        assert_eq!(store.load().unwrap(), before, "{what}");
        assert_eq!(read_all(&mut *store.reader().unwrap(), "other", 10), [], "{what}");
        assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 10).len(), 1, "{what}");
    }
    store.commit(&batch(vec![good, message("lobby", 7, 2, "two")])).unwrap();
    catch_up(store);
    assert_eq!(store.load().unwrap().rooms[0].next_seq, 3);
    assert_eq!(found(store, "x"), []);
}

fn only_durable_events_are_stored(store: &mut dyn Store) {
    let private = Body::Message {
        seq: Some(1),
        id: None,
        from: ada(),
        to: Some(Arc::from("bob")),
        text: Arc::from("psst"),
        action: false,
    };
    let unnumbered =
        Body::Message { seq: None, id: None, from: ada(), to: None, text: Arc::from("psst"), action: false };
    for body in [Body::Typing { from: ada() }, Body::Gap { first: 1, last: 1 }, private, unnumbered] {
        let event = Event { pos: 1, time: Time(1), room: Some(Arc::from("lobby")), body };
        assert!(matches!(store.commit(&batch(vec![Arc::new(event)])), Err(StoreError::Inconsistent { .. })));
    }
    let nowhere = Event { room: None, ..(*message("lobby", 1, 1, "x")).clone() };
    assert!(matches!(store.commit(&batch(vec![Arc::new(nowhere)])), Err(StoreError::Inconsistent { .. })));
    assert_eq!(store.load().unwrap().rooms, []);
}

fn history_pages_in_both_directions(store: &mut dyn Store) {
    // Another room's events stand between them.
    let events = (1..=10).flat_map(|n| [message("lobby", n * 2, n, "x"), message("other", n * 2 + 1, n, "y")]);
    store.commit(&batch(events.collect())).unwrap();
    let mut reader = store.reader().unwrap();
    for (range, limit, expected, more) in [
        (Latest, 3, vec![8, 9, 10], true),
        (Latest, 10, (1..=10).collect(), false),
        (Latest, 11, (1..=10).collect(), false),
        (Before(8), 3, vec![5, 6, 7], true),
        (Before(4), 3, vec![1, 2, 3], false),
        (Before(2), 5, vec![1], false),
        (Before(1), 5, vec![], false),
        (Before(0), 5, vec![], false),
        (Before(99), 2, vec![9, 10], true),
        (After(0), 2, vec![1, 2], true),
        (After(7), 3, vec![8, 9, 10], false),
        (After(7), 2, vec![8, 9], true),
        (After(10), 5, vec![], false),
        (After(99), 5, vec![], false),
        (Latest, 0, vec![], true),
        (After(10), 0, vec![], false),
    ] {
        let page = reader.history("lobby", range, limit, usize::MAX).unwrap();
        assert_eq!((seqs(&page), page.more), (expected, more), "{range:?} {limit}");
    }
}

fn pages_are_bounded_in_bytes(store: &mut dyn Store) {
    store_texts(store, &["1234", "1234567890", "1", "2", "3"]);
    let mut reader = store.reader().unwrap();
    for (range, bytes_max, expected, more) in [
        // Each event counts 320 bytes beside its text.
        (After(0), 3, vec![1], true),
        (After(0), 653, vec![1], true),
        (After(0), 654, vec![1, 2], true),
        (After(1), 0, vec![2], true),
        (Latest, 963, vec![3, 4, 5], true),
        (Latest, 1_293, vec![2, 3, 4, 5], true),
        (Latest, 1_617, vec![1, 2, 3, 4, 5], false),
    ] {
        let page = reader.history("lobby", range, 100, bytes_max).unwrap();
        assert_eq!((seqs(&page), page.more), (expected, more), "{range:?} {bytes_max}");
    }
}

fn any_number_can_be_asked_for(store: &mut dyn Store) {
    store_texts(store, &["hello", "hello"]);
    let mut reader = store.reader().unwrap();
    assert_eq!(seqs(&reader.history("lobby", Before(u64::MAX), u32::MAX, usize::MAX).unwrap()), [1, 2]);
    assert_eq!(seqs(&reader.history("lobby", After(u64::MAX), u32::MAX, usize::MAX).unwrap()), []);
    assert_eq!(seqs(&reader.search("lobby", "hello", Some(u64::MAX), u32::MAX).unwrap()), [2, 1]);
    assert_eq!(seqs(&reader.search("lobby", "hello", Some(0), u32::MAX).unwrap()), []);
}

fn ids_are_given_in_the_order_of_their_positions(store: &mut dyn Store) {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    const NOW: u64 = 1_000 * DAY;
    store
        .commit(&batch(vec![
            // A room that a wrong clock stamped, days ahead.
            message_with("b", 1, 1, NOW + 2 * DAY, Some("id-one"), "1"),
            message_with("a", 2, 1, NOW, Some("id-two"), "2"),
            message_with("a", 3, 2, NOW + 50 * MINUTE, None, "no id"),
            message_with("b", 4, 2, NOW + 2 * DAY, Some("id-three"), "3"),
            message_with("c", 5, 1, NOW + 59 * MINUTE, Some("id-four"), "4"),
        ]))
        .unwrap();
    let names = |found: Vec<switchboard_store::IdRecord>| found.iter().map(|r| r.id.to_string()).collect::<Vec<_>>();
    let all = ["id-one", "id-two", "id-three", "id-four"];
    // Whatever the age: an hour at most went by between them, if clocks tell anything.
    for age_ms in [0, MINUTE, u64::MAX] {
        assert_eq!(names(ids(store, age_ms, 10)), all);
        assert_eq!(names(ids(store, age_ms, 4)), all);
        assert_eq!(names(ids(store, age_ms, 2)), all[2..]);
        assert_eq!(names(ids(store, age_ms, 1)), all[3..]);
        assert_eq!(names(ids(store, age_ms, 0)), [""; 0]);
    }
    let last = ids(store, 0, 2).remove(0);
    let expected = ("b", 2, Time(NOW + 2 * DAY), "3", true);
    assert_eq!((&*last.room, last.seq, last.time, &*last.text, last.action), expected);
    store.commit(&trim("b", 2)).unwrap();
    assert_eq!(names(ids(store, 0, 3)), all[1..]);
    // Half an hour each: what is older than asked for, and than clocks can be wrong by, is left out.
    let half_hours = |n: u64| message_with("a", 5 + n, 1 + n, NOW + n * 30 * MINUTE, Some(&format!("id-{n}")), "x");
    store.commit(&batch((2..40).map(half_hours).collect())).unwrap();
    let found = names(ids(store, 2 * 60 * MINUTE, 100));
    assert_eq!(found.last().map(String::as_str), Some("id-39"));
    assert!(found.len() >= 5 && found.len() <= 12, "{found:?}");
    assert!(found.windows(2).all(|pair| pair[0].len() < pair[1].len() || pair[0] < pair[1]), "{found:?}");
}

fn what_the_clock_did_is_kept(store: &mut dyn Store) {
    let reading = |days: u64| Reading { wall: Time(days * 86_400_000), uptime_ms: 1, boot: 7 };
    let mut clock = ClockLog::default();
    assert_eq!(store.load().unwrap().clock, clock);
    clock.note(reading(100), 1);
    store.commit(&Batch { clock: Some(clock.clone()), ..batch(vec![timed("lobby", 1, 1, 100)]) }).unwrap();
    assert_eq!(store.load().unwrap().clock, clock);
    // It was a hundred days behind: what it stamped is as young as the rest.
    clock.note(reading(200), 2);
    store.commit(&Batch { clock: Some(clock.clone()), ..Batch::default() }).unwrap();
    store.commit(&batch(vec![timed("lobby", 2, 2, 200), timed("dev", 3, 1, 200)])).unwrap();
    assert_eq!(store.load().unwrap().clock, clock);
    let mut older = |now: u64| store.older_than(&clock.cutoffs(Time(now * 86_400_000), 30 * 86_400_000)).unwrap();
    assert_eq!(older(200), []);
    assert_eq!(older(230), []);
    assert_eq!(older(231), [("dev", 2), ("lobby", 3)].map(|(room, seq)| (Arc::from(room), seq)));
}

fn sessions_that_were_ended_are_kept(store: &mut dyn Store) {
    let ended = |numbers: std::ops::Range<u64>| numbers.map(|n| SessionId(u64::MAX - n)).collect::<Vec<_>>();
    store.commit(&Batch { ended: ended(0..2), ..Batch::default() }).unwrap();
    store.commit(&Batch { ended: ended(2..3), ..batch(vec![message("lobby", 1, 1, "x")]) }).unwrap();
    assert_eq!(store.load().unwrap().ended, ended(0..3));
    let most = ENDED_MAX as u64;
    store.commit(&Batch { ended: ended(3..most), ..Batch::default() }).unwrap();
    assert_eq!(store.load().unwrap().ended, ended(0..most));
    store.commit(&Batch { ended: ended(most..most + 1), ..Batch::default() }).unwrap();
    assert_eq!(store.load().unwrap().ended, ended(1..most + 1));
}

fn timed(room: &str, pos: u64, seq: u64, day: u64) -> Arc<Event> {
    message_with(room, pos, seq, day * 86_400_000, None, "x")
}

fn trimmed_events_are_gone_at_once(store: &mut dyn Store) {
    store_texts(store, &["red one", "red two", "red three", "red four", "紅紅紅"]);
    // Together with an event in the same batch, and before any trailing work.
    let events = vec![message("lobby", 6, 6, "red six")];
    store.commit(&Batch { events, ..trim("lobby", 3) }).unwrap();
    for _ in 0..2 {
        let mut reader = store.reader().unwrap();
        assert_eq!(seqs(&reader.history("lobby", Latest, 100, usize::MAX).unwrap()), [3, 4, 5, 6]);
        assert_eq!(seqs(&reader.history("lobby", After(0), 1, usize::MAX).unwrap()), [3]);
        let page = reader.history("lobby", Before(5), 2, usize::MAX).unwrap();
        assert_eq!((seqs(&page), page.more), (vec![3, 4], false));
        assert_eq!(store.load().unwrap().rooms[0].first_seq, 3);
        catch_up(store);
        assert_eq!(found(store, "red"), [6, 4, 3]);
    }
    store.commit(&trim("lobby", 2)).unwrap();
    assert_eq!(store.load().unwrap().rooms[0].first_seq, 3, "a trim never goes back");
    store.commit(&trim("lobby", 6)).unwrap();
    assert_eq!(found(store, "紅紅紅"), []);
}

fn numbers_are_not_used_again(store: &mut dyn Store) {
    store_texts(store, &["a", "b", "c"]);
    store.commit(&trim("lobby", 1_000)).unwrap();
    catch_up(store);
    let room = store.load().unwrap().rooms.remove(0);
    assert_eq!((room.first_seq, room.next_seq, room.last_time), (4, 4, Time(1_003)));
    assert_eq!(store.older_than(&Time(9_999).into()).unwrap(), []);
    assert!(matches!(store.commit(&batch(vec![message("lobby", 9, 1, "d")])), Err(StoreError::Inconsistent { .. })));
    store.commit(&batch(vec![message("lobby", 9, 4, "d")])).unwrap();
    assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 10).len(), 1);
}

fn retention_finds_what_is_too_old(store: &mut dyn Store) {
    let events = (1..=9).map(|n| message_with("lobby", n, n, n / 2 * 10, None, "x"));
    let new = message_with("new", 10, 1, 100, None, "x");
    store.commit(&batch(events.chain([new]).collect())).unwrap();
    let lobby = |seq| vec![(Arc::<str>::from("lobby"), seq)];
    assert_eq!(store.older_than(&Time(0).into()).unwrap(), vec![]);
    assert_eq!(store.older_than(&Time(1).into()).unwrap(), lobby(2));
    assert_eq!(store.older_than(&Time(10).into()).unwrap(), lobby(2));
    assert_eq!(store.older_than(&Time(11).into()).unwrap(), lobby(4));
    assert_eq!(store.older_than(&Time(40).into()).unwrap(), lobby(8));
    assert_eq!(store.older_than(&Time(100).into()).unwrap(), lobby(10));
    store.commit(&trim("lobby", 4)).unwrap();
    assert_eq!(store.older_than(&Time(11).into()).unwrap(), vec![]);
    assert_eq!(store.older_than(&Time(21).into()).unwrap(), lobby(6));
    assert_eq!(
        store.older_than(&Time(101).into()).unwrap(),
        [("lobby", 10), ("new", 2)].map(|(r, s)| (Arc::from(r), s))
    );
}

fn words_are_found_as_a_person_expects(store: &mut dyn Store) {
    store_texts(
        store,
        &[
            "Hello, world!",
            "hello again",
            "The café in Zürich",
            "O'Brien said \"no way\"",
            "100% of snake_case names cost $5.25",
            "ПРИВЕТ мир",
            "world hello",
        ],
    );
    for (query, expected) in [
        ("hello", vec![7, 2, 1]),
        ("HELLO", vec![7, 2, 1]),
        ("hello world", vec![7, 1]),
        ("world hello", vec![7, 1]),
        ("hell", vec![]),
        ("hello nobody", vec![]),
        ("cafe", vec![3]),
        ("CAFÉ zurich", vec![3]),
        ("o'brien", vec![4]),
        ("brien", vec![4]),
        ("\"no way\"", vec![4]),
        ("100%", vec![5]),
        ("snake_case", vec![5]),
        ("case_snake", vec![]),
        ("5.25", vec![5]),
        ("привет", vec![6]),
        ("", vec![]),
        ("   ", vec![]),
    ] {
        assert_eq!(found(store, query), expected, "{query}");
    }
}

fn unspaced_scripts_are_found(store: &mut dyn Store) {
    store_texts(
        store,
        &[
            "今天天气很好",
            "我的iPhone手机坏了",
            "東京タワーに行きました",
            "서울에서 만나요",
            "ﾄｳｷｮｳ タワー",
            "天。气",
            "สวัสดีครับ",
            "hello 今天 world",
            "东京。京都大学在京都",
        ],
    );
    for (query, expected) in [
        ("今天", vec![8, 1]),
        ("天气", vec![1]),
        ("天天气", vec![1]),
        ("天气很好", vec![1]),
        ("气", vec![6, 1]),
        ("好天", vec![]),
        ("iphone", vec![2]),
        ("iPhone手机", vec![2]),
        ("手机 iphone", vec![2]),
        ("手机坏 iphone", vec![2]),
        ("手机坏 android", vec![]),
        ("タワー", vec![5, 3]),
        ("ﾀﾜｰ", vec![5, 3]),
        ("トウキョウ", vec![5]),
        ("東京", vec![3]),
        ("行きました 東京", vec![3]),
        ("서울", vec![4]),
        ("서울에서", vec![4]),
        ("만나요 서울", vec![4]),
        ("สวัสดี", vec![7]),
        ("world 今天", vec![8]),
        ("京都大学", vec![9]),
        ("京京", vec![]),
    ] {
        assert_eq!(found(store, query), expected, "{query}");
    }
}

fn query_syntax_has_no_meaning(store: &mut dyn Store) {
    store_texts(store, &["alpha and beta", "alpha or gamma", "not alpha near delta", "text room rowid", "beta 100"]);
    for (query, expected) in [
        ("alpha AND beta", vec![1]),
        ("alpha OR beta", vec![]),
        ("alpha OR gamma", vec![2]),
        ("NOT beta", vec![]),
        ("NOT alpha", vec![3]),
        ("alph*", vec![]),
        ("alpha*", vec![3, 2, 1]),
        ("^alpha", vec![3, 2, 1]),
        ("text:beta", vec![]),
        ("text : room", vec![4]),
        ("NEAR(alpha delta)", vec![]),
        ("near(delta)", vec![3]),
        ("alpha + beta", vec![1]),
        ("\"alpha", vec![3, 2, 1]),
        ("\"\"alpha\"\"", vec![3, 2, 1]),
        ("(alpha", vec![3, 2, 1]),
        ("alpha\" OR \"gamma", vec![2]),
        ("%", vec![]),
        ("_", vec![]),
        ("alph_", vec![]),
        ("b%a", vec![]),
        ("*", vec![]),
        ("-beta", vec![5, 1]),
        ("'; DROP TABLE events; --", vec![]),
        ("\u{E000}\u{E000}\u{E001}", vec![]),
        ("\u{0}alpha\u{0}", vec![3, 2, 1]),
    ] {
        assert_eq!(found(store, query), expected, "{query}");
    }
}

fn searches_stay_in_their_room(store: &mut dyn Store) {
    store
        .commit(&batch(vec![
            message("lobby", 1, 1, "shared word 共有語"),
            message("other", 2, 1, "shared word 共有語"),
            message("lobby", 3, 2, "word"),
            message("third", 4, 1, "only here"),
        ]))
        .unwrap();
    catch_up(store);
    assert_eq!(found(store, "word"), [2, 1]);
    assert_eq!(found(store, "共有語"), [1]);
    assert_eq!(found(store, "共有語 shared"), [1]);
    assert_eq!(found(store, "only"), []);
    let other = store.reader().unwrap().search("other", "word", None, 10).unwrap();
    assert_eq!(other.events, [message("other", 2, 1, "shared word 共有語")]);
    assert_eq!(store.reader().unwrap().search("nowhere", "word", None, 10).unwrap(), Page::default());
}

fn searches_page_by_number(store: &mut dyn Store) {
    let texts: Vec<String> = (1..=9).map(|n| format!("word {n} {}", if n % 2 == 1 { "共有語" } else { "" })).collect();
    store_texts(store, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut reader = store.reader().unwrap();
    for (query, before, limit, expected, more) in [
        ("word", None, 3, vec![9, 8, 7], true),
        ("word", Some(7), 3, vec![6, 5, 4], true),
        ("word", Some(4), 3, vec![3, 2, 1], false),
        ("word", Some(1), 3, vec![], false),
        ("word", None, 9, (1..=9).rev().collect(), false),
        ("word", None, 0, vec![], true),
        ("共有語", Some(8), 2, vec![7, 5], true),
        ("word 共有語", Some(6), 2, vec![5, 3], true),
        ("word 共有語", Some(6), 3, vec![5, 3, 1], false),
        ("word 共有", None, 2, vec![9, 7], true),
    ] {
        let page = reader.search("lobby", query, before, limit).unwrap();
        assert_eq!((seqs(&page), page.more), (expected, more), "{query} {before:?} {limit}");
    }
}

fn topics_are_found(store: &mut dyn Store) {
    store.commit(&batch(vec![topic("lobby", 1, 1, "Release on Friday"), message("lobby", 2, 2, "friday?")])).unwrap();
    catch_up(store);
    assert_eq!(found(store, "friday"), [2, 1]);
}

fn readers_see_each_commit(store: &mut dyn Store) {
    let mut reader = store.reader().unwrap();
    for n in 1..=20 {
        store.commit(&batch(vec![message("lobby", n, n, "x")])).unwrap();
        assert_eq!(seqs(&reader.history("lobby", Latest, 1, usize::MAX).unwrap()), [n]);
        catch_up(store);
        assert_eq!(reader.indexed().unwrap(), n);
    }
    // A reader lives on another thread, and outlives the borrow of the store.
    let seen = std::thread::spawn(move || read_all(&mut *reader, "lobby", 7).len()).join().unwrap();
    assert_eq!(seen, 20);
}

fn free_space_can_be_asked(store: &mut dyn Store) {
    assert!(store.free_bytes().unwrap().is_none_or(|bytes| bytes > 0));
}
