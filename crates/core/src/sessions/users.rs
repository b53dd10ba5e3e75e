//! Who is here: each user with its nick and its sessions.

use crate::ids::{SessionId, UserId};
use crate::names::Nick;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Index;
use std::sync::Arc;

/// Somebody with at least one session.
#[derive(Debug)]
pub(super) struct User {
    pub(super) nick: Nick,
    /// In the order in which they began. At most `limits.sessions_per_user`.
    pub(super) sessions: SmallVec<[SessionId; 2]>,
    /// Nobody else can have the nick, and the user is found by it.
    listed: bool,
}

/// All users, by id and by what their nicks look like.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_id: HashMap<UserId, Box<User>>,
    /// One index tells who is named so and who looks so: nicks that fold alike look alike, and no two users do.
    by_look: HashMap<Arc<str>, UserId>,
}

impl Users {
    pub(super) fn get(&self, user: UserId) -> Option<&User> {
        self.by_id.get(&user).map(Box::as_ref)
    }

    pub(super) fn contains(&self, user: UserId) -> bool {
        self.by_id.contains_key(&user)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The user with this nick, whatever its case.
    pub(super) fn named(&self, nick: &Nick) -> Option<UserId> {
        let [look, _] = nick.looks();
        let user = *self.by_look.get(look)?;
        (self[user].nick.folded() == nick.folded()).then_some(user)
    }

    /// Whether `user` cannot have this nick, because somebody else has it or one that looks like it.
    pub(super) fn is_taken(&self, nick: &Nick, user: Option<UserId>) -> bool {
        nick.looks().iter().filter_map(|look| self.by_look.get(look)).any(|holder| Some(*holder) != user)
    }

    /// A new user without sessions; the nick is not taken.
    pub(super) fn add(&mut self, user: UserId, nick: Nick) {
        self.by_look.extend(nick.looks().iter().map(|look| (Arc::clone(look), user)));
        self.by_id.insert(user, Box::new(User { nick, sessions: SmallVec::new(), listed: true }));
    }

    /// A new user without sessions whose nick is only shown: others may have the same, and nobody is found by it.
    pub(super) fn add_unlisted(&mut self, user: UserId, nick: Nick) {
        self.by_id.insert(user, Box::new(User { nick, sessions: SmallVec::new(), listed: false }));
    }

    /// Gives a user a nick that is not taken, and answers the old one.
    pub(super) fn rename(&mut self, user: UserId, nick: Nick) -> Option<Nick> {
        let entry = self.by_id.get_mut(&user)?;
        if entry.listed {
            for look in entry.nick.looks() {
                self.by_look.remove(look);
            }
            self.by_look.extend(nick.looks().iter().map(|look| (Arc::clone(look), user)));
        }
        Some(std::mem::replace(&mut entry.nick, nick))
    }

    pub(super) fn add_session(&mut self, user: UserId, session: SessionId) {
        if let Some(user) = self.by_id.get_mut(&user) {
            user.sessions.push(session);
        }
    }

    /// Takes a session from its user, who is gone with the last one.
    pub(super) fn remove_session(&mut self, user: UserId, session: SessionId) {
        let Some(entry) = self.by_id.get_mut(&user) else { return };
        entry.sessions.retain(|other| *other != session);
        if entry.sessions.is_empty() {
            for look in entry.nick.looks().iter().filter(|_| entry.listed) {
                self.by_look.remove(look);
            }
            self.by_id.remove(&user);
        }
    }
}

/// A user of a session that is alive, who is therefore there.
impl Index<UserId> for Users {
    type Output = User;

    fn index(&self, user: UserId) -> &User {
        &self.by_id[&user]
    }
}
