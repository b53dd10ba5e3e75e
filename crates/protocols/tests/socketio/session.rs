//! What the official suites try, by their titles, as far as it needs no socket.

use crate::support::World;
use switchboard_core::CloseReason;

#[test]
fn successfully_opens_a_session() {
    let handshake = |upgrades| {
        format!(r#"0{{"sid":"SID","upgrades":{upgrades},"pingInterval":300,"pingTimeout":200,"maxPayload":1000}}"#)
    };
    assert_eq!(World::polling().heard(), [handshake(r#"["websocket"]"#)]);
    assert_eq!(World::websocket().heard(), [handshake("[]")]);
}

fn opened(mut world: World) -> World {
    world.heard();
    world
}

#[test]
fn allows_connection_to_the_main_and_to_a_custom_namespace_with_and_without_a_payload() {
    let mut world = opened(World::websocket());
    let [connect, auth] = &world.say("40")[..] else { panic!("a welcome and an event") };
    assert!(connect.starts_with(r#"40{"sid":""#) && connect.ends_with(r#""}"#), "only a sid: {connect}");
    assert_eq!(auth, r#"42["auth",{}]"#);
    let [connect, auth] = &world.say(r#"40/custom,{"token":"abc"}"#)[..] else { panic!("a welcome and an event") };
    assert!(connect.starts_with(r#"40/custom,{"sid":""#), "{connect}");
    assert_eq!(auth, r#"42/custom,["auth",{"token":"abc"}]"#);
    let mut world = opened(World::polling());
    assert_eq!(world.say(r#"40{"token":"abc"}"#)[1], r#"42["auth",{"token":"abc"}]"#);
    assert_eq!(world.say("40/custom")[1], r#"42/custom,["auth",{}]"#);
}

#[test]
fn disallows_connection_to_an_unknown_namespace() {
    let mut world = opened(World::websocket());
    for (path, said) in [("/random", "40/random"), ("/custom?x=1", "40/custom?x=1,{}"), ("/random", "40/random,")] {
        assert_eq!(world.say(said), [format!(r#"44{path},{{"message":"Invalid namespace"}}"#)]);
    }
    assert_eq!(world.end, None);
}

#[test]
fn disallows_connection_with_an_invalid_handshake() {
    let mut world = opened(World::websocket());
    world.say("4abc");
    assert_eq!(world.end, Some(CloseReason::ProtocolError));
}

#[test]
fn closes_the_connection_if_no_handshake_is_received() {
    let mut world = opened(World::websocket());
    for _ in 0..3 {
        world.tick(300);
        world.say("3");
    }
    world.tick(99);
    assert_eq!(world.end, None);
    world.tick(1);
    assert_eq!(world.end, Some(CloseReason::HandshakeTimeout));
}

#[test]
fn disconnects_from_the_main_namespace() {
    let mut world = opened(World::websocket());
    world.say("40");
    assert!(world.say("41").is_empty());
    world.tick(300);
    assert_eq!(world.heard(), ["2"], "the connection is still open");
    world.say("3");
    world.say("42[\"message\"]");
    assert_eq!(world.end, Some(CloseReason::ProtocolError), "it is not in the namespace any more");
}

#[test]
fn connects_then_disconnects_from_a_custom_namespace() {
    let mut world = opened(World::websocket());
    world.say("40");
    world.say("40/custom");
    assert!(world.say("41/custom").is_empty());
    assert_eq!(
        world.say(r#"42["message","message to main namespace"]"#),
        [r#"42["message-back","message to main namespace"]"#]
    );
}

#[test]
fn sends_plain_text_packets_with_and_without_an_acknowledgement() {
    let mut world = opened(World::websocket());
    world.say("40");
    assert_eq!(world.say(r#"42["message",1,"2",{"3":[true]}]"#), [r#"42["message-back",1,"2",{"3":[true]}]"#]);
    assert_eq!(world.say(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#), [r#"43456[1,"2",{"3":[false]}]"#]);
}

#[test]
fn sends_packets_with_attachments_with_and_without_an_acknowledgement() {
    let header = r#"["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let back = r#"["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let mut world = opened(World::websocket());
    world.say("40");
    assert!(world.say(&format!("452-{header}")).is_empty());
    assert!(world.say_bytes(&[1, 2, 3]).is_empty());
    assert_eq!(world.say_bytes(&[4, 5, 6]), [format!("452-{back}").as_str(), "b010203", "b040506"]);
    world.say(r#"452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    world.say_bytes(&[1, 2, 3]);
    assert_eq!(
        world.say_bytes(&[4, 5, 6]),
        [r#"462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#, "b010203", "b040506"]
    );
    let mut world = opened(World::polling());
    world.say("40");
    assert_eq!(
        world.say(&format!("452-{header}\u{1e}bAQID\u{1e}bBAUG")),
        [format!("452-{back}").as_str(), "bAQID", "bBAUG"]
    );
}

#[test]
fn several_packets_come_in_one_payload() {
    let mut world = opened(World::polling());
    let all = ["40", r#"42["message",1]"#, r#"42["message",2]"#].join("\u{1e}");
    let heard = world.say(&all);
    assert_eq!(heard[2..], [r#"42["message-back",1]"#, r#"42["message-back",2]"#]);
}

#[test]
fn sends_pings_and_hears_pongs() {
    for mut world in [opened(World::polling()), opened(World::websocket())] {
        world.say("40");
        for _ in 0..3 {
            world.tick(299);
            assert!(world.heard().is_empty());
            world.tick(1);
            assert_eq!(world.heard(), ["2"]);
            world.say("3");
        }
        assert_eq!(world.end, None);
    }
}

#[test]
fn closes_the_session_upon_ping_timeout() {
    for mut world in [opened(World::polling()), opened(World::websocket())] {
        world.say("40");
        world.tick(300);
        world.tick(200);
        assert_eq!(world.end, Some(CloseReason::Idle));
    }
    let mut world = opened(World::polling());
    world.say("40");
    world.tick(300);
    world.now += 200;
    world.say("3");
    assert_eq!(world.end, Some(CloseReason::Idle), "the timer is late, the answer too");
}

#[test]
fn forcefully_closes_the_session() {
    let mut world = opened(World::polling());
    assert_eq!(world.say("1"), ["6"], "the waiting poll is let go");
    assert_eq!(world.end, Some(CloseReason::PeerGone));
    let mut world = opened(World::websocket());
    assert_eq!(world.say("1"), ["close 1000"]);
    assert_eq!(world.end, Some(CloseReason::PeerGone));
}

#[test]
fn a_server_that_ends_a_polling_session_says_so() {
    let mut world = opened(World::polling());
    assert_eq!(world.say("2"), ["1"], "a ping has the wrong direction");
    assert_eq!(world.end, Some(CloseReason::ProtocolError));
}

#[test]
fn an_upgraded_session_goes_on_as_a_websocket() {
    use switchboard_protocols::{Conversation, Framing};
    let mut world = opened(World::polling());
    world.say("40");
    world.carrier.upgrade(world.now, Framing::WebSocket);
    assert_eq!(world.carrier.dialect().framing, Framing::WebSocket);
    let mut message =
        crate::support::masked(switchboard_protocols::framing::websocket::frame::Opcode::Text, br#"42["message","x"]"#);
    let mut acts = Vec::new();
    world.carrier.receive(world.now, &mut message, &mut acts).expect("it follows the rules");
    let [switchboard_protocols::Act::Send(frame)] = &acts[..] else { panic!("one answer: {acts:?}") };
    assert_eq!(frame.bytes(), &switchboard_protocols::framing::websocket::frame::text(r#"42["message-back","x"]"#));
}

#[test]
fn messages_are_compressed_both_ways_where_that_was_agreed_on() {
    use switchboard_protocols::framing::websocket::frame::{self, FrameHeader};
    use switchboard_protocols::framing::websocket::{Deflate, Window};
    let deflate = Deflate { window: Window::Full, bytes_min: 0 };
    // As a client sends it: a mask of zeros changes nothing.
    let compressed = |text: &str| {
        let made = deflate.compress(&frame::text(text));
        let (header, len) = FrameHeader::parse(&made, true).expect("good").expect("whole");
        assert!(header.compressed);
        [&FrameHeader { mask: Some([0; 4]), ..header }.encode(), &made[len..]].concat()
    };
    let words = "to be, or not to be ".repeat(20);
    let mut world = opened(World::compressing(100));
    world.say("40");
    world.receive(&mut compressed(&format!("42[\"message\",\"{words}\"]")));
    assert_eq!(world.heard(), [format!("42[\"message-back\",\"{words}\"]")]);
    assert!(world.heard_bytes < 100, "{} bytes were sent", world.heard_bytes);
    world.say("42[\"message\",\"short\"]");
    assert_eq!(world.heard_bytes, frame::text("42[\"message-back\",\"short\"]").len(), "too short for it");
    world.receive(&mut compressed(&format!("42[\"message\",\"{}\"]", "x".repeat(1_000))));
    assert_eq!((world.end, world.heard()), (Some(CloseReason::FrameTooLarge), vec!["close 1009".to_owned()]));
    let mut world = opened(World::compressing(100));
    world.receive(&mut [0xC1, 0x81, 0, 0, 0, 0, 0xFF]);
    assert_eq!((world.end, world.heard()), (Some(CloseReason::BadCompression), vec!["close 1007".to_owned()]));
    let mut world = opened(World::websocket());
    world.receive(&mut [0xC1, 0x81, 0, 0, 0, 0, 0]);
    assert_eq!((world.end, world.heard()), (Some(CloseReason::ProtocolError), vec!["close 1002".to_owned()]));
}
