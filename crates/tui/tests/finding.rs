//! Whole screens of what helps to find something: search, completion, lists and help.

mod support;

use support::Desk;

const TALK: &[(&str, &str)] = &[
    ("bob", "good morning everybody"),
    ("bob", "has anyone seen the kettle?"),
    ("ada", "it is in the kitchen, on the second shelf from the top, behind the tea"),
    ("a-very-long-nickname", "thanks"),
];

#[test]
fn a_search_finds_and_goes_there() {
    let log: Vec<(String, String)> = (1..=900).map(|n| ("bob".to_owned(), format!("line {n}"))).collect();
    let log: Vec<(&str, &str)> = log.iter().map(|(nick, text)| (nick.as_str(), text.as_str())).collect();
    let mut desk = Desk::in_lobby(64, 10, &log);
    desk.press("alt+s");
    desk.types("line 40");
    desk.pass(300);
    desk.serve();
    desk.shows(
        r#"
        |Search this room: line 40_                                      |
        |› 20 Nov 10:16  bob  line 409                                   |
        |  20 Nov 10:16  bob  line 408                                   |
        |  20 Nov 10:15  bob  line 407                                   |
        |  20 Nov 10:15  bob  line 406                                   |
        |  20 Nov 10:15  bob  line 405                                   |
        |  20 Nov 10:14  bob  line 404                                   |
        |  20 Nov 10:14  bob  line 403                                   |
        |ada                                        Enter open  Esc close|
        |›                                                               |
        "#,
    );
    desk.press("down enter");
    desk.serve();
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |10:15          bob │ line 405                                   |
        |               bob │ line 406                                   |
        |               bob │ line 407                                   |
        |10:16          bob ┃ line 408                                   |
        |               bob │ line 409                                   |
        |               bob │ line 410                                   |
        |10:17          bob │ line 411                                   |
        |ada  ↓ 127 below                         Alt+End latest  F1 help|
        |› _                                                             |
        "#,
    );
}

#[test]
fn completion_offers_commands_nicks_and_emoji() {
    let mut desk = Desk::in_lobby(64, 10, TALK);
    desk.types("/me");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               bob │ has anyone seen the kettle?                |
        |08:01          ada │ it is in the kitchen, on the second shelf  |
        |  /me ACTION  say what you do                                   |
        |  /mentions   list the mentions of all rooms                    |
        |ada                                          Tab next  Esc close|
        |› /me_                                                          |
        "#,
    );
    desk.press("esc ctrl+u");
    desk.types("b");
    desk.press("tab");
    desk.shows(
        r#"
        |lobby  tea at five                                              |
        |                                                                |
        |── Friday, 20 November 2026 ────────────────────────────────────|
        |08:00          bob │ good morning everybody                     |
        |               bob │ has anyone seen the kettle?                |
        |08:01          ada │ it is in the kitchen, on the second shelf  |
        |  bert                                                          |
        |  bob                                                           |
        |ada                                          Tab next  Esc close|
        |› bert: _                                                       |
        "#,
    );
    desk.press("tab");
    assert!(desk.screen().contains("› bob: _"), "{}", desk.screen());
    desk.press("ctrl+u");
    desk.types(":rocke");
    desk.press("tab");
    assert!(desk.screen().contains("› 🚀 _"), "{}", desk.screen());
}

#[test]
fn the_quick_switch_filters_and_goes() {
    let mut desk = Desk::in_lobby(64, 10, &TALK[..1]);
    desk.says_in("dev", 1, "bob", "new here");
    desk.press("alt+k");
    desk.shows(
        r#"
        |Go to: _                                                        |
        |› switchboard                                                   |
        |  dev          1 unread                                         |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |ada  dev 1                                 Enter open  Esc close|
        |›                                                               |
        "#,
    );
    desk.types("dv");
    desk.press("enter");
    assert!(desk.screen().contains("new here"), "{}", desk.screen());
}

#[test]
fn mentions_of_all_rooms_are_in_one_list() {
    let mut desk = Desk::in_lobby(64, 10, &TALK[..1]);
    desk.says_in("dev", 1, "bob", "hey Ada, look");
    desk.says("bert", "ask adamant people");
    desk.says("bert", "or @ada");
    desk.press("alt+m");
    desk.shows(
        r#"
        |Mentions: _                                                     |
        |› 20 Nov 08:01  lobby  bert: or @ada                            |
        |  20 Nov 08:00  dev    bob: hey Ada, look                       |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |                                                                |
        |ada  dev 1@1                               Enter open  Esc close|
        |›                                                               |
        "#,
    );
    desk.press("down enter");
    assert!(desk.screen().starts_with("|dev"), "{}", desk.screen());
}

#[test]
fn the_help_has_every_key_and_command() {
    let desk = Desk::in_lobby(64, 10, &TALK[..1]);
    let help: Vec<String> = switchboard_tui::view::overlay::help(&desk.model)
        .iter()
        .map(|row| row.iter().map(|span| span.text.as_str()).collect())
        .collect();
    for action in switchboard_tui::keys::Action::ALL {
        assert!(help.iter().any(|line| line.ends_with(action.help())), "{action:?}");
    }
    let mut desk = desk;
    desk.press("f1");
    desk.shows(
        r#"
        |Rooms                                                           |
        |  Alt+K                     go to a room by a part of its name  |
        |  Alt+A, Shift+Right        go to the next unread room, mentions|
        |  Shift+Left                go to the previous unread room      |
        |  Alt+Down                  go to the room below                |
        |  Alt+Up                    go to the room above                |
        |  Alt+`                     go back to the room before this one |
        |  Alt+1 ... Alt+9           go to a room by its place in the lis|
        |ada                                                    Esc close|
        |› _                                                             |
        "#,
    );
}
