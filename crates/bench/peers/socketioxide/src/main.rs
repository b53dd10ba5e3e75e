//! The peer `socketioxide`: each text that a client emits as `message` goes to all other clients.
//!
//! `switchboard-bench-socketioxide [ADDR:PORT]` prints `peer: ready on ADDR:PORT`. It has what makes it fast in
//! production: `TCP_NODELAY`, and the allocator that Switchboard has. Its handlers run as tasks of their own; on several
//! threads messages overtake each other, so it has one thread, on which they do not. That costs it no CPU time per
//! delivery: nothing has to be handed from thread to thread.

use std::io::Write as _;

use axum::serve::ListenerExt as _;
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::builder().max_payload(100_000_000).max_buffer_size(4_096).build_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("message", async |socket: SocketRef, Data::<String>(text)| {
            // It fails for members that do not keep up; the load generator finds out by itself.
            let _ = socket.broadcast().emit("message", &text).await;
        });
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(address.parse()?)?;
    let listener = socket.listen(4_096)?;
    writeln!(std::io::stdout(), "peer: ready on {}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        // It fails only for a connection that is gone already.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
