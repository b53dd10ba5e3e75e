//! The rules of packets, each broken; the sockets of chat and relay; and what a cut of the stream must not change.

use crate::support::{World, masked};
use proptest::prelude::*;
use std::sync::Arc;
use switchboard_core::{
    Body, CloseReason, Code, Command, Epoch, Event, Realm, Reply, Sender, SessionId, Target, Time, UserId, Via, Welcome,
};
use switchboard_protocols::framing::websocket::frame::Opcode;
use switchboard_protocols::{Conversation, Language, encode};

fn connected() -> World {
    let mut world = World::websocket();
    world.say("40");
    world.heard();
    world
}

#[test]
fn what_breaks_the_rules_closes_the_connection() {
    for text in [
        "47",
        "4",
        "42{}",
        "42[]",
        "42abc[\"message-with-ack\"]",
        "42[null]",
        "42[\"connect\"]",
        "42[\"disconnect\"]",
        "42[\"newListener\"]",
        "40",
        "40[]",
        "41{}",
        "42/custom,[\"a\"]",
        "41/custom",
        "43/custom,1[]",
        "431{}",
        "44{\"message\":\"x\"}",
        "450-[\"a\"]",
        "4511-[\"a\"]",
        "45[\"a\"]",
        "451.5-[\"a\"]",
        "42[\"a\"",
        "2",
        "",
        "x",
        r#"451-["a",{"_placeholder":true,"num":1}]"#,
        r#"451-["a",{"_placeholder":true,"num":-1}]"#,
    ] {
        let mut world = connected();
        world.say(text);
        assert_eq!(world.end, Some(CloseReason::ProtocolError), "{text}");
    }
    let mut world = connected();
    world.say_bytes(&[1]);
    assert_eq!(world.end, Some(CloseReason::ProtocolError), "bytes that nothing announced");
    let mut world = connected();
    world.say(r#"451-["message",{"_placeholder":true,"num":0}]"#);
    world.say("42[\"message\"]");
    assert_eq!(world.end, Some(CloseReason::ProtocolError), "text where bytes were announced");
    let mut world = World::websocket();
    world.say("40[]");
    assert_eq!(world.end, Some(CloseReason::ProtocolError));
}

#[test]
fn what_is_strange_and_harmless_is_let_pass() {
    for text in [
        "42",
        "433",
        "431[]",
        "42[\"nobody listens\"]",
        "42[1,2]",
        "0",
        "5",
        "6",
        "3",
        "3probe",
        "42[\"message\",\"\\ud800\"]",
        r#"42["message",9007199254740993]"#,
    ] {
        let mut world = connected();
        world.say(text);
        assert_eq!(world.end, None, "{text}");
    }
    let mut world = connected();
    assert_eq!(world.say("42[\"message\",\"\\ud800\",1.0]"), ["42[\"message-back\",\"\\ud800\",1.0]"], "as it came");
    assert_eq!(world.say("451-[\"message\"]"), Vec::<String>::new());
    assert_eq!(world.say("bAQID").len(), 2, "base64 on a WebSocket is bytes, too");
}

#[test]
fn a_namespace_takes_the_clients_of_its_parser_and_the_first_packet_shows_which_one_they_have() {
    use switchboard_protocols::socketio::msgpack;
    let packed = |text: &str| msgpack::write(text, &[]);
    let mut text = World::websocket();
    text.heard();
    let words = "this namespace is for clients with the msgpack parser (socketio.parser)";
    let refusal = format!(r#"44/packed,{{"message":"{words}","data":{{"code":"bad_request"}}}}"#);
    assert_eq!(text.say("40/packed,"), [refusal]);
    assert!(text.say("40/plain,")[0].starts_with(r#"40/plain,{"sid":"#));
    assert!(text.say("40")[0].starts_with(r#"40{"sid":"#), "any other namespace takes everybody");
    text.say_bytes(&packed("0/packed,"));
    assert_eq!(text.end, Some(CloseReason::ProtocolError), "nobody changes the parser");
    let mut bytes = World::websocket();
    bytes.heard();
    let answers = |world: &mut World, text: &str| -> Vec<String> {
        let heard = world.say_bytes(&packed(text));
        let unpacked = |digits: &String| {
            let digits = digits.strip_prefix('b').expect("bytes are answered with bytes");
            let byte = |place| u8::from_str_radix(&digits[place..place + 2], 16).expect("digits");
            let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            msgpack::read(&bytes).expect("a packet").text
        };
        heard.iter().map(unpacked).collect()
    };
    let [refused] = &answers(&mut bytes, "0/plain,")[..] else { panic!("one answer") };
    assert!(refused.starts_with("4/plain,{") && refused.contains("with the default parser"), "{refused}");
    assert!(answers(&mut bytes, "0/packed,")[0].contains(r#"{"sid":"#));
    assert!(answers(&mut bytes, "0")[0].contains(r#"{"sid":"#), "any other namespace takes everybody");
    bytes.say("40/plain,");
    assert_eq!(bytes.end, Some(CloseReason::ProtocolError));
}

#[test]
fn sizes_are_bounded_with_a_visible_reason() {
    let mut world = connected();
    assert_eq!(world.say(&format!("42[\"message\",\"{}\"]", "x".repeat(1_000))), ["close 1009"]);
    assert_eq!(world.end, Some(CloseReason::FrameTooLarge));
    let mut world = connected();
    world.say(r#"453-["message",{"_placeholder":true,"num":0}]"#);
    world.say_bytes(&[0; 500]);
    world.say_bytes(&[0; 500]);
    assert_eq!(world.end, Some(CloseReason::FrameTooLarge), "a packet and its attachments count together");
}

fn welcome(resumed: bool) -> Reply {
    Reply::Welcome(Box::new(Welcome {
        reference: None,
        session: SessionId(7),
        token: "TOKEN".into(),
        epoch: Epoch(0xab),
        nick: "ada".into(),
        resumed,
        rooms: Vec::new(),
    }))
}

fn told(world: &mut World, branch: usize, reply: &Reply) -> Vec<String> {
    if let Some(frame) = world.branches[branch].reply(reply) {
        world.hear(frame.bytes());
    }
    world.heard()
}

#[test]
fn a_chat_socket_is_welcomed_with_its_session() {
    let mut world = World::websocket();
    world.heard();
    assert!(world.say(r#"40/chat,{"nick":"ada","pass":"open"}"#).is_empty(), "the core answers");
    let (branch, hello) = world.hello();
    assert_eq!((branch, hello.nick.as_deref(), hello.pass.as_deref()), (0, Some("ada"), Some("open")));
    let heard = told(&mut world, 0, &welcome(false));
    assert_eq!(heard[0], r#"40/chat,{"sid":"0000000000000007"}"#);
    assert!(heard[1].starts_with(r#"42/chat,["welcome",{"session":"0000000000000007""#), "{}", heard[1]);
    assert_eq!(heard.len(), 2, "no offset where nothing is recovered");
    world.say(r#"42/chat,12["message","hi"]"#);
    let (_, request) = world.requests.remove(0);
    assert_eq!(request.reference.as_deref(), Some("12"));
    let message = Command::Message { target: Target::Current, text: "hi".to_owned(), id: None, action: false };
    assert_eq!(request.command, message);
    let ack = Reply::Ack { reference: Some("12".into()), seq: Some(5), time: Some(Time(0)), duplicate: false };
    assert_eq!(told(&mut world, 0, &ack), [r#"43/chat,12[{"ok":true,"seq":5,"time":"1970-01-01T00:00:00.000Z"}]"#]);
    let refusal = Reply::Refused(Code::RateLimited.refuse(Some("13".into()), "slow down"));
    assert_eq!(
        told(&mut world, 0, &refusal),
        [r#"43/chat,13[{"ok":false,"code":"rate_limited","message":"slow down"}]"#]
    );
    assert_eq!(
        world.say(r#"42/chat,14["notice","forged"]"#),
        [r#"43/chat,14[{"ok":false,"code":"bad_request","message":"`notice` is not an event that can be passed on"}]"#]
    );
}

#[test]
fn who_is_refused_learns_why_and_may_ask_again() {
    let mut world = World::websocket();
    world.say("40/chat,");
    world.hello();
    let refusal = Reply::Refused(Code::PassRequired.refuse(None, "give the join code"));
    let heard = told(&mut world, 0, &refusal);
    assert_eq!(heard.last().unwrap(), r#"44/chat,{"message":"give the join code","data":{"code":"pass_required"}}"#);
    world.say(r#"40/chat,{"pass":"open"}"#);
    let (branch, hello) = world.hello();
    assert_eq!((branch, hello.pass.as_deref()), (0, Some("open")), "the same session asks");
    told(&mut world, 0, &welcome(false));
    world.say("40/chat,");
    assert_eq!(world.end, Some(CloseReason::ProtocolError), "it is in");
}

#[test]
fn recovery_keeps_the_ids_and_emits_nothing_by_itself() {
    let mut world = World::recovering();
    world.heard();
    world.say("40/relay,");
    let (_, hello) = world.hello();
    assert_eq!((hello.token, hello.since), (None, None));
    assert_eq!(told(&mut world, 0, &welcome(false)), [r#"40/relay,{"sid":"0000000000000007","pid":"TOKEN"}"#]);
    let mut world = World::recovering();
    world.heard();
    world.say(r#"40/relay,{"pid":"OLD","offset":"00000000000000ab.41"}"#);
    let (_, hello) = world.hello();
    assert_eq!((hello.token.as_deref(), hello.since), (Some("OLD"), Some(41)));
    assert_eq!(told(&mut world, 0, &welcome(true)), [r#"40/relay,{"sid":"0000000000000007","pid":"OLD"}"#]);
    let mut world = World::recovering();
    world.say(r#"40/relay,{"pid":"OLD"}"#);
    let (_, hello) = world.hello();
    assert_eq!((hello.token.as_deref(), hello.since), (Some("OLD"), None), "it was cut before its first event");
    for offset in ["\"00000000000000ac.41\"", "\"\"", "\"41\"", "\"x\"", "41", "{}"] {
        let mut world = World::recovering();
        world.say(&format!(r#"40/relay,{{"pid":"OLD","offset":{offset}}}"#));
        let (_, hello) = world.hello();
        assert_eq!(hello.since, Some(u64::MAX), "{offset}: no event had this position, so that it starts over");
    }
    for auth in [r#"{"pid":5,"offset":"00000000000000ab.41"}"#, r#"{"offset":"00000000000000ab.41"}"#] {
        let mut world = World::recovering();
        world.say(&format!("40/relay,{auth}"));
        let (_, hello) = world.hello();
        assert_eq!((hello.token, hello.since), (None, None), "{auth}");
    }
}

#[test]
fn recovery_is_for_who_asks_and_costs_nobody_else_anything() {
    let relayed = event(Body::Relay {
        name: "draw".into(),
        args: "[1]".into(),
        binary: Arc::default(),
        packed: None,
        from: sender(),
    });
    let plain = (r#"40/relay,{"sid":"0000000000000007"}"#, r#"42/relay,["draw",1]"#);
    let recovering =
        (r#"40/relay,{"sid":"0000000000000007","pid":"TOKEN"}"#, r#"42/relay,["draw",1,"00000000000000ab.9"]"#);
    for (mut world, auth, (connected, shown)) in [
        (World::usual(), "", plain),
        (World::usual(), r#"{"recover":false}"#, plain),
        (World::usual(), r#"{"recover":"yes"}"#, plain),
        (World::usual(), r#"{"recover":1}"#, plain),
        (World::usual(), r#"{"pid":"OLD","offset":"00000000000000ab.41"}"#, plain),
        (World::usual(), r#"{"recover":true}"#, recovering),
        (World::recovering(), "", recovering),
        (World::recovering(), r#"{"recover":true}"#, recovering),
        (World::recovering(), r#"{"recover":false}"#, plain),
    ] {
        world.heard();
        world.say(&format!("40/relay,{auth}"));
        assert_eq!(world.hello().1.token, None, "{auth}");
        assert_eq!(told(&mut world, 0, &welcome(false)), [connected], "{auth}");
        let frame = encode(&relayed, world.branches[0].dialect(), false).expect("it is shown");
        world.hear(frame.bytes());
        assert_eq!(world.heard(), [shown], "{auth}");
    }
}

#[test]
fn who_counts_messages_is_given_their_numbers() {
    let said = |room: &str| Event {
        room: Some(room.into()),
        ..event(Body::Message { seq: Some(7), id: None, from: sender(), to: None, text: "hi".into(), action: false })
    };
    let (bare, numbered) = (r#"42/bare,["chat message","hi"]"#, r#"42/bare,["chat message","hi",7]"#);
    for (auth, after, shown) in [
        ("", None, bare),
        (r#"{"serverOffset":null}"#, None, bare),
        (r#"{"serverOffset":"3"}"#, None, bare),
        (r#"{"serverOffset":0}"#, Some(0), numbered),
        (r#"{"serverOffset":6}"#, Some(6), numbered),
        (r#"{"serverOffset":-1}"#, Some(0), numbered),
        (r#"{"serverOffset":1e300}"#, Some(u64::MAX), numbered),
        (r#"{"serverOffset":6.0,"recover":true}"#, Some(6), r#"42/bare,["chat message","hi",7,"00000000000000ab.9"]"#),
    ] {
        let mut world = World::usual();
        world.heard();
        world.say(&format!("40/bare,{auth}"));
        assert_eq!(world.hello().1.after, after, "{auth}");
        let dialect = world.branches[0].dialect();
        world.hear(encode(&said("lobby"), dialect, false).expect("it is shown").bytes());
        assert_eq!(world.heard(), [shown], "{auth}");
        if !auth.contains("recover") {
            world.hear(encode(&said("dev"), dialect, false).expect("it is shown").bytes());
            assert_eq!(world.heard(), [bare], "numbers of one room are counted");
        }
    }
    let mut world = World::usual();
    world.say(r#"40/chat,{"serverOffset":0}"#);
    assert_eq!(world.hello().1.after, None, "the vocabulary has `history`");
}

#[test]
fn a_socket_that_the_server_ends_is_told_and_one_that_leaves_is_not() {
    let mut world = World::websocket();
    world.say("40/chat,");
    world.say("40/relay,");
    for branch in 0..2 {
        world.hello();
        told(&mut world, branch, &welcome(false));
    }
    world.say(r#"42/chat,["quit"]"#);
    assert_eq!(world.requests.remove(0).1.command, Command::Quit);
    let farewell = world.branches[0].farewell(CloseReason::Quit).expect("it is told");
    world.hear(farewell.bytes());
    assert_eq!(world.heard(), ["41/chat,"]);
    world.carrier.branch_ended(0);
    world.tick(299);
    assert_eq!(world.end, None, "another socket is there");
    world.say("42/chat,[\"message\",\"late\"]");
    assert_eq!((world.requests.len(), world.end), (0, None), "what it said before it knew");
    world.say("41/relay,");
    assert_eq!(world.requests.remove(0).1.command, Command::Quit);
    assert_eq!(world.branches[1].farewell(CloseReason::Quit), None);
    assert_eq!(world.end, None, "who leaves closes the connection itself");
}

#[test]
fn a_client_whose_last_socket_was_ended_has_time_to_close_the_connection() {
    for joins_again in [false, true] {
        let mut world = World::websocket();
        world.say("40/chat,");
        world.hello();
        told(&mut world, 0, &welcome(false));
        world.branches[0].farewell(CloseReason::Quit);
        world.carrier.branch_ended(world.now);
        for _ in 0..24 {
            world.tick(200);
            world.say("3");
        }
        assert_eq!(world.end, None, "4,800 milliseconds");
        if joins_again {
            world.say("40/relay,");
        }
        world.tick(200);
        assert_eq!(world.end, (!joins_again).then_some(CloseReason::Quit));
    }
}

fn event(body: Body) -> Event {
    Event { pos: 9, time: Time(0), room: Some("lobby".into()), body }
}

fn sender() -> Sender {
    Sender { nick: "bob".into(), session: SessionId(8), user: UserId(1), via: Via::Tcp, address: None }
}

#[test]
fn events_read_as_each_namespace_shows_them() {
    let message =
        event(Body::Message { seq: Some(3), id: None, from: sender(), to: None, text: "hi".into(), action: false });
    let binary = Arc::from(vec![Arc::from(vec![1_u8, 2].as_slice())]);
    let args = r#"[{"_placeholder":true,"num":0}]"#.into();
    let relayed = event(Body::Relay { name: "draw".into(), args, binary, packed: None, from: sender() });
    let forged = event(Body::Relay {
        name: "disconnect".into(),
        args: "[]".into(),
        binary: Arc::default(),
        packed: None,
        from: sender(),
    });
    let mut world = World::recovering();
    world.heard();
    for path in ["/chat", "/bare", "/relay"] {
        world.say(&format!("40{path},"));
    }
    let mut shown = |branch: usize, event: &Event| {
        let dialect = world.branches[branch].dialect();
        assert!(matches!(dialect.language, Language::SocketIo(Some(_))));
        if let Some(frame) = encode(event, dialect, false) {
            world.hear(frame.bytes());
        }
        world.heard()
    };
    let from = r#"{"nick":"bob","session":"0000000000000008","via":"tcp"}"#;
    assert_eq!(
        shown(0, &message),
        [format!(
            r#"42/chat,["message",{{"room":"lobby","seq":3,"from":{from},"text":"hi","time":"1970-01-01T00:00:00.000Z"}},"00000000000000ab.9"]"#
        )]
    );
    assert_eq!(shown(1, &message), [r#"42/bare,["chat message","hi","00000000000000ab.9"]"#]);
    assert!(shown(2, &message).is_empty());
    for (branch, path) in [(0, "/chat"), (1, "/bare"), (2, "/relay")] {
        let packet = format!(r#"451-{path},["draw",{{"_placeholder":true,"num":0}},"00000000000000ab.9"]"#);
        assert_eq!(shown(branch, &relayed), [packet.as_str(), "b0102"]);
        assert!(shown(branch, &forged).is_empty(), "the library would take it for its own");
    }
}

#[test]
fn a_relay_has_rooms_and_receivers() {
    let mut world = World::websocket();
    world.say("40/relay,");
    world.hello();
    told(&mut world, 0, &welcome(false));
    let mut asked = |text: &str| {
        world.say(text);
        world.requests.remove(0).1.command
    };
    assert_eq!(asked(r#"42/relay,["join","red"]"#), Command::Join { room: "red".to_owned() });
    assert_eq!(asked(r#"42/relay,["leave","red"]"#), Command::Leave { room: Some("red".to_owned()) });
    let relay = |to, room: Option<&str>| Command::Relay {
        name: "move".to_owned(),
        args: "[1,2]".into(),
        binary: Arc::default(),
        packed: None,
        to,
        room: room.map(str::to_owned),
    };
    assert_eq!(asked(r#"42/relay,["move",1,2]"#), relay(None, None));
    assert_eq!(asked(r#"42/relay,["to","red","move",1,2]"#), relay(None, Some("red")));
    assert_eq!(
        asked(r#"42/relay,["to","00000000000000ff","move",1,2]"#),
        relay(Some(SessionId(255)), Some("00000000000000ff"))
    );
    let _ = Realm(1);
}

proptest! {
    #[test]
    fn any_cut_of_the_stream_gives_the_same_acts(cuts in prop::collection::vec(1_usize..40, 1..40)) {
        let mut stream = Vec::new();
        for (opcode, payload) in [
            (Opcode::Text, "40"),
            (Opcode::Text, "42[\"message\",\"é😀\"]"),
            (Opcode::Text, "451-7[\"message-with-ack\",{\"_placeholder\":true,\"num\":0}]"),
            (Opcode::Binary, "bytes"),
            (Opcode::Ping, "x"),
            (Opcode::Text, "40/chat,{\"nick\":\"ada\"}"),
            (Opcode::Text, "42/chat,3[\"message\",\"hi\"]"),
            (Opcode::Text, "3"),
            (Opcode::Text, "42[\"connect\"]"),
        ] {
            stream.extend_from_slice(&masked(opcode, payload.as_bytes()));
        }
        let mut whole = World::websocket();
        whole.receive(&mut stream.clone());
        let mut cut = World::websocket();
        let mut rest = &stream[..];
        for length in cuts.iter().cycle() {
            if rest.is_empty() || cut.end.is_some() {
                break;
            }
            let (piece, more) = rest.split_at((*length).min(rest.len()));
            cut.receive(&mut piece.to_vec());
            rest = more;
        }
        prop_assert_eq!(whole.heard(), cut.heard());
        prop_assert_eq!(whole.requests, cut.requests);
        prop_assert_eq!(whole.end, cut.end);
    }
}

#[test]
fn a_socket_that_comes_speaks_and_goes_at_once_is_heard() {
    let mut world = World::polling();
    world.say("40/chat,\u{1e}42/chat,[\"message\",\"hi\"]\u{1e}41/chat,");
    assert_eq!(world.branches.len(), 1);
    let asked: Vec<_> = world.requests.iter().map(|(branch, request)| (*branch, &request.command)).collect();
    assert!(matches!(asked[..], [(0, Command::Hello(_)), (0, Command::Message { .. }), (0, Command::Quit)]));
}
