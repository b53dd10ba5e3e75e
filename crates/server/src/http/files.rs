//! The operator's own files: a front-end's folder at `/`, and the scripts of the Socket.IO client.

use super::client;
use super::site::{Answer, plain};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Bytes of a file that are served at most; a front-end's are far smaller, and one answer is held in memory whole.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is the server's own below `/`, with all that would be below it: a mistake there is told, and is no page.
const OWN_FOLDERS: [&str; 5] = ["socket.io", "ws", "healthz", "readyz", "metrics"];
/// The same, of which only these very paths are.
const OWN_PATHS: [&str; 6] = ["/poll", "/poll/", "/about.json", "/qr.svg", "/wires.json", "/wires/dialects"];

/// Folders whose files are served.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// What is at `/`.
    pub folder: Option<PathBuf>,
    /// Where the client's scripts are.
    pub client: Option<PathBuf>,
    /// Whether those are served at all.
    pub serves_client: bool,
    /// Whether the folder's front-end makes its pages itself: its `index.html` is every page that is no file.
    pub spa: bool,
    /// Where Socket.IO is, or would be: no page is there.
    pub socketio_path: String,
}

impl Files {
    /// Answers a request for a file of the folder, or for a page of its front-end. `None`: there is no folder.
    pub(super) fn respond(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let folder = self.folder.as_ref()?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
        }
        let nothing = || plain(StatusCode::NOT_FOUND, "there is nothing here\n");
        let found = inside(folder, path).and_then(|mut file| {
            if file.is_dir() {
                if let Some(name) = path.rsplit('/').next().filter(|name| !name.is_empty()) {
                    // Relative, because a proxy may serve this folder below a path that nobody here knows.
                    return Some(moved(&format!("./{name}/")));
                }
                file.push("index.html");
            }
            serve(&file, headers)
        });
        let page = || self.is_page(path, headers).then(|| serve(&folder.join("index.html"), headers)).flatten();
        Some(found.or_else(page).unwrap_or_else(nothing))
    }

    /// Whether a path without a file is a page that the front-end makes.
    fn is_page(&self, path: &str, headers: &HeaderMap) -> bool {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let is_own = OWN_PATHS.contains(&path)
            || parts.clone().next().is_some_and(|first| OWN_FOLDERS.contains(&first))
            || path == self.socketio_path.trim_end_matches('/')
            || path.starts_with(&self.socketio_path);
        if !self.spa || is_own || parts.clone().any(|part| part.starts_with('.')) {
            return false;
        }
        let kinds: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .collect();
        let takes = |wanted: &str| {
            kinds.iter().any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted)))
        };
        // A browser that goes to a page asks for HTML. Whoever takes anything, as scripts and `curl` do, means a page if
        // the name is not that of a file.
        let has_ending = parts.next_back().is_some_and(|name| name.contains('.'));
        takes("text/html") || !has_ending && (kinds.is_empty() || takes("*/*"))
    }

    /// Answers a request for a script of the client: `name` follows the path of the endpoint. `None`: it is none.
    pub(crate) fn script(&self, method: &Method, name: &str, headers: &HeaderMap) -> Option<Answer> {
        let name = client::name_of(name)?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
        }
        if !self.serves_client {
            return Some(plain(StatusCode::NOT_FOUND, "the client is not served here (socketio.serve_client)\n"));
        }
        let found = self.client_folders().find_map(|folder| serve(&folder.join(name), headers));
        Some(found.unwrap_or_else(|| client::respond(name, headers)))
    }

    /// Where the operator may have scripts of another release, the best place first. Else they are in the program.
    fn client_folders(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.folder.as_deref().and_then(|folder| folder.canonicalize().ok());
        let above: Vec<PathBuf> = folder
            .iter()
            .flat_map(|folder| folder.ancestors())
            .map(|folder| folder.join("node_modules/socket.io-client/dist"))
            .collect();
        self.client.clone().into_iter().chain(above)
    }
}

/// The file that a path names in a folder, if it names one that is really inside: no `..`, no hidden file, and no link
/// that leads out.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decoded(path)?;
    let mut file = folder.canonicalize().ok()?;
    let root = file.clone();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '\0']) {
            return None;
        }
        file.push(part);
    }
    let file = file.canonicalize().ok()?;
    file.starts_with(root).then_some(file)
}

fn serve(path: &Path, headers: &HeaderMap) -> Option<Answer> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok().filter(|about| about.is_file() && about.len() <= FILE_BYTES_MAX)?;
    let age = about.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", about.len(), age.as_nanos());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = Answer::default();
    let answer_headers = answer.headers_mut();
    answer_headers.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    answer_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer_headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer_headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(answer);
    }
    answer_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (from, to) = match range.and_then(|range| parse_range(range, about.len())) {
        None => (0, about.len()),
        Some(None) => {
            answer_headers
                .insert(header::CONTENT_RANGE, HeaderValue::from_str(&format!("bytes */{}", about.len())).ok()?);
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return Some(answer);
        }
        Some(Some((from, to))) => {
            let value = format!("bytes {from}-{}/{}", to - 1, about.len());
            answer_headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&value).ok()?);
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            (from, to)
        }
    };
    let mut bytes = Vec::with_capacity((to - from) as usize);
    file.seek(SeekFrom::Start(from)).ok()?;
    file.take(to - from).read_to_end(&mut bytes).ok()?;
    *answer.body_mut() = bytes.into();
    Some(answer)
}

/// One range of bytes (RFC 9110, 14.1.2), as a half-open one. `None`: it is to be ignored; `Some(None)`: it is outside.
fn parse_range(range: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from, to) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.checked_add(1)?.min(length)),
    };
    if to < from && from < length {
        return None;
    }
    Some((from < to).then_some((from, to)))
}

fn moved(location: &str) -> Answer {
    let mut answer = plain(StatusCode::FOUND, format!("{location}\n"));
    match HeaderValue::from_str(location) {
        Ok(location) => drop(answer.headers_mut().insert(header::LOCATION, location)),
        Err(_) => *answer.status_mut() = StatusCode::NOT_FOUND,
    }
    answer
}

/// The type of a file, by its name.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?];
                (digits[0] * 16 + digits[1]) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        std::fs::create_dir_all(site.join("sub")).unwrap();
        std::fs::write(site.join("index.html"), "<p>hello").unwrap();
        std::fs::write(site.join("sub/a b.js"), "0123456789").unwrap();
        std::fs::write(site.join(".secret"), "secret").unwrap();
        std::fs::write(folder.path().join("outside.txt"), "outside").unwrap();
        std::os::unix::fs::symlink(folder.path().join("outside.txt"), site.join("link.txt")).unwrap();
        let files = Files { folder: Some(site), serves_client: true, socketio_path: "/io/".into(), ..Files::default() };
        (folder, files)
    }

    fn get(files: &Files, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        files.respond(&Method::GET, path, &headers).expect("there is a folder")
    }

    #[test]
    fn files_are_served_and_nothing_beside_them() {
        let (_folder, files) = folder();
        for (path, status, kind) in [
            ("/", 200, "text/html; charset=utf-8"),
            ("/index.html", 200, "text/html; charset=utf-8"),
            ("/sub/a%20b.js", 200, "text/javascript; charset=utf-8"),
            ("/sub", 302, "text/plain; charset=utf-8"),
            ("/sub/", 404, "text/plain; charset=utf-8"),
            ("/none", 404, "text/plain; charset=utf-8"),
            ("/.secret", 404, "text/plain; charset=utf-8"),
            ("/link.txt", 404, "text/plain; charset=utf-8"),
            ("/../outside.txt", 404, "text/plain; charset=utf-8"),
            ("/%2e%2e/outside.txt", 404, "text/plain; charset=utf-8"),
            ("/sub/..%2f..%2foutside.txt", 404, "text/plain; charset=utf-8"),
            ("/%ff", 404, "text/plain; charset=utf-8"),
        ] {
            let answer = get(&files, path, &[]);
            assert_eq!(answer.status().as_u16(), status, "{path}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], kind, "{path}");
        }
    }

    #[test]
    fn a_folder_is_told_by_a_relative_address() {
        let (folder, files) = folder();
        std::fs::create_dir_all(folder.path().join("site/sub/a:b")).unwrap();
        for (path, location) in
            [("/sub", "./sub/"), ("//sub", "./sub/"), ("/sub/a:b", "./a:b/"), ("/sub/a%3Ab", "./a%3Ab/")]
        {
            assert_eq!(get(&files, path, &[]).headers()[header::LOCATION], location, "{path}");
        }
    }

    #[test]
    fn a_front_end_that_makes_its_pages_gets_its_index_for_them() {
        let (_folder, mut files) = folder();
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let cases = [
            ("/users/ada", browser, 200),
            ("/users/ada/", browser, 200),
            ("/users/jane.doe", browser, 200),
            ("/users/ada", "*/*", 200),
            ("/users/ada", "", 200),
            ("/users/ada", "application/json", 404),
            ("/poll/17", browser, 200),
            ("/wsx", browser, 200),
            ("/sub/", browser, 200),
            ("/app.js", "*/*", 404),
            ("/app.js", "", 404),
            ("/picture.png", "image/avif,image/webp,image/*,*/*;q=0.8", 404),
            ("/.secret", browser, 404),
            ("/.git/config", browser, 404),
            ("/users/.secret", browser, 404),
            ("/../outside", browser, 404),
            ("/link.txt", "*/*", 404),
            ("/socket.io/", browser, 404),
            ("/socket.io", browser, 404),
            ("/socket.io/x", browser, 404),
            ("/io/", browser, 404),
            ("/io", browser, 404),
            ("/io/x", browser, 404),
            ("/ws/x", browser, 404),
            ("/healthz/", browser, 404),
            ("/readyz/x", browser, 404),
            ("/metrics/", browser, 404),
            ("/poll/", browser, 404),
            ("/wires/dialects", browser, 404),
        ];
        for (path, accept, status) in cases {
            let headers = [(header::ACCEPT, accept)];
            let headers = if accept.is_empty() { &[][..] } else { &headers };
            files.spa = false;
            assert_ne!(get(&files, path, headers).status(), StatusCode::OK, "{path} without --spa");
            files.spa = true;
            let answer = get(&files, path, headers);
            assert_eq!(answer.status().as_u16(), status, "{path} {accept}");
            if status == 200 {
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
                assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
                assert_eq!(answer.body(), "<p>hello", "{path}");
            }
        }
        assert_eq!(get(&files, "/sub", &[]).status(), StatusCode::FOUND, "a folder is a folder");
        assert_eq!(get(&files, "/sub/a%20b.js", &[]).body(), "0123456789");
        let head = files.respond(&Method::HEAD, "/users/ada", &HeaderMap::new()).unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        let post = files.respond(&Method::POST, "/users/ada", &HeaderMap::new()).unwrap();
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let (_folder, files) = folder();
        let tag = get(&files, "/", &[]).headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(get(&files, "/", &[(header::IF_NONE_MATCH, &tag)]).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get(&files, "/", &[(header::IF_NONE_MATCH, "\"x\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn ranges_are_cut_out() {
        for (range, expected) in [
            ("bytes=0-3", Some(Some((0, 4)))),
            ("bytes=4-", Some(Some((4, 10)))),
            ("bytes=-3", Some(Some((7, 10)))),
            ("bytes=8-99", Some(Some((8, 10)))),
            ("bytes=10-", Some(None)),
            ("bytes=3-1", None),
            ("bytes=a-b", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(parse_range(range, 10), expected, "{range}");
        }
        let (_folder, files) = folder();
        let answer = get(&files, "/sub/a%20b.js", &[(header::RANGE, "bytes=2-4")]);
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    }

    #[test]
    fn the_clients_scripts_are_the_operators_or_those_of_the_program() {
        let (folder, mut files) = folder();
        let script = |files: &Files, name| files.script(&Method::GET, name, &HeaderMap::new());
        assert!(script(&files, "other.js").is_none());
        let answer = script(&files, "socket.io.min.js").unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.body().len() > 10_000, "the program's own");
        let dist = folder.path().join("node_modules/socket.io-client/dist");
        std::fs::create_dir_all(&dist).unwrap();
        std::fs::write(dist.join("socket.io.min.js"), "io").unwrap();
        assert_eq!(script(&files, "socket.io.min.js").unwrap().body(), "io", "found above the folder");
        assert!(script(&files, "socket.io.js").unwrap().body().len() > 10_000, "what is not there is the program's");
        files.serves_client = false;
        assert_eq!(script(&files, "socket.io.min.js").unwrap().status(), StatusCode::NOT_FOUND);
    }
}
