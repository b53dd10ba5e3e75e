//! Sessions that another connection carries: what they are told moves to their carrier, whatever it travels on.

use super::*;
use crate::shard::cost::CostLimits;
use switchboard_core::{Command, Epoch, Realm, Reply, Welcome};
use switchboard_protocols::Framing;
use switchboard_protocols::conversation::{Carrier, Client, Sockets};
use switchboard_protocols::engineio;
use switchboard_protocols::framing::websocket::frame::Opcode;
use switchboard_protocols::framing::websocket::{Decoder, Deflate, Message, Role, Window, client};
use switchboard_protocols::socketio::{Extras, Namespace, Namespaces, RelayTo};

const DEFLATE: Deflate = Deflate { window: Window::Full, bytes_min: 500 };

/// A client with a socket in the chat and one in a relay.
struct Carried {
    world: World,
    carrier: u32,
    chat: ConnectionId,
    game: ConnectionId,
    /// Hears what is sent on a WebSocket.
    decoder: Decoder,
}

impl Carried {
    fn new(framing: Framing) -> Self {
        Self::with(framing, Extras::default())
    }

    fn with(framing: Framing, extras: Extras) -> Self {
        let list = vec![Namespace::chat("/"), Namespace::relay("/game", Realm(1), RelayTo::Others, extras)];
        let namespaces = Namespaces::new(list, None, Arc::default());
        let client = Client {
            session: engineio::Sid::new(0, 0, [0; 16]),
            takes_offsets: false,
            connect_by: 45_000,
            bytes_max: 10_000,
        };
        let upper = Box::new(Sockets::new(namespaces, client));
        let conversation = Box::new(Carrier::new(&Arc::default(), "SID".to_owned(), framing, false, upper, 0));
        let via = if framing == Framing::Polling { Via::Polling } else { Via::WebSocket };
        let mut world = World::new();
        let opening = Opening { conversation, via, address: None, observe: false, idle_ms: 0, head: Frame::default() };
        let carrier = world.shard.open(0, opening);
        world.shard.receive(0, carrier, &mut []);
        let none = ConnectionId(0);
        let decoder = Decoder::new(Role::Client, usize::MAX).inflating(true);
        let mut carried = Self { world, carrier, chat: none, game: none, decoder };
        for packet in ["40", "40/game,"] {
            carried.say(packet, framing);
        }
        let asked: Vec<ConnectionId> = carried
            .told()
            .iter()
            .filter(|message| matches!(message, ToEngine::Request { .. }))
            .map(ToEngine::connection)
            .collect();
        let [chat, game] = asked[..] else { panic!("both ask to come in") };
        (carried.chat, carried.game) = (chat, game);
        for (session, id) in [(11, chat), (12, game)] {
            let welcome = Welcome {
                reference: None,
                session: SessionId(session),
                token: "TOKEN".into(),
                epoch: Epoch(1),
                nick: "ada".into(),
                resumed: false,
                rooms: Vec::new(),
            };
            carried.world.output(Output::Reply { to: id, reply: Reply::Welcome(Box::new(welcome)) });
        }
        carried.world.output(Output::Attach { connection: chat, room: LOBBY, name: "lobby".into() });
        carried
    }

    fn say(&mut self, packet: &str, framing: Framing) {
        let mut bytes = packet.as_bytes().to_vec();
        if framing != Framing::Polling {
            let mut frame = bytes::BytesMut::new();
            client::put_message(&mut frame, Opcode::Text, packet.as_bytes(), [1, 2, 3, 4]);
            bytes = frame.to_vec();
        }
        self.world.shard.receive(self.world.now, self.carrier, &mut bytes);
    }

    /// What the engine was told since this was last asked.
    fn told(&mut self) -> Vec<ToEngine> {
        let mut told = Vec::new();
        self.world.shard.hand_over(self.world.now, |message| {
            told.push(message);
            Ok(())
        });
        told
    }

    /// What the driver does with a poll that waits.
    fn poll(&mut self) -> Vec<String> {
        self.world.shard.unblocked(self.carrier);
        self.world.shard.take_dirty(&mut Vec::new());
        let payload = self.world.shard.payload(self.carrier).unwrap_or_default();
        self.world.shard.answered(self.carrier);
        String::from_utf8(payload).expect("text").split('\u{1e}').map(str::to_owned).collect()
    }

    /// What the driver does where no poll waits.
    fn nobody_polls(&mut self) {
        self.world.shard.take_dirty(&mut Vec::new());
        self.world.shard.unclaimed(self.carrier);
    }

    /// What the driver does with a socket that takes everything; each message, and the bytes of all of them.
    fn write(&mut self) -> (Vec<String>, usize) {
        let mut bytes = Vec::new();
        loop {
            let mut dirty = Vec::new();
            self.world.shard.take_dirty(&mut dirty);
            if !dirty.contains(&self.carrier) {
                break;
            }
            let mut slices = Vec::new();
            self.world.shard.gather(self.carrier, &mut slices);
            let piece: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.world.shard.wrote(self.carrier, piece.len());
            self.world.shard.written(self.carrier);
            bytes.extend(piece);
        }
        let len = bytes.len();
        let mut input = &mut bytes[..];
        let mut heard = Vec::new();
        while let Some(message) = self.decoder.next_message(&mut input).expect("good frames") {
            match message {
                Message::Text(text) => heard.push(text.into_owned()),
                other => panic!("{other:?}"),
            }
        }
        (heard, len)
    }

    fn publish(&mut self, seq: Seq, text: &str) {
        self.world.publish(message(seq, text), &[]);
    }
}

/// The texts of chat messages among packets, in order.
fn texts(packets: &[String]) -> Vec<String> {
    let event = |packet: &String| serde_json::from_str::<serde_json::Value>(packet.strip_prefix("42")?).ok();
    let said = packets.iter().filter_map(event).filter(|event| event[0] == "message");
    said.map(|event| event[1]["text"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn what_branches_are_told_is_in_one_payload_in_order() {
    let mut carried = Carried::new(Framing::Polling);
    carried.publish(1, "one");
    carried.publish(2, "two");
    let packets = carried.poll();
    assert!(packets[0].starts_with("0{\"sid\":\"SID\""), "{packets:?}");
    assert!(packets.iter().any(|packet| packet.starts_with("40{\"sid\":")), "{packets:?}");
    assert!(packets.iter().any(|packet| packet.starts_with("40/game,{\"sid\":")), "{packets:?}");
    assert_eq!(texts(&packets), ["one", "two"]);
    assert_eq!(carried.poll(), [""], "nothing is told twice");
    assert_eq!(carried.world.shard.waiting_bytes(), 0);
}

#[test]
fn an_upgrade_carries_over_what_waits_once_and_in_order() {
    for framing in [Framing::WebSocket, Framing::WebSocketDeflate(DEFLATE)] {
        let mut carried = Carried::new(Framing::Polling);
        carried.poll();
        carried.publish(1, "before");
        carried.nobody_polls();
        carried.publish(2, "between");
        carried.told();
        carried.world.shard.upgrade(0, carried.carrier, framing);
        let told = carried.told();
        let vias: Vec<_> = told
            .iter()
            .map(|message| match message {
                ToEngine::Connect { connection, peer, observe: false } => (*connection, peer.via),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(vias, [(carried.chat, Via::WebSocket), (carried.game, Via::WebSocket)], "they speak otherwise now");
        carried.publish(3, "after");
        let (packets, _) = carried.write();
        assert_eq!(texts(&packets), ["before", "between", "after"], "{framing:?}");
        carried.publish(4, &"to be, or not to be ".repeat(100));
        let (packets, bytes) = carried.write();
        assert_eq!(texts(&packets).len(), 1);
        assert_eq!(bytes < 500, framing != Framing::WebSocket, "{bytes} bytes");
        assert_eq!(carried.world.shard.waiting_bytes(), 0);
    }
}

#[test]
fn what_a_gate_holds_is_carried_over_too() {
    let mut carried = Carried::new(Framing::Polling);
    carried.poll();
    carried.world.output(Output::Replay {
        connection: carried.chat,
        room: "lobby".into(),
        after: 0,
        through: 1,
        pos: 9,
        time: Time(5),
    });
    carried.publish(2, "live");
    carried.world.shard.upgrade(0, carried.carrier, Framing::WebSocketDeflate(DEFLATE));
    assert!(carried.write().0.is_empty(), "nothing before what was missed");
    let page = Page { events: vec![Arc::new(message(1, "missed"))], more: false, behind: 0 };
    let read = Read::Replay { room: "lobby".into(), after: 0, through: 1 };
    carried.world.shard.deliver(0, ToShard::Page { connection: carried.chat, read, result: Ok(page) });
    assert_eq!(texts(&carried.write().0), ["missed", "live"]);
}

#[test]
fn a_carrier_that_is_slow_holds_its_branches_up_and_loses_nothing() {
    let mut carried = Carried::new(Framing::WebSocket);
    carried.write();
    let words: Vec<String> = (1..=10).map(|number| format!("{number}{}", "x".repeat(200))).collect();
    for (seq, text) in (1..).zip(&words) {
        carried.publish(seq, text);
        carried.world.shard.take_dirty(&mut Vec::new());
        carried.world.shard.blocked(carried.carrier);
    }
    let load = carried.world.shard.load(carried.carrier).expect("it is there");
    assert!(load.outbox_bytes <= settings().outbox_bytes / 4 + 500, "{load:?}");
    carried.world.shard.unblocked(carried.carrier);
    assert_eq!(texts(&carried.write().0), words);
    assert_eq!(carried.world.shard.waiting_bytes(), 0);
}

#[test]
fn a_socket_that_disconnects_leaves_the_others_alone() {
    let mut carried = Carried::new(Framing::WebSocket);
    carried.write();
    carried.say("41/game,", Framing::WebSocket);
    let told = carried.told();
    let [ToEngine::Request { connection, request }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*connection, &request.command), (carried.game, &Command::Quit));
    carried.world.output(Output::Close { connection: carried.game, reason: CloseReason::Quit });
    carried.write();
    assert_eq!(carried.told(), [ToEngine::Disconnect { connection: carried.game }]);
    carried.world.shard.deliver(0, ToShard::Forget(carried.game));
    carried.publish(1, "still here");
    assert_eq!(texts(&carried.write().0), ["still here"]);
}

#[test]
fn who_ends_a_socket_says_so_on_it_alone_and_who_ends_the_carrier_ends_all() {
    let mut carried = Carried::new(Framing::WebSocket);
    carried.write();
    carried.world.output(Output::Close { connection: carried.game, reason: CloseReason::TakenOver });
    assert_eq!(carried.write().0, ["41/game,"]);
    assert!(carried.world.shard.is_open(carried.carrier));
    let mut carried = Carried::new(Framing::WebSocket);
    carried.told();
    carried.world.shard.broken(0, carried.carrier);
    let mut ended: Vec<_> = carried.told().iter().map(ToEngine::connection).collect();
    ended.sort_unstable_by_key(|id| id.0);
    assert_eq!(ended, [carried.chat, carried.game]);
    carried.world.turn(usize::MAX);
    for id in [carried.chat, carried.game] {
        carried.world.shard.deliver(0, ToShard::Forget(id));
    }
    carried.world.turn(usize::MAX);
    assert!(carried.world.shard.is_empty());
}

#[test]
fn a_session_that_does_not_answer_is_closed_when_a_request_shows_that_its_time_is_over() {
    let mut carried = Carried::new(Framing::Polling);
    carried.poll();
    let settings = engineio::Settings::default();
    carried.world.shard.turn(settings.ping_interval_ms);
    assert_eq!(carried.poll(), ["2"]);
    let late = settings.ping_interval_ms + settings.ping_timeout_ms;
    carried.world.shard.meet_deadline(late - 1, carried.carrier);
    assert!(carried.world.shard.is_open(carried.carrier));
    carried.world.shard.meet_deadline(late, carried.carrier);
    assert!(!carried.world.shard.is_open(carried.carrier));
    assert_eq!(carried.world.shard.closed[0], CloseReason::Idle);
}

/// An event of a relay, whose one argument is this.
fn relayed(pos: u64, args: &str, attachments: usize) -> Event {
    let from = Sender { nick: "bob".into(), session: SessionId(9), user: UserId(9), via: Via::Tcp, address: None };
    let binary = (0..attachments).map(|_| Arc::from([7_u8].as_slice())).collect::<Vec<_>>().into();
    let body = Body::Relay { name: "draw".into(), args: args.into(), binary, packed: None, from };
    Event { pos, time: Time(0), room: None, body }
}

#[test]
fn a_poll_is_answered_with_as_many_packets_as_every_client_takes_and_the_rest_waits_for_the_next() {
    for (events, polls) in [(15, vec![15]), (16, vec![16]), (17, vec![16, 1]), (40, vec![16, 16, 8])] {
        let mut carried = Carried::new(Framing::Polling);
        carried.poll();
        for pos in 1..=events {
            let event = Arc::new(relayed(pos, &format!("[{pos}]"), 0));
            carried.world.output(Output::Deliver { to: carried.game, event, own: false });
        }
        let packets: Vec<Vec<String>> = polls.iter().map(|_| carried.poll()).collect();
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), polls);
        let expected: Vec<String> = (1..=events).map(|pos| format!("42/game,[\"draw\",{pos}]")).collect();
        assert_eq!(packets.concat(), expected, "nothing is lost");
        assert_eq!(carried.poll(), [""]);
        assert_eq!(carried.world.shard.waiting_bytes(), 0);
    }
}

#[test]
fn attachments_are_packets_and_a_frame_is_parted_between_two_polls() {
    let mut carried = Carried::new(Framing::Polling);
    carried.poll();
    for pos in 1..=2 {
        let event = Arc::new(relayed(pos, "[]", 9));
        carried.world.output(Output::Deliver { to: carried.game, event, own: false });
    }
    let first = carried.poll();
    assert_eq!(first.len(), 16);
    assert_eq!(first[10], r#"459-/game,["draw"]"#);
    // What is left goes to the WebSocket, if one takes over in between.
    carried.nobody_polls();
    let mut upgraded = Vec::new();
    carried.world.shard.upgrade(0, carried.carrier, Framing::WebSocketBase64);
    upgraded.extend(carried.write().0);
    assert_eq!(upgraded, ["bBw=="; 4]);
    assert_eq!(carried.world.shard.waiting_bytes(), 0);
}

#[test]
fn a_session_that_ends_is_polled_to_its_last_packet() {
    let mut carried = Carried::new(Framing::Polling);
    carried.poll();
    for seq in 1..=20 {
        carried.publish(seq, "x");
    }
    carried.world.shard.end(0, carried.carrier, CloseReason::ShuttingDown);
    let (first, second) = (carried.poll(), carried.poll());
    assert_eq!((first.len(), texts(&[first, second.clone()].concat()).len()), (16, 20));
    assert_eq!(second.last().map(String::as_str), Some("1"), "and then it is closed: {second:?}");
}

#[test]
fn what_was_missed_is_given_as_fast_as_it_is_taken() {
    for framing in [Framing::Polling, Framing::WebSocket] {
        let mut carried = Carried::new(framing);
        let read = |carried: &mut Carried| match framing {
            Framing::Polling => carried.poll(),
            _ => carried.write().0,
        };
        read(&mut carried);
        // Ten times what an outbox holds.
        let text = format!("[\"{}\"]", "x".repeat(1_000));
        let events = (1..=40).map(|pos| (Arc::new(relayed(pos, &text, 0)), false)).collect();
        carried.world.output(Output::Recover { connection: carried.game, events });
        let live = Arc::new(relayed(41, "[\"live\"]", 0));
        carried.world.output(Output::Deliver { to: carried.game, event: live, own: false });
        let mut heard = Vec::new();
        loop {
            let packets = read(&mut carried);
            assert!(carried.world.shard.waiting_bytes() <= 2 * settings().outbox_bytes);
            if packets.iter().all(String::is_empty) {
                break;
            }
            heard.extend(packets);
        }
        assert_eq!(heard.len(), 41, "{framing:?}");
        assert_eq!(heard[40], r#"42/game,["draw","live"]"#);
        assert!(carried.world.shard.closed.is_empty() && carried.world.shard.is_open(carried.carrier));
        assert!(!carried.world.shard.is_held(carried.carrier), "it is read again");
    }
}

#[test]
fn namespaces_begin_at_a_bounded_rate_and_a_client_that_joins_and_leaves_without_end_is_closed() {
    let costs = || CostLimits {
        // Two are 800 units, and the two of the beginning are paid for by then.
        work: switchboard_core::cost::Rate::per_second(400, 800),
        ..Default::default()
    };
    let mut carried = Carried::new(Framing::WebSocket);
    carried.write();
    carried.world.shard.settings.costs = costs();
    let joins =
        |carried: &mut Carried| carried.told().iter().filter(|told| matches!(told, ToEngine::Connect { .. })).count();
    for _ in 0..5 {
        carried.say("41/game,", Framing::WebSocket);
        carried.say("40/game,", Framing::WebSocket);
    }
    assert_eq!(joins(&mut carried), 3, "two, and one that is paid for later");
    assert!(!carried.world.shard.may_read(carried.carrier));
    for (now, begun) in [(900, 0), (1_010, 1), (1_900, 0), (2_010, 1), (60_000, 0)] {
        carried.world.now = now;
        carried.world.shard.turn(now);
        assert_eq!(joins(&mut carried), begun, "at {now}");
    }
    assert!(carried.world.shard.may_read(carried.carrier));
    for _ in 0..64 {
        carried.say("41/game,", Framing::WebSocket);
        carried.say("40/game,", Framing::WebSocket);
    }
    assert_eq!(carried.world.shard.closed.first(), Some(&CloseReason::ProtocolError));
    assert!(!carried.world.shard.is_open(carried.carrier));
}

#[test]
fn a_socket_of_a_volatile_namespace_that_does_not_keep_up_is_left_out_and_not_closed() {
    for volatile in [false, true] {
        let mut carried = Carried::with(Framing::WebSocket, Extras { volatile, ..Extras::default() });
        carried.write();
        let game = carried.game;
        carried.world.output(Output::Attach { connection: game, room: RoomId(2), name: "/game".into() });
        let args = format!("[\"{}\"]", "x".repeat(500));
        for pos in 1..=20 {
            let event = Arc::new(relayed(pos, &args, 0));
            if pos % 2 == 0 {
                carried.world.output(Output::Deliver { to: game, event, own: false });
            } else {
                let event = Arc::new(Published::new(event));
                carried.world.shard.deliver(0, ToShard::Publish { room: RoomId(2), event, except: SmallVec::new() });
            }
            carried.world.shard.take_dirty(&mut Vec::new());
            carried.world.shard.blocked(carried.carrier);
        }
        assert_eq!(carried.world.shard.is_open(carried.carrier), volatile);
        if volatile {
            assert_eq!(carried.world.shard.tally.skipped, 19, "a quarter of 4,096 bytes has room for one of 524");
            carried.publish(1, "what is said in the chat is not left out");
            carried.world.shard.unblocked(carried.carrier);
            assert_eq!(carried.write().0.len(), 2);
            let event = Arc::new(relayed(21, "[\"again\"]", 0));
            carried.world.output(Output::Deliver { to: game, event, own: false });
            assert_eq!(carried.write().0, [r#"42/game,["draw","again"]"#]);
        }
    }
}

#[test]
fn a_client_whose_last_socket_the_server_ended_closes_the_connection_or_has_it_closed() {
    for framing in [Framing::Polling, Framing::WebSocket] {
        let mut carried = Carried::new(framing);
        carried.told();
        for connection in [carried.game, carried.chat] {
            carried.world.output(Output::Close { connection, reason: CloseReason::Quit });
        }
        let packets = match framing {
            Framing::Polling => carried.poll(),
            _ => carried.write().0,
        };
        for told in ["41/game,", "41"] {
            assert!(packets.iter().any(|packet| packet == told), "each is told: {packets:?}");
        }
        carried.world.shard.turn(4_999);
        assert!(carried.world.shard.is_open(carried.carrier), "{framing:?}");
        carried.world.shard.turn(5_000);
        assert!(!carried.world.shard.is_open(carried.carrier), "{framing:?}");
    }
}
