//! The one table of events: which are stored, replayed on resume and shown in history.

/// The names of events on every wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    Message,
    Topic,
    Joined,
    Left,
    Renamed,
    Typing,
    Notice,
    Members,
    Rooms,
    Event,
    Gap,
}

/// What is true of all events of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: EventName,
    /// The word on every wire.
    pub word: &'static str,
    /// Gets a `seq` and is stored before anybody sees it.
    pub durable: bool,
    /// Is replayed to a session that was away.
    pub resumed: bool,
    /// Is in the pages of history.
    pub in_history: bool,
}

const fn durable(name: EventName, word: &'static str) -> Row {
    Row { name, word, durable: true, resumed: true, in_history: true }
}

const fn ephemeral(name: EventName, word: &'static str) -> Row {
    Row { name, word, durable: false, resumed: false, in_history: false }
}

/// Every event there is.
pub const VOCABULARY: [Row; 11] = [
    durable(EventName::Message, "message"),
    durable(EventName::Topic, "topic"),
    ephemeral(EventName::Joined, "joined"),
    ephemeral(EventName::Left, "left"),
    ephemeral(EventName::Renamed, "renamed"),
    ephemeral(EventName::Typing, "typing"),
    ephemeral(EventName::Notice, "notice"),
    ephemeral(EventName::Members, "members"),
    ephemeral(EventName::Rooms, "rooms"),
    ephemeral(EventName::Event, "event"),
    ephemeral(EventName::Gap, "gap"),
];

impl EventName {
    /// The name's row in the table.
    #[must_use]
    pub const fn row(self) -> Row {
        VOCABULARY[self as usize]
    }

    /// The word on every wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_own_row() {
        for (place, row) in VOCABULARY.iter().enumerate() {
            assert_eq!(row.name as usize, place);
            assert_eq!(row.name.row(), *row);
        }
    }

    #[test]
    fn what_is_durable_is_resumed_and_in_history() {
        for row in VOCABULARY {
            assert_eq!(row.durable, row.resumed, "{}", row.word);
            assert_eq!(row.durable, row.in_history, "{}", row.word);
        }
    }
}
