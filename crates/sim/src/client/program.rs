//! A program that speaks JSON: it resumes its session with its token, and says what was not acknowledged again.

use super::super::check::{Check, Said, Verdict, View, tokens};
use crate::network::LinkId;
use crate::prng::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use switchboard_core::{Seq, SessionId};

/// What a request was for.
#[derive(Clone, Debug)]
enum Ask {
    Hello,
    Message { id: String },
    Private,
    Topic { room: String, token: u64 },
    Join,
    Leave,
    History { room: String },
    Other,
}

/// A message that is not known to be stored.
#[derive(Clone, Debug)]
struct Unacked {
    id: String,
    room: String,
    text: String,
    /// It was sent on this connection, and not refused.
    is_sent: bool,
}

/// A JSON client.
pub(crate) struct Program {
    number: usize,
    /// Who it is: a client that opens a further session of another's user belongs to that one's group.
    pub(crate) group: u32,
    /// How often it became somebody new.
    lives: u32,
    token: Option<String>,
    session: Option<SessionId>,
    epoch: Option<String>,
    nick: Option<String>,
    is_welcome: bool,
    /// The next session is a further one of this token's user.
    as_new: bool,
    rooms: BTreeMap<String, View>,
    /// For each room the number up to which a resume replays.
    live_after: BTreeMap<String, Seq>,
    unacked: Vec<Unacked>,
    asks: BTreeMap<String, Ask>,
    next_reference: u64,
    privates: BTreeSet<u64>,
    pub(crate) out: Vec<String>,
}

impl Program {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            group: number as u32,
            lives: 0,
            token: None,
            session: None,
            epoch: None,
            nick: Some(format!("c{number}-0")),
            is_welcome: false,
            as_new: false,
            rooms: BTreeMap::new(),
            live_after: BTreeMap::new(),
            unacked: Vec::new(),
            asks: BTreeMap::new(),
            next_reference: 0,
            privates: BTreeSet::new(),
            out: Vec::new(),
        }
    }

    pub(crate) const fn is_welcome(&self) -> bool {
        self.is_welcome
    }

    /// Whether it waits for an answer.
    pub(crate) fn has_asked(&self) -> bool {
        !self.asks.is_empty()
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Forgets its session: it is somebody new.
    pub(crate) fn start_afresh(&mut self) {
        self.lives += 1;
        self.group = 1_000 * (self.number as u32 + 1) + self.lives;
        self.token = None;
        self.session = None;
        self.as_new = false;
        self.unacked.clear();
    }

    /// Becomes a further session of the user whose token this is.
    pub(crate) fn join_group(&mut self, token: &str, group: u32) {
        self.start_afresh();
        self.group = group;
        self.token = Some(token.to_owned());
        self.as_new = true;
    }

    /// Says hello, with what it has.
    pub(crate) fn greet(&mut self) {
        let mut hello = json!({ "type": "hello" });
        if let Some(nick) = &self.nick {
            hello["nick"] = nick.clone().into();
        }
        if let Some(token) = &self.token {
            hello["token"] = token.clone().into();
            if self.as_new {
                hello["as"] = "new".into();
            } else {
                hello["resume"] =
                    self.rooms.iter().map(|(room, view)| (room.clone(), Value::from(view.last))).collect();
            }
        }
        self.ask(hello, Ask::Hello);
    }

    /// Says something in a room it is in.
    pub(crate) fn say(&mut self, check: &mut Check, random: &mut Random, link: LinkId, padding: usize) {
        let Some(room) = self.any_room(random) else { return };
        let token = check.token(Said { client: self.number, group: self.group, link, to: None });
        let id = format!("message-{token:016}");
        let text = format!("~{token}~{}", "y".repeat(padding));
        self.unacked.push(Unacked { id, room, text, is_sent: false });
        self.say_unacked();
    }

    pub(crate) fn say_to(&mut self, check: &mut Check, link: LinkId, nick: &str) {
        let to = Some(nick.to_owned());
        let token = check.token(Said { client: self.number, group: self.group, link, to });
        self.ask(json!({ "type": "message", "to": nick, "text": format!("~{token}~") }), Ask::Private);
    }

    pub(crate) fn set_topic(&mut self, check: &mut Check, random: &mut Random, link: LinkId) {
        let Some(room) = self.any_room(random) else { return };
        let token = check.token(Said { client: self.number, group: self.group, link, to: None });
        let request = json!({ "type": "topic", "room": room, "text": format!("~{token}~") });
        self.ask(request, Ask::Topic { room, token });
    }

    pub(crate) fn join(&mut self, room: &str) {
        self.ask(json!({ "type": "join", "room": room }), Ask::Join);
    }

    pub(crate) fn leave(&mut self, random: &mut Random) {
        if let Some(room) = self.any_room(random) {
            self.ask(json!({ "type": "leave", "room": room }), Ask::Leave);
        }
    }

    pub(crate) fn history(&mut self, random: &mut Random) {
        let Some(room) = self.any_room(random) else { return };
        let mut request = json!({ "type": "history", "room": room });
        match random.below(3) {
            0 => {}
            1 => request["before"] = random.between(0, 100).into(),
            _ => request["after"] = random.between(0, 100).into(),
        }
        self.ask(request, Ask::History { room });
    }

    /// Asks for something whose answer is of no interest.
    pub(crate) fn ask_other(&mut self, request: Value) {
        self.ask(request, Ask::Other);
    }

    /// Says again what was refused for now, or sent on a connection that broke.
    pub(crate) fn say_unacked(&mut self) {
        if !self.is_welcome {
            return;
        }
        let mut unacked = std::mem::take(&mut self.unacked);
        // What is for a room that it left is not said any more.
        unacked.retain(|message| message.is_sent || self.rooms.contains_key(&message.room));
        for message in unacked.iter_mut().filter(|message| !message.is_sent) {
            message.is_sent = true;
            let Unacked { id, room, text, .. } = &*message;
            let request = json!({ "type": "message", "room": room, "text": text, "id": id });
            self.ask(request, Ask::Message { id: id.clone() });
        }
        self.unacked = unacked;
    }

    pub(crate) fn disconnected(&mut self) {
        self.is_welcome = false;
        self.asks.clear();
        self.out.clear();
        for message in &mut self.unacked {
            message.is_sent = false;
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.is_welcome && self.unacked.is_empty() && self.asks.is_empty()
    }

    pub(crate) fn has_everything(&mut self, check: &Check) -> Verdict {
        let session = self.session;
        for (room, view) in &mut self.rooms {
            view.skip(check, room, check.latest(room), |fact| Some(fact.session) == session)?;
        }
        Ok(())
    }

    pub(crate) fn hear(&mut self, check: &mut Check, link: LinkId, text: &str) -> Verdict {
        if !text.starts_with('{') {
            // Who was silent at first was taken for a person.
            return if self.is_welcome { Err(format!("no JSON: {text}")) } else { Ok(()) };
        }
        let told: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        let reference = told["ref"].as_str();
        let ask = match reference {
            Some(reference) => Some(self.asks.remove(reference).ok_or_else(|| format!("nobody asked: {text}"))?),
            None => None,
        };
        let result = match (word(&told, "type"), ask) {
            ("welcome", ask) => self.welcome(&told, ask),
            ("error", Some(ask)) => self.refused(word(&told, "code"), ask),
            ("ack", Some(ask)) => self.acknowledged(check, &told, ask),
            ("history", Some(Ask::History { room })) => past(check, &room, &told),
            ("closing", None) => closing(word(&told, "code")),
            ("members" | "rooms" | "topic" | "pong" | "search", Some(Ask::Other)) => Ok(()),
            (_, None) if !self.is_welcome => Ok(()),
            ("message" | "topic", None) => self.durable(check, link, &told),
            ("gap", None) => self.gap(&told),
            ("joined" | "left" | "renamed" | "typing" | "members" | "notice" | "event", None) => {
                let room = told["room"].as_str();
                room.map_or(Ok(()), |room| self.view(room).map(drop))
            }
            (_, ask) => Err(format!("not an answer to {ask:?}")),
        };
        result.map_err(|wrong| format!("client {}: {wrong}: {text}", self.number))
    }

    fn ask(&mut self, mut request: Value, ask: Ask) {
        self.next_reference += 1;
        let reference = self.next_reference.to_string();
        request["ref"] = reference.clone().into();
        self.asks.insert(reference, ask);
        self.out.push(request.to_string());
    }

    fn any_room(&self, random: &mut Random) -> Option<String> {
        let count = self.rooms.len();
        if count == 0 {
            return None;
        }
        self.rooms.keys().nth(random.below(count)).cloned()
    }

    fn view(&mut self, room: &str) -> Result<&mut View, String> {
        self.rooms.get_mut(room).ok_or_else(|| format!("it is not in {room}"))
    }

    fn welcome(&mut self, told: &Value, ask: Option<Ask>) -> Verdict {
        if let Some(ask) = ask.filter(|ask| !matches!(ask, Ask::Hello)) {
            return Err(format!("a welcome for {ask:?}"));
        }
        if self.is_welcome {
            return Err("welcome twice".to_owned());
        }
        let resumed = told["resumed"] == true;
        if self.token.is_some() && !self.as_new && !resumed && !self.asks.is_empty() {
            return Err("a good token and no session".to_owned());
        }
        let epoch = word(told, "epoch").to_owned();
        if self.epoch.get_or_insert_with(|| epoch.clone()) != &epoch {
            return Err("another epoch".to_owned());
        }
        let session = word(told, "session").parse().map_err(|_| "no session".to_owned())?;
        self.session = Some(session);
        self.token = Some(word(told, "token").to_owned());
        self.is_welcome = true;
        self.as_new = false;
        let seen = std::mem::take(&mut self.rooms);
        self.live_after.clear();
        for row in told["rooms"].as_array().into_iter().flatten() {
            let (room, seq) = (word(row, "room").to_owned(), number(row, "seq")?);
            let view = seen.get(&room).copied().filter(|_| resumed).unwrap_or(View { last: seq });
            self.live_after.insert(room.clone(), seq);
            self.rooms.insert(room, view);
        }
        self.say_unacked();
        Ok(())
    }

    fn refused(&mut self, code: &str, ask: Ask) -> Verdict {
        match (ask, code) {
            (Ask::Hello, "nick_taken") => {
                self.nick = None;
                self.greet();
            }
            (Ask::Hello, "too_many_sessions") => {
                self.start_afresh();
                self.greet();
            }
            // The world makes it say hello again in a while.
            (Ask::Hello, "rate_limited") => {}
            (Ask::Message { id }, "rate_limited" | "storage_full") => {
                if let Some(message) = self.unacked.iter_mut().find(|message| message.id == id) {
                    message.is_sent = false;
                }
            }
            (Ask::Message { id }, "not_a_member") => self.unacked.retain(|message| message.id != id),
            (Ask::Private, "no_such_user" | "rate_limited") => {}
            (Ask::Topic { .. }, "not_a_member" | "rate_limited" | "storage_full") => {}
            (Ask::Join, "too_many_rooms" | "rate_limited") => {}
            (Ask::Leave | Ask::History { .. }, "not_a_member" | "rate_limited") => {}
            (Ask::Other, "not_a_member" | "rate_limited" | "nick_taken") => {}
            (ask, _) => return Err(format!("{ask:?} was refused")),
        }
        Ok(())
    }

    fn acknowledged(&mut self, check: &mut Check, told: &Value, ask: Ask) -> Verdict {
        let session = self.session;
        match ask {
            Ask::Message { id } => {
                let place = self.unacked.iter().position(|message| message.id == id).ok_or("acknowledged twice")?;
                let Unacked { room, .. } = self.unacked.remove(place);
                let seq = number(told, "seq")?;
                check.acknowledged(&id, &room, seq)?;
                // While nothing could be stored, the client may have left the room.
                if told["duplicate"] != true
                    && let Some(view) = self.rooms.get_mut(&room)
                {
                    view.advance(check, &room, seq, |fact| Some(fact.session) == session)?;
                }
            }
            Ask::Topic { room, token } => {
                let seq = number(told, "seq")?;
                if check.place(token) != Some(&(room.clone(), seq)) {
                    return Err(format!("~{token}~ is not stored there"));
                }
                if let Some(view) = self.rooms.get_mut(&room) {
                    view.advance(check, &room, seq, |fact| Some(fact.session) == session)?;
                }
            }
            Ask::Join => {
                let (room, seq) = (word(told, "room").to_owned(), number(told, "seq")?);
                match self.rooms.get_mut(&room) {
                    Some(view) => view.skip(check, &room, seq, |fact| Some(fact.session) == session)?,
                    None => {
                        self.live_after.insert(room.clone(), seq);
                        self.rooms.insert(room, View { last: seq });
                    }
                }
            }
            Ask::Leave => {
                let room = word(told, "room");
                if self.rooms.remove(room).is_none() {
                    return Err(format!("it left {room}, where it was not"));
                }
            }
            Ask::Private | Ask::Other => {}
            Ask::Hello | Ask::History { .. } => return Err(format!("no answer to {ask:?}")),
        }
        Ok(())
    }

    fn durable(&mut self, check: &Check, link: LinkId, told: &Value) -> Verdict {
        let session = self.session;
        let Some(token) = tokens(word(told, "text")).first().copied() else {
            // What a fragment of a connection said.
            let (room, seq) = (word(told, "room"), number(told, "seq")?);
            return self.view(room)?.advance(check, room, seq, |fact| Some(fact.session) == session);
        };
        let said = check.said(token)?;
        if said.client == self.number && said.link == link {
            return Err("it hears itself".to_owned());
        }
        let is_own = told["own"] == true;
        let Some(room) = told["room"].as_str() else {
            return match &said.to {
                Some(nick) if word(told, "to") != nick => Err(format!("it was for {nick}")),
                Some(_) if !self.privates.insert(token) => Err("it came twice".to_owned()),
                Some(_) if is_own != (said.group == self.group) => Err("whose own is it?".to_owned()),
                Some(_) => Ok(()),
                None => Err("it has lost its room".to_owned()),
            };
        };
        let seq = number(told, "seq")?;
        if check.place(token) != Some(&(room.to_owned(), seq)) {
            return Err(format!("it is stored as {:?}", check.place(token)));
        }
        let is_live = seq > self.live_after.get(room).copied().unwrap_or(0);
        if is_live && is_own != (said.group == self.group) {
            return Err("whose own is it?".to_owned());
        }
        self.view(room)?.advance(check, room, seq, |fact| Some(fact.session) == session)
    }

    fn gap(&mut self, told: &Value) -> Verdict {
        let room = word(told, "room");
        let (first, last) = (number(told, "from")?, number(told, "to")?);
        self.view(room)?.gap(room, first, last)
    }
}

/// A page of history is a piece of what is stored.
fn past(check: &Check, room: &str, told: &Value) -> Verdict {
    let mut last = None;
    for event in told["events"].as_array().into_iter().flatten() {
        let seq = number(event, "seq")?;
        if last.is_some_and(|last| last + 1 != seq) {
            return Err(format!("{seq} after {last:?}"));
        }
        if check.fact(room, seq)?.tokens != tokens(word(event, "text")) {
            return Err(format!("{seq} is not what was stored"));
        }
        last = Some(seq);
    }
    Ok(())
}

fn closing(code: &str) -> Verdict {
    match code {
        "slow_reader" | "outboxes_full" | "gate_overflow" | "idle" | "quit" | "taken_over" => Ok(()),
        _ => Err("it did nothing to be closed for".to_owned()),
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> Result<u64, String> {
    value[name].as_u64().ok_or_else(|| format!("it has no {name}"))
}
