//! The session's promises, whatever the network does: each message is stored once, each event is shown once and in
//! order, and what is not shown is told.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use switchboard_client::event::Event;
use switchboard_client::request::{Ask, Outgoing, Target};
use switchboard_client::state::{Output, State, Wish};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Connect,
    /// The connection breaks; what is under way in either direction is lost.
    Cut,
    Say,
    OthersSay,
    SetTopic,
    ServerReads,
    ClientReads,
    /// One missed event is read from the store.
    Replay,
    /// The next message is refused for the rate.
    RefuseNext,
    /// The server forgets the session, so that nothing is replayed.
    ForgetSession,
    Pass(u64),
}

fn acts(with_loss_of_order: bool) -> impl Strategy<Value = Vec<Act>> {
    let pass = (0_u64..3_000).prop_map(Act::Pass);
    let rare = if with_loss_of_order {
        prop_oneof![Just(Act::RefuseNext), Just(Act::ForgetSession)].boxed()
    } else {
        pass.clone().boxed()
    };
    let act = prop_oneof![
        4 => Just(Act::Connect),
        2 => Just(Act::Cut),
        6 => Just(Act::Say),
        4 => Just(Act::OthersSay),
        1 => Just(Act::SetTopic),
        12 => Just(Act::ServerReads),
        12 => Just(Act::ClientReads),
        4 => Just(Act::Replay),
        2 => rare,
        2 => pass,
    ];
    prop::collection::vec(act, 0..200)
}

/// A server with one room, and the network to it.
#[derive(Default)]
struct World {
    now: u64,
    /// What the room's log holds: the message's id, if a client made one.
    log: Vec<Option<String>>,
    online: bool,
    welcomed: bool,
    to_server: VecDeque<String>,
    to_client: VecDeque<String>,
    /// Missed events that wait to be read, and live ones behind them. Acknowledgements overtake them.
    gate: VecDeque<String>,
    /// The server knows the session.
    known: bool,
    refuse_next: bool,
}

impl World {
    fn event(&self, seq: usize) -> String {
        let id = self.log[seq - 1].as_deref();
        let session = if id.is_some() { "s" } else { "other" };
        json!({"type": "message", "room": "lobby", "seq": seq, "id": id, "text": "hi",
               "from": {"nick": "x", "session": session, "via": "tcp"}, "time": "t"})
        .to_string()
    }

    fn publish(&mut self, id: Option<String>) -> usize {
        self.log.push(id);
        self.log.len()
    }

    fn others_say(&mut self) {
        let seq = self.publish(None);
        if self.welcomed {
            let event = self.event(seq);
            if self.gate.is_empty() { self.to_client.push_back(event) } else { self.gate.push_back(event) }
        }
    }

    fn read(&mut self) {
        let Some(line) = self.to_server.pop_front() else { return };
        let request: Value = serde_json::from_str(&line).expect("the client speaks JSON");
        match request["type"].as_str().expect("a type") {
            "hello" => self.hello(&request),
            "message" => {
                let reply = self.message(&request);
                self.to_client.push_back(reply.to_string());
            }
            "topic" => {
                let seq = self.publish(Some("topic".to_owned()));
                self.to_client.push_back(json!({"type": "ack", "ref": request["ref"], "seq": seq}).to_string());
            }
            "ping" => self.to_client.push_back(json!({"type": "pong"}).to_string()),
            other => panic!("unexpected {other}"),
        }
    }

    fn hello(&mut self, request: &Value) {
        let resumed = request["token"] == "secret" && self.known;
        self.known = true;
        self.welcomed = true;
        let seq = self.log.len();
        let welcome = json!({"type": "welcome", "session": "s", "token": "secret", "epoch": "e", "nick": "x",
            "resumed": resumed, "rooms": [{"room": "lobby", "seq": seq, "members": 2}],
            "limits": {"messages_per_second": 0}});
        self.to_client.push_back(welcome.to_string());
        if let (true, Some(last)) = (resumed, request["resume"]["lobby"].as_u64()) {
            self.gate = (last as usize + 1..=seq).map(|seq| self.event(seq)).collect();
        }
    }

    fn message(&mut self, request: &Value) -> Value {
        let id = request["id"].as_str().expect("an id");
        if std::mem::take(&mut self.refuse_next) {
            return json!({"type": "error", "ref": request["ref"], "code": "rate_limited", "message": "slow"});
        }
        match self.log.iter().position(|stored| stored.as_deref() == Some(id)) {
            Some(place) => json!({"type": "ack", "ref": request["ref"], "seq": place + 1, "duplicate": true}),
            None => json!({"type": "ack", "ref": request["ref"], "seq": self.publish(Some(id.to_owned()))}),
        }
    }

    fn cut(&mut self) {
        self.online = false;
        self.welcomed = false;
        self.to_server.clear();
        self.to_client.clear();
        self.gate.clear();
    }
}

/// What the client told.
#[derive(Default)]
struct Told {
    shown: Vec<u64>,
    delivered: BTreeMap<String, u64>,
    delivered_times: usize,
    gaps: Vec<(u64, u64)>,
    topics: usize,
    not_sent: usize,
    first_seq: Option<u64>,
}

struct Run {
    world: World,
    state: State,
    told: Told,
    said: Vec<String>,
    asked: u64,
}

impl Run {
    fn new() -> Self {
        let state = State::new(Wish { nick: Some("x".to_owned()), ..Wish::default() });
        Self { world: World::default(), state, told: Told::default(), said: Vec::new(), asked: 0 }
    }

    fn act(&mut self, act: &Act) {
        let mut out = Vec::new();
        let now = self.world.now;
        match act {
            Act::Connect if !self.world.online => {
                self.world.online = true;
                self.state.connected(now, false, &mut out);
            }
            Act::Cut if self.world.online => {
                self.world.cut();
                self.state.disconnected(&mut out);
            }
            Act::Connect | Act::Cut => {}
            Act::Say => {
                let id = format!("message-{:08}", self.said.len());
                self.said.push(id.clone());
                let message =
                    Outgoing { id, target: Target::Room("lobby".to_owned()), text: "hi".to_owned(), action: false };
                self.state.say(now, message, &mut out);
            }
            Act::OthersSay => self.world.others_say(),
            Act::SetTopic => {
                self.asked += 1;
                let ask = Ask::Topic { room: Some("lobby".to_owned()), text: Some("tea".to_owned()) };
                self.state.ask(now, self.asked, &ask, &mut out);
            }
            Act::ServerReads => self.world.read(),
            Act::ClientReads => {
                if let Some(line) = self.world.to_client.pop_front() {
                    self.state.received(now, &line, &mut out);
                }
            }
            Act::Replay => self.world.to_client.extend(self.world.gate.pop_front()),
            Act::RefuseNext => self.world.refuse_next = true,
            Act::ForgetSession => self.world.known = false,
            Act::Pass(time) => {
                self.world.now += time;
                self.state.tick(self.world.now, &mut out);
            }
        }
        for output in out {
            self.output(output);
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send(line) => self.world.to_server.push_back(line),
            Output::Show(event) => self.show(event),
            Output::Reconnect(_) => self.world.cut(),
            Output::Stop(ending) => panic!("stopped: {ending}"),
        }
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::Connected(connected) => {
                self.told.first_seq.get_or_insert(connected.rooms[0].seq);
            }
            Event::Message(message) => self.told.shown.push(message.seq.expect("a number")),
            Event::Delivered { id, seq, .. } => {
                self.told.delivered_times += 1;
                self.told.delivered.insert(id, seq.expect("a number"));
            }
            Event::Gap(gap) => self.told.gaps.push((gap.from, gap.to)),
            Event::Answer { .. } | Event::Refused { .. } => self.told.topics += 1,
            Event::NotSent { .. } => self.told.not_sent += 1,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The network behaves from now on, until nothing happens any more.
    fn settle(&mut self) {
        self.world.refuse_next = false;
        self.act(&Act::Connect);
        let mut rounds = 0;
        while !self.world.to_server.is_empty()
            || !self.world.to_client.is_empty()
            || !self.world.gate.is_empty()
            || !self.state.is_settled()
        {
            for act in [Act::Connect, Act::ServerReads, Act::Replay, Act::ClientReads, Act::Pass(100)] {
                self.act(&act);
            }
            rounds += 1;
            assert!(rounds < 10_000, "it never settles");
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let told = &self.told;
        let ours: Vec<&String> = self.world.log.iter().flatten().filter(|id| *id != "topic").collect();
        let once: BTreeSet<&&String> = ours.iter().collect();
        prop_assert_eq!(ours.len(), once.len(), "a message was stored twice");
        prop_assert_eq!(ours.len(), self.said.len(), "a message was lost");
        prop_assert_eq!(told.not_sent, 0);
        prop_assert_eq!(told.delivered_times, self.said.len(), "each is acknowledged once");
        for (id, seq) in &told.delivered {
            prop_assert_eq!(self.world.log[*seq as usize - 1].as_ref(), Some(id));
        }
        prop_assert!(told.shown.is_sorted_by(|a, b| a < b), "shown twice or out of order: {:?}", told.shown);
        prop_assert_eq!(told.topics as u64, self.asked);
        let own: BTreeSet<u64> = told.delivered.values().copied().collect();
        for seq in told.first_seq.unwrap_or_default() + 1..=self.world.log.len() as u64 {
            let shown = usize::from(told.shown.binary_search(&seq).is_ok());
            let in_gap = told.gaps.iter().filter(|(from, to)| (*from..=*to).contains(&seq)).count();
            if self.world.log[seq as usize - 1].as_deref() == Some("topic") {
                // A topic of ours whose acknowledgement was lost comes back as an event; this server knows no topics
                // but as messages.
                prop_assert!(shown + in_gap <= 1);
            } else if own.contains(&seq) {
                prop_assert_eq!(shown, 0, "our own message {} was shown", seq);
            } else {
                prop_assert_eq!(shown + in_gap, 1, "{} was shown {} times and in {} gaps", seq, shown, in_gap);
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_in_order(acts in acts(false)) {
        let mut run = Run::new();
        acts.iter().for_each(|act| run.act(act));
        run.settle();
        run.check()?;
        prop_assert!(run.told.gaps.is_empty(), "a resumed session misses nothing: {:?}", run.told.gaps);
        let stored: Vec<_> = run.world.log.iter().flatten().filter(|id| *id != "topic").cloned().collect();
        prop_assert_eq!(stored, run.said, "the order of saying is the order of the log");
    }

    #[test]
    fn forgotten_sessions_and_refusals_lose_nothing_unsaid(acts in acts(true)) {
        let mut run = Run::new();
        acts.iter().for_each(|act| run.act(act));
        run.settle();
        run.check()?;
    }
}
