//! The tests of the official clients' own suites that cannot pass, each with the reason; and those that are run alone.

/// A test that is known to fail.
pub(crate) struct Exception {
    /// Its title, behind those of the groups that it is in.
    pub(crate) title: &'static str,
    pub(crate) why: &'static str,
}

const fn exception(title: &'static str, why: &'static str) -> Exception {
    Exception { title, why }
}

/// What the server says in words where an official one says nothing.
const IN_WORDS: &str = "it wants an empty reason; ours says in words that the message is larger than the limit";
const NO_COOKIES: &str = "our server sets no cookies, and an `Upper` knows no headers: a session is in its id";
const NO_QUESTIONS: &str = "a `Behaviour` cannot ask a client for an acknowledgement";
const NO_ID: &str = "a `Behaviour` is the same for all sockets of a namespace, and knows none's id";
const NO_QUERY: &str =
    "a `Behaviour` is given what the client says of itself (`auth`), not the query of its first request";
const NO_SESSION: &str = "a `Behaviour` that answers by itself (`Entry::Alone`) has no session to be recovered";

pub(crate) const CLIENT_OF_ENGINEIO: [Exception; 3] = [
    exception("node.js should send cookies with withCredentials: true", NO_COOKIES),
    exception("Socket close provides details when maxHttpBufferSize is reached (polling)", IN_WORDS),
    exception("Socket close provides details when maxHttpBufferSize is reached (websocket)", IN_WORDS),
];

pub(crate) const CLIENT_OF_SOCKETIO: [Exception; 9] = [
    exception("connection should work with acks", NO_QUESTIONS),
    exception(
        "socket should have an accessible socket id equal to the server-side socket id (default namespace)",
        NO_ID,
    ),
    exception(
        "socket should have an accessible socket id equal to the server-side socket id (custom namespace)",
        NO_ID,
    ),
    exception("socket query option should accept an object (default namespace)", NO_QUERY),
    exception("socket query option should accept a query string (default namespace)", NO_QUERY),
    exception("socket query option should accept an object", NO_QUERY),
    exception("socket query option should accept a query string", NO_QUERY),
    exception("socket query option should properly encode the parameters", NO_QUERY),
    exception(
        "connection state recovery should have an accessible socket id equal to the server-side socket id \
         (default namespace)",
        NO_SESSION,
    ),
];

/// Tests that stop the clock, which they leave so when they fail, and then race with the refusal of a port where nothing
/// listens: it has to come after the clock was moved on, as it does when it is the first thing that a process asks for.
pub(crate) const CLOCK_OF_SOCKETIO: [&str; 1] = ["connection reconnect timeout"];
