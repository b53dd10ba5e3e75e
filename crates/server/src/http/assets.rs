//! The page: its files as they are served, with all that lets a browser keep them and run nothing else.

use super::content::Content;
use super::site::{Answer, plain};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of the page.
pub(super) struct Asset {
    /// Its path in the page's folder.
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// Where the files are; what follows is the version, so that each version has addresses of its own.
pub(super) const PREFIX: &str = "/assets/";

/// The document that is served at `/`.
const DOCUMENT: &str = "index.html";

/// The page may load what comes from here, and talk to here. Nothing inline, nothing evaluated, no markup from strings
/// (Trusted Types), in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Files whose address names their content never change.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The document. It is asked for each time, and sent only if it is another one.
pub(super) fn document(headers: &HeaderMap) -> Answer {
    match FILES.iter().find(|file| file.name == DOCUMENT) {
        Some(file) => {
            let mut answer = file.answer(headers, "no-cache");
            let more = answer.headers_mut();
            more.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            more.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            answer
        }
        None => plain(StatusCode::NOT_FOUND, "this server was built without its page\n"),
    }
}

/// A file below [`PREFIX`].
pub(super) fn file(path: &str, headers: &HeaderMap) -> Answer {
    let found = path
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix(VERSION)?.strip_prefix('/'))
        .and_then(|name| FILES.iter().find(|file| file.name == name && name != DOCUMENT));
    match found {
        Some(file) => file.answer(headers, FOREVER),
        None => plain(StatusCode::NOT_FOUND, "there is no such file in this version of the page\n"),
    }
}

impl Asset {
    fn answer(&self, headers: &HeaderMap, keep: &'static str) -> Answer {
        let is_compressed = takes_gzip(headers) && self.gzip.len() < self.plain.len();
        let tag = format!("\"{VERSION}{}\"", if is_compressed { "-gzip" } else { "" });
        let is_known = names(headers, &header::IF_NONE_MATCH).any(|known| {
            // Of two tags that differ in their weakness only, the content is the same (RFC 9110, 8.8.3.2).
            known.strip_prefix("W/").unwrap_or(known) == tag || known == "*"
        });
        let body = match (is_known, is_compressed) {
            (true, _) => Content::default(),
            (false, true) => Content::Static(self.gzip),
            (false, false) => Content::Static(self.plain),
        };
        let mut answer = Response::new(body);
        let more = answer.headers_mut();
        more.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        more.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        more.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            more.insert(header::ETAG, tag);
        }
        if is_known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        more.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if is_compressed {
            more.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Whether the browser wants a document; `curl` is told in plain words how to connect.
pub(super) fn wants_document(headers: &HeaderMap) -> bool {
    names(headers, &header::ACCEPT).any(|kind| kind.split(';').next() == Some("text/html"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    names(headers, &header::ACCEPT_ENCODING).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The parts of a header that is a list.
fn names<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn the_document_names_files_that_there_are() {
        let page = FILES.iter().find(|file| file.name == DOCUMENT).expect("a document");
        let text = str::from_utf8(page.plain).expect("text");
        let links: Vec<&str> = text.split('"').filter(|part| part.starts_with(&PREFIX[1..])).collect();
        assert!(links.len() > 3, "{links:?}");
        for link in links {
            assert_eq!(file(&format!("/{link}"), &HeaderMap::new()).status(), StatusCode::OK, "{link}");
        }
    }

    #[test]
    fn no_file_names_an_address_from_the_root() {
        for page in FILES {
            let text = str::from_utf8(page.plain).expect("text");
            for quote in ['"', '\'', '`', '('] {
                for place in ["assets/", "ws", "poll/", "about.json", "wires", "qr.svg", "healthz", "socket.io"] {
                    let address = format!("{quote}/{place}");
                    assert!(!text.contains(&address), "{address} in {}", page.name);
                }
            }
            assert!(!text.contains("location.origin}/"), "{}", page.name);
        }
    }

    #[test]
    fn files_are_kept_for_ever_and_the_document_is_asked_for() {
        let style = format!("{PREFIX}{VERSION}/style.css");
        let cache = |answer: &Answer| answer.headers()[header::CACHE_CONTROL].clone();
        assert_eq!(cache(&file(&style, &HeaderMap::new())), FOREVER);
        assert_eq!(cache(&document(&HeaderMap::new())), "no-cache");
        for stranger in ["/assets/", "/assets/0/style.css", "/assets/../Cargo.toml", &style[..style.len() - 1]] {
            assert_eq!(file(stranger, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{stranger}");
        }
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let first = document(&headers(&[("accept-encoding", "deflate, gzip;q=0.8")]));
        assert_eq!(first.headers()[header::CONTENT_ENCODING], "gzip");
        let tag = first.headers()[header::ETAG].to_str().expect("a tag").to_owned();
        for (known, status) in [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)] {
            let again = document(&headers(&[("accept-encoding", "gzip"), ("if-none-match", &known)]));
            assert_eq!(again.status(), status, "{known}");
        }
        let uncompressed = document(&headers(&[("accept-encoding", "gzip;q=0"), ("if-none-match", &tag)]));
        assert_eq!(uncompressed.status(), 200);
        assert!(!uncompressed.headers().contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn the_page_is_small() {
        // The table of emoji is loaded by who asks for one.
        let files = FILES.iter().filter(|file| file.name != "view/emoji.js");
        let sent: usize = files.map(|file| file.gzip.len().min(file.plain.len())).sum();
        assert!(sent < 72 * 1024, "{sent} bytes");
    }
}
