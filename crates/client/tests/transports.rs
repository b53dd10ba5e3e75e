//! Every transport against an independent other end.

mod support;

use futures_util::{SinkExt, StreamExt};
use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{PATIENCE, Peer, Server, ack, event, message, options, until, welcome};
use switchboard_client::event::{Ending, Event};
use switchboard_client::{Client, Fingerprint, Target};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

fn certificate() -> (TlsAcceptor, Fingerprint) {
    let made = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let der: CertificateDer<'static> = made.cert.der().clone();
    let fingerprint = Fingerprint::of(&der);
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![der], key.into())
        .expect("a certificate and its key");
    (TlsAcceptor::from(Arc::new(config)), fingerprint)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_with_its_fingerprint() {
    let server = Server::bind().await;
    let (acceptor, fingerprint) = certificate();
    let (_, other) = certificate();
    for pin in [None, Some(other)] {
        let mut options = server.options("tls");
        options.place.pin = pin;
        options.place.known = pin;
        let (_handle, mut events) = Client::connect(options);
        assert!(acceptor.accept(server.stream().await).await.is_err());
        let Event::Ended(Ending::Untrusted { message: why, .. }) = event(&mut events).await else { panic!("trusted") };
        assert!(why.contains(&fingerprint.to_string()), "{why}");
    }
}

#[tokio::test]
async fn a_pinned_or_known_certificate_is_believed() {
    let server = Server::bind().await;
    let (acceptor, fingerprint) = certificate();
    for (pin, known) in [(Some(fingerprint), None), (None, Some(fingerprint))] {
        let mut options = server.options("tls");
        (options.place.pin, options.place.known) = (pin, known);
        let (handle, mut events) = Client::connect(options);
        let mut peer = Peer::new(acceptor.accept(server.stream().await).await.expect("a handshake"));
        assert_eq!(peer.read().await["type"], "hello");
        peer.send(&welcome(10)).await;
        assert!(matches!(event(&mut events).await, Event::Connected(_)));
        handle.say(Target::Current, "secret".to_owned(), false).await.expect("a client");
        let request = peer.read().await;
        peer.send(&ack(&request, 11)).await;
        assert!(matches!(event(&mut events).await, Event::Delivered { seq: Some(11), .. }));
    }
}

/// The other end of a WebSocket.
struct Socket<S>(WebSocketStream<S>);

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Socket<S> {
    async fn accept(stream: S) -> Self {
        Self(tokio_tungstenite::accept_async(stream).await.expect("a handshake"))
    }

    async fn read(&mut self) -> Value {
        let message = timeout(PATIENCE, self.0.next()).await.expect("a message in time").expect("a message");
        let text = message.expect("a good message").into_text().expect("a text message");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn send(&mut self, value: &Value) {
        self.0.send(Message::text(value.to_string())).await.expect("the client is there");
    }
}

#[tokio::test]
async fn a_websocket_carries_messages_and_its_close_code_is_a_verdict() {
    let server = Server::bind().await;
    let (handle, mut events) = Client::connect(server.options("ws"));
    let mut socket = Socket::accept(server.stream().await).await;
    assert_eq!(socket.read().await, json!({"type": "hello", "nick": "ada"}));
    socket.send(&welcome(10)).await;
    assert!(matches!(event(&mut events).await, Event::Connected(_)));
    handle.say(Target::Current, "line\nbreak".to_owned(), false).await.expect("a client");
    let request = socket.read().await;
    assert_eq!(request["text"], "line\nbreak");
    socket.send(&ack(&request, 11)).await;
    socket.send(&message(12, "bob", "hi")).await;
    assert!(matches!(event(&mut events).await, Event::Delivered { seq: Some(11), .. }));
    assert!(matches!(event(&mut events).await, Event::Message(_)));
    let frame = CloseFrame { code: 4001.into(), reason: "this session was resumed elsewhere".into() };
    socket.0.close(Some(frame)).await.expect("the client is there");
    let Event::Ended(Ending::Refused { code, .. }) = event(&mut events).await else { panic!("no verdict") };
    assert_eq!(code, "taken_over");
}

#[tokio::test]
async fn a_websocket_over_tls_is_one_as_well() {
    let server = Server::bind().await;
    let (acceptor, fingerprint) = certificate();
    let mut options = server.options("wss");
    options.place.pin = Some(fingerprint);
    let (_handle, mut events) = Client::connect(options);
    let mut socket = Socket::accept(acceptor.accept(server.stream().await).await.expect("a handshake")).await;
    socket.read().await;
    socket.send(&welcome(10)).await;
    assert!(matches!(event(&mut events).await, Event::Connected(_)));
}

#[tokio::test]
async fn a_websocket_message_over_the_limit_is_not_taken() {
    let server = Server::bind().await;
    let (_handle, mut events) = Client::connect(server.options("ws"));
    let mut socket = Socket::accept(server.stream().await).await;
    socket.read().await;
    socket.send(&welcome(10)).await;
    assert!(matches!(event(&mut events).await, Event::Connected(_)));
    // The client hangs up when it has read the header, so that not all of it need be written.
    let _ = socket.0.send(Message::text("x".repeat(2 * 1024 * 1024))).await;
    assert!(matches!(event(&mut events).await, Event::Disconnected { .. }));
}

#[tokio::test]
async fn datagrams_carry_messages_and_a_lost_one_is_sent_again_under_its_id() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("udp://{}", socket.local_addr().expect("an address"));
    let (handle, mut events) = Client::connect(options(&url));
    let mut buffer = vec![0; 65_536];
    let mut read = async || {
        let (bytes, from) =
            timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("in time").expect("a datagram");
        (bytes, from, serde_json::from_slice::<Value>(&buffer[..bytes]).expect("JSON"))
    };
    let (bytes, client, hello) = read().await;
    assert!(bytes >= 64 && hello["type"] == "hello");
    let send = async |value: Value| socket.send_to(value.to_string().as_bytes(), client).await.expect("sent");
    send(welcome(10)).await;
    assert!(matches!(event(&mut events).await, Event::Connected(_)));
    handle.say(Target::Current, "hi".to_owned(), false).await.expect("a client");
    let (_, _, lost) = read().await;
    let (_, _, again) = read().await;
    assert_eq!(lost, again);
    send(ack(&again, 11)).await;
    assert!(matches!(event(&mut events).await, Event::Delivered { seq: Some(11), .. }));
    handle.leave();
    assert_eq!(read().await.2, json!({"type": "quit"}));
}

#[tokio::test]
async fn where_nobody_listens_the_client_says_so_and_goes_on_trying() {
    let server = Server::bind().await;
    let options = server.options("tcp");
    drop(server);
    let (_handle, mut events) = Client::connect(options);
    for _ in 0..2 {
        until(&mut events, |event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    }
}
