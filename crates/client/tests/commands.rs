//! The commands `chat`, `send` and `ping` against a server played by hand.

mod support;

use serde_json::json;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{PATIENCE, Server, ack, message};
use switchboard_client::{Exit, chat, ping, send};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// A terminal whose lines a test can wait for.
#[derive(Clone)]
struct Screen {
    text: Arc<Mutex<String>>,
    changed: watch::Sender<()>,
}

impl Screen {
    fn new() -> Self {
        Self { text: Arc::default(), changed: watch::Sender::new(()) }
    }

    fn text(&self) -> String {
        self.text.lock().expect("the text").clone()
    }

    async fn shows(&self, line: &str) {
        let shown = async {
            let mut changes = self.changed.subscribe();
            while !self.text().lines().any(|shown| shown == line) {
                changes.changed().await.expect("the screen is here");
            }
        };
        timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("{line:?} is not on the screen:\n{}", self.text()));
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().expect("the text").push_str(&String::from_utf8_lossy(bytes));
        self.changed.send_replace(());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn chat_says_what_is_typed_and_leaves_when_all_is_acknowledged() {
    let server = Server::bind().await;
    let (typed, lines) = mpsc::channel(8);
    let screen = Screen::new();
    let chatting = tokio::spawn(chat::converse(server.options("tcp"), lines, screen.clone()));
    typed.send("said before there was a connection".to_owned()).await.expect("a chat");
    let (mut peer, _) = server.welcome(10).await;
    let first = peer.read().await;
    assert_eq!(first["text"], "said before there was a connection");
    screen.shows("-- you are in lobby, 2 here").await;
    screen.shows("-- 10 earlier: /history").await;
    peer.send(&ack(&first, 11)).await;
    peer.send(&message(12, "b\u{1b}[2Job", "hi\u{202e} all")).await;
    screen.shows("<b[2Job> hi all").await;

    typed.send("/dance".to_owned()).await.expect("a chat");
    screen.shows("-- there is no /dance; /help shows what there is, // says a line with a slash").await;
    typed.send("/who".to_owned()).await.expect("a chat");
    let who = peer.read().await;
    assert_eq!((&who["type"], &who["room"]), (&json!("members"), &json!("lobby")));
    let members = json!([{"nick": "ada", "sessions": []}, {"nick": "bob", "sessions": []}]);
    peer.send(
        &json!({"type": "members", "ref": who["ref"], "room": "lobby", "count": 2, "members": members, "more": false}),
    )
    .await;
    screen.shows("-- 2 in lobby: ada, bob").await;

    typed.send("last words".to_owned()).await.expect("a chat");
    drop(typed);
    let last = peer.read().await;
    assert!(!chatting.is_finished(), "it waits for the acknowledgement");
    peer.send(&ack(&last, 13)).await;
    assert_eq!(peer.read().await, json!({"type": "quit"}));
    drop(peer);
    assert_eq!(chatting.await.expect("an exit"), Exit::Good);
    assert!(!screen.text().contains(['\u{1b}', '\u{202e}']));
}

#[tokio::test]
async fn chat_tells_what_was_refused_and_comes_back_after_a_cut() {
    let server = Server::bind().await;
    let (typed, lines) = mpsc::channel(8);
    let screen = Screen::new();
    let chatting = tokio::spawn(chat::converse(server.options("tcp"), lines, screen.clone()));
    let (peer, _) = server.welcome(10).await;
    screen.shows("-- you are in lobby, 2 here").await;
    drop(peer);
    let (mut peer, _) = server.welcome(11).await;
    screen.shows("-- connected again as ada").await;
    assert!(screen.text().contains("-- not connected: the server closed the connection; trying again in"));
    typed.send("too much".to_owned()).await.expect("a chat");
    let request = peer.read().await;
    peer.send(&json!({"type": "error", "ref": request["ref"], "code": "storage_full", "message": "the disk is full"}))
        .await;
    screen.shows("-- not sent: the disk is full").await;
    typed.send("/quit".to_owned()).await.expect("a chat");
    assert_eq!(peer.read().await, json!({"type": "quit"}));
    drop(peer);
    assert_eq!(chatting.await.expect("an exit"), Exit::Refused);
}

#[tokio::test]
async fn chat_ends_with_the_verdict_of_the_server() {
    let server = Server::bind().await;
    let (_typed, lines) = mpsc::channel(8);
    let screen = Screen::new();
    let chatting = tokio::spawn(chat::converse(server.options("tcp"), lines, screen.clone()));
    let mut peer = server.accept().await;
    peer.read().await;
    peer.send(&json!({"type": "error", "code": "pass_required", "message": "a join code is needed"})).await;
    assert_eq!(chatting.await.expect("an exit"), Exit::Refused);
    assert!(screen.text().contains("-- a join code is needed (pass_required)"), "{}", screen.text());
}

#[tokio::test]
async fn send_is_good_only_when_the_message_is_stored() {
    let server = Server::bind().await;
    let sending = tokio::spawn(send::deliver(server.options("tcp"), "hi".to_owned(), PATIENCE));
    let (mut peer, _) = server.welcome(10).await;
    let first = peer.read().await;
    // Cut before the acknowledgement: it goes on, and sends it again.
    drop(peer);
    let (mut peer, _) = server.welcome(11).await;
    let again = peer.read().await;
    assert_eq!(first["id"], again["id"]);
    assert!(!sending.is_finished());
    peer.send(&ack(&again, 11)).await;
    assert_eq!(peer.read().await["type"], "quit");
    drop(peer);
    assert_eq!(sending.await.expect("an exit"), (Exit::Good, None));
}

#[tokio::test]
async fn send_tells_a_refusal_from_a_missing_server() {
    let server = Server::bind().await;
    let sending = tokio::spawn(send::deliver(server.options("tcp"), "hi".to_owned(), PATIENCE));
    let (mut peer, _) = server.welcome(10).await;
    let request = peer.read().await;
    peer.send(&json!({"type": "error", "ref": request["ref"], "code": "storage_full", "message": "full"})).await;
    drop(peer);
    assert_eq!(sending.await.expect("an exit"), (Exit::Refused, Some("not sent: full".to_owned())));

    let options = server.options("tcp");
    drop(server);
    let (exit, why) = send::deliver(options, "hi".to_owned(), Duration::from_millis(300)).await;
    assert_eq!(exit, Exit::NotConnected);
    assert!(why.is_some_and(|why| why.starts_with("not connected: ")));
}

#[tokio::test]
async fn ping_measures_every_round_trip() {
    let server = Server::bind().await;
    let options = ping::Options { count: 3, interval: Duration::from_millis(1), ..ping::Options::default() };
    let place = server.options("tcp").place;
    let mut output = Vec::new();
    let answering = async {
        let mut peer = server.accept().await;
        peer.send_text("-- Welcome to Switchboard.\n").await;
        while let Some(ping) = peer.next().await {
            assert_eq!(ping["type"], "ping");
            peer.send(&json!({"type": "pong", "ref": ping["ref"], "time": "t"})).await;
        }
    };
    let (exit, ()) = tokio::join!(ping::measure(&place, &options, &mut output), answering);
    assert_eq!(exit.expect("an exit"), Exit::Good);
    let output = String::from_utf8(output).expect("text");
    for beginning in ["tcp://127.0.0.1:", "connect ", "ping 1 ", "ping 2 ", "ping 3 ", "3 pings, 3 answers: min "] {
        assert!(output.lines().any(|line| line.starts_with(beginning)), "{beginning}:\n{output}");
    }
}
