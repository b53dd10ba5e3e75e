//! A careful member of the lobby over JSON: sends under ids, resumes where it was cut, sends again what was not
//! acknowledged, and holds all that it hears against its ledger.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::{Ledger, PATIENCE, kind};

/// The room that every member is in.
const ROOM: &str = "lobby";

/// The connection has ended, however.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// What a member was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Its oldest waiting message is stored.
    Acknowledged { seq: u64, duplicate: bool },
    /// Its oldest waiting message was refused with this code, and waits no longer.
    Refused(String),
    /// A message or topic in the lobby.
    Event { seq: u64, text: String },
    /// A private message.
    Private(String),
    /// Missed events that are not replayed.
    Gap { from: u64, to: u64 },
    /// The server closes with this code.
    Closing(String),
    /// Something that leaves no number: who joined or left, a notice.
    Other(Value),
}

/// One user with one session.
#[derive(Debug)]
pub struct Member {
    nick: String,
    link: Option<BufReader<TcpStream>>,
    token: Option<String>,
    epoch: Option<String>,
    /// What it knows of the lobby.
    pub ledger: Ledger,
    /// Sent and neither acknowledged nor refused, in order.
    waiting: VecDeque<Sent>,
    sent: u64,
    acknowledged: Vec<(u64, String)>,
    /// The small receive buffer that it asks its kernel for.
    receive_bytes: Option<usize>,
}

#[derive(Debug)]
struct Sent {
    number: u64,
    id: String,
    text: String,
}

impl Member {
    /// A member who is nowhere yet. `nick` also names it in failures.
    #[must_use]
    pub fn new(nick: &str) -> Self {
        Self {
            nick: nick.to_owned(),
            link: None,
            token: None,
            epoch: None,
            ledger: Ledger::new(nick),
            waiting: VecDeque::new(),
            sent: 0,
            acknowledged: Vec::new(),
            receive_bytes: None,
        }
    }

    /// Its kernel is to hold no more than about this many bytes that it has not read.
    #[must_use]
    pub const fn with_receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_bytes = Some(bytes);
        self
    }

    /// Connects. The first time it is a fresh session that hears what happens from now on; later it resumes, hears what
    /// it missed, and sends again what waits.
    ///
    /// # Errors
    /// There is no server, or it ended meanwhile.
    ///
    /// # Panics
    /// The server does not know the session any more, or begins a new life.
    pub fn connect(&mut self, address: SocketAddr) -> Result<(), Lost> {
        let welcome = self.greet(address)?;
        let epoch = text(&welcome, "epoch");
        if let Some(known) = &self.epoch {
            assert_eq!(*known, epoch, "{}: another epoch", self.nick);
            assert_eq!(welcome["resumed"], true, "{}: not resumed: {welcome}", self.nick);
            self.ledger.begin(self.ledger.top());
        } else {
            let room = welcome["rooms"].as_array().and_then(|rooms| rooms.iter().find(|room| room["room"] == ROOM));
            self.ledger.begin(room.and_then(|room| room["seq"].as_u64()).expect("a lobby in the welcome"));
        }
        self.epoch = Some(epoch);
        self.token = Some(text(&welcome, "token"));
        let again: Vec<String> = self.waiting.iter().map(Sent::line).collect();
        self.write(&again.concat())
    }

    fn greet(&mut self, address: SocketAddr) -> Result<Value, Lost> {
        // If it is still there, the new connection takes over from it.
        let _old = self.link.take();
        let stream = kind::connect(address, self.receive_bytes).map_err(|_| Lost)?;
        self.link = Some(BufReader::new(stream));
        let mut hello = json!({ "type": "hello", "nick": self.nick, "ref": "hello" });
        if let Some(token) = &self.token {
            hello["token"] = json!(token);
            hello["resume"] = json!({ ROOM: self.ledger.top() });
        }
        self.write(&format!("{hello}\n"))?;
        let welcome = self.read()?;
        assert_eq!(welcome["type"], "welcome", "{} is not welcome: {welcome}", self.nick);
        Ok(welcome)
    }

    /// Sends a message under a new id. Its text begins with the id, so that each can be told from all others.
    ///
    /// # Errors
    /// The connection has ended; the message waits for the next one.
    pub fn say(&mut self, text: &str) -> Result<(), Lost> {
        self.sent += 1;
        let id = format!("{}-{:010}", self.nick, self.sent);
        assert!(id.len() >= 16, "{id} is too short for an id");
        let sent = Sent { number: self.sent, text: format!("{id} {text}"), id };
        let line = sent.line();
        self.waiting.push_back(sent);
        self.write(&line)
    }

    /// Waits for the next thing that it is told, and holds it against the ledger.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Panics
    /// Nothing comes, or something that cannot be.
    pub fn turn(&mut self) -> Result<Heard, Lost> {
        let object = self.read()?;
        let number = |key: &str| object[key].as_u64();
        Ok(match object["type"].as_str().unwrap_or_default() {
            "ack" if object["ref"].is_string() => {
                let sent = self.answered(&object);
                let seq = number("seq").unwrap_or_else(|| panic!("{}: no seq in {object}", self.nick));
                let duplicate = object["duplicate"] == true;
                self.ledger.ack(seq, &sent.id, duplicate);
                self.acknowledged.push((seq, sent.id));
                Heard::Acknowledged { seq, duplicate }
            }
            "error" => {
                self.answered(&object);
                Heard::Refused(text(&object, "code"))
            }
            "message" | "topic" => match number("seq") {
                Some(seq) => {
                    let text = text(&object, "text");
                    let id = object["id"].as_str().map_or_else(|| format!("without id: {text}"), str::to_owned);
                    self.ledger.event(seq, &id);
                    Heard::Event { seq, text }
                }
                None => Heard::Private(text(&object, "text")),
            },
            "gap" => {
                let (from, to) = (number("from").unwrap_or(0), number("to").unwrap_or(0));
                self.ledger.gap(from, to);
                Heard::Gap { from, to }
            }
            "closing" => Heard::Closing(text(&object, "code")),
            _ => Heard::Other(object),
        })
    }

    /// Hears everything up to `seq`.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Panics
    /// As [`Self::turn`].
    pub fn hear_up_to(&mut self, seq: u64) -> Result<(), Lost> {
        while self.ledger.top() < seq {
            self.turn()?;
        }
        Ok(())
    }

    /// Waits until nothing waits for an acknowledgement.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Panics
    /// As [`Self::turn`].
    pub fn finish(&mut self) -> Result<(), Lost> {
        while !self.waiting.is_empty() {
            self.turn()?;
        }
        Ok(())
    }

    /// Cuts the connection without a word.
    pub fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            let _ = link.get_ref().shutdown(Shutdown::Both);
        }
    }

    /// Its nick.
    #[must_use]
    pub fn nick(&self) -> &str {
        &self.nick
    }

    /// The address that it has on its connection.
    ///
    /// # Panics
    /// It has no connection.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.link.as_ref().and_then(|link| link.get_ref().local_addr().ok()).expect("a connection")
    }

    /// How many messages wait for an acknowledgement.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The ids of the messages that wait for an acknowledgement.
    pub fn waiting_ids(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|sent| sent.id.as_str())
    }

    /// Number and id of every acknowledgement so far, in order.
    #[must_use]
    pub fn acknowledged(&self) -> &[(u64, String)] {
        &self.acknowledged
    }

    /// Answers come in the order of the requests.
    fn answered(&mut self, object: &Value) -> Sent {
        let sent = self.waiting.pop_front().unwrap_or_else(|| panic!("{}: nobody asked: {object}", self.nick));
        assert_eq!(object["ref"], sent.number.to_string(), "{}: {} waits first: {object}", self.nick, sent.id);
        sent
    }

    fn write(&mut self, lines: &str) -> Result<(), Lost> {
        let link = self.link.as_mut().ok_or(Lost)?;
        link.get_mut().write_all(lines.as_bytes()).map_err(|_| Lost)
    }

    fn read(&mut self) -> Result<Value, Lost> {
        let link = self.link.as_mut().ok_or(Lost)?;
        let mut line = String::new();
        match link.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let (waiting, top) = (self.waiting.len(), self.ledger.top());
                panic!("{}: nothing came for {PATIENCE:?}; {waiting} messages wait, told up to {top}", self.nick);
            }
            // The end, in the middle of a line or not.
            Ok(_) | Err(_) => {
                self.link = None;
                return Err(Lost);
            }
        }
        Ok(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: not JSON ({error}): {line}", self.nick)))
    }
}

impl Sent {
    fn line(&self) -> String {
        let Self { number, id, text } = self;
        let object = json!({ "type": "message", "room": ROOM, "text": text, "id": id, "ref": number.to_string() });
        format!("{object}\n")
    }
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_else(|| panic!("no {key} in {object}")).to_owned()
}
