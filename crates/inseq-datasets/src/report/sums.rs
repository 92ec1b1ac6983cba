//! Sums of scores.

/// Number and sum of scores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub count: u64,
    pub sum: f64,
}

impl Sums {
    pub(super) fn of(score: f64) -> Self {
        Self { count: 1, sum: score }
    }

    pub(super) fn add(&mut self, score: f64) {
        self.count += 1;
        self.sum += score;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    /// The mean; NaN without scores.
    pub(super) fn mean(self) -> f64 {
        self.sum / self.count as f64
    }
}
