//! Whether the first line of a connection is a person's, or what another protocol's client or a scanner sends by itself.

/// The line that `switchboard echo --connect` asks a port with: whoever sends it back is an echo server.
pub const ECHO_PROBE: &str = "switchboard: is this an echo server?";

/// What a first line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstLine {
    /// Somebody's words.
    Talk,
    /// A question how this works.
    Help,
    /// A single word that other protocols' clients begin with, and that a person may mean: it has to be said twice.
    Doubtful,
    /// Another protocol's request, or its answer; `http`: it is answered in HTTP.
    Request { http: bool },
}

const OTHER: FirstLine = FirstLine::Request { http: false };

/// Words that ask how this works, in any case.
const HELP: [&str; 2] = ["help", "?"];

/// Whole first lines that clients send by themselves and that a person might say: the questions of caches, databases
/// and coordination services, and what version scanners ask.
const DOUBTFUL: [&str; 15] = [
    "stats",
    "stat",
    "version",
    "VERSION",
    "ver",
    "login",
    "666",
    "Query",
    "Subscribe",
    "PING",
    "INFO",
    "ruok",
    "srvr",
    "mntr",
    ECHO_PROBE,
];

/// The same for datagrams: the queries of two programs are a letter or two.
const DOUBTFUL_DATAGRAMS: [&str; 2] = ["s", "NQ"];

/// Whole first lines that nobody says to people.
const REQUESTS: [&str; 18] = [
    "EHLO",
    "LHLO",
    "HELO",
    "STARTTLS",
    "CAPA",
    "FEAT",
    "SYST",
    "QUIT",
    "CONNECT",
    "STOMP",
    "init",
    "get_info",
    ">version",
    "serverstatus",
    "show info",
    "vp3",
    "#ST",
    "AMSNIFF",
];

/// How first lines of other protocols begin, where that is enough to know them.
const BEGINNINGS: [&str; 36] = [
    // Answers instead of requests: two servers were connected to each other.
    "SSH-",
    "RFB 00",
    "@RSYNCD:",
    "JDWP-Handshake",
    "NXSH-",
    // XMPP, XML-RPC and Flash.
    "<?xml",
    "<stream:stream",
    "<policy-file-request",
    // Mail, after a greeting that was not waited for.
    "MAIL FROM:",
    "RCPT TO:",
    // IRC, which negotiates before it says a name.
    "CAP LS",
    "CAP REQ",
    "CAP END",
    // NATS.
    "CONNECT {",
    "INFO {",
    // Printers, and what else listens on a network.
    "%-12345X",
    "PROXY TCP",
    "PROXY UNKNOWN",
    "PRI * ",
    "GNUTELLA CONNECT/",
    "GIOP",
    "CNXN",
    "DIST0000",
    "DB2GETADDR",
    "CONNECT01 ",
    "LO_SERVER_CLIENT_PAIR",
    "GET SERVER INFO",
    "TVNM1",
    "SNQUERY: ",
    "WWWOFFLE ",
    "< NTP/1.",
    "gkrellm ",
    "fox a ",
    "from:airhid",
    "eIPAD",
    "Client string for PARC ",
];

/// Methods of HTTP and of what is built like it, in any case.
const METHODS: [&str; 26] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "REGISTER",
    "INVITE",
];

/// Protocols whose requests are a method, a target and their name with a version.
const PROTOCOLS: [&str; 6] = ["HTTP", "RTSP", "SIP", "ICAP", "RTMP", "SSDP"];

/// Commands that are followed by one name or secret and nothing else: of mail, files, IRC and caches.
const WITH_ONE_WORD: [&str; 7] = ["EHLO", "LHLO", "HELO", "USER", "PASS", "NICK", "AUTH"];

/// Commands of IMAP, after the tag that its clients number them with.
const TAGGED: [&str; 8] = ["CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "NOOP", "ID", "LOGOUT", "SELECT"];

/// Judges a first line, without its end.
pub(crate) fn judge_line(line: &str, is_datagram: bool) -> FirstLine {
    let line = line.lines().next().unwrap_or_default();
    let words: Vec<&str> = line.split_ascii_whitespace().take(8).collect();
    let Some(&first) = words.first() else { return FirstLine::Talk };
    if words.len() == 1 && HELP.iter().any(|word| word.eq_ignore_ascii_case(first)) {
        return FirstLine::Help;
    }
    let line = line.trim_ascii();
    if DOUBTFUL.contains(&line) || (is_datagram && DOUBTFUL_DATAGRAMS.contains(&line)) {
        return FirstLine::Doubtful;
    }
    if let Some(http) = request_line(&words) {
        return FirstLine::Request { http };
    }
    let is_known = REQUESTS.contains(&line) || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
    if is_known || is_answer(&words) || is_command(&words) || is_number_of_words(line) || is_cookie(line) {
        return OTHER;
    }
    FirstLine::Talk
}

/// Whether words are a method, a target and a protocol's name and version, and if so, whether that is HTTP.
fn request_line(words: &[&str]) -> Option<bool> {
    let [method, targets @ .., protocol] = words else { return None };
    let (name, version) = protocol.split_once('/')?;
    let is_version = match version.split_once('.') {
        Some((major, minor)) => is_digits(major) && is_digits(minor),
        None => version.len() == 1 && is_digits(version),
    };
    if targets.is_empty() || !is_version {
        return None;
    }
    let is_known = PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_method = METHODS.iter().any(|known| known.eq_ignore_ascii_case(method));
    // Of what we do not know, all three parts have to look like it: people say "I like HTTP/1.1".
    let is_upper = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    let looks = targets.len() == 1 && method.len() >= 3 && is_upper(method) && is_target(targets[0]);
    let is_protocol = is_known || (name.len() >= 2 && is_upper(name) && version.contains('.'));
    let is_request = (is_known && is_method) || (is_protocol && looks);
    is_request.then(|| name.eq_ignore_ascii_case("HTTP"))
}

/// Whether a word can be what a request is about: a path, everything, an address, or a host with its port.
fn is_target(word: &str) -> bool {
    word == "*" || word.contains(['/', '.', ':'])
}

/// Whether words begin like the answer to such a request.
fn is_answer(words: &[&str]) -> bool {
    let [protocol, status, ..] = words else { return false };
    let name = protocol.split_once('/').map_or("", |(name, _)| name);
    PROTOCOLS.contains(&name) && status.len() == 3 && is_digits(status)
}

/// Whether words are a command in capitals as its client sends it, no word more.
fn is_command(words: &[&str]) -> bool {
    match words {
        [command, _] if WITH_ONE_WORD.contains(command) => true,
        [command, host] if command.eq_ignore_ascii_case("EHLO") || command.eq_ignore_ascii_case("HELO") => {
            host.contains(['.', '[']) || *host == "localhost"
        }
        ["AUTH" | "APOP", _, _] => true,
        ["USER", _, _, _, real, ..] => real.starts_with(':'),
        [tag, command, ..] if TAGGED.contains(command) => {
            let digits = tag.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            digits.len() < tag.len() && tag.len() <= 8 && is_digits(digits)
        }
        _ => false,
    }
}

/// Whether a line says how many words of a Redis request follow it.
fn is_number_of_words(line: &str) -> bool {
    line.strip_prefix('*').is_some_and(|number| is_digits(number) && number.len() <= 7)
}

/// Whether a line is the name that an iperf3 client makes up for its test: 36 letters and digits, and by scanners 37.
fn is_cookie(line: &str) -> bool {
    (36..=37).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_requests_are_known() {
        for line in [
            "CONNECT example.com:443 HTTP/1.1",
            "CONNECT 10.0.0.1:25 HTTP/1.0",
            "PROPFIND / HTTP/1.1",
            "MKCOL /a HTTP/1.1",
            "get / HTTP/1.1",
            "GET example.com/ HTTP/1.1",
            "GET /a b c HTTP/1.1",
            "BREW /pot HTTP/1.1",
            "GET x HTTP/2",
            "M-SEARCH * HTTP/1.1",
        ] {
            assert_eq!(judge_line(line, false), FirstLine::Request { http: true }, "{line}");
        }
        for line in [
            "OPTIONS rtsp://x/ RTSP/1.0",
            "OPTIONS / RTSP/1.0",
            "OPTIONS sip:nm SIP/2.0",
            "REQMOD icap://x/y ICAP/1.0",
            "FETCH /x ABC/1.0",
            "HTTP/1.1 200 OK",
            "RTSP/1.0 404 Not Found",
            "EHLO",
            "EHLO mail.example.com",
            "ehlo [10.0.0.1]",
            "HELO x",
            "MAIL FROM:<a@example.com>",
            "USER anonymous",
            "USER guest 0 * :A Guest",
            "NICK ada",
            "PASS hunter2",
            "CAP LS 302",
            "AUTH secret",
            "AUTH PLAIN AGFkYQBzZWNyZXQ=",
            "a001 LOGIN ada secret",
            "A1 CAPABILITY",
            "*1",
            "*3",
            "CONNECT",
            "CONNECT {\"verbose\":false}",
            "RFB 003.008",
            "QUIT",
            "< NTP/1.2 >",
            "#ST",
            "%-12345X@PJL INFO ID",
            "<?xml version=\"1.0\" ?><methodCall>",
            "0000000000000000000000000000000000000",
            "abcdefghijklmnopqrstuvwxyz2345672345",
        ] {
            assert_eq!(judge_line(line, false), OTHER, "{line}");
        }
    }

    #[test]
    fn people_are_not_taken_for_programs() {
        for line in [
            "hello",
            "get / up",
            "get /",
            "GET up, stand up",
            "HELP me please",
            "help us all",
            "?!",
            "I like HTTP/1.1",
            "use plain HTTP/1.1",
            "we speak HTTP/1.1 here",
            "HTTP/1.1 is old",
            "I give it 9/10",
            "see page A/4.2",
            "USER stories are great",
            "USER stories are great fun",
            "PASS me the salt",
            "NICK and ADA are here",
            "nick ada",
            "user ada",
            "AUTH is broken on my machine",
            "helo everyone",
            "HELO to you all",
            "ping",
            "quit",
            "stats?",
            "login does not work",
            "*1 and *2",
            "* waves",
            "init the repo",
            "CAP off",
            "connect me please",
            "a1 steak sauce",
            "s",
            "X",
            "2 + 2 = 4",
            "d41d8cd98f00b204e9800998ecf8427e",
            "123e4567-e89b-12d3-a456-426614174000",
        ] {
            assert_eq!(judge_line(line, false), FirstLine::Talk, "{line}");
        }
    }

    #[test]
    fn a_question_for_help_and_doubtful_words_are_known_whole() {
        for line in ["help", "HELP", "Help", "?", " help ", "help\r\n\r\n"] {
            assert_eq!(judge_line(line, false), FirstLine::Help, "{line:?}");
        }
        for line in ["stats", "VERSION", "666", "PING", ECHO_PROBE] {
            assert_eq!(judge_line(line, false), FirstLine::Doubtful, "{line}");
        }
        assert_eq!(judge_line("s", true), FirstLine::Doubtful);
        assert_eq!(judge_line("NQ", true), FirstLine::Doubtful);
    }
}
