//! How many files and sockets the process may have open.

use std::io;

/// The limit on open files, sockets among them (`RLIMIT_NOFILE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    /// What holds now.
    pub soft: u64,
    /// What the soft limit may be raised to without privileges.
    pub hard: u64,
}

/// The limit on open files.
///
/// # Errors
/// Those of `getrlimit`; none in practice.
pub fn nofile() -> io::Result<Nofile> {
    let limit = get()?;
    Ok(Nofile { soft: limit.rlim_cur, hard: limit.rlim_max })
}

/// Raises the soft limit on open files to the hard one, and says what holds then.
///
/// The soft limit is 1,024 on most systems for the sake of programs that use `select`; a server
/// with many sockets is expected to raise it.
///
/// # Errors
/// Those of `setrlimit`. Some systems have a maximum of their own below the hard limit they name;
/// the old limit then still holds.
pub fn raise_nofile() -> io::Result<Nofile> {
    let mut limit = get()?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a valid `rlimit`, which the call only reads.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    nofile()
}

fn get() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid `rlimit` for the call to write to.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let before = nofile().unwrap();
        assert!(before.soft > 0 && before.soft <= before.hard);
        let after = raise_nofile().unwrap();
        assert_eq!(after, Nofile { soft: before.hard, hard: before.hard });
        assert_eq!(nofile().unwrap(), after);
    }
}
