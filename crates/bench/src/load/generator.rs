//! The generator itself: opens the connections, finds out that all hear each other, and runs measured phases.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde::{Serialize, Serializer};

use super::dialect::Dialect;
use super::ledger::Ledger;
use super::marker::Marker;
use super::sockets::{Received, Sockets};
use crate::measure::Histogram;

/// The usual number of connections that are opened before their welcomes are waited for.
pub const OPENED_AT_ONCE: usize = 64;

/// Messages under way at a fixed rate. More: the target does not keep up, and the run ends with an error.
const UNDER_WAY_MAX: usize = 10_000;

/// Messages of a warm-up: code paths, buffers and the frame's size are known after them.
const WARM_UP_MESSAGES: u32 = 64;

/// A probe that nobody new has heard for this long is followed by the next one.
const PROBE_QUIET: Duration = Duration::from_millis(300);

/// Servers that tell a large room's count do so at most once a second: after this long without such a word none is due. In
/// a room of more than 1,000 Switchboard tells it once in as many milliseconds, and is waited for so much longer.
const SETTLED_AFTER: Duration = Duration::from_millis(1_200);

/// The same for servers that never told anything of the kind.
const SETTLED_SILENTLY_AFTER: Duration = Duration::from_millis(400);

/// A text shows up in error messages up to this many bytes.
const EXCERPT_BYTES_MAX: usize = 300;

/// What a generator is to do.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How the target is spoken to.
    pub dialect: Dialect,
    /// Connections that only receive.
    pub receivers: usize,
    /// Connections that send in turn; each also receives what the others send.
    pub senders: usize,
    /// Rooms, to which connections are dealt out in turn. With one, it is the lobby.
    pub rooms: usize,
    /// Further rooms, in which nothing is said, that each connection joins.
    pub further_rooms: usize,
    /// Whether connections are encrypted.
    pub is_encrypted: bool,
    /// Connections opened before their welcomes are waited for. It must stay below any server's backlog and limit on
    /// handshakes.
    pub opened_at_once: usize,
    /// The length of each message's text, in bytes.
    pub text_bytes: usize,
    /// How long nothing may come while something is due. Longer is an error.
    pub patience: Duration,
}

/// How fast messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Closed loop: always this many messages under way, as fast as the target goes.
    Window(u32),
    /// Open loop: this many messages a second, whatever the target does. Latency counts from the moment a message was
    /// due, so a target that makes the generator late does not hide it.
    Rate(f64),
}

impl Pace {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Window(window) => format!("window {window}"),
            Self::Rate(rate) => format!("{rate}/s"),
        }
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

/// What one phase came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Messages that every other connection got.
    pub messages: u64,
    /// Messages times their receivers.
    pub deliveries: u64,
    /// The mean length of a delivered message on the wire, framing included, in bytes.
    pub frame_bytes: f64,
    /// From the first message sent to the last delivery.
    pub elapsed: Duration,
    /// From the sending of a message to each of its deliveries, in nanoseconds.
    pub latency: Histogram,
    /// Messages of the target that receivers got besides, such as notices.
    pub unasked: u64,
}

/// All connections to one target, driven by the calling thread.
pub struct Generator {
    setup: Setup,
    sockets: Sockets,
    ledger: Ledger,
    hearing: Hearing,
}

impl Generator {
    /// A generator for the target at `address`; nothing is opened yet.
    ///
    /// # Errors
    /// When there is no epoll to be had.
    pub fn new(address: SocketAddr, setup: Setup) -> Result<Self> {
        let connections = setup.receivers + setup.senders;
        ensure!((1..Marker::PROBE as usize).contains(&setup.senders), "1 to 99,998 senders, not {}", setup.senders);
        ensure!(setup.receivers > 0, "no receivers");
        ensure!((1..=setup.senders).contains(&setup.rooms), "each room needs a sender");
        ensure!(connections >= 2 * setup.rooms, "each room needs a receiver");
        Ok(Self {
            setup,
            sockets: Sockets::new(address, setup.rooms, setup.is_encrypted)?,
            ledger: Ledger::new(connections, setup.senders, setup.rooms),
            hearing: Hearing::new(connections, setup.senders),
        })
    }

    /// Opens every connection and waits until the target has taken each in.
    ///
    /// # Errors
    /// When the target refuses, closes or stays silent.
    pub fn open(&mut self) -> Result<()> {
        self.open_up_to(self.setup.receivers + self.setup.senders)
    }

    /// Opens connections until there are `connections` of them, and waits until the target has taken each in.
    ///
    /// # Errors
    /// When the target refuses, closes or stays silent.
    pub fn open_up_to(&mut self, connections: usize) -> Result<()> {
        let first = self.sockets.len();
        while self.sockets.len() < connections {
            let goal = connections.min(self.sockets.len() + self.setup.opened_at_once);
            while self.sockets.len() < goal {
                self.sockets.open(self.setup.dialect)?;
            }
            if self.setup.dialect.welcomes() {
                self.wait("welcomes", |this| (this.hearing.welcomed, goal))?;
            }
        }
        self.join_further(first)
    }

    /// Makes the connections from `first` on join further rooms, each rooms of its own.
    fn join_further(&mut self, first: usize) -> Result<()> {
        for connection in first..self.sockets.len() {
            for number in 0..self.setup.further_rooms {
                let name = format!("further-{connection}-{number}");
                self.setup.dialect.join_further(&name, self.sockets.outgoing(connection));
            }
            // Answers are taken meanwhile, so that neither side has to hold many.
            self.sockets.flush()?;
            self.turn(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Sends until every connection hears its room's first sender, then some more, then waits until the target is quiet.
    ///
    /// # Errors
    /// When some connection never hears the probes.
    pub fn warm_up(&mut self) -> Result<Outcome> {
        let others = self.sockets.len() - self.setup.rooms;
        let deadline = self.sockets.now_ns() + self.setup.patience.as_nanos() as u64;
        for number in 1.. {
            self.hearing.probe(number);
            let probe = Marker { sender: Marker::PROBE, number };
            for sender in 0..self.setup.rooms {
                self.write(sender, probe);
            }
            self.sockets.flush()?;
            let mut heard = 0;
            self.turns_while(PROBE_QUIET, |this| {
                let progress = this.hearing.heard > heard;
                heard = this.hearing.heard;
                if heard == others { None } else { Some(progress) }
            })?;
            if heard == others {
                break;
            }
            if self.sockets.now_ns() > deadline {
                bail!("only {heard} of {others} connections hear the room{}", self.hearing.last_word());
            }
        }
        let outcome = self.run(Pace::Window(4), WARM_UP_MESSAGES.max(self.setup.senders as u32), Duration::MAX)?;
        self.settle()?;
        Ok(outcome)
    }

    /// Answers pings and takes notices until none has come for a while.
    ///
    /// # Errors
    /// When a connection breaks.
    pub fn settle(&mut self) -> Result<()> {
        let members = self.sockets.len() / self.setup.rooms;
        let settled_after = match self.hearing.unasked {
            0 => SETTLED_SILENTLY_AFTER,
            _ => SETTLED_AFTER + Duration::from_millis(members.saturating_sub(1_000) as u64),
        };
        let mut left = self.setup.patience.as_millis() / SETTLED_AFTER.as_millis();
        let mut unasked = self.hearing.unasked;
        self.turns_while(settled_after, |this| {
            let news = this.hearing.unasked > unasked;
            unasked = this.hearing.unasked;
            left = left.saturating_sub(u128::from(news));
            (left > 0).then_some(news)
        })
    }

    /// Answers pings and takes notices for `duration`.
    ///
    /// # Errors
    /// When a connection breaks.
    pub fn linger(&mut self, duration: Duration) -> Result<()> {
        self.turns_while(duration, |_| Some(false))
    }

    /// Takes what has come, and answers pings, without waiting for more.
    ///
    /// # Errors
    /// When a connection breaks.
    pub fn catch_up(&mut self) -> Result<()> {
        // One turn takes at most so many events.
        for _ in 0..=self.sockets.len() / super::sockets::EVENTS_MAX {
            self.turn(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Tells the floor how long its lines have to be; other targets decide that themselves.
    pub const fn set_line_bytes(&mut self, bytes: usize) {
        if let Dialect::Bare { line_bytes } = &mut self.setup.dialect {
            *line_bytes = bytes;
        }
    }

    /// Sends `messages` messages at `pace`, as far as it comes within `longest`, and waits until every other connection has
    /// each of them.
    ///
    /// # Errors
    /// When a message is lost, doubled or out of order, and when nothing comes for longer than the patience.
    pub fn run(&mut self, pace: Pace, mut messages: u32, longest: Duration) -> Result<Outcome> {
        self.ledger.take_totals();
        let unasked = self.hearing.unasked;
        let start_ns = self.sockets.now_ns();
        let patience_ns = self.setup.patience.as_nanos() as u64;
        let mut sent = 0;
        let (mut deliveries, mut progress_ns) = (0, start_ns);
        loop {
            let now_ns = self.sockets.now_ns();
            if Duration::from_nanos(now_ns - start_ns) > longest {
                // A slow target is measured as long as a fast one, with fewer messages.
                messages = sent;
            }
            let next_due_ns = self.send_due(pace, messages, &mut sent, start_ns, now_ns)?;
            self.sockets.flush()?;
            let under_way = self.ledger.under_way();
            if under_way == 0 && sent == messages {
                break;
            }
            if under_way == 0 || self.ledger.deliveries() > deliveries {
                (deliveries, progress_ns) = (self.ledger.deliveries(), now_ns);
            } else if now_ns > progress_ns + patience_ns {
                bail!("nothing came any more: {}{}", self.ledger.missing(), self.hearing.last_word());
            }
            let wait_ns = next_due_ns.map_or(patience_ns, |due_ns| due_ns.saturating_sub(now_ns));
            self.turn(Duration::from_nanos(wait_ns))?;
        }
        let elapsed = Duration::from_nanos(self.sockets.now_ns() - start_ns);
        let totals = self.ledger.take_totals();
        Ok(Outcome {
            messages: totals.completed,
            deliveries: totals.deliveries,
            frame_bytes: totals.delivered_bytes as f64 / totals.deliveries.max(1) as f64,
            elapsed,
            latency: totals.latency,
            unasked: self.hearing.unasked - unasked,
        })
    }

    /// Sends every message whose time has come, and says when the next one is due, if that is known.
    fn send_due(
        &mut self,
        pace: Pace,
        messages: u32,
        sent: &mut u32,
        start_ns: u64,
        now_ns: u64,
    ) -> Result<Option<u64>> {
        match pace {
            Pace::Window(window) => {
                while *sent < messages && self.ledger.under_way() < window as usize {
                    self.send(*sent, now_ns);
                    *sent += 1;
                }
                Ok(None)
            }
            Pace::Rate(rate) => {
                while *sent < messages {
                    let due_ns = start_ns + (f64::from(*sent) * 1e9 / rate) as u64;
                    if due_ns > now_ns {
                        return Ok(Some(due_ns));
                    }
                    let under_way = self.ledger.under_way();
                    ensure!(under_way < UNDER_WAY_MAX, "the target does not keep up with {rate} messages a second");
                    self.send(*sent, due_ns);
                    *sent += 1;
                }
                Ok(None)
            }
        }
    }

    fn send(&mut self, number: u32, due_ns: u64) {
        let sender = number as usize % self.setup.senders;
        let marker = self.ledger.send(sender, due_ns);
        self.write(sender, marker);
    }

    fn write(&mut self, sender: usize, marker: Marker) {
        let Setup { dialect, text_bytes, .. } = self.setup;
        let room = self.sockets.room(sender);
        dialect.message(marker, room, text_bytes, self.sockets.outgoing(sender));
    }

    fn turn(&mut self, timeout: Duration) -> Result<()> {
        let Self { setup, sockets, ledger, hearing } = self;
        let dialect = setup.dialect;
        sockets.turn(timeout, dialect, |received| match Marker::find(received.message) {
            Some(marker) if marker.sender == Marker::PROBE => {
                hearing.heard_probe(received.connection, marker.number);
                Ok(())
            }
            Some(marker) => ledger.delivered(received.connection, marker, received.wire_bytes, received.now_ns),
            None => {
                hearing.other(dialect, &received);
                Ok(())
            }
        })
    }

    /// Takes what comes until `quiet` has passed without progress. `step` is asked after each turn: `Some(true)` is
    /// progress, `None` is the end.
    fn turns_while(&mut self, quiet: Duration, mut step: impl FnMut(&Self) -> Option<bool>) -> Result<()> {
        let quiet_ns = quiet.as_nanos() as u64;
        let mut deadline_ns = self.sockets.now_ns() + quiet_ns;
        loop {
            let now_ns = self.sockets.now_ns();
            if now_ns >= deadline_ns {
                return Ok(());
            }
            self.turn(Duration::from_nanos(deadline_ns - now_ns))?;
            match step(self) {
                None => return Ok(()),
                Some(true) => deadline_ns = self.sockets.now_ns() + quiet_ns,
                Some(false) => {}
            }
        }
    }

    /// Takes what comes until `progress` says that it has reached its goal.
    fn wait(&mut self, what: &str, progress: impl Fn(&Self) -> (usize, usize)) -> Result<()> {
        let (mut done, goal) = progress(self);
        if done < goal {
            self.turns_while(self.setup.patience, |this| {
                let before = done;
                done = progress(this).0;
                (done < goal).then_some(done > before)
            })?;
        }
        ensure!(done >= goal, "only {done} of {goal} {what} came{}", self.hearing.last_word());
        Ok(())
    }
}

/// What connections heard besides the messages of the ledger.
struct Hearing {
    senders: usize,
    is_welcomed: Vec<bool>,
    welcomed: usize,
    probe: u32,
    heard_last: Vec<u32>,
    heard: usize,
    unasked: u64,
    /// The last other message to a sender: when something was refused, it says why.
    last: String,
}

impl Hearing {
    fn new(connections: usize, senders: usize) -> Self {
        Self {
            senders,
            is_welcomed: vec![false; connections],
            welcomed: 0,
            probe: 0,
            heard_last: vec![0; connections],
            heard: 0,
            unasked: 0,
            last: String::new(),
        }
    }

    const fn probe(&mut self, number: u32) {
        self.probe = number;
        self.heard = 0;
    }

    /// A late echo of an earlier probe counts for nothing.
    fn heard_probe(&mut self, connection: usize, number: u32) {
        if number == self.probe && self.heard_last[connection] != number {
            self.heard_last[connection] = number;
            self.heard += 1;
        }
    }

    fn other(&mut self, dialect: Dialect, received: &Received<'_>) {
        let connection = received.connection;
        if !self.is_welcomed[connection] && dialect.is_welcome(received.message) {
            self.is_welcomed[connection] = true;
            self.welcomed += 1;
        } else if connection >= self.senders {
            self.unasked += 1;
        } else {
            let excerpt = &received.message[..received.message.len().min(EXCERPT_BYTES_MAX)];
            self.last.clear();
            self.last.push_str(&String::from_utf8_lossy(excerpt));
        }
    }

    fn last_word(&self) -> String {
        if self.last.is_empty() { String::new() } else { format!("; the last word to a sender was: {}", self.last) }
    }
}
