//! Requests as they come, and as hyper understands them.

use super::*;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection;
use proptest::prelude::*;
use proptest::sample::select;
use std::cell::RefCell;
use std::convert::Infallible;
use tokio::io::AsyncWriteExt;

const USUAL: &str = "GET /ws?protocol=json HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nX: 1\r\nX: 2\r\n\r\n";
const POST: &str = "POST /socket.io/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";

fn whole(text: &str) -> Option<(Box<Request<Full<Bytes>>>, usize)> {
    match read(text.as_bytes(), 0, 4_096) {
        Said::Request(request, end) => Some((request, end)),
        Said::Part | Said::Unusual(_) | Said::Wrong(_) => None,
    }
}

fn is_part(text: &str, head_bytes_max: usize) -> bool {
    matches!(read(text.as_bytes(), 0, head_bytes_max), Said::Part)
}

fn is_wrong(text: &str) -> bool {
    matches!(read(text.as_bytes(), 0, 4_096), Said::Wrong(_))
}

fn is_unusual(text: &str) -> bool {
    matches!(read(text.as_bytes(), 0, 4_096), Said::Unusual(_))
}

#[test]
fn a_whole_request_is_read_and_ends_where_it_ends() {
    let (request, end) = whole(&format!("{USUAL}and more")).expect("a request");
    assert_eq!(end, USUAL.len());
    assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
    assert_eq!((request.uri().path(), request.uri().query()), ("/ws", Some("protocol=json")));
    assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    for method in ["HEAD", "OPTIONS", "POST"] {
        let (request, end) = whole(&format!("\r\n{method} * HTTP/1.0\r\n\r\n{USUAL}")).expect("a request");
        assert_eq!((request.method().as_str(), request.version()), (method, Version::HTTP_10));
        assert_eq!(end, format!("\r\n{method} * HTTP/1.0\r\n\r\n").len());
    }
}

#[tokio::test]
async fn a_body_belongs_to_its_request_when_all_of_it_is_there() {
    let (request, end) = whole(&format!("{POST}GET")).expect("a request");
    assert_eq!(end, POST.len());
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&*body, b"abc");
    let empty = POST.replace("h: 3", "h: 0");
    assert_eq!(whole(&empty).map(|(_, end)| end), Some(POST.len() - 3));
    for length in POST.len() - 3..POST.len() {
        assert!(is_unusual(&POST[..length]), "the last bytes come after {length}");
    }
    for wrong in ["+3", "-1", "", "3, 3", "0x3", "18446744073709551616"] {
        assert!(is_wrong(&POST.replace("h: 3", &format!("h: {wrong}"))), "{wrong:?}");
    }
    assert!(is_wrong(&POST.replace("h: 3", "h: 3\r\nContent-Length: 3")));
    assert!(is_unusual(&POST.replace("POST", "GET")), "a GET has no body, usually");
}

#[test]
fn the_beginning_of_a_head_is_waited_for() {
    for length in 0..USUAL.len() {
        assert!(is_part(&USUAL[..length], 4_096), "{length} bytes of it");
    }
    assert!(!is_part(&USUAL[..40], 40), "it is too long");
    assert!(is_part(&USUAL[..40], 41));
}

#[test]
fn all_else_is_left_to_hyper() {
    assert!(matches!(read(USUAL.as_bytes(), 0, USUAL.len() - 1), Said::Unusual(None)), "it is too long");
    assert!(matches!(read(USUAL.as_bytes(), 0, USUAL.len()), Said::Request(..)));
    for (what, instead) in [
        ("GET", "DELETE"),
        ("GET", "POST"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "HTTP/2"),
        ("X: 1", "Content-Length: 0"),
        ("X: 1", "Transfer-Encoding: chunked"),
        ("X: 1", "Expect: 100-continue"),
        ("X: 1", "X 1"),
        ("X: 1", "X: \u{1}"),
        ("X: 1\r\n", &"X: 1\r\n".repeat(HEADERS_MAX)),
    ] {
        assert!(is_unusual(&USUAL.replacen(what, instead, 1)), "{instead}");
    }
    let most = USUAL.replacen("X: 1\r\n", &"X: 1\r\n".repeat(HEADERS_MAX - 3), 1);
    assert_eq!(whole(&most).map(|(_, end)| end), Some(most.len()));
}

fn terms(text: &str) -> Terms {
    Terms::of(&whole(&format!("{text}\r\n\r\n")).expect("a request").0)
}

#[test]
fn a_connection_persists_as_both_sides_say() {
    for (text, persists) in [
        ("GET / HTTP/1.1", true),
        ("GET / HTTP/1.1\r\nConnection: close", false),
        ("GET / HTTP/1.1\r\nConnection: x\r\nConnection: keep-alive, Close", false),
        ("GET / HTTP/1.1\r\nConnection: closed", true),
        ("GET / HTTP/1.0", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close", false),
    ] {
        let terms = terms(text);
        assert_eq!(terms.persists, persists, "{text}");
        let mut answer = Answer::default();
        assert_eq!(terms.with(&answer, true), terms);
        assert!(!terms.with(&answer, false).persists, "{text}");
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        assert!(!terms.with(&answer, true).persists, "{text}");
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_found_when_it_ends() {
    let right = |said: Said| matches!(said, Said::Request(..));
    let wrong = |said: Said| matches!(said, Said::Wrong(_));
    for (text, is_found) in [
        (USUAL.to_owned(), right as fn(Said) -> bool),
        // Lines without CR are ends, too, if not good ones: nobody waits for another one.
        (USUAL.replace("\r\n", "\n"), wrong),
        (USUAL.replace("\r\n\r\n", "\n\r\n"), wrong),
    ] {
        for step in [1, 2, 3, 5] {
            let mut seen = 0;
            let lengths = (step..text.len()).step_by(step).chain([text.len()]);
            for length in lengths {
                let is_whole = is_found(read(&text.as_bytes()[..length], seen, 4_096));
                assert_eq!(is_whole, length == text.len(), "{length} bytes of {text:?}");
                seen = length;
            }
        }
    }
    // What is too long is noticed without its end.
    assert!(matches!(read(&USUAL.as_bytes()[..40], 39, 40), Said::Unusual(_)));
    assert!(matches!(read(&USUAL.as_bytes()[..40], 39, 41), Said::Part));
}

/// The head of an answer at the beginning of time.
fn lines(answer: &Answer, text: &str) -> String {
    String::from_utf8(head(answer, terms(text), SystemTime::UNIX_EPOCH)).expect("text")
}

#[test]
fn an_answers_head_says_what_its_client_has_to_know() {
    let answer = |status, body: &'static str| {
        let mut answer = Answer::new(Content::from(body));
        *answer.status_mut() = status;
        answer
    };
    let found = answer(StatusCode::OK, "body");
    let length = "content-length: 4\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
    assert_eq!(lines(&found, "GET / HTTP/1.1"), format!("HTTP/1.1 200 OK\r\n{length}"));
    assert_eq!(lines(&found, "HEAD / HTTP/1.1"), format!("HTTP/1.1 200 OK\r\n{length}"));
    assert_eq!(lines(&found, "GET / HTTP/1.0"), format!("HTTP/1.0 200 OK\r\n{length}"));
    let last = "GET / HTTP/1.1\r\nConnection: close";
    assert_eq!(lines(&found, last), format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}"));
    let old = "GET / HTTP/1.0\r\nConnection: keep-alive";
    assert_eq!(lines(&found, old), format!("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n{length}"));
    assert_eq!(body(found, terms("GET / HTTP/1.1")).known(), b"body");
    assert_eq!(body(answer(StatusCode::OK, "body"), terms("HEAD / HTTP/1.1")).known(), b"");
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        assert!(
            lines(&answer(status, ""), "GET / HTTP/1.1").ends_with("\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n")
        );
        assert!(!lines(&answer(status, ""), "GET / HTTP/1.1").contains("length"));
    }
    let mut switching = answer(StatusCode::SWITCHING_PROTOCOLS, "");
    switching.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let expected = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(lines(&switching, "GET / HTTP/1.1"), expected);
}

/// A request as it was understood.
#[derive(Debug, PartialEq)]
struct Understood {
    line: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn understood<B: Body<Data = Bytes>>(request: Request<B>) -> Option<Understood> {
    let (parts, body) = request.into_parts();
    let line = format!("{} {} {:?}", parts.method, parts.uri, parts.version);
    Some(Understood { line, headers: parts.headers, body: body.collect().await.ok()?.to_bytes() })
}

const HEAD_BYTES_MAX: usize = 8_192;

/// What hyper makes of all that a client sends.
async fn by_hyper(bytes: &[u8]) -> Vec<Understood> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    client.write_all(bytes).await.expect("room");
    client.shutdown().await.expect("an end");
    let all = RefCell::new(Vec::new());
    let service = service_fn(async |request| {
        let request = understood(request).await;
        all.borrow_mut().extend(request);
        Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::default()))
    });
    let mut builder = http1::Builder::new();
    builder.half_close(true).max_buf_size(HEAD_BYTES_MAX);
    // What is wrong ends the connection, and the list with it.
    let _ = builder.serve_connection(TokioIo::new(server), service).await;
    all.into_inner()
}

/// What this file makes of it, up to what it leaves to hyper, or to the end of the connection.
async fn by_this(mut bytes: &[u8]) -> Vec<Understood> {
    let mut all = Vec::new();
    while let Said::Request(request, end) = read(bytes, 0, HEAD_BYTES_MAX) {
        bytes = &bytes[end..];
        let persists = Terms::of(&request).persists;
        all.extend(understood(*request).await);
        if !persists {
            break;
        }
    }
    all
}

/// Pieces of requests, right and wrong ones, so that many requests are nearly right.
fn request_bytes() -> impl Strategy<Value = Vec<u8>> {
    let end = || prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\n ")];
    let method = select(vec!["GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "CONNECT", "get", "\r\nGET", ""]);
    let target = select(vec!["/", "/?a=b", "*", "http://h/x?y", "h:1", "//", "/\u{e9}", "/a b", "/#", "?", ""]);
    let version = select(vec!["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2", "http/1.1"]);
    let header = select(vec![
        "Host: h",
        "Connection: close",
        "Connection: keep-alive",
        "Connection: x, Close",
        "Upgrade: websocket",
        "Content-Length: 0",
        "Content-Length: 3",
        "content-length:3",
        "Content-Length: 03",
        "Content-Length: +3",
        "Content-Length: 3, 3",
        "Content-Length: 3 ",
        "Content-Length: 29",
        "Content-Length : 3",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Expect: 100-continue",
        "X: \t y \t",
        "X:",
        "X: \u{e9}",
        "X: \u{0}",
        " X: folded",
        ": nameless",
        "nothing",
    ]);
    let body = select(vec!["", "", "abc", "3\r\nabc\r\n0\r\n\r\n", "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n"]);
    let headers = collection::vec((header, end()), 0..4);
    let one = (method, target, version, end(), headers, end(), body).prop_map(
        |(method, target, version, line_end, headers, head_end, body)| {
            let lines: String = headers.into_iter().map(|(header, end)| format!("{header}{end}")).collect();
            format!("{method} {target} {version}{line_end}{lines}{head_end}{body}")
        },
    );
    let noise = collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2);
    (collection::vec(one, 1..4), noise).prop_map(|(requests, noise)| {
        let mut bytes = requests.concat().into_bytes();
        for (at, byte) in noise {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_not_left_to_hyper_is_what_hyper_would_have_understood(bytes in request_bytes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (ours, theirs) = runtime.block_on(async { (by_this(&bytes).await, by_hyper(&bytes).await) });
        prop_assert!(theirs.len() >= ours.len(), "{ours:?} {theirs:?}");
        prop_assert_eq!(&ours, &theirs[..ours.len()]);
    }
}
