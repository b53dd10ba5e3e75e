//! Requests that came whole, and their answers, without the machinery for those that come in pieces or are unusual.

use super::site::Answer;
use crate::socket::Socket;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri, Version};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::SystemTime;

/// Header lines of such a request at most, which is hyper's limit, too.
const HEADERS_MAX: usize = 100;

/// What the bytes are that a client sent.
pub(super) enum Said {
    /// A request, which ends after so many bytes.
    Request(Box<Request<Full<Bytes>>>, usize),
    /// The beginning of a head.
    Part,
    /// Something that is for hyper, which knows what is wrong with it, or has more patience.
    Unusual,
}

/// What an answer's head depends on, beside the answer (RFC 9110, 9.3.2; RFC 9112, 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    is_head: bool,
    version: Version,
    /// The connection may serve another request.
    pub(super) persists: bool,
}

impl Terms {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let options = request.headers().get_all(header::CONNECTION);
        let says = |wanted: &str| options.iter().any(|value| has_option(value, wanted));
        let persists = match request.version() {
            Version::HTTP_10 => says("keep-alive") && !says("close"),
            _ => !says("close"),
        };
        Self { is_head: *request.method() == Method::HEAD, version: request.version(), persists }
    }

    /// With what the answer has to say to them.
    pub(super) fn with(self, answer: &Answer) -> Self {
        let ends = answer.headers().get(header::CONNECTION).is_some_and(|value| has_option(value, "close"));
        Self { persists: self.persists && !ends, ..self }
    }
}

fn has_option(value: &HeaderValue, wanted: &str) -> bool {
    let value = value.to_str().unwrap_or_default();
    value.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted))
}

/// What stands at the beginning of `bytes`. A head may have `head_bytes_max`.
pub(super) fn read(bytes: &[u8], head_bytes_max: usize) -> Said {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut lines);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(end)) if end <= head_bytes_max => request(&head, &bytes[end..])
            .map_or(Said::Unusual, |(request, body)| Said::Request(Box::new(request), end + body)),
        Ok(httparse::Status::Partial) if bytes.len() < head_bytes_max => Said::Part,
        Ok(_) | Err(_) => Said::Unusual,
    }
}

/// The request with this head, and the length of its body, which `rest` begins with. `None`: it is unusual, or its body
/// is not there yet.
fn request(head: &httparse::Request<'_, '_>, rest: &[u8]) -> Option<(Request<Full<Bytes>>, usize)> {
    let method = match head.method? {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "OPTIONS" => Method::OPTIONS,
        _ => return None,
    };
    let version = if head.version? == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    let uri = Uri::try_from(head.path?).ok()?;
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for line in &*head.headers {
        headers.append(HeaderName::from_bytes(line.name.as_bytes()).ok()?, HeaderValue::from_bytes(line.value).ok()?);
    }
    let is_plain = [header::TRANSFER_ENCODING, header::EXPECT].iter().all(|name| !headers.contains_key(name));
    // Only a GET of HTTP/1.1 can lead to another protocol.
    let may_upgrade = method == Method::GET && version == Version::HTTP_11;
    if !is_plain || (headers.contains_key(header::UPGRADE) && !may_upgrade) {
        return None;
    }
    let length = body_length(&method, &headers)?;
    let body = Bytes::copy_from_slice(rest.get(..length)?);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.version_mut() = version;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some((request, length))
}

/// The length of a body, of which only a POST has one (RFC 9112, 6.3).
fn body_length(method: &Method, headers: &HeaderMap) -> Option<usize> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Some(0),
        (Some(length), None) if *method == Method::POST => {
            let digits = length.to_str().ok()?;
            // `parse` would take a sign.
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        }
        (Some(_), _) => None,
    }
}

/// The head of an answer as it is sent (RFC 9112, 4).
pub(super) fn head(answer: &Answer, terms: Terms) -> Vec<u8> {
    let status = answer.status();
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(if terms.version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    head.extend_from_slice(status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
    for (name, value) in answer.headers() {
        line(&mut head, name.as_str(), value.as_bytes());
    }
    if !status.is_informational() {
        if !answer.headers().contains_key(header::CONNECTION) {
            match (terms.version, terms.persists) {
                (Version::HTTP_10, true) => line(&mut head, "connection", b"keep-alive"),
                (Version::HTTP_10, false) | (_, true) => {}
                (_, false) => line(&mut head, "connection", b"close"),
            }
        }
        let has_length = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(length) = has_length.then(|| answer.body().len()) {
            line(&mut head, "content-length", length.to_string().as_bytes());
        }
        line(&mut head, "date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn line(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Sends an answer to its end.
///
/// # Errors
/// The client is gone.
pub(super) fn send(socket: &Socket, answer: Answer, terms: Terms) -> impl Future<Output = io::Result<()>> {
    let head = head(&answer, terms);
    let body = if terms.is_head { Bytes::new() } else { answer.into_body() };
    async move { send_bytes(socket, &head, &body).await }
}

/// Sends bytes, and others behind them, to their end.
///
/// # Errors
/// The client is gone.
pub(super) async fn send_bytes(socket: &Socket, mut first: &[u8], mut then: &[u8]) -> io::Result<()> {
    while !(first.is_empty() && then.is_empty() && socket.try_flush()?) {
        match socket.try_write(&[IoSlice::new(first), IoSlice::new(then)]) {
            Ok(count) => {
                let of_first = count.min(first.len());
                first = &first[of_first..];
                then = &then[count - of_first..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_fn(|context| socket.tcp().poll_write_ready(context)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    const USUAL: &str = "GET /ws?protocol=json HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nX: 1\r\nX: 2\r\n\r\n";
    const POST: &str = "POST /socket.io/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";

    fn whole(text: &str) -> Option<(Box<Request<Full<Bytes>>>, usize)> {
        match read(text.as_bytes(), 4_096) {
            Said::Request(request, end) => Some((request, end)),
            Said::Part | Said::Unusual => None,
        }
    }

    fn is_part(text: &str, head_bytes_max: usize) -> bool {
        matches!(read(text.as_bytes(), head_bytes_max), Said::Part)
    }

    fn is_unusual(text: &str) -> bool {
        matches!(read(text.as_bytes(), 4_096), Said::Unusual)
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
            assert!(is_unusual(&POST.replace("h: 3", &format!("h: {wrong}"))), "{wrong:?}");
        }
        assert!(is_unusual(&POST.replace("h: 3", "h: 3\r\nContent-Length: 3")));
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
        assert!(matches!(read(USUAL.as_bytes(), USUAL.len() - 1), Said::Unusual), "it is too long");
        assert!(matches!(read(USUAL.as_bytes(), USUAL.len()), Said::Request(..)));
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
            assert_eq!(terms.with(&answer), terms);
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            assert!(!terms.with(&answer).persists, "{text}");
        }
    }

    /// The head of an answer, with X in the place of its date.
    fn lines(answer: &Answer, text: &str) -> String {
        let head = String::from_utf8(head(answer, terms(text))).expect("text");
        match head.split_once("date: ") {
            Some((before, date)) => format!("{before}date: X{}", &date["Sun, 06 Nov 1994 08:49:37 GMT".len()..]),
            None => head,
        }
    }

    #[test]
    fn an_answers_head_says_what_its_client_has_to_know() {
        let answer = |status, body: &'static str| {
            let mut answer = Answer::new(Bytes::from(body));
            *answer.status_mut() = status;
            answer
        };
        let found = answer(StatusCode::OK, "body");
        let length = "content-length: 4\r\ndate: X\r\n\r\n";
        assert_eq!(lines(&found, "GET / HTTP/1.1"), format!("HTTP/1.1 200 OK\r\n{length}"));
        assert_eq!(lines(&found, "HEAD / HTTP/1.1"), format!("HTTP/1.1 200 OK\r\n{length}"));
        assert_eq!(lines(&found, "GET / HTTP/1.0"), format!("HTTP/1.0 200 OK\r\n{length}"));
        let last = "GET / HTTP/1.1\r\nConnection: close";
        assert_eq!(lines(&found, last), format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}"));
        let old = "GET / HTTP/1.0\r\nConnection: keep-alive";
        assert_eq!(lines(&found, old), format!("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n{length}"));
        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
            assert!(lines(&answer(status, ""), "GET / HTTP/1.1").ends_with("\r\ndate: X\r\n\r\n"));
            assert!(!lines(&answer(status, ""), "GET / HTTP/1.1").contains("length"));
        }
        let mut switching = answer(StatusCode::SWITCHING_PROTOCOLS, "");
        switching.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let expected = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(lines(&switching, "GET / HTTP/1.1"), expected);
    }
}
