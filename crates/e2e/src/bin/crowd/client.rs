//! A Socket.IO client that is small enough for thousands of them to share a thread, and holds the server to its word:
//! every message, once, in order, whatever becomes of its connections.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use switchboard_e2e::Dice;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::http::Http;

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
/// Stands between the packets of a payload.
const SEPARATOR: char = '\u{1e}';

/// By which transports a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Polling,
    WebSocket,
    /// By polling first, and by WebSocket from some moment on.
    Upgrading,
}

/// What all clients of a crowd count together.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Clients that are in, having said so once.
    pub(crate) arrived: Cell<usize>,
    pub(crate) upgrades: Cell<u64>,
    /// Connections that a client cut off, and that were recovered.
    pub(crate) cuts: Cell<u64>,
    /// Connections that ended without the client's doing, and were recovered too.
    pub(crate) losses: Cell<u64>,
}

pub(crate) fn count_one(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// One member of a crowd.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) address: SocketAddr,
    pub(crate) manner: Manner,
    pub(crate) dice: Dice,
    /// Messages that there will be.
    pub(crate) messages: u64,
    /// How many of them it has heard, for everybody to see.
    pub(crate) heard: Rc<Cell<u64>>,
    pub(crate) counts: Rc<Counts>,
    pid: Option<String>,
    offset: Option<String>,
    /// It has been welcomed on this connection.
    is_in: bool,
    /// At so many messages it cuts its connection off.
    cut_at: u64,
    /// At so many it changes to a WebSocket.
    upgrade_at: u64,
}

/// Why a connection is of no use any more.
#[derive(Debug)]
enum End {
    /// Everything has been heard.
    Complete,
    /// The client had enough of this connection.
    Cut,
    /// It broke.
    Lost(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl Client {
    pub(crate) fn new(number: usize, address: SocketAddr, manner: Manner, dice: Dice, messages: u64) -> Self {
        Self {
            number,
            address,
            manner,
            dice,
            messages,
            heard: Rc::default(),
            counts: Rc::default(),
            pid: None,
            offset: None,
            is_in: false,
            cut_at: u64::MAX,
            upgrade_at: 0,
        }
    }

    /// Hears every message, and comes back as often as it takes.
    ///
    /// # Panics
    /// A message is lost, comes twice or out of order; or the server does not take the client back.
    pub(crate) async fn run(mut self) {
        loop {
            // One in four connections is cut off on the way, and each of an upgrading client's begins by polling.
            let rest = self.messages - self.heard.get();
            let is_cut = self.dice.below(4) == 0;
            self.cut_at = if is_cut { self.heard.get() + self.dice.below(rest) } else { u64::MAX };
            self.upgrade_at = self.heard.get() + self.dice.below(rest.div_ceil(2));
            self.is_in = false;
            let Err(end) = self.connection().await;
            match end {
                End::Complete => return,
                End::Cut => count_one(&self.counts.cuts),
                End::Lost(error) => {
                    assert!(self.pid.is_some(), "client {} cannot get in: {error}", self.number);
                    count_one(&self.counts.losses);
                }
            }
        }
    }

    async fn connection(&mut self) -> Result<std::convert::Infallible, End> {
        match self.manner {
            Manner::Polling => self.poll(false).await,
            Manner::Upgrading => self.poll(true).await,
            Manner::WebSocket => {
                let mut socket = self.open(WEBSOCKET).await?;
                self.listen(&mut socket).await
            }
        }
    }

    async fn poll(&mut self, upgrades: bool) -> Result<std::convert::Infallible, End> {
        let mut http = Http::connect(self.address).await?;
        let handshake = http.request(POLLING, None).await?;
        let sid = sid(&handshake)?;
        let target = format!("{POLLING}&sid={sid}");
        http.request(&target, Some(&self.greeting())).await?;
        loop {
            if self.is_in && upgrades && self.heard.get() >= self.upgrade_at {
                return self.upgrade(http, &target, &sid).await;
            }
            http.ask(&target, None).await?;
            // The answer may be on its way: it is lost with the connection, and what is in it must come again.
            self.may_cut()?;
            let payload = http.answer().await?;
            if let Some(answer) = self.payload(&payload)? {
                http.request(&target, Some(answer)).await?;
            }
        }
    }

    /// Probes a WebSocket while a poll waits, as clients do, and goes on there when the poll has been let go.
    async fn upgrade(&mut self, mut http: Http, target: &str, sid: &str) -> Result<std::convert::Infallible, End> {
        http.ask(target, None).await?;
        let mut socket = self.open(&format!("{WEBSOCKET}&sid={sid}")).await?;
        say(&mut socket, "2probe").await?;
        let (payload, probed) = tokio::join!(http.answer(), next(&mut socket));
        if probed? != "3probe" {
            return Err(io::Error::other("the probe is not answered").into());
        }
        let answer = self.payload(&payload?)?;
        say(&mut socket, "5").await?;
        if let Some(answer) = answer {
            say(&mut socket, answer).await?;
        }
        count_one(&self.counts.upgrades);
        self.listen(&mut socket).await
    }

    /// Hears what comes on a WebSocket.
    async fn listen(&mut self, socket: &mut Socket) -> Result<std::convert::Infallible, End> {
        loop {
            self.may_cut()?;
            let packet = next(socket).await?;
            if packet.starts_with('0') {
                say(socket, &self.greeting()).await?;
            } else if let Some(answer) = self.packet(&packet)? {
                say(socket, answer).await?;
            }
        }
    }

    async fn open(&self, target: &str) -> io::Result<Socket> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}{target}", self.address);
        let (socket, _) = client_async(url, stream).await.map_err(io::Error::other)?;
        Ok(socket)
    }

    fn may_cut(&self) -> Result<(), End> {
        if self.is_in && self.heard.get() >= self.cut_at { Err(End::Cut) } else { Ok(()) }
    }

    /// What it says to come in, and to come back.
    fn greeting(&self) -> String {
        match (&self.pid, &self.offset) {
            (Some(pid), Some(offset)) => format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"),
            // It was cut before its first event.
            (Some(pid), None) => format!("40{{\"pid\":\"{pid}\"}}"),
            (None, _) => "40".to_owned(),
        }
    }

    /// Takes a payload, and gives what is to be answered.
    fn payload(&mut self, payload: &str) -> Result<Option<&'static str>, End> {
        let mut answer = None;
        for packet in payload.split(SEPARATOR) {
            answer = answer.or(self.packet(packet)?);
        }
        Ok(answer)
    }

    fn packet(&mut self, packet: &str) -> Result<Option<&'static str>, End> {
        match (packet.get(..1), packet.get(..2)) {
            (Some("2"), _) => return Ok(Some("3")),
            (Some("6"), _) => {}
            (_, Some("40")) => self.welcome(&packet[2..]),
            (_, Some("42")) => {
                if self.event(&packet[2..]).is_break() {
                    return Err(End::Complete);
                }
            }
            _ => return Err(io::Error::other(format!("the server says {packet:?}")).into()),
        }
        Ok(None)
    }

    fn welcome(&mut self, json: &str) {
        let value: Value = serde_json::from_str(json).expect("a welcome is an object");
        let pid = value["pid"].as_str().expect("the server offers recovery");
        match &self.pid {
            None => {
                self.pid = Some(pid.to_owned());
                self.counts.arrived.set(self.counts.arrived.get() + 1);
            }
            Some(own) => assert_eq!(pid, own, "client {} is recovered", self.number),
        }
        self.is_in = true;
    }

    /// Hears an event. The last string of its arguments is where the stream of events stands.
    fn event(&mut self, json: &str) -> ControlFlow<()> {
        let arguments: Vec<Value> = serde_json::from_str(json).expect("an event is an array");
        if let Some(offset) = arguments.last().and_then(Value::as_str) {
            self.offset = Some(offset.to_owned());
        }
        if arguments[0] == "message" {
            let text = arguments[1]["text"].as_str().expect("a text");
            let due = self.heard.get();
            assert_eq!(text, due.to_string(), "client {} ({:?}) waits for {due}", self.number, self.manner);
            self.heard.set(due + 1);
        }
        if self.heard.get() < self.messages { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn say(socket: &mut Socket, text: &str) -> io::Result<()> {
    socket.send(Message::text(text)).await.map_err(io::Error::other)
}

/// The next text message.
async fn next(socket: &mut Socket) -> io::Result<String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(other)) => return Err(io::Error::other(format!("the server sends {other:?}"))),
            Some(Err(error)) => return Err(io::Error::other(error)),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The session's id, from the handshake.
fn sid(handshake: &str) -> io::Result<String> {
    let json = handshake.strip_prefix('0').and_then(|json| serde_json::from_str::<Value>(json).ok());
    let sid = json.and_then(|value| value["sid"].as_str().map(str::to_owned));
    sid.ok_or_else(|| io::Error::other(format!("no handshake: {handshake}")))
}
