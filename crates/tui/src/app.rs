//! The loop: keys, the connection, signals and time go into the model; what it wants done is done; the screen follows.

use crate::config::{self, Config};
use crate::files::{self, Outbox};
use crate::model::{Change, Effect, Input, Model};
use crate::programs;
use crate::terminal::Screen;
use crossterm::event::{Event as TerminalEvent, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt;
use rustix::process::{Signal, kill_current_process_group};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use switchboard_client::client::Options as ClientOptions;
use switchboard_client::event::{Ending, Event};
use switchboard_client::{Ask, Client, Events, Exit, Handle, Login, Outgoing, RequestId, login};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// The screen follows the connection at most this often; a key at once.
const FRAME: Duration = Duration::from_millis(16);

/// How long events of the connection may keep keys waiting.
const EVENTS_WITHIN: Duration = Duration::from_millis(2);

/// How often the model is told the time while something changes by itself, and otherwise.
const TICK: Duration = Duration::from_millis(250);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The clock ran this much more than the program: the machine slept.
const SLEPT: Duration = Duration::from_secs(10);

/// How long a goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_millis(1_500);

/// Where to connect to, with the configuration that said so.
#[derive(Clone)]
pub struct Chosen {
    pub login: Login,
    config: Config,
    path: PathBuf,
}

/// Reads the configuration of the client: where to connect to, with what was typed before what is written.
///
/// # Errors
/// The exit code, after words on standard error: the configuration is wrong, or has no such profile.
pub fn resolve(typed: Login, profile: Option<&str>) -> Result<Chosen, ExitCode> {
    let path = config::path(variable);
    let chosen = config::load(&path).and_then(|config| {
        let login = config.login(typed, profile, &path)?;
        Ok(Chosen { login, config, path })
    });
    chosen.map_err(|error| fail(&error, Exit::Usage))
}

/// Chats on the terminal until the person leaves, or a signal. Where the terminal is too dumb for a screen, in lines.
#[must_use]
pub fn run(chosen: Chosen) -> ExitCode {
    let Chosen { login, config, path } = chosen;
    if variable("TERM").is_none_or(|term| term == "dumb") {
        return switchboard_client::chat::run(switchboard_client::chat::Options { login });
    }
    start(&config, path, login)
}

fn start(config: &Config, path: PathBuf, login: Login) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, Exit::NotConnected),
    };
    let options = match connecting(&login) {
        Ok(options) => options,
        Err(error) => return fail(&error, error.exit()),
    };
    let state = files::directory(variable);
    let done = runtime.block_on(async {
        let address = options.place.address.to_string();
        let mut app = App::new(config, path, login, state, &address)?;
        app.connect(options);
        app.run().await
    });
    // A thread that still waits for an editor or a browser is left behind.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(error) => fail(&error, Exit::NotConnected),
    }
}

fn fail(error: &dyn std::error::Error, exit: Exit) -> ExitCode {
    eprintln!("switchboard: {error}");
    exit.into()
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What to connect with: with the certificate that the person trusts for this address, if no other is named.
fn connecting(login: &Login) -> Result<ClientOptions, login::Nowhere> {
    let mut options = login.clone().options()?;
    if options.place.pin.is_none() {
        let trusted = files::trusted(&files::directory(variable), &options.place.address.to_string());
        options.place.known = options.place.known.or_else(|| trusted.and_then(|trusted| trusted.parse().ok()));
    }
    Ok(options)
}

/// What the connection is to be told.
enum Order {
    Say(Outgoing),
    Ask(RequestId, Ask),
}

/// Who has the terminal.
enum Holder {
    Us,
    /// The bare text is on it, until a key.
    Bare,
    /// The editor, with this file; the thread waits for its end.
    Editor(JoinHandle<Result<String, String>>),
    /// It is gone.
    Nobody,
}

struct App {
    path: PathBuf,
    login: Login,
    state: PathBuf,
    model: Model,
    screen: Screen,
    holder: Holder,
    keys: Option<EventStream>,
    link: Option<(Handle, Events)>,
    orders: VecDeque<Order>,
    outbox: Outbox,
    /// The code to end with, once the connection has said goodbye; and until when it may.
    leaving: Option<(ExitCode, Instant)>,
    dirty: bool,
    drawn_at: Instant,
    /// Both clocks at the last turn of the loop: only one of them runs while the machine sleeps.
    clocks: (Instant, SystemTime),
}

impl App {
    fn new(config: &Config, path: PathBuf, login: Login, state: PathBuf, address: &str) -> io::Result<Self> {
        let settings = config.settings(variable);
        let screen = Screen::take(settings.mouse)?;
        let seed = getrandom::u64().unwrap_or_else(|_| unix_ms());
        let bindings = config.bindings().unwrap_or_default();
        let model = Model::new(settings, bindings, address.to_owned(), seed, screen.size());
        let outbox = Outbox::new(state.clone(), &format!("{}-{seed:016x}", std::process::id()), address);
        Ok(Self {
            path,
            login,
            state,
            model,
            screen,
            holder: Holder::Us,
            keys: Some(EventStream::new()),
            link: None,
            orders: VecDeque::new(),
            outbox,
            leaving: None,
            dirty: true,
            drawn_at: Instant::now(),
            clocks: (Instant::now(), SystemTime::now()),
        })
    }

    /// Connects; what earlier runs could not send is taken up.
    fn connect(&mut self, options: ClientOptions) {
        self.link = Some(Client::connect(options));
        let unsent = self.outbox.take_up();
        if !unsent.is_empty() {
            let effects = self.model.resume(unix_ms(), unsent);
            self.perform(effects);
        }
    }

    async fn run(&mut self) -> io::Result<ExitCode> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut go_on = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        loop {
            if let Some(code) = self.over() {
                return Ok(code);
            }
            self.draw();
            let wake = tokio::time::Instant::from_std(self.wake_at());
            let (handle, mut events) =
                self.link.take().map_or((None, None), |(handle, events)| (Some(handle), Some(events)));
            let happened = tokio::select! {
                // In this order: a key never waits for the connection.
                biased;
                key = next_key(&mut self.keys) => Happened::Key(key),
                _ = terminate.recv() => Happened::Signal(Signal::TERM),
                _ = hang_up.recv() => Happened::Signal(Signal::HUP),
                _ = interrupt.recv() => Happened::Signal(Signal::INT),
                _ = go_on.recv() => Happened::Signal(Signal::CONT),
                text = edited(&mut self.holder) => Happened::Edited(text),
                ready = ready(handle.as_ref()), if !self.orders.is_empty() && handle.is_some() => {
                    match (ready, self.orders.pop_front()) {
                        (Some(ready), Some(Order::Say(message))) => ready.submit(message),
                        (Some(ready), Some(Order::Ask(id, ask))) => ready.request(id, ask),
                        (None, _) | (_, None) => {}
                    }
                    Happened::Nothing
                }
                event = next_event(&mut events) => Happened::Client(event),
                () = tokio::time::sleep_until(wake) => Happened::Nothing,
            };
            self.link = handle.zip(events);
            if self.happened(happened).is_err() {
                self.gone();
            }
        }
    }

    /// The terminal is gone: nothing is shown or read any more, but goodbyes are said.
    fn gone(&mut self) {
        self.holder = Holder::Nobody;
        self.keys = None;
        self.leave(ExitCode::from(128 + Signal::HUP.as_raw() as u8));
    }

    fn happened(&mut self, happened: Happened) -> io::Result<()> {
        match happened {
            Happened::Key(Some(Ok(event))) => self.terminal_event(event)?,
            // The terminal is gone.
            Happened::Key(Some(Err(_)) | None) => self.gone(),
            Happened::Signal(Signal::CONT) => {
                if matches!(self.holder, Holder::Us) {
                    self.screen.take_again()?;
                    self.dirty = true;
                }
            }
            Happened::Signal(signal) => self.leave(ExitCode::from(128 + signal.as_raw() as u8)),
            Happened::Edited(text) => {
                self.holder = Holder::Us;
                self.screen.take_again()?;
                self.keys = Some(EventStream::new());
                self.update(Input::Resize(self.screen.size().0, self.screen.size().1));
                self.update(Input::Edited(text));
            }
            Happened::Client(event) => self.client_events(event),
            Happened::Nothing => self.update(Input::Tick),
        }
        self.notice_sleep();
        Ok(())
    }

    fn terminal_event(&mut self, event: TerminalEvent) -> io::Result<()> {
        if matches!(self.holder, Holder::Bare) {
            let ends = matches!(&event, TerminalEvent::Key(key) if key.kind != KeyEventKind::Release);
            if ends || matches!(event, TerminalEvent::Resize(..)) {
                self.holder = Holder::Us;
                self.screen.clothed()?;
                self.update(Input::Resize(self.screen.size().0, self.screen.size().1));
            }
            return Ok(());
        }
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => self.update(Input::Key(key.into())),
            TerminalEvent::Key(_) => {}
            TerminalEvent::Paste(text) => self.update(Input::Paste(text)),
            TerminalEvent::Resize(width, height) => {
                // Terminals do as they like with what is on them; sizes in between may never have been told.
                self.screen.redraw();
                self.update(Input::Resize(width, height));
            }
            TerminalEvent::FocusGained => self.update(Input::Focus(true)),
            TerminalEvent::FocusLost => self.update(Input::Focus(false)),
            TerminalEvent::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollUp => self.update(Input::Wheel(3)),
                MouseEventKind::ScrollDown => self.update(Input::Wheel(-3)),
                MouseEventKind::Down(MouseButton::Left) => {
                    if let Some(target) = self.screen.drawn().at(mouse.column, mouse.row).cloned() {
                        self.update(Input::Click(target));
                    }
                }
                _ => return Ok(()),
            },
        }
        // A key is seen at once.
        self.drawn_at = Instant::now().checked_sub(FRAME).unwrap_or(self.drawn_at);
        Ok(())
    }

    /// Takes the event and those behind it, for as long as keys may wait.
    fn client_events(&mut self, event: Option<Event>) {
        let Some(event) = event else {
            // Only a fault of our own ends the client without a word.
            self.link = None;
            if self.leaving.is_none() {
                self.leave(Exit::NotConnected.into());
            }
            return;
        };
        let start = Instant::now();
        let mut next = Some(event);
        while let Some(event) = next {
            let ended = matches!(event, Event::Ended(_));
            let left = matches!(event, Event::Ended(Ending::Left));
            self.update(Input::Client(event));
            if ended {
                self.link = None;
                if left && self.leaving.is_none() {
                    self.leave(ExitCode::SUCCESS);
                }
            }
            next = match &mut self.link {
                Some((_, events)) if start.elapsed() < EVENTS_WITHIN => events.try_next(),
                Some(_) | None => None,
            };
        }
    }

    fn update(&mut self, input: Input) {
        let quiet = matches!(input, Input::Tick) && !self.model.is_restless();
        let effects = self.model.update(unix_ms(), input);
        self.dirty |= !quiet || !effects.is_empty();
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Err(error) = self.perform_one(effect) {
                // What could not be done is told where it can be read; a terminal that is gone tells by itself.
                let told = self.model.update(unix_ms(), Input::Tell(error.to_string()));
                self.dirty = true;
                drop(told);
            }
        }
    }

    fn perform_one(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Submit(message) => self.orders.push_back(Order::Say(message)),
            Effect::Request(id, ask) => self.orders.push_back(Order::Ask(id, ask)),
            Effect::Wake => self.link.iter().for_each(|(handle, _)| handle.wake()),
            Effect::Quit => self.leave(ExitCode::SUCCESS),
            Effect::Suspend => {
                self.screen.lend();
                kill_current_process_group(Signal::TSTP)?;
                self.screen.take_again()?;
            }
            Effect::Redraw => self.screen.redraw(),
            Effect::Edit(text) => self.edit(text),
            Effect::Bell => self.screen.bell()?,
            Effect::Notify(text) => self.screen.notify(self.model.settings.desktop, &text)?,
            Effect::Title(title) => self.screen.title(&title)?,
            Effect::Open(link) => programs::open(&link)?,
            Effect::Bare(lines) => {
                self.holder = Holder::Bare;
                self.screen.bare(&lines)?;
            }
            Effect::Mouse(mouse) => self.screen.set_mouse(mouse)?,
            Effect::Keep => self.outbox.keep(self.model.unsent())?,
            Effect::Restart(change) => self.restart(change)?,
        }
        Ok(())
    }

    /// Ends the connection and begins another.
    fn restart(&mut self, change: Change) -> io::Result<()> {
        let wrong = |error: &dyn std::error::Error| io::Error::other(error.to_string());
        match change {
            Change::Nothing => {}
            Change::Pass(pass) => self.login.pass = Some(pass),
            Change::Nick(nick) => self.login.nick = Some(nick),
            Change::Trust(fingerprint) => {
                files::trust(&self.state, &self.model.address, &fingerprint.to_string())?;
                self.login.fingerprint = None;
            }
            Change::Profile(name) => return self.go_to(&name),
        }
        let options = connecting(&self.login).map_err(|error| wrong(&error))?;
        self.end_link();
        self.link = Some(Client::connect(options));
        let effects = self.model.restart(unix_ms());
        self.perform(effects);
        Ok(())
    }

    /// Goes to another server, with a fresh state.
    fn go_to(&mut self, profile: &str) -> io::Result<()> {
        let wrong = |error: &dyn std::error::Error| io::Error::other(error.to_string());
        let config = config::load(&self.path).map_err(|error| wrong(&error))?;
        let login = config.login(Login::default(), Some(profile), &self.path).map_err(|error| wrong(&error))?;
        let options = connecting(&login).map_err(|error| wrong(&error))?;
        self.end_link();
        let (address, old) = (options.place.address.to_string(), &self.model);
        let seed = getrandom::u64().unwrap_or_else(|_| unix_ms());
        self.model = Model::new(old.settings.clone(), old.bindings.clone(), address.clone(), seed, old.size);
        self.outbox = Outbox::new(self.state.clone(), &format!("{}-{seed:016x}", std::process::id()), &address);
        self.login = login;
        self.connect(options);
        Ok(())
    }

    fn end_link(&mut self) {
        self.orders.clear();
        if let Some((handle, mut events)) = self.link.take() {
            handle.leave();
            // It says goodbye in the background; nobody wants to hear more of it.
            tokio::spawn(async move { while events.next().await.is_some() {} });
        }
    }

    fn edit(&mut self, text: String) {
        self.keys = None;
        self.screen.lend();
        let state = self.state.clone();
        self.holder = Holder::Editor(tokio::task::spawn_blocking(move || programs::edit(&state, &text)));
    }

    fn leave(&mut self, code: ExitCode) {
        self.leaving.get_or_insert((code, Instant::now() + GOODBYE_WITHIN));
        self.link.iter().for_each(|(handle, _)| handle.leave());
    }

    /// The code to end with, when everything is said.
    fn over(&self) -> Option<ExitCode> {
        let (code, until) = self.leaving.as_ref()?;
        (self.link.is_none() || Instant::now() >= *until).then_some(*code)
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let frame =
            if self.dirty && matches!(self.holder, Holder::Us) { self.drawn_at + FRAME } else { now + HEARTBEAT };
        let tick = now + if self.model.is_restless() { TICK } else { HEARTBEAT };
        let goodbye = self.leaving.as_ref().map_or(tick, |(_, until)| *until);
        frame.min(tick).min(goodbye)
    }

    fn draw(&mut self) {
        if self.dirty && matches!(self.holder, Holder::Us) && self.drawn_at.elapsed() >= FRAME {
            self.dirty = false;
            if self.screen.draw(&self.model).is_err() {
                self.gone();
            }
            self.drawn_at = Instant::now();
        }
    }

    /// After a sleep the connection is probably dead, and nobody has told us.
    fn notice_sleep(&mut self) {
        let (awake, since) = self.clocks;
        let passed = since.elapsed().unwrap_or_default();
        if passed.saturating_sub(awake.elapsed()) > SLEPT {
            self.link.iter().for_each(|(handle, _)| handle.wake());
        }
        self.clocks = (Instant::now(), SystemTime::now());
    }
}

/// What came first.
enum Happened {
    Key(Option<io::Result<TerminalEvent>>),
    Signal(Signal),
    Edited(Result<String, String>),
    Client(Option<Event>),
    Nothing,
}

async fn next_key(keys: &mut Option<EventStream>) -> Option<io::Result<TerminalEvent>> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

async fn next_event(events: &mut Option<Events>) -> Option<Event> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

async fn ready(handle: Option<&Handle>) -> Option<switchboard_client::client::Ready<'_>> {
    handle?.ready().await.ok()
}

async fn edited(holder: &mut Holder) -> Result<String, String> {
    match holder {
        Holder::Editor(thread) => thread.await.unwrap_or_else(|error| Err(error.to_string())),
        Holder::Us | Holder::Bare | Holder::Nobody => std::future::pending().await,
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
