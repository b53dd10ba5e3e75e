//! What must hold whatever happens: the history as it was committed, and everything that is told against it.

use std::collections::BTreeMap;
use switchboard_core::{Body, Event, Seq, SessionId, Time};
use switchboard_store::Reader;

/// What the machine's clock may be wrong by without anybody noticing, each time the machine is started, in milliseconds.
const UNNOTICED_MS: u64 = 10 * 60_000;

/// What is wrong, in a sentence.
pub(crate) type Verdict = Result<(), String>;

/// A durable event as the store has it.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) session: SessionId,
    pub(crate) tokens: Vec<u64>,
    id: Option<String>,
    /// When it was committed, in milliseconds of the time that goes by.
    at_ms: u64,
    /// Its stamp.
    time: Time,
}

/// What a client said, by the token in its text.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) client: usize,
    /// The user, as far as the client knows.
    pub(crate) group: u32,
    /// The connection on which it was said first.
    pub(crate) link: usize,
    /// The nick that a private message is for.
    pub(crate) to: Option<String>,
}

/// The judge of a run.
#[derive(Default)]
pub(crate) struct Check {
    rooms: BTreeMap<String, Vec<Fact>>,
    /// Where each token is stored.
    stored: BTreeMap<u64, (String, Seq)>,
    ids: BTreeMap<String, (String, Seq)>,
    said: BTreeMap<u64, Said>,
    acknowledged: BTreeMap<String, (String, Seq)>,
    next_token: u64,
}

impl Check {
    /// A token that no text has yet.
    pub(crate) fn token(&mut self, said: Said) -> u64 {
        self.next_token += 1;
        self.said.insert(self.next_token, said);
        self.next_token
    }

    pub(crate) fn said(&self, token: u64) -> Result<&Said, String> {
        self.said.get(&token).ok_or_else(|| format!("nobody said ~{token}~"))
    }

    /// An event is committed at this time.
    pub(crate) fn committed(&mut self, event: &Event, at_ms: u64) -> Verdict {
        let (Some(room), Some(seq)) = (&event.room, event.seq()) else {
            return Err(format!("{event:?} was stored and has no room or number"));
        };
        let (Body::Message { from, text, .. } | Body::Topic { from, text, .. }) = &event.body else {
            return Err(format!("{event:?} was stored and is not durable"));
        };
        let facts = self.rooms.entry(room.to_string()).or_default();
        if facts.len() as Seq + 1 != seq {
            return Err(format!("{room} {seq} was stored after {}", facts.len()));
        }
        if let Some(last) = facts.last().filter(|last| last.time > event.time) {
            return Err(format!("{room} {seq} is of {:?}, and the one before of {:?}", event.time, last.time));
        }
        let tokens = tokens(text);
        for token in &tokens {
            if let Some(place) = self.stored.insert(*token, (room.to_string(), seq)) {
                return Err(format!("~{token}~ is stored as {place:?} and again as {room} {seq}"));
            }
        }
        let id = match &event.body {
            Body::Message { id: Some(id), .. } => Some(id.to_string()),
            _ => None,
        };
        if let Some(id) = &id
            && let Some(place) = self.ids.insert(id.clone(), (room.to_string(), seq))
        {
            return Err(format!("id {id} is stored as {place:?} and again as {room} {seq}"));
        }
        facts.push(Fact { session: from.session, tokens, id, at_ms, time: event.time });
        Ok(())
    }

    /// The server has written this to somebody: everything in it that is stored at all must be committed.
    pub(crate) fn written(&self, text: &str) -> Verdict {
        match tokens(text).into_iter().find(|token| !self.stored.contains_key(token)) {
            Some(token) if self.said(token)?.to.is_none() => Err(format!("~{token}~ was told before it was committed")),
            Some(_) | None => Ok(()),
        }
    }

    /// A client was told that its message is stored.
    pub(crate) fn acknowledged(&mut self, id: &str, room: &str, seq: Seq) -> Verdict {
        let place = (room.to_owned(), seq);
        if self.ids.get(id) != Some(&place) {
            return Err(format!("id {id} was acknowledged as {place:?}, and is stored as {:?}", self.ids.get(id)));
        }
        self.acknowledged.insert(id.to_owned(), place);
        Ok(())
    }

    /// Retention is about to forget what is older than `age_ms`: everything in the room below a number. What the clock is
    /// wrong by before it is noticed is left to it.
    pub(crate) fn may_be_forgotten(&self, room: &str, before: Seq, now_ms: u64, age_ms: u64) -> Verdict {
        let latest = self.fact(room, before.saturating_sub(1))?;
        if now_ms - latest.at_ms + UNNOTICED_MS < age_ms {
            let age = now_ms - latest.at_ms;
            return Err(format!("{room} is forgotten up to {before}, which was stored {age} ms ago, not {age_ms}"));
        }
        Ok(())
    }

    /// Where a token is stored.
    pub(crate) fn place(&self, token: u64) -> Option<&(String, Seq)> {
        self.stored.get(&token)
    }

    pub(crate) fn fact(&self, room: &str, seq: Seq) -> Result<&Fact, String> {
        let fact = seq.checked_sub(1).and_then(|index| self.rooms.get(room)?.get(index as usize));
        fact.ok_or_else(|| format!("{room} {seq} is not stored"))
    }

    /// The number of a room's latest event.
    pub(crate) fn latest(&self, room: &str) -> Seq {
        self.rooms.get(room).map_or(0, |facts| facts.len() as Seq)
    }

    /// How many durable events there are.
    pub(crate) fn events(&self) -> usize {
        self.rooms.values().map(Vec::len).sum()
    }

    /// Holds the whole history against what was committed and acknowledged.
    pub(crate) fn history(&self, reader: &mut dyn Reader, first_seq: impl Fn(&str) -> Seq) -> Verdict {
        for (room, facts) in &self.rooms {
            let mut next = first_seq(room);
            loop {
                let after = switchboard_core::output::HistoryRange::After(next - 1);
                let page = reader.history(room, after, 100, usize::MAX).map_err(|error| error.to_string())?;
                for event in &page.events {
                    if event.seq() != Some(next) {
                        return Err(format!("{room}: {:?} stands where {next} should", event.seq()));
                    }
                    let fact = self.fact(room, next)?;
                    let (Body::Message { from, .. } | Body::Topic { from, .. }) = &event.body else {
                        return Err(format!("{room} {next} is not durable"));
                    };
                    let id = match &event.body {
                        Body::Message { id, .. } => id.as_deref(),
                        _ => None,
                    };
                    if from.session != fact.session || id != fact.id.as_deref() {
                        return Err(format!("{room} {next} is not what was committed"));
                    }
                    next += 1;
                }
                if !page.more {
                    break;
                }
            }
            if next != facts.len() as Seq + 1 {
                return Err(format!("{room} ends before {next}, and {} were committed", facts.len()));
            }
        }
        for (id, place) in &self.acknowledged {
            if self.ids.get(id) != Some(place) {
                return Err(format!("id {id} was acknowledged as {place:?} and is not stored there"));
            }
        }
        Ok(())
    }
}

/// The tokens in a text: numbers between tildes.
pub(crate) fn tokens(text: &str) -> Vec<u64> {
    text.split('~').skip(1).step_by(2).filter_map(|token| token.parse().ok()).collect()
}

/// How far a client has heard one room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    /// Everything up to this was heard, or was the client's own.
    pub(crate) last: Seq,
}

impl View {
    /// An event, or the acknowledgement of the client's own, comes. What is between it and the last one must be the
    /// client's own.
    pub(crate) fn advance(&mut self, check: &Check, room: &str, seq: Seq, is_own: impl Fn(&Fact) -> bool) -> Verdict {
        if seq <= self.last {
            return Err(format!("{room} {seq} came after {}", self.last));
        }
        self.skip(check, room, seq - 1, is_own)?;
        self.last = seq;
        Ok(())
    }

    /// Everything up to here, as far as it was not heard, must be the client's own.
    pub(crate) fn skip(&mut self, check: &Check, room: &str, through: Seq, is_own: impl Fn(&Fact) -> bool) -> Verdict {
        for missing in self.last + 1..=through {
            if !is_own(check.fact(room, missing)?) {
                return Err(format!("{room} {missing} is missing between {} and {}", self.last, through + 1));
            }
            self.last = missing;
        }
        Ok(())
    }

    /// The server says that these were missed.
    pub(crate) fn gap(&mut self, room: &str, first: Seq, through: Seq) -> Verdict {
        if first != self.last + 1 || through < first {
            return Err(format!("{room}: a gap from {first} to {through} after {}", self.last));
        }
        self.last = through;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_core::{Sender, UserId, Via};

    fn message(seq: Seq, session: u64, token: u64) -> Event {
        let from =
            Sender { nick: "ada".into(), session: SessionId(session), user: UserId(1), via: Via::Tcp, address: None };
        let id = Some(format!("message-{token:016}").into());
        let body =
            Body::Message { seq: Some(seq), id, from, to: None, text: format!("~{token}~").into(), action: false };
        Event { pos: seq, time: Time(0), room: Some("lobby".into()), body }
    }

    fn said() -> Said {
        Said { client: 0, group: 0, link: 0, to: None }
    }

    #[test]
    fn what_is_not_committed_may_be_neither_told_nor_acknowledged() {
        let mut check = Check::default();
        let token = check.token(said());
        let id = format!("message-{token:016}");
        assert!(check.written("<ada> ~1~ hi").is_err());
        assert!(check.acknowledged(&id, "lobby", 1).is_err());
        assert_eq!(check.committed(&message(1, 7, token), 0), Ok(()));
        assert_eq!(check.written("<ada> ~1~ hi"), Ok(()));
        assert!(check.acknowledged(&id, "lobby", 2).is_err());
        assert_eq!(check.acknowledged(&id, "lobby", 1), Ok(()));
    }

    #[test]
    fn nothing_is_stored_twice_or_after_a_hole() {
        let mut check = Check::default();
        assert_eq!(check.committed(&message(1, 7, 1), 0), Ok(()));
        assert!(check.committed(&message(3, 7, 3), 0).is_err());
        assert!(check.committed(&message(2, 7, 1), 0).is_err());
    }

    #[test]
    fn a_client_misses_nothing_but_its_own_and_what_a_gap_says() {
        let mut check = Check::default();
        for seq in 1..=6 {
            assert_eq!(check.committed(&message(seq, if seq == 2 { 7 } else { 8 }, seq), 0), Ok(()));
        }
        let is_own = |fact: &Fact| fact.session == SessionId(7);
        let mut view = View::default();
        assert_eq!(view.advance(&check, "lobby", 1, is_own), Ok(()));
        assert_eq!(view.advance(&check, "lobby", 3, is_own), Ok(()), "2 is its own");
        assert!(view.advance(&check, "lobby", 3, is_own).is_err(), "again");
        assert!(view.advance(&check, "lobby", 5, is_own).is_err(), "without 4");
        assert!(view.gap("lobby", 5, 5).is_err(), "4 is missing before it");
        assert_eq!(view.gap("lobby", 4, 5), Ok(()));
        assert_eq!(view.advance(&check, "lobby", 6, is_own), Ok(()));
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        assert_eq!(tokens("[dev] <ada> ~12~xxx\n| ~7~"), [12, 7]);
        assert!(tokens("a ~ b").is_empty());
    }
}
