//! What HTTP requests are answered: the page and what it asks for, health, metrics, the WebSocket, and how to connect.

use super::files::{Files, percent_decoded};
use super::origin::Policy;
use super::socketio::Endpoint;
use super::{Reply, Switch, Upgrade};
use super::{assets, wires};
use crate::lan::{qr_svg, reachable};
use crate::listener::{Arrivals, Route};
use crate::metrics::Metrics;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use ipnet::IpNet;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::{Deflate, handshake};

pub(super) type Answer = Response<Bytes>;

/// Bytes of a picture's text: a URL with room for a join code.
const QR_BYTES_MAX: usize = 300;

/// Whether the server takes work; told to load balancers at `/readyz`.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on the server is ready, or is not.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The server's pages.
pub struct Site {
    pub policy: Policy,
    pub metrics: Arc<Metrics>,
    pub ready: Readiness,
    pub header_timeout: Duration,
    /// Bytes of a request's head. More: 431.
    pub header_bytes: usize,
    /// The operator's own files.
    pub files: Files,
    /// Whence the live connections may be looked at.
    pub wires: Vec<IpNet>,
    /// Where this server's page is, to tell people who want to plug something in.
    pub listeners: Vec<SocketAddr>,
    /// The port of the listener that is for text alone, if there is one.
    pub text_port: Option<u16>,
    /// Everybody has to give the join code first.
    pub has_join_code: bool,
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
        let path = request.uri().path();
        // Health checks come from balancers that know an address and no name.
        match path {
            "/healthz" => return self.health(&request, true).into(),
            "/readyz" => return self.health(&request, self.ready.get() && self.metrics.writable.get() == 1).into(),
            _ => {}
        }
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
            return plain(status, misled.message()).into();
        }
        let peer = match client_of(arrivals, request.headers(), route) {
            Ok(peer) => peer,
            Err(message) => return plain(StatusCode::BAD_REQUEST, message).into(),
        };
        let answer = match path {
            "/ws" => return web_socket(&request, arrivals.conversations.compression_min, peer),
            "/metrics" => get(&request, || {
                let mut answer = plain(StatusCode::OK, self.metrics.encode());
                let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }),
            "/" if self.files.folder.is_some() => self.own_file(&request),
            "/" => get(&request, || match assets::wants_document(request.headers()) {
                true => assets::document(request.headers()),
                false => plain(StatusCode::OK, welcome(host.as_deref(), route.local)),
            }),
            path if path.starts_with(assets::PREFIX) && self.files.folder.is_none() => {
                get(&request, || assets::file(path, request.headers()))
            }
            "/about.json" => get(&request, || self.about(arrivals, self.may_look(&request, route, peer))),
            "/qr.svg" => get(&request, || picture(request.uri().query().unwrap_or_default())),
            "/wires.json" | "/wires/dialects" if !self.may_look(&request, route, peer) => {
                plain(StatusCode::FORBIDDEN, "http.wires does not allow it from there\n")
            }
            "/wires.json" if *request.method() == Method::GET => wires::list(&arrivals.shards).await,
            "/wires/dialects" if *request.method() == Method::POST => {
                let (_, body) = request.into_parts();
                match Limited::new(body, wires::BODY_BYTES_MAX).collect().await {
                    Ok(body) => {
                        let chat = arrivals.socketio.as_ref().and_then(Endpoint::chat);
                        wires::dialects(&body.to_bytes(), chat)
                    }
                    Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "that is longer than any message\n"),
                }
            }
            _ => self.own_file(&request),
        };
        answer.into()
    }

    /// A file of the operator's, if there are any.
    fn own_file<B>(&self, request: &Request<B>) -> Answer {
        let own = self.files.respond(request.method(), request.uri().path(), request.headers());
        own.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, "there is nothing here\n"))
    }

    fn may_look<B>(&self, request: &Request<B>, route: Route, client: SocketAddr) -> bool {
        wires::may_look(&self.wires, route, client, request.headers())
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

    fn health<B>(&self, request: &Request<B>, well: bool) -> Answer {
        get(request, || match well {
            true => plain(StatusCode::OK, "ok\n"),
            false => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        })
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
    let mut answer = Response::new(text.into());
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

/// The client: for a trusted proxy's request the one that its forwarded header names, which must be there.
pub(super) fn client_of(arrivals: &Arrivals, headers: &HeaderMap, route: Route) -> Result<SocketAddr, &'static str> {
    if !route.proxied {
        return Ok(route.peer);
    }
    let list = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = list.flat_map(|value| value.split(',')).map(str::trim).collect();
    if hops.is_empty() {
        let list = headers.get_all(header::FORWARDED).iter().filter_map(|value| value.to_str().ok());
        hops = list.flat_map(|value| value.split(',')).filter_map(forwarded_for).collect();
    }
    // From the right: the last hop that is not a proxy of ours is whom the first of ours saw.
    for hop in hops.into_iter().rev() {
        let Some(ip) = address_of(hop) else { break };
        if !arrivals.is_proxy(ip) {
            return Ok(SocketAddr::new(ip.to_canonical(), 0));
        }
    }
    Err("a trusted proxy has to say for whom it asks: X-Forwarded-For or Forwarded (RFC 7239)\n")
}

fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

fn address_of(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
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
