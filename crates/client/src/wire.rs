//! The `json` protocol as this client speaks it: one object a line, message or datagram.

use crate::event::{
    Connected, Gap, Limits, MemberCount, MemberRow, Membership, Message, Notice, Past, Relay, Renamed, Resume, RoomRow,
    Seq, TopicSet,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the client says. A `ref` comes back with the answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Outgoing<'a> {
    Hello(Hello<'a>),
    Message {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'a str>,
        text: &'a str,
        id: &'a str,
        #[serde(skip_serializing_if = "is_false")]
        action: bool,
    },
    Join {
        r#ref: &'a str,
        room: &'a str,
    },
    Leave {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
    },
    Nick {
        r#ref: &'a str,
        nick: &'a str,
    },
    Topic {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
    },
    Typing {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
    },
    History {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Seq>,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Seq>,
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    Search {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        query: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Seq>,
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    Members {
        r#ref: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
    },
    Rooms {
        r#ref: &'a str,
    },
    Event {
        r#ref: &'a str,
        name: &'a str,
        args: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'a str>,
    },
    Ping {
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
    Quit,
}

/// How a session begins, or begins again.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Hello<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nick: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<&'a Resume>,
    /// The proof that this address asked, which a server wants over UDP before it says more than was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<&'a str>,
    /// Makes a hello over UDP as long as the longest answer to it, so that nobody can use the server as an amplifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad: Option<&'a str>,
}

impl Outgoing<'_> {
    /// The object, without a line end.
    pub(crate) fn encode(&self) -> String {
        // Nothing of the above can fail to be written: every key is a string, and the values are plain.
        serde_json::to_string(self).expect("the vocabulary is representable in JSON")
    }
}

/// What the server says.
#[derive(Debug)]
pub(crate) enum Incoming {
    Welcome(Welcome),
    Ack(Ack),
    Error(Refusal),
    Closing(Closing),
    Cookie(Cookie),
    Message(Message),
    Topic(TopicSet),
    Joined(Membership),
    Left(Membership),
    Renamed(Renamed),
    Typing(Membership),
    Notice(Notice),
    MemberCount(MemberCount),
    Relay(Relay),
    Gap(Gap),
    /// An answer with a list or a value, tied to its request.
    Reply(String, Reply),
    Pong(Option<String>),
    /// A word that this client does not know: servers may be newer.
    Unknown,
}

/// An answer that carries more than that something was done.
#[derive(Debug)]
pub(crate) enum Reply {
    Topic { room: String, topic: String },
    Members { room: String, count: u32, members: Vec<MemberRow>, more: bool },
    Rooms { rooms: Vec<RoomRow>, more: bool },
    History { room: String, events: Vec<Past>, more: bool },
    Found { room: String, events: Vec<Past>, more: bool, behind: u64 },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Welcome {
    pub session: String,
    #[serde(default)]
    pub token: Option<String>,
    #[serde(default)]
    pub epoch: String,
    pub nick: String,
    #[serde(default)]
    pub resumed: bool,
    #[serde(default)]
    pub rooms: Vec<RoomRow>,
    #[serde(default)]
    pub limits: Limits,
}

impl Welcome {
    pub(crate) fn connected(&self, again: bool, current: Option<String>) -> Connected {
        Connected {
            nick: self.nick.clone(),
            session: self.session.clone(),
            resumed: self.resumed,
            again,
            rooms: self.rooms.clone(),
            current,
        }
    }
}

/// Something was done; which fields there are depends on what.
#[derive(Debug, Deserialize)]
pub(crate) struct Ack {
    #[serde(default)]
    pub r#ref: Option<String>,
    #[serde(default)]
    pub seq: Option<Seq>,
    #[serde(default)]
    pub time: Option<String>,
    #[serde(default)]
    pub duplicate: bool,
    #[serde(default)]
    pub room: Option<String>,
    #[serde(default)]
    pub members: Option<u32>,
    #[serde(default)]
    pub topic: Option<String>,
    #[serde(default)]
    pub nick: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub r#ref: Option<String>,
    pub code: String,
    #[serde(default)]
    pub message: String,
}

/// The server's last words: why it closes the connection, and whether it makes sense to come back.
#[derive(Debug, Deserialize)]
pub(crate) struct Closing {
    #[serde(alias = "reason")]
    pub code: String,
    #[serde(default)]
    pub message: String,
    #[serde(default = "yes")]
    pub reconnect: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cookie {
    pub cookie: String,
}

/// A line that is not an object of the protocol.
#[derive(Debug, thiserror::Error)]
#[error("not understood: {0}")]
pub(crate) struct Garbled(#[from] serde_json::Error);

impl Incoming {
    /// Reads one object.
    pub(crate) fn parse(text: &str) -> Result<Self, Garbled> {
        #[derive(Deserialize)]
        struct Head {
            r#type: String,
            #[serde(default)]
            r#ref: Option<String>,
        }
        let Head { r#type: word, r#ref: reference } = serde_json::from_str(text)?;
        // `topic`, `members` and `rooms` are events and answers alike; an answer has the `ref` of its request.
        Ok(match (word.as_str(), reference) {
            ("welcome", _) => Self::Welcome(of(text)?),
            ("ack", _) => Self::Ack(of(text)?),
            ("error", _) => Self::Error(of(text)?),
            ("closing", _) => Self::Closing(of(text)?),
            ("cookie", _) => Self::Cookie(of(text)?),
            ("pong", reference) => Self::Pong(reference),
            ("message", _) => Self::Message(of(text)?),
            ("topic", Some(reference)) => {
                let TopicReply { room, topic } = of(text)?;
                Self::Reply(reference, Reply::Topic { room, topic })
            }
            ("topic", None) => Self::Topic(of(text)?),
            ("members", Some(reference)) => {
                let MembersReply { room, count, members, more } = of(text)?;
                Self::Reply(reference, Reply::Members { room, count, members, more })
            }
            ("members", None) => Self::MemberCount(of(text)?),
            ("rooms", Some(reference)) => {
                let RoomsReply { rooms, more } = of(text)?;
                Self::Reply(reference, Reply::Rooms { rooms, more })
            }
            ("history", Some(reference)) => {
                let EventsReply { room, events, more, .. } = of(text)?;
                Self::Reply(reference, Reply::History { room, events: past(&events)?, more })
            }
            ("search", Some(reference)) => {
                let EventsReply { room, events, more, behind } = of(text)?;
                Self::Reply(reference, Reply::Found { room, events: past(&events)?, more, behind })
            }
            ("joined", _) => Self::Joined(of(text)?),
            ("left", _) => Self::Left(of(text)?),
            ("renamed", _) => Self::Renamed(of(text)?),
            ("typing", _) => Self::Typing(of(text)?),
            ("notice", _) => Self::Notice(of(text)?),
            ("event", _) => Self::Relay(of(text)?),
            ("gap", _) => Self::Gap(of(text)?),
            _ => Self::Unknown,
        })
    }
}

#[derive(Deserialize)]
struct TopicReply {
    room: String,
    #[serde(default, alias = "text")]
    topic: String,
}

#[derive(Deserialize)]
struct MembersReply {
    room: String,
    #[serde(default)]
    count: u32,
    members: Vec<MemberRow>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct RoomsReply {
    rooms: Vec<RoomRow>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct EventsReply<'a> {
    room: String,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    behind: u64,
}

/// The durable events of a page; kinds that this client does not know are left out.
fn past(events: &[&RawValue]) -> Result<Vec<Past>, Garbled> {
    let mut past = Vec::with_capacity(events.len());
    for event in events {
        match Incoming::parse(event.get())? {
            Incoming::Message(message) => past.push(Past::Message(message)),
            Incoming::Topic(topic) => past.push(Past::Topic(topic)),
            Incoming::Welcome(_)
            | Incoming::Ack(_)
            | Incoming::Error(_)
            | Incoming::Closing(_)
            | Incoming::Cookie(_)
            | Incoming::Joined(_)
            | Incoming::Left(_)
            | Incoming::Renamed(_)
            | Incoming::Typing(_)
            | Incoming::Notice(_)
            | Incoming::MemberCount(_)
            | Incoming::Relay(_)
            | Incoming::Gap(_)
            | Incoming::Reply(..)
            | Incoming::Pong(_)
            | Incoming::Unknown => {}
        }
    }
    Ok(past)
}

fn of<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Garbled> {
    Ok(serde_json::from_str(text)?)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_not_written() {
        let hello = Outgoing::Hello(Hello { nick: Some("ada"), ..Hello::default() });
        assert_eq!(hello.encode(), r#"{"type":"hello","nick":"ada"}"#);
        let message =
            Outgoing::Message { r#ref: "1", room: Some("lobby"), to: None, text: "a\n\"", id: "i", action: false };
        assert_eq!(message.encode(), r#"{"type":"message","ref":"1","room":"lobby","text":"a\n\"","id":"i"}"#);
        assert_eq!(Outgoing::Quit.encode(), r#"{"type":"quit"}"#);
    }

    #[test]
    fn a_word_of_a_newer_server_is_no_error_and_nonsense_is_one() {
        assert!(matches!(Incoming::parse(r#"{"type":"tomorrow","x":[1]}"#), Ok(Incoming::Unknown)));
        for text in ["", "[]", "{}", "{\"type\":1}", "{\"type\":\"message\"}", "-- hi"] {
            assert!(Incoming::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_are_told_from_events_by_their_ref() {
        let event = r#"{"type":"topic","room":"lobby","seq":3,"from":{"nick":"ada"},"text":"tea"}"#;
        assert!(matches!(Incoming::parse(event), Ok(Incoming::Topic(TopicSet { seq: 3, .. }))));
        let answer = r#"{"type":"topic","ref":"1","room":"lobby","topic":"tea"}"#;
        assert!(
            matches!(Incoming::parse(answer), Ok(Incoming::Reply(reference, Reply::Topic { .. })) if reference == "1")
        );
        let page = r#"{"type":"history","ref":"2","room":"lobby","events":[
            {"type":"message","room":"lobby","seq":1,"from":{"nick":"ada"},"text":"hi"},{"type":"later"}],"more":true}"#;
        let Ok(Incoming::Reply(_, Reply::History { events, more: true, .. })) = Incoming::parse(page) else {
            panic!("no page");
        };
        assert_eq!(events.len(), 1);
    }
}
