//! A histogram of latencies with logarithmic buckets: fixed in size, and off by less than 1.6 percent.

/// Each power of two is cut into 2^6 buckets of the same width, so that a bucket is at most 1/64 of its value wide.
const CUT_BITS: u32 = 6;
const CUTS: u64 = 1 << CUT_BITS;

/// Values below 128 have a bucket each; the 57 powers of two above have 64 each. Together: 29.5 KiB.
const BUCKETS: usize = (2 * CUTS + (63 - CUT_BITS as u64) * CUTS) as usize;

/// How often each value came, in whatever unit the values have (nanoseconds here).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), count: 0, max: 0 }
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.counts[bucket_of(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds all that another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many values were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The least value that at least `share` (0 to 1) of all values do not exceed, rounded up to the end of its
    /// bucket, but never above the greatest value. 0 when nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return greatest_in(bucket).min(self.max);
            }
        }
        self.max
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket_of(value: u64) -> usize {
    if value < 2 * CUTS {
        return value as usize;
    }
    let shift = value.ilog2() - CUT_BITS;
    ((u64::from(shift) << CUT_BITS) + (value >> shift)) as usize
}

fn greatest_in(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * CUTS {
        return bucket;
    }
    let shift = (bucket >> CUT_BITS) - 1;
    let least = ((bucket & (CUTS - 1)) + CUTS) << shift;
    least + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_the_bucket_is_narrow() {
        let mut values: Vec<u64> = (0..1_000).collect();
        for power in 7..64 {
            let base = 1_u64 << power;
            values.extend([base - 1, base, base + 1, base + base / 3]);
        }
        values.push(u64::MAX);
        for value in values {
            let bucket = bucket_of(value);
            assert!(bucket < BUCKETS, "{value}");
            let top = greatest_in(bucket);
            assert!(top >= value, "{value} is above {top}");
            assert!(top - value <= value / CUTS, "{value} is too far below {top}");
            assert!(bucket == 0 || greatest_in(bucket - 1) < value, "{value} belongs below");
        }
    }

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut histogram = Histogram::new();
        for value in 1..=100_000 {
            histogram.record(value);
        }
        for (share, exact) in [(0.5, 50_000), (0.99, 99_000), (0.999, 99_900), (1.0, 100_000), (0.0, 1)] {
            let found = histogram.quantile(share);
            assert!(found >= exact && found <= exact + exact / CUTS, "{share}: {found}, not {exact}");
        }
    }

    #[test]
    fn an_empty_histogram_has_only_zeros() {
        assert_eq!(Histogram::new().quantile(0.99), 0);
    }

    #[test]
    fn merging_is_the_same_as_recording_everything_in_one() {
        let (mut left, mut right, mut all) = (Histogram::new(), Histogram::new(), Histogram::new());
        for value in 0..5_000_u64 {
            let value = value * value;
            if value % 3 == 0 {
                left.record(value);
            } else {
                right.record(value);
            }
            all.record(value);
        }
        left.merge(&right);
        assert_eq!(left, all);
        assert_eq!(left.count(), 5_000);
    }
}
