//! Requests in JSON: what is understood can be written down and understood again, and is within all bounds.

use serde_json::Value;
use switchboard_core::limits::{REFERENCE_BYTES_MAX, RESUME_ROOMS_MAX};
use switchboard_core::{Code, Command, Hello, Reply, Request, Seq, SessionId, Target};
use switchboard_protocols::json::decode;
use switchboard_protocols::json::decode::EVENT_NAME_BYTES_MAX;
use switchboard_protocols::text::clean::is_forbidden;
use switchboard_protocols::{Language, Settings, conversation};

pub(super) const WORDS: &[&[u8]] = &[
    b"\"type\":\"hello\"",
    b"\"type\":\"message\"",
    b"\"type\":\"event\"",
    b"\"type\":\"history\"",
    b"\"type\":\"search\"",
    b"\"ref\":\"1\"",
    b"\"nick\":\"ada\"",
    b"\"resume\":{\"lobby\":41}",
    b"\"as\":\"new\"",
    b"\"args\":[1,{\"a\":[]}]",
    b"\"name\":\"draw\"",
    b"\"room\":",
    b"\"text\":",
    b"\"to\":\"00000000000000ff\"",
    b"\"before\":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"[[[[",
    b"]]]]",
    b"{\"a\":",
    b"}",
    b"\\ud800",
    b"\\udc00",
    b"\\u0000",
    b"\\\\",
    b"\\\"",
    b",",
    "\u{202E}".as_bytes(),
];

/// As deep as arrays and objects may be in each other.
const DEPTH_MAX: usize = 64;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match decode(&text) {
        Ok(request) => {
            check(&request);
            let written = write(&request);
            assert_eq!(decode(&written).as_ref(), Ok(&request), "{written}");
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                assert!(value["type"].is_string(), "{text} has a type");
                assert!(depth(&value) <= DEPTH_MAX);
            }
        }
        Err(refusal) => {
            assert!(matches!(refusal.code, Code::BadRequest | Code::UnknownCommand), "{refusal:?}");
            assert!(refusal.message.len() <= 512, "{refusal:?}");
            let mut json = conversation::stream_json(&Settings::default().into());
            let frame = json.reply(&Reply::Refused(refusal)).expect("a refusal is told");
            let line = str::from_utf8(frame.bytes()).expect("UTF-8");
            crate::wellformed::message(Language::Json, line.trim_end_matches('\n'));
        }
    }
}

/// What the core may rely upon.
pub(super) fn check(request: &Request) {
    assert!(request.reference.as_ref().is_none_or(|reference| reference.len() <= REFERENCE_BYTES_MAX));
    match &request.command {
        Command::Hello(hello) => assert!(hello.resume.len() <= RESUME_ROOMS_MAX),
        Command::Relay { name, args, .. } => {
            assert!((1..=EVENT_NAME_BYTES_MAX).contains(&name.len()));
            assert!(!args.chars().any(is_forbidden), "{args:?} is passed on");
            // Whoever reads JSON must be able to read it: half a character or a number beyond all bounds would
            // cost a strict receiver its connection.
            let args: Value = serde_json::from_str(args).expect("what is passed on is JSON");
            assert!(args.is_array());
        }
        Command::Pass { .. }
        | Command::Nick { .. }
        | Command::Join { .. }
        | Command::Leave { .. }
        | Command::Message { .. }
        | Command::Topic { .. }
        | Command::Typing { .. }
        | Command::History { .. }
        | Command::Search { .. }
        | Command::Members { .. }
        | Command::Rooms
        | Command::Ping
        | Command::Quit => {}
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
    }
}

/// An object under construction, written the simple way.
struct Object(String);

impl Object {
    fn of(kind: &str) -> Self {
        Self(format!("{{\"type\":\"{kind}\""))
    }

    fn raw(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0 += &format!(",\"{name}\":{value}");
        self
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, Value::from(value))
    }

    fn text_if(self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value { self.text(name, value) } else { self }
    }

    fn number_if(self, name: &str, value: Option<u64>) -> Self {
        if let Some(value) = value { self.raw(name, value) } else { self }
    }
}

fn write(request: &Request) -> String {
    let object = match &request.command {
        Command::Hello(hello) => write_hello(hello),
        Command::Pass { code } => Object::of("pass").text("code", code),
        Command::Nick { nick } => Object::of("nick").text("nick", nick),
        Command::Join { room } => Object::of("join").text("room", room),
        Command::Leave { room } => Object::of("leave").text_if("room", room.as_deref()),
        Command::Typing { room } => Object::of("typing").text_if("room", room.as_deref()),
        Command::Members { room } => Object::of("members").text_if("room", room.as_deref()),
        Command::Message { target, text, id, action } => {
            let object = Object::of("message").text("text", text).text_if("id", id.as_deref()).raw("action", action);
            match target {
                Target::Current => object,
                Target::Room(room) => object.text("room", room),
                Target::User(nick) => object.text("to", nick),
            }
        }
        Command::Topic { room, text } => {
            Object::of("topic").text_if("room", room.as_deref()).text_if("text", text.as_deref())
        }
        Command::History { room, before, after, limit } => Object::of("history")
            .text_if("room", room.as_deref())
            .number_if("before", *before)
            .number_if("after", *after)
            .number_if("limit", limit.map(Seq::from)),
        Command::Search { room, query, before, limit } => Object::of("search")
            .text_if("room", room.as_deref())
            .text("query", query)
            .number_if("before", *before)
            .number_if("limit", limit.map(Seq::from)),
        Command::Relay { name, args, to, .. } => {
            let to = to.as_ref().map(SessionId::to_string);
            Object::of("event").text("name", name).raw("args", args).text_if("to", to.as_deref())
        }
        Command::Rooms => Object::of("rooms"),
        Command::Ping => Object::of("ping"),
        Command::Quit => Object::of("quit"),
    };
    object.text_if("ref", request.reference.as_deref()).0 + "}"
}

fn write_hello(hello: &Hello) -> Object {
    let resume: Vec<String> =
        hello.resume.iter().map(|(room, seq)| format!("{}:{seq}", Value::from(room.as_str()))).collect();
    let object = Object::of("hello")
        .text_if("nick", hello.nick.as_deref())
        .text_if("pass", hello.pass.as_deref())
        .text_if("token", hello.token.as_deref())
        .raw("resume", format_args!("{{{}}}", resume.join(",")));
    if hello.as_new { object.text("as", "new") } else { object }
}
