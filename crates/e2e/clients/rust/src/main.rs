//! rust_socketio through every check of the common list, which `crates/e2e/src/bin/clients/list.rs` holds.
//!
//! Arguments: transport, and the URLs of the server, of a way to it that is cut on request, and of such a way to a
//! server with recovery. Each result is a line of JSON on standard output. Each check has a process of its own, because
//! a client of this library that is closed keeps a thread busy.

use std::fmt::Debug;
use std::io::{BufRead, stdin};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{Value, json};

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the heartbeat is watched: longer than the server waits for a pong in all.
const HEARTBEATS: Duration = Duration::from_secs(8);

type Outcome = Result<(), String>;
type Check = fn(&Setting) -> Outcome;

const CHECKS: [(&str, Check); 22] = [
    ("connect", connect),
    ("hello", hello),
    ("ack", ack),
    ("broadcast", broadcast),
    ("arguments", arguments),
    ("bytes", bytes),
    ("nested", |_| Err("an event of this client is JSON or one piece of bytes, never both".to_owned())),
    ("rooms", rooms),
    ("direct", |_| Err("this client does not tell its program its id".to_owned())),
    ("namespaces", |_| Err("a connection of this client has one namespace".to_owned())),
    ("part", |_| Err("a connection of this client has one namespace".to_owned())),
    ("unknown", |setting| refusal(setting.socket("/unknown"), "Invalid namespace")),
    ("refused", refused),
    ("exact", exact),
    ("large", large),
    ("order", order),
    ("reconnect", reconnect),
    ("kicked", kicked),
    ("leaving", leaving),
    ("names", names),
    ("recovered", |_| Err("the client has no recovery".to_owned())),
    ("heartbeat", heartbeat),
];

/// What the program was started with.
struct Setting {
    transport: String,
    url: String,
    cuttable: String,
    recovering: String,
}

/// What a socket heard: each event's name and arguments; and what became of it.
#[derive(Default)]
struct Heard {
    events: Vec<Vec<Value>>,
    log: Vec<String>,
}

struct Socket {
    client: Client,
    heard: Arc<Mutex<Heard>>,
}

/// A socket that is still to be made.
struct Wish<'a> {
    setting: &'a Setting,
    url: &'a str,
    namespace: &'a str,
    auth: Value,
    reconnects: bool,
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().expect("no thread panics with it")
}

fn until(what: &str, mut condition: impl FnMut() -> bool) -> Outcome {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("never: {what}"));
        }
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn equal<T: PartialEq + Debug>(is: &T, wanted: &T) -> Outcome {
    if is == wanted { Ok(()) } else { Err(format!("{is:?} instead of {wanted:?}")) }
}

/// An event as this library tells it: one without arguments is a `message` with its name.
fn event(event: &Event, payload: Payload) -> Vec<Value> {
    match (event, payload) {
        (Event::Message, Payload::Text(values)) if matches!(values.as_slice(), [Value::String(_)]) => values,
        (_, Payload::Text(values)) => [json!(event.as_str())].into_iter().chain(values).collect(),
        (_, Payload::Binary(bytes)) => vec![json!(event.as_str()), json!(bytes.to_vec())],
        (_, other) => vec![json!(event.as_str()), json!(format!("{other:?}"))],
    }
}

/// Cuts every connection that goes by a way that can be cut.
fn cut() -> Outcome {
    println!("{}", json!({ "ask": "cut" }));
    stdin().lock().read_line(&mut String::new()).map(|_| ()).map_err(|error| error.to_string())
}

impl Setting {
    fn socket<'a>(&'a self, namespace: &'a str) -> Wish<'a> {
        Wish { setting: self, url: &self.url, namespace, auth: json!({ "pass": "sesame" }), reconnects: false }
    }

    fn game(&self) -> Result<Socket, String> {
        self.socket("/game").open()
    }

    fn chat(&self, nick: &str) -> Result<Socket, String> {
        let mut wish = self.socket("/");
        wish.auth["nick"] = json!(nick);
        wish.open()
    }
}

impl Wish<'_> {
    /// Begins to connect.
    fn begin(&self) -> Result<Socket, String> {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let transport = match self.setting.transport.as_str() {
            "polling" => TransportType::Polling,
            "websocket" => TransportType::Websocket,
            _ => TransportType::WebsocketUpgrade,
        };
        let [connects, closes, errors, events] = [(); 4].map(|()| Arc::clone(&heard));
        let client = ClientBuilder::new(self.url)
            .namespace(self.namespace)
            .auth(self.auth.clone())
            .transport_type(transport)
            .reconnect(self.reconnects)
            .reconnect_delay(50, 200)
            .on(Event::Connect, move |_: Payload, _: RawClient| lock(&connects).log.push("connect".to_owned()))
            .on(Event::Close, move |_: Payload, _: RawClient| lock(&closes).log.push("close".to_owned()))
            .on(Event::Error, move |payload: Payload, _: RawClient| lock(&errors).log.push(format!("{payload:?}")))
            .on_any(move |name: Event, payload: Payload, _: RawClient| lock(&events).events.push(event(&name, payload)))
            .connect()
            .map_err(|error| format!("cannot connect: {error}"))?;
        Ok(Socket { client, heard })
    }

    /// Connects.
    fn open(&self) -> Result<Socket, String> {
        let socket = self.begin()?;
        until("connected", || !socket.log().is_empty())?;
        let first = socket.log().remove(0);
        if first == "connect" { Ok(socket) } else { Err(format!("refused: {first}")) }
    }
}

impl Socket {
    fn log(&self) -> Vec<String> {
        lock(&self.heard).log.clone()
    }

    fn emit(&self, name: &str, args: &[Value]) -> Outcome {
        self.client.emit(name, args.to_vec()).map_err(|error| format!("cannot emit: {error}"))
    }

    /// Emits an event, and gives the first thing that its acknowledgement says.
    fn ask(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        let answer = Arc::new(Mutex::new(None));
        let given = Arc::clone(&answer);
        let take = move |payload: Payload, _: RawClient| {
            if let Payload::Text(values) = payload {
                *given.lock().expect("no thread panics with it") = values.into_iter().next();
            }
        };
        let sent = self.client.emit_with_ack(name, args.to_vec(), PATIENCE, take);
        sent.map_err(|error| format!("cannot emit: {error}"))?;
        let answered = || answer.lock().expect("no thread panics with it").clone();
        until(&format!("answer to {name}"), || answered().is_some())?;
        // The library gives the arguments as an array in the only argument.
        match answered() {
            Some(Value::Array(values)) => Ok(values.into_iter().next().unwrap_or_default()),
            other => Ok(other.unwrap_or_default()),
        }
    }

    fn all(&self, name: &str) -> Vec<Vec<Value>> {
        lock(&self.heard).events.iter().filter(|event| event[0] == name).cloned().collect()
    }

    fn hears(&self, name: &str) -> Result<Vec<Value>, String> {
        until(&format!("hears {name}"), || !self.all(name).is_empty())?;
        Ok(self.all(name).remove(0))
    }
}

fn connect(setting: &Setting) -> Outcome {
    // It has no way to another transport than the one that was asked for.
    setting.game()?.ask("still here", &[]).map(|_| ())
}

fn hello(setting: &Setting) -> Outcome {
    let welcome = setting.chat("ada")?.hears("welcome")?;
    equal(&welcome[1]["nick"], &json!("ada"))
}

fn ack(setting: &Setting) -> Outcome {
    let one = setting.chat("ada")?;
    let answer = one.ask("message", &[json!("hello")])?;
    equal(&(answer["ok"] == true, answer["seq"].as_u64() > Some(0)), &(true, true))?;
    let no = one.ask("message", &[json!({ "room": "nowhere", "text": "x" })])?;
    equal(&json!([no["ok"], no["code"]]), &json!([false, "not_a_member"]))
}

fn broadcast(setting: &Setting) -> Outcome {
    let (one, other) = (setting.chat("ada")?, setting.chat("bob")?);
    one.emit("message", &[json!("hello é😀")])?;
    let message = other.hears("message")?;
    equal(&json!([message[1]["text"], message[1]["from"]["nick"]]), &json!(["hello é😀", "ada"]))
}

fn arguments(setting: &Setting) -> Outcome {
    let (one, other) = (setting.game()?, setting.game()?);
    let mut every = vec![json!(null), json!(true), json!(false), json!(0), json!(-1.5), json!(1e21)];
    every.extend([json!(9_007_199_254_740_991_u64), json!(""), json!("é😀\u{1}\"\\"), json!([]), json!([1, [2]])]);
    every.extend([json!({}), json!({ "a": { "b": null }, "ключ": "значение" })]);
    one.ask("all", &every)?;
    equal(&other.hears("all")?, &[json!("all")].into_iter().chain(every).collect())
}

fn bytes(setting: &Setting) -> Outcome {
    let (one, other) = (setting.game()?, setting.game()?);
    let every: Vec<u8> = (0..=255).collect();
    one.client.emit("bytes", every.clone()).map_err(|error| format!("cannot emit: {error}"))?;
    equal(&other.hears("bytes")?, &vec![json!("bytes"), json!(every)])
}

fn rooms(setting: &Setting) -> Outcome {
    let (one, other, third) = (setting.game()?, setting.game()?, setting.game()?);
    for who in [&one, &other] {
        equal(&who.ask("join", &[json!("red")])?["ok"], &json!(true))?;
    }
    equal(&one.ask("to", &[json!("red"), json!("team"), json!(1)])?["ok"], &json!(true))?;
    equal(&other.hears("team")?, &vec![json!("team"), json!(1)])?;
    equal(&other.ask("leave", &[json!("red")])?["ok"], &json!(true))?;
    one.ask("to", &[json!("red"), json!("team"), json!(2)])?;
    one.ask("last", &[])?;
    for who in [&other, &third] {
        who.hears("last")?;
    }
    equal(&(other.all("team").len(), third.all("team").len()), &(1, 0))
}

fn refusal(wish: Wish<'_>, words: &str) -> Outcome {
    let socket = wish.begin()?;
    until("an answer", || !socket.log().is_empty())?;
    let first = socket.log().remove(0);
    if first.contains("ConnectError") && first.contains(words) { Ok(()) } else { Err(first) }
}

fn refused(setting: &Setting) -> Outcome {
    for words in ["that is not the join code", "pass_wrong"] {
        let mut wish = setting.socket("/");
        wish.auth = json!({ "pass": "wrong" });
        refusal(wish, words)?;
    }
    Ok(())
}

fn exact(setting: &Setting) -> Outcome {
    let (one, other, listener) = (setting.game()?, setting.game()?, setting.chat("listener")?);
    let events = [
        vec![json!("one")],
        vec![json!("two"), json!(2)],
        vec![json!("three"), json!({ "x": [] }), json!("a string")],
        vec![json!("four"), json!("")],
    ];
    for event in &events {
        one.ask(event[0].as_str().expect("a name"), &event[1..])?;
    }
    other.hears("four")?;
    equal(&lock(&other.heard).events, &events.to_vec())?;
    setting.chat("eve")?.ask("message", &[json!("x")])?;
    listener.hears("message")?;
    let heard = lock(&listener.heard).events.clone();
    let shapes: Vec<_> = heard.iter().map(|event| json!([event[0], event.len(), event[1].is_object()])).collect();
    equal(&shapes, &["welcome", "joined", "message"].map(|name| json!([name, 2, true])).to_vec())
}

fn large(setting: &Setting) -> Outcome {
    let (one, other) = (setting.game()?, setting.game()?);
    let text = json!(format!("{}é", "0123456789abcdef".repeat(53_000)));
    one.ask("large", std::slice::from_ref(&text))?;
    equal(&(other.hears("large")?[1] == text), &true)
}

fn order(setting: &Setting) -> Outcome {
    let (one, other) = (setting.game()?, setting.game()?);
    for number in 0..100 {
        one.emit("count", &[json!(number)])?;
    }
    until("all of them", || other.all("count").len() >= 100)?;
    one.ask("last", &[])?;
    equal(&other.all("count"), &(0..100).map(|number| vec![json!("count"), json!(number)]).collect())
}

fn reconnect(setting: &Setting) -> Outcome {
    let wish = Wish { url: &setting.cuttable, reconnects: true, ..setting.socket("/game") };
    let (one, other) = (wish.open()?, setting.game()?);
    one.ask("before", &[])?;
    cut()?;
    until("back", || one.log().iter().filter(|entry| *entry == "connect").count() > 1)?;
    one.ask("after", &[])?;
    other.hears("after")?;
    other.ask("back", &[json!(1)])?;
    equal(&one.hears("back")?[..2].to_vec(), &vec![json!("back"), json!(1)])
}

fn kicked(setting: &Setting) -> Outcome {
    let one = setting.chat("ada")?;
    one.emit("quit", &[])?;
    until("told", || one.log().len() > 1)?;
    equal(&one.log()[..2].to_vec(), &vec!["connect".to_owned(), "close".to_owned()])
}

fn leaving(setting: &Setting) -> Outcome {
    let (one, other) = (setting.chat("ada")?, setting.chat("bob")?);
    one.client.disconnect().map_err(|error| format!("cannot disconnect: {error}"))?;
    equal(&other.hears("left")?[1]["from"]["nick"], &json!("ada"))
}

fn names(setting: &Setting) -> Outcome {
    let wish = || Wish { url: &setting.recovering, ..setting.socket("/game") };
    let (one, other) = (wish().open()?, wish().open()?);
    one.ask("one", &[json!(1)])?;
    one.ask("two", &[json!(2)])?;
    other.hears("two")?;
    let names: Vec<_> = lock(&other.heard).events.iter().map(|event| event[0].clone()).collect();
    equal(&names, &vec![json!("one"), json!("two")])
}

fn heartbeat(setting: &Setting) -> Outcome {
    let idle = setting.game()?;
    sleep(HEARTBEATS);
    equal(&idle.log(), &vec!["connect".to_owned()])?;
    idle.ask("still here", &[]).map(|_| ())
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [transport, url, cuttable, recovering, rest @ ..] = words.as_slice() else {
        panic!("say transport and URLs");
    };
    let Some(name) = rest.first() else {
        for (name, _) in CHECKS {
            let own = std::env::current_exe().expect("a program");
            let status = Command::new(own).args([transport, url, cuttable, recovering]).arg(name).status();
            assert!(status.is_ok_and(|status| status.success()), "{name} does not end");
        }
        return;
    };
    let setting = [transport, url, cuttable, recovering].map(String::clone);
    let [transport, url, cuttable, recovering] = setting;
    let setting = Setting { transport, url, cuttable, recovering };
    let (_, check) = CHECKS.iter().find(|(known, _)| known == name).expect("a check of the list");
    match check(&setting) {
        Ok(()) => println!("{}", json!({ "check": name, "ok": true })),
        Err(why) => println!("{}", json!({ "check": name, "ok": false, "why": why })),
    }
    // Threads of clients that are closed go on.
    std::process::exit(0);
}
