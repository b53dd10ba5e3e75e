//! Flushing: what the shard does for an event with 1,000 receivers besides the system calls.

use std::hint::black_box;
use std::sync::Arc;

use smallvec::SmallVec;
use switchboard_core::{ConnectionId, Output, RoomId, Via};
use switchboard_protocols::{Frame, Settings as Speech, conversation};
use switchboard_server::message::{Published, ToEngine, ToShard};
use switchboard_server::shard::cost::CostLimits;
use switchboard_server::shard::{Opening, Settings, Shard};

use crate::samples::event;

const MEMBERS: usize = 1_000;
const LOBBY: RoomId = RoomId(1);

/// One event: published, put on every outbox, and written by sockets that take everything.
pub(crate) fn thousand() -> Box<dyn FnMut()> {
    let speech = Arc::new(Speech::default());
    let for_json = Arc::clone(&speech);
    let settings = Settings {
        number: 0,
        outbox_bytes: 1 << 20,
        outboxes_bytes: 1 << 30,
        costs: CostLimits::default(),
        gate_events: 256,
        gate_bytes: 1 << 18,
        make_json: Arc::new(move || conversation::stream_json(&for_json)),
    };
    let mut shard = Shard::new(settings, 0);
    for _ in 0..MEMBERS {
        let opening = Opening {
            conversation: conversation::stream_json(&speech),
            via: Via::Tcp,
            address: None,
            observe: false,
            idle_ms: 0,
            head: Frame::default(),
        };
        let slot = shard.open(0, opening);
        shard.receive(0, slot, &mut b"{\"type\":\"hello\"}\n".to_vec());
    }
    let mut connections: Vec<ConnectionId> = Vec::new();
    shard.hand_over(0, |message| {
        if let ToEngine::Connect { connection, .. } = message {
            connections.push(connection);
        }
        Ok(())
    });
    assert_eq!(connections.len(), MEMBERS);
    for connection in connections {
        shard.deliver(0, ToShard::Output(Output::Attach { connection, room: LOBBY, name: "lobby".into() }));
    }
    let (event, mut dirty) = (Arc::new(event()), Vec::new());
    Box::new(move || {
        let event = Arc::new(Published::new(Arc::clone(&event)));
        let mut messages = std::iter::once(ToShard::Publish { room: LOBBY, event, except: SmallVec::new() });
        while shard.deliver_all(0, &mut messages) {}
        shard.take_dirty(&mut dirty);
        assert_eq!(dirty.len(), MEMBERS);
        let mut slices = Vec::with_capacity(MEMBERS);
        for &slot in &dirty {
            shard.gather(slot, &mut slices);
        }
        black_box(&slices);
        drop(slices);
        for slot in dirty.drain(..) {
            shard.wrote_all(slot);
        }
    })
}
