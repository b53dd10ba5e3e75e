//! The end of a run: everything settles, is held against the store, and everybody goes.

use super::{Happening, Parting, World};
use crate::agenda::{MS, Micros};
use crate::check::Verdict;
use crate::client::Client;
use crate::driver::Server;
use std::collections::BTreeMap;

/// How long everybody has to get everything when nothing goes wrong any more, in half seconds.
const SETTLING: usize = 400;
/// By then every session, connection and deadline is over when all clients are gone.
const GOODBYE: Micros = 200_000 * MS;

impl World {
    /// Nothing goes wrong any more: everybody gets everything.
    pub(super) fn settle(&mut self) -> Verdict {
        self.context.note(format_args!("settle"));
        self.pass(25_000 * MS)?;
        for _ in 0..SETTLING {
            self.pass(500 * MS)?;
            if self.clients.iter().all(Client::is_settled) {
                break;
            }
        }
        if let Some(number) = self.clients.iter().position(|client| !client.is_settled()) {
            return Err(format!("client {number} does not settle"));
        }
        // What is told last may still be under way, and so may what people say, which is acknowledged to nobody: a slow disk
        // that takes it one by one is waited for.
        for _ in 0..SETTLING {
            let stored = self.check.events();
            self.pass(10_000 * MS)?;
            if self.check.events() == stored {
                break;
            }
        }
        for number in 0..self.clients.len() {
            let verdict = self.clients[number].has_everything(&self.check);
            verdict.map_err(|wrong| format!("client {number} has not heard everything: {wrong}"))?;
        }
        let Some(server) = &self.server else { return Err("the server is down".to_owned()) };
        let rooms = server.engine().rooms();
        let mut reader = self.disk.reader().map_err(|error| error.to_string())?;
        self.check.history(&mut *reader, |room| rooms.first_seq(room))?;
        self.compare_with_restart()
    }

    /// A server that starts from the disk knows the rooms as the running one does.
    pub(super) fn compare_with_restart(&mut self) -> Verdict {
        let Some(server) = &self.server else { return Ok(()) };
        let restarted = Server::start(0, &self.plan, 0, self.context.now(), &mut self.disk);
        let restarted = restarted.map_err(|error| error.to_string())?;
        let of = |server: &Server| -> BTreeMap<String, (u64, u64, String)> {
            let rooms = server.engine().rooms();
            let row = |room: &str| (rooms.seq(room), rooms.first_seq(room), rooms.topic(room).to_string());
            rooms.names().map(|room| (room.to_string(), row(room))).collect()
        };
        // Ids of what was forgotten are known until the end of the process only; all else is in the store.
        let is_whole = server.engine().rooms().names().all(|room| server.engine().rooms().first_seq(room) == 1);
        if is_whole && server.engine().rooms() == restarted.engine().rooms() {
            return Ok(());
        }
        let (running, restarted) = (of(server), of(&restarted));
        if !is_whole && running == restarted {
            return Ok(());
        }
        Err(format!("the rooms are {running:?}, and after a restart {restarted:?}"))
    }

    /// Everybody goes, and nothing of them is left.
    pub(super) fn go_home(&mut self) -> Verdict {
        self.context.note(format_args!("everybody goes"));
        for number in 0..self.clients.len() {
            let parting = self.context.random.pick(&[Parting::Close, Parting::Reset, Parting::Vanish]);
            self.hang_up(number, parting);
            // It would come back.
            self.clients[number].is_due = true;
        }
        let until = self.context.now() + GOODBYE;
        while let Some(happening) = self.context.agenda.next(until) {
            if !matches!(happening, Happening::Client { .. }) {
                self.happen(happening)?;
            }
        }
        self.server.as_ref().map_or(Ok(()), Server::is_empty)
    }
}
