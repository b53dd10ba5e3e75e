//! The client for programs: a handle to say and ask with, and the events that come back.

use crate::driver;
use crate::event::Event;
use crate::message_id;
use crate::request::{Ask, Outgoing, RequestId, Target};
use crate::state::Wish;
use crate::transport::Place;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, mpsc, watch};

/// Orders that the driver has not taken yet. It takes none while its queue of messages is full, or its events are not
/// read, so that whoever says too much waits.
const ORDERS: usize = 64;

/// Events that nobody has read yet. The driver reads no more from the server while they are not.
const EVENTS: usize = 256;

/// Where to connect to, and as whom.
#[derive(Clone)]
pub struct Options {
    pub place: Place,
    pub wish: Wish,
}

/// The way to a client.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Starts a client in the background of the current tokio runtime. It connects, and connects again, until it is
    /// asked to leave, every handle or the events are dropped, or the server does not want it.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and I/O.
    #[must_use]
    pub fn connect(options: Options) -> (Handle, Events) {
        let (orders, orders_to_take) = mpsc::channel(ORDERS);
        let (events_to_tell, events) = mpsc::channel(EVENTS);
        let (leave, leaving) = watch::channel(false);
        let wake = Arc::new(Notify::new());
        tokio::spawn(driver::drive(options, orders_to_take, events_to_tell, leaving, wake.clone()));
        (Handle { orders, leave: Arc::new(leave), wake, requests: Arc::default() }, Events { events })
    }
}

/// Says and asks. Clones are the same client.
#[derive(Clone, Debug)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    leave: Arc<watch::Sender<bool>>,
    wake: Arc<Notify>,
    requests: Arc<AtomicU64>,
}

/// What a handle tells the driver.
#[derive(Debug)]
pub(crate) enum Order {
    Say(Outgoing),
    Ask(RequestId, Ask),
}

/// The client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has ended")]
pub struct Ended;

impl Handle {
    /// A place in the client's inbox, as soon as there is one. Whoever reads the events in the same task must go on
    /// reading them while waiting: a client whose events are not read takes no orders.
    ///
    /// # Errors
    /// [`Ended`]: nothing more can be said.
    pub async fn ready(&self) -> Result<Ready<'_>, Ended> {
        let permit = self.orders.reserve().await.map_err(|_| Ended)?;
        Ok(Ready { permit, requests: &self.requests })
    }

    /// Says something; returns the message's identifier, by which [`Event::Delivered`] or [`Event::NotSent`] tells
    /// what became of it.
    ///
    /// # Errors
    /// [`Ended`]: it was not said.
    pub async fn say(&self, target: Target, text: String, action: bool) -> Result<String, Ended> {
        Ok(self.ready().await?.say(target, text, action))
    }

    /// Asks for something; returns the number by which [`Event::Answer`] or [`Event::Refused`] tells what came of it.
    ///
    /// # Errors
    /// [`Ended`]: it was not asked.
    pub async fn ask(&self, ask: Ask) -> Result<RequestId, Ended> {
        Ok(self.ready().await?.ask(ask))
    }

    /// Says goodbye and ends the client. What was not acknowledged by now is lost.
    pub fn leave(&self) {
        self.leave.send_replace(true);
    }

    /// Something tells that the connection may be dead, or can be made now: the machine woke up, or somebody is tired
    /// of waiting. The server is asked at once whether it is there, or called back at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// A place in the client's inbox.
#[derive(Debug)]
pub struct Ready<'a> {
    permit: mpsc::Permit<'a, Order>,
    requests: &'a AtomicU64,
}

impl Ready<'_> {
    /// As [`Handle::say`], at once.
    #[must_use]
    pub fn say(self, target: Target, text: String, action: bool) -> String {
        let id = message_id::fresh();
        self.permit.send(Order::Say(Outgoing { id: id.clone(), target, text, action }));
        id
    }

    /// Says something that has an identifier already: one of before a restart, which the server stores once.
    pub fn submit(self, message: Outgoing) {
        self.permit.send(Order::Say(message));
    }

    /// As [`Handle::ask`], at once, under a number of the caller's. A caller that numbers one request numbers all.
    pub fn request(self, id: RequestId, ask: Ask) {
        self.permit.send(Order::Ask(id, ask));
    }

    /// As [`Handle::ask`], at once.
    #[must_use]
    pub fn ask(self, ask: Ask) -> RequestId {
        let id = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.permit.send(Order::Ask(id, ask));
        id
    }
}

/// The events of a client, in order.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
}

impl Events {
    /// The next one; none after [`Event::Ended`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next one, if it is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}
