//! The shard's state, driven by hand: who gets what, who is closed when, and what the driver is asked to do.

mod branches;
mod costs;
mod lasting;
mod runs;

use super::*;
use crate::message::{Published, ToShard};
use smallvec::SmallVec;
use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Body, Event, Output, RoomId, Sender, Seq, SessionId, Time, UserId};
use switchboard_protocols::{Settings as Speech, conversation};
use switchboard_store::Page;

const LOBBY: RoomId = RoomId(1);

fn settings() -> Settings {
    let speech = Arc::new(Speech::default());
    Settings {
        number: 3,
        outbox_bytes: 4_096,
        outboxes_bytes: 1 << 20,
        costs: cost::CostLimits::default(),
        gate_events: 4,
        gate_bytes: 4_096,
        make_json: Arc::new(move || conversation::stream_json(&speech)),
    }
}

/// A shard, and what its connections were written.
struct World {
    shard: Shard,
    now: Tick,
    written: std::collections::HashMap<u32, String>,
    wants: Vec<Want>,
    told: Vec<ToEngine>,
}

/// A connection over TCP that speaks JSON by lines.
fn json_opening() -> Opening {
    Opening {
        conversation: conversation::stream_json(&Arc::new(Speech::default())),
        via: Via::Tcp,
        address: None,
        observe: false,
        idle_ms: 0,
        head: Frame::default(),
    }
}

impl World {
    fn new() -> Self {
        Self {
            shard: Shard::new(settings(), 0),
            now: 0,
            written: std::collections::HashMap::new(),
            wants: Vec::new(),
            told: Vec::new(),
        }
    }

    fn json(&mut self) -> (u32, ConnectionId) {
        let opening = json_opening();
        let slot = self.shard.open(self.now, opening);
        self.say(slot, "{\"type\":\"hello\"}\n");
        let id = self.shard.connections[slot as usize].id;
        self.output(Output::Attach { connection: id, room: LOBBY, name: "lobby".into() });
        (slot, id)
    }

    /// Opens a connection, which is to get the free `slot`, and checks that the slot is listed once when it has an answer.
    fn assert_is_written_once_for_a_next_owner(&mut self, slot: u32) {
        assert_eq!(self.shard.open(0, json_opening()), slot, "the slot is used again");
        self.shard.receive(0, slot, &mut b"not JSON\n".to_vec());
        let mut dirty = Vec::new();
        self.shard.take_dirty(&mut dirty);
        assert_eq!(dirty, [slot]);
    }

    fn say(&mut self, slot: u32, text: &str) {
        self.shard.receive(self.now, slot, &mut text.as_bytes().to_vec());
        self.turn(usize::MAX);
    }

    fn output(&mut self, output: Output) {
        self.shard.deliver(self.now, ToShard::Output(output));
    }

    fn publish(&mut self, event: Event, except: &[ConnectionId]) {
        let except: SmallVec<[ConnectionId; 2]> = except.iter().copied().collect();
        let event = Arc::new(Published::new(Arc::new(event)));
        self.shard.deliver(self.now, ToShard::Publish { room: LOBBY, event, except });
    }

    /// What the driver does, with sockets that take everything and an engine that takes `accept` messages.
    fn turn(&mut self, mut accept: usize) {
        let told = &mut self.told;
        self.shard.hand_over(self.now, |message| {
            if accept == 0 {
                return Err(message);
            }
            accept -= 1;
            told.push(message);
            Ok(())
        });
        let mut dirty = Vec::new();
        self.shard.take_dirty(&mut dirty);
        for slot in dirty {
            self.write(slot);
        }
        for want in self.shard.take_wants() {
            if let Want::Drop(slot) = want {
                self.shard.dropped(slot);
            }
            self.wants.push(want);
        }
    }

    fn write(&mut self, slot: u32) {
        loop {
            let mut slices = Vec::new();
            self.shard.gather(slot, &mut slices);
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            if bytes.is_empty() {
                return self.shard.written(slot);
            }
            self.written.entry(slot).or_default().push_str(&String::from_utf8_lossy(&bytes));
            if !self.shard.wrote_all(slot) {
                return;
            }
        }
    }

    fn seqs(&self, slot: u32) -> Vec<Seq> {
        let text = self.written.get(&slot).map_or("", String::as_str);
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("an object");
        text.lines().map(line).filter_map(|value| value["seq"].as_u64()).collect()
    }
}

fn message(seq: Seq, text: &str) -> Event {
    let from = Sender { nick: "ada".into(), session: SessionId(1), user: UserId(1), via: Via::Tcp, address: None };
    let body = Body::Message { seq: Some(seq), id: None, from, to: None, text: text.into(), action: false };
    Event { pos: seq, time: Time(0), room: Some("lobby".into()), body }
}

#[test]
fn an_event_goes_to_every_member_but_those_excepted_and_in_order() {
    let mut world = World::new();
    let (one, _) = world.json();
    let (two, two_id) = world.json();
    world.publish(message(1, "a"), &[]);
    world.publish(message(2, "b"), &[two_id]);
    world.publish(message(3, "c"), &[]);
    world.turn(usize::MAX);
    assert_eq!(world.seqs(one), [1, 2, 3]);
    assert_eq!(world.seqs(two), [1, 3]);
    world.output(Output::Detach { connection: two_id, room: LOBBY });
    world.publish(message(4, "d"), &[]);
    world.turn(usize::MAX);
    assert_eq!(world.seqs(one), [1, 2, 3, 4]);
    assert_eq!(world.seqs(two), [1, 3]);
}

#[test]
fn a_compressed_frame_is_made_once_and_one_that_is_too_short_is_everybodys() {
    use switchboard_protocols::framing::websocket::{Deflate, Window};
    let mut world = World::new();
    let deflate = Deflate { window: Window::Full, bytes_min: 1_000 };
    let small = Deflate { window: Window::Small, ..deflate };
    let slots = [None, None, Some(deflate), Some(deflate), Some(small)].map(|compression| {
        let speech = Arc::new(Speech::default());
        let conversation = conversation::websocket(&speech, compression, Some(conversation::Choice::Json), 0);
        let opening = Opening {
            conversation,
            via: Via::WebSocket,
            address: None,
            observe: false,
            idle_ms: 0,
            head: Frame::default(),
        };
        let slot = world.shard.open(0, opening);
        world.say(slot, "");
        let id = world.shard.connections[slot as usize].id;
        world.output(Output::Attach { connection: id, room: LOBBY, name: "lobby".into() });
        slot
    });
    let mut frames = |event| {
        world.publish(event, &[]);
        let frames = slots.map(|slot| {
            let mut slices = Vec::new();
            assert_eq!(world.shard.gather(slot, &mut slices), 1, "one frame");
            (slices[0].as_ptr_range(), slices[0][0])
        });
        for (slot, (frame, _)) in slots.iter().zip(&frames) {
            world.shard.wrote(*slot, frame.end.addr() - frame.start.addr());
        }
        (frames.clone().map(|(frame, _)| frame), frames.map(|(_, first_byte)| first_byte))
    };
    let ([plain, other, one, two, narrow], first_bytes) = frames(message(1, &"to be or not to be ".repeat(100)));
    assert_eq!((&plain, &one), (&other, &two), "one frame for all of a dialect");
    assert!(plain != one && one != narrow);
    assert_eq!(first_bytes, [0x81, 0x81, 0xC1, 0xC1, 0xC1]);
    let ([plain, rest @ ..], first_bytes) = frames(message(2, "short"));
    assert_eq!((rest, first_bytes), ([plain.clone(), plain.clone(), plain.clone(), plain], [0x81; 5]));
}

#[test]
fn a_socket_that_takes_nothing_is_closed_when_its_outbox_is_full_and_nobody_else() {
    let mut world = World::new();
    let (slow, slow_id) = world.json();
    let (quick, _) = world.json();
    world.shard.blocked(slow);
    let text = "x".repeat(900);
    for seq in 1..=10 {
        world.publish(message(seq, &text), &[]);
        world.turn(usize::MAX);
    }
    assert_eq!(world.seqs(quick), (1..=10).collect::<Vec<_>>());
    assert_eq!(world.shard.tally.overflows, 1);
    assert_eq!(world.shard.closed, [CloseReason::SlowReader]);
    let gone = [ToEngine::Behind { connection: slow_id }, ToEngine::Disconnect { connection: slow_id }];
    assert_eq!(world.told[world.told.len() - 2..], gone);
    assert!(!world.written.contains_key(&slow));
    world.shard.unblocked(slow);
    world.turn(usize::MAX);
    assert!(world.written[&slow].contains("slow_reader"), "it is told why: {}", world.written[&slow]);
    assert!(world.wants.contains(&Want::Shut(slow)));
}

#[test]
fn what_happens_during_a_replay_waits_behind_the_gate() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 2, through: 6, pos: 9, time: Time(5) });
    world.publish(message(7, "live"), &[]);
    world.turn(usize::MAX);
    assert!(world.seqs(slot).is_empty(), "nothing before what was missed");
    let read = |after| Read::Replay { room: "lobby".into(), after, through: 6 };
    assert_eq!(world.wants, [Want::Read(id, read(2))]);
    let page = |seqs: std::ops::RangeInclusive<Seq>| Page {
        events: seqs.map(|seq| Arc::new(message(seq, "old"))).collect(),
        more: true,
        behind: 0,
    };
    world.wants.clear();
    world.shard.deliver(world.now, ToShard::Page { connection: id, read: read(2), result: Ok(page(3..=4)) });
    world.turn(usize::MAX);
    assert_eq!(world.wants, [Want::Read(id, read(4))]);
    // The store has gone on meanwhile: what is beyond the gate is not replayed.
    world.shard.deliver(world.now, ToShard::Page { connection: id, read: read(4), result: Ok(page(5..=7)) });
    world.publish(message(8, "live"), &[]);
    world.turn(usize::MAX);
    assert_eq!(world.seqs(slot), [3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_slot_is_listed_once_whoever_had_it_before() {
    let mut world = World::new();
    let (slot, id) = world.json();
    let replay = Read::Replay { room: "lobby".into(), after: 0, through: 1 };
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 1, pos: 9, time: Time(5) });
    world.shard.receive(0, slot, &mut b"not JSON\n".to_vec());
    // It goes while its answer waits to be written, and what it missed comes when it is gone.
    world.shard.broken(0, slot);
    let page = Page { events: vec![Arc::new(message(1, "a"))], more: false, behind: 0 };
    world.shard.deliver(0, ToShard::Page { connection: id, read: replay, result: Ok(page) });
    world.shard.deliver(0, ToShard::Forget(id));
    world.shard.dropped(slot);
    world.assert_is_written_once_for_a_next_owner(slot);
}

#[test]
fn a_slot_that_was_looked_at_out_of_turn_is_written_once_for_its_next_owner() {
    let mut world = World::new();
    let (slot, id) = world.json();
    // It ends, and is listed; the driver looks at it before its turn, as it does at sessions that poll.
    world.shard.end_of_input(0, slot);
    world.shard.hand_over(0, |_| Ok(()));
    world.shard.deliver(0, ToShard::Forget(id));
    world.shard.written(slot);
    let wants = world.shard.take_wants();
    assert!(matches!(wants[..], [Want::Drop(dropped)] if dropped == slot), "{wants:?}");
    world.shard.dropped(slot);
    world.assert_is_written_once_for_a_next_owner(slot);
}

#[test]
fn a_connection_that_ended_before_it_was_attached_leaves_no_trace() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Detach { connection: id, room: LOBBY });
    world.shard.broken(0, slot);
    world.output(Output::Attach { connection: id, room: LOBBY, name: "lobby".into() });
    world.shard.deliver(0, ToShard::Forget(id));
    assert!(!world.shard.is_empty(), "its socket is still there, so nobody else gets its slot");
    world.turn(usize::MAX);
    assert!(world.shard.is_empty());
    let (next, _) = world.json();
    assert_eq!(next, slot, "the slot is used again");
    world.publish(message(1, "a"), &[]);
    world.turn(usize::MAX);
    assert_eq!(world.seqs(next), [1], "once");
}

#[test]
fn what_is_not_stored_any_more_is_told_as_a_gap() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 2, through: 6, pos: 9, time: Time(5) });
    let read = Read::Replay { room: "lobby".into(), after: 2, through: 6 };
    let page = Page { events: vec![Arc::new(message(5, "old")), Arc::new(message(6, "old"))], more: false, behind: 0 };
    world.shard.deliver(0, ToShard::Page { connection: id, read, result: Ok(page) });
    world.turn(usize::MAX);
    assert_eq!(world.seqs(slot), [5, 6]);
    assert!(
        world.written[&slot].contains(r#""type":"gap","room":"lobby","from":3,"to":4"#),
        "{}",
        world.written[&slot]
    );
}

#[test]
fn a_gap_behind_which_nothing_is_stored_has_a_time_and_is_told_once() {
    let mut world = World::new();
    let (slot, id) = world.json();
    let (pos, time) = (9, Time(1_790_000_000_000));
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 2, through: 6, pos, time });
    let read = Read::Replay { room: "lobby".into(), after: 2, through: 6 };
    world.shard.deliver(0, ToShard::Page { connection: id, read, result: Ok(Page::default()) });
    world.publish(message(7, "live"), &[]);
    world.turn(usize::MAX);
    let told = &world.written[&slot];
    assert!(told.contains(r#""type":"gap","room":"lobby","from":3,"to":6,"time":"2026-"#), "{told}");
    assert_eq!((told.matches("gap").count(), world.seqs(slot)), (1, vec![7]));
}

#[test]
fn a_gate_that_holds_too_much_closes_its_connection() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 1, pos: 9, time: Time(5) });
    for seq in 2..=6 {
        world.publish(message(seq, "live"), &[]);
    }
    world.turn(usize::MAX);
    assert_eq!(world.shard.closed, [CloseReason::GateOverflow], "the fifth of four");
    assert!(world.seqs(slot).is_empty());
}

#[test]
fn commands_wait_in_the_shard_when_the_engine_is_full_and_their_sender_is_not_read() {
    let mut world = World::new();
    let (slot, _) = world.json();
    world.told.clear();
    assert!(world.shard.may_read(slot));
    let text = "{\"type\":\"message\",\"text\":\"hi\"}\n";
    world.shard.receive(0, slot, &mut text.as_bytes().to_vec());
    world.turn(0);
    assert!(world.told.is_empty());
    assert!(!world.shard.may_read(slot));
    world.turn(1);
    assert_eq!(world.told.len(), 1);
    assert!(world.wants.contains(&Want::Resume(slot)));
    assert!(world.shard.may_read(slot));
}

#[test]
fn the_end_of_input_is_answered_before_the_socket_is_dropped() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.shard.end_of_input(0, slot);
    world.turn(usize::MAX);
    assert_eq!(world.told.last(), Some(&ToEngine::Disconnect { connection: id }));
    assert!(!world.wants.contains(&Want::Drop(slot)), "an answer may be on its way");
    world.publish(message(1, "late"), &[]);
    world.shard.deliver(0, ToShard::Forget(id));
    world.turn(usize::MAX);
    assert_eq!(world.seqs(slot), [1]);
    assert!(world.wants.contains(&Want::Drop(slot)));
    assert!(world.shard.is_empty());
}

#[test]
fn a_connection_that_is_ended_by_us_is_given_up_when_its_peer_does_not_end() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Close { connection: id, reason: CloseReason::TakenOver });
    world.turn(usize::MAX);
    assert!(world.written[&slot].contains("taken_over"));
    assert!(world.wants.contains(&Want::Shut(slot)));
    assert!(!world.wants.contains(&Want::Drop(slot)));
    world.shard.deliver(0, ToShard::Forget(id));
    world.now = world.shard.next_alarm().expect("an alarm is set");
    while world.now < LINGER_MS {
        world.shard.turn(world.now);
        world.now = world.shard.next_alarm().expect("an alarm is set");
    }
    world.shard.turn(world.now);
    world.turn(usize::MAX);
    assert!(world.wants.contains(&Want::Drop(slot)));
    assert!(world.shard.is_empty());
}

#[test]
fn history_reads_are_bounded_for_each_connection() {
    let mut world = World::new();
    let (slot, id) = world.json();
    for _ in 0..READS_MAX {
        let query = switchboard_core::output::HistoryQuery {
            reference: None,
            room: "lobby".into(),
            range: HistoryRange::Latest,
            limit: 1,
        };
        assert!(world.shard.may_read(slot));
        world.output(Output::History { to: id, query });
    }
    assert!(!world.shard.may_read(slot));
    world.turn(usize::MAX);
    let reads: Vec<Read> = world
        .wants
        .drain(..)
        .filter_map(|want| match want {
            Want::Read(_, read) => Some(read),
            Want::Shut(_) | Want::Drop(_) | Want::Resume(_) => None,
        })
        .collect();
    assert_eq!(reads.len(), READS_MAX as usize);
    let page = Page { events: vec![Arc::new(message(1, "old"))], more: false, behind: 0 };
    world.shard.deliver(0, ToShard::Page { connection: id, read: reads[0].clone(), result: Ok(page) });
    world.turn(usize::MAX);
    assert!(world.wants.contains(&Want::Resume(slot)));
    assert!(world.written[&slot].contains("\"type\":\"history\""));
}

#[test]
fn the_population_is_counted_as_connections_come_and_go() {
    let mut world = World::new();
    let (slot, id) = world.json();
    let (_, _) = world.json();
    world.shard.broken(0, slot);
    world.shard.deliver(0, ToShard::Forget(id));
    let mut counted = Vec::new();
    world.shard.population.report(|via, protocol, change| counted.push((via, protocol, change)));
    assert_eq!(counted, [(Via::Tcp, "json", 1)]);
}
