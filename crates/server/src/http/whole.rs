//! Requests that came whole, and their answers, without the machinery for those that come in pieces or are unusual.

use super::content::Content;
use super::message::Message;
use super::site::Answer;
use super::strict::{self, Wrong};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri, Version};
use std::time::SystemTime;

/// Header lines of such a request at most, which is hyper's limit, too.
const HEADERS_MAX: usize = 100;

/// What the bytes are that a client sent.
pub(super) enum Said {
    /// A request, which ends after so many bytes.
    Request(Box<Request<Full<Bytes>>>, usize),
    /// The beginning of a head.
    Part,
    /// Something that is for hyper, which has more patience, and where it ends; or, if that is not known, knows what is
    /// wrong with it.
    Unusual(Option<Message>),
    /// Something that could be read in two ways.
    Wrong(Wrong),
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
    /// Those of an answer to what is not known to be a request.
    pub(super) const LAST: Self = Self { is_head: false, version: Version::HTTP_11, persists: false };

    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let options = request.headers().get_all(header::CONNECTION);
        let says = |wanted: &str| options.iter().any(|value| has_option(value, wanted));
        let persists = match request.version() {
            Version::HTTP_10 => says("keep-alive") && !says("close"),
            _ => !says("close"),
        };
        Self { is_head: *request.method() == Method::HEAD, version: request.version(), persists }
    }

    /// With what the answer has to say to them, and whether the connection may go on.
    pub(super) fn with(self, answer: &Answer, may_go_on: bool) -> Self {
        let ends =
            !may_go_on || answer.headers().get(header::CONNECTION).is_some_and(|value| has_option(value, "close"));
        Self { persists: self.persists && !ends, ..self }
    }
}

fn has_option(value: &HeaderValue, wanted: &str) -> bool {
    let value = value.to_str().unwrap_or_default();
    value.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted))
}

/// What stands at the beginning of `bytes`, of which `seen` were a part of a head before. A head may have
/// `head_bytes_max`.
pub(super) fn read(bytes: &[u8], seen: usize, head_bytes_max: usize) -> Said {
    if is_part(bytes, seen, head_bytes_max) {
        return Said::Part;
    }
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut lines);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(end)) if end <= head_bytes_max => match strict::check(&bytes[..end]) {
            Err(wrong) => Said::Wrong(wrong),
            Ok(length) => request(&head, &bytes[end..]).map_or_else(
                || Said::Unusual(Some(Message::new(end, length))),
                |(request, body)| Said::Request(Box::new(request), end + body),
            ),
        },
        Ok(httparse::Status::Partial) if bytes.len() < head_bytes_max => Said::Part,
        Ok(_) | Err(_) => Said::Unusual(None),
    }
}

/// Whether `bytes`, of which `seen` were a part of a head before, surely are no more than that: who sends a head byte by
/// byte does not have it parsed each time.
pub(super) fn is_part(bytes: &[u8], seen: usize, head_bytes_max: usize) -> bool {
    seen > 0 && bytes.len() < head_bytes_max && !has_empty_line(&bytes[seen.saturating_sub(3)..])
}

/// Whether a head may end there.
fn has_empty_line(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three == b"\n\r\n" || three[1..] == *b"\n\n")
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
pub(super) fn head(answer: &Answer, terms: Terms, now: SystemTime) -> Vec<u8> {
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
        if may_have_body(status) {
            line(&mut head, "content-length", answer.body().len().to_string().as_bytes());
        }
        line(&mut head, "date", httpdate::fmt_http_date(now).as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Whether a body can follow an answer's head at all (RFC 9112, 6.3).
fn may_have_body(status: StatusCode) -> bool {
    !(status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
}

fn line(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// The body of an answer as it is sent.
pub(super) fn body(answer: Answer, terms: Terms) -> Content {
    let has_body = !terms.is_head && may_have_body(answer.status());
    if has_body { answer.into_body() } else { Content::default() }
}

#[cfg(test)]
mod tests;
