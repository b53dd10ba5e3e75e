//! What holds for any input: cuts change nothing, nothing panics, and what we say is well formed.

use crate::samples;
use proptest::prelude::*;
use std::sync::Arc;
use switchboard_core::{Body, CloseReason, Event, Reply};
use switchboard_protocols::first::is_foreign_control;
use switchboard_protocols::framing::websocket::{client, frame::Opcode};
use switchboard_protocols::text::clean::is_forbidden;
use switchboard_protocols::{Act, Conversation, Dialect, Framing, Language, Settings, TextStyle, conversation, encode};

/// What came of a stream: requests, and the end if it came. Bytes for a JSON conversation are given to one.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    acts: Vec<Act>,
    sent: Vec<u8>,
    /// Answers to telnet negotiations, which are taken out before anything else is looked at: they may overtake what
    /// came before them in the same piece.
    negotiated: Vec<u8>,
    became_json: bool,
    end: Option<CloseReason>,
}

fn settings() -> Arc<Settings> {
    Arc::new(Settings { line_bytes: 40, frame_bytes: 60, ..Settings::default() })
}

/// Feeds a stream in pieces, all at the same moment, and then ends it.
fn feed(mut conversation: Box<dyn Conversation>, stream: &[u8], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rest = stream;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() && outcome.end.is_none() {
        let len = cuts.next().map_or(rest.len(), |cut| (*cut).min(rest.len()));
        let (piece, after) = rest.split_at(len);
        rest = after;
        let mut acts = Vec::new();
        outcome.end = conversation.receive(7, &mut piece.to_vec(), &mut acts).err();
        take(&mut conversation, acts, &mut outcome);
    }
    if outcome.end.is_none() {
        let mut acts = Vec::new();
        conversation.finish(&mut acts);
        take(&mut conversation, acts, &mut outcome);
    }
    if outcome.end.is_some() {
        outcome.negotiated.clear();
    }
    outcome
}

fn take(conversation: &mut Box<dyn Conversation>, acts: Vec<Act>, outcome: &mut Outcome) {
    for act in acts {
        match act {
            Act::Send(frame) if frame.bytes().starts_with(b"\xFF") => {
                outcome.negotiated.extend_from_slice(frame.bytes());
            }
            Act::Send(frame) => outcome.sent.extend_from_slice(frame.bytes()),
            Act::BecomeJson(mut bytes) => {
                outcome.became_json = true;
                *conversation = conversation::stream_json(&settings());
                let mut acts = Vec::new();
                outcome.end = conversation.receive(7, &mut bytes, &mut acts).err();
                take(conversation, acts, outcome);
            }
            Act::Branch(..) => unreachable!("only an Engine.IO session carries others"),
            Act::Close(reason) => outcome.end = Some(reason),
            act @ Act::Request(_) => outcome.acts.push(act),
        }
    }
}

/// Bytes that streams are made of: pieces that mean something, and bytes that mean nothing.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![
            &b"\n"[..],
            b"\r\n",
            b"hi",
            "é😀".as_bytes(),
            b"/nick ada",
            b"/help",
            b"{",
            b"{\"type\":\"ping\"}",
            b" ",
            b"\xFF\xFD\x01",
            b"\xFF\xFF",
            b"GET ",
            b"/ HTTP/1.1",
            b"\0",
            b"\x16\x03",
            b"SSH-",
            b"{\"type\":",
            b"}",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..6),
        prop::collection::vec(b'a'..=b'z', 0..30),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..9, 1..6)
}

/// Whether a stream may have a first string of C whose meaning depends on what came together with it: binary data, or
/// characters of UTF-16.
fn is_judged_with_what_follows(stream: &[u8]) -> bool {
    let is_text = str::from_utf8(stream).is_ok() && !stream.iter().any(|byte| *byte != 0 && is_foreign_control(*byte));
    stream.contains(&0) && (!is_text || stream.get(1) == Some(&0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_cut_of_a_stream_gives_the_same(stream in stream(), cuts in cuts()) {
        if is_judged_with_what_follows(&stream) {
            return Ok(());
        }
        for make in [conversation::stream_text, conversation::stream_text_only, conversation::stream_json] {
            let whole = feed(make(&settings()), &stream, &[]);
            // Telnet is spoken by people's clients. What is found before it is known that a program speaks is taken
            // out, and after that it is not UTF-8: nobody sends both.
            if whole.became_json && stream.contains(&0xFF) {
                continue;
            }
            prop_assert_eq!(&feed(make(&settings()), &stream, &cuts), &whole);
            prop_assert_eq!(&feed(make(&settings()), &stream, &[1]), &whole);
        }
    }

    #[test]
    fn any_cut_of_a_websocket_gives_the_same(messages in prop::collection::vec((piece(), 0_u8..20), 0..6), cuts in cuts()) {
        let mut stream = bytes::BytesMut::new();
        for (payload, kind) in &messages {
            let opcode = match kind {
                0 => Opcode::Binary,
                1 => Opcode::Ping,
                2 => Opcode::Close,
                _ => Opcode::Text,
            };
            client::put_message(&mut stream, opcode, payload, [1, 2, 3, *kind]);
        }
        let make = || conversation::websocket(&settings(), None, None, 0);
        let whole = feed(make(), &stream, &[]);
        prop_assert_eq!(&feed(make(), &stream, &cuts), &whole);
    }

    #[test]
    fn bytes_never_cause_a_panic(pieces in prop::collection::vec(stream(), 0..4), pause in 0_u64..5_000) {
        for mut conversation in [
            conversation::stream_text(&settings()),
            conversation::stream_json(&settings()),
            conversation::websocket(&settings(), None, None, 0),
            conversation::datagram(&settings(), None),
        ] {
            let (mut now, mut acts) = (0, Vec::new());
            for piece in &pieces {
                now += pause;
                if conversation.receive(now, &mut piece.clone(), &mut acts).is_err()
                    || conversation.tick(now + pause, &mut acts).is_err()
                {
                    break;
                }
            }
            conversation.finish(&mut acts);
            conversation.farewell(CloseReason::ProtocolError);
        }
    }

    #[test]
    fn what_people_write_is_safe_and_well_formed(
        nick in any::<String>(),
        text in prop::collection::vec(any::<char>(), 0..50),
        elsewhere: bool,
        own: bool,
    ) {
        let text: String = text.into_iter().collect();
        let event = dirty(&nick, &text);
        for style in [TextStyle::Named, TextStyle::Address, TextStyle::Plain] {
            let dialect = Dialect { language: Language::Text(style), framing: Framing::Lines, elsewhere };
            let shown = encode(&event, dialect, own).unwrap();
            let shown = str::from_utf8(shown.bytes()).unwrap();
            prop_assert!(!shown.chars().any(|character| character != '\n' && is_forbidden(character)));
        }
        let dialect = Dialect { language: Language::Json, framing: Framing::Lines, elsewhere: false };
        let frame = encode(&event, dialect, own).unwrap();
        let line = str::from_utf8(frame.bytes()).unwrap();
        prop_assert_eq!(line.chars().filter(|character| is_forbidden(*character)).collect::<String>(), "\n");
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        prop_assert_eq!(object["text"].as_str(), Some(&*text));
        prop_assert_eq!(object["from"]["nick"].as_str(), Some(&*nick));
    }

    #[test]
    fn a_page_of_history_is_one_line_of_json(texts in prop::collection::vec(any::<String>(), 0..5)) {
        let events = texts.iter().map(|text| Arc::new(dirty("bob", text))).collect();
        let reply = Reply::History { reference: Some("\n\"".into()), room: "lobby".into(), events, more: true };
        let frame = conversation::stream_json(&settings()).reply(&reply).unwrap();
        let line = str::from_utf8(frame.bytes()).unwrap();
        prop_assert_eq!(line.matches('\n').count(), 1);
        let page: serde_json::Value = serde_json::from_str(line).unwrap();
        let read: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| event["text"].as_str().unwrap()).collect();
        prop_assert_eq!(read, texts.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn dirty(nick: &str, text: &str) -> Event {
    let mut event = samples::message(1, text);
    if let Body::Message { from, .. } = &mut event.body {
        from.nick = nick.into();
    }
    event
}
