//! A small chat server that speaks all dialects of the load generator, and can be told to do it wrong.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use switchboard_bench::load::Marker;

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    TcpText,
    TcpJson,
    WsJson,
}

/// What the server does wrong with message 70 of the first sender, at the last of the other connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It never comes, but all others do.
    Lose,
    /// It comes twice.
    Double,
    /// It and all after it never come.
    Stop,
}

const FAULTY_NUMBER: u32 = 70;

struct Server {
    protocol: Protocol,
    fault: Fault,
    members: Mutex<Vec<TcpStream>>,
}

/// Starts a server that lives as long as the test's process.
pub(crate) fn start(protocol: Protocol, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Arc::new(Server { protocol, fault, members: Mutex::new(Vec::new()) });
    thread::spawn(move || {
        for stream in listener.incoming() {
            let server = Arc::clone(&server);
            thread::spawn(move || server.serve(stream.unwrap()));
        }
    });
    address
}

impl Server {
    /// Serves one connection until the peer goes: any error ends only its thread.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut output = stream.try_clone().ok()?;
        let mut input = BufReader::new(stream);
        if self.protocol == Protocol::WsJson {
            while next_line(&mut input)? != "\r\n" {}
            output.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").ok()?;
        }
        self.next_message(&mut input)?;
        if self.protocol == Protocol::WsJson {
            // The welcome waits for the pong: a client that does not answer pings never gets in.
            output.write_all(&[0x89, 2, b'h', b'i']).ok()?;
            assert_eq!(self.next_message(&mut input)?, "hi");
        }
        let index = {
            let mut members = self.members.lock().unwrap();
            members.push(output.try_clone().ok()?);
            let welcome = match self.protocol {
                Protocol::TcpText => "-- Welcome.".to_owned(),
                Protocol::TcpJson | Protocol::WsJson => r#"{"type":"welcome","rooms":[]}"#.to_owned(),
            };
            output.write_all(&self.frame(&welcome)).ok()?;
            members.len() - 1
        };
        loop {
            let message = self.next_message(&mut input)?;
            self.publish(index, &message);
        }
    }

    fn publish(&self, sender: usize, message: &str) {
        let marker = Marker::find(message.as_bytes()).unwrap();
        let frame = match self.protocol {
            Protocol::TcpText => self.frame(&format!("<guest-{sender}> {message}")),
            Protocol::TcpJson | Protocol::WsJson => self.frame(&format!("{{\"seq\":1,{}", &message[1..])),
        };
        let members = self.members.lock().unwrap();
        // The sender itself may have come last: connections are taken in by threads.
        let last = (0..members.len()).rfind(|index| *index != sender);
        for (index, mut member) in members.iter().enumerate().filter(|(index, _)| *index != sender) {
            let is_faulty_place = Some(index) == last && marker.sender == 0;
            let copies = match self.fault {
                Fault::Lose if is_faulty_place && marker.number == FAULTY_NUMBER => 0,
                Fault::Double if is_faulty_place && marker.number == FAULTY_NUMBER => 2,
                Fault::Stop if is_faulty_place && marker.number >= FAULTY_NUMBER => 0,
                Fault::None | Fault::Lose | Fault::Double | Fault::Stop => 1,
            };
            for _ in 0..copies {
                // A member that has gone hears nothing, as it should be.
                let _ = member.write_all(&frame);
            }
        }
    }

    fn frame(&self, message: &str) -> Vec<u8> {
        match self.protocol {
            Protocol::TcpText | Protocol::TcpJson => format!("{message}\n").into_bytes(),
            Protocol::WsJson => {
                let length = message.len() as u16;
                let mut frame = if length < 126 { vec![0x81, length as u8] } else { vec![0x81, 126] };
                if length >= 126 {
                    frame.extend_from_slice(&length.to_be_bytes());
                }
                frame.extend_from_slice(message.as_bytes());
                frame
            }
        }
    }

    fn next_message(&self, input: &mut BufReader<TcpStream>) -> Option<String> {
        match self.protocol {
            Protocol::TcpText | Protocol::TcpJson => Some(next_line(input)?.trim_end().to_owned()),
            Protocol::WsJson => {
                let mut head = [0; 2];
                input.read_exact(&mut head).ok()?;
                let mut length = usize::from(head[1] & 0x7f);
                if length == 126 {
                    input.read_exact(&mut head).ok()?;
                    length = usize::from(u16::from_be_bytes(head));
                }
                let mut bytes = vec![0; 4 + length];
                input.read_exact(&mut bytes).ok()?;
                let (mask, payload) = bytes.split_at(4);
                let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
                String::from_utf8(plain).ok()
            }
        }
    }
}

fn next_line(input: &mut impl std::io::BufRead) -> Option<String> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|bytes| *bytes > 0).map(|_| line)
}
