//! What a step does: somebody says something, or something goes wrong.

use super::{Happening, Parting, World};
use crate::agenda::{Context, MS};
use crate::check::Verdict;
use crate::client::Speaker;
use crate::network::{Packet, Stage, Transport};
use serde_json::json;

/// Rooms that clients join; they all begin in the first.
const ROOMS: [&str; 6] = ["lobby", "dev", "tea", "ops", "night", "zoo"];

impl World {
    /// One step: somebody does something, or something goes wrong.
    pub(super) fn step(&mut self) -> Verdict {
        let what = self.context.random.below(100);
        if self.plan.faults && what < 12 {
            return self.go_wrong();
        }
        let number = self.context.random.below(self.clients.len());
        let Self { context, check, clients, .. } = self;
        let client = &mut clients[number];
        let Some(link) = client.link else { return Ok(()) };
        let random = &mut context.random;
        let padding = if random.percent(10) { random.between(0, 3_000) } else { random.between(0, 40) } as usize;
        let nick = format!("c{}-{}", random.below(self.plan.clients), random.below(2));
        let room = random.pick(&ROOMS);
        let times = if random.percent(4) { random.between(1, 300) } else { 1 };
        for _ in 0..times {
            match &mut client.speaker {
                Speaker::Person(person) if person.is_raw => person.say(check, link, padding),
                Speaker::Person(person) => match what {
                    0..65 => person.say(check, link, padding),
                    65..72 => person.out.push(format!("/join {room}")),
                    72..78 => person.out.push(format!("/leave {room}")),
                    78..82 => person.say_to(check, link, &nick),
                    82..85 => person.set_topic(check, link),
                    85..88 => person.out.push("/who".to_owned()),
                    88..92 => person.out.push("/history 20".to_owned()),
                    92..96 => person.out.push(format!("/nick c{number}-{}", context.random.below(2))),
                    _ => person.out.push("/quit".to_owned()),
                },
                // Who speaks before it says hello is a guest, whatever token it has.
                Speaker::Program(program) if !program.is_welcome() => {
                    if program.token().is_none() && !program.has_asked() {
                        program.ask_other(json!({ "type": "rooms" }));
                    }
                }
                Speaker::Program(program) => match what {
                    0..60 => program.say(check, &mut context.random, link, padding),
                    60..68 => program.join(room),
                    68..74 => program.leave(&mut context.random),
                    74..78 => program.say_to(check, link, &nick),
                    78..81 => program.set_topic(check, &mut context.random, link),
                    81..86 => program.history(&mut context.random),
                    86..88 => program.ask_other(json!({ "type": "typing" })),
                    88..90 => program.ask_other(json!({ "type": "members" })),
                    90..92 => program.ask_other(json!({ "type": "event", "name": "wink", "args": [1] })),
                    92..94 => program.ask_other(json!({ "type": "rooms" })),
                    94..97 => {
                        let nick = format!("c{number}-{}", context.random.below(2));
                        program.ask_other(json!({ "type": "nick", "nick": nick }));
                    }
                    _ => program.ask_other(json!({ "type": "ping" })),
                },
            }
        }
        self.flush(number);
        Ok(())
    }

    pub(super) fn go_wrong(&mut self) -> Verdict {
        if self.plan.clock_jumps && self.context.random.percent(30) {
            self.set_clock();
            return if self.context.random.percent(50) { self.forget() } else { Ok(()) };
        }
        let number = self.context.random.below(self.clients.len());
        match self.context.random.below(100) {
            0..15 => self.hang_up(number, Parting::Close),
            15..30 => self.hang_up(number, Parting::Reset),
            30..40 => self.hang_up(number, Parting::Vanish),
            40..55 => self.half_close(number),
            55..75 => self.stall(number),
            75..80 => self.become_further_session(number),
            80..83 => self.start_afresh(number),
            83..87 => self.fill_disk(),
            87 => self.lock_disk(),
            88..92 => self.forget()?,
            92..95 => self.crash()?,
            _ => self.fragment(number),
        }
        Ok(())
    }

    pub(super) fn half_close(&mut self, number: usize) {
        if let Some(link) = self.clients[number].link {
            self.context.note(format_args!("client {number} sends no more on link {link}"));
            self.network.half_close(&mut self.context, link);
        }
    }

    pub(super) fn stall(&mut self, number: usize) {
        if let Some(link) = self.clients[number].link {
            self.context.note(format_args!("client {number} stops reading link {link}"));
            self.network.stall(link, true);
            self.context.after(10 * MS, 20_000 * MS, Happening::Unstall { link });
        }
    }

    /// A client becomes a further session of another's user.
    pub(super) fn become_further_session(&mut self, number: usize) {
        let other = self.context.random.below(self.clients.len());
        let Speaker::Program(program) = &self.clients[other].speaker else { return };
        let Some(token) = program.token().map(str::to_owned).filter(|_| other != number) else { return };
        let group = program.group;
        self.hang_up(number, Parting::Close);
        if let Speaker::Program(program) = &mut self.clients[number].speaker {
            self.context.note(format_args!("client {number} becomes another of client {other}"));
            program.join_group(&token, group);
        }
    }

    pub(super) fn start_afresh(&mut self, number: usize) {
        self.hang_up(number, Parting::Close);
        if let Speaker::Program(program) = &mut self.clients[number].speaker {
            program.start_afresh();
        }
    }

    /// Something happens to the machine's clock.
    fn set_clock(&mut self) {
        let Context { agenda, random, wall, .. } = &mut self.context;
        let what = wall.go_wrong(random, agenda.now);
        self.context.note(format_args!("{what}"));
    }

    /// Retention forgets what is old, if anything is.
    fn forget(&mut self) -> Verdict {
        let age_ms = self.context.random.pick(self.plan.retention_ms);
        let Self { context, server, disk, check, .. } = self;
        server.as_mut().map_or(Ok(()), |server| server.forget(context, disk, check, age_ms))
    }

    pub(super) fn fill_disk(&mut self) {
        self.context.note(format_args!("the disk is full"));
        self.disk.full = true;
        self.context.after(100 * MS, 5_000 * MS, Happening::DiskHasRoom);
        // Mostly the watch sees it coming.
        if self.context.random.percent(70)
            && let Some(server) = &mut self.server
        {
            server.set_writable(&mut self.context, false);
        }
    }

    pub(super) fn lock_disk(&mut self) {
        self.context.note(format_args!("the disk is locked"));
        self.disk.locked = true;
        self.context.after(100 * MS, 5_000 * MS, Happening::DiskUnlocked);
    }

    /// Somebody connects, says half a thing or nothing, and goes.
    pub(super) fn fragment(&mut self, number: usize) {
        let Self { context, network, .. } = self;
        let link = network.connect(context, number, Transport::Lines, None);
        context.note(format_args!("a fragment as link {link}"));
        let wait = context.random.pick(&[0, 10, 400]) * MS;
        let piece: &[u8] =
            context.random.pick(&[b"".as_slice(), b"{", b"{\"type\":", b"{\"\xff", b"/join", b"\r\n", b"/who\n"]);
        context.agenda.at(context.now() + wait, Happening::ToServer { link, packet: Packet::Bytes(piece.to_vec()) });
        let end = context.random.pick(&[true, false]);
        let packet = if end { Packet::End } else { Packet::Reset };
        let wait = wait + context.random.pick(&[10, 400]) * MS;
        context.agenda.at(context.now() + wait + MS, Happening::ToServer { link, packet });
    }

    /// The process dies at once: nothing that was not committed is ever known again.
    pub(super) fn crash(&mut self) -> Verdict {
        let Self { context, network, .. } = self;
        if self.server.take().is_none() {
            return Ok(());
        }
        self.crashes += 1;
        context.note(format_args!("crash {}", self.crashes));
        self.disk.crash().map_err(|error| error.to_string())?;
        for link in 0..network.len() {
            if network.link(link).stage != Stage::Dropped {
                network.drop_link(context, link);
            }
        }
        context.after(0, 3_000 * MS, Happening::Restart);
        Ok(())
    }
}
