//! The scripts of the official Socket.IO client, which are part of the program: they are there without the internet.

use super::content::Content;
use super::site::{Answer, plain};
use super::socketio::takes_gzip;
use flate2::read::GzDecoder;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use std::io::Read;

/// The release of `socket.io-client` that they are of; the tests use the same.
const VERSION: &str = "4.8.4";

const SCRIPT: &str = "application/javascript; charset=utf-8";
const MAP: &str = "application/json; charset=utf-8";

/// A script, compressed as it is kept.
struct Script {
    name: &'static str,
    kind: &'static str,
    gzip: &'static [u8],
}

macro_rules! scripts {
    ($($kind:ident $name:literal),+ $(,)?) => {
        &[$(Script {
            name: $name,
            kind: $kind,
            gzip: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/client/", $name, ".gz")),
        }),+]
    };
}

/// What official servers serve beside their endpoint: each script with its map.
static SCRIPTS: &[Script] = scripts![
    SCRIPT "socket.io.js",
    MAP "socket.io.js.map",
    SCRIPT "socket.io.min.js",
    MAP "socket.io.min.js.map",
    SCRIPT "socket.io.esm.min.js",
    MAP "socket.io.esm.min.js.map",
    SCRIPT "socket.io.msgpack.min.js",
    MAP "socket.io.msgpack.min.js.map",
];

/// The script of this name, if it is one, as it is called in a folder of scripts too.
pub(super) fn name_of(name: &str) -> Option<&'static str> {
    SCRIPTS.iter().find(|script| script.name == name).map(|script| script.name)
}

/// Answers a request for a script.
pub(super) fn respond(name: &str, headers: &HeaderMap) -> Answer {
    let Some(script) = SCRIPTS.iter().find(|script| script.name == name) else {
        return plain(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    let tag = format!("\"{VERSION}\"");
    let mut answer = Answer::default();
    let more = answer.headers_mut();
    // As official servers say it: browsers ask each time, and are told that they have it.
    more.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
    more.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    more.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Anybody may have the script: a module is loaded by pages of other origins only with this.
    more.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        more.insert(header::ETAG, tag);
    }
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|list| list.split(',')).map(str::trim);
    if known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    more.insert(header::CONTENT_TYPE, HeaderValue::from_static(script.kind));
    if takes_gzip(headers) {
        more.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *answer.body_mut() = Content::Static(script.gzip);
        return answer;
    }
    let mut bytes = Vec::with_capacity(script.gzip.len() * 5);
    match GzDecoder::new(script.gzip).read_to_end(&mut bytes) {
        Ok(_) => {
            *answer.body_mut() = Content::from(bytes);
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the script in this program is broken\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(name: &str, lines: &[(header::HeaderName, &str)]) -> Answer {
        let headers = lines.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect();
        respond(name, &headers)
    }

    #[test]
    fn each_script_is_whole_and_of_the_version_that_its_tag_says() {
        for script in SCRIPTS {
            let answer = get(script.name, &[]);
            assert_eq!(answer.status(), StatusCode::OK, "{}", script.name);
            assert_eq!(answer.headers()[header::ETAG], "\"4.8.4\"");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=0");
            assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
            let text = str::from_utf8(answer.body().known()).expect("text");
            if script.kind == MAP {
                assert!(text.starts_with("{\"version\":3"), "{}", script.name);
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
            } else {
                assert!(text.contains(&format!("Socket.IO v{VERSION}")), "{}", script.name);
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/javascript; charset=utf-8");
                let map = format!("sourceMappingURL={}.map", script.name);
                assert!(text.contains(&map), "{}", script.name);
            }
        }
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        for known in ["\"4.8.4\"", "W/\"4.8.4\"", "\"x\", \"4.8.4\"", "*"] {
            let answer = get("socket.io.js", &[(header::IF_NONE_MATCH, known)]);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert!(answer.body().known().is_empty() && answer.headers().contains_key(header::ETAG));
        }
        assert_eq!(get("socket.io.js", &[(header::IF_NONE_MATCH, "\"4.8.3\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn who_takes_it_compressed_is_sent_it_as_it_is_kept() {
        let answer = get("socket.io.min.js", &[(header::ACCEPT_ENCODING, "gzip, deflate, br")]);
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(answer.body().known().starts_with(&[0x1f, 0x8b]));
    }

    #[test]
    fn all_of_them_together_are_small() {
        let bytes: usize = SCRIPTS.iter().map(|script| script.gzip.len()).sum();
        assert!(bytes < 400 * 1024, "{bytes}");
    }
}
