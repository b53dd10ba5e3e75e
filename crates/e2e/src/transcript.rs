//! What somebody heard: a stream that is read to its end by a thread of its own, and waited on by the test.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use crate::PATIENCE;

/// Everything that arrived on one stream so far, and a place in it up to which the test has read.
#[derive(Debug)]
pub struct Transcript {
    name: String,
    heard: Arc<Heard>,
    read: usize,
}

#[derive(Debug, Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// How the stream ended: "closed", or the error.
    end: Option<String>,
}

impl Transcript {
    /// Reads `stream` to its end from now on. `name` says in failures whose stream it is.
    ///
    /// # Panics
    /// The system refuses a thread.
    #[must_use]
    pub fn record(name: impl Into<String>, mut stream: impl Read + Send + 'static) -> Self {
        let name = name.into();
        let heard = Arc::new(Heard::default());
        let writer = Arc::clone(&heard);
        let record = move || {
            let mut buffer = vec![0; 16 * 1024];
            let end = loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break "closed".to_owned(),
                    Ok(count) => {
                        writer.lock().bytes.extend_from_slice(&buffer[..count]);
                        writer.changed.notify_all();
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => break error.to_string(),
                }
            };
            writer.lock().end = Some(end);
            writer.changed.notify_all();
        };
        thread::Builder::new().name(format!("hear {name}")).spawn(record).expect("a thread");
        Self { name, heard, read: 0 }
    }

    /// Everything so far, from the beginning.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().bytes).into_owned()
    }

    /// The bytes so far, from the beginning.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.heard.lock().bytes.clone()
    }

    /// The whole lines so far, from the beginning, without their ends.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let text = self.text();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// How the stream ended: "closed", or the error. None: it goes on.
    #[must_use]
    pub fn end(&self) -> Option<String> {
        self.heard.lock().end.clone()
    }

    /// Waits for `needle` after what was read before, and reads up to its end. Returns what was passed over with it.
    ///
    /// # Panics
    /// It does not come.
    pub fn expect(&mut self, needle: &str) -> String {
        self.take(&format!("{needle:?}"), |unread, _| {
            let at = find(unread, needle.as_bytes())?;
            Some(at + needle.len())
        })
    }

    /// Waits for `needle` as [`Self::expect`] does, or for the end of the stream. Returns what was passed over if
    /// `needle` came.
    ///
    /// # Panics
    /// Neither comes.
    pub fn expect_or_end(&mut self, needle: &str) -> Option<String> {
        let taken = self.take(&format!("{needle:?}, nor an end"), |unread, ended| {
            find(unread, needle.as_bytes()).map(|at| at + needle.len()).or_else(|| ended.then_some(unread.len()))
        });
        taken.ends_with(needle).then_some(taken)
    }

    /// Waits for the next whole line. Returns it without its end.
    ///
    /// # Panics
    /// None comes.
    pub fn line(&mut self) -> String {
        let line = self.take("a line", |unread, _| Some(find(unread, b"\n")? + 1));
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// Waits for a line that `is_wanted` says yes to, passing over others. Returns it without its end.
    ///
    /// # Panics
    /// None comes.
    pub fn line_where(&mut self, what: &str, mut is_wanted: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.take_until(what, deadline, |unread, _| Some(find(unread, b"\n")? + 1));
            let line = line.trim_end_matches(['\r', '\n']);
            if is_wanted(line) {
                return line.to_owned();
            }
        }
    }

    /// Waits for at least `count` bytes more and reads exactly that many.
    ///
    /// # Panics
    /// They do not come.
    pub fn exactly(&mut self, count: usize) -> String {
        self.take(&format!("{count} bytes"), |unread, _| (unread.len() >= count).then_some(count))
    }

    /// Waits for the end of the stream. Returns what was unread.
    ///
    /// # Panics
    /// It does not end.
    pub fn expect_end(&mut self) -> String {
        self.take("the end", |unread, ended| ended.then_some(unread.len()))
    }

    /// Waits for the end of the stream and reads nothing.
    ///
    /// # Panics
    /// It does not end.
    pub fn wait_for_end(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.heard.lock();
        while state.end.is_none() {
            state = self.next_change(state, "end", deadline);
        }
    }

    /// Waits until everything so far satisfies `found`, which is given the whole text and must not ask this transcript
    /// for anything else. What was read stays as it is.
    ///
    /// # Panics
    /// It never does.
    pub fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.heard.lock();
        loop {
            if let Some(value) = found(&String::from_utf8_lossy(&state.bytes)) {
                return value;
            }
            state = self.next_change(state, what, deadline);
        }
    }

    fn take(&mut self, what: &str, end_of: impl FnMut(&[u8], bool) -> Option<usize>) -> String {
        self.take_until(what, Instant::now() + PATIENCE, end_of)
    }

    fn take_until(
        &mut self,
        what: &str,
        deadline: Instant,
        mut end_of: impl FnMut(&[u8], bool) -> Option<usize>,
    ) -> String {
        let heard = Arc::clone(&self.heard);
        let mut state = heard.lock();
        loop {
            let unread = &state.bytes[self.read..];
            if let Some(end) = end_of(unread, state.end.is_some()) {
                let taken = String::from_utf8_lossy(&unread[..end]).into_owned();
                self.read += end;
                return taken;
            }
            state = self.next_change(state, what, deadline);
        }
    }

    /// Waits until more arrives. Fails at the deadline, and when nothing can come any more.
    fn next_change<'a>(&self, state: MutexGuard<'a, State>, what: &str, deadline: Instant) -> MutexGuard<'a, State> {
        let left = deadline.saturating_duration_since(Instant::now());
        let over = state.end.is_some();
        if over || left.is_zero() {
            let why = state.end.clone().unwrap_or_else(|| format!("still open after {PATIENCE:?}"));
            let text = String::from_utf8_lossy(&state.bytes).into_owned();
            drop(state);
            let name = &self.name;
            panic!(
                "{name}: no {what} ({why}); of this, {} bytes were read before:\n{text}\n--- end of {name}",
                self.read
            );
        }
        self.heard.changed.wait_timeout(state, left).expect("no reader panics").0
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no reader panics")
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}
