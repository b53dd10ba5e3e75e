//! A server process that was started here: it is ended by its id when its handle is dropped, also after an error.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to say that it is ready.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// How long a server may take to end.
const END_PATIENCE: Duration = Duration::from_secs(600);

/// A running server, ready for connections.
#[derive(Debug)]
pub struct Running {
    child: Process,
    address: SocketAddr,
    ready_after: Duration,
    /// Fields are dropped in order: the directory goes after the process that uses it.
    _data: Option<TempDir>,
}

#[derive(Debug)]
struct Process(Child);

impl Running {
    /// Starts `command` and waits for the line of its standard output that has `ready` in it, followed by the address.
    /// Standard error is shared with this program.
    pub(super) fn spawn(mut command: Command, ready: &'static str, data: Option<TempDir>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut child = Process(child);
        let output = child.0.stdout.take().context("the standard output is not piped")?;
        let address = wait_until_ready(output, ready)
            .with_context(|| format!("{program} did not print \"{ready}ADDR:PORT\" on its standard output"))?;
        Ok(Self { child, address, ready_after: started.elapsed(), _data: data })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From its start until it said that it was ready.
    #[must_use]
    pub const fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Asks it to end (SIGTERM), and returns how long that took.
    ///
    /// # Errors
    /// It cannot be asked, does not end in ten minutes, or does not end well.
    pub fn end(mut self) -> Result<Duration> {
        let begun = Instant::now();
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        loop {
            if let Some(status) = self.child.0.try_wait()? {
                ensure!(status.success(), "it ended with {status}");
                return Ok(begun.elapsed());
            }
            ensure!(begun.elapsed() < END_PATIENCE, "it does not end within {} s", END_PATIENCE.as_secs());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process has ended and was waited for, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A thread reads on after the ready line, so that the server never blocks on its standard output; it ends with it.
fn wait_until_ready(output: ChildStdout, ready: &'static str) -> Result<SocketAddr> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once(ready) {
                // Further listeners have lines of their own: the channel keeps the first one, the rest is not needed.
                let _ = sender.try_send(address.trim().parse::<SocketAddr>());
            }
        }
    });
    match receiver.recv_timeout(START_PATIENCE) {
        Ok(Ok(address)) => Ok(address),
        Ok(Err(error)) => Err(error.into()),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(anyhow!("nothing within {} s", START_PATIENCE.as_secs())),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(anyhow!("it ended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_first_ready_line_names_the_address_and_dropping_ends_the_process() {
        let script = "echo noise; echo x: ready on 127.0.0.1:7; echo 'x: ready on [::1]:7'; exec sleep 600";
        let running = Running::spawn(shell(script), "x: ready on ", None).unwrap();
        assert_eq!(running.address(), SocketAddr::from(([127, 0, 0, 1], 7)));
        let pid = running.pid();
        assert!(switchboard_sys::process_cpu_time(pid).is_ok());
        drop(running);
        assert!(switchboard_sys::process_cpu_time(pid).is_err());
    }

    #[test]
    fn a_program_that_ends_early_is_an_error_at_once() {
        let error = Running::spawn(shell("exit 3"), "x: ready on ", None).unwrap_err();
        assert!(format!("{error:#}").contains("it ended"), "{error:#}");
    }
}
