//! The world: clients, network, server and disk, moved by one agenda.

mod ending;
mod steps;

use crate::agenda::{Agenda, Context, MS, Micros, Trace};
use crate::check::{Check, Verdict};
use crate::client::{Client, Person, Program, Speaker};
use crate::disk::Disk;
use crate::driver::Server;
use crate::network::{LinkId, Network, Packet, Transport};
use crate::plan::Plan;
use crate::prng::Random;
use crate::tap::Told;
use crate::wall::Wall;
use bytes::BytesMut;
use switchboard_core::ConnectionId;
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::client::put_message;
use switchboard_protocols::framing::websocket::frame::Opcode;
use switchboard_server::message::{Read, ToShard};

/// How long a silent connection is waited for before it is greeted.
const SILENCE: Micros = 150 * MS;

/// What happens.
pub(crate) enum Happening {
    Accept {
        link: LinkId,
    },
    Silence {
        link: LinkId,
    },
    ToServer {
        link: LinkId,
        packet: Packet,
    },
    ToClient {
        link: LinkId,
        through: u64,
        end: Option<Packet>,
    },
    Engine {
        life: u32,
    },
    Shard {
        life: u32,
        shard: usize,
    },
    Inbound {
        life: u32,
        shard: usize,
        messages: Vec<ToShard>,
    },
    Store {
        life: u32,
    },
    Committed {
        life: u32,
    },
    Read {
        life: u32,
        connection: ConnectionId,
        read: Read,
    },
    /// A client connects, greets, or says again what it could not say.
    Client {
        client: usize,
    },
    Unstall {
        link: LinkId,
    },
    /// It is tried whether the disk takes commits again.
    Probe {
        life: u32,
    },
    Restart,
    DiskHasRoom,
    DiskUnlocked,
}

/// A run that found nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of the whole trace: the same seed gives the same hash.
    pub hash: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// Durable events stored.
    pub events: usize,
    pub connections: usize,
    pub crashes: u32,
}

/// A run that found something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    /// Milliseconds of virtual time.
    pub at_ms: u64,
    pub what: String,
}

/// Runs the world of a seed for so many steps, then lets everything settle, and everybody go.
///
/// # Errors
/// Something did not hold.
pub fn run(seed: u64, steps: usize, trace: bool) -> Result<Report, Failure> {
    let mut random = Random::new(seed);
    let plan = Plan::of(&mut random);
    let context = Context { agenda: Agenda::new(), random, trace: Trace::new(trace), wall: Wall::new() };
    let fail = |at_ms, what| Failure { seed, at_ms, what };
    let mut disk = Disk::new(seed).map_err(|error| fail(0, error.to_string()))?;
    let server = Server::start(0, &plan, seed, 0, &mut disk).map_err(|error| fail(0, error.to_string()))?;
    let mut world = World {
        network: Network::new(plan.window_bytes, plan.delay_ms),
        clients: Vec::new(),
        check: Check::default(),
        server: Some(server),
        crashes: 0,
        seed,
        plan,
        disk,
        context,
    };
    match world.live(steps) {
        Ok(()) => Ok(Report {
            hash: world.context.trace.hash(),
            lines: world.context.trace.lines(),
            events: world.check.events(),
            connections: world.network.len(),
            crashes: world.crashes,
        }),
        Err(what) => Err(fail(world.context.now() / MS, what)),
    }
}

struct World {
    plan: Plan,
    seed: u64,
    context: Context<Happening>,
    network: Network,
    clients: Vec<Client>,
    check: Check,
    /// None while it is down.
    server: Option<Server>,
    disk: Disk,
    crashes: u32,
}

impl World {
    fn live(&mut self, steps: usize) -> Verdict {
        self.context.note(format_args!("{:?}", self.plan));
        for number in 0..self.plan.clients {
            let client = self.person_or_program(number);
            self.clients.push(client);
            self.make_due(number);
        }
        for _ in 0..steps {
            self.step()?;
            let pause = match self.context.random.below(100) {
                0..60 => self.context.random.between(0, 20),
                60..95 => self.context.random.between(0, 500),
                95..99 => self.context.random.between(0, 6_000),
                _ => self.context.random.between(0, 60_000),
            };
            self.pass(pause * MS)?;
        }
        self.settle()?;
        self.go_home()
    }

    fn person_or_program(&mut self, number: usize) -> Client {
        let kind = self.context.random.below(100);
        let (speaker, transport) = match kind {
            0..35 => (Speaker::Program(Program::new(number)), Transport::Lines),
            35..60 => (Speaker::Program(Program::new(number)), Transport::WebSocket),
            60..80 => (Speaker::Person(Person::new(number, false)), Transport::Lines),
            80..90 => (Speaker::Person(Person::new(number, false)), Transport::WebSocket),
            _ => (Speaker::Person(Person::new(number, true)), Transport::Lines),
        };
        Client { speaker, transport, link: None, is_due: false }
    }

    /// Lets time pass, and what happens in it happen.
    fn pass(&mut self, time: Micros) -> Verdict {
        let until = self.context.now() + time;
        while let Some(happening) = self.context.agenda.next(until) {
            self.happen(happening)?;
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Verdict {
        let Self { context, network, server, disk, check, .. } = self;
        let alive = |life: u32| move |server: &&mut Server| server.life == life;
        match happening {
            Happening::Accept { link } => match server {
                Some(server) => {
                    server.look(context, network, link, false);
                    context.agenda.at(context.now() + SILENCE, Happening::Silence { link });
                }
                None => network.drop_link(context, link),
            },
            Happening::Silence { link } => {
                if let Some(server) = server {
                    server.look(context, network, link, true);
                }
            }
            Happening::ToServer { link, packet } => {
                if network.arrive_up(link, packet)
                    && let Some(server) = server
                {
                    server.look(context, network, link, false);
                    server.stir(context, network, link);
                }
            }
            Happening::ToClient { link, through, end } => {
                if network.arrive_down(context, link, through, end.as_ref()) {
                    self.client_reads(link)?;
                }
            }
            Happening::Engine { life } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.run_engine(context);
                }
            }
            Happening::Shard { life, shard } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.turn(context, network, check, shard)?;
                }
            }
            Happening::Inbound { life, shard, messages } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.arrive(context, shard, messages);
                }
            }
            Happening::Store { life } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.store(context, disk, check)?;
                }
            }
            Happening::Probe { life } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.probe(context, disk);
                }
            }
            Happening::Committed { life } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.committed(context);
                }
            }
            Happening::Read { life, connection, read } => {
                if let Some(server) = server.as_mut().filter(alive(life)) {
                    server.read(context, disk, connection, read)?;
                }
            }
            Happening::Client { client } => self.client_is_due(client),
            Happening::Unstall { link } => {
                network.stall(link, false);
                self.client_reads(link)?;
            }
            Happening::Restart => {
                let (crashes, seed) = (self.crashes, self.seed ^ u64::from(self.crashes) << 32);
                // Mostly the server alone went down.
                if self.plan.clock_jumps && context.random.percent(30) {
                    let now = context.now();
                    context.wall.reboot(&mut context.random, now);
                }
                let server = Server::start(crashes, &self.plan, seed, context.now(), disk);
                self.server = Some(server.map_err(|error| error.to_string())?);
            }
            Happening::DiskUnlocked => disk.locked = false,
            Happening::DiskHasRoom => {
                disk.full = false;
                if let Some(server) = server {
                    server.set_writable(context, true);
                }
            }
        }
        Ok(())
    }

    /// A client reads what has arrived for it.
    fn client_reads(&mut self, link: LinkId) -> Verdict {
        let mut told = Vec::new();
        let is_over = self.network.take(link, &mut told);
        let number = self.network.link(link).client;
        for told in told {
            if self.clients[number].link != Some(link) {
                break;
            }
            match told {
                Told::Text(text) => self.clients[number].hear(&mut self.check, link, &text)?,
                Told::Ping(payload) => {
                    let mut frame = BytesMut::new();
                    put_message(&mut frame, Opcode::Pong, &payload, [1, 2, 3, 4]);
                    self.network.send(&mut self.context, link, &frame);
                }
                Told::Close(reason) => self.context.note(format_args!("link {link} closes: {reason}")),
            }
            self.flush(number);
        }
        if let Some(server) = &mut self.server {
            server.stir(&mut self.context, &mut self.network, link);
        }
        if is_over && self.clients[number].link == Some(link) {
            self.hang_up(number, Parting::Close);
        }
        Ok(())
    }

    /// Sends what a client wants to say.
    fn flush(&mut self, number: usize) {
        let Self { context, network, clients, .. } = self;
        let client = &mut clients[number];
        let out = client.take_out();
        let Some(link) = client.link else { return };
        let is_raw = matches!(&client.speaker, Speaker::Person(person) if person.is_raw);
        let mut bytes = BytesMut::new();
        for text in out {
            context.note(format_args!("client {number} link {link} > {text}"));
            match client.transport {
                Transport::Lines => {
                    bytes.extend_from_slice(text.as_bytes());
                    if !is_raw {
                        bytes.extend_from_slice(b"\n");
                    }
                }
                Transport::WebSocket => {
                    let key = (context.random.next() as u32).to_be_bytes();
                    put_message(&mut bytes, Opcode::Text, text.as_bytes(), key);
                }
            }
        }
        network.send(context, link, &bytes);
    }

    fn make_due(&mut self, number: usize) {
        if !std::mem::replace(&mut self.clients[number].is_due, true) {
            self.context.after(10 * MS, 1_500 * MS, Happening::Client { client: number });
        }
    }

    fn client_is_due(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.is_due = false;
        match (client.link, &mut client.speaker) {
            (None, _) => self.connect(number),
            (Some(_), Speaker::Program(program)) => {
                if !program.is_welcome() && !program.has_asked() {
                    program.greet();
                }
                program.say_unacked();
                self.flush(number);
                self.make_due(number);
            }
            (Some(_), Speaker::Person(_)) => {}
        }
    }

    fn connect(&mut self, number: usize) {
        let Self { context, network, clients, .. } = self;
        let client = &mut clients[number];
        let choice = match &client.speaker {
            Speaker::Program(_) => Choice::Json,
            Speaker::Person(_) => Choice::Text,
        };
        let choice = context.random.percent(50).then_some(choice);
        let link = network.connect(context, number, client.transport, choice);
        context.note(format_args!("client {number} connects as link {link}"));
        client.link = Some(link);
        // Some say nothing at first, and are taken for people.
        if let Speaker::Program(program) = &mut client.speaker
            && context.random.percent(80)
        {
            program.greet();
        }
        self.flush(number);
        self.make_due(number);
    }

    /// A client's connection ends, and it comes back.
    fn hang_up(&mut self, number: usize, parting: Parting) {
        let Self { context, network, clients, .. } = self;
        let client = &mut clients[number];
        let Some(link) = client.link else { return };
        context.note(format_args!("client {number} parts from link {link}: {parting:?}"));
        match parting {
            Parting::Close => network.close(context, link),
            Parting::Reset => network.reset(context, link),
            Parting::Vanish => network.vanish(context, link),
        }
        client.disconnected();
        self.make_due(number);
    }
}

/// How a client's connection ends.
#[derive(Clone, Copy, Debug)]
enum Parting {
    Close,
    Reset,
    Vanish,
}
