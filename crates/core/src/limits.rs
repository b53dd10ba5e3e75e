//! Every bound of the house, each with its arithmetic and with what happens when it is reached.
//!
//! The fields of [`Limits`] are what an operator may set (`limits.` in the configuration); the constants are part of
//! the design. 0 means none only where the comment says so.

use crate::cost::Rate;

/// A request's `ref`, in bytes. Longer: refused with `bad_request`. It is kept for each request under way.
pub const REFERENCE_BYTES_MAX: usize = 64;

/// A message's `id`, in characters of visible ASCII. Outside: refused with `id_invalid`. 16 is the least that a random
/// id needs to be unique (80 bits in base 32); 64 leaves room for a hexadecimal SHA-256.
pub const ID_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// Users in one list of members, and rooms in one list of rooms. More: the list is cut and says `more`. A row is at
/// most 32 × 4 bytes of nick and 8 sessions of 45 bytes, so a list stays below half an outbox of 1 MiB.
pub const LIST_ROWS_MAX: usize = 500;

/// Private messages kept for a session whose connection was cut, until it resumes. More: the oldest go, and the
/// session is told so when it returns.
pub const MISSED_PRIVATE_MAX: usize = 64;

/// Bytes of the latest events of the whole server, which are kept as long as any session follows positions (connection
/// state recovery of Socket.IO). More: the oldest are forgotten, and a session that missed one of them starts over when it
/// comes back. A session that was away for two minutes missed nothing that is forgotten as long as there are fewer than 400
/// short events a second.
pub const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What each of those events costs beside its text, its arguments and its attachments, in bytes: the event, its sender
/// and its place.
pub const RECENT_EVENT_BYTES: usize = 256;

/// Addresses whose accounts are kept although they have no connection and no session, because they still owe something:
/// in the sessions at about 300 bytes each (5 MB), and once more for what their connections cost, at about 80 (1.3 MB).
/// More: the oldest is forgotten there, and some of them here.
pub const IDLE_ACCOUNTS_MAX: usize = 16_384;

/// Bytes up to which a message or an event of a modest connection does not wait for others of its address: a stroke of a
/// drawing waits for nobody's picture.
pub const SMALL_BYTES: usize = 4_096;

/// What a stored message or topic costs its address beside its text, in bytes: its row, its index entry and its id.
pub const STORED_EVENT_BYTES: u64 = 128;

/// Requests of a connection that are kept while its join code waits for its turn. More: refused with `rate_limited`.
pub const WAITING_REQUESTS_MAX: usize = 16;

/// Wrong join codes on one connection before it is closed with `pass_refused`.
pub const WRONG_PASSES_MAX: u8 = 5;

/// A search's words, in characters. More: refused with `query_invalid`.
pub const QUERY_CHARS_MAX: usize = 200;

/// Rooms named in one `resume`. More are not looked at: a session cannot be in more (`rooms_per_session`).
pub const RESUME_ROOMS_MAX: usize = 1_000;

/// At most one typing event goes out for each session in this time, in milliseconds.
pub const TYPING_INTERVAL_MS: u64 = 1_000;

/// The count of a large room's members is told at most once in this time, in milliseconds.
pub const PRESENCE_INTERVAL_MS: u64 = 1_000;

/// Above so many members a room is very large: its count is told [`PRESENCE_INTERVAL_MS`] after it changed, by when a
/// crowd has come or gone, and at most once in a millisecond for each member, so that nobody who comes and goes makes more
/// than 1,000 deliveries a second.
pub const VERY_LARGE_ROOM: u32 = 1_000;

/// A token is good for this long after it was issued, in milliseconds: a day, as long as de-duplication lasts. While
/// its session is alive it is good however old it is.
pub const TOKEN_AGE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Sessions that their clients ended whose tokens are remembered as no longer good. Beyond, the oldest of them would be
/// good again, if less than [`TOKEN_AGE_MS`] old; they are of use to nobody but whoever ended them.
pub const ENDED_MAX: usize = 65_536;

/// The bounds that an operator may set, as far as the core enforces them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters of a message. More: `message_too_long`.
    pub message_chars: usize,
    /// Characters of a nick. More: `nick_invalid`.
    pub nick_chars: usize,
    /// Characters of a room's name. More: `room_invalid`.
    pub room_chars: usize,
    /// Characters of a topic. More: `topic_too_long`.
    pub topic_chars: usize,
    /// Rooms of one session. More: `too_many_rooms`.
    pub rooms_per_session: usize,
    /// Sessions of one user. More: `too_many_sessions`.
    pub sessions_per_user: usize,
    /// Rooms that have members or history. More: `too_many_rooms_on_server`. A room costs about 300 bytes.
    pub rooms_total: usize,
    /// Messages that a session may send in a second in the long run (0: any number). More: `rate_limited`.
    pub messages_per_second: u32,
    /// Messages that a session may send at once after a pause.
    pub message_burst: u32,
    /// Other commands that a session may send in a second in the long run (0: any number). More: `rate_limited`.
    pub commands_per_second: u32,
    /// Other commands that a session may send at once after a pause.
    pub command_burst: u32,
    /// Events of clients' own that a session may pass on in a second in the long run (0: any number). More:
    /// `rate_limited`.
    pub events_per_second: u32,
    /// Such events that a session may pass on at once after a pause.
    pub event_burst: u32,
    /// Deliveries that a session may cause in a second by such events (0: any number): each receiver of an event counts
    /// once, whatever its size. A second's worth may be caused at once, and a single event always may.
    /// More: `rate_limited`. At 100,000 a session at 60 events a second reaches 1,600 others.
    pub event_deliveries_per_second: u32,
    /// Bytes of messages and events times their receivers that a session may cause. More: its connection is read more
    /// slowly. At 25 MB/s and 32 MB at once, a picture of 1 MB to 30 people costs 30 MB and waits for nothing; five who
    /// draw at 60 Hz with 200 bytes a stroke among 30 cost 1.8 MB/s; 990 KB in a loop to 100 readers cost 99 MB each
    /// time, so that one goes out every 4 s, and a reader at 10 Mbit/s, who needs 0.8 s for it, keeps up.
    pub delivered_bytes: Rate,
    /// Deliveries that a session may cause by coming, going and new nicks in rooms where these are told one by one.
    /// Coming costs two for each member, and going, once that was told, nothing. More: the room is told the number of
    /// members only, and a new nick is refused with `rate_limited`. With 3,000 at once a session may change its nick 30
    /// times, or come into a room 15 times, with 100 others there; then once a second. Who comes from loopback has part in
    /// its budget, too: a crowd in one room costs it 10,100 until the room has more than 100 members and is only counted.
    pub presence_deliveries: Rate,
    /// Rooms that were not there before that a session may make: 20 at once, then one every 10 s. More: `rate_limited`.
    pub new_rooms: Rate,
    /// Wrong join codes of one address, loopback included: 60 at once, so that a crowd of 30 may mistype twice, then one
    /// a second. More: an attempt waits for its turn, in the order in which they came, and is not refused. Ten digits
    /// take 317 years.
    pub wrong_codes: Rate,
    /// Bytes of messages and topics that one address may have stored: 64 MiB at once, then 32 KiB a second, which are
    /// 2.8 GB a day. More: `rate_limited`. A crowd of 30 who each write 10 messages a minute store 1 KB a second.
    pub stored_bytes: Rate,
    /// Sessions of one address that outlive their connections. More: the oldest of them ends. One more than may be
    /// connected from an IPv6 network, so that a whole crowd may be cut and come back.
    pub held_by_address: usize,
    /// The same of all addresses: as many as there may be connections.
    pub held_total: usize,
    /// How many sessions' budgets one address has: four times what one may cost. For 30 people behind one address who
    /// are all back at once that is 12,000 deliveries of presence; coming into a room of 130 costs them 7,800.
    pub address_share: u32,
    /// Loopback addresses are held to the budgets of an address like all others: a proxy on this machine is trusted to
    /// name its clients.
    pub counts_loopback: bool,
    /// Namespaces by a pattern that have somebody in them. More: `too_many_rooms_on_server`. Each is a room.
    pub namespaces: usize,
    /// How long a session outlives its connection, in milliseconds.
    pub session_ttl_ms: u64,
    /// Members up to which joins and leaves are told one by one; above it only the count is told.
    pub presence_max: usize,
    /// Missed durable events of one room that are replayed on resume. More: a `gap` is told instead.
    pub replay_events: u64,
    /// Events in one page of history or search. More asked for: this many are given.
    pub history_limit: u32,
    /// Message ids remembered for de-duplication. More: the oldest are forgotten. One costs about 100 bytes, so that a
    /// million of them cost 100 MB.
    pub dedupe_ids: usize,
    /// How long a message id is remembered, in milliseconds.
    pub dedupe_age_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_chars: 4_096,
            nick_chars: 32,
            room_chars: 50,
            topic_chars: 512,
            rooms_per_session: 50,
            sessions_per_user: 8,
            rooms_total: 100_000,
            messages_per_second: 10,
            message_burst: 30,
            commands_per_second: 20,
            command_burst: 100,
            events_per_second: 300,
            event_burst: 600,
            event_deliveries_per_second: 100_000,
            delivered_bytes: Rate::per_second(25_000_000, 32_000_000),
            presence_deliveries: Rate::per_second(100, 3_000),
            new_rooms: Rate { per_minute: 6, burst: 20 },
            wrong_codes: Rate::per_second(1, 60),
            stored_bytes: Rate::per_second(32 << 10, 64 << 20),
            held_by_address: 257,
            held_total: 100_000,
            address_share: 4,
            counts_loopback: false,
            namespaces: 1_000,
            session_ttl_ms: 30_000,
            presence_max: 100,
            replay_events: 1_000,
            history_limit: 200,
            dedupe_ids: 1_000_000,
            dedupe_age_ms: 24 * 60 * 60 * 1_000,
        }
    }
}
