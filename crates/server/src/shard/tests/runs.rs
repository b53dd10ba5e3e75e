//! What comes together is given together, and reads as if it had come one by one.

use super::*;
use proptest::prelude::*;
use switchboard_core::Reply;

const HALL: RoomId = RoomId(2);
const MEMBERS: usize = 20;

/// What the engine may say of a connection, which is a number.
#[derive(Clone, Debug)]
enum Said {
    Message { room: RoomId, except: Vec<usize>, long: bool },
    Pong(usize),
    Own(usize),
    Attach(usize, RoomId),
    Detach(usize, RoomId),
    Current(usize, RoomId),
    Replay(usize),
    Close(usize),
}

fn said() -> impl Strategy<Value = Said> {
    let who = 0..MEMBERS;
    let room = prop_oneof![4 => Just(LOBBY), 1 => Just(HALL)];
    prop_oneof![
        12 => (room.clone(), prop::collection::vec(who.clone(), 0..3), any::<bool>())
            .prop_map(|(room, except, long)| Said::Message { room, except, long }),
        4 => who.clone().prop_map(Said::Pong),
        2 => who.clone().prop_map(Said::Own),
        1 => (who.clone(), room.clone()).prop_map(|(who, room)| Said::Attach(who, room)),
        1 => (who.clone(), room.clone()).prop_map(|(who, room)| Said::Detach(who, room)),
        1 => (who.clone(), room).prop_map(|(who, room)| Said::Current(who, room)),
        1 => who.clone().prop_map(Said::Replay),
        1 => who.prop_map(Said::Close),
    ]
}

/// A room with members of two protocols.
fn crowd() -> (World, Vec<u32>, Vec<ConnectionId>) {
    let mut world = World::new();
    world.shard.settings.gate_events = 1_000;
    world.shard.settings.gate_bytes = 1 << 20;
    world.shard.settings.outbox_bytes = 1 << 20;
    let (mut slots, mut ids) = (Vec::new(), Vec::new());
    for number in 0..MEMBERS {
        let (slot, id) = if number % 2 == 0 { world.json() } else { person(&mut world) };
        slots.push(slot);
        ids.push(id);
    }
    world.turn(usize::MAX);
    world.written.clear();
    (world, slots, ids)
}

fn person(world: &mut World) -> (u32, ConnectionId) {
    let (slot, id) = lasting::person(world);
    world.output(Output::Attach { connection: id, room: LOBBY, name: "lobby".into() });
    world.output(Output::Current { connection: id, room: Some(LOBBY) });
    (slot, id)
}

fn told(number: usize, said: &Said, ids: &[ConnectionId]) -> ToShard {
    let name = |room: RoomId| Arc::from(if room == LOBBY { "lobby" } else { "hall" });
    let output = match *said {
        Said::Message { room, ref except, long } => {
            let text = format!("message {number}{}", if long { " and more".repeat(40) } else { String::new() });
            let event = Event { room: Some(name(room)), ..message(number as Seq + 1, &text) };
            let except = except.iter().map(|who| ids[*who]).collect();
            return ToShard::Publish { room, event: Arc::new(Published::new(Arc::new(event))), except };
        }
        Said::Pong(who) => {
            Output::Reply { to: ids[who], reply: Reply::Pong { reference: None, time: Time(number as u64) } }
        }
        Said::Own(who) => {
            Output::Deliver { to: ids[who], event: Arc::new(message(number as Seq + 1, "own")), own: true }
        }
        Said::Attach(who, room) => Output::Attach { connection: ids[who], room, name: name(room) },
        Said::Detach(who, room) => Output::Detach { connection: ids[who], room },
        Said::Current(who, room) => Output::Current { connection: ids[who], room: Some(room) },
        Said::Replay(who) => {
            Output::Replay { connection: ids[who], room: name(LOBBY), after: 0, through: 1, pos: 1, time: Time(0) }
        }
        Said::Close(who) => Output::Close { connection: ids[who], reason: CloseReason::Quit },
    };
    ToShard::Output(output)
}

proptest! {
    #[test]
    fn together_or_one_by_one_everybody_reads_the_same(said in prop::collection::vec(said(), 1..120)) {
        let (mut one_by_one, slots, ids) = crowd();
        let (mut together, same_slots, same_ids) = crowd();
        prop_assert_eq!((&slots, &ids), (&same_slots, &same_ids));
        for (number, said) in said.iter().enumerate() {
            one_by_one.shard.deliver(0, told(number, said, &ids));
        }
        let mut all = said.iter().enumerate().map(|(number, said)| told(number, said, &ids));
        while together.shard.deliver_all(0, &mut all) {
            together.turn(usize::MAX);
        }
        one_by_one.turn(usize::MAX);
        together.turn(usize::MAX);
        for slot in slots {
            prop_assert_eq!(one_by_one.written.get(&slot), together.written.get(&slot));
        }
        prop_assert_eq!(one_by_one.shard.tally.deliveries, together.shard.tally.deliveries);
        prop_assert_eq!(one_by_one.told, together.told);
        prop_assert_eq!(together.shard.waiting_bytes, 0);
    }
}

#[test]
fn a_member_is_given_a_run_in_one_piece() {
    let (mut world, slots, ids) = crowd();
    let said = [1, 2, 3].map(|_| Said::Message { room: LOBBY, except: vec![2], long: false });
    let mut all = said.iter().enumerate().map(|(number, said)| told(number, said, &ids));
    assert!(!world.shard.deliver_all(0, &mut all));
    let mut slices = Vec::new();
    assert_eq!(world.shard.gather(slots[0], &mut slices), 1);
    assert_eq!(slices[0].iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(world.shard.gather(slots[2], &mut Vec::new()), 0);
    assert_eq!(world.shard.tally.deliveries, 3 * (MEMBERS as u64 - 1));
}

#[test]
fn a_run_is_written_before_it_fills_an_outbox() {
    let (mut world, slots, ids) = crowd();
    world.shard.settings.outbox_bytes = 16 * 1024;
    let said = vec![Said::Message { room: LOBBY, except: Vec::new(), long: true }; 400];
    let mut all = said.iter().enumerate().map(|(number, said)| told(number, said, &ids));
    let mut turns = 0;
    while world.shard.deliver_all(0, &mut all) {
        assert!(world.shard.load(slots[0]).expect("it is there").outbox_bytes <= 16 * 1024);
        world.turn(usize::MAX);
        turns += 1;
    }
    world.turn(usize::MAX);
    assert!(turns > 10, "{turns}");
    assert_eq!(world.seqs(slots[0]), (1..=400).collect::<Vec<_>>());
    assert_eq!(world.shard.tally.overflows, 0);
}
