//! WebSocket frames that are too large or break the protocol.

use serde_json::json;
use switchboard_e2e::{ServerOptions, WebSocket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::room::Room;

#[test]
fn a_web_socket_message_may_have_its_limit_and_not_one_byte_more() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let limit = 64 * 1024;
    let around = json!({ "type": "ping", "pad": "" }).to_string().len();
    let mut socket = WebSocket::connect("at the limit", room.address(), "/ws?protocol=json");
    socket.say(&json!({ "type": "ping", "pad": "x".repeat(limit - around) }).to_string());
    socket.expect("\"pong\"");
    socket.say(&json!({ "type": "ping", "pad": "x".repeat(limit - around + 1) }).to_string());
    let frame = socket.expect_close().expect("a close frame");
    assert_eq!(u16::from(frame.code), 1009);
    assert!(frame.reason.starts_with("frame_too_large:"), "{}", frame.reason);
    room.check("a large frame");
}

#[test]
fn bad_frames_are_answered_with_their_close_code() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let reserved_bits = FrameHeader { rsv1: true, opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    let reserved_opcode = FrameHeader { opcode: OpCode::Data(Data::Reserved(5)), ..FrameHeader::default() };
    let split_ping = FrameHeader { is_final: false, opcode: OpCode::Control(Control::Ping), ..FrameHeader::default() };
    let continuation = FrameHeader { opcode: OpCode::Data(Data::Continue), ..FrameHeader::default() };
    let binary = FrameHeader { opcode: OpCode::Data(Data::Binary), ..FrameHeader::default() };
    for (what, header, code) in [
        ("reserved bits", reserved_bits, 1002),
        ("a reserved opcode", reserved_opcode, 1002),
        ("a split ping", split_ping, 1002),
        ("a continuation of nothing", continuation, 1002),
        ("binary data", binary, 1003),
    ] {
        let mut socket = WebSocket::connect(what, room.address(), "/ws?protocol=json");
        socket.send(Message::Frame(Frame::from_payload(header, b"{}"[..].into()))).expect("a frame");
        assert_eq!(socket.expect_close().map(|frame| u16::from(frame.code)), Some(code), "{what}");
        room.check(what);
    }
    // What no library sends: a frame that is not masked, and a length in more bytes than it needs.
    for bytes in [&b"\x81\x02{}"[..], b"\x81\xfe\x00\x02\0\0\0\0{}"] {
        let mut socket = WebSocket::connect("raw", room.address(), "/ws?protocol=json");
        std::io::Write::write_all(socket.stream(), bytes).expect("a frame");
        assert_eq!(socket.expect_close().map(|frame| u16::from(frame.code)), Some(1002), "{bytes:?}");
        room.check("a raw frame");
    }
}

#[test]
fn bad_utf8_in_a_frame_closes_it() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let mut socket = WebSocket::connect("websocket", room.address(), "/ws?protocol=json");
    let frame = Frame::message(&b"{\"type\":\"p\xff\"}"[..], OpCode::Data(Data::Text), true);
    socket.send(Message::Frame(frame)).expect("a frame");
    assert_eq!(socket.expect_close().map(|frame| u16::from(frame.code)), Some(1007));
    room.check("invalid UTF-8 in a frame");
}
