//! The limits as the core takes them.

use super::settings::Config;

impl Config {
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
