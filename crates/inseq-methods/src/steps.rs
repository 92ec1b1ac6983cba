//! The steps to attribute of a text.

use std::ops::Range;

/// Positions in a target of the tokens to attribute, in order, each once. They need not follow each other: every step is a probe of
/// the one trace of its text, wherever it is.
///
/// ```
/// use inseq_methods::engine::Steps;
///
/// let steps = Steps::from(3..6);
/// assert_eq!((steps.len(), steps.first(), steps.end()), (3, Some(3), 6));
/// let scattered = Steps::at([7, 2, 7]);
/// assert_eq!(scattered.positions().collect::<Vec<_>>(), [2, 7]);
/// assert_eq!((scattered.position(1), scattered.end()), (7, 8));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    positions: Vec<usize>,
}

impl From<Range<usize>> for Steps {
    fn from(positions: Range<usize>) -> Self {
        Self { positions: positions.collect() }
    }
}

impl Steps {
    /// A step for each of these positions, in the order of the text; a position that is there twice is one step.
    pub fn at(positions: impl IntoIterator<Item = usize>) -> Self {
        let mut positions: Vec<usize> = positions.into_iter().collect();
        positions.sort_unstable();
        positions.dedup();
        Self { positions }
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Position of a step's token. The step sees the tokens before it.
    ///
    /// # Panics
    /// There is no such step.
    pub fn position(&self, step: usize) -> usize {
        self.positions[step]
    }

    /// Position of each step's token.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone {
        self.positions.iter().copied()
    }

    /// Position of the first step's token.
    pub fn first(&self) -> Option<usize> {
        self.positions.first().copied()
    }

    /// Position after the last step's token; 0 without steps.
    pub fn end(&self) -> usize {
        self.positions.last().map_or(0, |last| last + 1)
    }

    /// Number of steps, from the first one, that see no more than `count` tokens.
    pub(crate) fn seeing_at_most(&self, count: usize) -> usize {
        self.positions.partition_point(|&position| position <= count)
    }

    /// Some of the steps.
    pub(crate) fn some(&self, range: Range<usize>) -> Self {
        Self { positions: self.positions[range].to_vec() }
    }

    /// The places of these steps among others; steps that are not among them have none.
    pub(crate) fn among(&self, others: &Self) -> Vec<usize> {
        self.positions.iter().filter_map(|position| others.positions.binary_search(position).ok()).collect()
    }

    /// Ranges of steps whose numbers of tokens before them are alike, each compared with that of the step before it.
    pub(crate) fn alike(&self, alike: impl Fn(usize, usize) -> bool) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (step, &position) in self.positions.iter().enumerate() {
            match ranges.last_mut().filter(|range| alike(self.positions[range.end - 1], position)) {
                Some(range) => range.end = step + 1,
                None => ranges.push(step..step + 1),
            }
        }
        ranges
    }

    /// Ranges of steps whose tokens follow each other.
    pub(crate) fn runs(&self) -> Vec<Range<usize>> {
        self.alike(|before, position| before + 1 == position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_a_token_is_left_out() {
        assert_eq!(Steps::at([2, 3, 5, 8, 9, 10]).runs(), [0..2, 2..3, 3..6]);
        assert_eq!(Steps::from(4..7).runs(), [Range { start: 0, end: 3 }]);
        assert_eq!(Steps::default().runs(), Vec::<Range<usize>>::new());
    }

    #[test]
    fn a_step_sees_what_is_before_it() {
        let steps = Steps::at([2, 5, 6]);
        assert_eq!([0, 2, 4, 5, 6, 9].map(|count| steps.seeing_at_most(count)), [0, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn steps_are_found_among_others() {
        assert_eq!(Steps::at([4, 9]).among(&Steps::from(2..8)), [2]);
    }
}
