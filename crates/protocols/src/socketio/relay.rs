//! The relay: events are passed on as they came, and rooms and receivers are the clients' own affair.

use super::chat::{bad, enter, one_string, relayable, session_id};
use super::namespace::{Behaviour, Entry, Heard, RelayTo, Said};
use std::sync::Arc;
use switchboard_core::{Command, Refusal};

/// A namespace whose front-end needs no server code.
///
/// Three names have a meaning: `join` and `leave` with a room's name, and `to` with a receiver (a socket's id, or a
/// room that the sender is in), an event's name and its arguments.
#[derive(Debug)]
pub(super) struct Relay {
    to: RelayTo,
}

impl Relay {
    pub(super) const fn new(to: RelayTo) -> Self {
        Self { to }
    }
}

impl Behaviour for Relay {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        // There is nobody to be named in a relay: only the join code counts.
        let mut hello = enter(auth)?;
        hello.nick = None;
        Ok(Entry::Session(Box::new(hello)))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let result = match heard.name {
            "join" => one_string(heard).map(|room| Said::Request(Command::Join { room })),
            "leave" => one_string(heard).map(|room| Said::Request(Command::Leave { room: Some(room) })),
            "to" => directed(heard).map(Said::Request),
            name => relayable(name, heard).map(|command| match self.to {
                RelayTo::Others | RelayTo::All => Said::Request(command),
                RelayTo::None => acknowledged(),
            }),
        };
        said.push(result.unwrap_or_else(Said::Refuse));
    }
}

fn acknowledged() -> Said {
    Said::Acknowledge { args: "[{\"ok\":true}]".to_owned(), binary: Arc::default() }
}

/// `to`: the receiver, the event's name, its arguments.
fn directed(heard: &Heard<'_>) -> Result<Command, Refusal> {
    let strings = |place: usize| heard.args.get(place).and_then(|arg| serde_json::from_str::<String>(arg.get()).ok());
    let (Some(receiver), Some(name)) = (strings(0), strings(1)) else {
        return Err(bad("`to` has a receiver, an event's name and its arguments"));
    };
    let rest = Heard { name: &name, args: &heard.args[2..], ..*heard };
    let mut command = relayable(&name, &rest)?;
    if let Command::Relay { to, room, .. } = &mut command {
        *to = session_id(&receiver);
        if to.is_none() {
            *room = Some(receiver);
        }
    }
    Ok(command)
}
