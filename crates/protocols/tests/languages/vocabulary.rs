//! Every protocol has a row for every event of the vocabulary, and for every answer.

use crate::samples;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchboard_core::CloseReason;
use switchboard_core::vocabulary::{EventName, VOCABULARY};
use switchboard_protocols::{Dialect, Framing, Language, Settings, TextStyle, conversation, encode};

const fn dialect(language: Language, elsewhere: bool) -> Dialect {
    Dialect { language, framing: Framing::Lines, elsewhere }
}

fn text(event: &switchboard_core::Event, style: TextStyle, elsewhere: bool) -> Option<String> {
    let frame = encode(event, dialect(Language::Text(style), elsewhere), false)?;
    Some(String::from_utf8(frame.bytes().to_vec()).unwrap())
}

/// Each event's look in the styles named, address and plain, and (named) from another room than the current one.
/// `None`: it is not shown.
type Looks = [Option<&'static str>; 4];

fn looks(name: EventName) -> Vec<Looks> {
    let noticed = |here, elsewhere| vec![[Some(here), Some(here), None, Some(elsewhere)]];
    match name {
        EventName::Message => vec![
            [Some("<bob> hi\n"), Some("<127.0.0.1> hi\n"), Some("hi\n"), Some("[lobby] <bob> hi\n")],
            [Some("* bob waves\n"), Some("* 127.0.0.1 waves\n"), Some("waves\n"), Some("[lobby] * bob waves\n")],
            [
                Some("<bob (private)> psst\n"),
                Some("<127.0.0.1 (private)> psst\n"),
                Some("psst\n"),
                Some("<bob (private)> psst\n"),
            ],
        ],
        EventName::Topic => noticed("* bob set the topic: tea at five\n", "[lobby] * bob set the topic: tea at five\n"),
        EventName::Joined => noticed("* bob joined\n", "[lobby] * bob joined\n"),
        EventName::Left => noticed("* bob left\n", "[lobby] * bob left\n"),
        EventName::Renamed => {
            noticed("* guest-7f3a is now known as bob\n", "[lobby] * guest-7f3a is now known as bob\n")
        }
        EventName::Typing | EventName::Event => vec![[None; 4]],
        EventName::Notice => {
            noticed("-- some private messages were lost\n", "[lobby] -- some private messages were lost\n")
        }
        EventName::Members => noticed("-- 250 here\n", "[lobby] -- 250 here\n"),
        EventName::Gap => noticed("-- 1759 missed: /history\n", "[lobby] -- 1759 missed: /history\n"),
        // Only ever an answer.
        EventName::Rooms => vec![],
    }
}

#[test]
fn text_shows_every_event_as_its_row_says() {
    for row in VOCABULARY {
        let events: Vec<_> = samples::events().into_iter().filter(|event| event.name() == row.name).collect();
        let shown: Vec<_> = events
            .iter()
            .map(|event| {
                [
                    text(event, TextStyle::Named, false),
                    text(event, TextStyle::Address, false),
                    text(event, TextStyle::Plain, false),
                    text(event, TextStyle::Named, true),
                ]
            })
            .collect();
        let expected: Vec<_> =
            looks(row.name).into_iter().map(|looks| looks.map(|look| look.map(str::to_owned))).collect();
        assert_eq!(shown, expected, "{}", row.word);
    }
}

#[test]
fn json_names_every_event_by_its_word() {
    let mut seen = BTreeMap::<String, usize>::new();
    for event in samples::events() {
        let frame = encode(&event, dialect(Language::Json, false), false).expect("JSON shows everything");
        let object: serde_json::Value = serde_json::from_slice(frame.bytes()).unwrap();
        assert_eq!(object["type"], event.name().word());
        assert_eq!(object["time"], "2026-11-20T08:00:00.123Z");
        assert_eq!(object["seq"].as_u64(), event.seq());
        assert_eq!(object["room"].as_str(), event.room.as_deref());
        *seen.entry(event.name().word().to_owned()).or_default() += 1;
    }
    let mut session = conversation::stream_json(&Arc::new(Settings::default()));
    for reply in samples::replies() {
        let Some(frame) = session.reply(&reply) else { continue };
        let object: serde_json::Value = serde_json::from_slice(frame.bytes()).unwrap();
        *seen.entry(object["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for row in VOCABULARY {
        assert!(seen.contains_key(row.word), "nothing is said as {}", row.word);
    }
}

#[test]
fn own_events_are_marked_in_json_and_private_ones_in_text() {
    let private = &samples::events()[2];
    let json = encode(private, dialect(Language::Json, false), true).unwrap();
    assert!(String::from_utf8_lossy(json.bytes()).contains(r#""own":true"#));
    let text = encode(private, dialect(Language::Text(TextStyle::Named), false), true).unwrap();
    assert_eq!(&text.bytes()[..], b"<bob (private to ada)> psst\n");
}

#[test]
fn every_close_reason_but_a_lost_peer_is_told_once_in_one_line_of_ascii() {
    let settings = Arc::new(Settings::default());
    for reason in CloseReason::ALL {
        for mut session in [conversation::stream_text(&settings), conversation::stream_json(&settings)] {
            let told = session.farewell(*reason);
            assert_eq!(told.is_some(), *reason != CloseReason::PeerGone, "{reason:?}");
            let Some(frame) = told else { continue };
            assert!(frame.bytes().is_ascii());
            // That is answered in HTTP, with a head of several lines.
            if *reason == CloseReason::HttpRequest {
                continue;
            }
            assert_eq!(frame.bytes().iter().filter(|byte| **byte == b'\n').count(), 1);
        }
    }
}
