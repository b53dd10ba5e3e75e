//! The operator's own files: a front-end's folder at `/`, and the scripts of the Socket.IO client.

use super::budget::Budget;
use super::client;
use super::content::{Content, Download, PIECE, open};
use super::file_threads::{Busy, FileThreads};
use super::site::{Answer, plain, unavailable};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;

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
    /// Where files are looked for and read. None: there are none.
    pub(crate) threads: Option<FileThreads>,
}

/// Whom a file is for, and what it may take of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) client: IpAddr,
    pub(super) budget: &'a Arc<Budget>,
    /// How long it waits for its place in memory.
    pub(super) patience: Duration,
}

impl Files {
    /// Answers a request for a file of the folder, or for a page of its front-end. `None`: there is no folder.
    pub(super) async fn respond(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        reader: Reader<'_>,
    ) -> Option<Answer> {
        self.folder.as_ref()?;
        let (files, method, path, headers) = (self.clone(), method.clone(), path.to_owned(), headers.clone());
        self.on_a_thread(reader, move || files.look(&method, &path, &headers)).await
    }

    /// Does what may block, when there is room for what it reads.
    async fn on_a_thread(
        &self,
        reader: Reader<'_>,
        work: impl FnOnce() -> Option<Answer> + Send + 'static,
    ) -> Option<Answer> {
        let threads = self.threads.as_ref()?;
        let until = Instant::now() + reader.patience;
        let Some(_share) = reader.budget.take(reader.client, PIECE, until).await else {
            return Some(unavailable("too much is under way (limits.http_bytes_total)\n"));
        };
        threads.run(work).await.unwrap_or_else(|Busy| Some(unavailable("the disk does not answer\n")))
    }

    fn look(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let folder = self.folder.as_ref()?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
        }
        let nothing = || plain(StatusCode::NOT_FOUND, "there is nothing here\n");
        let found = inside(folder, path).and_then(|file| {
            if file.is_dir() {
                if let Some(name) = path.rsplit('/').next().filter(|name| !name.is_empty()) {
                    // Relative, because a proxy may serve this folder below a path that nobody here knows.
                    return Some(moved(&format!("./{name}/")));
                }
                return self.serve(&inside(folder, &format!("{path}index.html"))?, method, headers);
            }
            self.serve(&file, method, headers)
        });
        let index = || self.serve(&inside(folder, "index.html")?, method, headers);
        let page = || self.is_page(path, headers).then(index).flatten();
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
    pub(super) async fn script(
        self: &Arc<Self>,
        method: &Method,
        name: &str,
        headers: &HeaderMap,
        reader: Reader<'_>,
    ) -> Option<Answer> {
        let name = client::name_of(name)?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
        }
        if !self.serves_client {
            return Some(plain(StatusCode::NOT_FOUND, "the client is not served here (socketio.serve_client)\n"));
        }
        if self.folder.is_none() && self.client.is_none() {
            return Some(client::respond(name, headers));
        }
        let (files, method, taken) = (self.clone(), method.clone(), headers.clone());
        let own = self.on_a_thread(reader, move || files.own_script(&method, name, &taken)).await;
        Some(own.unwrap_or_else(|| client::respond(name, headers)))
    }

    /// A script that the operator has in a folder.
    fn own_script(&self, method: &Method, name: &str, headers: &HeaderMap) -> Option<Answer> {
        self.client_folders().find_map(|folder| {
            // A link to the script is as good as the script: the folder is the operator's, and the name is ours.
            let script = folder.join(name).canonicalize().ok()?;
            self.serve(&script, method, headers)
        })
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

    /// Answers with a file, if that is what there is. It may block.
    fn serve(&self, path: &Path, method: &Method, headers: &HeaderMap) -> Option<Answer> {
        let (file, about) = open(path).ok()?;
        let age = about.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let tag = format!("\"{:x}-{:x}\"", about.len(), age.as_nanos());
        let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let is_known =
            known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
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
        let download = Download::new(path, file, &about, (from, to), self.threads.as_ref());
        let is_small = download.left() <= PIECE as u64 && *method != Method::HEAD;
        *answer.body_mut() = match is_small {
            true => Content::from(download.read(PIECE).ok()?),
            false => Content::File(Box::new(download)),
        };
        Some(answer)
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
mod tests;
