//! The middle of a few repeated measurements, and how far it may be off.

use std::fmt;

/// The median of some values with its 95 % interval, printed as `1.04 (1.01-1.10)` with as many decimals as asked for
/// (two when nothing is said); a single value is printed alone.
///
/// The interval is the exact one of order statistics: it supposes nothing of the values but that they were drawn
/// independently. It needs at least six values; of fewer, the least and the greatest are given, which cover the median
/// with 94 % for five and 75 % for three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Spread {
    /// The spread of `values`; none when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let cut = cut_off(count);
        let (&low, &high) = (values.get(cut)?, values.get(count - 1 - cut)?);
        let middle = count / 2;
        let median = if count % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, low, high })
    }
}

/// How many of `count` sorted values may be left out at each end, so that those that stay cover the median with at
/// least 95 %: the median is below the value of rank r (from 0) exactly when at most r of `count` fair coins show heads.
fn cut_off(count: usize) -> usize {
    let mut ways = 1.0;
    let mut below = 0.0;
    for cut in 0..count / 2 {
        below += ways / 2.0_f64.powi(count as i32);
        if 2.0 * below > 0.05 {
            return cut.saturating_sub(1);
        }
        ways *= (count - cut) as f64 / (cut + 1) as f64;
    }
    0
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(2);
        write!(f, "{:.decimals$}", self.median)?;
        if self.low < self.high {
            write!(f, " ({:.decimals$}-{:.decimals$})", self.low, self.high)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_with_its_interval() {
        for (values, shown) in [
            (&[1.0][..], "1.00"),
            (&[3.0, 1.0, 2.0], "2.00 (1.00-3.00)"),
            (&[4.0, 1.0, 2.0, 3.0], "2.50 (1.00-4.00)"),
            (&[2.0, 2.0], "2.00"),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], "5.00 (2.00-8.00)"),
        ] {
            assert_eq!(Spread::of(values.iter().copied()).unwrap().to_string(), shown);
        }
        assert_eq!(Spread::of([]), None);
        assert_eq!(format!("{:.0}", Spread::of([10.4, 20.4]).unwrap()), "15 (10-20)");
    }

    #[test]
    fn the_interval_is_that_of_the_tables_of_the_sign_test() {
        for (count, cut) in [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (20, 5), (25, 7)] {
            assert_eq!(cut_off(count), cut, "{count} values");
        }
    }
}
