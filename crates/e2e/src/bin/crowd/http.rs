//! A connection of HTTP that is kept, as a client has it that polls: a request, and its answer.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer's head, and of one read.
const CHUNK_BYTES: usize = 4_096;

pub(crate) struct Http {
    stream: TcpStream,
    address: SocketAddr,
    /// What was read and belongs to no answer yet.
    buffer: Vec<u8>,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, buffer: Vec::new() })
    }

    /// Sends a request without waiting for its answer.
    pub(crate) async fn ask(&mut self, target: &str, body: Option<&str>) -> io::Result<()> {
        let host = self.address;
        let request = match body {
            None => format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            Some(body) => {
                let len = body.len();
                format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len}\r\n\r\n{body}")
            }
        };
        self.stream.write_all(request.as_bytes()).await
    }

    /// Waits for the answer to the request that was sent last, and gives its body. Any status but 200 is an error.
    pub(crate) async fn answer(&mut self) -> io::Result<String> {
        let head_len = loop {
            if let Some(place) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break place + 4;
            }
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_len]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let length = length.ok_or_else(|| io::Error::other(format!("an answer without a length: {head}")))?;
        while self.buffer.len() < head_len + length {
            self.read().await?;
        }
        let body = self.buffer[head_len..head_len + length].to_vec();
        self.buffer.drain(..head_len + length);
        if !head.starts_with("http/1.1 200 ") {
            let status = head.lines().next().unwrap_or_default();
            return Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        String::from_utf8(body).map_err(io::Error::other)
    }

    pub(crate) async fn request(&mut self, target: &str, body: Option<&str>) -> io::Result<String> {
        self.ask(target, body).await?;
        self.answer().await
    }

    async fn read(&mut self) -> io::Result<()> {
        let had = self.buffer.len();
        self.buffer.resize(had + CHUNK_BYTES, 0);
        let count = self.stream.read(&mut self.buffer[had..]).await?;
        self.buffer.truncate(had + count);
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
