//! The server's driver in the simulator: the real engine and shards, moved by the agenda and not by threads.

mod engine;
mod shards;

use crate::agenda::{Context, MS, Micros};
use crate::check::Verdict;
use crate::disk::Disk;
use crate::network::{LinkId, Network, Stage, Transport};
use crate::plan::Plan;
use crate::world::Happening;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use switchboard_core::sessions::SessionsSettings;
use switchboard_core::{Rooms, Time, Via};
use switchboard_protocols::Frame;
use switchboard_protocols::conversation;
use switchboard_protocols::first::{Verdict as FirstVerdict, judge};
use switchboard_server::engine::mailbox::Mailbox;
use switchboard_server::engine::{Engine, Gathered};
use switchboard_server::message::ToShard;
use switchboard_server::sequencer::LocalQueue;
use switchboard_server::shard::{self, Opening, Shard};
use switchboard_store::{Batch, ClockLog, StoreError};

/// The engine's running time at the beginning of every run.
const BEGINNING_MS: u64 = 1_800_000_000_000;

/// A process: the engine, the shards, and what is on its way between them.
pub(crate) struct Server {
    /// Which process it is: what was meant for one that crashed is not heard by the next.
    pub(crate) life: u32,
    plan: Plan,
    engine: Engine<LocalQueue>,
    mailbox: Mailbox,
    shards: Vec<Post>,
    committing: Option<Gathered>,
    batch: Batch,
    writable: bool,
    /// What is asked for waits until something can be stored.
    stalled: bool,
    /// What the machine's clock did, as the disk has it.
    clock_log: ClockLog,
    engine_wakes: Option<Micros>,
    /// How many connections of each kind there are, by the shards' own reports.
    population: BTreeMap<(&'static str, &'static str), i64>,
}

/// A shard with its inbox and its sockets.
struct Post {
    shard: Shard,
    inbox: VecDeque<Vec<ToShard>>,
    /// Batches that are on their way count too.
    coming: usize,
    /// When the last of them arrives: none overtakes another.
    last: Micros,
    links: BTreeMap<u32, LinkId>,
    wakes: Option<Micros>,
}

impl Server {
    /// Starts from what the disk holds.
    pub(crate) fn start(life: u32, plan: &Plan, seed: u64, now: Micros, disk: &mut Disk) -> Result<Self, StoreError> {
        let limits = &plan.settings.limits;
        let loaded = disk.load()?;
        let mut rooms = Rooms::new(limits);
        for room in loaded.rooms {
            rooms.restore_room(room.name, room.next_seq, room.first_seq, room.topic, room.last_time);
        }
        disk.recent_ids(limits.dedupe_age_ms, limits.dedupe_ids, &mut |id| {
            rooms.restore_id(&id.room, &id.id, id.seq, id.time, &id.text, id.action);
        })?;
        let sessions = SessionsSettings {
            limits: limits.clone(),
            epoch: loaded.epoch,
            token_key: loaded.secret,
            seed,
            join_code: None,
            realms: Vec::new(),
            auto_join: vec!["lobby".to_owned()],
            next_pos: loaded.next_pos,
        };
        let mut engine = Engine::new(sessions, rooms, loaded.clock.clone(), LocalQueue::default(), plan.shards);
        loaded.ended.into_iter().for_each(|session| engine.restore_ended(session));
        let shards = (0..plan.shards).map(|number| Post::new(number as u8, plan, now)).collect();
        Ok(Self {
            life,
            plan: plan.clone(),
            engine,
            mailbox: Mailbox::new(plan.inbox_commands, 1 << 20),
            shards,
            committing: None,
            batch: Batch::default(),
            writable: true,
            stalled: false,
            clock_log: loaded.clock,
            engine_wakes: None,
            population: BTreeMap::new(),
        })
    }

    pub(crate) const fn engine(&self) -> &Engine<LocalQueue> {
        &self.engine
    }

    /// A connection is accepted, or its first bytes come, or it has been silent for so long that it is greeted.
    pub(crate) fn look(
        &mut self,
        context: &mut Context<Happening>,
        network: &mut Network,
        link: LinkId,
        is_silent: bool,
    ) {
        if network.link(link).stage != Stage::Sniffing {
            return;
        }
        let now = tick(context.now());
        let (transport, choice) = (network.link(link).transport, network.link(link).choice);
        let (bytes, is_all) = network.peek(link);
        let settings = &self.plan.settings;
        let (conversation, via, observe) = match transport {
            Transport::WebSocket => (conversation::websocket(settings, None, choice, now), Via::WebSocket, false),
            Transport::Lines => match judge(bytes) {
                FirstVerdict::Json => (conversation::stream_json(settings), Via::Tcp, false),
                FirstVerdict::Text | FirstVerdict::Prefixed | FirstVerdict::Utf16 => {
                    (conversation::stream_text(settings), Via::Tcp, true)
                }
                FirstVerdict::Undecided if is_all && bytes.is_empty() => return network.drop_link(context, link),
                FirstVerdict::Undecided if is_silent && bytes.is_empty() => {
                    (conversation::stream_text(settings), Via::Tcp, true)
                }
                FirstVerdict::Undecided if !is_all => return,
                FirstVerdict::Undecided | FirstVerdict::Tls | FirstVerdict::Http | FirstVerdict::Foreign => {
                    return network.drop_link(context, link);
                }
            },
        };
        let place = context.random.below(self.shards.len());
        let idle_ms = if transport == Transport::Lines { self.plan.idle_ms } else { 0 };
        let address = Some(([127, 0, 0, 1], 40_000 + (link % 20_000) as u16).into());
        let opening = Opening { conversation, via, address, observe, idle_ms, head: Frame::default() };
        let post = &mut self.shards[place];
        let slot = post.shard.open(now, opening);
        post.links.insert(slot, link);
        context.note(format_args!("link {link}: shard {place} slot {slot}"));
        network.link_mut(link).stage = Stage::Open { shard: place, slot };
        network.link_mut(link).armed = post.shard.may_read(slot);
        self.wake_shard(context, place);
    }

    /// A socket has input, or room.
    pub(crate) fn stir(&mut self, context: &mut Context<Happening>, network: &mut Network, link: LinkId) {
        if let Stage::Open { shard, slot } = network.link(link).stage {
            if network.take_room(link) {
                self.shards[shard].shard.unblocked(slot);
            }
            self.wake_shard(context, shard);
        }
    }

    /// Messages arrive in a shard's inbox.
    pub(crate) fn arrive(&mut self, context: &mut Context<Happening>, shard: usize, messages: Vec<ToShard>) {
        self.shards[shard].coming -= 1;
        self.shards[shard].inbox.push_back(messages);
        self.wake_shard(context, shard);
    }

    /// Whether nobody is here and nothing waits: what is left when all clients are gone.
    pub(crate) fn is_empty(&self) -> Verdict {
        let counts = self.engine.counts();
        if counts != switchboard_core::sessions::Counts::default() {
            return Err(format!("everybody is gone, and the engine has {counts:?}"));
        }
        for (place, post) in self.shards.iter().enumerate() {
            let (connections, waiting) = (post.shard.len(), post.shard.waiting_bytes());
            if connections > 0 || waiting > 0 || post.shard.has_for_engine() || post.shard.rooms() > 0 {
                return Err(format!(
                    "everybody is gone, and shard {place} has {connections} connections, {waiting} bytes, {} rooms",
                    post.shard.rooms()
                ));
            }
        }
        match self.population.iter().find(|(_, count)| **count != 0) {
            Some((kind, count)) => Err(format!("everybody is gone, and {count} of {kind:?} are counted")),
            None => Ok(()),
        }
    }

    fn wake_engine(&mut self, context: &mut Context<Happening>) {
        let delay = context.random.between(0, 2 * MS);
        self.wake_engine_at(context, context.now() + delay);
    }

    fn wake_engine_at(&mut self, context: &mut Context<Happening>, when: Micros) {
        let when = when.max(context.now());
        if self.engine_wakes.is_none_or(|wakes| when < wakes) {
            self.engine_wakes = Some(when);
            context.agenda.at(when, Happening::Engine { life: self.life });
        }
    }

    fn wake_shard(&mut self, context: &mut Context<Happening>, shard: usize) {
        let delay = context.random.between(0, MS);
        self.wake_shard_at(context, shard, context.now() + delay);
    }

    fn wake_shard_at(&mut self, context: &mut Context<Happening>, shard: usize, when: Micros) {
        let when = when.max(context.now());
        let wakes = &mut self.shards[shard].wakes;
        if wakes.is_none_or(|wakes| when < wakes) {
            *wakes = Some(when);
            context.agenda.at(when, Happening::Shard { life: self.life, shard });
        }
    }
}

impl Post {
    fn new(number: u8, plan: &Plan, now: Micros) -> Self {
        let settings = plan.settings.clone();
        let settings = shard::Settings {
            number,
            outbox_bytes: plan.outbox_bytes,
            outboxes_bytes: plan.outboxes_bytes,
            costs: shard::cost::CostLimits::default(),
            gate_events: plan.gate_events,
            gate_bytes: plan.gate_bytes,
            make_json: Arc::new(move || conversation::stream_json(&settings)),
        };
        Self {
            shard: Shard::new(settings, tick(now)),
            inbox: VecDeque::new(),
            coming: 0,
            last: 0,
            links: BTreeMap::new(),
            wakes: None,
        }
    }
}

/// The engine's time.
pub(crate) const fn time(now: Micros) -> Time {
    Time(BEGINNING_MS + now / MS)
}

/// The shards' time.
const fn tick(now: Micros) -> u64 {
    now / MS
}
