//! A shard's turn: reading, delivering, handing over, carrying out, writing.

use super::{Server, tick};
use crate::agenda::{Context, MS};
use crate::check::{Check, Verdict};
use crate::network::{Input, LinkId, Network, Written};
use crate::tap::Told;
use crate::world::Happening;
use switchboard_server::shard::Want;

/// Reads of one socket before others have their turn.
const READS_PER_TURN: usize = 4;
/// What a farewell may add to an outbox that is full.
const FAREWELL_BYTES: usize = 512;

impl Server {
    /// One turn of a shard, as its driver has it.
    pub(crate) fn turn(
        &mut self,
        context: &mut Context<Happening>,
        network: &mut Network,
        check: &Check,
        place: usize,
    ) -> Verdict {
        self.shards[place].wakes = None;
        let now = tick(context.now());
        self.shards[place].shard.turn(now);
        let reads_first = context.random.percent(50);
        if reads_first {
            self.read_all(context, network, place);
        }
        let inbox = std::mem::take(&mut self.shards[place].inbox);
        let mut messages = inbox.into_iter().flatten();
        while self.shards[place].shard.deliver_all(now, &mut messages) {
            self.write_dirty(context, network, check, place)?;
        }
        if !reads_first {
            self.read_all(context, network, place);
        }
        self.hand_over(context, place);
        self.carry_out(context, network, place);
        self.write_dirty(context, network, check, place)?;
        self.hand_over(context, place);
        self.carry_out(context, network, place);
        let Self { shards, population, .. } = self;
        let post = &mut shards[place];
        post.shard.closed.clear();
        post.shard.population.report(|via, protocol, change| {
            *population.entry((via.as_str(), protocol)).or_default() += change;
        });
        // Its work may have made more: what a socket took lets its gate go on.
        if !post.shard.is_quiet()
            || post.links.values().any(|link| network.link(*link).armed && network.is_readable(*link))
        {
            self.wake_shard(context, place);
        } else if let Some(alarm) = post.shard.next_alarm() {
            self.wake_shard_at(context, place, alarm * MS);
        }
        self.check_bounds(place)
    }

    pub(super) fn read_all(&mut self, context: &mut Context<Happening>, network: &mut Network, place: usize) {
        let now = tick(context.now());
        let post = &mut self.shards[place];
        let mut links: Vec<(u32, LinkId)> = post.links.iter().map(|(slot, link)| (*slot, *link)).collect();
        if !links.is_empty() {
            let first = context.random.below(links.len());
            links.rotate_left(first);
        }
        for (slot, link) in links {
            if !network.link(link).armed || !network.is_readable(link) {
                continue;
            }
            for _ in 0..READS_PER_TURN {
                let most = if context.random.percent(70) { 64 << 10 } else { 1 + context.random.below(64) };
                match network.read(link, most) {
                    Input::Bytes(mut bytes) => post.shard.receive(now, slot, &mut bytes),
                    Input::Nothing => break,
                    Input::End => {
                        post.shard.end_of_input(now, slot);
                        break;
                    }
                    Input::Broken => {
                        post.shard.broken(now, slot);
                        break;
                    }
                }
            }
            // From here on it is read when something comes, whatever happens meanwhile.
            network.link_mut(link).armed = post.shard.may_read(slot);
        }
    }

    pub(super) fn hand_over(&mut self, context: &mut Context<Happening>, place: usize) {
        let now = tick(context.now());
        let post = &mut self.shards[place];
        if post.shard.has_for_engine() {
            let mut offering = self.mailbox.offer(place);
            post.shard.hand_over(now, |message| offering.put(message));
            // Whose turn it is here is the agenda's affair.
            let _ = offering.done();
            self.wake_engine(context);
        }
    }

    pub(super) fn carry_out(&mut self, context: &mut Context<Happening>, network: &mut Network, place: usize) {
        let life = self.life;
        let post = &mut self.shards[place];
        for want in post.shard.take_wants() {
            context.note(format_args!("shard {place} wants {want:?}"));
            match want {
                Want::Read(connection, read) => {
                    let slow = if context.random.percent(5) { 20 } else { 1 };
                    let most = self.plan.delay_ms * MS * slow;
                    context.after(0, most, Happening::Read { life, connection, read });
                }
                Want::Shut(slot) => {
                    if let Some(link) = post.links.get(&slot) {
                        network.shut(context, *link);
                    }
                }
                Want::Drop(slot) => {
                    if let Some(link) = post.links.remove(&slot) {
                        network.drop_link(context, link);
                    }
                    post.shard.dropped(slot);
                }
                Want::Resume(slot) => {
                    if let Some(link) = post.links.get(&slot) {
                        network.link_mut(*link).armed = post.shard.may_read(slot);
                    }
                }
            }
        }
    }

    pub(super) fn write_dirty(
        &mut self,
        context: &mut Context<Happening>,
        network: &mut Network,
        check: &Check,
        place: usize,
    ) -> Verdict {
        let now = tick(context.now());
        let post = &mut self.shards[place];
        let mut dirty = Vec::new();
        post.shard.take_dirty(&mut dirty);
        for slot in dirty {
            let Some(link) = post.links.get(&slot).copied() else { continue };
            loop {
                let mut slices = Vec::new();
                let count = post.shard.gather(slot, &mut slices);
                if count == 0 {
                    post.shard.written(slot);
                    break;
                }
                let mut told = Vec::new();
                let written = network.write(context, link, &slices[..count], &mut told)?;
                for told in told {
                    context.note(format_args!("link {link} < {told:?}"));
                    if let Told::Text(text) = told {
                        check.written(&text)?;
                    }
                }
                match written {
                    Written::Took(count) => post.shard.wrote(slot, count),
                    Written::Full => {
                        post.shard.blocked(slot);
                        break;
                    }
                    Written::Broken => {
                        post.shard.broken(now, slot);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_bounds(&self, place: usize) -> Verdict {
        let (post, plan) = (&self.shards[place], &self.plan);
        let mut waiting = 0;
        for slot in post.links.keys() {
            let Some(load) = post.shard.load(*slot) else { continue };
            waiting += load.outbox_bytes;
            if load.outbox_bytes > plan.outbox_bytes + FAREWELL_BYTES
                || load.gate_events > plan.gate_events
                || load.gate_bytes > plan.gate_bytes
            {
                return Err(format!("shard {place} slot {slot} holds {load:?}"));
            }
            // Two reads of at most 64 KiB, of which the smallest command takes some 15 bytes.
            if load.parked > READS_PER_TURN as u32 * 2 * 4_400 {
                return Err(format!("shard {place} slot {slot} parks {load:?}"));
            }
        }
        if waiting != post.shard.waiting_bytes() {
            return Err(format!("shard {place} counts {} bytes, and {waiting} wait", post.shard.waiting_bytes()));
        }
        Ok(())
    }
}
