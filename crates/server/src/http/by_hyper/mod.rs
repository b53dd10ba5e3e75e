//! Requests that come in pieces or are unusual, which hyper reads and answers until there is nothing more to them.

mod socket;

use super::upgrade::switch_over;
use super::{Reply, Switch, Visitor, close, respond, say_timeout};
use crate::listener::Left;
use crate::shard::driver::Local;
use http_body_util::Full;
use hyper::Request;
use hyper::body::{self, Body, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use socket::HttpIo;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use switchboard_protocols::Frame;

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

/// Lets hyper speak until what it read is answered. `first` was read already.
///
/// # Errors
/// The connection ended: as it should, or because the peer broke the rules or was too slow (408).
pub(super) async fn converse(local: &Rc<Local>, visitor: Box<Visitor>, first: Vec<u8>) -> io::Result<Turn> {
    let site = &local.environment.arrivals.site;
    let Visitor { socket, route, permit, needs_tls } = *visitor;
    let switched: Cell<Option<Switch>> = Cell::new(None);
    // Nothing of the last request is left, neither to be read nor to be said.
    let (is_read, is_said) = (Cell::new(false), Cell::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (switched, is_read, is_said) = (&switched, &is_read, &is_said);
        is_read.set(request.body().is_end_stream());
        is_said.set(false);
        let request = request.map(|body| Noted { body, is_read });
        Box::pin(async move {
            let answer = match respond(local, request, route, needs_tls).await {
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
            is_said.set(true);
            Ok::<_, Infallible>(answer.map(Full::new))
        })
    });
    let is_flushed = Cell::new(false);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.header_timeout)
        .max_buf_size(site.header_bytes)
        .serve_connection(HttpIo::new(socket, first, &is_flushed), service);
    let mut is_answered = false;
    let served = poll_fn(|context| {
        is_flushed.set(false);
        match connection.poll_without_shutdown(context) {
            // What hyper had still to write would be lost with it.
            Poll::Pending if is_flushed.get() && is_said.get() && is_read.get() => {
                is_answered = true;
                Poll::Ready(Ok(()))
            }
            // After an answer to a request whose body it does not want it is done before the socket took the answer.
            Poll::Ready(Ok(())) if !is_flushed.get() => Poll::Pending,
            polled => polled,
        }
    })
    .await;
    let parts = connection.into_parts();
    let (socket, left) = parts.io.into_parts(&parts.read_buf);
    if let Some(switch) = switched.take() {
        served.map_err(io::Error::other)?;
        switch_over(local, socket, permit, switch, Frame::default(), left).await?;
        return Ok(Turn::HandedOver);
    }
    if is_answered {
        return Ok(Turn::Answered(Box::new(Visitor { socket, route, permit, needs_tls }), left));
    }
    if served.as_ref().is_err_and(hyper::Error::is_timeout) && !left.is_empty() {
        say_timeout(&socket);
    }
    close(&socket).await;
    Err(served.map_or_else(io::Error::other, |()| Left.into()))
}
