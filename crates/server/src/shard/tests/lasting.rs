//! What has to last: requests of a peer that sends no more, deadlines over a pause, the order behind a gate.

use super::*;
use switchboard_core::Reply;
use switchboard_core::output::HistoryQuery;

pub(super) fn person(world: &mut World) -> (u32, ConnectionId) {
    let opening = Opening {
        conversation: conversation::stream_text(&Arc::new(Speech::default())),
        via: Via::Tcp,
        address: None,
        observe: true,
        idle_ms: 0,
        head: Frame::default(),
    };
    let slot = world.shard.open(world.now, opening);
    world.turn(usize::MAX);
    (slot, world.shard.connections[slot as usize].id)
}

fn history() -> HistoryQuery {
    HistoryQuery { reference: None, room: "lobby".into(), range: HistoryRange::Latest, limit: 1 }
}

fn old(seqs: std::ops::RangeInclusive<Seq>, text: &str) -> Page {
    Page { events: seqs.map(|seq| Arc::new(message(seq, text))).collect(), more: false, behind: 0 }
}

#[test]
fn an_observer_that_begins_as_json_and_goes_is_ended_at_the_engine_too() {
    let mut world = World::new();
    let (slot, id) = person(&mut world);
    world.say(slot, "{\"type\":");
    world.shard.broken(world.now, slot);
    world.turn(usize::MAX);
    assert_eq!(world.told.last(), Some(&ToEngine::Disconnect { connection: id }));
}

#[test]
fn a_peer_that_sends_no_more_gets_its_page() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::History { to: id, query: history() });
    world.shard.end_of_input(world.now, slot);
    world.shard.deliver(world.now, ToShard::Forget(id));
    world.turn(usize::MAX);
    assert!(!world.wants.contains(&Want::Drop(slot)), "its page is still to come");
    let page = ToShard::Page { connection: id, read: Read::History(history()), result: Ok(old(1..=1, "old")) };
    world.shard.deliver(world.now, page);
    world.turn(usize::MAX);
    assert!(world.written[&slot].contains("\"type\":\"history\""));
    world.turn(usize::MAX);
    assert!(world.wants.contains(&Want::Drop(slot)));
}

#[test]
fn whoever_is_forgotten_hears_no_room_any_more() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.shard.blocked(slot);
    world.shard.end_of_input(world.now, slot);
    world.shard.deliver(world.now, ToShard::Forget(id));
    world.publish(message(1, "not for it"), &[]);
    world.shard.unblocked(slot);
    world.turn(usize::MAX);
    assert!(world.seqs(slot).is_empty());
    assert_eq!(world.shard.rooms(), 0);
}

#[test]
fn an_answer_does_not_overtake_what_is_behind_the_gate() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 1, pos: 9, time: Time(5) });
    world.publish(message(2, "live"), &[]);
    let reply = Reply::Ack { reference: None, seq: Some(3), time: None, duplicate: false };
    world.output(Output::Reply { to: id, reply });
    world.turn(usize::MAX);
    assert!(world.seqs(slot).is_empty());
    let read = Read::Replay { room: "lobby".into(), after: 0, through: 1 };
    world.shard.deliver(world.now, ToShard::Page { connection: id, read, result: Ok(old(1..=1, "old")) });
    world.turn(usize::MAX);
    assert_eq!(world.seqs(slot), [1, 2, 3]);
}

#[test]
fn a_page_that_is_larger_than_the_outbox_is_taken_in_pieces() {
    let mut world = World::new();
    let (slot, id) = world.json();
    let text = "x".repeat(900);
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 9, pos: 9, time: Time(5) });
    for _ in 0..9 {
        world.turn(usize::MAX);
        let Some(Want::Read(_, Read::Replay { room, after, through })) = world.wants.pop() else { break };
        let read = Read::Replay { room, after, through };
        let page = old(after + 1..=9, &text);
        world.shard.deliver(world.now, ToShard::Page { connection: id, read, result: Ok(page) });
    }
    world.turn(usize::MAX);
    assert_eq!(world.seqs(slot), (1..=9).collect::<Vec<_>>());
    assert!(world.shard.closed.is_empty());
}

#[test]
fn one_connection_may_have_asked_for_very_many_pages() {
    let mut world = World::new();
    let (slot, id) = world.json();
    for _ in 0..300 {
        world.output(Output::History { to: id, query: history() });
    }
    for _ in 0..300 {
        let page = ToShard::Page { connection: id, read: Read::History(history()), result: Ok(old(1..=1, "old")) };
        world.shard.deliver(world.now, page);
        world.turn(usize::MAX);
    }
    assert!(world.shard.may_read(slot));
}

#[test]
fn a_deadline_that_fell_into_a_pause_is_met_after_it() {
    let mut world = World::new();
    let (slot, _) = person(&mut world);
    world.shard.receive(world.now, slot, &mut b"first".to_vec());
    world.now += 200;
    world.shard.turn(world.now);
    // The engine takes nothing: the message waits in the shard, and what a read that was under way still gave, too.
    world.turn(0);
    world.shard.receive(world.now, slot, &mut b"second".to_vec());
    assert!(!world.shard.may_read(slot));
    world.now += 5_000;
    world.shard.turn(world.now);
    let told = world.told.len();
    world.turn(usize::MAX);
    assert_eq!(world.told.len(), told + 1, "the first message");
    world.now += 200;
    world.shard.turn(world.now);
    world.turn(usize::MAX);
    assert_eq!(world.told.len(), told + 2, "the second message");
}

#[test]
fn who_resumes_is_not_read_until_the_gate_is_gone() {
    let mut world = World::new();
    let (slot, id) = world.json();
    assert!(world.shard.may_read(slot));
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 1, pos: 9, time: Time(5) });
    assert!(!world.shard.may_read(slot), "its answers would fill the gate");
    let read = Read::Replay { room: "lobby".into(), after: 0, through: 1 };
    world.shard.deliver(world.now, ToShard::Page { connection: id, read, result: Ok(old(1..=1, "old")) });
    world.turn(usize::MAX);
    world.turn(usize::MAX);
    assert!(world.wants.contains(&Want::Resume(slot)));
    assert!(world.shard.may_read(slot));
    assert_eq!(world.seqs(slot), [1]);
}

#[test]
fn a_gate_does_not_stay_open_for_good() {
    let mut world = World::new();
    let (slot, id) = world.json();
    world.now = 5;
    world.output(Output::Replay { connection: id, room: "lobby".into(), after: 0, through: 1, pos: 9, time: Time(5) });
    for (now, closed) in [(5 + GATE_MS - 1, false), (5 + GATE_MS + 25, true)] {
        world.now = now;
        world.shard.turn(now);
        world.turn(usize::MAX);
        assert_eq!(world.shard.closed.contains(&CloseReason::GateOverflow), closed, "at {now}");
    }
    assert!(world.written[&slot].contains("gate_overflow"));
}
