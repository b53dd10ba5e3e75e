//! The chat as events: the vocabulary of the JSON protocol, each request an event and its answer the acknowledgement.

use super::encode::is_ours;
use super::namespace::{Behaviour, Entry, Heard, Said};
use crate::json::decode::command_of;
use crate::json::fields::Fields;
use crate::json::write::harmless;
use switchboard_core::{Code, Command, Hello, Refusal, SessionId, Target};

/// The events that ask the server for something, as the JSON protocol's types.
const REQUESTS: [&str; 13] = [
    "message", "join", "leave", "nick", "topic", "typing", "history", "search", "members", "rooms", "ping", "pass",
    "quit",
];

/// The namespace in which everybody is in the rooms of the whole server.
#[derive(Debug)]
pub(super) struct Chat {
    /// An event that is a message, too: its one string is the text.
    message_event: Option<String>,
}

impl Chat {
    pub(super) const fn new(message_event: Option<String>) -> Self {
        Self { message_event }
    }
}

impl Behaviour for Chat {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        Ok(Entry::Session(Box::new(enter(auth)?)))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let result = if self.message_event.as_deref() == Some(heard.name) {
            one_string(heard).map(message)
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
    if name.is_empty() || name.len() > super::packet::NAME_BYTES_MAX || is_ours(name) {
        return Err(bad(format!(
            "`{}` is not an event that can be passed on",
            name.chars().take(40).collect::<String>()
        )));
    }
    let args = harmless(&heard.args_json()).into();
    Ok(Command::Relay { name: name.to_owned(), args, binary: heard.binary.clone(), to: None, room: None })
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
    use super::*;
    use serde_json::value::RawValue;
    use switchboard_core::Attachments;

    fn said(chat: &Chat, name: &str, args: &str) -> Said {
        let args: Vec<&RawValue> = serde_json::from_str(args).expect("an array");
        let mut said = Vec::new();
        let heard = Heard { name, args: &args, binary: &Attachments::default(), wants_answer: true };
        chat.event(&heard, &mut said);
        said.pop().expect("every event makes something")
    }

    #[test]
    fn the_vocabulary_is_understood() {
        let chat = Chat::new(Some("chat message".to_owned()));
        let text = |text: &str| Said::Request(message(text.to_owned()));
        assert_eq!(said(&chat, "message", r#"["hi"]"#), text("hi"));
        assert_eq!(said(&chat, "message", r#"[{"text":"hi"}]"#), text("hi"));
        assert_eq!(said(&chat, "chat message", r#"["hi"]"#), text("hi"));
        assert_eq!(said(&chat, "rooms", "[]"), Said::Request(Command::Rooms));
        assert_eq!(said(&chat, "join", r#"["dev"]"#), Said::Request(Command::Join { room: "dev".to_owned() }));
    }

    #[test]
    fn names_of_the_server_are_never_passed_on() {
        let chat = Chat::new(None);
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
        let chat = Chat::new(None);
        let Said::Refuse(refusal) = said(&chat, "message", r#"["\ud800"]"#) else { panic!("half a character is none") };
        assert_eq!(refusal.message, "`message` has one argument, a string of whole characters");
        for (name, args) in [("message", "[1]"), ("message", "[\"a\",\"b\"]"), ("rooms", "[\"x\"]"), ("join", "[[]]")] {
            assert!(matches!(said(&chat, name, args), Said::Refuse(_)), "{name} {args}");
        }
    }
}
