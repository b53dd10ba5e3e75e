//! The write-ahead log's file, made longer before commits need it.
//!
//! A commit that makes the file longer waits not only for its pages, but also for what the file system notes of the new
//! length: half as much again of CPU time and of waiting. Until the log is first begun anew, that would be every commit.
//! What stands behind the log's last frame means nothing (file format, section 4.4), so the file may be longer than it.

use super::write::Write;
use rusqlite::Connection;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEADER_BYTES: u64 = 32;
/// A frame: its header and a page.
const FRAME_BYTES: u64 = 24 + 4_096;
/// How much is added at once. Half of it, some hundred commits, is enough for a while.
const STEP_BYTES: usize = 1 << 20;

/// Makes the log's file longer if its end is near. What keeps it from being so is no error: commits do it themselves.
pub(super) fn grow_ahead(connection: &Connection, log: &Path) -> rusqlite::Result<()> {
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    let used = HEADER_BYTES + frames.max(0).cast_unsigned() * FRAME_BYTES;
    let is_near = |length: u64| length < used + STEP_BYTES as u64 / 2;
    if log.metadata().is_ok_and(|file| is_near(file.len())) {
        // Other programs may look into the database and write to it: nobody writes to the log meanwhile.
        let alone = Write::begin(connection)?;
        let _ = grow(log);
        alone.commit()?;
    }
    Ok(())
}

fn grow(log: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(log)?;
    let length = file.metadata()?.len();
    // Zeros that are written and not only promised: else each commit would have to note that its blocks hold something.
    // They are waited for here, behind the commits, so that no commit has to wait for them.
    file.write_all_at(&vec![0; STEP_BYTES], length).and_then(|()| file.sync_data()).inspect_err(|_| {
        // On a full disk the commits need the space.
        let _ = file.set_len(length);
    })
}
