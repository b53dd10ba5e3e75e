//! The limits as the core takes them.

use super::settings::Config;

use super::units::Bytes;
use crate::shard::cost::{Accounts, CostLimits};
use switchboard_core::cost::Rate;

/// How many sessions' budgets one address has.
const ADDRESS_SHARE: u32 = 4;

impl Config {
    /// Whether loopback addresses are counted like all others: where a proxy on this machine is trusted to name its
    /// clients. Else they are this machine's own programs.
    #[must_use]
    pub const fn counts_loopback(&self) -> bool {
        !self.server.trusted_proxies.is_empty()
    }

    /// What of this the shards enforce.
    #[must_use]
    pub fn cost_limits(&self) -> CostLimits {
        let limits = &self.limits;
        CostLimits {
            spoken: bytes_per_second(limits.relay_bytes_per_second, limits.relay_burst),
            work: per_second(limits.work_per_second, limits.work_burst),
            address_share: ADDRESS_SHARE,
            counts_messages: limits.messages_per_second.is_some(),
            accounts: Accounts::new(self.counts_loopback()),
        }
    }

    /// What of this the core enforces. "None" becomes the largest number, or 0 where the core says so.
    #[must_use]
    pub fn core_limits(&self) -> switchboard_core::Limits {
        let limits = &self.limits;
        switchboard_core::Limits {
            message_chars: limits.message_chars as usize,
            nick_chars: limits.nick_chars as usize,
            room_chars: limits.room_chars as usize,
            topic_chars: limits.topic_chars as usize,
            rooms_per_session: limits.rooms_per_session as usize,
            sessions_per_user: limits.sessions_per_user as usize,
            rooms_total: limits.rooms_total.map_or(usize::MAX, |rooms| rooms as usize),
            messages_per_second: limits.messages_per_second.unwrap_or(0),
            message_burst: limits.message_burst,
            commands_per_second: limits.commands_per_second.unwrap_or(0),
            command_burst: limits.command_burst,
            events_per_second: limits.events_per_second.unwrap_or(0),
            event_burst: limits.event_burst,
            event_deliveries_per_second: limits.event_deliveries_per_second.unwrap_or(0),
            delivered_bytes: bytes_per_second(limits.delivered_bytes_per_second, limits.delivered_burst),
            presence_deliveries: per_second(limits.presence_deliveries_per_second, limits.presence_delivery_burst),
            new_rooms: Rate {
                per_minute: limits.new_rooms_per_minute.unwrap_or(0).into(),
                burst: limits.new_room_burst.into(),
            },
            wrong_codes: limits.wrong_codes.map_or(Rate::default(), |codes| Rate::per_second(1, codes.into())),
            stored_bytes: bytes_per_second(limits.stored_bytes_per_second, limits.stored_burst),
            held_by_address: limits.held_sessions_per_address.map_or(usize::MAX, |sessions| sessions as usize),
            held_total: limits.held_sessions_total.map_or(usize::MAX, |sessions| sessions as usize),
            address_share: ADDRESS_SHARE,
            counts_loopback: self.counts_loopback(),
            namespaces: limits.namespaces as usize,
            session_ttl_ms: limits.session_ttl.0,
            presence_max: self.rooms.presence_max as usize,
            replay_events: u64::from(limits.replay_events),
            history_limit: limits.history_limit,
            dedupe_ids: limits.dedupe_ids as usize,
            dedupe_age_ms: limits.dedupe_age.0,
        }
    }
}

fn per_second(per_second: Option<u32>, burst: u32) -> Rate {
    Rate::per_second(per_second.unwrap_or(0).into(), burst.into())
}

fn bytes_per_second(per_second: Option<Bytes>, burst: Bytes) -> Rate {
    Rate::per_second(per_second.map_or(0, |bytes| bytes.0), burst.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_definitions_of_the_defaults_agree() {
        assert_eq!(Config::default().core_limits(), switchboard_core::Limits::default());
    }

    #[test]
    fn none_is_no_bound() {
        let mut config = Config::default();
        config.limits.rooms_total = None;
        config.limits.messages_per_second = None;
        config.limits.commands_per_second = None;
        let limits = config.core_limits();
        assert_eq!((limits.rooms_total, limits.messages_per_second, limits.commands_per_second), (usize::MAX, 0, 0));
    }
}
