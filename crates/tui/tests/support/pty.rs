//! A program on a terminal: a pseudo-terminal, the screen that it shows, and keys pressed on it.

#![allow(dead_code, reason = "each user uses its own part")]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long anything may take. Much longer than it does, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of output that are remembered for looking at; the latest.
const OUTPUT_MAX: usize = 4 * 1024 * 1024;

/// What came out so far.
pub(crate) struct Seen {
    pub(crate) parser: vt100::Parser,
    pub(crate) output: Vec<u8>,
    /// When something came last.
    pub(crate) at: Instant,
    ended: bool,
    /// The reader is to let go of the terminal.
    stop: bool,
}

/// The program and its terminal.
pub(crate) struct Pty {
    pub(crate) child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

fn whole(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a size")
}

/// A command with an environment of its own: its home is `home`, its terminal has 256 colours.
pub(crate) fn command(program: &Path, home: &Path, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("TZ", "UTC");
    for (name, below) in
        [("HOME", ""), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "client-run")]
    {
        command.env(name, home.join(below));
    }
    command.cwd(home);
    command
}

impl Pty {
    pub(crate) fn start(command: CommandBuilder, width: u16, height: u16) -> Self {
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let parser = vt100::Parser::new(whole(height), whole(width), 0);
        let seen = Arc::new((
            Mutex::new(Seen { parser, output: Vec::new(), at: Instant::now(), ended: false, stop: false }),
            Condvar::new(),
        ));
        let shared = seen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            loop {
                let count = reader.read(&mut bytes).unwrap_or(0);
                let mut seen = shared.0.lock().expect("nobody panics with it");
                seen.parser.process(&bytes[..count]);
                seen.output.extend_from_slice(&bytes[..count]);
                let old = seen.output.len().saturating_sub(OUTPUT_MAX);
                seen.output.drain(..old);
                seen.at = Instant::now();
                seen.ended = count == 0;
                shared.1.notify_all();
                if count == 0 || seen.stop {
                    return;
                }
            }
        });
        Self { child, master: Some(pair.master), writer, seen }
    }

    /// Presses keys: bytes, as a terminal sends them.
    pub(crate) fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("nobody panics with it")
    }

    /// The screen's rows.
    pub(crate) fn screen(&self) -> String {
        rows(&self.seen())
    }

    /// Waits until something is so; panics with the screen if it does not become so. Returns when it was.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) -> Instant {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        while !(is_whole(&seen.output) && is_so(&seen)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                let screen = rows(&seen);
                drop(seen);
                panic!("not to be seen: {what}; the screen is\n{screen}");
            }
            seen = self.seen.1.wait_timeout(seen, left).expect("nobody panics with it").0;
        }
        seen.at
    }

    /// Waits until the screen has this text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> Instant {
        self.until(text, |seen| rows(seen).contains(text))
    }

    /// Waits until the screen has this text no more.
    #[track_caller]
    pub(crate) fn hides(&self, text: &str) {
        self.until(&format!("no {text}"), |seen| !rows(seen).contains(text));
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        self.seen().parser.screen_mut().set_size(whole(height), whole(width));
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().expect("not hung up").resize(size).expect("a size");
    }

    /// Whether the terminal echoes and takes whole lines, as a shell wants it.
    pub(crate) fn is_cooked(&self) -> bool {
        const ECHO_AND_ICANON: u32 = 0o12;
        let settings = self.master.as_ref().and_then(|master| master.get_termios());
        settings.is_some_and(|settings| settings.local_flags.bits() & ECHO_AND_ICANON == ECHO_AND_ICANON)
    }

    /// The terminal goes away.
    pub(crate) fn hang_up(&mut self) {
        self.seen().stop = true;
        // The program draws once more, so that the reader, which waits for that, lets go.
        self.resize(79, 23);
        self.master = None;
        self.writer = Box::new(std::io::sink());
    }

    /// Waits for the program's end: its exit code.
    pub(crate) fn end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it does not end; the screen is\n{}", self.screen());
            // There is nothing to wait on for a child and a deadline at once.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the latest frame is complete: it stands between the marks of a synchronized update.
fn is_whole(output: &[u8]) -> bool {
    const MARK: &[u8] = b"\x1b[?2026";
    output.windows(MARK.len() + 1).rev().find(|part| part.starts_with(MARK)).is_none_or(|mark| mark.ends_with(b"l"))
}

pub(crate) fn rows(seen: &Seen) -> String {
    let screen = seen.parser.screen();
    let (_, width) = screen.size();
    screen.rows(0, width.get()).collect::<Vec<_>>().join("\n")
}
