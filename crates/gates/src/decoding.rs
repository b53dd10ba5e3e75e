//! Decoding: from the bytes that a socket gave to a request for the core.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use switchboard_core::{Epoch, Reply, SessionId, Welcome};
use switchboard_protocols::conversation::{self, Branch, Carrier, Choice, Client, Sockets};
use switchboard_protocols::engineio;
use switchboard_protocols::framing::websocket::client;
use switchboard_protocols::framing::websocket::frame::Opcode;
use switchboard_protocols::socketio::{Namespace, Namespaces};
use switchboard_protocols::{Act, Conversation, Framing, Settings};

use crate::samples::TEXT;

pub(crate) fn text() -> Box<dyn FnMut()> {
    let conversation = conversation::stream_text(&Arc::new(Settings::default()));
    repeat(conversation, format!("{TEXT}\n").into_bytes())
}

pub(crate) fn json() -> Box<dyn FnMut()> {
    let mut conversation = conversation::websocket(&Arc::new(Settings::default()), None, Some(Choice::Json), 0);
    receive(&mut *conversation, &masked(r#"{"type":"hello"}"#));
    repeat(conversation, masked(&format!(r#"{{"type":"message","room":"lobby","text":"{TEXT}"}}"#)))
}

pub(crate) fn socketio() -> Box<dyn FnMut()> {
    let namespaces = Namespaces::new(vec![Namespace::chat("/")], None, Arc::default());
    let client = Client {
        session: engineio::Sid::new(0, 0, [0; 16]),
        takes_offsets: true,
        connect_by: 1_000,
        bytes_max: 1_000_000,
    };
    let upper = Box::new(Sockets::new(namespaces, client));
    let settings = engineio::Settings {
        ping_interval_ms: 25_000,
        ping_timeout_ms: 20_000,
        upgrade_timeout_ms: 10_000,
        connect_timeout_ms: 45_000,
        max_payload: 1_000_000,
    };
    let mut carrier = Carrier::new(&Arc::new(settings), "SID".to_owned(), Framing::WebSocket, false, upper, 0);
    // The first call, with no bytes, sends the handshake.
    receive(&mut carrier, &[]);
    let opened = receive(&mut carrier, &masked("40"))
        .into_iter()
        .find_map(|act| if let Act::Branch(branch, Branch::Open) = act { carrier.branch(branch) } else { None });
    // The shard keeps it as long as the socket is in.
    let mut socket = opened.expect("who joins the chat becomes a session");
    socket.reply(&Reply::Welcome(Box::new(Welcome {
        reference: None,
        session: SessionId(1),
        token: "token".into(),
        epoch: Epoch(1),
        nick: "guest-7f3a".into(),
        resumed: false,
        rooms: Vec::new(),
    })));
    let mut once = repeat(Box::new(carrier), masked(&format!(r#"42["message","{TEXT}"]"#)));
    Box::new(move || {
        black_box(&socket);
        once();
    })
}

/// A conversation that gets the same bytes again and again.
fn repeat(mut conversation: Box<dyn Conversation>, bytes: Vec<u8>) -> Box<dyn FnMut()> {
    let (mut input, mut acts) = (bytes.clone(), Vec::new());
    Box::new(move || {
        // They may have been overwritten, as masked ones are.
        input.copy_from_slice(&bytes);
        acts.clear();
        conversation.receive(1, &mut input, &mut acts).expect("the bytes follow the protocol");
        assert!(!black_box(&acts).is_empty(), "a message asks for something");
    })
}

fn receive(conversation: &mut dyn Conversation, bytes: &[u8]) -> Vec<Act> {
    let mut acts = Vec::new();
    conversation.receive(0, &mut bytes.to_vec(), &mut acts).expect("the bytes follow the protocol");
    acts
}

fn masked(text: &str) -> Vec<u8> {
    let mut out = BytesMut::new();
    client::put_message(&mut out, Opcode::Text, text.as_bytes(), [0x37, 0xfa, 0x21, 0x3d]);
    out.to_vec()
}
