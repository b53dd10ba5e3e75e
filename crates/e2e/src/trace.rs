//! What a traced server did with its log and its sockets, in order; and whether it ever acknowledged too early.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// The arguments of strace that make what [`Trace::read`] reads. The traced program stays the child of its parent, and
/// the tracer ends after it, with the same standard output and error.
#[must_use]
pub fn strace_words(file: &Path) -> Vec<String> {
    let calls = "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync";
    let file = file.display().to_string();
    // Strings and paths whole and in hexadecimal, so that nothing in them can look like the tracer's own words.
    ["strace", "-D", "-f", "-qq", "-yy", "-xx", "-s", "65536", "-e", calls, "-e", "signal=none", "-o", &file]
        .map(str::to_owned)
        .to_vec()
}

/// A system call.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    name: String,
    /// The file or connection that it is about.
    target: String,
    /// What was to be written.
    bytes: Vec<u8>,
    /// The line on which it began.
    begun: usize,
    /// The line on which it returned, and what.
    done: Option<(usize, i64)>,
}

/// All calls of a run, in the order in which they began.
#[derive(Debug)]
pub struct Trace {
    calls: Vec<Call>,
}

/// What a client was told of a message.
#[derive(Clone, Debug)]
pub struct Told {
    /// The client's own address.
    pub client: SocketAddr,
    /// Words of the message that are in no other.
    pub text: String,
    /// What was told is a line with all of this in it.
    pub words: [String; 2],
}

impl Told {
    /// The sender's acknowledgement.
    #[must_use]
    pub fn acknowledged(client: SocketAddr, reference: &str, text: &str) -> Self {
        let words = ["\"type\":\"ack\"".to_owned(), format!("\"ref\":\"{reference}\"")];
        Self { client, text: text.to_owned(), words }
    }

    /// The message itself, at another client.
    #[must_use]
    pub fn delivered(client: SocketAddr, text: &str) -> Self {
        Self { client, text: text.to_owned(), words: ["\"type\":\"message\"".to_owned(), format!("\"{text}\"")] }
    }
}

impl Trace {
    /// Reads what the tracer wrote.
    ///
    /// # Panics
    /// It cannot be read, or understood.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        Self::parse(&fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
    }

    fn parse(text: &str) -> Self {
        let mut calls: Vec<Call> = Vec::new();
        // At most one call of each thread is under way.
        let mut under_way: HashMap<&str, usize> = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if rest.starts_with("+++") || rest.starts_with("---") {
                continue;
            }
            if let Some(resumed) = rest.strip_prefix("<... ") {
                let place = under_way.remove(thread).unwrap_or_else(|| panic!("line {number} resumes nothing: {line}"));
                assert!(resumed.starts_with(&calls[place].name), "line {number} resumes another call: {line}");
                calls[place].done = result(rest).map(|result| (number, result));
                continue;
            }
            let mut call = begin(number, rest).unwrap_or_else(|| panic!("line {number} is no call: {line}"));
            if rest.ends_with("<unfinished ...>") {
                under_way.insert(thread, calls.len());
            } else {
                call.done = result(rest).map(|result| (number, result));
            }
            calls.push(call);
        }
        Self { calls }
    }

    /// Why this was told too early, if it was: before a sync had returned that began when the message and the end of its
    /// transaction were in the store's log.
    ///
    /// # Errors
    /// That reason.
    ///
    /// # Panics
    /// The trace holds no such message, or nothing that was told of it.
    pub fn check(&self, told: &Told) -> Result<(), String> {
        let written = self.written(&told.text);
        let line = self.line_of(told);
        let sync = self.calls.iter().find(|call| {
            matches!(call.name.as_str(), "fsync" | "fdatasync")
                && is_log(call)
                && call.begun > written
                && matches!(call.done, Some((_, 0)))
        });
        match sync.and_then(|call| call.done) {
            Some((done, _)) if done < line => Ok(()),
            Some((done, _)) => Err(format!("{told:?} on line {line}, before its sync returned on line {done}")),
            None => Err(format!("{told:?} on line {line}, and nothing was synced after line {written}")),
        }
    }

    /// How many syncs of the store's log there are.
    #[must_use]
    pub fn syncs(&self) -> usize {
        self.calls.iter().filter(|call| call.name.ends_with("sync") && is_log(call)).count()
    }

    /// The line on which the transaction of this message was written to its end.
    fn written(&self, text: &str) -> usize {
        let log: Vec<&Call> =
            self.calls.iter().filter(|call| call.name.starts_with("pwrite") && is_log(call)).collect();
        let page = log.iter().position(|call| contains(&call.bytes, text.as_bytes()));
        let page = page.unwrap_or_else(|| panic!("{text:?} was never written to the log"));
        // A frame is a header and its page, in two writes; the header of a transaction's last frame names the size of
        // the database (SQLite's file format, section 4.1).
        let header = page.checked_sub(1).expect("a header before every page");
        let last = (header..log.len())
            .step_by(2)
            .find(|place| {
                let bytes = &log[*place].bytes;
                assert_eq!(bytes.len(), 24, "not the header of a frame: {:?}", log[*place]);
                bytes[4..8] != [0; 4]
            })
            .unwrap_or_else(|| panic!("the transaction of {text:?} never ends"));
        let (line, count) = log[last + 1].done.expect("a write that returns");
        assert!(count > 0, "the log could not be written: {:?}", log[last + 1].done);
        line
    }

    /// The line on which it began to be told.
    fn line_of(&self, told: &Told) -> usize {
        let peer = format!("->{}]", told.client);
        let is_it = |line: &str| told.words.iter().all(|word| line.contains(word));
        let call = self
            .calls
            .iter()
            .find(|call| call.target.ends_with(&peer) && String::from_utf8_lossy(&call.bytes).lines().any(is_it));
        call.unwrap_or_else(|| panic!("{told:?} was never written to {peer}")).begun
    }
}

fn begin(number: usize, rest: &str) -> Option<Call> {
    let (name, arguments) = rest.split_once('(')?;
    let (_, target) = arguments.split_once('<')?;
    let end = target.find(">,").or_else(|| target.find(">)")).or_else(|| target.find("> <unfinished"))?;
    let target = String::from_utf8_lossy(&decode(&target[..end])).into_owned();
    let bytes = arguments.split('"').skip(1).step_by(2).flat_map(decode).collect();
    Some(Call { name: name.to_owned(), target, bytes, begun: number, done: None })
}

fn result(rest: &str) -> Option<i64> {
    let (call, result) = rest.rsplit_once(" = ")?;
    call.trim_end().ends_with(')').then(|| result.split(' ').next()?.parse().ok())?
}

/// Bytes written as `\x2f`; others stand for themselves.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|hex| hex.get(..2)).and_then(|hex| str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

fn is_log(call: &Call) -> bool {
    call.target.ends_with("-wal")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message's frame and its commit, then a sync and an acknowledgement on two threads, as `order` puts them.
    fn trace(order: [&str; 4]) -> Trace {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let log = hex(b"/d/x.db-wal");
        let mut text = format!(
            "7 pwrite64(4<{log}>, \"{}\", 24, 0) = 24\n7 pwrite64(4<{log}>, \"{}\", 4096, 24) = 4096\n",
            hex(&[0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            hex(b"...hello-1...")
        );
        let ack = hex(b"{\"type\":\"ack\",\"ref\":\"5\",\"seq\":1}\n");
        let connection = "9<TCP:[127.0.0.1:1->127.0.0.1:2]>";
        for step in order {
            text += &match step {
                "sync" => format!("7 fsync(4<{log}> <unfinished ...>\n"),
                "synced" => "7 <... fsync resumed>)                 = 0\n".to_owned(),
                "ack" => format!("8 writev({connection}, [{{iov_base=\"{ack}\", iov_len=34}}], 1 <unfinished ...>\n"),
                "acked" => "8 <... writev resumed>) = 34\n".to_owned(),
                other => panic!("{other}"),
            };
        }
        Trace::parse(&text)
    }

    fn verdict(order: [&str; 4]) -> Result<(), String> {
        let client = "127.0.0.1:2".parse().expect("an address");
        trace(order).check(&Told::acknowledged(client, "5", "hello-1"))
    }

    #[test]
    fn an_acknowledgement_after_its_sync_is_right() {
        assert_eq!(verdict(["sync", "synced", "ack", "acked"]), Ok(()));
    }

    #[test]
    fn an_acknowledgement_before_or_during_its_sync_is_found() {
        assert!(verdict(["ack", "acked", "sync", "synced"]).unwrap_err().contains("before its sync"));
        assert!(verdict(["ack", "sync", "acked", "synced"]).unwrap_err().contains("before its sync"));
        assert!(verdict(["sync", "ack", "synced", "acked"]).unwrap_err().contains("before its sync"));
    }
}
