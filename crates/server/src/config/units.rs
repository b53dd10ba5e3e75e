//! The two quantities of the configuration: [`Millis`], a span of time, and [`Bytes`], a size.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time in whole milliseconds, written as `"150ms"`, `"30s"`, `"1h 30m"` or `"90d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of `seconds` seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// A span of `minutes` minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// A span of `hours` hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours * 60)
    }

    /// A span of `days` days of 24 hours.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self::hours(days * 24)
    }

    /// The same span for the standard library.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Millis {
    type Err = String;

    /// Reads a number and a unit, or several of them. A lone `0` needs no unit.
    ///
    /// # Errors
    /// One clause that completes "the setting ...".
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "0" {
            return Ok(Self(0));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("needs a unit: {text}ms, {text}s, {text}m, {text}h or {text}d"));
        }
        let Ok(duration) = humantime::parse_duration(text) else {
            return Err(format!("must be a duration such as \"150ms\", \"30s\" or \"90d\", not {}", excerpt(text)));
        };
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return Err(format!("must be whole milliseconds, not {}", excerpt(text)));
        }
        u64::try_from(duration.as_millis()).map(Self).map_err(|_| format!("is too long a time: {}", excerpt(text)))
    }
}

impl fmt::Display for Millis {
    /// One number with the largest unit that says it exactly; days only from two on, because `24h` reads better.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (size, name) in UNITS {
            let count = self.0 / size;
            if self.0.is_multiple_of(size) && (count > 1 || name != "d") {
                return write!(f, "{count}{name}");
            }
        }
        write!(f, "{}ms", self.0)
    }
}

/// A size in bytes, written as `"64KiB"`, `"4MiB"`, `"1GiB"`, or as a plain number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

    /// `count` × 1,024 bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// `count` × 1,024² bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// `count` × 1,024³ bytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The same size as an index type: on a 32-bit machine, what exceeds the address space is cut to it.
    #[must_use]
    pub fn to_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads a whole number with an optional unit: `B`, `KiB`, `MiB`, `GiB` or `TiB`, in any case of letters.
    ///
    /// # Errors
    /// One clause that completes "the setting ...". The decimal units (`KB`, `MB`) are refused: half of the world
    /// means 1,000 by them.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let (size, name) = match Self::UNITS.iter().find(|(_, name)| name.eq_ignore_ascii_case(unit)) {
            Some(found) => *found,
            None if unit.is_empty() || unit.eq_ignore_ascii_case("B") => (1, "B"),
            None if digits > 0 && ["K", "KB", "M", "MB", "G", "GB"].iter().any(|u| u.eq_ignore_ascii_case(unit)) => {
                let prefix = unit[..1].to_ascii_uppercase();
                return Err(format!("must not be {}: write {number}{prefix}iB", excerpt(text)));
            }
            None => return Err(malformed(text)),
        };
        if digits == 0 {
            return Err(malformed(text));
        }
        number
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(size))
            .map(Self)
            .ok_or_else(|| format!("is too large: {number}{name}"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::UNITS.iter().find(|(size, _)| self.0 > 0 && self.0.is_multiple_of(*size)) {
            Some((size, name)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

fn malformed(text: &str) -> String {
    format!("must be a size such as \"64KiB\" or \"4MiB\", or a number of bytes, not {}", excerpt(text))
}

/// `text` quoted and escaped for an error message, at most 40 characters of it.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for (text, millis, shown) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("150ms", 150, "150ms"),
            ("30s", 30_000, "30s"),
            ("90s", 90_000, "90s"),
            ("10m", 600_000, "10m"),
            ("24h", 86_400_000, "24h"),
            ("1d", 86_400_000, "24h"),
            ("90d", 7_776_000_000, "90d"),
            ("1h 30m", 5_400_000, "90m"),
            (" 5s ", 5_000, "5s"),
        ] {
            let read: Millis = text.parse().unwrap();
            assert_eq!((read, read.to_string().as_str()), (Millis(millis), shown), "{text}");
            assert_eq!(shown.parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn malformed_durations_say_what_is_wrong() {
        for (text, message) in [
            ("30", "needs a unit: 30ms, 30s, 30m, 30h or 30d"),
            ("soon", "must be a duration such as \"150ms\", \"30s\" or \"90d\", not \"soon\""),
            ("-5s", "must be a duration such as \"150ms\", \"30s\" or \"90d\", not \"-5s\""),
            ("", "must be a duration such as \"150ms\", \"30s\" or \"90d\", not \"\""),
            ("5us", "must be whole milliseconds, not \"5us\""),
            ("500000000000years", "is too long a time: \"500000000000years\""),
        ] {
            assert_eq!(text.parse::<Millis>(), Err(message.to_owned()));
        }
    }

    #[test]
    fn sizes_round_trip() {
        for (text, bytes, shown) in [
            ("0", 0, "0B"),
            ("1000", 1_000, "1000B"),
            ("1000B", 1_000, "1000B"),
            ("64KiB", 65_536, "64KiB"),
            ("64 kib", 65_536, "64KiB"),
            ("1536KiB", 1_572_864, "1536KiB"),
            ("4MiB", 4 << 20, "4MiB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("2TiB", 2 << 40, "2TiB"),
        ] {
            let read: Bytes = text.parse().unwrap();
            assert_eq!((read, read.to_string().as_str()), (Bytes(bytes), shown), "{text}");
            assert_eq!(shown.parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn malformed_sizes_say_what_is_wrong() {
        let form = "must be a size such as \"64KiB\" or \"4MiB\", or a number of bytes, not";
        for (text, message) in [
            ("64KB", "must not be \"64KB\": write 64KiB".to_owned()),
            ("4m", "must not be \"4m\": write 4MiB".to_owned()),
            ("1.5MiB", format!("{form} \"1.5MiB\"")),
            ("-1", format!("{form} \"-1\"")),
            ("KiB", format!("{form} \"KiB\"")),
            ("", format!("{form} \"\"")),
            ("18446744073709551616", "is too large: 18446744073709551616B".to_owned()),
            ("99999999TiB", "is too large: 99999999TiB".to_owned()),
        ] {
            assert_eq!(text.parse::<Bytes>(), Err(message));
        }
    }

    #[test]
    fn excerpts_are_short_and_escaped() {
        assert_eq!(excerpt("a\u{1b}[2J"), "\"a\\u{1b}[2J\"");
        assert_eq!(excerpt(&"é".repeat(41)), format!("\"{}\"...", "é".repeat(40)));
    }
}
