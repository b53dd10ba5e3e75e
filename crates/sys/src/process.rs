//! Who this process is, and which other processes there are.

use std::io;

/// The effective user id of this process: who owns the files it makes.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Whether there is a process with this id, whoever it belongs to.
#[must_use]
pub fn process_exists(pid: u32) -> bool {
    // 0 and negative numbers mean groups of processes.
    let Some(pid) = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0) else {
        return false;
    };
    // SAFETY: signal 0 is not delivered; the call only looks whether it could be.
    let found = unsafe { libc::kill(pid, 0) } == 0;
    found || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::process::{self, Command};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_user_is_the_owner_of_the_process() {
        let owner = std::fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(effective_uid(), owner);
    }

    #[test]
    fn a_process_exists_until_it_was_waited_for() {
        assert!(process_exists(process::id()));
        let mut child = Command::new("true").spawn().unwrap();
        assert!(process_exists(child.id()));
        child.wait().unwrap();
        assert!(!process_exists(child.id()));
        assert!(!process_exists(0));
        assert!(!process_exists(u32::MAX));
    }
}
