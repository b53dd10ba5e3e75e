//! Times as people and programs read them: civil dates in UTC, computed without a clock.

use switchboard_core::Time;

/// 9999-12-31T23:59:59.999Z: the last moment that RFC 3339 can write.
const LAST_MS: u64 = 253_402_300_799_999;

/// Appends the time as RFC 3339 with milliseconds, in UTC: `2026-11-20T08:00:00.123Z`.
pub(crate) fn write_rfc3339(out: &mut Vec<u8>, time: Time) {
    let Civil { year, month, day, second, millisecond } = Civil::of(time);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, second / 3_600, 2);
    out.push(b':');
    digits(out, second / 60 % 60, 2);
    out.push(b':');
    digits(out, second % 60, 2);
    out.push(b'.');
    digits(out, millisecond, 3);
    out.push(b'Z');
}

/// Appends the time for people, in UTC and to the minute: `2026-11-20 08:00`.
pub(crate) fn write_minute(out: &mut Vec<u8>, time: Time) {
    let Civil { year, month, day, second, .. } = Civil::of(time);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b' ');
    digits(out, second / 3_600, 2);
    out.push(b':');
    digits(out, second / 60 % 60, 2);
}

/// A moment by the calendar. A time past the year 9999 is its last moment.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    /// Of the day.
    second: u64,
    millisecond: u64,
}

impl Civil {
    fn of(time: Time) -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        let millis = time.0.min(LAST_MS);
        let (year, month, day) = date(millis / DAY_MS);
        let in_day = millis % DAY_MS;
        Self { year, month, day, second: in_day / 1_000, millisecond: in_day % 1_000 }
    }
}

/// The date `days` after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year, in eras of 400 years, after which the
/// Gregorian calendar repeats itself: 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    /// From 0000-03-01 to 1970-01-01.
    const DAYS_BEFORE_1970: u64 = 719_468;
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    // Take out the leap days of the era before it, one in 1,461 days but for one in 36,524, so that all years have 365.
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, months of 31, 30, 31, 30, 31 days follow each other, 153 days in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn digits(out: &mut Vec<u8>, number: u64, count: u32) {
    for place in (0..count).rev() {
        out.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc3339(millis: u64) -> String {
        let mut out = Vec::new();
        write_rfc3339(&mut out, Time(millis));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments_are_written() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_161_600_123, "2026-11-20T08:00:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(millis), expected);
        }
        let mut out = Vec::new();
        write_minute(&mut out, Time(1_795_161_600_123));
        assert_eq!(out, b"2026-11-20 08:00");
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..292_194 {
            assert_eq!(date(days), (year, month, day));
            let length = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
