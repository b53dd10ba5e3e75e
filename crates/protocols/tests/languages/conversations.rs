//! What a conversation does that no transcript can show: deadlines, sizes, and bytes that are no text.

use crate::samples;
use bytes::BytesMut;
use std::sync::Arc;
use switchboard_core::{CloseReason, Command, Request, Target};
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::framing::websocket::{Close, Decoder, Message, Role, client, frame::Opcode};
use switchboard_protocols::{Act, Conversation, Language, Settings};

fn settings() -> Arc<Settings> {
    Arc::new(Settings::default())
}

fn said(text: &str) -> Act {
    Act::Request(Request::plain(Command::Message {
        target: Target::Current,
        text: text.into(),
        id: None,
        action: false,
    }))
}

fn receive(conversation: &mut Box<dyn Conversation>, now: u64, bytes: &[u8]) -> Vec<Act> {
    let mut acts = Vec::new();
    conversation.receive(now, &mut bytes.to_vec(), &mut acts).unwrap();
    acts
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    client::put_message(&mut out, opcode, payload, [1, 2, 3, 4]);
    out.to_vec()
}

#[test]
fn a_pause_ends_a_message_until_the_first_line_end() {
    let mut text = conversation::stream_text(&settings());
    let mut acts = Vec::new();
    assert_eq!(text.deadline(), None);

    // Each byte puts the deadline off, and a single character has the longer one.
    assert_eq!(receive(&mut text, 1_000, b"H"), []);
    assert_eq!(text.deadline(), Some(11_000), "it may yet be HEAD");
    assert_eq!(receive(&mut text, 1_050, b"ello"), []);
    assert_eq!(text.deadline(), Some(1_150));
    text.tick(1_149, &mut acts).unwrap();
    assert_eq!(acts, []);
    text.tick(1_150, &mut acts).unwrap();
    assert_eq!(acts, [said("Hello")]);
    assert_eq!(text.deadline(), None);

    assert_eq!(receive(&mut text, 2_000, "é".as_bytes()), []);
    assert_eq!(text.deadline(), Some(5_000));
    // An unfinished character waits for its end, however long that takes.
    assert_eq!(receive(&mut text, 2_100, b"a\xE2\x82"), []);
    assert_eq!(text.deadline(), None);
    assert_eq!(receive(&mut text, 9_000, b"\xAC"), []);
    assert_eq!(text.deadline(), Some(9_100));
    text.resumed(20_000);
    assert_eq!(text.deadline(), Some(20_100), "while nothing was read there was no quiet");

    assert_eq!(receive(&mut text, 20_050, b"\nhalf"), [said("éa€")]);
    assert_eq!(text.deadline(), None, "after a line end only lines count");
    text.finish(&mut acts);
    assert_eq!(acts, [said("Hello")]);
}

#[test]
fn what_may_yet_be_http_or_json_is_waited_for_and_never_published() {
    for start in ["GET ", "{ ", "SSH"] {
        let mut text = conversation::stream_text(&settings());
        assert_eq!(receive(&mut text, 0, start.as_bytes()), []);
        assert_eq!(text.deadline(), Some(10_000));
        let mut acts = Vec::new();
        assert_eq!(text.tick(10_000, &mut acts), Err(CloseReason::HandshakeTimeout));
        text.finish(&mut acts);
        assert_eq!(acts, []);
    }
    let mut text = conversation::stream_text(&settings());
    let mut acts = receive(&mut text, 0, b"GET ");
    text.finish(&mut acts);
    assert_eq!(acts, [], "a request that was cut short");
    let mut text = conversation::stream_text(&settings());
    let mut acts = receive(&mut text, 0, b"GET");
    text.finish(&mut acts);
    assert_eq!(acts, [said("GET")], "a word, whole");
}

#[test]
fn the_end_of_the_stream_ends_a_message_but_not_inside_a_character() {
    for (bytes, last) in [
        (&b"Hello, Server!"[..], vec![said("Hello, Server!")]),
        (b"\r", vec![]),
        (b"", vec![]),
        (b"caf\xC3", vec![Act::Close(CloseReason::InvalidUtf8)]),
        (b"bell \x07", vec![said("bell ")]),
        (b"\xEF\xBB\xBF", vec![]),
        (b"\0\x05Hel", vec![]),
        (b"\xEF\xBB\xBF{\"type\":\"ping\"}\0", vec![Act::BecomeJson(b"\xEF\xBB\xBF{\"type\":\"ping\"}\0".to_vec())]),
    ] {
        let mut text = conversation::stream_text(&settings());
        let mut acts = receive(&mut text, 0, bytes);
        text.finish(&mut acts);
        assert_eq!(acts, last, "{}", bytes.escape_ascii());
    }
}

#[test]
fn binary_data_ends_a_text_stream_and_is_not_published() {
    for (bytes, reason) in [
        (&b"GET / HTTP/1.1\r\n"[..], CloseReason::HttpRequest),
        (b"\x16\x03\x01\x02\x00\x01", CloseReason::ProtocolError),
        (b"\0\0\0\n", CloseReason::ProtocolError),
        (b"\x01\x02\x03\n", CloseReason::ProtocolError),
        (b"JRMI\0\x02K", CloseReason::ProtocolError),
        (b"TNMP\x04\0\0\0TNME\0\0\x04\0", CloseReason::ProtocolError),
        (b"A\0\0\0:0\0\0\xff\xff\xff\xff", CloseReason::ProtocolError),
        (b"\0\x05Hello", CloseReason::LengthPrefixed),
        (b"\xFF\xFEh\0i\0\n\0", CloseReason::Utf16),
        (b"\xFF\xFE/\0p\0\n\0", CloseReason::Utf16),
        (b"\xFE\xFF\0h\0i\0\n", CloseReason::Utf16),
        (b"h\0i\0\n\0", CloseReason::Utf16),
        (b"\0h\0i\0\n", CloseReason::Utf16),
        (b"CONNECT host:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n", CloseReason::HttpRequest),
        (b"SSH-2.0-OpenSSH\r\n", CloseReason::ProtocolError),
        (b"a\xFF\xFFb\n", CloseReason::InvalidUtf8),
        (&[b'x'; 40_000], CloseReason::LineTooLong),
    ] {
        let mut text = conversation::stream_text(&settings());
        let mut acts = Vec::new();
        assert_eq!(text.receive(0, &mut bytes.to_vec(), &mut acts), Err(reason));
        assert_eq!(acts, []);
        text.receive(0, &mut b"more\n".to_vec(), &mut acts).unwrap();
        text.finish(&mut acts);
        assert_eq!(acts, [], "nothing after it counts");
    }
}

/// What a stream of text becomes, whole and byte by byte.
fn hears(stream: &[u8]) -> Vec<Act> {
    let mut bytewise = conversation::stream_text(&settings());
    let acts: Vec<_> = stream.iter().flat_map(|byte| receive(&mut bytewise, 0, &[*byte])).collect();
    assert_eq!(receive(&mut conversation::stream_text(&settings()), 0, stream), acts, "{}", stream.escape_ascii());
    acts
}

#[test]
fn what_nobody_sees_is_no_part_of_a_line() {
    let nick = |nick: &str| Act::Request(Request::plain(Command::Nick { nick: nick.into() }));
    let pass = || Act::Request(Request::plain(Command::Pass { code: "1234".into() }));
    for (stream, expected) in [
        (&b"Hello\0"[..], vec![said("Hello")]),
        (b"Hello\0\0\0\0\0\0\0\0", vec![said("Hello")]),
        (b"Hello\n\0\0\0\0\0/nick ada\0\0", vec![said("Hello"), nick("ada")]),
        (b"Hello\r\0/pass 1234\r\0", vec![said("Hello"), pass()]),
        (b"Hello\n\r/pass 1234\n\r", vec![said("Hello"), pass()]),
        (b"Hello\r/pass 1234\r", vec![said("Hello"), pass()]),
        (b"\xEF\xBB\xBF/nick ada\r\n", vec![nick("ada")]),
        (b"\xEF\xBB\xBFhi\n\xEF\xBB\xBF/nick ada\n", vec![said("hi"), nick("ada")]),
        ("\u{200B}\u{2060}hi\u{200B}\n\u{200E}/pass 1234\u{FEFF}\n".as_bytes(), vec![said("hi"), pass()]),
        (b"done\x07\n", vec![said("done")]),
        (b"\x07done\n", vec![said("done")]),
        (b"ab\x01cd\n", vec![said("ab\x01cd")]),
        (b"\n\0\0\r\0hi\n", vec![said("hi")]),
        ("❤\u{FE0F}\0👩\u{200D}💻\n".as_bytes(), vec![said("❤\u{FE0F}"), said("👩\u{200D}💻")]),
        ("\u{200B}\n\u{3164}\n\u{FE0F}\0".as_bytes(), vec![]),
    ] {
        assert_eq!(hears(stream), expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn an_object_is_json_whatever_nobody_sees_around_it() {
    let object = br#"{"type":"hello","token":"secret"}"#;
    for (before, after) in [
        (&b""[..], &b"\0"[..]),
        (b"\xEF\xBB\xBF", b"\n"),
        (b"\r", b"\r\0"),
        (b"\n\0 \xE2\x80\x8B ", b"\xEF\xBB\xBF\n"),
        (&b"\xE2\x80\x8B".repeat(20), b"\n"),
        (b"  ", b"\0\0\0\0"),
    ] {
        let stream = [before, object, after].concat();
        for piece in [1, 2, stream.len()] {
            let mut conversation = conversation::stream_text(&settings());
            let mut acts = Vec::new();
            for bytes in stream.chunks(piece) {
                for act in receive(&mut conversation, 0, bytes) {
                    match act {
                        Act::BecomeJson(bytes) => {
                            conversation = conversation::stream_json(&settings());
                            acts.extend(receive(&mut conversation, 0, &bytes));
                        }
                        act => acts.push(act),
                    }
                }
            }
            let [Act::Request(Request { command: Command::Hello(hello), .. })] = &acts[..] else { panic!("{acts:?}") };
            assert_eq!(hello.token.as_deref(), Some("secret"));
        }
    }
}

#[test]
fn a_first_word_for_help_is_answered_and_a_doubtful_one_has_to_be_said_twice() {
    for first in ["HELP", "help", "?"] {
        let acts = hears(format!("{first}\nhi\n{first}\n").as_bytes());
        let [Act::Send(help), hi, again] = &acts[..] else { panic!("{acts:?}") };
        assert!(String::from_utf8_lossy(help.bytes()).contains("/nick NAME"));
        assert_eq!((hi, again), (&said("hi"), &said(first)));
    }
    let acts = hears(b"stats\r\nstats\r\nstats\r\n");
    let [Act::Send(why), one, two] = &acts[..] else { panic!("{acts:?}") };
    assert!(String::from_utf8_lossy(why.bytes()).contains("not said"));
    assert_eq!((one, two), (&said("stats"), &said("stats")));
    // After a question, a request is still nobody's words.
    let mut text = conversation::stream_text(&settings());
    let mut acts = Vec::new();
    let result = text.receive(0, &mut b"HELP\r\nCONNECT x:1 HTTP/1.1\r\nHost: x\r\n".to_vec(), &mut acts);
    assert_eq!(result, Err(CloseReason::HttpRequest));
    let farewell = text.farewell(CloseReason::HttpRequest).expect("an answer");
    let answer = String::from_utf8_lossy(farewell.bytes()).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
}

#[test]
fn telnet_edits_the_line_and_is_told_that_somebody_is_here() {
    for (stream, expected) in [
        (&b"helo\xFF\xF7lo\r\n"[..], vec![said("hello")]),
        (b"secret\xFF\xF8hi\r\n", vec![said("hi")]),
        (b"/pas\x08ss\x7Fs 1234\r\0", vec![Act::Request(Request::plain(Command::Pass { code: "1234".into() }))]),
        ("é\u{8}❤\u{FE0F}\u{7F}\u{8}\u{8}x\n".as_bytes(), vec![said("x")]),
        // Break, interrupt, abort output, go ahead, no operation; a Synch is an interrupt and a data mark.
        (b"a\xFF\xF3b\xFF\xF4c\xFF\xF5d\xFF\xF9e\xFF\xF1f\xFF\xF4\xFF\xF2g\n", vec![said("abcdefg")]),
        (b"one\n\xFF\xF8\xFF\xF7two\n", vec![said("one"), said("two")]),
    ] {
        assert_eq!(hears(stream), expected, "{}", stream.escape_ascii());
    }
    let acts = hears(b"hal\xFF\xF6lo\n");
    let [Act::Send(here), message] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((&here.bytes()[..], message), (&b"-- Yes, the server is here.\n"[..], &said("hallo")));
}

#[test]
fn datagrams_and_websocket_messages_are_ended_by_zeros_too() {
    for (bytes, expected) in [
        (&b"Hello\0"[..], vec![said("Hello")]),
        (b"Hello\r\n\0\0\0\0", vec![said("Hello")]),
        (b"\xEF\xBB\xBFHello", vec![said("Hello")]),
        (b"one\0two\0\0", vec![said("one"), said("two")]),
        (b"\xEF\xBB\xBF{\"type\":\"ping\"}\0\0", vec![Act::Request(Request::plain(Command::Ping))]),
        (b"\0", vec![]),
    ] {
        assert_eq!(receive(&mut conversation::datagram(&settings(), None), 0, bytes), expected);
        let mut websocket = conversation::websocket(&settings(), None, None, 0);
        assert_eq!(receive(&mut websocket, 0, &masked(Opcode::Text, bytes)), expected);
    }
    let mut address = conversation::datagram(&settings(), None);
    for _ in 0..5 {
        assert_eq!(receive(&mut address, 0, b"X"), [], "netcat asks whether somebody is here");
    }
    assert_eq!(receive(&mut address, 0, b"X\n"), [said("X")]);
    assert_eq!(receive(&mut address, 0, b"X"), [said("X")]);
}

#[test]
fn telnet_is_answered_and_taken_out() {
    let mut text = conversation::stream_text(&settings());
    let acts = receive(&mut text, 0, b"\xFF\xFD\x01hi\r\n");
    let [Act::Send(answer), message] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!(&answer.bytes()[..], b"\xFF\xFC\x01");
    assert_eq!(*message, said("hi"));
}

#[test]
fn a_websocket_is_asked_after_silence_and_ends_without_an_answer() {
    let mut websocket = conversation::websocket(&settings(), None, Some(Choice::Json), 1_000);
    let mut acts = Vec::new();
    assert_eq!(websocket.deadline(), Some(26_000));
    websocket.tick(26_000, &mut acts).unwrap();
    let [Act::Send(ping)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!(&ping.bytes()[..], b"\x89\0");
    assert_eq!(websocket.deadline(), Some(46_000));

    receive(&mut websocket, 30_000, &masked(Opcode::Pong, b""));
    assert_eq!(websocket.deadline(), Some(55_000));
    // A tick that came late does not shorten the time to answer, and neither does a suspended reader.
    websocket.tick(100_000, &mut acts).unwrap();
    assert_eq!(websocket.deadline(), Some(120_000));
    websocket.resumed(119_000);
    assert_eq!(websocket.deadline(), Some(144_000));
    websocket.tick(144_000, &mut acts).unwrap();
    assert_eq!(websocket.tick(164_000, &mut acts), Err(CloseReason::Idle));
}

/// The messages in what a server sent.
fn decoded(bytes: &[u8]) -> Vec<Message<'static>> {
    let mut bytes = bytes.to_vec();
    let mut decoder = Decoder::new(Role::Client, 1 << 20);
    let mut input = &mut bytes[..];
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_message(&mut input).unwrap() {
        messages.push(match message {
            Message::Text(text) => Message::Text(text.into_owned().into()),
            Message::Close(Some(Close { code, reason })) => {
                Message::Close(Some(Close { code, reason: reason.into_owned().into() }))
            }
            other => panic!("{other:?}"),
        });
    }
    messages
}

#[test]
fn a_websocket_closes_with_its_reasons_code_and_says_it_once() {
    for reason in CloseReason::ALL {
        for choice in [None, Some(Choice::Text), Some(Choice::Json)] {
            let mut websocket = conversation::websocket(&settings(), None, choice, 0);
            let Some(frame) = websocket.farewell(*reason) else {
                assert_eq!(*reason, CloseReason::PeerGone);
                continue;
            };
            let messages = decoded(frame.bytes());
            let Some(Message::Close(Some(close))) = messages.last() else { panic!("{messages:?}") };
            assert_eq!(close.code.get(), reason.websocket_code());
            assert!(close.reason.starts_with(&format!("{}: ", reason.as_str())));
            let is_failure =
                [1002, 1003, 1007].contains(&reason.websocket_code()) || *reason == CloseReason::FrameTooLarge;
            assert_eq!(messages.len(), if choice.is_none() || is_failure { 1 } else { 2 }, "{reason:?}");
            assert_eq!(websocket.farewell(*reason), None);
        }
    }
}

#[test]
fn a_websockets_wire_errors_have_their_reasons() {
    let too_large = vec![b'x'; 70_000];
    for (bytes, reason) in [
        (masked(Opcode::Binary, b"x"), CloseReason::Unsupported),
        (masked(Opcode::Text, b"\xFF"), CloseReason::InvalidUtf8),
        (masked(Opcode::Text, b"CONNECT host:443 HTTP/1.1\r\n"), CloseReason::OtherProtocol),
        (masked(Opcode::Text, &too_large), CloseReason::FrameTooLarge),
        (b"\x81\x01x".to_vec(), CloseReason::ProtocolError),
    ] {
        let mut websocket = conversation::websocket(&settings(), None, None, 0);
        let mut acts = Vec::new();
        assert_eq!(websocket.receive(0, &mut bytes.clone(), &mut acts), Err(reason));
        assert_eq!(acts, []);
    }
}

#[test]
fn a_websockets_close_is_answered_with_its_code_and_nothing_more() {
    let mut websocket = conversation::websocket(&settings(), None, None, 0);
    let acts = receive(&mut websocket, 0, &masked(Opcode::Close, b"\x03\xE9bye"));
    let [Act::Send(answer), Act::Close(CloseReason::PeerGone)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!(&answer.bytes()[..], b"\x88\x02\x03\xE9");
    assert_eq!(websocket.farewell(CloseReason::ShuttingDown), None);
    assert_eq!(websocket.deadline(), None);
}

#[test]
fn the_first_message_of_a_websocket_or_an_address_decides_its_language() {
    for (first, language) in
        [(&b"{\"type\":\"ping\"}"[..], Language::Json), (b"hi", Language::Text(Settings::default().text_style))]
    {
        let mut websocket = conversation::websocket(&settings(), None, None, 0);
        receive(&mut websocket, 0, &masked(Opcode::Text, first));
        assert_eq!(websocket.dialect().language, language);
        let mut address = conversation::datagram(&settings(), None);
        receive(&mut address, 0, first);
        assert_eq!(address.dialect().language, language);
    }
}

#[test]
fn a_bad_first_datagram_is_nobodys_and_a_later_one_is_refused() {
    for bad in [&b"\xFF"[..], &[b'x'; 40_000]] {
        let mut address = conversation::datagram(&settings(), None);
        let mut acts = Vec::new();
        assert!(address.receive(0, &mut bad.to_vec(), &mut acts).is_err());
        assert_eq!(acts, []);
        assert_eq!(receive(&mut address, 0, b""), [], "an empty datagram says nothing");
        assert_eq!(receive(&mut address, 0, b"hi\n"), [said("hi")]);
        assert!(matches!(receive(&mut address, 0, bad)[..], [Act::Send(_)]));
    }
}

#[test]
fn every_answer_is_one_datagram_that_can_be_sent() {
    let mut address = conversation::datagram(&settings(), Some(Choice::Json));
    for reply in samples::replies() {
        let switchboard_core::Reply::Members { reference, room, members, .. } = &reply else { continue };
        let members = std::iter::repeat_n(members[0].clone(), 1_000).collect();
        let long = switchboard_core::Reply::Members {
            reference: reference.clone(),
            room: room.clone(),
            count: 1_000,
            members,
            more: false,
        };
        assert!(address.reply(&reply).unwrap().bytes().starts_with(b"{\"type\":\"members\""));
        let refused = address.reply(&long).unwrap();
        assert!(refused.bytes().starts_with(b"{\"type\":\"error\",\"ref\":\"1\",\"code\":\"not_here\""));
    }
}
