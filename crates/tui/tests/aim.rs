//! What is typed is said where the commands before it lead, or nowhere.

mod support;

use support::Desk;
use switchboard_client::event::{Answer, Event, RoomRow};

#[test]
fn what_is_typed_behind_a_command_is_for_where_it_leads_before_it_is_answered() {
    let mut desk = Desk::in_lobby(80, 12, &[]);
    ["/join #Ops", "secret", "/leave", "hello"].iter().for_each(|line| desk.enter(line));
    let submitted = desk.submitted();
    let targets: Vec<_> = submitted.iter().map(|message| format!("{:?}", message.target)).collect();
    assert_eq!(targets, ["Room(\"#Ops\")", "Room(\"lobby\")"]);
}

#[test]
fn a_room_with_another_name_than_was_typed_takes_over_what_was_said_there() {
    let mut desk = Desk::in_lobby(80, 12, &[]);
    desk.enter("/join #Ops");
    desk.enter("one");
    desk.types("two");
    let request = desk.join_requested();
    let row = RoomRow { room: "ops".to_owned(), seq: 0, members: 1, topic: String::new() };
    desk.event(Event::Answer { request, answer: Answer::Joined(row) });
    let room = desk.model.room();
    assert_eq!((room.name.as_str(), room.pending.len(), room.draft.text()), ("ops", 1, "two"));
    assert!(!desk.model.rooms.iter().any(|room| room.name == "#Ops"));
}

#[test]
fn what_was_typed_for_a_refused_room_is_said_nowhere_and_stays() {
    let mut desk = Desk::in_lobby(80, 12, &[]);
    desk.enter("/join closed");
    let request = desk.join_requested();
    let refused = |request| Event::Refused {
        request: Some(request),
        code: "room_invalid".to_owned(),
        message: "no such room".to_owned(),
    };
    desk.event(refused(request));
    assert_eq!(desk.model.room().name, "lobby", "nothing was said there: one is back");

    desk.enter("/join closed");
    desk.enter("secret");
    let request = desk.join_requested();
    desk.event(refused(request));
    let id = desk.submitted()[0].id.clone();
    desk.event(Event::NotSent { id, code: "not_in_room".to_owned(), message: "you are not in closed".to_owned() });
    let room = desk.model.room();
    assert_eq!((room.name.as_str(), room.joined, room.pending.len()), ("closed", false, 1));
    assert_eq!(room.pending[0].failed.as_deref(), Some("you are not in closed"));
    desk.enter("/leave");
    assert!(!desk.model.rooms.iter().any(|room| room.name == "closed"), "a room that was not entered is left at once");
}

#[test]
fn what_is_written_before_there_is_a_room_waits_for_it() {
    let mut desk = Desk::new(80, 12);
    desk.enter("hello");
    assert!(desk.submitted().is_empty());
    desk.connect(false);
    assert_eq!((desk.model.room().name.as_str(), desk.model.editor().text()), ("lobby", "hello"));
}
