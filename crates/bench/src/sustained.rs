//! `sustained`: messages at a steady rate for a long time, stored and searchable, and what the end and the next start cost.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use crate::measure::{Histogram, Machine, cpu_reading, machine};
use crate::storing::text;
use crate::targets::{Programs, start_in};

/// How often each connection writes what is due.
const TICK: Duration = Duration::from_millis(4);
/// The most messages of a connection that are not acknowledged yet. At this, it waits.
const UNDER_WAY_MAX: u64 = 16_384;
/// How long nothing may come while something is due.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Connections that send, each to a room of its own.
    pub connections: usize,
    /// Messages a second of all of them.
    pub rate: f64,
    /// How long.
    pub seconds: u64,
}

/// What one second was like.
#[derive(Clone, Debug, Serialize)]
pub struct Second {
    /// Messages that were acknowledged.
    pub stored: u64,
    /// Events without an index, at its end.
    pub lag_rows: f64,
    /// The age of the oldest of them.
    pub lag_seconds: f64,
    /// How long the search for the latest acknowledged message took, in milliseconds.
    pub search_ms: f64,
    /// How many messages it did not look at.
    pub behind: u64,
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Each second.
    pub seconds: Vec<Second>,
    /// Messages that were acknowledged, and from the first to the last of them, in seconds.
    pub stored: u64,
    pub took: f64,
    /// The time from a message to its acknowledgement, in milliseconds: median and 99 of 100.
    pub ack_ms: [f64; 2],
    /// CPU time of the server for each message, in microseconds.
    pub us_per_message: f64,
    /// From SIGTERM to the exit, in seconds, and events without an index then.
    pub end_seconds: f64,
    pub left_at_end: f64,
    /// From the next start until it was ready, and from then until everything was indexed, in seconds.
    pub ready_seconds: f64,
    pub caught_up_seconds: f64,
}

/// Runs the plan in a new directory. `progress` is told of each second.
///
/// # Errors
/// When the server does not do what it should: a message is lost, or is not found although the search is not behind.
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(usize, &Second)) -> Result<Findings> {
    let directory = tempfile::Builder::new().prefix("switchboard-bench-").tempdir_in(&programs.data_parent)?;
    let machine = machine();
    let server = start_in(directory.path(), programs)?;
    let address = server.address();
    let stops = Arc::new(AtomicBool::new(false));
    let senders = (0..plan.connections)
        .map(|number| Sender::start(number, plan.rate / plan.connections as f64, address, &stops))
        .collect::<Result<Vec<_>>>()?;
    let mut client = Client::connect("searcher", address)?;
    client.join(&room(0))?;
    let before = cpu_reading(server.pid())?;
    let begun = Instant::now();
    let (mut seconds, mut stored_before) = (Vec::new(), 0);
    while begun.elapsed().as_secs() < plan.seconds {
        let due = begun + Duration::from_secs(seconds.len() as u64 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (search_ms, behind) = client.find(0, senders[0].acknowledged())?;
        let stored: u64 = senders.iter().map(Sender::acknowledged).sum();
        let metrics = metrics(address)?;
        let (lag_rows, lag_seconds) =
            (metric(&metrics, "switchboard_index_lag_rows")?, metric(&metrics, "switchboard_index_lag_seconds")?);
        let second = Second { stored: stored - stored_before, lag_rows, lag_seconds, search_ms, behind };
        stored_before = stored;
        progress(seconds.len() + 1, &second);
        seconds.push(second);
    }
    stops.store(true, Ordering::Release);
    let mut latencies = Histogram::new();
    let (mut stored, mut latest) = (0, Vec::new());
    for sender in senders {
        let (count, latency) = sender.end()?;
        latencies.merge(&latency);
        stored += count;
        latest.push(count);
    }
    let took = begun.elapsed().as_secs_f64();
    drop(client);
    let us_per_message = cpu_reading(server.pid())?.since(&before).total_us / stored as f64;
    let left_at_end = metric(&metrics(address)?, "switchboard_index_lag_rows")?;
    let end_seconds = server.end()?.as_secs_f64();
    let server = start_in(directory.path(), programs)?;
    let (ready_seconds, begun) = (server.ready_after().as_secs_f64(), Instant::now());
    while metric(&metrics(server.address())?, "switchboard_index_lag_rows")? > 0.0 {
        thread::sleep(Duration::from_millis(10));
    }
    let caught_up_seconds = begun.elapsed().as_secs_f64();
    let mut client = Client::connect("searcher", server.address())?;
    for (number, count) in latest.into_iter().enumerate() {
        client.join(&room(number))?;
        let (_, behind) = client.find(number, count)?;
        ensure!(behind == 0, "the search is behind by {behind} though the index is not");
    }
    let ack_ms = [0.5, 0.99].map(|share| latencies.quantile(share) as f64 / 1e6);
    Ok(Findings {
        machine,
        plan,
        seconds,
        stored,
        took,
        ack_ms,
        us_per_message,
        end_seconds,
        left_at_end,
        ready_seconds,
        caught_up_seconds,
    })
}

fn room(number: usize) -> String {
    format!("load-{number}")
}

/// A connection that sends at its rate, with a thread that writes and one that reads.
struct Sender {
    acknowledged: Arc<AtomicU64>,
    writer: thread::JoinHandle<Result<u64>>,
    reader: thread::JoinHandle<Result<Histogram>>,
}

impl Sender {
    fn start(number: usize, rate: f64, address: SocketAddr, stops: &Arc<AtomicBool>) -> Result<Self> {
        let mut client = Client::connect(&format!("load-{number}"), address)?;
        client.join(&room(number))?;
        let Client { stream, lines, .. } = client;
        let acknowledged = Arc::new(AtomicU64::new(0));
        let written = Arc::new(Mutex::new(VecDeque::new()));
        let (stops, count, moments) = (stops.clone(), acknowledged.clone(), written.clone());
        let writer = thread::spawn(move || write(stream, rate, number, &stops, &count, &moments));
        let count = acknowledged.clone();
        let reader = thread::spawn(move || read(lines, &count, &written));
        Ok(Self { acknowledged, writer, reader })
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Waits until all that was sent is acknowledged. Returns how many messages that were, and how long each took.
    fn end(self) -> Result<(u64, Histogram)> {
        let sent = self.writer.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        let latencies = self.reader.join().map_err(|_| anyhow::anyhow!("a receiver panicked"))??;
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        ensure!(acknowledged == sent, "{acknowledged} of {sent} messages were acknowledged");
        Ok((sent, latencies))
    }
}

/// Messages up to a number, and when they were written.
type Moments = Mutex<VecDeque<(u64, Instant)>>;

fn write(
    mut stream: TcpStream,
    rate: f64,
    number: usize,
    stops: &AtomicBool,
    acknowledged: &AtomicU64,
    moments: &Moments,
) -> Result<u64> {
    let (begun, mut sent) = (Instant::now(), 0_u64);
    let mut lines = String::new();
    while !stops.load(Ordering::Acquire) {
        let due = (begun.elapsed().as_secs_f64() * rate) as u64;
        let due = due.min(acknowledged.load(Ordering::Acquire) + UNDER_WAY_MAX);
        lines.clear();
        for message in sent + 1..=due {
            let line = json!({ "type": "message", "text": format!("{} {}", text(message), word(number, message)) });
            lines.push_str(&format!("{line}\n"));
        }
        if sent < due {
            moments.lock().unwrap_or_else(PoisonError::into_inner).push_back((due, Instant::now()));
            sent = due;
            stream.write_all(lines.as_bytes())?;
        }
        thread::sleep(TICK);
    }
    // Answered after all of them; then the server closes.
    stream.write_all(b"{\"type\":\"quit\"}\n")?;
    Ok(sent)
}

fn read(lines: BufReader<TcpStream>, acknowledged: &AtomicU64, moments: &Moments) -> Result<Histogram> {
    let mut latencies = Histogram::new();
    let (mut count, mut lines, mut line) = (0, lines, Vec::new());
    loop {
        line.clear();
        // A server that closes at once after the last answer may reset the connection: the count says what came.
        if lines.read_until(b'\n', &mut line).unwrap_or_default() == 0 {
            return Ok(latencies);
        }
        if line.starts_with(b"{\"type\":\"ack\"") {
            count += 1;
            acknowledged.store(count, Ordering::Release);
            let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(&(last, written)) = moments.front()
                && last <= count
            {
                moments.pop_front();
                latencies.record(written.elapsed().as_nanos() as u64);
            }
        } else if line.starts_with(b"{\"type\":\"error\"") {
            bail!("{}", String::from_utf8_lossy(&line));
        }
    }
}

/// A word that only this message has.
fn word(connection: usize, message: u64) -> String {
    format!("c{connection}n{message}")
}

/// A connection for requests, one after the other.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    asked: u64,
}

impl Client {
    fn connect(nick: &str, address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { lines: BufReader::new(stream.try_clone()?), stream, asked: 0 };
        let welcome = client.ask(json!({ "type": "hello", "nick": nick }))?;
        ensure!(welcome["type"] == "welcome", "not welcome: {welcome}");
        Ok(client)
    }

    fn join(&mut self, room: &str) -> Result<()> {
        let joined = self.ask(json!({ "type": "join", "room": room }))?;
        ensure!(joined["type"] == "ack", "not joined: {joined}");
        Ok(())
    }

    /// Searches a message that is stored. Returns how long it took, in milliseconds, and how far the search is behind.
    fn find(&mut self, connection: usize, message: u64) -> Result<(f64, u64)> {
        let begun = Instant::now();
        let query = word(connection, message);
        let answer = self.ask(json!({ "type": "search", "room": room(connection), "query": query }))?;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let behind = answer["behind"].as_u64().unwrap_or_default();
        let found = answer["events"].as_array().map_or(0, Vec::len);
        ensure!(message == 0 || found == 1 || behind > 0, "{query} is stored and not found: {answer}");
        Ok((took, behind))
    }

    fn ask(&mut self, mut request: Value) -> Result<Value> {
        self.asked += 1;
        let reference = self.asked.to_string();
        request["ref"] = json!(reference);
        self.stream.write_all(format!("{request}\n").as_bytes())?;
        let wanted = format!("\"ref\":\"{reference}\"");
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.lines.read_line(&mut line)? > 0, "the server closed the connection");
            // In the searched room much is said meanwhile.
            if !line.starts_with("{\"type\":\"message\"") && line.contains(&wanted) {
                return serde_json::from_str(&line).context("no JSON");
            }
        }
    }
}

fn metrics(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn metric(metrics: &str, name: &str) -> Result<f64> {
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.with_context(|| format!("no {name}"))?.parse().with_context(|| format!("{name} is no number"))
}
