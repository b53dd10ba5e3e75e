//! History and search are handed to the store with their bounds.

use crate::world::World;
use switchboard_core::{Command, Seq};

fn history(before: Option<Seq>, after: Option<Seq>, limit: Option<u32>) -> Command {
    Command::History { room: None, before, after, limit }
}

fn search(query: &str, limit: Option<u32>) -> Command {
    Command::Search { room: None, query: query.to_owned(), before: Some(9), limit }
}

#[test]
fn a_page_of_history_is_bounded() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let cases = [
        (history(None, None, None), "history lobby Latest 50"),
        (history(Some(7), None, Some(1_000)), "history lobby Before(7) 200"),
        (history(None, Some(7), Some(0)), "history lobby After(7) 1"),
        (history(Some(9), Some(7), None), "no bad_request"),
    ];
    for (command, answer) in cases {
        assert_eq!(world.answer(ada, command), [answer]);
    }
    let elsewhere = Command::History { room: Some("dev".to_owned()), before: None, after: None, limit: None };
    assert_eq!(world.answer(ada, elsewhere), ["no not_a_member"]);
}

#[test]
fn a_search_has_words() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    assert_eq!(world.answer(ada, search(" two words ", None)), ["search lobby \"two words\" Some(9) 20"]);
    assert_eq!(world.answer(ada, search("x", Some(1_000))), ["search lobby \"x\" Some(9) 200"]);
    assert_eq!(world.answer(ada, search(" ", None)), ["no query_invalid"]);
    assert_eq!(world.answer(ada, search(&"x".repeat(201), None)), ["no query_invalid"]);
}
