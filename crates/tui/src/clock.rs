//! Times as people read them, in a time zone that is given.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The local minute of a time, counted from 1970: what tells whether two times read the same.
#[must_use]
pub fn minute(millis: i64, zone: &TimeZone) -> i64 {
    (millis + offset(millis, zone)).div_euclid(60_000)
}

/// `08:05`, of a local minute.
#[must_use]
pub fn hour_and_minute(minute: i64) -> String {
    format!("{:02}:{:02}", minute.div_euclid(60).rem_euclid(24), minute.rem_euclid(60))
}

/// `Friday, 20 November 2026`, of a local minute.
#[must_use]
pub fn day(minute: i64) -> String {
    Timestamp::from_second(minute * 60)
        .map_or_else(|_| String::new(), |time| time.strftime("%A, %-d %B %Y").to_string())
}

/// `20 Nov 08:05`.
#[must_use]
pub fn short(millis: i64, zone: &TimeZone) -> String {
    let local = Timestamp::from_millisecond(millis + offset(millis, zone));
    local.map_or_else(|_| String::new(), |time| time.strftime("%e %b %H:%M").to_string())
}

fn offset(millis: i64, zone: &TimeZone) -> i64 {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    i64::from(zone.to_offset(time).seconds()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let time = "2026-11-20T22:30:59Z".parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(hour_and_minute(minute(time, &zone)), "00:30");
        assert_eq!(day(minute(time, &zone)), "Saturday, 21 November 2026");
        assert_eq!(short(time, &TimeZone::UTC), "20 Nov 22:30");
        assert_eq!(hour_and_minute(minute(-1, &TimeZone::UTC)), "23:59");
    }
}
