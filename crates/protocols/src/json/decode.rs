//! What an object that a program sent asks for.

use super::fields::{self, Fault, Fields};
use super::write::harmless;
use serde_json::Value;
use std::sync::Arc;
use switchboard_core::limits::REFERENCE_BYTES_MAX;
use switchboard_core::vocabulary::VOCABULARY;
use switchboard_core::{Attachments, Code, Command, Hello, Refusal, Request, Target};

/// Bytes of the name of a relayed event. More: refused with `bad_request`.
pub const EVENT_NAME_BYTES_MAX: usize = 128;

/// Understands one request.
///
/// # Errors
/// The refusal that the client is answered with, under its `ref` if that could be read: `bad_request` for what is not
/// JSON, not an object, or has a member of the wrong kind, `unknown_command` for a type that there is not.
pub fn decode(text: &str) -> Result<Request, Refusal> {
    let fields = Fields::read(text).map_err(|fault| Code::BadRequest.refuse(None, fault))?;
    let reference = reference(&fields).map_err(|fault| Code::BadRequest.refuse(None, fault))?;
    match command(&fields) {
        Ok(command) => Ok(Request { reference, command }),
        Err((code, fault)) => Err(code.refuse(reference, fault)),
    }
}

fn reference(fields: &Fields<'_>) -> Result<Option<Arc<str>>, Fault> {
    match fields::string(fields.reference, "ref")? {
        Some(reference) if reference.len() > REFERENCE_BYTES_MAX => {
            Err(format!("`ref` has at most {REFERENCE_BYTES_MAX} bytes"))
        }
        reference => Ok(reference.map(Arc::from)),
    }
}

fn command(fields: &Fields<'_>) -> Result<Command, (Code, Fault)> {
    let kind = fields::required(fields.kind, "type").map_err(|fault| (Code::BadRequest, fault))?;
    command_of(&kind, fields)
}

/// The command of this name with these members.
pub(crate) fn command_of(kind: &str, fields: &Fields<'_>) -> Result<Command, (Code, Fault)> {
    let bad = |fault| (Code::BadRequest, fault);
    let command = match kind {
        "hello" => hello(fields),
        "pass" => fields::required(fields.code, "code").map(|code| Command::Pass { code }),
        "nick" => fields::required(fields.nick, "nick").map(|nick| Command::Nick { nick }),
        "join" => fields::required(fields.room, "room").map(|room| Command::Join { room }),
        "leave" => room(fields).map(|room| Command::Leave { room }),
        "message" => message(fields),
        "topic" => topic(fields),
        "typing" => room(fields).map(|room| Command::Typing { room }),
        "history" => history(fields),
        "search" => search(fields),
        "members" => room(fields).map(|room| Command::Members { room }),
        "rooms" => Ok(Command::Rooms),
        "ping" => Ok(Command::Ping),
        "event" => relay(fields),
        "quit" => Ok(Command::Quit),
        unknown => {
            let unknown: String = unknown.chars().take(40).collect();
            return Err((Code::UnknownCommand, format!("there is no command `{unknown}`")));
        }
    };
    command.map_err(bad)
}

fn room(fields: &Fields<'_>) -> Result<Option<String>, Fault> {
    fields::string(fields.room, "room")
}

fn hello(fields: &Fields<'_>) -> Result<Command, Fault> {
    let as_new = match fields::string(fields.as_what, "as")?.as_deref() {
        None => false,
        Some("new") => true,
        Some(_) => return Err("`as` can only be \"new\"".to_owned()),
    };
    Ok(Command::Hello(Hello {
        nick: fields::string(fields.nick, "nick")?,
        pass: fields::string(fields.pass, "pass")?,
        token: fields::string(fields.token, "token")?,
        since: None,
        after: None,
        space: None,
        resume: fields::resume(fields.resume)?,
        as_new,
    }))
}

fn message(fields: &Fields<'_>) -> Result<Command, Fault> {
    let target = match (room(fields)?, fields::string(fields.to, "to")?) {
        (None, None) => Target::Current,
        (Some(room), None) => Target::Room(room),
        (None, Some(nick)) => Target::User(nick),
        (Some(_), Some(_)) => return Err("a message has a `room` or a `to`, not both".to_owned()),
    };
    Ok(Command::Message {
        target,
        text: fields::required(fields.text, "text")?,
        id: fields::string(fields.id, "id")?,
        action: fields::flag(fields.action, "action")?,
    })
}

fn topic(fields: &Fields<'_>) -> Result<Command, Fault> {
    Ok(Command::Topic { room: room(fields)?, text: fields::string(fields.text, "text")? })
}

fn history(fields: &Fields<'_>) -> Result<Command, Fault> {
    let (before, after) = (fields::seq(fields.before, "before")?, fields::seq(fields.after, "after")?);
    if before.is_some() && after.is_some() {
        return Err("a page of history is `before` or `after` a seq, not both".to_owned());
    }
    Ok(Command::History { room: room(fields)?, before, after, limit: fields::count(fields.limit, "limit")? })
}

fn search(fields: &Fields<'_>) -> Result<Command, Fault> {
    Ok(Command::Search {
        room: room(fields)?,
        query: fields::required(fields.query, "query")?,
        before: fields::seq(fields.before, "before")?,
        limit: fields::count(fields.limit, "limit")?,
    })
}

fn relay(fields: &Fields<'_>) -> Result<Command, Fault> {
    let name = fields::required(fields.name, "name")?;
    if name.is_empty() || name.len() > EVENT_NAME_BYTES_MAX {
        return Err(format!("`name` has 1 to {EVENT_NAME_BYTES_MAX} bytes"));
    }
    // Whoever could relay a "message" could put words into the server's mouth.
    if VOCABULARY.iter().any(|row| row.word == name) {
        return Err(format!("`{name}` is an event of the protocol's own and cannot be relayed"));
    }
    let args = fields.args.map_or("[]", |args| args.get());
    if !args.starts_with('[') {
        return Err("`args` must be an array".to_owned());
    }
    if serde_json::from_str::<Value>(args).is_err() {
        // Passed on as it is, half a character or a number beyond all bounds would be an error to every strict reader.
        return Err("`args` can only hold whole characters, and numbers below 1e308".to_owned());
    }
    let to = fields::session(fields.to, "to")?;
    let (args, binary) = (harmless(args).into(), Attachments::default());
    Ok(Command::Relay { name, args, binary, packed: None, to, room: None })
}
