//! The network between clients and server: pipes of bytes that are cut anywhere, delayed, stalled, reset and lost.

use crate::agenda::{Context, MS, Micros};
use crate::tap::{Tap, Told};
use crate::world::Happening;
use std::collections::VecDeque;
use std::io::IoSlice;
use switchboard_protocols::conversation::Choice;

/// A connection's number in the whole run.
pub(crate) type LinkId = usize;

/// What travels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    Bytes(Vec<u8>),
    /// The sender sends no more.
    End,
    /// The connection is gone; what was not read may be lost.
    Reset,
}

/// How messages are told apart on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Lines,
    WebSocket,
}

/// Where a link stands on the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is accepted, and its first bytes have not come.
    Sniffing,
    /// A shard has it in this slot.
    Open { shard: usize, slot: u32 },
    /// The server has no socket for it any more.
    Dropped,
}

/// One connection.
pub(crate) struct Link {
    pub(crate) client: usize,
    pub(crate) transport: Transport,
    /// The language that a WebSocket's client chose with its handshake.
    pub(crate) choice: Option<Choice>,
    pub(crate) stage: Stage,
    /// The server reads when something comes; otherwise it waits to be told to.
    pub(crate) armed: bool,
    up: Up,
    down: Down,
    /// Packets of the client do not arrive, nor any at it.
    vanished: bool,
}

/// From the client to the server.
#[derive(Default)]
struct Up {
    arrived: VecDeque<u8>,
    ended: bool,
    reset: bool,
    /// When the last packet arrives: none overtakes another.
    last: Micros,
    /// The client sends no more.
    closed: bool,
}

/// From the server to the client. The bytes themselves are not carried: the tap has decoded them.
struct Down {
    tap: Tap,
    written: u64,
    arrived: u64,
    read: u64,
    last: Micros,
    told: VecDeque<(u64, Told)>,
    ended: bool,
    reset: bool,
    /// The client closed its end: what arrives is answered with a reset.
    closed: bool,
    stalled: bool,
    /// The server found no room and waits for some.
    full: bool,
}

/// How a write went.
pub(crate) enum Written {
    Took(usize),
    Full,
    Broken,
}

/// What a server's read gives.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    Nothing,
    End,
    Broken,
}

/// All connections of the run.
pub(crate) struct Network {
    links: Vec<Link>,
    window_bytes: u64,
    delay: Micros,
}

impl Network {
    pub(crate) const fn new(window_bytes: u64, delay_ms: u64) -> Self {
        Self { links: Vec::new(), window_bytes, delay: delay_ms * MS }
    }

    pub(crate) fn link(&self, id: LinkId) -> &Link {
        &self.links[id]
    }

    pub(crate) fn link_mut(&mut self, id: LinkId) -> &mut Link {
        &mut self.links[id]
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// A client connects.
    pub(crate) fn connect(
        &mut self,
        context: &mut Context<Happening>,
        client: usize,
        transport: Transport,
        choice: Option<Choice>,
    ) -> LinkId {
        let tap = match transport {
            Transport::Lines => Tap::Lines(Vec::new()),
            Transport::WebSocket => Tap::websocket(),
        };
        let down = Down {
            tap,
            written: 0,
            arrived: 0,
            read: 0,
            last: 0,
            told: VecDeque::new(),
            ended: false,
            reset: false,
            closed: false,
            stalled: false,
            full: false,
        };
        let link = self.links.len();
        self.links.push(Link {
            client,
            transport,
            choice,
            stage: Stage::Sniffing,
            armed: false,
            up: Up::default(),
            down,
            vanished: false,
        });
        let when = context.now() + context.random.between(0, self.delay);
        self.links[link].up.last = when;
        context.agenda.at(when, Happening::Accept { link });
        link
    }

    /// The client sends bytes, which travel in pieces.
    pub(crate) fn send(&mut self, context: &mut Context<Happening>, id: LinkId, mut bytes: &[u8]) {
        if self.links[id].up.closed {
            return;
        }
        while !bytes.is_empty() {
            let size = if context.random.percent(70) { bytes.len() } else { 1 + context.random.below(bytes.len()) };
            let (piece, rest) = bytes.split_at(size);
            bytes = rest;
            self.travel_up(context, id, Packet::Bytes(piece.to_vec()));
        }
    }

    /// The client sends no more, and goes on reading.
    pub(crate) fn half_close(&mut self, context: &mut Context<Happening>, id: LinkId) {
        if !std::mem::replace(&mut self.links[id].up.closed, true) {
            self.travel_up(context, id, Packet::End);
        }
    }

    /// The client closes its socket.
    pub(crate) fn close(&mut self, context: &mut Context<Happening>, id: LinkId) {
        self.half_close(context, id);
        self.links[id].down.closed = true;
    }

    /// The connection breaks at the client's end.
    pub(crate) fn reset(&mut self, context: &mut Context<Happening>, id: LinkId) {
        self.links[id].up.closed = true;
        self.links[id].down.closed = true;
        self.travel_up(context, id, Packet::Reset);
    }

    /// The client's machine is gone without a word. Where nobody asks whether it lives, the server's kernel does.
    pub(crate) fn vanish(&mut self, context: &mut Context<Happening>, id: LinkId) {
        let link = &mut self.links[id];
        link.up.closed = true;
        link.down.closed = true;
        link.vanished = true;
        if link.transport == Transport::Lines {
            context
                .agenda
                .at(context.agenda.now + 120_000 * MS, Happening::ToServer { link: id, packet: Packet::Reset });
        }
    }

    /// The client reads no more for now, or again.
    pub(crate) fn stall(&mut self, id: LinkId, stalled: bool) {
        self.links[id].down.stalled = stalled;
    }

    fn travel_up(&mut self, context: &mut Context<Happening>, id: LinkId, packet: Packet) {
        let delay = self.delay(context);
        let up = &mut self.links[id].up;
        up.last = up.last.max(context.agenda.now + delay);
        context.agenda.at(up.last, Happening::ToServer { link: id, packet });
    }

    /// Mostly short, sometimes long.
    fn delay(&self, context: &mut Context<Happening>) -> Micros {
        let most = if context.random.percent(80) { self.delay / 10 } else { self.delay };
        context.random.between(0, most)
    }

    /// A packet of the client arrives at the server. Gives whether the server notices.
    pub(crate) fn arrive_up(&mut self, id: LinkId, packet: Packet) -> bool {
        let link = &mut self.links[id];
        if link.stage == Stage::Dropped || link.vanished && packet != Packet::Reset {
            return false;
        }
        match packet {
            Packet::Bytes(bytes) => link.up.arrived.extend(bytes),
            Packet::End => link.up.ended = true,
            Packet::Reset => link.up.reset = true,
        }
        true
    }

    /// Whether the server's socket has something for it.
    pub(crate) fn is_readable(&self, id: LinkId) -> bool {
        let up = &self.links[id].up;
        up.reset || up.ended || !up.arrived.is_empty()
    }

    /// What came before the server knows what it is, and whether that is all.
    pub(crate) fn peek(&mut self, id: LinkId) -> (&[u8], bool) {
        let up = &mut self.links[id].up;
        (up.arrived.make_contiguous(), up.ended || up.reset)
    }

    /// The server reads up to `most` bytes.
    pub(crate) fn read(&mut self, id: LinkId, most: usize) -> Input {
        let up = &mut self.links[id].up;
        if up.reset {
            return Input::Broken;
        }
        let count = most.min(up.arrived.len());
        match (count, up.ended) {
            (0, true) => Input::End,
            (0, false) => Input::Nothing,
            _ => Input::Bytes(up.arrived.drain(..count).collect()),
        }
    }

    /// The server writes. What it told the client by it comes with `told`, whether it ever arrives or not.
    pub(crate) fn write(
        &mut self,
        context: &mut Context<Happening>,
        id: LinkId,
        slices: &[IoSlice<'_>],
        told: &mut Vec<Told>,
    ) -> Result<Written, String> {
        let window = self.window_bytes;
        let delay = self.delay(context);
        let Link { up, down, .. } = &mut self.links[id];
        if up.reset {
            return Ok(Written::Broken);
        }
        let room = window.saturating_sub(down.written - down.read) as usize;
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let most = if context.random.percent(90) { total } else { 1 + context.random.below(total) };
        let count = most.min(room);
        if count == 0 {
            down.full = true;
            return Ok(Written::Full);
        }
        let mut left = count;
        for slice in slices {
            let taken = slice.len().min(left);
            left -= taken;
            let from = told.len();
            down.tap.feed(&slice[..taken], told)?;
            down.written += taken as u64;
            down.told.extend(told[from..].iter().map(|told| (down.written, told.clone())));
        }
        down.last = down.last.max(context.agenda.now + delay);
        context.agenda.at(down.last, Happening::ToClient { link: id, through: down.written, end: None });
        Ok(Written::Took(count))
    }

    /// The server shuts its sending side.
    pub(crate) fn shut(&mut self, context: &mut Context<Happening>, id: LinkId) {
        self.end_down(context, id, Packet::End);
    }

    /// The server closes its socket. With input unread that is a reset.
    pub(crate) fn drop_link(&mut self, context: &mut Context<Happening>, id: LinkId) {
        let unread = self.is_readable(id) && !self.links[id].up.ended;
        self.links[id].stage = Stage::Dropped;
        self.end_down(context, id, if unread { Packet::Reset } else { Packet::End });
    }

    fn end_down(&mut self, context: &mut Context<Happening>, id: LinkId, packet: Packet) {
        let delay = self.delay(context);
        let down = &mut self.links[id].down;
        down.last = down.last.max(context.agenda.now + delay);
        context.agenda.at(down.last, Happening::ToClient { link: id, through: down.written, end: Some(packet) });
    }

    /// Bytes arrive at the client. Gives whether it has a look.
    pub(crate) fn arrive_down(
        &mut self,
        context: &mut Context<Happening>,
        id: LinkId,
        through: u64,
        end: Option<&Packet>,
    ) -> bool {
        let is_dropped = self.links[id].stage == Stage::Dropped;
        let Link { down, vanished, .. } = &mut self.links[id];
        if *vanished {
            return false;
        }
        if down.closed {
            if !is_dropped && end.is_none() {
                self.travel_up(context, id, Packet::Reset);
            }
            return false;
        }
        down.arrived = down.arrived.max(through);
        match end {
            Some(Packet::End) => down.ended = true,
            Some(Packet::Reset | Packet::Bytes(_)) => down.reset = true,
            None => {}
        }
        true
    }

    /// The client reads what has arrived: what it was told, and whether the connection is over.
    pub(crate) fn take(&mut self, id: LinkId, told: &mut Vec<Told>) -> bool {
        let down = &mut self.links[id].down;
        if down.closed || down.stalled && !down.reset {
            return false;
        }
        if down.reset {
            return true;
        }
        down.read = down.arrived;
        while down.told.front().is_some_and(|(end, _)| *end <= down.read) {
            told.extend(down.told.pop_front().map(|(_, told)| told));
        }
        down.ended
    }

    /// Whether a server that waited for room has some now; it is told once.
    pub(crate) fn take_room(&mut self, id: LinkId) -> bool {
        let Link { up, down, .. } = &mut self.links[id];
        let room = down.full && (up.reset || down.written - down.read < self.window_bytes);
        if room {
            down.full = false;
        }
        room
    }
}
