//! The chat as events: the vocabulary of the JSON protocol, each request an event and its answer the acknowledgement.

use super::encode::is_ours;
use super::namespace::{Behaviour, Entry, Heard, Said};
use super::objects::{self, OBJECT_BYTES_MAX, Objects};
use super::packet::NAME_BYTES_MAX;
use crate::json::decode::command_of;
use crate::json::fields::Fields;
use crate::json::write::harmless;
use std::sync::Arc;
use switchboard_core::{Code, Command, Hello, Refusal, SessionId, Target};

/// The events that ask the server for something, as the JSON protocol's types.
const REQUESTS: [&str; 13] = [
    "message", "join", "leave", "nick", "topic", "typing", "history", "search", "members", "rooms", "ping", "pass",
    "quit",
];

/// The namespace in which everybody is in the rooms of the whole server.
#[derive(Debug)]
pub(super) struct Chat {
    /// An event that is a message, too: a string that is the text, or an object that has it; then the message's id, if
    /// the client gives it one.
    message_event: Option<String>,
    /// What messages looked like that were objects.
    objects: Arc<Objects>,
}

impl Chat {
    pub(super) const fn new(message_event: Option<String>, objects: Arc<Objects>) -> Self {
        Self { message_event, objects }
    }

    /// A message that was emitted as a string or as an object.
    fn emitted(&self, heard: &Heard<'_>) -> Result<Command, Refusal> {
        let form = || bad(format!("`{}` has one argument, a string or an object with a `text`", heard.name));
        let (said, id) = match heard.args {
            [said] => (said.get(), None),
            [said, id] => (said.get(), Some(serde_json::from_str::<String>(id.get()).map_err(|_| form())?)),
            [] | [_, _, _, ..] => return Err(form()),
        };
        if !said.starts_with('{') {
            let text = serde_json::from_str(said).map_err(|_| form())?;
            return Ok(Command::Message { target: Target::Current, text, id, action: false });
        }
        if said.len() > OBJECT_BYTES_MAX || !heard.binary.is_empty() {
            return Err(bad(format!("a message has at most {OBJECT_BYTES_MAX} bytes and no attachments")));
        }
        let text = objects::text_of(said).ok_or_else(form)?;
        let id = id.unwrap_or_else(|| heard.unique.id());
        self.objects.keep(&id, &text, &harmless(said));
        Ok(Command::Message { target: Target::Current, text, id: Some(id), action: false })
    }
}

impl Behaviour for Chat {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        Ok(Entry::Session(Box::new(enter(auth)?)))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let result = if self.message_event.as_deref() == Some(heard.name) {
            self.emitted(heard)
        } else if REQUESTS.contains(&heard.name) {
            request(heard)
        } else {
            relayable(heard.name, heard)
        };
        said.push(result.map_or_else(Said::Refuse, Said::Request));
    }
}

/// What a socket says of itself when it comes in: `nick` and `pass`.
pub(super) fn enter(auth: &str) -> Result<Hello, Refusal> {
    let fields = Fields::read(auth).map_err(bad)?;
    match command_of("hello", &Fields { nick: fields.nick, pass: fields.pass, ..Fields::default() }) {
        Ok(Command::Hello(hello)) => Ok(hello),
        Ok(_) => Ok(Hello::default()),
        Err((code, fault)) => Err(code.refuse(None, fault)),
    }
}

/// A request of the vocabulary: an object of its members; or a bare string where one member is enough; or nothing.
fn request(heard: &Heard<'_>) -> Result<Command, Refusal> {
    let object = match heard.args {
        [] => "{}",
        [one] if one.get().starts_with('{') => one.get(),
        [one] if one.get() == "null" => "{}",
        [_] => return bare(heard),
        [_, _, ..] => return Err(bad(format!("`{}` has one argument", heard.name))),
    };
    let fields = Fields::read(object).map_err(bad)?;
    command_of(heard.name, &fields).map_err(|(code, fault)| code.refuse(None, fault))
}

fn bare(heard: &Heard<'_>) -> Result<Command, Refusal> {
    let text = one_string(heard)?;
    Ok(match heard.name {
        "message" => message(text),
        "join" => Command::Join { room: text },
        "leave" => Command::Leave { room: Some(text) },
        "nick" => Command::Nick { nick: text },
        "pass" => Command::Pass { code: text },
        "topic" => Command::Topic { room: None, text: Some(text) },
        "typing" => Command::Typing { room: Some(text) },
        "members" => Command::Members { room: Some(text) },
        "history" => Command::History { room: Some(text), before: None, after: None, limit: None },
        "search" => Command::Search { room: None, query: text, before: None, limit: None },
        name => return Err(bad(format!("`{name}` has no argument"))),
    })
}

const fn message(text: String) -> Command {
    Command::Message { target: Target::Current, text, id: None, action: false }
}

/// The one argument of an event, which must be a string.
pub(super) fn one_string(heard: &Heard<'_>) -> Result<String, Refusal> {
    let [one] = heard.args else { return Err(bad(format!("`{}` has one argument, a string", heard.name))) };
    serde_json::from_str(one.get()).map_err(|_| {
        // A string that is not a string is one with half of a surrogate pair.
        let what = if one.get().starts_with('"') { "a string of whole characters" } else { "a string" };
        bad(format!("`{}` has one argument, {what}", heard.name))
    })
}

/// An event that is passed on as it is, unless its name is one of the server's own: whoever could relay a `message`
/// could put words into the server's mouth.
pub(super) fn relayable(name: &str, heard: &Heard<'_>) -> Result<Command, Refusal> {
    if name.is_empty() || is_ours(name) {
        return Err(not_passed_on(name));
    }
    passed_on(name, heard)
}

/// An event that is passed on as it is, whatever its name, as long as that is not too long.
pub(super) fn passed_on(name: &str, heard: &Heard<'_>) -> Result<Command, Refusal> {
    if name.len() > NAME_BYTES_MAX {
        let (begin, most) = (excerpt(name), NAME_BYTES_MAX);
        return Err(bad(format!("an event's name has at most {most} bytes: `{begin}…` has {}", name.len())));
    }
    Ok(Command::Relay {
        name: name.to_owned(),
        args: harmless(&heard.args_json()).into(),
        binary: heard.binary.clone(),
        packed: heard.args_packed(),
        to: None,
        room: None,
    })
}

pub(super) fn not_passed_on(name: &str) -> Refusal {
    bad(format!("`{}` is not an event that can be passed on", excerpt(name)))
}

fn excerpt(name: &str) -> String {
    name.chars().take(40).collect()
}

/// The session that a socket's public id names.
pub(super) fn session_id(text: &str) -> Option<SessionId> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { text.parse().ok() } else { None }
}

pub(super) fn bad(fault: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Code::BadRequest.refuse(None, fault)
}

#[cfg(test)]
mod tests {
    use super::super::namespace::Unique;
    use super::*;
    use crate::engineio::Sid;
    use serde_json::value::RawValue;
    use switchboard_core::Attachments;

    fn unique() -> Unique {
        Unique { session: Sid::new(0, 0, [7; 16]), number: 1 }
    }

    fn said(chat: &Chat, name: &str, args: &str) -> Said {
        let args: Vec<&RawValue> = serde_json::from_str(args).expect("an array");
        let mut said = Vec::new();
        let heard = Heard {
            name,
            args: &args,
            binary: &Attachments::default(),
            packed: None,
            wants_answer: true,
            unique: unique(),
        };
        chat.event(&heard, &mut said);
        said.pop().expect("every event makes something")
    }

    #[test]
    fn the_vocabulary_is_understood() {
        let chat = Chat::new(Some("chat message".to_owned()), Arc::default());
        let text = |text: &str| Said::Request(message(text.to_owned()));
        assert_eq!(said(&chat, "message", r#"["hi"]"#), text("hi"));
        assert_eq!(said(&chat, "message", r#"[{"text":"hi"}]"#), text("hi"));
        assert_eq!(said(&chat, "chat message", r#"["hi"]"#), text("hi"));
        let with_id = |text: &str, id: &str| {
            let (text, id) = (text.to_owned(), Some(id.to_owned()));
            Said::Request(Command::Message { target: Target::Current, text, id, action: false })
        };
        assert_eq!(said(&chat, "chat message", r#"["hi","0123456789abcdef-0"]"#), with_id("hi", "0123456789abcdef-0"));
        let object = r#"[{"user":"ada","text":"hi"}]"#;
        assert_eq!(said(&chat, "chat message", object), with_id("hi", &unique().id()));
        let kept = chat.objects.find(&unique().id(), "hi");
        assert_eq!(kept.as_deref(), Some(r#"{"user":"ada","text":"hi"}"#));
        assert_eq!(said(&chat, "rooms", "[]"), Said::Request(Command::Rooms));
        assert_eq!(said(&chat, "join", r#"["dev"]"#), Said::Request(Command::Join { room: "dev".to_owned() }));
    }

    #[test]
    fn names_of_the_server_are_never_passed_on() {
        let chat = Chat::new(None, Arc::default());
        for name in ["welcome", "notice", "joined", "left", "error", "ack", "event", "gap", "disconnect"] {
            assert!(matches!(said(&chat, name, "[1]"), Said::Refuse(_)), "{name}");
        }
        let Said::Request(Command::Relay { name, args, .. }) = said(&chat, "draw", r#"[1,{"a":"b"}]"#) else {
            panic!("it is passed on");
        };
        assert_eq!((&*name, &*args), ("draw", r#"[1,{"a":"b"}]"#));
    }

    #[test]
    fn what_is_wrong_is_refused_in_words() {
        let bare = Chat::new(Some("say".to_owned()), Arc::default());
        let large = format!("[{{\"text\":\"hi\",\"more\":\"{}\"}}]", "x".repeat(OBJECT_BYTES_MAX));
        for args in ["[]", "[1]", "[{}]", "[[]]", "[\"a\",1]", "[\"a\",\"b\",\"c\"]", &large] {
            assert!(matches!(said(&bare, "say", args), Said::Refuse(_)), "{args:.40}");
        }
        let chat = Chat::new(None, Arc::default());
        let Said::Refuse(refusal) = said(&chat, "message", r#"["\ud800"]"#) else { panic!("half a character is none") };
        assert_eq!(refusal.message, "`message` has one argument, a string of whole characters");
        for (name, args) in [("message", "[1]"), ("message", "[\"a\",\"b\"]"), ("rooms", "[\"x\"]"), ("join", "[[]]")] {
            assert!(matches!(said(&chat, name, args), Said::Refuse(_)), "{name} {args}");
        }
    }
}
