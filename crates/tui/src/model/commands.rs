//! What is typed with a slash before it.

use super::overlay::Overlay;
use super::room::{Kind, RoomId};
use super::{Change, Effect, Link, Model, Purpose, Target};
use switchboard_client::{Ask, Fingerprint};

/// A command: its word, what follows it, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub word: &'static str,
    pub usage: &'static str,
    pub help: &'static str,
    run: fn(&mut Model, &str),
}

const fn command(word: &'static str, usage: &'static str, help: &'static str, run: fn(&mut Model, &str)) -> Command {
    Command { word, usage, help, run }
}

/// All of them, in the order of the help.
pub const COMMANDS: &[Command] = &[
    command("join", "ROOM", "enter a room and speak there", |m, room| {
        if m.needs(room, "join", "ROOM") {
            m.enter(room);
        }
    }),
    command("leave", "[ROOM]", "leave a room, or close a conversation", Model::leave),
    command("rooms", "", "list the rooms of this server", |m, _| {
        m.ask(Purpose::Rooms, Ask::Rooms);
    }),
    command("msg", "NICK [TEXT]", "talk to one person", |m, words| {
        let (nick, text) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        if m.needs(nick, "msg", "NICK [TEXT]") {
            let id = m.ensure(Kind::Private, &switchboard_client::clean::line(nick));
            m.go(id);
            m.say(id, text.trim_start(), false);
        }
    }),
    command("me", "ACTION", "say what you do", |m, text| {
        if m.needs(text, "me", "ACTION") {
            m.say(m.current, text, true);
        }
    }),
    command("nick", "NICK", "take another name", |m, nick| {
        if !m.needs(nick, "nick", "NICK") {
        } else if m.link == Link::Online {
            m.ask(Purpose::Order, Ask::Nick { nick: nick.to_owned() });
        } else {
            m.effects.push(Effect::Restart(Change::Nick(nick.to_owned())));
        }
    }),
    command("topic", "[TEXT]", "read the topic, or set it; - clears it", |m, text| {
        let room = Some(m.room().name.clone());
        let text = match text {
            "" => None,
            "-" => Some(String::new()),
            text => Some(text.to_owned()),
        };
        let purpose = if text.is_some() { Purpose::Order } else { Purpose::Topic };
        m.ask(purpose, Ask::Topic { room, text });
    }),
    command("who", "[ROOM]", "list who is here", |m, room| {
        let room = if room.is_empty() { m.room().name.clone() } else { room.to_owned() };
        m.ask(Purpose::Members { room: m.current, say: true }, Ask::Members { room: Some(room) });
    }),
    command("search", "[WORDS]", "search this room", Model::open_search),
    command("mentions", "", "list the mentions of all rooms", |m, _| m.open_mentions()),
    command("links", "", "list the links of this room", |m, _| m.open_links()),
    command("retry", "", "send the failed messages of this room again", |m, _| m.retry()),
    command("discard", "", "drop the failed messages of this room", |m, _| m.discard()),
    command("bare", "", "show the text alone, to select it with the mouse", |m, _| m.bare()),
    command("mouse", "", "let the mouse click on rooms, names and links, or give it back", |m, _| m.toggle_mouse()),
    command("editor", "", "write the message in $EDITOR", |m, _| m.effects.push(Effect::Edit(String::new()))),
    command("server", "PROFILE", "go to another server of the configuration", |m, name| {
        if m.needs(name, "server", "PROFILE") {
            m.effects.push(Effect::Restart(Change::Profile(name.to_owned())));
        }
    }),
    command("pass", "CODE", "give the server's join code", |m, code| {
        if m.needs(code, "pass", "CODE") {
            m.effects.push(Effect::Restart(Change::Pass(code.to_owned())));
        }
    }),
    command("trust", "", "trust the certificate that was refused, from now on", |m, _| match m.refused_certificate() {
        Some(fingerprint) => m.effects.push(Effect::Restart(Change::Trust(fingerprint))),
        None => m.flash("no certificate was refused"),
    }),
    command("reconnect", "", "connect now", |m, _| match m.link {
        Link::Ended { .. } => m.effects.push(Effect::Restart(Change::Nothing)),
        Link::Connecting | Link::Online | Link::Offline { .. } => m.effects.push(Effect::Wake),
    }),
    command("help", "", "the keys and the commands", |m, _| m.overlay = Some(Overlay::Help(0))),
    command("quit", "", "leave", |m, _| m.effects.push(Effect::Quit)),
];

impl Model {
    /// Does what was typed: a command, or something to say. A slash begins a command if only letters follow, so that
    /// `/etc/hosts` can be talked about, and `//` says a slash.
    pub(super) fn typed(&mut self, line: &str) {
        // What was pasted may begin or end with what nobody sees.
        let line = switchboard_client::clean::trim(line);
        let Some(rest) = line.strip_prefix('/') else { return self.say(self.current, line, false) };
        if rest.starts_with('/') {
            return self.say(self.current, rest, false);
        }
        let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if word.is_empty() || !word.chars().all(char::is_alphabetic) {
            return self.say(self.current, line, false);
        }
        match COMMANDS.iter().find(|command| command.word == word.to_lowercase()) {
            Some(command) => (command.run)(self, argument.trim()),
            None => self.flash(format!("there is no /{word}; // says a line that begins with a slash")),
        }
    }

    /// Goes to a room that is to be joined: what is typed from now on is for it, answered or not.
    fn enter(&mut self, name: &str) {
        let room = self.ensure(Kind::Room, &switchboard_client::clean::line(name));
        self.go(room);
        self.ask(Purpose::Join { room }, Ask::Join { room: name.to_owned() });
    }

    /// Whether the session is in a room, or asked to be.
    fn is_entered(&self, id: RoomId) -> bool {
        self.find(id).is_some_and(|room| room.joined)
            || self.asked.values().any(|asked| *asked == Purpose::Join { room: id })
    }

    fn needs(&mut self, argument: &str, word: &str, usage: &str) -> bool {
        if argument.is_empty() {
            self.flash(format!("usage: /{word} {usage}"));
        }
        !argument.is_empty()
    }

    fn leave(&mut self, name: &str) {
        let id = if name.is_empty() { Some(self.current) } else { self.named(Kind::Room, name) };
        match id.and_then(|id| self.find(id)).map(|room| (room.id, room.kind, room.name.clone())) {
            Some((id, Kind::Room, _)) if !self.is_entered(id) => self.remove(id),
            Some((id, Kind::Room, room)) => {
                self.ask(Purpose::Leave, Ask::Leave { room: Some(room) });
                // What is typed next is meant for where one is then, answered or not.
                self.go_from(id);
            }
            Some((id, Kind::Private, _)) => self.remove(id),
            Some((_, Kind::Server, _)) => self.flash("this is where the connection is told about; /quit leaves it"),
            None => self.flash(format!("you are not in {name}")),
        }
    }

    fn refused_certificate(&self) -> Option<Fingerprint> {
        match &self.link {
            Link::Ended { fingerprint, .. } => *fingerprint,
            Link::Connecting | Link::Online | Link::Offline { .. } => None,
        }
    }

    pub(super) fn toggle_mouse(&mut self) {
        self.settings.mouse = !self.settings.mouse;
        self.effects.push(Effect::Mouse(self.settings.mouse));
        self.flash(if self.settings.mouse {
            "click on rooms, names and links; Shift and the mouse still select text"
        } else {
            "the mouse selects text"
        });
    }

    pub(super) fn bare(&mut self) {
        self.effects.push(Effect::Bare(crate::view::messages::bare(self)));
    }

    /// Goes to, opens or does what was clicked on or chosen.
    pub(super) fn open(&mut self, target: Target) {
        match target {
            Target::Room(id) => self.go(id),
            Target::Entry(id, place) => self.visit(id, place),
            Target::Link(link) => {
                self.flash(format!("opening {link}"));
                self.effects.push(Effect::Open(link));
            }
            Target::Join(room) => match self.named(Kind::Room, &room) {
                Some(id) => self.go(id),
                None => self.enter(&room),
            },
            Target::Member(nick) => {
                let id = self.ensure(Kind::Private, &nick);
                self.go(id);
            }
            Target::Action(action) => self.act(action),
            Target::Row(row) => {
                if let Some(Overlay::List(list)) = &mut self.overlay {
                    list.chosen = row;
                    self.choose();
                }
            }
            Target::Candidate(index) => self.take_candidate(index),
        }
    }
}
