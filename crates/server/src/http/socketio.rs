//! The Engine.IO endpoint: sessions opened, polled, posted to, and taken over by WebSockets; and what browsers of other
//! origins must be told for that.

use super::content::Content;
use super::files::Reader;
use super::parked::Parked;
use super::posted::{Unread, read};
use super::site::{Answer, agree, client_of, host_of, plain, unread_answer};
use super::{Reply, Switch};
use crate::listener::{Arrivals, Route};
use crate::shard::driver::Local;
use crate::shard::polling::{Outcome, Wish};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use switchboard_protocols::conversation::{self, Carrier, Client, Sockets, Upper};
use switchboard_protocols::engineio::request::{self, Ask, Query, Refused};
use switchboard_protocols::engineio::{Settings, Sid};
use switchboard_protocols::framing::websocket::{Deflate, handshake};
use switchboard_protocols::socketio::{Namespace, Namespaces};
use switchboard_protocols::{Conversation, Framing};

/// Bytes from which a payload is worth compressing.
const GZIP_BYTES_MIN: usize = 1_024;
/// How long a browser may remember what it was told of an origin, in seconds.
const CORS_SECONDS: &str = "600";

/// What stands on the sessions of an endpoint.
#[derive(Clone)]
pub enum Application {
    /// Sockets in namespaces.
    SocketIo(&'static Namespaces),
    /// The JSON protocol, for clients whose WebSockets are blocked: its sessions poll, and never have one.
    Json(Arc<switchboard_protocols::Settings>),
    /// Something else that speaks in messages, made anew for each session.
    Other(Arc<dyn Fn() -> Box<dyn Upper> + Send + Sync>),
}

/// An Engine.IO endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// Where it is, with a slash at both ends.
    pub path: String,
    pub settings: Arc<Settings>,
    pub application: Application,
}

/// What a WebSocket is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// A new session.
    New,
    /// To take this session over.
    TakeOver(Sid),
    /// Nothing: its session has one. Clients are told on the WebSocket, as official servers do it.
    Nothing,
}

/// What the answer to an upgrade request decided.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) query: Query,
    pub(super) target: Target,
    pub(super) peer: SocketAddr,
    /// What was agreed on, if the messages may be compressed.
    pub(super) compression: Option<Deflate>,
}

/// What an answer's head depends on, beside the answer.
#[derive(Clone)]
pub(super) struct Manner {
    origin: Option<HeaderValue>,
    takes_gzip: bool,
}

impl Manner {
    /// Compresses an answer where that is worth it, and says whose pages may read it.
    pub(super) fn apply(&self, answer: Answer) -> Answer {
        let mut answer = if self.takes_gzip { compress(answer) } else { answer };
        if let Some(origin) = self.origin.clone() {
            // On errors, too: a page that is not told may not even read why.
            let headers = answer.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        answer
    }
}

impl Endpoint {
    /// Whether a path is this endpoint's.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        path == self.path || self.path.strip_suffix('/') == Some(path)
    }

    /// The namespace that is the chat, if there is one.
    pub(super) fn chat(&self) -> Option<&'static Namespace> {
        match self.application {
            Application::SocketIo(namespaces) => namespaces.chat(),
            Application::Json(_) | Application::Other(_) => None,
        }
    }

    /// A session's conversation, and its id.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn begin(
        &self,
        query: &Query,
        local: &Local,
        framing: Framing,
    ) -> Result<(Sid, Box<dyn Conversation>), getrandom::Error> {
        let mut chance = [0; 16];
        getrandom::fill(&mut chance)?;
        let sid = Sid::new(0, local.environment.settings.number, chance);
        let now = local.tick();
        let upper: Box<dyn Upper> = match &self.application {
            Application::Other(make) => make(),
            Application::Json(speech) => {
                return Ok((sid, conversation::polled_json(speech, &self.settings, sid.text(), now)));
            }
            Application::SocketIo(namespaces) => Box::new(Sockets::new(
                namespaces,
                Client {
                    session: sid,
                    takes_offsets: query.version_first,
                    connect_by: now + self.settings.connect_timeout_ms,
                    bytes_max: self.settings.max_payload,
                },
            )),
        };
        let carrier = Carrier::new(&self.settings, sid.text(), framing, query.base64, upper, now);
        Ok((sid, Box::new(carrier)))
    }

    /// Answers a request.
    pub(super) async fn respond<B>(
        &self,
        arrivals: &Arrivals,
        local: &Rc<Local>,
        request: Request<B>,
        route: Route,
    ) -> Reply
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let is_preflight = *request.method() == Method::OPTIONS;
        let manner = Manner { origin, takes_gzip: takes_gzip(request.headers()) };
        let reply = match self.check(arrivals, &request, route) {
            Err(refused) => refuse(&refused).into(),
            Ok(_) if is_preflight => allow(wanted).into(),
            Ok(peer) => self.carry_out(arrivals, local, request, peer, &manner).await,
        };
        match reply {
            Reply::Answer(answer) => manner.apply(*answer).into(),
            Reply::Switch(mut switch) => {
                switch.0 = manner.apply(switch.0);
                Reply::Switch(switch)
            }
            Reply::Wait(parked) => Reply::Wait(parked),
        }
    }

    /// Who asks, if it may.
    fn check<B>(&self, arrivals: &Arrivals, request: &Request<B>, route: Route) -> Result<SocketAddr, Refused> {
        let bad = |message: &'static str| Refused::Forbidden(message.into());
        let host = host_of(request).map_err(bad)?;
        let origin = match request.headers().get(header::ORIGIN) {
            None => None,
            // The official servers' row for an origin that cannot be one.
            Some(origin) => Some(origin.to_str().map_err(|_| Refused::BadRequest)?),
        };
        let policy = &arrivals.site.policy;
        policy
            .check(host.as_deref(), origin, route.local)
            .map_err(|misled| Refused::Forbidden(arrivals.site.refuse(&misled, route).into()))?;
        match client_of(arrivals, request.headers(), route) {
            Ok(client) => Ok(client.address),
            Err(unsaid) => {
                arrivals.site.log_refusal(route, unsaid.message().trim_end());
                Err(bad(unsaid.message()))
            }
        }
    }

    async fn carry_out<B>(
        &self,
        arrivals: &Arrivals,
        local: &Rc<Local>,
        request: Request<B>,
        peer: SocketAddr,
        manner: &Manner,
    ) -> Reply
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let query = Query::read(request.uri().query().unwrap_or_default());
        let method = match *request.method() {
            Method::GET => request::Method::Get,
            Method::POST => request::Method::Post,
            _ => request::Method::Other,
        };
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let reader = arrivals.site.reader(peer.ip());
        let compression_min = arrivals.conversations.compression_min;
        match query.judge(method, is_upgrade) {
            Err(refused) => refuse(&refused).into(),
            Ok(Ask::Open) => self.open(arrivals, local, &query, peer).into(),
            Ok(Ask::Poll(sid)) => {
                // One that has a body, strange as that is, is over when it came: only then can the connection go on.
                if !request.body().is_end_stream()
                    && matches!(read(request.into_body(), 0, reader).await, Err(Unread::Broken | Unread::Late))
                {
                    return refuse(&Refused::BadRequest).into();
                }
                Reply::Wait(Parked::begin(local, sid, manner.clone()).await)
            }
            Ok(Ask::Post(sid)) => self.post(local, request, sid, reader).await.into(),
            Ok(Ask::OpenWebSocket | Ask::Upgrade(_)) if matches!(self.application, Application::Json(_)) => {
                refuse(&Refused::TransportUnknown).into()
            }
            Ok(Ask::OpenWebSocket) => switch(&request, compression_min, query, Target::New, peer),
            Ok(Ask::Upgrade(sid)) => match local.errand(sid, Wish::Probe).await {
                Outcome::Done => switch(&request, compression_min, query, Target::TakeOver(sid), peer),
                Outcome::Occupied => switch(&request, None, query, Target::Nothing, peer),
                outcome => answer(outcome).into(),
            },
        }
    }

    fn open(&self, arrivals: &Arrivals, local: &Rc<Local>, query: &Query, peer: SocketAddr) -> Answer {
        let permit = match arrivals.pollers.admit(peer.ip(), Instant::now()) {
            Ok(permit) => permit,
            Err(refusal) => {
                arrivals.site.metrics.limited(refusal.limit());
                let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, format!("{refusal}\n"));
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                return answer;
            }
        };
        match self.begin(query, local, Framing::Polling) {
            Ok((sid, carrier)) => payload(local.open_polling(sid, carrier, peer, permit)),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers\n"),
        }
    }

    async fn post<B>(&self, local: &Rc<Local>, request: Request<B>, sid: Sid, reader: Reader<'_>) -> Answer
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        match local.errand(sid, Wish::BeginPost).await {
            Outcome::Done => {}
            outcome => return answer(outcome),
        }
        let is_binary =
            request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream");
        let max = self.settings.max_payload;
        match read(request.into_body(), max, reader).await {
            Ok(_) if is_binary => answer(local.errand(sid, Wish::Post(None)).await),
            Ok(body) => answer(local.errand(sid, Wish::Post(Some(body))).await),
            Err(Unread::Broken) => answer(local.errand(sid, Wish::Post(None)).await),
            Err(unread @ Unread::TooLarge) => {
                local.errand(sid, Wish::TooLarge).await;
                let words = format!("the body is larger than socketio.max_payload ({max} bytes)\n");
                unread_answer(unread, words)
            }
            Err(unread @ (Unread::Late | Unread::NoRoom)) => {
                local.environment.metrics.limited(match unread {
                    Unread::Late => "body_timeout",
                    _ => "http_bytes_total",
                });
                // The client takes it for the end of the session, and begins another one.
                local.errand(sid, Wish::Post(None)).await;
                unread_answer(unread, unread.message())
            }
        }
    }
}

fn switch<B>(
    request: &Request<B>,
    compression_min: Option<u32>,
    query: Query,
    target: Target,
    peer: SocketAddr,
) -> Reply {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let Ok(asked) = handshake::Upgrade::from_headers(headers) else { return refuse(&Refused::BadRequest).into() };
    let Ok(accept) = HeaderValue::from_str(&asked.accept) else { return refuse(&Refused::BadRequest).into() };
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let compression = agree(&asked, compression_min, headers);
    Reply::Switch(Box::new((answer, Switch::Engine(Promise { query, target, peer, compression }))))
}

pub(super) fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Payload(bytes) => payload(bytes),
        Outcome::Done => typed(StatusCode::OK, "ok", "text/html"),
        Outcome::BadBody | Outcome::Occupied => refuse(&Refused::BadRequest),
        Outcome::Refused(refused) => refuse(&refused),
    }
}

fn payload(bytes: Vec<u8>) -> Answer {
    typed(StatusCode::OK, bytes, "text/plain; charset=UTF-8")
}

fn refuse(refused: &Refused) -> Answer {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    typed(status, refused.body(), "application/json")
}

fn typed(status: StatusCode, body: impl Into<Bytes>, kind: &'static str) -> Answer {
    let mut answer = Response::new(Content::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// What a page of another origin may do here.
fn allow(wanted: Option<HeaderValue>) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(CORS_SECONDS));
    if let Some(wanted) = wanted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    answer
}

pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn compress(mut answer: Answer) -> Answer {
    let bytes = answer.body().known();
    if bytes.len() < GZIP_BYTES_MIN || answer.status() != StatusCode::OK {
        return answer;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::fast());
    // Writing into a vector cannot fail.
    let _ = encoder.write_all(bytes);
    let Ok(packed) = encoder.finish() else { return answer };
    *answer.body_mut() = Content::from(packed);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_who_says_so() {
        for (value, expected) in
            [("gzip", true), ("deflate, gzip;q=0.5", true), ("br", false), ("gzip;q=0", false), ("", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        }
    }
}
