//! A line goes where its writer meant: into the room that the commands before it lead to, whenever they are answered, or
//! nowhere, and then that is told.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use switchboard_client::event::Event;
use switchboard_client::request::{Ask, Outgoing, Target};
use switchboard_client::state::{Output, State, Wish};

/// What happens: a line is typed, the network moves, or breaks.
#[derive(Clone, Debug)]
enum Act {
    Say,
    Join(&'static str),
    Leave,
    Nick,
    Topic,
    Connect,
    Cut,
    ServerReads,
    ClientReads,
    /// The next message or command is refused for the rate.
    RefuseNext,
    Pass(u64),
}

/// Rooms that can be joined, and one that cannot.
const ROOMS: [&str; 3] = ["ops", "#Dev", "closed"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => Just(Act::Say),
        3 => prop::sample::select(&ROOMS[..]).prop_map(Act::Join),
        2 => Just(Act::Leave),
        1 => Just(Act::Nick),
        1 => Just(Act::Topic),
        3 => Just(Act::Connect),
        1 => Just(Act::Cut),
        8 => Just(Act::ServerReads),
        8 => Just(Act::ClientReads),
        1 => Just(Act::RefuseNext),
        2 => (0_u64..2_000).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 0..120)
}

/// A server with rooms, which does one request after the other, and the network to it.
#[derive(Default)]
struct World {
    now: u64,
    online: bool,
    members: BTreeSet<String>,
    known: bool,
    /// What each room's log holds: ids of messages.
    logs: BTreeMap<String, Vec<String>>,
    /// The ids of messages, and the numbers of commands, in the order in which they were done.
    done: Vec<String>,
    to_server: VecDeque<String>,
    to_client: VecDeque<String>,
    refuse_next: bool,
}

fn canonical(room: &str) -> String {
    room.trim_start_matches('#').to_lowercase()
}

impl World {
    fn read(&mut self) {
        let Some(line) = self.to_server.pop_front() else { return };
        let request: Value = serde_json::from_str(&line).expect("the client speaks JSON");
        let reply = match request["type"].as_str().expect("a type") {
            "hello" => self.hello(&request),
            "ping" => json!({"type": "pong"}),
            _ if std::mem::take(&mut self.refuse_next) => refusal(&request, "rate_limited"),
            "message" => self.message(&request),
            "join" => self.join(&request),
            "leave" => match self.room(&request).filter(|room| self.members.remove(room)) {
                Some(room) => json!({"type": "ack", "ref": request["ref"], "room": room}),
                None => refusal(&request, "not_in_room"),
            },
            "nick" => {
                self.done.push(format!("nick {}", request["nick"]));
                json!({"type": "ack", "ref": request["ref"], "nick": request["nick"]})
            }
            "topic" => json!({"type": "topic", "ref": request["ref"], "room": request["room"], "topic": ""}),
            other => panic!("unexpected {other}"),
        };
        self.to_client.push_back(reply.to_string());
    }

    fn hello(&mut self, request: &Value) -> Value {
        let resumed = request["token"] == "secret" && self.known;
        if !resumed {
            self.members = BTreeSet::from(["lobby".to_owned()]);
        }
        self.known = true;
        let seq = |room: &String| self.logs.get(room).map_or(0, Vec::len);
        let rooms: Vec<Value> = self.members.iter().map(|room| json!({"room": room, "seq": seq(room)})).collect();
        json!({"type": "welcome", "session": "s", "token": "secret", "epoch": "e", "nick": "x", "resumed": resumed,
               "rooms": rooms, "limits": {"messages_per_second": 0}})
    }

    fn room(&self, request: &Value) -> Option<String> {
        request["room"].as_str().map(canonical)
    }

    fn join(&mut self, request: &Value) -> Value {
        let room = self.room(request).expect("a room");
        if room == "closed" {
            return refusal(request, "room_invalid");
        }
        self.members.insert(room.clone());
        let seq = self.logs.get(&room).map_or(0, Vec::len);
        json!({"type": "ack", "ref": request["ref"], "room": room, "seq": seq, "members": 1, "topic": ""})
    }

    fn message(&mut self, request: &Value) -> Value {
        let id = request["id"].as_str().expect("an id").to_owned();
        // Every message names its room: which one the server takes for the session's is of no concern.
        let room = self.room(request).expect("a room");
        let log = self.logs.entry(room.clone()).or_default();
        if let Some(place) = log.iter().position(|stored| *stored == id) {
            return json!({"type": "ack", "ref": request["ref"], "seq": place + 1, "duplicate": true});
        }
        if !self.members.contains(&room) {
            return refusal(request, "not_in_room");
        }
        log.push(id.clone());
        self.done.push(id);
        json!({"type": "ack", "ref": request["ref"], "seq": log.len()})
    }

    fn cut(&mut self) {
        self.online = false;
        self.to_server.clear();
        self.to_client.clear();
    }
}

fn refusal(request: &Value, code: &str) -> Value {
    json!({"type": "error", "ref": request["ref"], "code": code, "message": code})
}

struct Run {
    world: World,
    state: State,
    /// Where the commands so far lead to, as their writer sees it: the rooms of before, the latest last.
    meant: Vec<String>,
    /// Each message, with the room that it was meant for.
    said: Vec<(String, Option<String>)>,
    delivered: BTreeSet<String>,
    not_sent: BTreeSet<String>,
    asked: u64,
    answered: u64,
}

impl Run {
    fn new(is_script: bool) -> Self {
        Self {
            world: World::default(),
            state: State::new(Wish { is_script, ..Wish::default() }),
            meant: vec!["lobby".to_owned()],
            said: Vec::new(),
            delivered: BTreeSet::new(),
            not_sent: BTreeSet::new(),
            asked: 0,
            answered: 0,
        }
    }

    fn act(&mut self, act: &Act) {
        let mut out = Vec::new();
        let now = self.world.now;
        match act {
            Act::Say => {
                let id = format!("message-{:08}", self.said.len());
                self.said.push((id.clone(), self.meant.last().cloned()));
                let message = Outgoing { id, target: Target::Current, text: "hi".to_owned(), action: false };
                self.state.say(now, message, &mut out);
            }
            Act::Join(room) => {
                self.meant.retain(|meant| *meant != canonical(room));
                self.meant.push(canonical(room));
                self.ask(&Ask::Join { room: (*room).to_owned() }, &mut out);
            }
            Act::Leave => {
                self.meant.pop();
                self.ask(&Ask::Leave { room: None }, &mut out);
            }
            Act::Nick => self.ask(&Ask::Nick { nick: self.said.len().to_string() }, &mut out),
            Act::Topic => self.ask(&Ask::Topic { room: None, text: None }, &mut out),
            Act::Connect if !self.world.online => {
                self.world.online = true;
                self.state.connected(now, false, &mut out);
            }
            Act::Cut if self.world.online => {
                self.world.cut();
                self.state.disconnected(&mut out);
            }
            Act::Connect | Act::Cut => {}
            Act::ServerReads => self.world.read(),
            Act::ClientReads => {
                if let Some(line) = self.world.to_client.pop_front() {
                    self.state.received(now, &line, &mut out);
                }
            }
            Act::RefuseNext => self.world.refuse_next = true,
            Act::Pass(time) => {
                self.world.now += time;
                self.state.tick(self.world.now, &mut out);
            }
        }
        for output in out {
            match output {
                Output::Send(line) => self.world.to_server.push_back(line),
                Output::Show(event) => self.show(event),
                Output::Reconnect(_) => self.world.cut(),
                Output::Stop(ending) => panic!("stopped: {ending}"),
            }
        }
    }

    fn ask(&mut self, ask: &Ask, out: &mut Vec<Output>) {
        self.asked += 1;
        self.state.ask(self.world.now, self.asked, ask, out);
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::Delivered { id, .. } => assert!(self.delivered.insert(id), "told once"),
            Event::NotSent { id, .. } => assert!(self.not_sent.insert(id), "told once"),
            Event::Answer { .. } | Event::Refused { request: Some(_), .. } => self.answered += 1,
            // The tests mean what a script means; where a person is after a refusal is looked at by itself.
            Event::Speaking { room } => self.meant = room.into_iter().collect(),
            _ => {}
        }
    }

    fn settle(&mut self) {
        self.world.refuse_next = false;
        let mut rounds = 0;
        while self.answered < self.asked || !self.state.is_settled() {
            for act in [Act::Connect, Act::ServerReads, Act::ClientReads, Act::Pass(100)] {
                self.act(&act);
            }
            rounds += 1;
            assert!(rounds < 10_000, "it never settles");
        }
    }

    /// Each message is where it was meant, and nowhere else; or nowhere, and that was told.
    fn check(&self) -> Result<(), TestCaseError> {
        for (id, meant) in &self.said {
            let places: Vec<&String> =
                self.world.logs.iter().filter(|(_, log)| log.contains(id)).map(|(room, _)| room).collect();
            prop_assert!(places.len() <= 1, "{} is in {:?}", id, places);
            prop_assert_eq!(places.is_empty(), !self.delivered.contains(id), "{} in {:?}", id, places);
            prop_assert_eq!(places.is_empty(), self.not_sent.contains(id), "{} in {:?}", id, places);
            if let Some(place) = places.first() {
                prop_assert_eq!(Some(*place), meant.as_ref(), "{} went elsewhere", id);
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_line_of_a_script_goes_where_the_commands_before_it_lead(acts in acts()) {
        let mut run = Run::new(true);
        acts.iter().for_each(|act| run.act(act));
        run.settle();
        run.check()?;
    }

    /// Without refusals for the rate and without cuts everything is done in the order in which it was typed.
    #[test]
    fn commands_and_lines_are_done_in_the_order_in_which_they_were_typed(acts in acts()) {
        let acts = || acts.iter().filter(|act| !matches!(act, Act::Cut | Act::RefuseNext));
        let mut run = Run::new(true);
        acts().for_each(|act| run.act(act));
        run.settle();
        run.check()?;
        let mut typed = Vec::new();
        let mut lines = 0;
        for act in acts() {
            match act {
                Act::Say => {
                    typed.push(format!("message-{lines:08}"));
                    lines += 1;
                }
                Act::Nick => typed.push(format!("nick \"{lines}\"")),
                _ => {}
            }
        }
        typed.retain(|done| !run.not_sent.contains(done));
        prop_assert_eq!(&run.world.done, &typed);
    }
}

/// A conversation whose every step is answered before the next one.
fn prompt(run: &mut Run, acts: &[Act]) {
    for act in acts {
        run.act(act);
        run.settle();
    }
}

#[test]
fn a_script_says_nothing_after_a_refused_room_however_late_the_line_comes() {
    let mut run = Run::new(true);
    prompt(&mut run, &[Act::Connect, Act::Join("closed"), Act::Say, Act::Say, Act::Join("ops"), Act::Say]);
    assert_eq!(run.not_sent.len(), 2);
    assert_eq!(run.world.logs["ops"].len(), 1);
    assert_eq!(run.world.logs.get("lobby"), None);
}

#[test]
fn a_person_is_back_where_they_were_but_what_was_typed_ahead_is_not_said_there() {
    let mut run = Run::new(false);
    prompt(&mut run, &[Act::Connect]);
    // Typed ahead: the refusal is not there yet.
    [Act::Join("closed"), Act::Say].iter().for_each(|act| run.act(act));
    run.settle();
    assert_eq!((run.not_sent.len(), run.world.logs.get("lobby")), (1, None));
    assert_eq!(run.meant, ["lobby"]);
    prompt(&mut run, &[Act::Say]);
    assert_eq!(run.world.logs["lobby"].len(), 1);
}

#[test]
fn what_is_typed_before_there_is_a_connection_waits_in_its_order() {
    let mut run = Run::new(true);
    let acts = [Act::Say, Act::Join("#Dev"), Act::Say, Act::Nick, Act::Topic, Act::Leave, Act::Say];
    acts.iter().for_each(|act| run.act(act));
    assert_eq!(run.answered, 0, "nothing is refused for want of a connection");
    run.settle();
    run.check().expect("each is where it was meant");
    assert_eq!((run.world.logs["lobby"].len(), run.world.logs["dev"].len()), (2, 1));
    assert_eq!(run.world.done[2], "nick \"2\"");
}
