//! Another program, with its standard input, output and error in the test's hands.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};

use crate::Transcript;

/// A running program; ended, by its id, when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    /// Its standard output.
    pub out: Transcript,
    /// Its standard error.
    pub err: Transcript,
}

impl Program {
    /// Starts it. `name` is for failures.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
        let input = child.stdin.take();
        let out = Transcript::record(format!("{name}, output"), child.stdout.take().expect("piped"));
        let err = Transcript::record(format!("{name}, errors"), child.stderr.take().expect("piped"));
        Self { name: name.to_owned(), child, input, out, err }
    }

    /// Types a line.
    ///
    /// # Panics
    /// It does not listen any more.
    pub fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    /// Gives it these bytes.
    ///
    /// # Panics
    /// It does not listen any more.
    pub fn send(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("its input is open");
        let sent = input.write_all(bytes).and_then(|()| input.flush());
        if let Err(error) = sent {
            panic!("{} does not listen ({error}); it said: {}{}", self.name, self.out.text(), self.err.text());
        }
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// It does not.
    pub fn wait(&mut self) -> ExitStatus {
        // Output and errors end with the program: a wait with a deadline, which `Child` does not have.
        self.out.wait_for_end();
        self.err.wait_for_end();
        self.child.wait().expect("our own child")
    }

    /// Ends its input, and waits until it ends with success.
    ///
    /// # Panics
    /// It does not, or it fails.
    pub fn finish(&mut self) {
        self.close_input();
        let status = self.wait();
        assert!(status.success(), "{}: {status}; it said: {}{}", self.name, self.out.text(), self.err.text());
    }

    /// SIGKILL.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended and what it said, for failures.
#[must_use]
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}: {out}{err}", output.status)
}
