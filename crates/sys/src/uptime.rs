//! How long the machine is up, and which start of it this is: what no setting of a clock changes.

use std::time::Duration;

/// The time since the machine was started, sleep included. Nobody can set it; it goes on while the machine sleeps, and
/// begins again when it is started. None where the system has no such clock.
#[must_use]
pub fn uptime() -> Option<Duration> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    // What has no clock of this meaning has one that stands still in sleep, or (macOS) goes on in it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing one timespec; the call keeps no pointer.
    if unsafe { libc::clock_gettime(CLOCK, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// A number that the system draws whenever the machine is started; 0 where it tells none.
#[must_use]
pub fn boot_number() -> u128 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_up_and_stays_the_same() {
        let before = uptime().unwrap();
        assert!(before > Duration::ZERO);
        assert!(uptime().unwrap() >= before);
        assert_eq!(boot_number(), boot_number());
        assert_eq!(boot_number() != 0, cfg!(target_os = "linux"));
    }
}
