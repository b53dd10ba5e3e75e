//! Requests that come in pieces or are unusual, which hyper reads and answers until there is nothing more to them.

mod socket;

use super::content::Sent;
use super::message::Message;
use super::site::{client_ip, unavailable};
use super::upgrade::switch_over;
use super::whole::Terms;
use super::{NO_ROOM, Reply, Switch, Visitor, close, give, hold_back, refuse, respond, say_timeout};
use crate::listener::Left;
use crate::shard::driver::Local;
use hyper::Request;
use hyper::body::{self, Body, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use socket::{HttpIo, Known};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use switchboard_protocols::Frame;
use tokio::time::{Instant, sleep};

/// Memory that hyper takes for one connection: what it reads into, and what it writes from.
const HYPER_BYTES: usize = 16 * 1024;

/// How far it came.
pub(super) enum Turn {
    /// A shard has the socket.
    HandedOver,
    /// The requests are answered. The bytes are what was read beyond them.
    Answered(Box<Visitor>, Vec<u8>),
}

/// A request's body, and a note of its end.
struct Noted<'a> {
    body: Incoming,
    is_read: &'a Cell<bool>,
}

impl Body for Noted<'_> {
    type Data = <Incoming as Body>::Data;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<body::Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.is_read.set(frame.is_none() || self.body.is_end_stream());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves one request, of which `first` was read already, by hyper. `message` says where the request ends, if that is
/// known.
///
/// # Errors
/// The connection ended: as it should, or because the peer broke the rules, was too slow (408), took nothing of the
/// answer, or there was no room for it (503).
pub(super) async fn converse(
    local: &Rc<Local>,
    visitor: Box<Visitor>,
    first: Vec<u8>,
    message: Option<Message>,
) -> io::Result<Turn> {
    let site = &local.environment.arrivals.site;
    let from = visitor.route.peer.ip();
    let until = Instant::now() + site.body_timeout;
    let Some(_share) = site.budget.take(from, HYPER_BYTES, until).await else {
        give(site, &visitor.socket, from, Box::new(unavailable(NO_ROOM)), Terms::LAST).await?;
        close(&visitor.socket).await;
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, NO_ROOM));
    };
    let Visitor { socket, route, permit, needs_tls, refused } = *visitor;
    let refused = Cell::new(refused);
    let switched: Cell<Option<Switch>> = Cell::new(None);
    // Nothing of the request is left, neither to be read nor to be said.
    let (is_read, is_said) = (Cell::new(false), Rc::new(Cell::new(false)));
    let service = service_fn(|request: Request<Incoming>| {
        let (switched, is_read, is_said, refused) = (&switched, &is_read, &is_said, &refused);
        is_read.set(request.body().is_end_stream());
        is_said.set(false);
        let request = request.map(|body| Noted { body, is_read });
        Box::pin(async move {
            let client = client_ip(&local.environment.arrivals, request.headers(), route);
            let mut answer = match respond(local, request, route, needs_tls).await {
                Reply::Answer(answer) => *answer,
                Reply::Wait(mut parked) => {
                    let answer = parked.answer().await;
                    // hyper does not say what becomes of it.
                    parked.given();
                    *answer
                }
                Reply::Switch(switch) => {
                    let (answer, switch) = *switch;
                    switched.set(Some(switch));
                    answer
                }
            };
            let mut count = refused.get();
            if !hold_back(site, &mut count, client, &answer).await {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            refused.set(count);
            let (budget, is_said) = (site.budget.clone(), is_said.clone());
            let sent = |content| Sent::new(content, budget, client, site.body_timeout, is_said);
            Ok::<_, Infallible>(answer.map(sent))
        })
    });
    let known = Known::default();
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.header_timeout)
        .max_buf_size(site.header_bytes)
        .serve_connection(HttpIo::new(socket, first, message, &known), service);
    let mut is_answered = false;
    let mut watch = Box::pin(sleep(site.body_timeout));
    let mut is_stuck = false;
    let served = poll_fn(|context| {
        while watch.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let since = known.blocked_since.get().unwrap_or(now);
            if now >= since + site.body_timeout {
                is_stuck = true;
                return Poll::Ready(Ok(()));
            }
            watch.as_mut().reset(since + site.body_timeout);
        }
        known.is_flushed.set(false);
        match connection.poll_without_shutdown(context) {
            // What hyper had still to write would be lost with it.
            Poll::Pending if known.is_flushed.get() && is_said.get() && (is_read.get() || known.is_over.get()) => {
                is_answered = true;
                Poll::Ready(Ok(()))
            }
            // After an answer to a request whose body it does not want it is done before the socket took the answer.
            Poll::Ready(Ok(())) if !known.is_flushed.get() => Poll::Pending,
            polled => polled,
        }
    })
    .await;
    let parts = connection.into_parts();
    let (socket, left) = parts.io.into_parts(&parts.read_buf);
    if is_stuck {
        site.metrics.limited("body_timeout");
        return Err(io::ErrorKind::TimedOut.into());
    }
    if let Some(switch) = switched.take() {
        served.map_err(io::Error::other)?;
        switch_over(local, socket, permit, switch, Frame::default(), left).await?;
        return Ok(Turn::HandedOver);
    }
    if is_answered {
        let refused = refused.get();
        return Ok(Turn::Answered(Box::new(Visitor { socket, route, permit, needs_tls, refused }), left));
    }
    if let Some(wrong) = known.wrong.get()
        && !known.has_answered.get()
    {
        let visitor = Visitor { socket, route, permit, needs_tls, refused: refused.get() };
        refuse(local, &visitor, wrong).await?;
        return Err(io::ErrorKind::InvalidData.into());
    }
    if served.as_ref().is_err_and(hyper::Error::is_timeout) && !left.is_empty() {
        say_timeout(&socket);
    }
    close(&socket).await;
    Err(served.map_or_else(io::Error::other, |()| Left.into()))
}
