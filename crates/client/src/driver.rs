//! Drives the state machine over connections: one task that waits for whatever comes first.
//!
//! Nothing here waits for one thing alone: what is to be sent and to be told stands in queues, and while somebody does
//! not take it, whatever would make more of it is not taken either.

use crate::backoff::Backoff;
use crate::client::{Options, Order};
use crate::event::{Ending, Event};
use crate::state::{Output, State};
use crate::transport::{self, ConnectError, Duplex, Incoming};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// The longest sleep: a deadline far away need not be exact.
const SLEEP_MAX_MS: u64 = 60 * 60 * 1_000;

pub(crate) async fn drive(
    options: Options,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    mut leaving: watch::Receiver<bool>,
    wake: Arc<Notify>,
) {
    let mut driver = Driver::new(options, wake);
    let ending = driver.run(orders, &events, &mut leaving).await;
    // The last words may wait for a slow reader, but not for one that is gone: then sending fails at once.
    for event in driver.events.drain(..).chain([Event::Ended(ending)]) {
        if events.send(event).await.is_err() {
            return;
        }
    }
}

struct Driver {
    options: Options,
    state: State,
    start: Instant,
    link: Link,
    backoff: Backoff,
    /// When the session was last welcomed on this connection.
    welcomed: Option<Instant>,
    events: VecDeque<Event>,
    outgoing: VecDeque<String>,
    ending: Option<Ending>,
    wake: Arc<Notify>,
}

/// The connection, or the lack of it.
enum Link {
    Connecting(Pin<Box<dyn Future<Output = Result<Duplex, ConnectError>> + Send>>),
    Up(Box<Duplex>),
    Waiting(Instant),
}

/// What became of a link.
enum Step {
    Connected(Result<Box<Duplex>, ConnectError>),
    Received(Option<Incoming>),
    Waited,
}

impl Link {
    /// The next thing that happens to it. Dropping the future loses nothing.
    async fn step(&mut self) -> Step {
        match self {
            Self::Connecting(attempt) => Step::Connected(attempt.await.map(Box::new)),
            Self::Up(duplex) => Step::Received(duplex.incoming.recv().await),
            Self::Waiting(until) => {
                sleep_until(*until).await;
                Step::Waited
            }
        }
    }

    fn sender(&self) -> Option<mpsc::Sender<String>> {
        match self {
            Self::Up(duplex) => Some(duplex.outgoing.clone()),
            Self::Connecting(_) | Self::Waiting(_) => None,
        }
    }
}

impl Driver {
    fn new(options: Options, wake: Arc<Notify>) -> Self {
        let state = State::new(options.wish.clone());
        let start = Instant::now();
        Self {
            options,
            state,
            start,
            link: Link::Waiting(start),
            backoff: Backoff::default(),
            welcomed: None,
            events: VecDeque::new(),
            outgoing: VecDeque::new(),
            ending: None,
            wake,
        }
    }

    async fn run(
        &mut self,
        mut orders: mpsc::Receiver<Order>,
        events: &mpsc::Sender<Event>,
        leaving: &mut watch::Receiver<bool>,
    ) -> Ending {
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            if !self.turn(&mut orders, events, leaving).await {
                return self.leave().await;
            }
        }
    }

    /// Waits for the next thing and does it; false when it is time to leave.
    async fn turn(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        events: &mpsc::Sender<Event>,
        leaving: &mut watch::Receiver<bool>,
    ) -> bool {
        let told = self.events.is_empty();
        let sent = self.outgoing.is_empty();
        let sender = self.link.sender();
        let deadline = self.deadline();
        let wake = self.wake.clone();
        tokio::select! {
            // In this order: what waits goes out before more comes in.
            biased;
            _ = leaving.wait_for(|leave| *leave) => return false,
            permit = events.reserve(), if !told => match (permit, self.events.pop_front()) {
                (Ok(permit), Some(event)) => permit.send(event),
                (Ok(_), None) => {}
                (Err(_), _) => return false,
            },
            permit = reserve(sender.as_ref()), if !sent && sender.is_some() => match (permit, self.outgoing.pop_front()) {
                (Some(permit), Some(message)) => permit.send(message),
                // The writer failed; the reader says why.
                (None, _) | (Some(_), None) => self.outgoing.clear(),
            },
            () = wake.notified(), if told && sent => self.woken(),
            step = self.link.step(), if told => self.step(step),
            () = sleep_until(deadline), if told && sent => {
                let now = self.now();
                self.with_state(|state, out| state.tick(now, out));
            }
            order = orders.recv(), if told && sent && self.state.accepts_messages() => match order {
                Some(order) => self.order(order),
                None => return false,
            },
        }
        true
    }

    fn step(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::Connected(Ok(duplex)) => {
                let datagram = duplex.datagram;
                self.link = Link::Up(duplex);
                self.with_state(|state, out| state.connected(now, datagram, out));
            }
            Step::Connected(Err(error @ ConnectError::Untrusted { fingerprint, .. })) => {
                let message = error.to_string();
                self.ending = Some(Ending::Untrusted { fingerprint, message });
            }
            Step::Connected(Err(error)) => self.lost(error.to_string()),
            Step::Received(Some(Incoming::Text(text))) => {
                self.with_state(|state, out| state.received(now, &text, out));
                if self.welcomed.is_none() && self.state.is_online() {
                    self.welcomed = Some(Instant::now());
                }
            }
            Step::Received(Some(Incoming::Closed { code, why })) => {
                if let Some(code) = code {
                    self.with_state(|state, out| state.closed(code, &why, out));
                }
                self.lost(why);
            }
            Step::Received(None) => self.lost("the connection broke".to_owned()),
            Step::Waited => {
                let (place, attempt) = (self.options.place.clone(), self.backoff.attempts());
                self.link = Link::Connecting(Box::pin(async move { transport::connect(&place, attempt).await }));
            }
        }
    }

    fn woken(&mut self) {
        let now = self.now();
        match &mut self.link {
            Link::Up(_) => self.with_state(|state, out| state.probe(now, out)),
            Link::Waiting(until) => *until = Instant::now(),
            Link::Connecting(_) => {}
        }
    }

    fn order(&mut self, order: Order) {
        let now = self.now();
        match order {
            Order::Say(message) => self.with_state(|state, out| state.say(now, message, out)),
            Order::Ask(id, ask) => self.with_state(|state, out| state.ask(now, id, &ask, out)),
        }
    }

    fn with_state(&mut self, act: impl FnOnce(&mut State, &mut Vec<Output>)) {
        let mut out = Vec::new();
        act(&mut self.state, &mut out);
        for output in out {
            match output {
                Output::Send(message) => self.outgoing.push_back(message),
                Output::Show(event) => self.events.push_back(event),
                Output::Reconnect(why) => self.lost(why),
                Output::Stop(ending) => self.ending = Some(ending),
            }
        }
    }

    /// The connection is gone, or there was none: wait, and try again.
    fn lost(&mut self, why: String) {
        if self.ending.is_some() {
            return;
        }
        self.outgoing.clear();
        let mut out = Vec::new();
        self.state.disconnected(&mut out);
        if let Some(welcomed) = self.welcomed.take() {
            self.backoff.lived(welcomed.elapsed());
        }
        let retry_in = self.backoff.next(chance());
        self.link = Link::Waiting(Instant::now() + retry_in);
        self.events.push_back(Event::Disconnected { why, retry_in });
        self.events.extend(out.into_iter().filter_map(|output| match output {
            Output::Show(event) => Some(event),
            Output::Send(_) | Output::Reconnect(_) | Output::Stop(_) => None,
        }));
    }

    /// Says goodbye, within bounds.
    async fn leave(&mut self) -> Ending {
        self.with_state(State::leave);
        if let Link::Up(duplex) = std::mem::replace(&mut self.link, Link::Waiting(self.start)) {
            let outgoing = std::mem::take(&mut self.outgoing);
            let goodbye = async {
                for message in outgoing {
                    if duplex.outgoing.send(message).await.is_err() {
                        break;
                    }
                }
                duplex.finish().await;
            };
            // A server that does not take it will notice the closed socket.
            let _ = timeout(GOODBYE_WITHIN, goodbye).await;
        }
        Ending::Left
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn deadline(&self) -> Instant {
        let now = self.now();
        let deadline = self.state.deadline().unwrap_or(u64::MAX).min(now.saturating_add(SLEEP_MAX_MS));
        self.start + Duration::from_millis(deadline)
    }
}

async fn reserve(sender: Option<&mpsc::Sender<String>>) -> Option<mpsc::Permit<'_, String>> {
    sender?.reserve().await.ok()
}

/// Any number. Where the system has none to give, all clients wait alike, which is a pity and no more.
fn chance() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}
