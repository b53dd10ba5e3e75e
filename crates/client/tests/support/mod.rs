//! A server that a test plays by hand: it speaks the few lines that the test writes.

#![allow(dead_code, reason = "each test program uses its part")]

use serde_json::{Value, json};
use std::time::Duration;
use switchboard_client::client::{Events, Options};
use switchboard_client::event::Event;
use switchboard_client::state::Wish;
use switchboard_client::transport::Place;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything here takes, so that a failing test ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.listener.local_addr().expect("an address"))
    }

    pub(crate) fn options(&self, scheme: &str) -> Options {
        options(&self.url(scheme))
    }

    pub(crate) async fn stream(&self) -> TcpStream {
        timeout(PATIENCE, self.listener.accept()).await.expect("a client in time").expect("a client").0
    }

    pub(crate) async fn accept(&self) -> Peer<TcpStream> {
        Peer::new(self.stream().await)
    }

    /// Accepts a client and welcomes it; also its hello.
    pub(crate) async fn welcome(&self, seq: u64) -> (Peer<TcpStream>, Value) {
        let mut peer = self.accept().await;
        let hello = peer.read().await;
        assert_eq!(hello["type"], "hello");
        peer.send(&welcome(seq)).await;
        (peer, hello)
    }
}

pub(crate) fn options(url: &str) -> Options {
    let place = Place { address: url.parse().expect("an address"), pin: None, known: None };
    Options { place, wish: Wish { nick: Some("ada".to_owned()), ..Wish::default() } }
}

pub(crate) fn welcome(seq: u64) -> Value {
    json!({"type": "welcome", "session": "s1", "token": "secret", "epoch": "e1", "nick": "ada", "resumed": seq > 10,
           "rooms": [{"room": "lobby", "seq": seq, "members": 2, "topic": ""}], "limits": {}})
}

pub(crate) fn message(seq: u64, nick: &str, text: &str) -> Value {
    json!({"type": "message", "room": "lobby", "seq": seq, "from": {"nick": nick, "session": "s2", "via": "tcp"},
           "text": text, "time": "2026-11-20T08:00:00.000Z"})
}

pub(crate) fn ack(request: &Value, seq: u64) -> Value {
    json!({"type": "ack", "ref": request["ref"], "seq": seq, "time": "2026-11-20T08:00:00.000Z"})
}

/// One client's connection, of lines.
pub(crate) struct Peer<S> {
    reader: Lines<BufReader<ReadHalf<S>>>,
    writer: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite> Peer<S> {
    pub(crate) fn new(stream: S) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: BufReader::new(reader).lines(), writer }
    }

    pub(crate) async fn send(&mut self, value: &Value) {
        self.send_text(&format!("{value}\n")).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.expect("the client is there");
        self.writer.flush().await.expect("the client is there");
    }

    /// The next object; none when the client has closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.reader.next_line()).await.expect("a line in time").expect("a line")?;
        Some(serde_json::from_str(&line).expect("JSON"))
    }

    pub(crate) async fn read(&mut self) -> Value {
        self.next().await.expect("a request")
    }
}

/// The next event that a test looks at.
pub(crate) async fn event(events: &mut Events) -> Event {
    timeout(PATIENCE, events.next()).await.expect("an event in time").expect("an event")
}

/// The next event of a kind; the others before it are passed over.
pub(crate) async fn until<T>(events: &mut Events, wanted: impl Fn(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(event(events).await) {
            return found;
        }
    }
}
