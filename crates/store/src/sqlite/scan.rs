//! A look at the write-ahead log before SQLite opens it: whether its end was cut off, or something within it is damaged.
//!
//! SQLite takes the log up to the first frame whose checksum is wrong (file format, section 4.1) and forgets the rest in
//! silence. After a power cut that is right: what comes behind was never waited for. But a commit waits until the disk
//! has all of the log, so if anything was written after one, then the log was whole up to there, and a frame before it
//! that is wrong now was damaged later. Work that trails the commits is not waited for; each of its transactions writes
//! the page of the table `meta`, by which it is told from a commit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The page of the table `meta`, which is the first one made.
const META_PAGE: u32 = 2;
/// Disks write this many bytes whole, or multiples of them.
const SECTOR_BYTES: u64 = 512;
const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Returns the number (from 1) of a frame that is damaged although commits behind it were waited for; none if the log
/// ends as a power cut or a kill may leave it. The log's header was looked at before.
pub(super) fn damaged_frame(wal: &Path) -> io::Result<Option<u64>> {
    let mut file = BufReader::with_capacity(1 << 18, File::open(wal)?);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut file, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(None);
    }
    let page_bytes = word(&header, 2) as usize;
    // A page has 512 to 65,536 bytes; 1 stands for the latter.
    let page_bytes = if page_bytes == 1 { 1 << 16 } else { page_bytes };
    if !(512..=1 << 16).contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return Ok(None);
    }
    let log = Log {
        salts: (word(&header, 4), word(&header, 5)),
        is_big_endian: word(&header, 0) & 1 == 1,
        frame_bytes: (FRAME_HEADER_BYTES + page_bytes) as u64,
    };
    let mut judge = Judge { sum: (word(&header, 6), word(&header, 7)), ..Judge::default() };
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    while fill(&mut file, &mut frame)? {
        if judge.see(&log, &frame) {
            return Ok(judge.broken);
        }
    }
    Ok(None)
}

struct Log {
    salts: (u32, u32),
    is_big_endian: bool,
    frame_bytes: u64,
}

/// What was seen of the frames so far.
#[derive(Default)]
struct Judge {
    frames: u64,
    /// The checksum that the next frame continues, as the last one says.
    sum: (u32, u32),
    /// The first frame that is wrong.
    broken: Option<u64>,
    /// Of the transaction under way, something is not known, or it wrote the page of `meta`.
    is_doubtful: bool,
    /// The frame before ended a commit.
    after_commit: bool,
    /// The frame before, if its head does not say that it is of this log and lies in one sector.
    strange: Option<Strange>,
}

/// A frame with the salts of another log.
struct Strange {
    /// Whether the transaction was doubtful without it.
    was_doubtful: bool,
    page: u32,
    ends_a_transaction: bool,
}

impl Judge {
    /// Looks at the next frame. Gives whether it proves that the broken one was damaged.
    fn see(&mut self, log: &Log, frame: &[u8]) -> bool {
        let offset = HEADER_BYTES as u64 + self.frames * log.frame_bytes;
        self.frames += 1;
        let is_of_this_log = (word(frame, 2), word(frame, 3)) == log.salts;
        let stored = (word(frame, 4), word(frame, 5));
        let sum = checksum(self.sum, &frame[..8], log.is_big_endian);
        let sum = checksum(sum, &frame[FRAME_HEADER_BYTES..], log.is_big_endian);
        let is_intact = is_of_this_log && sum == stored;
        if !is_intact && self.broken.is_none() {
            self.broken = Some(self.frames);
        }
        // The checksum that this one continues is in the sector of the other fields: those were written with it.
        if let Some(strange) = self.strange.take().filter(|_| is_intact) {
            self.is_doubtful = strange.was_doubtful;
            self.note(strange.page, strange.ends_a_transaction);
        }
        if self.broken.is_some() && self.after_commit && is_intact {
            return true;
        }
        // What a power cut left of a header that is in two sectors may be of two frames.
        let is_in_one_sector = offset % SECTOR_BYTES + FRAME_HEADER_BYTES as u64 <= SECTOR_BYTES;
        let is_known = is_intact || is_of_this_log && is_in_one_sector;
        let (page, ends_a_transaction) = (word(frame, 0), word(frame, 1) != 0);
        self.after_commit = false;
        if is_known {
            self.note(page, ends_a_transaction);
        } else {
            let was_doubtful = std::mem::replace(&mut self.is_doubtful, true);
            self.strange = is_in_one_sector.then_some(Strange { was_doubtful, page, ends_a_transaction });
        }
        self.sum = stored;
        false
    }

    /// Counts a frame of the transaction under way, whose page is known.
    fn note(&mut self, page: u32, ends_a_transaction: bool) {
        self.is_doubtful |= page == META_PAGE;
        self.after_commit = ends_a_transaction && !self.is_doubtful;
        self.is_doubtful &= !ends_a_transaction;
    }
}

/// SQLite's checksum over pairs of words.
fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let number = |at: usize| {
            let bytes = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        first = first.wrapping_add(number(0)).wrapping_add(second);
        second = second.wrapping_add(number(4)).wrapping_add(first);
    }
    (first, second)
}

fn word(bytes: &[u8], index: usize) -> u32 {
    let at = index * 4;
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the buffer; a file that ends before is an answer, not an error.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
