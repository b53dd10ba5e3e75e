//! Lines that people type, and the cleaning of what other people typed, on both sides of the wire.

use crate::samples;
use crate::wellformed::Listener;
use switchboard_client::clean as client;
use switchboard_core::visible::{is_blank, is_invisible, trim};
use switchboard_core::{Command, Target};
use switchboard_protocols::text::clean::{CONTINUATION, is_forbidden, write_bare, write_line, write_text};
use switchboard_protocols::text::commands::{Answer, Said, parse};
use switchboard_protocols::{Dialect, Framing, Language, TextStyle, encode};

pub(super) const WORDS: &[&[u8]] = &[
    b"/nick ada",
    b"/join #dev",
    b"/msg bob hi",
    b"/me waves",
    b"/topic -",
    b"/history 5",
    b"//",
    b"/",
    b" ",
    b"\t",
    b"\x1B[31m",
    b"\x1B]0;title\x07",
    b"\r\n",
    b"\x0B",
    "\u{202E}".as_bytes(),
    "\u{2066}".as_bytes(),
    "\u{200B}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{9B}".as_bytes(),
    "\u{FE0F}".as_bytes(),
    "\u{E0041}".as_bytes(),
    "\u{3000}".as_bytes(),
];

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.split('\n') {
        command(line);
    }
    cleaning(&text);
    shown(&text);
}

fn command(line: &str) {
    let said = parse(line);
    assert_eq!(said.is_some(), !is_blank(line), "{line:?}");
    let seen = trim(line);
    let bare = seen.trim_start_matches(is_invisible);
    match said {
        None => {}
        Some(Said::Command(Command::Message { target: Target::Current, text, action: false, .. })) => {
            let expected = if bare.starts_with("//") { &bare[1..] } else { seen };
            assert_eq!(text, expected, "a message is what was typed");
            let word: String =
                bare.chars().skip(1).take_while(|c| !c.is_whitespace()).filter(|c| !is_invisible(*c)).collect();
            let is_command = bare.starts_with('/') && !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphabetic());
            assert!(!is_command || bare.starts_with("//"), "a command was said: {line:?}");
        }
        Some(Said::Command(_) | Said::Answer(Answer::Help | Answer::Usage(_))) => assert!(bare.starts_with('/')),
        Some(Said::Answer(Answer::SayItAgain | Answer::HereIAm)) => unreachable!("no command asks for it"),
        Some(Said::Answer(Answer::NoSuchCommand(word))) => {
            assert!(!word.is_empty() && word.len() <= 20 && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
    }
}

fn cleaning(dirty: &str) {
    let clean = |write: fn(&mut Vec<u8>, &str), text: &str| {
        let mut out = Vec::new();
        write(&mut out, text);
        String::from_utf8(out).expect("clean text is UTF-8")
    };
    let line = clean(write_line, dirty);
    assert!(!line.chars().any(is_forbidden), "{line:?}");
    assert_eq!(clean(write_line, &line), line, "what is clean stays as it is");
    let kept = |text: &str| text.chars().filter(|c| !is_forbidden(*c) && *c != ' ').collect::<String>();
    assert_eq!(kept(&line), kept(dirty), "nothing else is taken out");

    let text = clean(write_text, dirty);
    assert!(!text.chars().any(|character| character != '\n' && is_forbidden(character)), "{text:?}");
    assert!(text.split('\n').skip(1).all(|line| line.starts_with(CONTINUATION)), "{text:?}");
    let bare = clean(write_bare, dirty);
    assert!(!bare.chars().any(|character| character != '\n' && is_forbidden(character)), "{bare:?}");
    assert_eq!(bare, text.replace(&format!("\n{CONTINUATION}"), "\n"), "only the marks differ");

    // A client of ours trusts no server either, and has its own list: of the variation selectors it keeps but those
    // that emoji are written with.
    let theirs = client::line(dirty);
    assert!(!theirs.chars().any(is_forbidden), "{theirs:?}");
    let unvaried = |text: &str| kept(text).replace(|c| matches!(c, '\u{FE00}'..='\u{FE0F}'), "");
    assert_eq!(unvaried(&theirs), unvaried(dirty));
    for line in client::lines(dirty) {
        assert!(!line.chars().any(is_forbidden), "{line:?}");
    }
}

/// Every event around this text, in every dialect.
fn shown(text: &str) {
    let (nick, text) = text.split_once('\n').unwrap_or((text, text));
    for kind in 0..samples::EVENTS {
        let event = samples::event(kind, nick, text);
        for framing in [Framing::Lines, Framing::WebSocket] {
            let mut listener = Listener::new(framing);
            for (style, elsewhere, own) in
                [(TextStyle::Named, true, false), (TextStyle::Address, false, true), (TextStyle::Plain, false, false)]
            {
                let dialect = Dialect { language: Language::Text(style), framing, elsewhere };
                if let Some(frame) = encode(&event, dialect, own) {
                    listener.hear(dialect.language, frame.bytes());
                }
            }
            let dialect = Dialect { language: Language::Json, framing, elsewhere: false };
            let frame = encode(&event, dialect, false).expect("programs are told everything");
            listener.hear(dialect.language, frame.bytes());
        }
    }
}
