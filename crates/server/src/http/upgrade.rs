//! What a connection goes on as when its handshake is answered: a WebSocket, of its own or of an Engine.IO session.

use super::socketio::{self, Target};
use super::{Switch, Upgrade, close};
use crate::admission::Permit;
use crate::shard::Opening;
use crate::shard::driver::{Inbound, Local};
use crate::shard::polling::Probe;
use crate::socket::Socket;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;
use switchboard_core::Via;
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::framing::websocket::{CloseCode, frame};
use switchboard_protocols::{Frame, Framing};

/// Goes on as what was agreed on. `head` is the answer that says so, if it is not sent yet; `left` came after the request.
///
/// # Errors
/// The connection ended, or there are too many of its client's.
pub(super) async fn switch_over(
    local: &Rc<Local>,
    socket: Socket,
    mut permit: Permit,
    switch: Switch,
    head: Frame,
    mut left: Vec<u8>,
) -> io::Result<()> {
    let arrivals = &local.environment.arrivals;
    match switch {
        Switch::WebSocket(Upgrade { compression, language, peer }) => {
            permit.locate(peer.ip()).map_err(|refusal| arrivals.refused(&refusal))?;
            let opening = Opening {
                conversation: conversation::websocket(&arrivals.conversations, compression, language, local.tick()),
                via: Via::WebSocket,
                address: Some(peer),
                // Whoever chose text is greeted, like every line client; the others speak first.
                observe: language == Some(Choice::Text),
                idle_ms: arrivals.idle_ms,
                head,
            };
            local.open(socket.loosen(), permit, opening, &mut left);
            Ok(())
        }
        Switch::Engine(promise) => {
            permit.locate(promise.peer.ip()).map_err(|refusal| arrivals.refused(&refusal))?;
            // Whoever promised is there.
            let endpoint = arrivals.socketio.as_ref().ok_or(io::ErrorKind::NotFound)?;
            go_on(endpoint, local, socket, permit, head, left, &promise).await
        }
    }
}

/// Makes an Engine.IO session of a WebSocket, or hands it to the shard whose session it wants to take over.
async fn go_on(
    endpoint: &socketio::Endpoint,
    local: &Rc<Local>,
    socket: Socket,
    permit: Permit,
    head: Frame,
    mut first: Vec<u8>,
    promise: &socketio::Promise,
) -> io::Result<()> {
    if !matches!(promise.target, Target::New) {
        socket.send(head.bytes(), &[], local.environment.arrivals.site.body_timeout).await?;
    }
    let sid = match promise.target {
        Target::New => {
            let framing = Framing::websocket(promise.compression);
            let (_, carrier) = endpoint.begin(&promise.query, local, framing).map_err(io::Error::other)?;
            local.open_engine(socket.loosen(), permit, carrier, promise.peer, head, &mut first);
            return Ok(());
        }
        Target::TakeOver(sid) => sid,
        Target::Nothing => {
            let farewell = frame::close(CloseCode::POLICY, "the session has a WebSocket already");
            let _ = socket.try_write(&[IoSlice::new(&farewell)]);
            close(&socket).await;
            return Err(io::ErrorKind::AlreadyExists.into());
        }
    };
    let patience = Duration::from_millis(endpoint.settings.upgrade_timeout_ms);
    let compression = promise.compression;
    let probe = Box::new(Probe { sid, socket: socket.loosen(), permit, first, patience, compression });
    // It counts where it goes.
    local.count_out();
    if sid.shard() == local.environment.settings.number {
        local.clone().probe(*probe);
    } else if let Some(shard) = local.environment.arrivals.shards.get(usize::from(sid.shard())) {
        shard.hand(Inbound::Probe(probe)).await;
    }
    Ok(())
}
