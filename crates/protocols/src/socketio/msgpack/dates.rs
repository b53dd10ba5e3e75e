//! Dates in JSON as JavaScript writes them: ISO 8601 in UTC with milliseconds.

use std::io::Write;

/// Milliseconds from 1970 that a date of JavaScript has at most, either way (ECMA-262, 21.4.1.1).
const MILLIS_MAX: i64 = 8_640_000_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Appends a date as a string of JSON; `null` for a moment that a date cannot hold, as `JSON.stringify` does it.
pub(super) fn put(out: &mut Vec<u8>, millis: Option<i64>) {
    let Some(millis) = millis.filter(|millis| (-MILLIS_MAX..=MILLIS_MAX).contains(millis)) else {
        out.extend_from_slice(b"null");
        return;
    };
    let (year, month, day) = civil(millis.div_euclid(DAY_MS));
    let in_day = millis.rem_euclid(DAY_MS);
    let (hour, minute, second, milli) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60, in_day % 1_000);
    // Writing into a vector cannot fail.
    let _ = match year {
        0..=9_999 => write!(out, "\"{year:04}"),
        _ => write!(out, "\"{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
    };
    let _ = write!(out, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\"");
}

/// The date of a day counted from 1970-01-01, by the calendar of today in both directions.
fn civil(day: i64) -> (i64, i64, i64) {
    /// Days of 400 years, after which the calendar repeats itself.
    const CYCLE: i64 = 146_097;
    /// Days from 0000-03-01 to 1970-01-01. Years begin in March here, so that a leap day is the last of its year.
    const SHIFT: i64 = 719_468;

    let shifted = day + SHIFT;
    let (cycle, in_cycle) = (shifted.div_euclid(CYCLE), shifted.rem_euclid(CYCLE));
    let year_of_cycle = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_javascript_writes_them() {
        for (millis, expected) in [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (-1, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00.000Z\""),
            (1_792_454_400_123, "\"2026-10-20T00:00:00.123Z\""),
            (253_402_300_799_999, "\"9999-12-31T23:59:59.999Z\""),
            (253_402_300_800_000, "\"+010000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_000, "\"0000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_001, "\"-000001-12-31T23:59:59.999Z\""),
            (MILLIS_MAX, "\"+275760-09-13T00:00:00.000Z\""),
            (-MILLIS_MAX, "\"-271821-04-20T00:00:00.000Z\""),
            (MILLIS_MAX + 1, "null"),
            (i64::MIN, "null"),
        ] {
            let mut out = Vec::new();
            put(&mut out, Some(millis));
            assert_eq!(str::from_utf8(&out), Ok(expected), "{millis}");
        }
    }
}
