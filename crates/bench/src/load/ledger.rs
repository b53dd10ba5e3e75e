//! The ledger: which messages are under way, and what each receiver has had of them.

use std::collections::VecDeque;

use anyhow::{Result, bail, ensure};

use super::marker::Marker;
use crate::measure::Histogram;

/// Accounts for every message of every sender at every other connection. A message is complete when all have it.
#[derive(Debug)]
pub struct Ledger {
    connections: usize,
    senders: usize,
    /// The number that each connection must get next from each sender: `[connection * senders + sender]`.
    expected: Vec<u32>,
    under_way: Vec<VecDeque<UnderWay>>,
    /// The number of the first message under way of each sender.
    first: Vec<u32>,
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
    /// For `connections` connections, of which the first `senders` send. Each hears all the others.
    #[must_use]
    pub fn new(connections: usize, senders: usize) -> Self {
        Self {
            connections,
            senders,
            expected: vec![0; connections * senders],
            under_way: vec![VecDeque::new(); senders],
            first: vec![0; senders],
            completed: 0,
            deliveries: 0,
            delivered_bytes: 0,
            latency: Histogram::new(),
        }
    }

    /// Notes that `sender` sends its next message, due at `now_ns`, and gives it its marker.
    pub fn send(&mut self, sender: usize, now_ns: u64) -> Marker {
        let queue = &mut self.under_way[sender];
        let number = self.first[sender] + queue.len() as u32;
        queue.push_back(UnderWay { sent_ns: now_ns, missing: self.connections - 1 });
        Marker { sender: sender as u16, number }
    }

    /// Notes that a message reached `connection` as `wire_bytes` bytes.
    ///
    /// # Errors
    /// When the message is not the one that had to come next: one was lost, doubled, overtaken or invented, or came
    /// back to its sender.
    pub fn delivered(&mut self, connection: usize, marker: Marker, wire_bytes: usize, now_ns: u64) -> Result<()> {
        let sender = usize::from(marker.sender);
        ensure!(sender < self.senders, "connection {connection} got a message of nobody ({marker:?})");
        ensure!(sender != connection, "connection {connection} got its own message {}", marker.number);
        let expected = &mut self.expected[connection * self.senders + sender];
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
            self.completed += 1;
        }
        Ok(())
    }

    /// Messages that some connection still waits for.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.iter().map(VecDeque::len).sum()
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
                    self.connections - 1
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

    fn marker(sender: u16, number: u32) -> Marker {
        Marker { sender, number }
    }

    #[test]
    fn a_message_is_complete_when_the_last_receiver_has_it() {
        let mut ledger = Ledger::new(4, 1);
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
            let mut ledger = Ledger::new(3, 2);
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
        let mut ledger = Ledger::new(2, 1);
        assert!(ledger.delivered(1, marker(0, 0), 1, 1).is_err());
    }
}
