//! The middle and the ends of a few repeated measurements.

use std::fmt;

/// The median of some values, with the least and the greatest. Printed as `1.04 (1.01-1.10)`, with as many decimals as
/// asked for (two when nothing is said); a single value is printed alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; none when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, min, max })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(2);
        write!(f, "{:.decimals$}", self.median)?;
        if self.min < self.max {
            write!(f, " ({:.decimals$}-{:.decimals$})", self.min, self.max)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_with_its_ends() {
        for (values, shown) in [
            (&[1.0][..], "1.00"),
            (&[3.0, 1.0, 2.0], "2.00 (1.00-3.00)"),
            (&[4.0, 1.0, 2.0, 3.0], "2.50 (1.00-4.00)"),
            (&[2.0, 2.0], "2.00"),
        ] {
            assert_eq!(Spread::of(values.iter().copied()).unwrap().to_string(), shown);
        }
        assert_eq!(Spread::of([]), None);
        assert_eq!(format!("{:.0}", Spread::of([10.4, 20.4]).unwrap()), "15 (10-20)");
    }
}
