//! Framing: from a stream of bytes to lines and messages and back, with no I/O, no clock and no product knowledge.
//!
//! Every decoder here works the same way. The caller reads bytes into a buffer of its own (one
//! buffer can serve all sockets of a thread), points an `input` slice at them and asks for the
//! next item; the decoder moves the front of `input` past what it used. What lies wholly in the
//! input is lent out without a copy; only what is cut by the end of the input is kept, within a
//! bound the caller chose, and the memory is given back as soon as the item is complete. A caller
//! that cannot take another item simply stops asking and keeps the rest of `input`.
//!
//! The items and the errors do not depend on how the stream was cut into inputs.

pub mod datagram;
pub mod lines;
pub mod telnet;
pub mod utf8;
pub mod websocket;

/// How much to pass to `reserve_exact` so that `extra` bytes fit a buffer of `len` bytes.
///
/// Growth doubles, as that of `Vec` does, so that appending stays linear; but it never passes
/// `ceiling`, the most the buffer can ever have to hold, so that a limit on a message is also a
/// limit on its memory.
fn growth(len: usize, capacity: usize, extra: usize, ceiling: usize) -> usize {
    const SMALLEST: usize = 64;
    let needed = len.saturating_add(extra);
    if needed <= capacity {
        return 0;
    }
    let doubled = capacity.saturating_mul(2).max(SMALLEST);
    needed.max(doubled.min(ceiling)) - len
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn growth_doubles_and_stops_at_the_ceiling() {
        for (len, capacity, extra, ceiling, expected) in [
            (0, 0, 1, 1000, 64),
            (0, 0, 1, 10, 10),
            (10, 64, 54, 1000, 0),
            (64, 64, 1, 1000, 64),
            (64, 64, 500, 1000, 500),
            (600, 600, 1, 1000, 400),
            (1000, 1000, 0, 1000, 0),
        ] {
            assert_eq!(
                growth(len, capacity, extra, ceiling),
                expected,
                "len {len} capacity {capacity} extra {extra} ceiling {ceiling}"
            );
        }
    }
}
