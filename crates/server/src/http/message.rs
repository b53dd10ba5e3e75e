//! Where a request ends: the body of each is checked and counted byte by byte before hyper reads it.

use super::strict::{Length, Wrong, field, is_visible, number};

/// Bytes of a chunk's line, and of one line behind the last chunk. Nobody needs its extensions (RFC 9112, 7.1.1).
const LINE_BYTES_MAX: usize = 256;
/// Bytes of all lines behind the last chunk (RFC 9112, 7.1.2).
const TRAILER_BYTES_MAX: usize = 4_096;

/// What is still to come of a request.
#[derive(Debug)]
pub(super) struct Message {
    /// Bytes of the head, which is checked already.
    head: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Left(u64),
    Chunked(Chunked),
}

#[derive(Debug)]
struct Chunked {
    at: At,
    /// The line that is under way, without its end.
    line: Vec<u8>,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The line that begins a chunk.
    Size,
    Data(u64),
    /// The end of a line must be next: behind data.
    DataEnd,
    Trailer,
    Over,
}

impl Message {
    /// A request whose head has so many bytes.
    pub(super) fn new(head: usize, length: Length) -> Self {
        let body = match length {
            Length::Bytes(bytes) => Body::Left(bytes),
            Length::Chunked => Body::Chunked(Chunked { at: At::Size, line: Vec::new(), trailer_bytes: 0 }),
        };
        Self { head, body }
    }

    /// Whether all of it was taken.
    pub(super) const fn is_over(&self) -> bool {
        self.head == 0 && matches!(self.body, Body::Left(0) | Body::Chunked(Chunked { at: At::Over, .. }))
    }

    /// Takes what belongs to the request from the front of `bytes`, and returns how many bytes that are.
    ///
    /// # Errors
    /// Its chunks are not as they should be.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let of_head = self.head.min(bytes.len());
        self.head -= of_head;
        let rest = &bytes[of_head..];
        let of_body = match &mut self.body {
            Body::Left(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= taken as u64;
                taken
            }
            Body::Chunked(chunked) => chunked.take(rest)?,
        };
        Ok(of_head + of_body)
    }
}

impl Chunked {
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Wrong> {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.at {
                At::Over => break,
                At::Data(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - taken);
                    taken += count;
                    let left = left - count as u64;
                    self.at = if left > 0 { At::Data(left) } else { At::DataEnd };
                }
                At::Size | At::DataEnd | At::Trailer => {
                    self.byte(bytes[taken])?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }

    /// Takes a byte of a line.
    fn byte(&mut self, byte: u8) -> Result<(), Wrong> {
        if byte != b'\n' {
            self.line.push(byte);
            // Behind data there is nothing but the end of its line.
            let most = if self.at == At::DataEnd { 1 } else { LINE_BYTES_MAX };
            return match self.line.len() <= most {
                true => Ok(()),
                false => Err(Wrong("a line between chunks is too long")),
            };
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").ok_or(Wrong("a line between chunks ends without CR"))?;
        if !line.iter().all(|byte| is_visible(*byte) || matches!(byte, b' ' | b'\t')) {
            return Err(Wrong("there is a control byte between chunks"));
        }
        self.at = match self.at {
            At::Size => match size(line)? {
                0 => At::Trailer,
                bytes => At::Data(bytes),
            },
            At::Trailer if line.is_empty() => At::Over,
            At::Trailer => {
                field(line)?;
                self.trailer_bytes += line.len();
                if self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err(Wrong("too much stands behind the last chunk"));
                }
                At::Trailer
            }
            At::DataEnd if line.is_empty() => At::Size,
            At::DataEnd | At::Data(_) | At::Over => return Err(Wrong("a chunk is longer than it said")),
        };
        Ok(())
    }
}

/// The size of a chunk: hexadecimal digits, and extensions behind a semicolon right after them (RFC 9112, 7.1).
fn size(line: &[u8]) -> Result<u64, Wrong> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    number(digits, 16).ok_or(Wrong("the size of a chunk is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are taken when they come in pieces of so many.
    fn taken(length: Length, bytes: &[u8], step: usize) -> Result<(usize, bool), Wrong> {
        let mut message = Message::new(4, length);
        let mut sum = 0;
        for piece in [b"head", bytes].concat().chunks(step) {
            let count = message.take(piece)?;
            sum += count;
            if count < piece.len() {
                break;
            }
        }
        Ok((sum - 4, message.is_over()))
    }

    fn each_way(length: Length, bytes: &[u8]) -> Result<(usize, bool), Wrong> {
        let whole = taken(length, bytes, usize::MAX);
        for step in [1, 2, 3, 5] {
            assert_eq!(taken(length, bytes, step), whole, "pieces of {step}: {:?}", String::from_utf8_lossy(bytes));
        }
        whole
    }

    #[test]
    fn a_body_ends_where_it_says() {
        assert_eq!(each_way(Length::Bytes(0), b"GET"), Ok((0, true)));
        assert_eq!(each_way(Length::Bytes(3), b"abcGET"), Ok((3, true)));
        assert_eq!(each_way(Length::Bytes(9), b"abcGET"), Ok((6, false)));
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "3\r\na\r\n\r\n0A\r\n0123456789\r\n00\r\n\r\n",
            "a;x=y;z=\"q q\"\r\n0123456789\r\n0;last\r\nX: y\r\nZ:\r\n\r\n",
        ] {
            let bytes = format!("{body}GET / HTTP/1.1\r\n\r\n");
            assert_eq!(each_way(Length::Chunked, bytes.as_bytes()), Ok((body.len(), true)), "{body:?}");
            assert_eq!(
                each_way(Length::Chunked, &body.as_bytes()[..body.len() - 1]),
                Ok((body.len() - 1, false)),
                "{body:?}"
            );
        }
    }

    #[test]
    fn odd_chunks_are_wrong() {
        let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(LINE_BYTES_MAX));
        let trailers = format!("0\r\n{}\r\n", format!("X: {}\r\n", "y".repeat(200)).repeat(30));
        for body in [
            "\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "-3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "3 ;x\r\nabc\r\n0\r\n\r\n",
            "3,3\r\nabc\r\n0\r\n\r\n",
            "g\r\n",
            "10000000000000000\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "3\r\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nab\r\n0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\n",
            "3\r\nabc\r\n0\r\nX\r\n\r\n",
            "3\r\nabc\r\n0\r\n folded\r\n\r\n",
            "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
            "3;\u{1}\r\nabc\r\n0\r\n\r\n",
            &long,
            &trailers,
        ] {
            assert!(each_way(Length::Chunked, body.as_bytes()).is_err(), "{body:?}");
        }
        let just = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(LINE_BYTES_MAX - 3));
        assert_eq!(each_way(Length::Chunked, just.as_bytes()), Ok((just.len(), true)), "at the limit");
        assert_eq!(each_way(Length::Chunked, b"ffffffffffffffff\r\nabc"), Ok((21, false)), "it is for the reader");
    }
}
