//! A WebSocket echo server on our own codec and nothing else: `websocket_echo [--compression] [PORT]`.
//!
//! It is what a conformance suite is pointed at, and the shortest complete use of the codec.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use switchboard_protocols::framing::websocket::frame::{self, Opcode};
use switchboard_protocols::framing::websocket::handshake::Upgrade;
use switchboard_protocols::framing::websocket::{Decoder, Deflate, Message, Role, Violation};

const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
const REQUEST_BYTES_MAX: usize = 8 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// How long a peer that was told goodbye may take to hang up.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let (mut port, mut compression_min) = (0, None);
    for argument in std::env::args().skip(1) {
        match &*argument {
            "--compression" => compression_min = Some(0),
            number => port = number.parse()?,
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("ready on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            // A suite cuts connections on purpose; that is no news.
            if let Err(error) = serve(stream, compression_min)
                && !matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
            {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

/// Messages of `compression_min` bytes and more are compressed, if the client agrees.
fn serve(mut stream: TcpStream, compression_min: Option<u32>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BYTES];
    let Some((mut received, compression)) = open(&mut stream, &mut buffer, compression_min)? else {
        return Ok(());
    };
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX).inflating(compression.is_some());
    let mut out = BytesMut::new();
    loop {
        let goes_on = answer(&mut decoder, &mut buffer[received], &mut out);
        let frames = out.split().freeze();
        match compression {
            Some(deflate) => stream.write_all(&deflate.compress(&frames))?,
            None => stream.write_all(&frames)?,
        }
        if !goes_on {
            return hang_up(&mut stream, &mut buffer);
        }
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        received = 0..len;
    }
}

/// Reads the request, upgrades it, and returns the part of `buffer` that holds what came after it, and what was agreed on
/// about compression.
fn open(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    compression_min: Option<u32>,
) -> io::Result<Option<(Range<usize>, Option<Deflate>)>> {
    let mut len = 0;
    let head_len = loop {
        let read = stream.read(&mut buffer[len..REQUEST_BYTES_MAX])?;
        len += read;
        if let Some(at) = memchr::memmem::find(&buffer[..len], b"\r\n\r\n") {
            break at + 4;
        }
        if read == 0 || len == REQUEST_BYTES_MAX {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_len]);
    let headers =
        head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.as_bytes()));
    match Upgrade::from_headers(headers) {
        Ok(upgrade) => {
            let agreement = compression_min.and_then(|bytes| upgrade.compression(bytes));
            let extensions =
                agreement.map_or(String::new(), |agreed| format!("Sec-WebSocket-Extensions: {}\r\n", agreed.response));
            let accept = upgrade.accept;
            write!(
                stream,
                "HTTP/1.1 101 Switching Protocols\r\n\
                 Upgrade: websocket\r\n\
                 Connection: Upgrade\r\n\
                 {extensions}\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )?;
            Ok(Some((head_len..len, agreement.map(|agreed| agreed.deflate))))
        }
        Err(refusal) => {
            let status = refusal.status();
            write!(
                stream,
                "HTTP/1.1 {status} {refusal}\r\n\
                 Sec-WebSocket-Version: 13\r\n\
                 Content-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            )?;
            Ok(None)
        }
    }
}

/// Echoes the messages in `input`, and says whether the connection goes on.
fn answer(decoder: &mut Decoder, mut input: &mut [u8], out: &mut BytesMut) -> bool {
    loop {
        match decoder.next_message(&mut input) {
            Ok(Some(Message::Text(text))) => frame::put(out, Opcode::Text, text.as_bytes()),
            Ok(Some(Message::Binary(bytes))) => frame::put(out, Opcode::Binary, &bytes),
            Ok(Some(Message::Ping(bytes))) => frame::put(out, Opcode::Pong, &bytes),
            Ok(Some(Message::Pong(_))) => {}
            Ok(Some(Message::Close(close))) => {
                out.extend_from_slice(&frame::close_reply(close.as_ref()));
                return false;
            }
            Ok(None) => return true,
            Err(violation) => {
                out.extend_from_slice(&goodbye(violation));
                return false;
            }
        }
    }
}

fn goodbye(violation: Violation) -> Bytes {
    frame::close(violation.close_code(), &violation.to_string())
}

/// Ends the stream so that the peer surely reads our last frame: bytes that arrive at a socket
/// closed for good would reset the connection and take the frame with them.
fn hang_up(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(GOODBYE_TIMEOUT))?;
    while stream.read(buffer)? > 0 {}
    Ok(())
}
