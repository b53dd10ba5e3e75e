//! Opens the store, and starts the core from what it holds.

use super::StartError;
use crate::config::{Config, Durability, default_data_dir};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use switchboard_core::sessions::SessionsSettings;
use switchboard_core::{Rooms, SessionId, Time};
use switchboard_store::{ClockLog, MemorySettings, MemoryStore, SqliteSettings, SqliteStore, Store};

/// The store and what the core starts from.
pub(super) struct History {
    pub store: Box<dyn Store>,
    pub rooms: Rooms,
    pub sessions: SessionsSettings,
    /// What the machine's clock did.
    pub clock: ClockLog,
    /// Sessions that their clients ended.
    pub ended: Vec<SessionId>,
    /// The latest time of any event.
    pub latest: Time,
}

/// Where the data is; none with `--ephemeral`.
///
/// # Errors
/// There is no place for it.
pub(super) fn directory(config: &Config) -> Result<Option<PathBuf>, StartError> {
    if config.server.ephemeral {
        return Ok(None);
    }
    let directory = config.server.data_dir.clone().or_else(|| default_data_dir(|name| std::env::var_os(name)));
    directory.map(Some).ok_or(StartError::NoDataDir)
}

/// Opens the store and reads what the core needs of it.
///
/// # Errors
/// The store is in use, damaged, of a newer version, or cannot be read.
pub(super) fn open(config: &Config, directory: Option<&Path>) -> Result<History, StartError> {
    let mut store: Box<dyn Store> = match directory {
        None => Box::new(MemoryStore::new(MemorySettings::default())?),
        Some(directory) => {
            // What is missing is made for this user only.
            warn_of_readers(directory);
            let durability = match config.store.durability {
                Durability::Fsync => switchboard_store::Durability::Fsync,
                Durability::Os => switchboard_store::Durability::Os,
                Durability::None => switchboard_store::Durability::None,
            };
            let store = SqliteStore::open(directory, SqliteSettings { durability, pages_max: None })?;
            if store.has_lost() {
                tracing::warn!(
                    directory = %directory.display(),
                    "the history is a copy, or what was acknowledged last is missing: clients are told to forget the \
                     numbers that they know (it has another epoch)"
                );
            }
            Box::new(store)
        }
    };
    let limits = config.core_limits();
    let loaded = store.load()?;
    let mut rooms = Rooms::new(&limits);
    let mut latest = Time(0);
    for room in loaded.rooms {
        latest = latest.max(room.last_time);
        rooms.restore_room(room.name, room.next_seq, room.first_seq, room.topic, room.last_time);
    }
    store.recent_ids(limits.dedupe_age_ms, limits.dedupe_ids, &mut |id| {
        rooms.restore_id(&id.room, &id.id, id.seq, id.time, &id.text, id.action);
    })?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
    let sessions = SessionsSettings {
        limits,
        epoch: loaded.epoch,
        token_key: loaded.secret,
        seed: u64::from_ne_bytes(seed),
        join_code: config.auth.join_code.as_ref().map(|code| code.expose().to_owned()),
        realms: super::sockets::relays(config).into_iter().map(|relay| relay.path).collect(),
        auto_join: config.rooms.auto_join.clone(),
        next_pos: loaded.next_pos,
    };
    Ok(History { store, rooms, sessions, clock: loaded.clock, ended: loaded.ended, latest })
}

/// Others on this machine may read everything that was ever said, if the directory lets them.
fn warn_of_readers(directory: &Path) {
    let mode = std::fs::metadata(directory).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(
            directory = %directory.display(),
            mode = format!("{:o}", mode & 0o7777),
            "other users of this machine can get at the data directory; chmod 700 keeps them out"
        );
    }
}
