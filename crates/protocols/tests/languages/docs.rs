//! Holds `docs/protocol.md` to what the code does: every example, every code, every row.

use crate::samples;
use std::collections::BTreeSet;
use std::sync::Arc;
use switchboard_core::vocabulary::VOCABULARY;
use switchboard_core::{CloseReason, Code};
use switchboard_protocols::json::doorstep;
use switchboard_protocols::{
    Act, Conversation, Dialect, Frame, Framing, Language, Settings, TextStyle, conversation, encode,
};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    std::fs::read_to_string(path).expect("the protocol's page")
}

/// The lines of all fenced blocks of one kind.
fn examples(page: &str, kind: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(opened), None) => fence = Some(opened),
            (Some(_), Some(_)) => fence = None,
            (None, Some(opened)) if opened == kind => lines.push(line.to_owned()),
            (None, _) => {}
        }
    }
    assert!(!lines.is_empty(), "no {kind} examples");
    lines
}

/// The cells of the table under a heading, without its own head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
        .collect()
}

fn line(frame: &Frame) -> String {
    String::from_utf8(frame.bytes().to_vec()).unwrap().trim_end().to_owned()
}

/// Everything that a connection can be told, as that connection reads it.
fn everything(language: Language, mut conversation: Box<dyn Conversation>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for event in samples::events() {
        let dialect = Dialect { language, framing: Framing::Lines, elsewhere: false };
        lines.extend(encode(&event, dialect, false).iter().map(line));
    }
    for reply in samples::replies() {
        let frame = conversation.reply(&reply);
        lines.extend(frame.iter().flat_map(|frame| line(frame).lines().map(str::to_owned).collect::<Vec<_>>()));
    }
    lines
}

/// What may be shown, but need not be.
fn more(language: Language, mut conversation: Box<dyn Conversation>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (own, elsewhere) in [(true, false), (false, true)] {
        for event in samples::events() {
            let dialect = Dialect { language, framing: Framing::Lines, elsewhere };
            lines.extend(encode(&event, dialect, own).iter().map(line));
        }
    }
    for reason in CloseReason::ALL {
        lines.extend(conversation.farewell(*reason).iter().map(line));
    }
    // The greeting of somebody who speaks before listening.
    let welcome = conversation.reply(&samples::replies()[0]);
    lines.extend(welcome.iter().flat_map(|frame| line(frame).lines().map(str::to_owned).collect::<Vec<_>>()));
    lines.insert(String::from_utf8(doorstep::cookie("Zk3JtB0sQ2mPp8aXc1RdVw")).unwrap().trim_end().to_owned());
    lines
}

/// What a client's line becomes.
fn said(mut conversation: Box<dyn Conversation>, line: &str) -> Vec<Act> {
    let mut acts = Vec::new();
    conversation.receive(0, &mut format!("{line}\n").into_bytes(), &mut acts).unwrap();
    acts
}

#[test]
fn every_json_example_is_what_is_said() {
    let settings = Arc::new(Settings::default());
    let make = || conversation::stream_json(&settings);
    let examples = examples(&page(), "json");
    let (everything, more) = (everything(Language::Json, make()), more(Language::Json, make()));
    let mut shown = BTreeSet::new();
    for example in &examples {
        if let Some(request) = example.strip_prefix("> ") {
            assert!(matches!(said(make(), request)[..], [Act::Request(_)]), "refused: {request}");
        } else if let Some(told) = example.strip_prefix("< ") {
            assert!(everything.contains(told) || more.contains(told), "never said: {told}");
            shown.insert(told.to_owned());
        } else {
            panic!("neither from the client nor from us: {example}");
        }
    }
    let missing: Vec<_> = everything.difference(&shown).collect();
    assert!(missing.is_empty(), "not on the page:\n{missing:#?}");
}

#[test]
fn every_text_example_is_what_is_said() {
    let settings = Arc::new(Settings::default());
    let make = || conversation::stream_text(&settings);
    let mut listening = make();
    // The greeting of somebody who listens comes first and makes the second one shorter.
    let observing = listening.reply(&samples::replies()[1]).unwrap();
    let mut everything = everything(Language::Text(TextStyle::Named), listening);
    everything.extend(line(&observing).lines().map(str::to_owned));
    let more = more(Language::Text(TextStyle::Named), make());
    let mut shown = BTreeSet::new();
    for example in &examples(&page(), "text") {
        if let Some(typed) = example.strip_prefix("> ") {
            match &said(make(), typed)[..] {
                [Act::Request(_)] => {}
                [Act::Send(answer)] if typed == "/help" => {
                    shown.extend(line(answer).lines().map(str::to_owned));
                }
                other => panic!("{typed} became {other:?}"),
            }
        } else if let Some(told) = example.strip_prefix("< ") {
            let is_help = shown.contains(told);
            assert!(is_help || everything.contains(told) || more.contains(told), "never said: {told}");
            shown.insert(told.to_owned());
        } else {
            panic!("neither from the client nor from us: {example}");
        }
    }
    let missing: Vec<_> = everything.difference(&shown).collect();
    assert!(missing.is_empty(), "not on the page:\n{missing:#?}");
}

#[test]
fn the_tables_are_the_codes_own() {
    let page = page();
    let codes: Vec<_> = table(&page, "## Refusals").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(codes, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());

    let reasons: Vec<_> = table(&page, "## Closing").into_iter().map(|row| row[..3].to_vec()).collect();
    let expected: Vec<_> = CloseReason::ALL
        .iter()
        .map(|reason| {
            let again = if reason.reconnect() { "yes" } else { "no" };
            vec![reason.as_str().to_owned(), reason.websocket_code().to_string(), again.to_owned()]
        })
        .collect();
    assert_eq!(reasons, expected);

    let welcome = conversation::stream_json(&Arc::new(Settings::default())).reply(&samples::replies()[0]).unwrap();
    let welcome: serde_json::Value = serde_json::from_slice(welcome.bytes()).unwrap();
    let told: BTreeSet<_> = welcome["limits"].as_object().unwrap().keys().cloned().collect();
    let limits: BTreeSet<_> = table(&page, "### Limits").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(limits, told);

    let tick = |is: bool| if is { "yes" } else { "" };
    let events: Vec<_> = table(&page, "### Events").into_iter().map(|row| row[..4].to_vec()).collect();
    let expected: Vec<_> = VOCABULARY
        .iter()
        .map(|row| [row.word, tick(row.durable), tick(row.resumed), tick(row.in_history)].map(str::to_owned).to_vec())
        .collect();
    assert_eq!(events, expected);
}
