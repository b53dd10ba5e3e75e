//! Whole screens, drawn as text.

mod support;

use std::time::Duration;
use support::Desk;
use switchboard_client::event::{Ending, Event, Membership, Person};
use switchboard_tui::model::{Effect, Input};
use switchboard_tui::settings::{Settings, Show};

const TALK: &[(&str, &str)] = &[
    ("bob", "good morning everybody"),
    ("bob", "has anyone seen the kettle?"),
    ("ada", "it is in the kitchen, on the second shelf from the top, behind the tea"),
    ("a-very-long-nickname", "thanks"),
];

#[test]
fn a_room_has_its_topic_its_talk_and_its_keys() {
    Desk::in_lobby(64, 14, TALK).shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               bob │ has anyone seen the kettle?                |
        |08:01          ada │ it is in the kitchen, on the second shelf  |
        |                   │ from the top, behind the tea               |
        |      a-very-long… │ thanks                                     |
        |ada                                         Alt+K rooms  F1 help|
        |› _                                                             |
        "#,
    );
}

#[test]
fn a_wide_screen_has_rooms_and_members_beside_it() {
    let mut desk = Desk::in_lobby(120, 12, TALK);
    desk.says_in("dev", 1, "bob", "one");
    desk.says_in("dev", 2, "bob", "ada: two");
    desk.whispers("bob", "psst");
    desk.pass(5_000);
    desk.shows(
        r#"
        |lobby  tea at five                                                                                                      |
        | switchboard                                                                                            3 here          |
        | dev          2 @1                                                                                      ada             |
        |›lobby                                                                                                  bert            |
        | @bob         1 @1 ── Friday, 20 November 2026 ──────────────────────────────────────────────────────── bob             |
        |                   08:00          bob │ good morning everybody                                                          |
        |                                  bob │ has anyone seen the kettle?                                                     |
        |                   08:01          ada │ it is in the kitchen, on the second shelf from the top, behind                  |
        |                                      │ the tea                                                                         |
        |                         a-very-long… │ thanks                                                                          |
        |ada                                                                                   Alt+A unread  Alt+K rooms  F1 help|
        |› _                                                                                                                     |
        "#,
    );
}

#[test]
fn the_smallest_screen_can_be_used() {
    let mut desk = Desk::in_lobby(40, 10, TALK);
    desk.types("hello there, this is a long line to write");
    desk.shows(
        r#"
        |lobby  tea at five                      |
        |       bob │ good morning everybody     |
        |       bob │ has anyone seen the kettle?|
        |       ada │ it is in the kitchen, on   |
        |           │ the second shelf from the  |
        |           │ top, behind the tea        |
        |a-very-lo… │ thanks                     |
        |ada                 Alt+K rooms  F1 help|
        |› hello there, this is a long line to wr|
        |  ite_                                  |
        "#,
    );
}

#[test]
fn a_screen_that_shrinks_and_grows_again_is_the_same() {
    let mut desk = Desk::in_lobby(64, 14, TALK);
    let before = desk.screen();
    for (width, height) in [(40, 10), (20, 5), (1, 1), (0, 0), (200, 60), (64, 14)] {
        desk.input(Input::Resize(width, height));
        desk.screen();
    }
    assert_eq!(desk.screen(), before);
}

#[test]
fn every_part_can_be_hidden() {
    let mut desk = Desk::in_lobby(64, 8, TALK);
    desk.press("f4 f6 f7");
    desk.shows(
        r#"
        |                                                                |
        |                                                                |
        |bob good morning everybody                                      |
        |bob has anyone seen the kettle?                                 |
        |ada it is in the kitchen, on the second shelf from the top,     |
        |  behind the tea                                                |
        |a-very-long-nickname thanks                                     |
        |› _                                                             |
        "#,
    );
}

#[test]
fn what_came_while_away_is_behind_the_unread_line() {
    let mut desk = Desk::in_lobby(64, 12, &TALK[..2]);
    desk.input(Input::Focus(false));
    desk.says("bob", "ada: are you there?");
    desk.says("bert", "she is not");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               bob │ has anyone seen the kettle?                |
        |── unread ──────────────────────────────────────────────────────|
        |08:01          bob ┃ ada: are you there?                        |
        |              bert │ she is not                                 |
        |ada                                         Alt+K rooms  F1 help|
        |› _                                                             |
        "#,
    );
    assert!(desk.effects.iter().any(|effect| matches!(effect, Effect::Bell)));
    assert!(
        desk.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Notify(text) if text == "lobby: bob: ada: are you there?"))
    );
    assert!(
        desk.effects.iter().any(|effect| matches!(effect, Effect::Title(title) if title == "(1!) lobby - switchboard"))
    );
}

#[test]
fn comings_and_goings_are_one_line_and_typing_is_told() {
    let mut desk = Desk::in_lobby(64, 10, &TALK[..1]);
    desk.moves("eve", true);
    desk.moves("bob", false);
    desk.renames("bert", "albert");
    let from = Person { nick: "eve".to_owned(), ..Person::default() };
    desk.event(Event::Typing(Membership { room: "lobby".to_owned(), from, members: None }));
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |                -- │ eve joined; bob left; bert is now albert   |
        |ada  eve is writing                         Alt+K rooms  F1 help|
        |› _                                                             |
        "#,
    );
    desk.pass(7_000);
    assert!(!desk.screen().contains("is writing"));
}

#[test]
fn messages_are_sent_stored_or_fail_before_ones_eyes() {
    let mut desk = Desk::in_lobby(64, 11, &TALK[..1]);
    desk.enter("one");
    desk.enter("two");
    desk.enter("three");
    let sent = desk.submitted();
    desk.stores(&sent[0]);
    desk.event(Event::NotSent { id: sent[1].id.clone(), code: "message_too_long".into(), message: "too long".into() });
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               ada │ one                                        |
        |               ada │ two  ✗ not sent: too long                  |
        |               ada │ three  … sending                           |
        |a message was not sent: /retry sends it again, /discard drops it|
        |› _                                                             |
        "#,
    );
    desk.pass(3_000);
    assert!(desk.screen().contains("lag 3.0 s"), "{}", desk.screen());
    desk.enter("/retry");
    let again = desk.submitted();
    assert_eq!((again.len(), again[0].text.as_str()), (1, "two"));
    assert_ne!(again[0].id, sent[1].id);
}

#[test]
fn offline_one_writes_on_and_is_told_what_waits() {
    let mut desk = Desk::in_lobby(64, 10, &TALK[..1]);
    desk.event(Event::Disconnected {
        why: "the server closed the connection".into(),
        retry_in: Duration::from_secs(3),
    });
    desk.enter("are we there yet?");
    desk.pass(5_000 - 3_000);
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               ada │ are we there yet?  … waits for the         |
        |                   │ connection                                 |
        |1 to send  offline, again in 1 s: the server closed the connecti|
        |› _                                                             |
        "#,
    );
    desk.connect(true);
    let sent = desk.submitted();
    desk.stores(&sent[0]);
    desk.pass(5_000);
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               ada │ are we there yet?                          |
        |ada                                         Alt+K rooms  F1 help|
        |› _                                                             |
        "#,
    );
}

#[test]
fn an_untrusted_certificate_is_refused_with_a_way_to_trust_it() {
    let mut desk = Desk::new(64, 12);
    let fingerprint = "ab".repeat(32).parse().unwrap();
    let message = format!("its certificate is not trusted (unknown issuer); its SHA-256 is {fingerprint}");
    desk.event(Event::Ended(Ending::Untrusted { fingerprint, message }));
    desk.shows(
        r#"
        |switchboard  tcp://localhost:12345                              |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00           -- │ its certificate is not trusted (unknown    |
        |                   │ issuer); its SHA-256 is abababababababababa|
        |                   │ bababababababababababababababababababababab|
        |                   │ ab                                         |
        |                -- │ If that is the fingerprint its operator    |
        |                   │ told you, /trust keeps it and connects.    |
        |not connected: its certificate is not trusted (unknown issuer); |
        |› _                                                             |
        "#,
    );
    desk.enter("/trust");
    let change = desk.effects.iter().find_map(|effect| match effect {
        Effect::Restart(change) => Some(change.clone()),
        _ => None,
    });
    assert_eq!(change, Some(switchboard_tui::model::Change::Trust(fingerprint)));
}

#[test]
fn scrolling_up_keeps_its_place_and_asks_for_more() {
    let log: Vec<(String, String)> = (1..=300).map(|n| ("bob".to_owned(), format!("line {n}"))).collect();
    let log: Vec<(&str, &str)> = log.iter().map(|(nick, text)| (nick.as_str(), text.as_str())).collect();
    let mut desk = Desk::in_lobby(64, 10, &log);
    desk.press("pageup");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |               bob │ line 289                                   |
        |               bob │ line 290                                   |
        |09:37          bob │ line 291                                   |
        |               bob │ line 292                                   |
        |               bob │ line 293                                   |
        |09:38          bob │ line 294                                   |
        |               bob │ line 295                                   |
        |ada  ↓ 5 below                           Alt+End latest  F1 help|
        |› _                                                             |
        "#,
    );
    let before = desk.screen();
    desk.says("bob", "something new");
    assert_eq!(desk.screen().lines().take(8).collect::<Vec<_>>(), before.lines().take(8).collect::<Vec<_>>());
    for _ in 0..100 {
        desk.press("pageup");
        desk.serve();
    }
    assert!(desk.screen().contains("line 1 "), "{}", desk.screen());
    assert!(desk.screen().contains("Friday, 20 November 2026"), "{}", desk.screen());
    desk.types("?");
    assert!(desk.screen().contains("Rooms"), "? helps while scrolling");
    desk.press("esc esc");
    assert!(desk.screen().contains("something new"));
}

#[test]
fn a_paste_of_several_lines_is_asked_about() {
    let mut desk = Desk::in_lobby(64, 12, &TALK[..2]);
    desk.input(Input::Paste("fn main() {\r\n    println!(\"\x1b[31mhi\");\r\n}\r\n".to_owned()));
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |────────────────────────────────────────────────────────────────|
        |  fn main() {                                                   |
        |      println!("[31mhi");                                       |
        |  }                                                             |
        |ada                                                             |
        |Paste 3 lines?  Enter: as one  l: one by one  e: edit  Esc: no  |
        "#,
    );
    desk.press("enter");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               bob │ has anyone seen the kettle?                |
        |ada                                         Alt+K rooms  F1 help|
        |› fn main() {                                                   |
        |      println!("[31mhi");                                       |
        |  }_                                                            |
        "#,
    );
    desk.press("ctrl+u ctrl+u ctrl+u ctrl+u ctrl+u ctrl+u");
    desk.input(Input::Paste("one\ntwo\n".to_owned()));
    desk.press("l");
    assert_eq!(desk.submitted().iter().map(|sent| sent.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn sockets_links_and_emphasis_are_shown() {
    let mut desk = Desk::with(Settings::default(), 64, 10);
    desk.connect(false);
    desk.pass(5_000);
    desk.says("bob", "see https://example.org/x, *really*, `now`");
    desk.says("bob", "again");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |                                                                |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ see https://example.org/x, *really*, `now` |
        |                   │ ·websocket                                 |
        |               bob │ again                                      |
        |ada                                         Alt+K rooms  F1 help|
        |› _                                                             |
        "#,
    );
    desk.press("alt+o enter");
    assert!(desk.effects.iter().any(|effect| matches!(effect, Effect::Open(link) if link == "https://example.org/x")));
}

#[test]
fn everything_is_clickable_when_the_mouse_is_asked_for() {
    let mut desk = Desk::in_lobby(64, 10, &TALK[..1]);
    desk.says("bob", "https://example.org");
    desk.enter("/mouse");
    desk.pass(5_000);
    assert!(desk.screen().contains("Shift+drag selects text"));
    let (_, drawn) = desk.draw();
    let row = desk.screen().lines().position(|line| line.contains("https://")).unwrap() as u16;
    let link = drawn.at(25, row).cloned().unwrap();
    desk.input(Input::Click(link));
    assert!(desk.effects.iter().any(|effect| matches!(effect, Effect::Open(_))));
    let nick = drawn.at(17, row).cloned().unwrap();
    desk.input(Input::Click(nick));
    assert!(desk.screen().starts_with("|bob  private"), "{}", desk.screen());
}

#[test]
fn nothing_that_others_write_moves_colours_or_hides() {
    let evil = "\x1b[2J\x1b]0;pwned\x07\u{9b}31mred\u{202e}txt.exe\u{200b}\u{7f}\r\nnext\u{2028}line";
    let mut desk = Desk::in_lobby(120, 14, &TALK[..1]);
    desk.model.settings.rooms = Show::On;
    desk.moves(evil, true);
    desk.says(evil, evil);
    desk.whispers(evil, &format!("ada {evil}"));
    desk.renames("bob", evil);
    desk.event(Event::Notice(switchboard_client::event::Notice { room: None, code: evil.into(), text: evil.into() }));
    desk.event(Event::Topic(switchboard_client::event::TopicSet {
        room: "lobby".into(),
        seq: 3,
        from: Person { nick: evil.into(), ..Person::default() },
        topic: evil.into(),
        time: String::new(),
    }));
    let from = Person { nick: evil.into(), ..Person::default() };
    desk.event(Event::Typing(Membership { room: "lobby".to_owned(), from, members: None }));
    desk.event(Event::Disconnected { why: evil.into(), retry_in: Duration::from_secs(3) });
    for keys in ["", "alt+m", "esc alt+k", "esc f1", "esc f5", "alt+up"] {
        desk.press(keys);
        let (buffer, _) = desk.draw();
        for cell in &buffer.content {
            let harmless = |c: char| {
                !c.is_control() && switchboard_client::clean::line(c.encode_utf8(&mut [0; 4])).chars().eq([c])
            };
            assert!(cell.symbol().chars().all(harmless), "{:?}", cell.symbol());
        }
    }
    for effect in &desk.effects {
        if let Effect::Title(text) | Effect::Notify(text) = effect {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        if let Effect::Bare(lines) = effect {
            assert!(!lines.concat().chars().any(char::is_control), "{lines:?}");
        }
    }
    desk.press("alt+down alt+down alt+down");
    desk.press("alt+2");
}
