//! The cost of a method.

use std::fmt;

/// Forwards and pullbacks that a method needs for one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Number of forwards, each for all steps.
    pub forwards: Bounds,
    /// Number of pullbacks per step.
    pub pullbacks: usize,
}

impl Cost {
    /// A cost that is known before the method runs.
    pub const fn exactly(forwards: usize, pullbacks: usize) -> Self {
        Self { forwards: Bounds::exactly(forwards), pullbacks }
    }
}

/// Lower and upper bound of a number. They differ for methods that may stop early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds<T = usize> {
    /// Lower bound.
    pub least: T,
    /// Upper bound.
    pub most: T,
}

impl Bounds {
    /// A number that is known.
    pub const fn exactly(number: usize) -> Self {
        Self { least: number, most: number }
    }

    /// Multiplies both bounds with a number.
    pub(crate) fn times(self, number: usize) -> Self {
        Self { least: self.least.saturating_mul(number), most: self.most.saturating_mul(number) }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.least),
            false => write!(f, "{} to {}", self.least, self.most),
        }
    }
}
