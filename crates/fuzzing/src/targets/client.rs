//! Our client, and whatever a server may say to it: a line each, but for those that begin with `!`, which say what
//! happens on this side.

use switchboard_client::address::Address;
use switchboard_client::request::Outgoing;
use switchboard_client::state::{Output, State, Wish};
use switchboard_client::{Ask, Target};
use switchboard_protocols::json;

pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"!tcp\n",
    b"!udp\n",
    b"!cut\n",
    b"!say hi\n",
    b"!tell bob hi\n",
    b"!join dev\n",
    b"!leave\n",
    b"!history\n",
    b"!wait 1000\n",
    b"!wait 30000\n",
    b"{\"type\":\"welcome\",\"session\":\"a\",\"token\":\"t\",\"epoch\":\"e\",\"nick\":\"ada\",\"rooms\":[]}\n",
    b"{\"room\":\"lobby\",\"seq\":41,\"members\":3}",
    b"{\"type\":\"message\",\"room\":\"lobby\",\"seq\":42,\"from\":{\"nick\":\"bob\"},\"text\":\"hi\"}\n",
    b"{\"type\":\"ack\",\"ref\":\"00000000000000000000000001\",\"seq\":43}\n",
    b"{\"type\":\"error\",\"ref\":\"1\",\"code\":\"rate_limited\"}\n",
    b"{\"type\":\"gap\",\"room\":\"lobby\",\"from\":1,\"to\":40}\n",
    b"{\"type\":\"cookie\",\"cookie\":\"c\"}\n",
    b"{\"type\":\"pong\"}\n",
    b"\"limits\":{\"message_burst\":0,\"messages_per_second\":1}",
    b"\"resumed\":true",
    b"\"own\":true",
    b"18446744073709551615",
    b"tcp://[::1]:12345",
    b"wss://example.org/ws?x=1",
];

/// Lines of one input that are followed.
const LINES_MAX: usize = 400;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut scene = Scene {
        state: State::new(Wish { nick: Some("ada".to_owned()), room: Some("lobby".to_owned()), ..Wish::default() }),
        now: 1_000,
        said: 0,
        asked: 0,
        out: Vec::new(),
    };
    scene.happen("tcp");
    for line in text.split('\n').take(LINES_MAX) {
        match line.strip_prefix('!') {
            Some(what) => scene.happen(what),
            None => scene.state.received(scene.now, line, &mut scene.out),
        }
        scene.judge();
        address(line);
    }
    scene.state.leave(&mut scene.out);
    scene.judge();
}

struct Scene {
    state: State,
    now: u64,
    said: u64,
    asked: u64,
    out: Vec<Output>,
}

impl Scene {
    fn happen(&mut self, what: &str) {
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        let out = &mut self.out;
        let room = || (!rest.is_empty()).then(|| rest.to_owned());
        match word {
            "tcp" => self.state.connected(self.now, false, out),
            "udp" => self.state.connected(self.now, true, out),
            "cut" => self.state.disconnected(out),
            "say" => self.say(Target::Current, rest),
            "tell" => self.say(Target::User("bob".to_owned()), rest),
            "join" => self.ask(&Ask::Join { room: rest.to_owned() }),
            "leave" => self.ask(&Ask::Leave { room: room() }),
            "nick" => self.ask(&Ask::Nick { nick: rest.to_owned() }),
            "topic" => self.ask(&Ask::Topic { room: None, text: room() }),
            "history" => self.ask(&Ask::History { room: room(), before: None, after: None, limit: None }),
            "search" => self.ask(&Ask::Search { room: None, query: rest.to_owned(), before: None, limit: None }),
            "rooms" => self.ask(&Ask::Rooms),
            "close" => self.state.closed(rest.parse().unwrap_or(1000), "bye", out),
            "wait" => self.wait(rest.parse().unwrap_or(0).min(100_000)),
            _ => {}
        }
    }

    fn say(&mut self, target: Target, text: &str) {
        self.said += 1;
        let message = Outgoing { id: format!("{:026}", self.said), target, text: text.to_owned(), action: false };
        self.state.say(self.now, message, &mut self.out);
    }

    fn ask(&mut self, ask: &Ask) {
        self.asked += 1;
        self.state.ask(self.now, self.asked, ask, &mut self.out);
    }

    /// Time passes from deadline to deadline, as the driver lets it.
    fn wait(&mut self, millis: u64) {
        let until = self.now + millis;
        while let Some(deadline) = self.state.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline.max(self.now);
            self.state.tick(self.now, &mut self.out);
            let next = self.state.deadline();
            assert!(next.is_none_or(|next| next > self.now), "at {} the deadline is {next:?}", self.now);
        }
        self.now = until;
    }

    /// All that is sent is what a server of ours understands.
    fn judge(&mut self) {
        for output in self.out.drain(..) {
            match output {
                Output::Send(text) => {
                    assert!(!text.contains('\n'), "{text:?} is one line");
                    if let Err(refusal) = json::decode(&text) {
                        panic!("{text} is refused: {refusal:?}");
                    }
                }
                // A server that asks to be connected to again is connected to again, later.
                Output::Show(_) | Output::Reconnect(_) | Output::Stop(_) => {}
            }
        }
    }
}

/// Addresses as they are typed: what is shown of one is that very address.
fn address(text: &str) {
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address), "{text:?}");
    }
}
