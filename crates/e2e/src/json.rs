//! A client of the JSON protocol over TCP: requests with their answers, and events in the order they came.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Line;

/// One JSON connection.
#[derive(Debug)]
pub struct Json {
    line: Line,
    /// Read while looking for something else.
    waiting: VecDeque<Value>,
    requests: u64,
}

impl Json {
    /// Connects to `address` and says nothing yet.
    ///
    /// # Panics
    /// It cannot connect.
    #[must_use]
    pub fn connect(name: &str, address: SocketAddr) -> Self {
        Self { line: Line::connect(name, address), waiting: VecDeque::new(), requests: 0 }
    }

    /// Connects and says hello as `nick`. Returns the client and the `welcome`.
    ///
    /// # Panics
    /// It is not welcome.
    #[must_use]
    pub fn hello(nick: &str, address: SocketAddr) -> (Self, Value) {
        Self::hello_with(nick, address, json!({ "nick": nick }))
    }

    /// Connects and says hello with these members. Returns the client and the `welcome`.
    ///
    /// # Panics
    /// It is not welcome.
    #[must_use]
    pub fn hello_with(name: &str, address: SocketAddr, mut hello: Value) -> (Self, Value) {
        let mut client = Self::connect(name, address);
        hello["type"] = json!("hello");
        let welcome = client.request(hello);
        assert_eq!(welcome["type"], "welcome", "{name} is not welcome: {welcome}");
        (client, welcome)
    }

    /// Sends one object and waits for nothing.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn send(&mut self, object: &Value) {
        self.line.say(&object.to_string());
    }

    /// Sends `object` with a `ref` of its own and returns that `ref`.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn start(&mut self, mut object: Value) -> String {
        self.requests += 1;
        let reference = self.requests.to_string();
        object["ref"] = json!(reference);
        self.send(&object);
        reference
    }

    /// Sends `object` and waits for its answer, whatever it is; events that come before it are kept.
    ///
    /// # Panics
    /// No answer comes.
    pub fn request(&mut self, object: Value) -> Value {
        let reference = self.start(object);
        self.answer(&reference)
    }

    /// Waits for the answer to the request with this `ref`; events that come before it are kept.
    ///
    /// # Panics
    /// No answer comes.
    pub fn answer(&mut self, reference: &str) -> Value {
        self.find(&format!("the answer to {reference}"), |object| object["ref"] == reference)
    }

    /// Says `text` to the current room and waits until it is acknowledged. Returns its `seq`.
    ///
    /// # Panics
    /// It is not.
    pub fn say(&mut self, text: &str) -> u64 {
        let ack = self.request(json!({ "type": "message", "text": text }));
        assert_eq!(ack["type"], "ack", "{text:?} was not acknowledged: {ack}");
        ack["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {ack}"))
    }

    /// Waits for an event of this type; others that come before it are kept.
    ///
    /// # Panics
    /// None comes.
    pub fn event(&mut self, kind: &str) -> Value {
        self.find(kind, |object| object["type"] == kind)
    }

    /// Waits for a message with this text; others that come before it are kept.
    ///
    /// # Panics
    /// None comes.
    pub fn message(&mut self, text: &str) -> Value {
        self.find(text, |object| object["type"] == "message" && object["text"] == text)
    }

    /// The next object, whatever it is.
    ///
    /// # Panics
    /// None comes.
    pub fn next_object(&mut self) -> Value {
        self.waiting.pop_front().unwrap_or_else(|| self.read())
    }

    /// Everything that has come before the server's answer to a `ping` of now, kept or not: what is not among it did not
    /// happen before.
    ///
    /// # Panics
    /// No answer comes.
    pub fn drain(&mut self) -> Vec<Value> {
        let reference = self.start(json!({ "type": "ping" }));
        let pong = self.answer(&reference);
        assert_eq!(pong["type"], "pong", "{pong}");
        self.waiting.drain(..).collect()
    }

    /// The connection beneath.
    pub const fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn find(&mut self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&is_wanted) {
            return self.waiting.remove(at).unwrap_or_default();
        }
        loop {
            let line = self.line.heard.line_where(what, |_| true);
            let object = parse(&line);
            if is_wanted(&object) {
                return object;
            }
            self.waiting.push_back(object);
        }
    }

    fn read(&mut self) -> Value {
        parse(&self.line.heard.line())
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}
