//! What load balancers ask: whether the server is there, and whether it takes work.

use super::site::{Answer, plain};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the server takes work; told to load balancers at `/readyz`.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on the server is ready, or is not.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Answers a health check. A balancer knows an address and no name, and asks in the way that its authors chose: with
/// `OPTIONS`, of the whole server (`*`) or of `/`, in HTTP/1.0, for its client or for itself. So nothing is held against
/// such a request: not its Host, not that it is not encrypted, not that it names no client. `None`: it is for a page.
pub(super) fn answer<B>(request: &Request<B>, is_ready: impl FnOnce() -> bool) -> Option<Answer> {
    let is_well = match request.uri().path() {
        "/healthz" => true,
        "/readyz" => is_ready(),
        // It tells no more than that there is a server.
        "/" | "*" if *request.method() == Method::OPTIONS => true,
        _ => return None,
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Some(with_methods(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS\n")));
    }
    let answer = match is_well {
        true => plain(StatusCode::OK, "ok\n"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    Some(if *request.method() == Method::OPTIONS { with_methods(answer) } else { answer })
}

/// With the methods that may be used there (RFC 9110, 10.2.1).
fn with_methods(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_check_is_answered() {
        for (method, target, is_ready, status) in [
            ("GET", "/healthz", false, Some(200)),
            ("HEAD", "/healthz", false, Some(200)),
            ("OPTIONS", "/healthz", false, Some(200)),
            ("POST", "/healthz", true, Some(405)),
            ("GET", "/readyz", true, Some(200)),
            ("HEAD", "/readyz", false, Some(503)),
            ("OPTIONS", "/readyz", true, Some(200)),
            ("OPTIONS", "/readyz", false, Some(503)),
            ("OPTIONS", "/", false, Some(200)),
            ("OPTIONS", "*", false, Some(200)),
            ("GET", "*", true, None),
            ("GET", "/", true, None),
            ("OPTIONS", "/about.json", true, None),
        ] {
            let request = Request::builder().method(method).uri(target).body(()).expect("a request");
            let answer = answer(&request, || is_ready);
            assert_eq!(answer.as_ref().map(|answer| answer.status().as_u16()), status, "{method} {target}");
            let tells = answer.is_some_and(|answer| answer.headers().contains_key(header::ALLOW));
            assert_eq!(tells, status.is_some() && (method == "OPTIONS" || status == Some(405)), "{method} {target}");
        }
    }
}
