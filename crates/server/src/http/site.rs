//! What HTTP requests are answered: the page and what it asks for, health, metrics, the WebSocket, and how to connect.

use super::budget::{Budget, Share};
use super::content::Content;
use super::files::{Files, Reader, percent_decoded};
use super::forwarded::{Unsaid, Whom, whom};
use super::health::{self, Readiness};
use super::origin::{Misled, Policy};
use super::penalty::Penalties;
use super::posted::{Unread, read};
use super::refusals::Refusals;
use super::socketio::Endpoint;
use super::{Reply, Switch, Upgrade};
use super::{assets, wires};
use crate::lan::{qr_svg, reachable};
use crate::listener::{Arrivals, Route};
use crate::metrics::Metrics;
use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use ipnet::IpNet;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::{Deflate, handshake};

pub(super) type Answer = Response<Content>;

/// Bytes of a picture's text: a URL with room for a join code.
const QR_BYTES_MAX: usize = 300;

/// The server's pages.
pub struct Site {
    pub policy: Policy,
    pub metrics: Arc<Metrics>,
    pub ready: Readiness,
    pub header_timeout: Duration,
    /// Bytes of a request's head. More: 431.
    pub header_bytes: usize,
    /// How long the body of a request may take, and how long a client may take nothing of an answer.
    pub body_timeout: Duration,
    /// Memory for requests and answers that are under way.
    pub budget: Arc<Budget>,
    /// What refusals cost those who are refused often.
    pub penalties: Penalties,
    /// Refusals after which a connection ends.
    pub http_refusals: Option<u32>,
    /// The operator's own files.
    pub files: Arc<Files>,
    /// Whence the live connections may be looked at.
    pub wires: Vec<IpNet>,
    /// Where this server's page is, to tell people who want to plug something in.
    pub listeners: Vec<SocketAddr>,
    /// The port of the listener that is for text alone, if there is one.
    pub text_port: Option<u16>,
    /// Everybody has to give the join code first.
    pub has_join_code: bool,
    /// The log of refusals.
    pub refusals: Refusals,
}

impl Site {
    /// Answers a request.
    pub(super) async fn respond<B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>>(
        &self,
        arrivals: &Arrivals,
        request: Request<B>,
        route: Route,
        needs_tls: bool,
    ) -> Reply {
        if let Some(answer) = health::answer(&request, || self.ready.get() && self.metrics.writable.get() == 1) {
            return answer.into();
        }
        let path = request.uri().path();
        let host = match host_of(&request) {
            Ok(host) => host,
            Err(message) => return plain(StatusCode::BAD_REQUEST, message).into(),
        };
        if needs_tls {
            return to_tls(request.uri(), host.as_deref()).into();
        }
        let origin = request.headers().get(header::ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
        if let Err(misled) = self.policy.check(host.as_deref(), origin.as_deref(), route.local) {
            let status = StatusCode::from_u16(misled.status()).unwrap_or(StatusCode::FORBIDDEN);
            return plain(status, self.refuse(&misled, route)).into();
        }
        let Client { address: peer, is_hidden } = match client_of(arrivals, request.headers(), route) {
            Ok(client) => client,
            // A balancer that looks whether there is a page, and a monitor, ask for themselves and have nobody to name.
            Err(Unsaid::Missing) if path == "/" && !assets::wants_document(request.headers()) => Client::of(route),
            Err(Unsaid::Missing) if path == "/metrics" => Client::of(route),
            Err(unsaid) => {
                self.log_refusal(route, unsaid.message().trim_end());
                return plain(StatusCode::BAD_REQUEST, unsaid.message()).into();
            }
        };
        let may_look = !is_hidden && wires::may_look(&self.wires, route, peer, request.headers());
        let answer = match path {
            "/ws" | "/ws/" => return web_socket(&request, arrivals.conversations.compression_min, peer),
            "/metrics" => get(&request, || {
                let mut answer = plain(StatusCode::OK, self.metrics.encode());
                let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }),
            "/" if self.files.folder.is_some() => self.own_file(&request, peer.ip()).await,
            "/" => get(&request, || match assets::wants_document(request.headers()) {
                true => assets::document(request.headers()),
                false => plain(StatusCode::OK, welcome(host.as_deref(), route.local)),
            }),
            path if path.starts_with(assets::PREFIX) && self.files.folder.is_none() => {
                get(&request, || assets::file(path, request.headers()))
            }
            "/about.json" => get(&request, || self.about(arrivals, may_look)),
            "/qr.svg" => get(&request, || picture(request.uri().query().unwrap_or_default())),
            "/wires.json" | "/wires/dialects" if !may_look => {
                plain(StatusCode::FORBIDDEN, "http.wires does not allow it from there\n")
            }
            "/wires.json" if *request.method() == Method::GET => wires::list(&arrivals.shards).await,
            "/wires/dialects" if *request.method() == Method::POST => {
                let (_, body) = request.into_parts();
                match read(body, wires::BODY_BYTES_MAX, self.reader(peer.ip())).await {
                    Ok(body) => {
                        let chat = arrivals.socketio.as_ref().and_then(Endpoint::chat);
                        wires::dialects(&body.bytes, chat)
                    }
                    Err(unread) => unread_answer(unread, unread.message()),
                }
            }
            _ => self.own_file(&request, peer.ip()).await,
        };
        answer.into()
    }

    /// What a client may take of the server for what it reads.
    pub(super) const fn reader(&self, client: IpAddr) -> Reader<'_> {
        Reader { client, budget: &self.budget, patience: self.body_timeout }
    }

    /// Holds so many bytes for an address in `share`, which is made if need be. `false`: there is no room for them.
    pub(super) fn hold(&self, share: &mut Option<Share>, client: IpAddr, bytes: usize) -> bool {
        match share {
            Some(share) => share.resize(bytes),
            none => {
                *none = self.budget.try_take(client, bytes);
                none.is_some()
            }
        }
    }

    /// A file of the operator's, if there are any.
    async fn own_file<B>(&self, request: &Request<B>, client: IpAddr) -> Answer {
        let (method, path) = (request.method(), request.uri().path());
        let own = self.files.respond(method, path, request.headers(), self.reader(client)).await;
        own.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, "there is nothing here\n"))
    }

    /// Logs that a browser is refused, and what would allow it; gives the words for the browser.
    pub(super) fn refuse(&self, misled: &Misled, route: Route) -> String {
        self.log_refusal(route, &self.policy.advice(misled));
        misled.message()
    }

    /// Logs, within bounds, a refusal that the operator may want to do something about.
    pub(crate) fn log_refusal(&self, route: Route, words: &str) {
        if let Some(skipped) = self.refusals.note(words, Instant::now()) {
            tracing::warn!(address = %route.peer, skipped, "refused: {words}");
        }
    }

    /// What the page tells people who want to plug something in.
    fn about(&self, arrivals: &Arrivals, may_look: bool) -> Answer {
        let scheme = if arrivals.tls.is_some() { "https" } else { "http" };
        // Without its interfaces there is nothing to tell of an address that stands for all of them; the page says how to
        // get one.
        let urls = reachable(&self.listeners).unwrap_or_default();
        let urls: Vec<String> = urls.into_iter().map(|address| format!("{scheme}://{address}/")).collect();
        wires::answer(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "urls": urls,
            "text_port": self.text_port,
            "join_code": self.has_join_code,
            "wires": may_look,
        }))
    }
}

/// A picture of a URL for a phone's camera: `?text=` and the URL, percent-encoded.
fn picture(query: &str) -> Answer {
    let text = query.strip_prefix("text=").and_then(percent_decoded).filter(|text| text.len() <= QR_BYTES_MAX);
    let Some(picture) = text.and_then(|text| qr_svg(&text)) else {
        return plain(StatusCode::BAD_REQUEST, "text= and a URL of at most 300 bytes\n");
    };
    let mut answer = plain(StatusCode::OK, picture);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    answer
}

fn get<B>(request: &Request<B>, answer: impl FnOnce() -> Answer) -> Answer {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer();
    }
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Content::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status.is_client_error() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What somebody is told for whom there is no room just now (RFC 9110, 15.6.4).
pub(super) fn unavailable(text: &'static str) -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What somebody is told whose body was not read.
pub(super) fn unread_answer(unread: Unread, words: impl Into<Bytes>) -> Answer {
    match unread {
        Unread::TooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, words),
        Unread::Broken => plain(StatusCode::BAD_REQUEST, words),
        Unread::Late => plain(StatusCode::REQUEST_TIMEOUT, words),
        Unread::NoRoom => unavailable(unread.message()),
    }
}

/// The request's host; an absolute URL names it before the header does (RFC 9112, 3.2.2). HTTP/1.0 may have none.
pub(super) fn host_of<B>(request: &Request<B>) -> Result<Option<String>, &'static str> {
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.to_str().map(|host| Some(host.to_owned())).map_err(|_| "the Host header is not ASCII\n")
        }
        (None, _) if request.version() < Version::HTTP_11 => Ok(None),
        (None, _) => Err("a request needs a Host header (RFC 9112, 3.2)\n"),
        (Some(_), Some(_)) => Err("a request has one Host header (RFC 9112, 3.2)\n"),
    }
}

/// For whom a request is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// The proxy does not say who it is: the address is that of the last hop that is known.
    pub(super) is_hidden: bool,
}

impl Client {
    /// Whoever is at the other end of the connection.
    const fn of(route: Route) -> Self {
        Self { address: route.peer, is_hidden: route.proxied }
    }
}

/// The client: for a trusted proxy's request the one that its forwarded header names, which must be there.
///
/// # Errors
/// It is not, or cannot be read.
pub(super) fn client_of(arrivals: &Arrivals, headers: &HeaderMap, route: Route) -> Result<Client, Unsaid> {
    if !route.proxied {
        return Ok(Client::of(route));
    }
    Ok(match whom(headers, |ip| arrivals.is_proxy(ip))? {
        Whom::Client(address) => Client { address, is_hidden: false },
        Whom::Hidden(hop) => Client { address: hop.unwrap_or(route.peer), is_hidden: true },
    })
}

/// The client's address, as far as it is known.
pub(super) fn client_ip(arrivals: &Arrivals, headers: &HeaderMap, route: Route) -> IpAddr {
    client_of(arrivals, headers, route).map_or(route.peer, |client| client.address).ip()
}

fn to_tls(uri: &Uri, host: Option<&str>) -> Answer {
    let Some(host) = host else { return plain(StatusCode::UPGRADE_REQUIRED, "this server wants TLS here\n") };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let Ok(location) = HeaderValue::from_str(&format!("https://{host}{target}")) else {
        return plain(StatusCode::BAD_REQUEST, "the Host header is broken\n");
    };
    let mut answer = plain(StatusCode::PERMANENT_REDIRECT, "this server wants TLS here\n");
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

/// The WebSocket handshake (RFC 6455, 4.2).
fn web_socket<B>(request: &Request<B>, compression_min: Option<u32>, peer: SocketAddr) -> Reply {
    if *request.method() != Method::GET {
        return get(request, || plain(StatusCode::OK, "")).into();
    }
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let asked = match handshake::Upgrade::from_headers(headers) {
        Ok(asked) => asked,
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut answer = plain(status, format!("{refusal}\n"));
            answer.headers_mut().insert("sec-websocket-version", HeaderValue::from_static(handshake::VERSION));
            if status == StatusCode::UPGRADE_REQUIRED {
                answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            return answer.into();
        }
    };
    let mut language = None;
    for pair in request.uri().query().unwrap_or_default().split('&') {
        if let Some(word) = pair.strip_prefix("protocol=") {
            language = Choice::parse(word);
            if language.is_none() {
                return plain(StatusCode::BAD_REQUEST, "protocol is text or json\n").into();
            }
        }
    }
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    if let Some(word) = asked.choose(&["json", "text"]) {
        language = Choice::parse(word);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(word));
    }
    let Ok(accept) = HeaderValue::from_str(&asked.accept) else {
        return plain(StatusCode::BAD_REQUEST, "the Sec-WebSocket-Key is broken\n").into();
    };
    let compression = agree(&asked, compression_min, headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Reply::Switch(Box::new((answer, Switch::WebSocket(Upgrade { compression, language, peer }))))
}

/// Agrees on compression with a client that offers it, if the operator wants it, and says so in the response.
pub(super) fn agree(
    asked: &handshake::Upgrade<'_>,
    compression_min: Option<u32>,
    response: &mut HeaderMap,
) -> Option<Deflate> {
    let agreement = asked.compression(compression_min?)?;
    response.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(agreement.response));
    Some(agreement.deflate)
}

/// How to connect, with this very host and port.
fn welcome(host: Option<&str>, local: SocketAddr) -> String {
    let authority = host.map_or_else(|| local.to_string(), str::to_owned);
    let (name, port) = authority.rsplit_once(':').unwrap_or((&authority, "80"));
    format!(
        "Switchboard: every socket, one room.\n\n\
         nc {name} {port}\n\
         nc -u {name} {port}\n\
         websocat ws://{authority}/ws\n\
         switchboard chat {authority}\n"
    )
}
