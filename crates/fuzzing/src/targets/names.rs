//! Names of rooms and people, a line each: a name means itself, and looking alike is mutual.

use switchboard_core::names::{Nick, RoomName};
use switchboard_protocols::text::clean::is_forbidden;

pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"#lobby",
    b"Ada",
    "аdа".as_bytes(),
    "ＡＤＡ".as_bytes(),
    "é".as_bytes(),
    "e\u{301}".as_bytes(),
    "İ".as_bytes(),
    "ı".as_bytes(),
    "ß".as_bytes(),
    "ς".as_bytes(),
    "Σ".as_bytes(),
    "א".as_bytes(),
    "٣".as_bytes(),
    "۳".as_bytes(),
    "3".as_bytes(),
    "\u{200D}".as_bytes(),
    "\u{30FB}".as_bytes(),
    "\u{FE0F}".as_bytes(),
    "・".as_bytes(),
    "l·l".as_bytes(),
    "rn".as_bytes(),
    "ﬁ".as_bytes(),
];

const CHARS_MAX: usize = 32;
/// Names of one input that are looked at.
const LINES_MAX: usize = 100;
/// Names of one input that are compared with each other.
const COMPARED: usize = 8;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut nicks = Vec::new();
    for line in text.split('\n').take(LINES_MAX) {
        room(line);
        nicks.extend(nick(line));
    }
    nicks.truncate(COMPARED);
    for one in &nicks {
        for other in &nicks {
            assert_eq!(one.collides(other), other.collides(one), "{one:?} {other:?}");
            assert!(one.folded() != other.folded() || one.collides(other), "{one:?} {other:?}");
        }
    }
}

fn room(text: &str) {
    let Some(name) = RoomName::parse(text, CHARS_MAX) else { return };
    assert_eq!(RoomName::parse(&name, CHARS_MAX).as_ref(), Some(&name), "a room's name means itself");
    assert_eq!(RoomName::parse(&format!("#{name}"), CHARS_MAX).as_ref(), Some(&name));
    assert!((1..=CHARS_MAX).contains(&name.chars().count()));
    assert!(!name.chars().any(|c| is_forbidden(c) || c.is_whitespace() || c == '#'), "{name:?}");
}

fn nick(text: &str) -> Option<Nick> {
    let nick = Nick::parse(text, CHARS_MAX)?;
    let shown = nick.shown();
    assert_eq!(Nick::parse(shown, CHARS_MAX).as_ref(), Some(&nick), "a nick means itself");
    let folded = Nick::parse(nick.folded(), CHARS_MAX).expect("its folded form is a nick");
    assert!(folded.collides(&nick) && nick.collides(&nick), "{nick:?}");
    for form in [shown, nick.folded()] {
        assert!((1..=CHARS_MAX).contains(&form.chars().count()), "{form:?}");
        assert!(!form.chars().any(|c| is_forbidden(c) || c.is_whitespace()), "{form:?}");
        // In the text protocol these stand around names, and at the beginning of what is no message.
        assert!(!form.starts_with(['-', '*', '<', '/']) && !form.contains(['<', '>', ':']), "{form:?}");
    }
    Some(nick)
}
