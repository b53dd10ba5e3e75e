//! `switchboard chat` in lines: says what is typed, prints what arrives, at once.

mod commands;
mod input;
mod view;

use crate::client::{Client, Events, Handle, Options as ClientOptions};
use crate::event::{Ending, Event};
use crate::exit::Exit;
use crate::login::Login;
use commands::Typed;
pub(crate) use input::{UTF16, is_utf16};
use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use view::View;

/// After the end of the input: how long to wait without any progress for what was said to be acknowledged.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// The options of `chat`.
#[derive(Clone, Default)]
pub struct Options {
    pub login: Login,
}

/// Chats on standard input and output, in lines, until the input ends, `/quit`, or a signal.
#[must_use]
pub fn run(options: Options) -> ExitCode {
    let is_script = !io::stdin().is_terminal();
    crate::command::blocking(options.login, |mut options| {
        options.wish.is_script = is_script;
        converse(options, input::stdin(), io::stdout())
    })
}

/// Chats: each of `lines` is as if typed, and `output` is the terminal. Every line of output is flushed.
///
/// When the lines end, it leaves as soon as everything said is acknowledged or refused, and every question answered.
pub async fn converse(options: ClientOptions, lines: mpsc::Receiver<String>, output: impl Write) -> Exit {
    let view = View::new(options.place.address.to_string());
    let (handle, events) = Client::connect(options);
    let chat = Chat {
        handle,
        view,
        output,
        to_do: None,
        waiting: HashSet::new(),
        ended: false,
        leaving: false,
        connected: false,
        refused: false,
    };
    chat.run(lines, events).await
}

struct Chat<W> {
    handle: Handle,
    view: View,
    output: W,
    /// What was typed last, until the client takes it. No more is read before that.
    to_do: Option<Typed>,
    /// What is said or asked and not answered: identifiers of messages, numbers of requests.
    waiting: HashSet<String>,
    /// The input has ended, or `/quit` was typed.
    ended: bool,
    leaving: bool,
    connected: bool,
    /// A message or a command was refused.
    refused: bool,
}

impl<W: Write> Chat<W> {
    async fn run(mut self, mut lines: mpsc::Receiver<String>, mut events: Events) -> Exit {
        let mut interrupted = Box::pin(crate::command::interrupted());
        let mut settle_until = Instant::now();
        let handle = self.handle.clone();
        loop {
            if self.ended && self.to_do.is_none() && self.waiting.is_empty() {
                self.leave();
            }
            let settling = self.ended && !self.leaving;
            tokio::select! {
                event = events.next() => {
                    settle_until = Instant::now() + SETTLE_WITHIN;
                    match event {
                        Some(Event::Ended(ending)) => return self.exit(&ending),
                        Some(event) => self.event(&event),
                        None => return Exit::NotConnected,
                    }
                }
                ready = handle.ready(), if self.to_do.is_some() => {
                    if let (Ok(ready), Some(typed)) = (ready, self.to_do.take()) {
                        match typed {
                            Typed::Say { target, text, action } => {
                                self.waiting.insert(ready.say(target, text, action));
                            }
                            Typed::Ask(ask) => {
                                self.waiting.insert(ready.ask(ask).to_string());
                            }
                            Typed::Nothing | Typed::Help | Typed::Quit | Typed::Usage(_) | Typed::Unknown(_) => {}
                        }
                    }
                }
                line = lines.recv(), if self.to_do.is_none() && !self.ended => {
                    settle_until = Instant::now() + SETTLE_WITHIN;
                    match line {
                        Some(line) => self.typed(&line),
                        None => self.ended = true,
                    }
                }
                () = sleep_until(settle_until), if settling => self.leave(),
                () = &mut interrupted, if !self.leaving => self.leave(),
            }
        }
    }

    fn typed(&mut self, line: &str) {
        match commands::parse(line) {
            Typed::Nothing => {}
            Typed::Help => commands::HELP.iter().for_each(|line| self.print(&format!("-- {line}"))),
            Typed::Quit => self.ended = true,
            Typed::Usage(usage) => self.print(&format!("-- usage: {usage}")),
            Typed::Unknown(word) => {
                let word = crate::clean::line(&word).into_owned();
                self.print(&format!("-- there is no /{word}; /help shows what there is, // says a line with a slash"));
            }
            typed @ (Typed::Say { .. } | Typed::Ask(_)) => self.to_do = Some(typed),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Connected(_) => self.connected = true,
            Event::Delivered { id, .. } => {
                self.waiting.remove(id);
            }
            Event::NotSent { id, .. } => {
                self.refused = true;
                self.waiting.remove(id);
            }
            Event::Answer { request, .. } => {
                self.waiting.remove(&request.to_string());
            }
            Event::Refused { request: Some(request), .. } => {
                self.refused = true;
                self.waiting.remove(&request.to_string());
            }
            Event::Disconnected { .. }
            | Event::StartedOver
            | Event::Message(_)
            | Event::Topic(_)
            | Event::Joined(_)
            | Event::Left(_)
            | Event::Renamed(_)
            | Event::Typing(_)
            | Event::Notice(_)
            | Event::Members(_)
            | Event::Relay(_)
            | Event::Gap(_)
            | Event::Speaking { .. }
            | Event::Refused { request: None, .. }
            | Event::Ended(_) => {}
        }
        for line in self.view.lines(event) {
            self.print(&line);
        }
    }

    /// A terminal that is gone is a reason to leave.
    fn print(&mut self, line: &str) {
        if writeln!(self.output, "{line}").and_then(|()| self.output.flush()).is_err() {
            self.leave();
        }
    }

    fn leave(&mut self) {
        self.leaving = true;
        self.handle.leave();
    }

    fn exit(&mut self, ending: &Ending) -> Exit {
        match ending {
            Ending::Left if self.ended && !self.waiting.is_empty() => {
                self.print(&format!("-- {} without an answer", self.waiting.len()));
                Exit::NotConnected
            }
            Ending::Left if self.refused && self.ended => Exit::Refused,
            Ending::Left if self.connected || self.ended => Exit::Good,
            Ending::Left => Exit::NotConnected,
            Ending::Refused { .. } | Ending::Untrusted { .. } | Ending::Foreign(_) => {
                self.print(&format!("-- {}", crate::clean::line(&ending.to_string())));
                ending.exit()
            }
        }
    }
}
