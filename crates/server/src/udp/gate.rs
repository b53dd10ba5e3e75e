//! What becomes of a datagram from an address that is not loopback and has no session.

use std::collections::HashMap;
use std::net::SocketAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use switchboard_protocols::json::doorstep::{self, Doorstep};

use super::cookie::Cookies;
use super::keyed;

/// What is to be done with a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It carries the token of a sender that may publish. Nothing is answered.
    Publish {
        /// The sender's name in the configuration.
        name: &'a str,
        /// Its room.
        room: &'a str,
        /// What it says, not checked yet.
        text: String,
        /// The message's id, if the sender made one, so that a datagram sent twice is one message.
        id: Option<String>,
    },
    /// It asks for membership, and its address is not proved: this datagram is the answer, with a cookie. It is no
    /// longer than the request, so that nobody can make us send more than he sends to somebody else.
    Answer(Vec<u8>),
    /// It asks for membership with a good cookie: the address is a session from here on, and the
    /// datagram its first request.
    Accept,
    /// Nothing is answered, and nothing kept.
    Ignore,
}

/// Decides about datagrams. It keeps nothing about anybody: the same datagram from the same
/// address in the same minute gets the same verdict.
#[derive(Debug)]
pub struct Gate {
    cookies: Cookies,
    senders: Senders,
}

impl Gate {
    /// `key` is random and must not leave the process. `senders` are the rows of `udp.tokens`:
    /// name, token, and the room it may publish to.
    #[must_use]
    pub fn new<'a>(key: [u8; 32], senders: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        Self { cookies: Cookies::new(key), senders: Senders::new(&key, senders) }
    }

    /// The verdict about a datagram from `from` at `now`, in seconds.
    #[must_use]
    pub fn judge(&self, datagram: &[u8], from: SocketAddr, now: u64) -> Verdict<'_> {
        match doorstep::read(datagram) {
            Some(Doorstep::Hello { cookie: Some(cookie) }) if self.cookies.check(&cookie, from, now) => Verdict::Accept,
            // A cookie that is old, or somebody else's, is as good as none.
            Some(Doorstep::Hello { cookie: _ }) => Verdict::Answer(doorstep::cookie(&self.cookies.make(from, now))),
            Some(Doorstep::Publish { token, text, id }) => match self.senders.find(&token) {
                Some(Sender { name, room }) => Verdict::Publish { name, room, text, id },
                None => Verdict::Ignore,
            },
            None => Verdict::Ignore,
        }
    }
}

#[derive(Debug)]
struct Sender {
    name: String,
    room: String,
}

/// The senders by a keyed hash of their tokens: how long a look-up takes says nothing about a
/// token, and the tokens themselves are not kept.
struct Senders {
    keyed: Hmac<Sha256>,
    by_hash: HashMap<[u8; 32], Sender>,
}

impl Senders {
    fn new<'a>(key: &[u8; 32], rows: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut senders = Self { keyed: keyed(key), by_hash: HashMap::new() };
        for (name, token, room) in rows {
            let sender = Sender { name: name.to_owned(), room: room.to_owned() };
            senders.by_hash.insert(senders.hash(token), sender);
        }
        senders
    }

    fn find(&self, token: &str) -> Option<&Sender> {
        self.by_hash.get(&self.hash(token))
    }

    fn hash(&self, token: &str) -> [u8; 32] {
        self.keyed.clone().chain_update("token").chain_update(token).finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Senders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.by_hash.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchboard_protocols::json::doorstep::HELLO_BYTES_MIN;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn gate() -> Gate {
        Gate::new([7; 32], [("cellar", "s3cret-token", "sensors"), ("roof", "other", "weather")])
    }

    fn from() -> SocketAddr {
        "192.0.2.1:4000".parse().unwrap()
    }

    fn padded(object: &str) -> String {
        format!("{object:<HELLO_BYTES_MIN$}")
    }

    #[test]
    fn each_kind_of_datagram_gets_its_verdict() {
        let gate = gate();
        let publish = |name, room, text: &str, id: Option<&str>| Verdict::Publish {
            name,
            room,
            text: text.to_owned(),
            id: id.map(str::to_owned),
        };
        for (datagram, expected) in [
            (r#"{"type":"message","token":"s3cret-token","text":"7 C"}"#, publish("cellar", "sensors", "7 C", None)),
            (r#"{"type":"message","token":"other","text":"a\nb"}"#, publish("roof", "weather", "a\nb", None)),
            (
                r#"{"type":"message","token":"other","text":"x","id":"0123456789abcdef","more":[1]}"#,
                publish("roof", "weather", "x", Some("0123456789abcdef")),
            ),
            (r#"{"type":"message","token":"wrong","text":"7 C"}"#, Verdict::Ignore),
            (r#"{"type":"message","token":"","text":"7 C"}"#, Verdict::Ignore),
            (r#"{"type":"message","token":"s3cret-token"}"#, Verdict::Ignore),
            (r#"{"type":"message","token":"s3cret-token","text":7}"#, Verdict::Ignore),
            (r#"{"type":"join","token":"s3cret-token","text":"7 C"}"#, Verdict::Ignore),
            (r#"{"type":"message","text":"hi"}"#, Verdict::Ignore),
            (r#"{"type":"hello"}"#, Verdict::Ignore),
            ("hello", Verdict::Ignore),
            ("", Verdict::Ignore),
            ("7", Verdict::Ignore),
            ("[]", Verdict::Ignore),
            ("{", Verdict::Ignore),
        ] {
            assert_eq!(gate.judge(datagram.as_bytes(), from(), NOW), expected, "{datagram}");
        }
        let deep = "{\"a\":".repeat(10_000);
        assert_eq!(gate.judge(deep.as_bytes(), from(), NOW), Verdict::Ignore);
    }

    #[test]
    fn a_padded_hello_is_answered_by_a_cookie_and_accepted_with_it() {
        let gate = gate();
        let hello = padded(r#"{"type":"hello","nick":"ada"}"#);
        let Verdict::Answer(answer) = gate.judge(hello.as_bytes(), from(), NOW) else {
            panic!("a padded hello is answered");
        };
        assert!(answer.len() <= HELLO_BYTES_MIN, "{} bytes", answer.len());
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["type"], "cookie");
        let cookie = answer["cookie"].as_str().unwrap();

        let proved = padded(&format!(r#"{{"type":"hello","nick":"ada","cookie":"{cookie}"}}"#));
        assert_eq!(gate.judge(proved.as_bytes(), from(), NOW + 20), Verdict::Accept);
        for (from, now) in [(from(), NOW + 600), ("192.0.2.2:4000".parse().unwrap(), NOW)] {
            let verdict = gate.judge(proved.as_bytes(), from, now);
            assert!(matches!(verdict, Verdict::Answer(_)), "{verdict:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_longer_than_its_request(
            datagram: Vec<u8>,
            hello in r#"\{"type":"hello"(,"(pad|cookie)":"[a-z ]{0,60}"){0,2}\} {0,9}"#,
        ) {
            let gate = gate();
            for datagram in [&datagram[..], hello.as_bytes()] {
                if let Verdict::Answer(answer) = gate.judge(datagram, from(), NOW) {
                    prop_assert!(answer.len() <= datagram.len());
                }
            }
        }
    }
}
