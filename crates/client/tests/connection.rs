//! A client and a server played by hand: what a cut, a refusal and a verdict do.

mod support;

use serde_json::json;
use support::{Server, ack, event, message, until, welcome};
use switchboard_client::event::{Ending, Event};
use switchboard_client::{Ask, Client, Outgoing, Target};

#[tokio::test]
async fn a_message_is_acknowledged_and_events_arrive() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, hello) = server.welcome(10).await;
    assert_eq!(hello, json!({"type": "hello", "nick": "ada"}));
    assert!(
        matches!(event(&mut events).await, Event::Connected(connected) if connected.nick == "ada" && !connected.again)
    );
    let id = handle.say(Target::Current, "hi".to_owned(), false).await.expect("a client");
    let request = peer.read().await;
    assert_eq!((&request["room"], &request["text"], &request["id"]), (&json!("lobby"), &json!("hi"), &json!(id)));
    peer.send(&ack(&request, 11)).await;
    peer.send(&message(12, "bob", "hello")).await;
    assert!(
        matches!(event(&mut events).await, Event::Delivered { id: delivered, seq: Some(11), .. } if delivered == id)
    );
    assert!(matches!(event(&mut events).await, Event::Message(message) if message.text == "hello"));
    handle.leave();
    assert_eq!(peer.read().await, json!({"type": "quit"}));
    assert_eq!(peer.next().await, None);
    drop(peer);
    assert!(matches!(event(&mut events).await, Event::Ended(Ending::Left)));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_message_of_a_run_before_keeps_its_identifier_and_requests_their_numbers() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(10).await;
    until(&mut events, |event| matches!(event, Event::Connected(_)).then_some(())).await;
    assert!(events.try_next().is_none());
    let id = "01JD4Z8Q6T9GX2V5N7RWB3KMYC".to_owned();
    let message =
        Outgoing { id: id.clone(), target: Target::Room("lobby".to_owned()), text: "hi".to_owned(), action: false };
    handle.ready().await.expect("a client").submit(message);
    assert_eq!(peer.read().await["id"], json!(id));
    handle.ready().await.expect("a client").request(77, Ask::Rooms);
    let request = peer.read().await;
    peer.send(&json!({"type": "rooms", "ref": request["ref"], "rooms": [], "more": false})).await;
    until(&mut events, |event| matches!(event, Event::Answer { request: 77, .. }).then_some(())).await;
    handle.wake();
    assert_eq!(peer.read().await["type"], "ping");
}

#[tokio::test]
async fn after_a_cut_the_session_is_resumed_without_hole_or_duplicate() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(10).await;
    peer.send(&message(11, "bob", "one")).await;
    until(&mut events, |event| matches!(event, Event::Message(_)).then_some(())).await;
    let id = handle.say(Target::Current, "mine".to_owned(), false).await.expect("a client");
    let first = peer.read().await;
    drop(peer);
    until(&mut events, |event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    let later = handle.say(Target::Current, "said without a connection".to_owned(), false).await.expect("a client");

    let (mut peer, hello) = server.welcome(13).await;
    assert_eq!(hello, json!({"type": "hello", "nick": "ada", "token": "secret", "resume": {"lobby": 11}}));
    let again = peer.read().await;
    assert_eq!(again, first, "the same message under the same id");
    assert_eq!(peer.read().await["id"], json!(later));
    // The message had been stored before the cut as number 12, and its acknowledgement overtakes the replay.
    peer.send(&json!({"type": "ack", "ref": again["ref"], "seq": 12, "duplicate": true})).await;
    let mut own = message(12, "ada", "mine");
    (own["id"], own["from"]["session"]) = (json!(id), json!("s1"));
    peer.send(&own).await;
    peer.send(&message(13, "bob", "two")).await;
    peer.send(&message(13, "bob", "two")).await;
    peer.send(&message(14, "bob", "three")).await;
    assert!(matches!(event(&mut events).await, Event::Connected(connected) if connected.again && connected.resumed));
    assert!(
        matches!(event(&mut events).await, Event::Delivered { id: delivered, duplicate: true, .. } if delivered == id)
    );
    for text in ["two", "three"] {
        assert!(matches!(event(&mut events).await, Event::Message(message) if message.text == text));
    }
}

#[tokio::test]
async fn a_refused_message_is_told_and_not_sent_again() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(10).await;
    let id = handle.say(Target::Room("attic".to_owned()), "hi".to_owned(), false).await.expect("a client");
    let request = peer.read().await;
    peer.send(&json!({"type": "error", "ref": request["ref"], "code": "not_a_member", "message": "no"})).await;
    let refused = |event| match event {
        Event::NotSent { id, code, .. } => Some((id, code)),
        _ => None,
    };
    assert_eq!(until(&mut events, refused).await, (id, "not_a_member".to_owned()));
    drop(peer);
    let (mut peer, _) = server.welcome(10).await;
    handle.leave();
    assert_eq!(peer.read().await, json!({"type": "quit"}));
}

#[tokio::test]
async fn a_verdict_ends_the_client_and_a_pause_does_not() {
    let server = Server::bind().await;
    let (_handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(10).await;
    peer.send(&json!({"type": "closing", "code": "shutting_down", "message": "m", "reconnect": true})).await;
    drop(peer);
    let (mut peer, _) = server.welcome(10).await;
    peer.send(&json!({"type": "closing", "code": "taken_over", "message": "m", "reconnect": false})).await;
    let ended = |event| match event {
        Event::Ended(ending) => Some(ending),
        _ => None,
    };
    let ending = until(&mut events, ended).await;
    assert_eq!(ending, Ending::Refused { code: "taken_over".to_owned(), message: "m".to_owned() });
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn the_greeting_of_a_line_client_is_passed_over_and_a_foreign_server_is_told() {
    let server = Server::bind().await;
    let (_handle, mut events) = Client::connect(server.options("tcp"));
    let mut peer = server.accept().await;
    peer.send_text("-- Welcome to Switchboard. This is lobby, 3 here.\r\n<bob> hi\r\n").await;
    peer.read().await;
    peer.send(&welcome(10)).await;
    assert!(matches!(event(&mut events).await, Event::Connected(_)));

    let (_handle, mut events) = Client::connect(server.options("tcp"));
    let mut peer = server.accept().await;
    peer.send_text("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(event(&mut events).await, Event::Ended(Ending::Foreign(_))));
}

#[tokio::test]
async fn a_line_without_end_is_bounded() {
    let server = Server::bind().await;
    let (_handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(10).await;
    let endless = tokio::spawn(async move {
        // The client hangs up long before all of it is written.
        for _ in 0..64 {
            peer.send_text(&"x".repeat(64 * 1024)).await;
        }
    });
    let why = until(&mut events, |event| match event {
        Event::Disconnected { why, .. } => Some(why),
        _ => None,
    });
    assert!(why.await.contains("a line of more than"));
    assert!(endless.await.is_err());
}

#[tokio::test]
async fn events_that_nobody_reads_hold_the_server_and_not_memory() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("tcp"));
    let (mut peer, _) = server.welcome(0).await;
    let total = 3_000;
    let flood = tokio::spawn(async move {
        for seq in 1..=total {
            peer.send(&message(seq, "bob", "flood")).await;
        }
        peer
    });
    for seq in 1..=total {
        let next = until(&mut events, |event| match event {
            Event::Message(message) => message.seq,
            _ => None,
        });
        assert_eq!(next.await, seq);
    }
    drop(handle);
    flood.await.expect("the whole flood");
}
