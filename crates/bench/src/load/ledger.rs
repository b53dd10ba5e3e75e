//! The ledger: which messages are under way, and what each receiver has had of them.

use std::collections::VecDeque;

use anyhow::{Result, bail, ensure};

use super::marker::Marker;
use crate::measure::Histogram;

/// Accounts for every message of every sender at every other connection of its room. A message is complete when all
/// have it.
///
/// Connections are dealt out to the rooms in turn: connection `c` is in room `c % rooms`, and the first ones send.
#[derive(Debug)]
pub struct Ledger {
    connections: usize,
    senders: usize,
    rooms: usize,
    /// The most senders that a room has.
    senders_per_room: usize,
    /// The number that each connection must get next from each sender of its room:
    /// `[connection * senders_per_room + sender / rooms]`.
    expected: Vec<u32>,
    under_way: Vec<VecDeque<UnderWay>>,
    /// The number of the first message under way of each sender.
    first: Vec<u32>,
    messages_under_way: usize,
    completed: u64,
    deliveries: u64,
    delivered_bytes: u64,
    latency: Histogram,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    sent_ns: u64,
    missing: usize,
}

/// What a ledger counted since its last [`Ledger::take_totals`].
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) completed: u64,
    pub(super) deliveries: u64,
    pub(super) delivered_bytes: u64,
    pub(super) latency: Histogram,
}

impl Ledger {
    /// For `connections` connections in `rooms` rooms, of which the first `senders` send. Each hears all the others of
    /// its room.
    #[must_use]
    pub fn new(connections: usize, senders: usize, rooms: usize) -> Self {
        let senders_per_room = senders.div_ceil(rooms);
        Self {
            connections,
            senders,
            rooms,
            senders_per_room,
            expected: vec![0; connections * senders_per_room],
            under_way: vec![VecDeque::new(); senders],
            first: vec![0; senders],
            messages_under_way: 0,
            completed: 0,
            deliveries: 0,
            delivered_bytes: 0,
            latency: Histogram::new(),
        }
    }

    /// Notes that `sender` sends its next message, due at `now_ns`, and gives it its marker.
    pub fn send(&mut self, sender: usize, now_ns: u64) -> Marker {
        let missing = self.others(sender);
        let queue = &mut self.under_way[sender];
        let number = self.first[sender] + queue.len() as u32;
        queue.push_back(UnderWay { sent_ns: now_ns, missing });
        self.messages_under_way += 1;
        Marker { sender: sender as u32, number }
    }

    /// Connections that hear a sender.
    fn others(&self, sender: usize) -> usize {
        (self.connections - sender % self.rooms).div_ceil(self.rooms) - 1
    }

    /// Notes that a message reached `connection` as `wire_bytes` bytes.
    ///
    /// # Errors
    /// When the message is not the one that had to come next: one was lost, doubled, overtaken or invented, or came
    /// back to its sender.
    pub fn delivered(&mut self, connection: usize, marker: Marker, wire_bytes: usize, now_ns: u64) -> Result<()> {
        let sender = marker.sender as usize;
        ensure!(sender < self.senders, "connection {connection} got a message of nobody ({marker:?})");
        ensure!(sender != connection, "connection {connection} got its own message {}", marker.number);
        ensure!(
            sender % self.rooms == connection % self.rooms,
            "connection {connection} got a message of another room, from sender {sender}"
        );
        let expected = &mut self.expected[connection * self.senders_per_room + sender / self.rooms];
        ensure!(
            marker.number == *expected,
            "connection {connection} got message {} of sender {sender}, but {expected} had to come next",
            marker.number
        );
        let place = (marker.number - self.first[sender]) as usize;
        let Some(message) = self.under_way[sender].get_mut(place) else {
            bail!("connection {connection} got message {} of sender {sender} before it was sent", marker.number);
        };
        *expected += 1;
        message.missing -= 1;
        self.deliveries += 1;
        self.delivered_bytes += wire_bytes as u64;
        self.latency.record(now_ns.saturating_sub(message.sent_ns));
        while self.under_way[sender].front().is_some_and(|message| message.missing == 0) {
            self.under_way[sender].pop_front();
            self.first[sender] += 1;
            self.messages_under_way -= 1;
            self.completed += 1;
        }
        Ok(())
    }

    /// Messages that some connection still waits for.
    #[must_use]
    pub const fn under_way(&self) -> usize {
        self.messages_under_way
    }

    /// Deliveries counted so far; it grows with every one, so it shows progress.
    #[must_use]
    pub const fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Says who waits for what, for an error message.
    #[must_use]
    pub fn missing(&self) -> String {
        let mut lines = Vec::new();
        for (sender, queue) in self.under_way.iter().enumerate() {
            if let Some(message) = queue.front() {
                lines.push(format!(
                    "message {} of sender {sender} is missing at {} of {} connections",
                    self.first[sender],
                    message.missing,
                    self.others(sender)
                ));
            }
        }
        if lines.is_empty() { "nothing is missing".to_owned() } else { lines.join("; ") }
    }

    /// Gives what was counted and starts counting anew; the numbers of messages go on.
    pub(super) fn take_totals(&mut self) -> Totals {
        Totals {
            completed: std::mem::take(&mut self.completed),
            deliveries: std::mem::take(&mut self.deliveries),
            delivered_bytes: std::mem::take(&mut self.delivered_bytes),
            latency: std::mem::take(&mut self.latency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(sender: u32, number: u32) -> Marker {
        Marker { sender, number }
    }

    #[test]
    fn a_message_is_complete_when_the_last_receiver_has_it() {
        let mut ledger = Ledger::new(4, 1, 1);
        assert_eq!(ledger.send(0, 100), marker(0, 0));
        assert_eq!(ledger.send(0, 150), marker(0, 1));
        ledger.delivered(1, marker(0, 0), 70, 200).unwrap();
        ledger.delivered(1, marker(0, 1), 70, 200).unwrap();
        ledger.delivered(2, marker(0, 0), 70, 200).unwrap();
        assert_eq!((ledger.under_way(), ledger.deliveries()), (2, 3));
        assert_eq!(ledger.missing(), "message 0 of sender 0 is missing at 1 of 3 connections");
        ledger.delivered(3, marker(0, 0), 70, 300).unwrap();
        assert_eq!(ledger.under_way(), 1);
        let totals = ledger.take_totals();
        assert_eq!((totals.completed, totals.deliveries, totals.delivered_bytes), (1, 4, 280));
        assert_eq!(totals.latency.quantile(1.0), 200);
        assert_eq!(ledger.send(0, 400), marker(0, 2));
    }

    #[test]
    fn loss_doubling_disorder_and_echoes_are_errors() {
        for (connection, wrong) in [
            (1, marker(0, 2)),
            (1, marker(0, 0)),
            (1, marker(0, 3)),
            (1, marker(2, 0)),
            (0, marker(0, 0)),
            (1, marker(1, 0)),
        ] {
            let mut ledger = Ledger::new(3, 2, 1);
            for _ in 0..3 {
                ledger.send(0, 0);
                ledger.send(1, 0);
            }
            ledger.delivered(1, marker(0, 0), 1, 1).unwrap();
            assert!(ledger.delivered(connection, wrong, 1, 1).is_err(), "{connection} {wrong:?}");
        }
    }

    #[test]
    fn a_message_that_was_never_sent_is_an_error() {
        let mut ledger = Ledger::new(2, 1, 1);
        assert!(ledger.delivered(1, marker(0, 0), 1, 1).is_err());
    }

    #[test]
    fn each_room_has_its_own_receivers() {
        // Rooms: 0, 2, 4 and 1, 3; connections 0 to 2 send.
        let mut ledger = Ledger::new(5, 3, 2);
        for (sender, receivers) in [(0, vec![2, 4]), (1, vec![3]), (2, vec![0, 4])] {
            let marker = ledger.send(sender, 0);
            for receiver in receivers {
                assert_eq!(ledger.under_way(), 1);
                ledger.delivered(receiver, marker, 1, 1).unwrap();
            }
            assert_eq!(ledger.under_way(), 0);
        }
        let marker = ledger.send(0, 0);
        assert!(ledger.delivered(3, marker, 1, 1).unwrap_err().to_string().contains("another room"));
    }
}
