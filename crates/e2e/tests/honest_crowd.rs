//! Thirty people behind one address meet no limit: pages, programs and terminals, who mistype the join code, draw, share
//! a picture and are cut off all at once; alone, and beside somebody who attacks from another address, or from theirs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use switchboard_e2e::{Attacker, Json, Line, Server, ServerOptions, WebSocket, behind_proxy, from, limit_hits, metric};

/// Of each kind.
const PEOPLE: usize = 10;
const DRAWERS: usize = 5;
/// A second of drawing.
const STROKES: usize = 60;
const PICTURE_BYTES: usize = 990_000;

struct Crowd {
    address: SocketAddr,
    header: String,
    programs: Vec<Json>,
    pages: Vec<WebSocket>,
    people: Vec<Line>,
    /// Who shared a picture, and stays.
    artists: Vec<WebSocket>,
    /// By which the programs come back.
    tokens: Vec<String>,
}

impl Crowd {
    /// Everybody mistypes the join code once, and comes in with the right one.
    fn come(address: SocketAddr, last: u8) -> Self {
        let (programs, pages, people, artists, tokens) = Default::default();
        let mut crowd = Self { address, header: from(last), programs, pages, people, artists, tokens };
        for number in 0..PEOPLE {
            let mut program = crowd.program(number);
            let wrong = program.request(json!({ "type": "hello", "nick": format!("prog{number}"), "pass": "semase" }));
            assert_eq!(wrong["code"], "pass_wrong", "{wrong}");
            crowd.programs.push(program);
            let mut page = crowd.page(number);
            page.say("{\"type\":\"pass\",\"code\":\"semase\"}");
            crowd.pages.push(page);
            let mut line = crowd.person(number);
            line.say("/pass semase");
            crowd.people.push(line);
        }
        for (number, program) in crowd.programs.iter_mut().enumerate() {
            let hello = json!({ "type": "hello", "nick": format!("prog{number}"), "pass": "sesame" });
            let welcome = program.request(hello);
            crowd.tokens.push(welcome["token"].as_str().unwrap_or_else(|| panic!("{welcome}")).to_owned());
        }
        for (number, page) in crowd.pages.iter_mut().enumerate() {
            page.expect("\"pass_wrong\"");
            page.say(&format!("{{\"type\":\"hello\",\"nick\":\"page{number}\",\"pass\":\"sesame\"}}"));
        }
        for page in &mut crowd.pages {
            page.expect("\"welcome\"");
        }
        for (number, line) in crowd.people.iter_mut().enumerate() {
            line.heard.expect("not the join code");
            line.say("/pass sesame");
            line.heard.expect("Welcome");
            line.say(&format!("/nick person{number}"));
            line.heard.expect(&format!("You are person{number}"));
        }
        crowd
    }

    fn program(&self, number: usize) -> Json {
        let mut program = Json::connect(&format!("prog{number}"), self.address);
        program.line().send(self.header.as_bytes());
        program
    }

    fn page(&self, number: usize) -> WebSocket {
        WebSocket::connect_behind(&format!("page{number}"), self.address, &self.header, "/ws?protocol=json")
    }

    fn person(&self, number: usize) -> Line {
        let mut line = Line::connect(&format!("person{number}"), self.address);
        line.send(self.header.as_bytes());
        line
    }

    /// Five draw sixty strokes a second, and everybody sees each of them.
    fn draw(&mut self) {
        let begin = Instant::now();
        for stroke in 0..STROKES {
            for drawer in &mut self.programs[..DRAWERS] {
                let point = format!("{stroke},{}", "0123456789".repeat(18));
                drawer.send(&json!({ "type": "event", "name": "draw", "args": [point] }));
            }
            // The pace is what is tested.
            let next = Duration::from_micros(16_667) * (stroke as u32 + 1);
            thread::sleep(next.saturating_sub(begin.elapsed()));
        }
        for (number, program) in self.programs.iter_mut().enumerate() {
            let own = usize::from(number < DRAWERS);
            for _ in 0..(DRAWERS - own) * STROKES {
                program.event("event");
            }
        }
        for page in &mut self.pages {
            for _ in 0..DRAWERS * STROKES {
                page.expect("\"draw\"");
            }
        }
    }

    /// Somebody shares a picture of a megabyte by Socket.IO.
    fn share(&mut self) {
        let path = "/socket.io/?EIO=4&transport=websocket";
        let mut artist = WebSocket::connect_behind("artist", self.address, &self.header, path);
        artist.say("40{\"nick\":\"artist\",\"pass\":\"sesame\"}");
        artist.expect("40{\"sid\"");
        artist.say(&format!("42[\"picture\",\"{}\"]", "p".repeat(PICTURE_BYTES)));
        for program in &mut self.programs {
            let picture = program.event("event");
            assert_eq!(picture["args"][0].as_str().map(str::len), Some(PICTURE_BYTES));
        }
        for page in &mut self.pages {
            page.expect("\"picture\"");
        }
        self.artists.push(artist);
    }

    /// All connections are cut at once, and everybody is back at once, in the same session where there is one.
    fn be_cut_off_and_back(&mut self) {
        self.programs.clear();
        self.pages.clear();
        self.people.clear();
        for number in 0..PEOPLE {
            self.programs.push(self.program(number));
            self.pages.push(self.page(number));
            self.people.push(self.person(number));
        }
        let hello = |token: &str| json!({ "type": "hello", "token": token, "pass": "sesame" });
        for (program, token) in self.programs.iter_mut().zip(&self.tokens) {
            program.send(&hello(token));
        }
        for (number, page) in self.pages.iter_mut().enumerate() {
            page.say(&format!("{{\"type\":\"hello\",\"nick\":\"back{number}\",\"pass\":\"sesame\"}}"));
        }
        for line in &mut self.people {
            line.say("/pass sesame");
        }
        for program in &mut self.programs {
            let welcome = program.event("welcome");
            assert_eq!(welcome["resumed"], true, "{welcome}");
        }
        for page in &mut self.pages {
            page.expect("\"welcome\"");
        }
        for line in &mut self.people {
            line.heard.expect("Welcome");
        }
    }

    /// Everybody says something, and everybody hears all of it.
    fn talk(&mut self) {
        for number in 0..PEOPLE {
            self.programs[number].say(&format!("program {number} speaks"));
            self.pages[number].say(&format!("{{\"type\":\"message\",\"text\":\"page {number} speaks\"}}"));
            self.people[number].say(&format!("person {number} speaks"));
        }
        for number in 0..PEOPLE {
            for other in (0..PEOPLE).filter(|other| *other != number) {
                self.programs[number].message(&format!("program {other} speaks"));
                self.people[number]
                    .heard
                    .wait_for("a message", |text| text.contains(&format!("person {other} speaks")).then_some(()));
            }
            self.programs[number].message(&format!("page {number} speaks"));
            self.programs[number].message(&format!("person {number} speaks"));
        }
    }
}

/// What the crowd does. It is still there afterwards.
fn live(address: SocketAddr, last: u8) -> Crowd {
    let mut crowd = Crowd::come(address, last);
    crowd.draw();
    crowd.share();
    crowd.be_cut_off_and_back();
    crowd.talk();
    crowd
}

fn options() -> ServerOptions {
    behind_proxy(ServerOptions::ephemeral()).set("auth.join_code=sesame")
}

/// Somebody from this address joins and leaves a namespace, takes new nicks, and comes and goes, all without end.
struct Attack {
    _pushers: Vec<Attacker>,
    stop: Arc<AtomicBool>,
    storm: Option<thread::JoinHandle<()>>,
}

impl Attack {
    fn start(address: SocketAddr, last: u8) -> Self {
        let header = from(last);
        let hello = format!("{header}{{\"type\":\"hello\",\"pass\":\"sesame\"}}\n");
        let nicks: String =
            (0..1_000).map(|number| format!("{{\"type\":\"nick\",\"nick\":\"evil{number}\"}}\n")).collect();
        let mut handshake = format!(
            "{header}GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .into_bytes();
        handshake.extend(frame("40{\"pass\":\"sesame\"}"));
        let mut joins = Vec::new();
        for _ in 0..500 {
            joins.extend(frame("41"));
            joins.extend(frame("40{\"pass\":\"sesame\"}"));
        }
        let pushers = vec![
            Attacker::start(address, hello.as_bytes(), nicks.into_bytes()),
            Attacker::start(address, &handshake, joins),
        ];
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let storm = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut line = Line::connect("storm", address);
                let _ = line.try_send(format!("{hello}{{\"type\":\"quit\"}}\n").as_bytes());
                line.heard.wait_for_end();
            }
        });
        Self { _pushers: pushers, stop, storm: Some(storm) }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.storm.take().map(thread::JoinHandle::join);
    }
}

/// A short text message of a client's WebSocket, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[test]
fn the_crowd_alone_meets_no_limit() {
    let server = Server::start(options());
    let _crowd = live(server.address(), 1);
    assert_eq!(limit_hits(server.address(), &from(9)), Vec::<String>::new());
    let refused = metric(server.address(), &from(9), "switchboard_refusals_total{code=\"rate_limited\"}");
    assert_eq!(refused, 0);
}

#[test]
fn the_crowd_is_served_beside_an_attacker_of_another_address() {
    let server = Server::start(options());
    let _attack = Attack::start(server.address(), 2);
    let _crowd = live(server.address(), 1);
    assert_ne!(limit_hits(server.address(), &from(9)), Vec::<String>::new(), "the attacker met some");
}

#[test]
fn the_crowd_is_served_beside_an_attacker_of_its_own_address() {
    let server = Server::start(options());
    let _attack = Attack::start(server.address(), 1);
    let _crowd = live(server.address(), 1);
    assert_ne!(limit_hits(server.address(), &from(9)), Vec::<String>::new(), "the attacker met some");
}
