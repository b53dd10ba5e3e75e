//! What the server counts about itself, in Prometheus' text form.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use switchboard_core::cost::Hits;
use switchboard_core::sessions::Counts;
use switchboard_core::{CloseReason, Code, Via};
use switchboard_store::Backlog;

/// The labels of a kind of connection.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    transport: &'static str,
    protocol: &'static str,
}

/// The label of a limit: its name below `limits.`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Named {
    limit: &'static str,
}

/// The label of a stable code.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Coded {
    code: &'static str,
}

/// Every metric of the server; each is an atomic number, shared by the threads that count.
pub struct Metrics {
    registry: Registry,
    connections: Family<Kind, Gauge>,
    opened: Family<Kind, Counter>,
    closed: Family<Coded, Counter>,
    refusals: Family<Coded, Counter>,
    limits: Family<Named, Counter>,
    messages: Counter,
    commands: Counter,
    sessions: Gauge,
    users: Gauge,
    rooms: Gauge,
    batch_events: Histogram,
    batch_commands: Histogram,
    commit_seconds: Histogram,
    index_lag_rows: Gauge,
    index_lag_seconds: Gauge<f64, AtomicU64>,
    unswept_rows: Gauge,
    /// Searches that were answered before everything that was committed was indexed.
    pub searches_behind: Counter,
    pub deliveries: Counter,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub overflows: Counter,
    /// Events of volatile namespaces that were left out.
    pub skipped: Counter,
    pub accept_failures: Counter,
    pub handshake_failures: Counter,
    /// Connections that say nothing and are not greeted, because a browser or a proxy may be at their other end.
    pub held_back: Gauge,
    greeted_then_http: Counter,
    pub parked_polls: Gauge,
    /// 1 while messages are stored, 0 while the disk is nearly full.
    pub writable: Gauge,
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("switchboard");
        let mut metrics = Self {
            registry: Registry::default(),
            connections: Family::default(),
            opened: Family::default(),
            closed: Family::default(),
            refusals: Family::default(),
            limits: Family::default(),
            messages: Counter::default(),
            commands: Counter::default(),
            sessions: Gauge::default(),
            users: Gauge::default(),
            rooms: Gauge::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            batch_commands: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_05, 2.0, 16)),
            index_lag_rows: Gauge::default(),
            index_lag_seconds: Gauge::default(),
            unswept_rows: Gauge::default(),
            searches_behind: Counter::default(),
            deliveries: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            overflows: Counter::default(),
            skipped: Counter::default(),
            accept_failures: Counter::default(),
            handshake_failures: Counter::default(),
            held_back: Gauge::default(),
            greeted_then_http: Counter::default(),
            parked_polls: Gauge::default(),
            writable: Gauge::default(),
        };
        metrics.writable.set(1);
        let r = &mut registry;
        r.register("connections", "Connections now, by transport and protocol", metrics.connections.clone());
        r.register("connections_opened", "Connections that began", metrics.opened.clone());
        r.register("connections_closed", "Connections that ended, by reason", metrics.closed.clone());
        r.register("refusals", "Commands that were refused, by code", metrics.refusals.clone());
        r.register("limit_hits", "How often a limit was reached, by its name", metrics.limits.clone());
        r.register("messages", "Durable events that were admitted", metrics.messages.clone());
        r.register("commands", "Commands that were applied", metrics.commands.clone());
        r.register("sessions", "Sessions now, those whose connection is cut included", metrics.sessions.clone());
        r.register("users", "Users now", metrics.users.clone());
        r.register("rooms", "Rooms that somebody is in", metrics.rooms.clone());
        r.register("batch_events", "Durable events in a commit", metrics.batch_events.clone());
        r.register("batch_commands", "Commands in a batch", metrics.batch_commands.clone());
        r.register_with_unit("commit", "Time of a commit", Unit::Seconds, metrics.commit_seconds.clone());
        r.register("index_lag_rows", "Events that no search finds yet", metrics.index_lag_rows.clone());
        let lag_seconds = metrics.index_lag_seconds.clone();
        r.register_with_unit("index_lag", "Age of the oldest of them", Unit::Seconds, lag_seconds);
        r.register("unswept_rows", "Forgotten events that are not deleted yet", metrics.unswept_rows.clone());
        let searches_behind = metrics.searches_behind.clone();
        r.register("searches_behind", "Searches that could not wait for the latest events", searches_behind);
        r.register("deliveries", "Events given to a connection", metrics.deliveries.clone());
        r.register_with_unit("received", "Bytes read from connections", Unit::Bytes, metrics.bytes_in.clone());
        r.register_with_unit("sent", "Bytes written to connections", Unit::Bytes, metrics.bytes_out.clone());
        r.register("outbox_overflows", "Connections closed because they did not keep up", metrics.overflows.clone());
        r.register(
            "volatile_skips",
            "Events of volatile namespaces that receivers who did not keep up were not given",
            metrics.skipped.clone(),
        );
        r.register("accept_failures", "Connections that could not be accepted", metrics.accept_failures.clone());
        r.register(
            "handshake_failures",
            "Connections that ended before a protocol",
            metrics.handshake_failures.clone(),
        );
        r.register(
            "held_back",
            "Silent connections that are not greeted yet, because they may be a browser's or a proxy's",
            metrics.held_back.clone(),
        );
        r.register(
            "greeted_then_http",
            "Connections that were greeted in text and then spoke HTTP",
            metrics.greeted_then_http.clone(),
        );
        r.register("parked_polls", "Long polls that wait for something to tell", metrics.parked_polls.clone());
        r.register(
            "writable",
            "1 while messages are stored, 0 while the disk is nearly full",
            metrics.writable.clone(),
        );
        metrics.registry = registry;
        metrics
    }

    /// A connection of this kind began.
    pub fn opened(&self, via: Via, protocol: &'static str) {
        self.opened.get_or_create(&Kind { transport: via.as_str(), protocol }).inc();
    }

    /// So many connections of this kind more (or fewer) than before.
    pub fn population(&self, via: Via, protocol: &'static str, change: i64) {
        self.connections.get_or_create(&Kind { transport: via.as_str(), protocol }).inc_by(change);
    }

    /// A connection ended.
    pub fn closed(&self, reason: CloseReason) {
        if reason == CloseReason::HttpRequest {
            self.greeted_then_http.inc();
        }
        self.closed.get_or_create(&Coded { code: reason.as_str() }).inc();
    }

    /// Limits were reached so often.
    pub fn hit(&self, hits: &Hits) {
        for (limit, count) in hits.iter() {
            self.limits.get_or_create(&Named { limit: limit.as_str() }).inc_by(count);
        }
    }

    /// The limit of this name was reached.
    pub fn limited(&self, limit: &'static str) {
        self.limits.get_or_create(&Named { limit }).inc();
    }

    /// A batch was applied.
    pub fn batch(&self, commands: usize, stored: u64, refused: &[Code], counts: &Counts) {
        self.commands.inc_by(commands as u64);
        self.batch_commands.observe(commands as f64);
        self.messages.inc_by(stored);
        for code in refused {
            self.refusals.get_or_create(&Coded { code: code.as_str() }).inc();
        }
        self.sessions.set(counts.sessions as i64);
        self.users.set(counts.users as i64);
        self.rooms.set(counts.rooms as i64);
    }

    /// A batch was committed.
    pub fn committed(&self, events: usize, time: Duration) {
        self.batch_events.observe(events as f64);
        self.commit_seconds.observe(time.as_secs_f64());
    }

    /// So much is left of the work that trails the commits, and so old is the oldest event that no search finds yet.
    pub fn index_lag(&self, backlog: Backlog, oldest: Duration) {
        self.index_lag_rows.set(backlog.unindexed.cast_signed());
        self.index_lag_seconds.set(oldest.as_secs_f64());
        self.unswept_rows.set(backlog.unswept.cast_signed());
    }

    /// The metrics in the OpenMetrics text form, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
