//! Every setting of Switchboard, each written once: its name, type, default, allowed values, and what users read of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;

use super::choices::{Durability, Io, LogFormat, LogLevel, Parser, TextStyle};
use super::define::{Section, Setting, ends, first, hold, settings, within};
use super::listen::Listen;
use super::recovery::Recovery;
use super::rules;
use super::secret::{Secret, UdpToken};
use super::units::{Bytes, Millis};
use super::value::Value;

settings! {
    /// Where the server listens, and where it keeps its data.
    server: Server {
        /// Addresses to listen on: `"ADDRESS:PORT"`, or a bare `"PORT"` for loopback (127.0.0.1 and ::1). A scheme pins
        /// the listener to one protocol: `"text://..."`, `"json://..."`, `"http://..."`, `"udp://..."`; without one, all
        /// are spoken there, over TCP and UDP. Port 0 takes any free port. Empty: loopback, on the port that the
        /// variable `PORT` names, else on the first free port from 12345 to 12444.
        listen: Vec<Listen> = Vec::new();
        /// Listens on this machine's private network addresses too, with or without TLS, and prints the URLs and a QR
        /// code.
        /// Newcomers need a join code; one is made up when `auth.join_code` is empty. The next free port is for text
        /// alone: programs that receive before they send are greeted there at once.
        lan: bool = false;
        /// The directory for the history, the server's own keys and the self-signed certificate. Empty:
        /// `$XDG_DATA_HOME/switchboard`, else `~/.local/share/switchboard`.
        data_dir: Option<PathBuf> = None;
        /// Keeps the history in memory only: nothing of it is written, and nothing survives a restart.
        ephemeral: bool = false;
        /// Threads that serve the sockets. 0: one for each processor core.
        shards: u32 = 0, in 0..=1_024, unit "threads";
        /// How sockets without TLS are written. `"io_uring"`: many with one system call; the server does not start where
        /// the kernel is older than 6.1 or forbids it, as many containers do. `"epoll"`: each with a call of its own.
        /// `"auto"`: the first where it can be had.
        io: Io = Io::Auto;
        /// Allows addresses other than loopback without TLS. Everybody on the way can then read along.
        allow_plaintext: bool = false;
        /// Networks of the proxies in front of this server, such as `"10.0.0.0/8"`. A connection from one of them must
        /// say for whom it comes: in a forwarded header (`X-Forwarded-For`, else `Forwarded`), or with
        /// `server.proxy_protocol` in its first bytes. The last hop outside these networks is the client; if all are in
        /// them, the first. From anywhere else, such claims are not believed. See docs/proxies.md.
        trusted_proxies: Vec<IpNet> = Vec::new();
        /// Expects the PROXY protocol (version 1 or 2) from `server.trusted_proxies`.
        proxy_protocol: bool = false;
        /// How long the server waits at its end for what is under way before it leaves.
        shutdown_grace: Millis = Millis::seconds(10), in Millis(0)..=Millis::hours(1);
    }

    /// Encryption. With a certificate, TLS is spoken on every port; plain text is then for loopback alone.
    tls: Tls {
        /// The certificate chain, a PEM file. It is read again on SIGHUP, and nobody is disconnected by that.
        cert: Option<PathBuf> = None;
        /// The private key of `tls.cert`, a PEM file.
        key: Option<PathBuf> = None;
        /// Makes a certificate, keeps it in the data directory and prints its fingerprint for users to compare. With
        /// `server.ephemeral` it is kept nowhere, and is another one after each start.
        self_signed: bool = false;
    }

    /// Who may come in.
    auth: Auth {
        /// The code that everybody must give before they hear or say anything. Empty: no code is asked for.
        join_code: Option<Secret> = None, check rules::join_code;
    }

    /// The text protocol, which is what `nc` gets.
    text: Text {
        /// How a message looks. `"named"`: `<nick> text`. `"address"`: `<127.0.0.1> text`. `"plain"`: the bare text, and
        /// no notices.
        style: TextStyle = TextStyle::Named;
        /// The greeting: one line of at most 200 ASCII characters. `{nick}`, `{room}` and `{help}` become the
        /// newcomer's nick, the first room and the help command. Empty: no greeting.
        welcome: String = "Welcome to Switchboard. This is {room}. Type to join in, {help} for help.".to_owned(),
            check rules::welcome;
        /// How long a connection that says nothing waits for its greeting when a browser or a proxy may be at its other
        /// end, which would take the greeting for an answer: longer than browsers keep connections that they opened
        /// ahead of need. Others are greeted after 0.3 s, from other machines after 1.5 s.
        silent_hold: Millis = Millis::minutes(3), in Millis::seconds(1)..=Millis::hours(1);
    }

    /// Rooms.
    rooms: Rooms {
        /// The rooms that every new session joins. The first is where its messages go until it says otherwise.
        auto_join: Vec<String> = vec!["lobby".to_owned()], check rules::rooms;
        /// Members up to which everybody in a room is told of each one who joins or leaves. In larger rooms they are
        /// told the count, at most once a second; with more than 1,000 of them, once in as many milliseconds.
        presence_max: u32 = 100, in 0..=1_000_000, unit "members";
    }

    /// The history.
    store: Store {
        /// What a message has survived when it is acknowledged. `"fsync"`: a power cut. `"os"`: a crash of the server.
        /// `"none"`: nothing.
        durability: Durability = Durability::Fsync;
        /// The age at which messages are deleted, such as `"90d"`: how long ago they were stored, even if the machine's clock
        /// was set meanwhile.
        retention: Option<Millis> = None, in Millis::minutes(1)..=Millis::days(36_500);
        /// Free disk space below which messages are refused (`storage_full`) until there is space again. Reading goes
        /// on.
        free_min: Option<Bytes> = Some(Bytes::mib(64)), in Bytes::mib(1)..=Bytes::gib(1_024);
    }

    /// Browsers.
    http: Http {
        /// Names and addresses by which browsers reach this server, such as `"chat.example.org"`, or `"203.0.113.7"` where
        /// that address leads here by way of another machine (port forwarding, containers). No port: any is allowed.
        /// localhost and the listen addresses are always allowed; any other Host is refused, which stops DNS rebinding,
        /// and the log says what would allow it.
        hosts: Vec<String> = Vec::new(), check rules::hosts;
        /// Origins of other sites whose pages may connect, such as `"https://www.example.org"`, and of applications and
        /// browser extensions, such as `"capacitor://localhost"`, `"file://"` or `"chrome-extension://ID"`. `"null"` is
        /// what pages of files send, and any page of anybody that hides its origin (a sandboxed frame): it allows all of
        /// them.
        origins: Vec<String> = Vec::new(), check rules::origins;
        /// A folder of your own that is served at `/` instead of the page; the namespace `/` of Socket.IO then passes
        /// events on, and the chat is at `/chat`.
        static_dir: Option<PathBuf> = None, check rules::folder;
        /// Answers with the folder's `index.html` where a browser asks for a page and `http.static_dir` has no such file:
        /// for front-ends that make their pages themselves, of paths such as `/users/ada`. Paths that end in a name with
        /// a dot, as those of scripts and pictures do, and all paths of the server's own stay what they are.
        spa: bool = false;
        /// A folder with scripts of the Socket.IO client that are served instead of those in the program.
        socketio_client: Option<PathBuf> = None, check rules::folder;
        /// Networks from which the page may show the live connections with their addresses (its Wires view).
        wires: Vec<IpNet> = rules::loopback();
    }

    /// WebSockets: those at `/ws`, and those of Socket.IO.
    websocket: Websocket {
        /// Compresses messages for clients that offer it (permessage-deflate, RFC 7692), as browsers do: once for all
        /// receivers, and without a byte of memory for an idle connection. It trades the server's time for the network's,
        /// and on an encrypted connection the lengths then tell onlookers more.
        compression: bool = false;
        /// The shortest message that is compressed.
        compression_min: Bytes = Bytes::kib(1), in Bytes(0)..=Bytes::mib(16);
    }

    /// Socket.IO, for the official clients of its version 4: long-polling and WebSocket, on the same port.
    socketio: Socketio {
        /// Whether it is spoken.
        enabled: bool = true;
        /// Where, with a slash at both ends.
        path: String = "/socket.io/".to_owned(), check rules::socketio_path;
        /// How long after a sign of life the client is asked for the next one.
        ping_interval: Millis = Millis::seconds(25), in Millis(100)..=Millis::minutes(10);
        /// How long it may take to answer. Then the connection is closed.
        ping_timeout: Millis = Millis::seconds(20), in Millis(100)..=Millis::minutes(10);
        /// How long a WebSocket may take that wants to take over from long-polling.
        upgrade_timeout: Millis = Millis::seconds(10), in Millis(100)..=Millis::minutes(10);
        /// How long a client may take to join a namespace. Then the connection is closed.
        connect_timeout: Millis = Millis::seconds(45), in Millis(100)..=Millis::minutes(10);
        /// The largest request body and WebSocket message, and the largest event with its attachments. A larger one
        /// closes the connection.
        max_payload: Bytes = Bytes(1_000_000), in Bytes::kib(1)..=Bytes::mib(16);
        /// Connection state recovery: a socket whose connection was cut and that comes back in time keeps its id and its
        /// rooms, and is sent what it missed. It costs a further, last argument of every event: its position, which the
        /// client's library sends back, and which each handler is given, too. `false`, as on official servers: only for
        /// sockets that ask with `auth: { recover: true }`, for two minutes. `true`: for every socket that does not say
        /// `recover: false`, for two minutes. A duration, such as `"5m"`: for every socket, for so long.
        recovery: Recovery = Recovery::Asked, in Millis::seconds(1)..=Millis::hours(24);
        /// An event of the namespace `/` whose one text is a message of the chat, such as `"chat message"`: it is
        /// stored, heard by every client of the server, and comes back to its sender too. Empty: none.
        message_event: String = String::new(), check rules::event_name;
        /// Namespaces that pass events on, each a path such as `"/game"` and words that say what is special about it.
        /// `others` (the default): to everybody in the namespace but the sender. `all`: to the sender too. `none`: only
        /// what names its receiver is passed on. `presence`: who comes and goes is told, and `members` answers who is
        /// there. `from`: the first argument of each event is who emitted it. `volatile`: a socket that does not keep up
        /// is left out of what its outbox has no room for (a quarter of `limits.outbox_bytes`), rather than closed. The
        /// parser is one of `socketio.parser`,
        /// which is the default. A `*` in the path stands for any name: `"/game-*"` is as many namespaces as there are
        /// such paths asked for, at most `limits.namespaces`. `"/"` makes the main namespace one of these; the chat is
        /// then at `/chat`.
        namespaces: Vec<String> = Vec::new(), check rules::namespaces;
        /// Whose clients a namespace takes, the chat and all those that do not say it themselves. `any`: everybody's; a
        /// client's first packet shows which parser it has, and it is answered with the same. `json`: those with the
        /// library's own parser. `msgpack`: those with `socket.io-msgpack-parser`. Others are told so
        /// (`connect_error`).
        parser: Parser = Parser::Any;
        /// Answers requests for the client's own script, `socket.io.js` under the path, and its variants: from
        /// `http.socketio_client`, else from `node_modules/socket.io-client/dist` in or above `http.static_dir`, else with
        /// those that are part of the program (4.8.4).
        serve_client: bool = true;
    }

    /// Datagrams from elsewhere than loopback.
    udp: Udp {
        /// Senders that may publish without joining, sensors for example: for each name, the `token` that its datagrams
        /// carry (8 to 128 visible ASCII characters) and the `room` they go to. They get no reply.
        tokens: BTreeMap<String, UdpToken> = BTreeMap::new(), check rules::tokens;
    }

    /// The log, which goes to standard error.
    log: Log {
        /// `"text"` for people, `"json"` for programs: one object a line.
        format: LogFormat = LogFormat::Text;
        /// The least important thing that is logged.
        level: LogLevel = LogLevel::Info;
        /// Logs each message with the address of its sender. Unset: only with `server.ephemeral`.
        messages: Option<bool> = None;
    }

    /// What one user, and all of them together, may use up. Each refusal names the limit that was reached.
    limits: Limits {
        /// The longest message.
        message_chars: u32 = 4_096, in 1..=1_000_000, unit "characters";
        /// The longest line of the text and JSON protocols, and the largest datagram. A longer one closes the
        /// connection.
        line_bytes: Bytes = Bytes::kib(32), in Bytes::kib(1)..=Bytes::mib(16);
        /// The largest WebSocket message and the largest HTTP request body. A larger one closes the connection.
        frame_bytes: Bytes = Bytes::kib(64), in Bytes::kib(1)..=Bytes::mib(16);
        /// The longest nick.
        nick_chars: u32 = 32, in 16..=64, unit "characters";
        /// The longest name of a room.
        room_chars: u32 = 50, in 1..=256, unit "characters";
        /// The longest topic of a room.
        topic_chars: u32 = 512, in 1..=16_384, unit "characters";
        /// Rooms that one session may be in.
        rooms_per_session: u32 = 50, in 1..=1_000, unit "rooms";
        /// Sessions (tabs, devices) that one user may have.
        sessions_per_user: u32 = 8, in 1..=16, unit "sessions";
        /// Rooms on the whole server. Each costs about 300 bytes of memory.
        rooms_total: Option<u32> = Some(100_000), in 1..=100_000_000, unit "rooms";
        /// Messages that a session may send in a second in the long run.
        messages_per_second: Option<u32> = Some(10), in 1..=1_000_000, unit "messages";
        /// Messages that a session may send at once after a pause.
        message_burst: u32 = 30, in 1..=1_000_000, unit "messages";
        /// Events of clients' own (Socket.IO, and `event` of the JSON protocol) that a session may pass on in a second in
        /// the long run. A drawing of 60 a second fits in.
        events_per_second: Option<u32> = Some(300), in 1..=1_000_000, unit "events";
        /// Such events that a session may pass on at once after a pause.
        event_burst: u32 = 600, in 1..=1_000_000, unit "events";
        /// What a session's events may cost the others in a second: each receiver of an event counts once. A second's
        /// worth may be caused at once, and a single event always may. Their bytes are
        /// `limits.delivered_bytes_per_second`.
        event_deliveries_per_second: Option<u32> = Some(100_000), in 1..=1_000_000, unit "deliveries";
        /// Bytes of messages and events that one connection may put in for others in a second in the long run, and all
        /// connections of one address together, as far as they are more than 4 KiB at a time. Beyond it the connection
        /// is read more slowly: nothing is refused or left out. A megabyte a second is what a reader at 10 Mbit/s keeps
        /// up with. Messages count only where `limits.messages_per_second` is set.
        relay_bytes_per_second: Option<Bytes> = Some(Bytes(1_000_000)), in Bytes::kib(1)..=Bytes::gib(1);
        /// Such bytes that may be put in at once after a pause. A single message or event always may: the next one waits
        /// until it is made up for.
        relay_burst: Bytes = Bytes::kib(128), in Bytes::kib(1)..=Bytes::gib(1);
        /// Such bytes times their receivers that a session may cause in a second in the long run; an address four times
        /// as much. Beyond it the connection is read more slowly.
        delivered_bytes_per_second: Option<Bytes> = Some(Bytes(25_000_000)), in Bytes::kib(1)..=Bytes::gib(1_024);
        /// Such bytes times their receivers at once after a pause: a picture of 1 MB to 30 people is less.
        delivered_burst: Bytes = Bytes(32_000_000), in Bytes::kib(1)..=Bytes::gib(1_024);
        /// Units of work that one connection may cost in a second in the long run, beside what other limits count; an
        /// address four times as much. An answer to a ping costs 1, each KiB of an answer 2, a refusal 20, a search 200,
        /// joining a namespace of Socket.IO 400, and each KiB that is no request 2. Beyond it the connection is read more
        /// slowly.
        work_per_second: Option<u32> = Some(2_000), in 1..=100_000_000, unit "units";
        /// Units of work at once after a pause: 500 refusals, 25 namespaces, or 5 MB of history.
        work_burst: u32 = 10_000, in 1..=1_000_000_000, unit "units";
        /// Deliveries that a session may cause in a second by coming, going and taking new nicks, in rooms where these
        /// are told one by one (`rooms.presence_max`); an address four times as many. Coming costs two for each member,
        /// and going nothing more. Beyond it the room is told the number of its members instead, and new nicks are
        /// refused.
        presence_deliveries_per_second: Option<u32> = Some(100), in 1..=100_000_000, unit "deliveries";
        /// Such deliveries at once after a pause.
        presence_delivery_burst: u32 = 3_000, in 1..=1_000_000_000, unit "deliveries";
        /// Rooms that were not there before that a session may make in a minute in the long run; an address four times as
        /// many.
        new_rooms_per_minute: Option<u32> = Some(6), in 1..=1_000_000, unit "rooms";
        /// Such rooms at once after a pause.
        new_room_burst: u32 = 20, in 1..=1_000_000, unit "rooms";
        /// Wrong join codes of one address, loopback included, before each further attempt waits for its turn, one a
        /// second. Attempts wait, and are not refused.
        wrong_codes: Option<u32> = Some(60), in 1..=1_000_000, unit "codes";
        /// Bytes of messages and topics that one address may have stored in a second in the long run, with 128 for each.
        /// More is refused.
        stored_bytes_per_second: Option<Bytes> = Some(Bytes::kib(32)), in Bytes(1)..=Bytes::gib(1);
        /// Such bytes at once after a pause.
        stored_burst: Bytes = Bytes::mib(64), in Bytes::kib(1)..=Bytes::gib(1_024);
        /// Namespaces of Socket.IO by a pattern (`socketio.namespaces`) that have somebody in them. With the last who
        /// leaves, one is forgotten.
        namespaces: u32 = 1_000, in 1..=1_000_000, unit "namespaces";
        /// Other commands (join, topic, history, ...) that a session may send in a second in the long run.
        commands_per_second: Option<u32> = Some(20), in 1..=1_000_000, unit "commands";
        /// Other commands that a session may send at once after a pause.
        command_burst: u32 = 100, in 1..=1_000_000, unit "commands";
        /// What may wait for one socket that does not keep up. One more byte closes the connection; it can resume.
        outbox_bytes: Bytes = Bytes::mib(1), in Bytes::kib(64)..=Bytes::gib(1);
        /// What may wait for all sockets together. Beyond it, the fullest are closed.
        outboxes_total_bytes: Option<Bytes> = Some(Bytes::gib(1)), in Bytes::mib(1)..=Bytes::gib(1_024);
        /// New events held back for a session while it is sent what it missed. More: it starts over.
        gate_events: u32 = 256, in 1..=1_000_000, unit "events";
        /// The same, in bytes.
        gate_bytes: Bytes = Bytes::kib(256), in Bytes::kib(16)..=Bytes::gib(1);
        /// Commands that wait for the engine. More: the sockets are read no further until it has caught up.
        inbox_commands: u32 = 4_096, in 1..=1_000_000, unit "commands";
        /// Commands that the engine applies, and the store commits, at a time.
        batch_commands: u32 = 1_024, in 1..=1_000_000, unit "commands";
        /// The same, in bytes.
        batch_bytes: Bytes = Bytes::mib(4), in Bytes::kib(64)..=Bytes::gib(1);
        /// Connections to the whole server, and as many sessions that poll (Socket.IO). More are closed at once. Where the
        /// system allows fewer descriptors (`ulimit -n`), there may be fewer, as the log says at the start.
        connections_total: Option<u32> = Some(100_000), in 1..=10_000_000, unit "connections";
        /// Connections from one IPv4 address, and as many sessions that poll (Socket.IO). Loopback is exempt unless
        /// proxies are trusted.
        connections_per_ip: Option<u32> = Some(64), in 1..=10_000_000, unit "connections";
        /// The same from one IPv6 network of 64 bits, which is what one customer usually has.
        connections_per_64: Option<u32> = Some(256), in 1..=10_000_000, unit "connections";
        /// UDP sessions of one IPv4 address, or of one IPv6 network of 64 bits, loopback among them; each counts as a
        /// connection of `limits.connections_total`, too. Beyond it, a new port takes the place of one that has been
        /// silent for ten seconds; if there is none, it is refused.
        udp_sessions_per_ip: Option<u32> = Some(64), in 1..=10_000_000, unit "sessions";
        /// Connections that have not said yet what they speak, or are at their TLS handshake. Nobody is refused beyond
        /// it: the oldest of the address that has most of them is closed once it has had three seconds to speak. Eight
        /// times as many may be there for that time.
        handshakes: Option<u32> = Some(1_024), in 1..=1_000_000, unit "connections";
        /// The time for a TLS or WebSocket handshake, and for first bytes that do not yet say what they begin.
        handshake_timeout: Millis = Millis::seconds(10), in Millis(100)..=Millis::minutes(10);
        /// The time for the head of an HTTP request. Then: 408.
        header_timeout: Millis = Millis::seconds(10), in Millis(100)..=Millis::minutes(10);
        /// The size of the head of an HTTP request. Larger: 431.
        header_bytes: Bytes = Bytes::kib(16), in Bytes::kib(8)..=Bytes::mib(1);
        /// The time for the body of an HTTP request. Then: 408. An answer of which the client takes nothing for as long
        /// is given up.
        body_timeout: Millis = Millis::minutes(1), in Millis(100)..=Millis::hours(1);
        /// Memory for bodies, for heads that come in pieces, and for the parts of files that are under way, of all HTTP
        /// requests together. One address may have as much of it as is free. Beyond it a request waits, and is refused
        /// (503) when it has waited for `limits.body_timeout`.
        http_bytes_total: Bytes = Bytes::mib(64), in Bytes::mib(1)..=Bytes::gib(1_024);
        /// Requests of one address that are refused (4xx) in a second. Beyond five seconds' worth of them it waits for
        /// each refusal, for two seconds at most, and is read no faster.
        http_refusals_per_second: Option<u32> = Some(20), in 1..=1_000_000, unit "requests";
        /// Refused requests after which a connection is closed.
        http_refusals: Option<u32> = Some(100), in 1..=1_000_000, unit "requests";
        /// A connection that sends nothing for this long is closed.
        idle_timeout: Option<Millis> = None, in Millis::seconds(1)..=Millis::days(30);
        /// How long a session waits for its client after the connection was cut. 0s: not at all.
        session_ttl: Millis = Millis::seconds(30), in Millis(0)..=Millis::hours(24);
        /// Sessions of one address that wait for their clients. More: the oldest ends.
        held_sessions_per_address: Option<u32> = Some(257), in 1..=10_000_000, unit "sessions";
        /// Sessions that wait for their clients. More: the one that has the least time left ends.
        held_sessions_total: Option<u32> = Some(100_000), in 1..=10_000_000, unit "sessions";
        /// Missed events of one room that a resuming session is sent. More: it is told of the gap. 0: always.
        replay_events: u32 = 1_000, in 0..=1_000_000, unit "events";
        /// Events in one reply to a request for history, or results of a search.
        history_limit: u32 = 200, in 1..=10_000, unit "events";
        /// How long a UDP address stays a session after its last datagram.
        udp_idle: Millis = Millis::minutes(10), in Millis::seconds(1)..=Millis::hours(24);
        /// Message ids that are remembered, so that a message sent twice is stored once. Each costs about 100 bytes.
        dedupe_ids: u32 = 1_000_000, in 1..=100_000_000, unit "ids";
        /// How long a message id is remembered, at least: in time that went by between messages, of which an hour and more
        /// without any does not count.
        dedupe_age: Millis = Millis::hours(24), in Millis::seconds(1)..=Millis::days(30);
    }
}
