//! What the kernel says about a process: its CPU time and its memory; and about the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The CPU time of a whole process at one moment, with the threads that have ended.
#[derive(Clone, Copy, Debug)]
pub struct CpuReading {
    /// Exact to the nanosecond, from the process's CPU clock.
    total: Duration,
    /// Ticks of 10 ms from `/proc/PID/stat`: good only to split the total.
    user_ticks: u64,
    system_ticks: u64,
}

/// The CPU time between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CpuSpent {
    /// Microseconds in all.
    pub total_us: f64,
    /// Microseconds of it in the program itself.
    pub user_us: f64,
    /// Microseconds of it in the kernel.
    pub system_us: f64,
}

/// What the figures were taken on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// CPUs that this process may use.
    pub cpus: usize,
    /// What the processor calls itself.
    pub model: String,
    /// The kernel's release.
    pub kernel: String,
    /// The load averages of the last 1, 5 and 15 minutes before the run: other work spoils figures.
    pub load_average: String,
}

/// Reads the CPU time of process `pid`.
///
/// # Errors
/// When there is no such process.
pub fn cpu_reading(pid: u32) -> Result<CpuReading> {
    let total = switchboard_sys::process_cpu_time(pid).with_context(|| format!("no CPU clock of process {pid}"))?;
    let stat = read(pid, "stat")?;
    let (user_ticks, system_ticks) = ticks(&stat).with_context(|| format!("cannot read /proc/{pid}/stat"))?;
    Ok(CpuReading { total, user_ticks, system_ticks })
}

/// Reads the resident memory of process `pid`, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    resident(&read(pid, "status")?).with_context(|| format!("no VmRSS in /proc/{pid}/status"))
}

/// Describes this machine.
#[must_use]
pub fn machine() -> Machine {
    let line = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let load = line("/proc/loadavg");
    let processor = line("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    Machine {
        model: model.map_or("unknown model", |(_, name)| name.trim()).to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: line("/proc/sys/kernel/osrelease"),
        load_average: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
    }
}

impl CpuReading {
    /// The CPU time since an earlier reading of the same process.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> CpuSpent {
        let total_us = self.total.saturating_sub(earlier.total).as_secs_f64() * 1e6;
        let user = self.user_ticks.saturating_sub(earlier.user_ticks) as f64;
        let system = self.system_ticks.saturating_sub(earlier.system_ticks) as f64;
        let user_share = if user + system > 0.0 { user / (user + system) } else { 0.0 };
        CpuSpent { total_us, user_us: total_us * user_share, system_us: total_us * (1.0 - user_share) }
    }
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

/// The fields `utime` and `stime`, the 14th and 15th of proc_pid_stat(5). The second field is the program's name in
/// parentheses, which may hold spaces and parentheses itself: the fields are counted from its last `)`.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_program_name() {
        for name in ["switchboard", "a b", ") 1 2 (", ""] {
            let stat = format!("4711 ({name}) S 1 2 3 4 5 6 7 8 9 10 123 456 0 0 20 0 1 0 99");
            assert_eq!(ticks(&stat), Some((123, 456)), "{name}");
        }
        for cut in ["", "4711 (x", "4711 (x) S 1 2 3 4 5 6 7 8 9 10 123"] {
            assert_eq!(ticks(cut), None, "{cut}");
        }
    }

    #[test]
    fn resident_memory_is_given_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nRssAnon:\t 9 kB\n"), Some(1234 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn work_done_by_this_process_is_seen() {
        let pid = std::process::id();
        let before = cpu_reading(pid).unwrap();
        let mut value = 1_u64;
        let spent = loop {
            for _ in 0..100_000 {
                value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
            let spent = cpu_reading(pid).unwrap().since(&before);
            if spent.total_us > 2_000.0 {
                break spent;
            }
        };
        assert!((spent.user_us + spent.system_us - spent.total_us).abs() < 1.0);
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
