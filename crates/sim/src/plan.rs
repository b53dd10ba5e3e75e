//! What a seed makes of a run: the bounds of the server, the number of clients, and how much goes wrong.

use crate::prng::Random;
use std::sync::Arc;
use switchboard_core::Limits;
use switchboard_protocols::Settings;

/// The shape of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub shards: usize,
    pub clients: usize,
    /// Shared by all conversations; its limits are those of the core.
    pub settings: Arc<Settings>,
    pub outbox_bytes: usize,
    pub outboxes_bytes: usize,
    pub gate_events: usize,
    pub gate_bytes: usize,
    pub inbox_commands: usize,
    pub batch_commands: usize,
    /// Bytes that a socket's buffers and the network hold for a client who does not read.
    pub window_bytes: u64,
    /// The longest time that a packet, a commit or a read takes, in milliseconds.
    pub delay_ms: u64,
    /// Silence after which a line connection is closed, in milliseconds; 0 for never.
    pub idle_ms: u64,
    /// Whether the network breaks, the disk fills and the server crashes.
    pub faults: bool,
    /// Whether the machine's clock is set, stands and runs fast and slow.
    pub clock_jumps: bool,
    /// The ages from which retention forgets.
    pub retention_ms: &'static [u64],
}

impl Plan {
    /// The plan of a seed. Bounds are small, so that they are reached.
    #[must_use]
    pub fn of(random: &mut Random) -> Self {
        let unlimited = random.percent(50);
        let limits = Limits {
            messages_per_second: if unlimited { 0 } else { 10 },
            commands_per_second: if unlimited { 0 } else { 20 },
            rooms_per_session: 4,
            sessions_per_user: 2,
            session_ttl_ms: random.pick(&[500, 5_000, 30_000]),
            presence_max: random.pick(&[2, 5, 100]),
            replay_events: random.pick(&[5, 50, 1_000]),
            history_limit: random.pick(&[5, 200]),
            dedupe_ids: 1_000_000,
            ..Limits::default()
        };
        let faults = random.percent(90);
        let clock_jumps = faults && random.percent(60);
        let outbox_bytes = random.pick(&[32 << 10, 64 << 10, 1 << 20]);
        let settings = Settings { limits, line_bytes: 16 << 10, frame_bytes: 16 << 10, ..Settings::default() };
        Self {
            shards: random.between(1, 4) as usize,
            clients: random.between(4, 20) as usize,
            settings: Arc::new(settings),
            outbox_bytes,
            outboxes_bytes: if random.percent(20) { outbox_bytes * 2 } else { usize::MAX },
            gate_events: random.pick(&[4, 32, 256]),
            gate_bytes: outbox_bytes / random.pick(&[1, 2, 4]),
            inbox_commands: random.pick(&[2, 16, 1_024]),
            batch_commands: random.pick(&[1, 8, 1_024]),
            window_bytes: random.pick(&[1 << 10, 8 << 10, 256 << 10]),
            delay_ms: random.pick(&[1, 10, 100]),
            idle_ms: random.pick(&[0, 90_000]),
            faults,
            clock_jumps,
            // Where the clock is wrong, small ages drown in what it may be wrong by unnoticed.
            retention_ms: if clock_jumps { &[24 * 60 * 60 * 1_000, 30 * 60 * 1_000] } else { &[0, 1_000, 30_000] },
        }
    }
}
