//! The CPU clock of any process.

use std::io;
use std::time::Duration;

/// The CPU time that process `pid` has used so far, in all its threads, user and system together, to the nanosecond.
/// The ticks of `/proc/PID/stat` are 10 ms each, too coarse for a short measurement.
///
/// # Errors
/// The system's error; `NotFound` when there is no such process.
pub fn process_cpu_time(pid: u32) -> io::Result<Duration> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is valid for writing one clock id; the call keeps no pointer.
    let code = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if code != 0 {
        // Unlike most calls this one returns the error number instead of setting errno.
        return Err(not_found_if_gone(io::Error::from_raw_os_error(code)));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing one timespec; the call keeps no pointer.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(not_found_if_gone(io::Error::last_os_error()));
    }
    let seconds = u64::try_from(time.tv_sec).map_err(io::Error::other)?;
    let nanoseconds = u32::try_from(time.tv_nsec).map_err(io::Error::other)?;
    Ok(Duration::new(seconds, nanoseconds))
}

/// A process that ended is reported as ESRCH by the first call and as EINVAL by the second.
fn not_found_if_gone(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ESRCH | libc::EINVAL) => io::Error::new(io::ErrorKind::NotFound, "no such process"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_this_process_goes_on_while_it_works() {
        let before = process_cpu_time(std::process::id()).unwrap();
        let mut value = 1_u64;
        while process_cpu_time(std::process::id()).unwrap() < before + Duration::from_millis(1) {
            value = std::hint::black_box(value.wrapping_mul(3));
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_not_found() {
        // Process ids of Linux stay below 2^22.
        let error = process_cpu_time(1 << 23).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
