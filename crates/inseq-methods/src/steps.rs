//! The steps to attribute of a text.

use std::ops::Range;

/// What is attributed of a target: a token per step, or a span of tokens whose scores are summed. Steps are in order, do not overlap,
/// and need not follow each other: every step is a probe of the one trace of its text, wherever it is.
///
/// ```
/// use inseq_methods::engine::Steps;
///
/// let steps = Steps::from(3..6);
/// assert_eq!((steps.len(), steps.first(), steps.end()), (3, Some(3), 6));
/// let scattered = Steps::at([7, 2, 7]);
/// assert_eq!(scattered.positions().collect::<Vec<_>>(), [2, 7]);
/// let spans = Steps::spans([2..5, 5..6]);
/// assert_eq!((spans.len(), spans.span(0), spans.position(0)), (2, 2..5, 4));
/// assert_eq!(spans.tokens().collect::<Vec<_>>(), [2, 3, 4, 5]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    spans: Vec<Range<usize>>,
}

impl From<Range<usize>> for Steps {
    fn from(positions: Range<usize>) -> Self {
        Self { spans: positions.map(|position| position..position + 1).collect() }
    }
}

impl Steps {
    /// A step for the token at each of these positions, in the order of the text; a position that is there twice is one step.
    pub fn at(positions: impl IntoIterator<Item = usize>) -> Self {
        let mut positions: Vec<usize> = positions.into_iter().collect();
        positions.sort_unstable();
        positions.dedup();
        Self { spans: positions.into_iter().map(|position| position..position + 1).collect() }
    }

    /// A step for each of these spans, in the order of the text. Spans without tokens are no steps, and spans that overlap are
    /// one.
    pub fn spans(spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut spans: Vec<Range<usize>> = spans.into_iter().filter(|span| !span.is_empty()).collect();
        spans.sort_unstable_by_key(|span| span.start);
        let mut steps: Vec<Range<usize>> = Vec::with_capacity(spans.len());
        for span in spans {
            match steps.last_mut().filter(|last| span.start < last.end) {
                Some(last) => last.end = last.end.max(span.end),
                None => steps.push(span),
            }
        }
        Self { spans: steps }
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Positions of a step's tokens.
    ///
    /// # Panics
    /// There is no such step.
    pub fn span(&self, step: usize) -> Range<usize> {
        self.spans[step].clone()
    }

    /// Positions of each step's tokens.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + Clone {
        self.spans.iter().cloned()
    }

    /// Position of a step's last token. The step sees the tokens before it.
    ///
    /// # Panics
    /// There is no such step.
    pub fn position(&self, step: usize) -> usize {
        self.spans[step].end - 1
    }

    /// Position of each step's last token.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone {
        self.spans.iter().map(|span| span.end - 1)
    }

    /// Positions of the tokens of all steps.
    pub fn tokens(&self) -> impl Iterator<Item = usize> + Clone {
        self.spans.iter().cloned().flatten()
    }

    /// Position of the first step's first token.
    pub fn first(&self) -> Option<usize> {
        self.spans.first().map(|span| span.start)
    }

    /// Position after the last step's last token; 0 without steps.
    pub fn end(&self) -> usize {
        self.spans.last().map_or(0, |span| span.end)
    }

    /// Number of tokens of the steps before this one.
    pub(crate) fn tokens_before(&self, step: usize) -> usize {
        self.spans.iter().take(step).map(ExactSizeIterator::len).sum()
    }

    /// Values of all tokens from step `first` on, divided into the steps.
    pub(crate) fn divided<'v, T>(&self, first: usize, values: &'v [T]) -> impl Iterator<Item = &'v [T]> {
        let mut left = values;
        self.spans.iter().skip(first).map(move |span| {
            let (own, others) = left.split_at(span.len().min(left.len()));
            left = others;
            own
        })
    }

    /// The spans of several tokens.
    pub(crate) fn several(&self) -> Vec<Range<usize>> {
        self.spans.iter().filter(|span| span.len() > 1).cloned().collect()
    }

    /// Number of steps, from the first one, that see no more than `count` tokens.
    pub(crate) fn seeing_at_most(&self, count: usize) -> usize {
        self.spans.partition_point(|span| span.end - 1 <= count)
    }

    /// Some of the steps.
    pub(crate) fn some(&self, range: Range<usize>) -> Self {
        Self { spans: self.spans[range].to_vec() }
    }

    /// These steps, and each other position of a range as a step.
    pub(crate) fn among_all(&self, range: Range<usize>) -> Self {
        let mut next = range.start;
        let mut spans = Vec::new();
        for span in self.iter().chain(std::iter::once(range.end..range.end)) {
            spans.extend((next..span.start).map(|position| position..position + 1));
            next = span.end.max(next);
            spans.extend((!span.is_empty()).then_some(span));
        }
        Self { spans }
    }

    /// These steps, and what lies between two of them as a step.
    pub(crate) fn with_gaps(&self) -> Self {
        let others = self.spans.windows(2).flat_map(|pair| [pair[0].end..pair[1].start, pair[1].clone()]);
        let spans = self.spans.first().cloned().into_iter().chain(others);
        Self { spans: spans.filter(|span| !span.is_empty()).collect() }
    }

    /// The places of these steps among others; steps that are not among them have none.
    pub(crate) fn among(&self, others: &Self) -> Vec<usize> {
        let place = |span: &Range<usize>| others.spans.binary_search_by_key(&span.start, |other| other.start).ok();
        self.spans.iter().filter_map(place).collect()
    }

    /// Ranges of steps, in which each step is alike to the one before it; `alike` takes the two.
    pub(crate) fn alike(&self, alike: impl Fn(&Range<usize>, &Range<usize>) -> bool) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (step, span) in self.spans.iter().enumerate() {
            match ranges.last_mut().filter(|range| alike(&self.spans[range.end - 1], span)) {
                Some(range) => range.end = step + 1,
                None => ranges.push(step..step + 1),
            }
        }
        ranges
    }

    /// Ranges of steps whose tokens follow each other.
    pub(crate) fn runs(&self) -> Vec<Range<usize>> {
        self.alike(|before, span| before.end == span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_a_token_is_left_out() {
        assert_eq!(Steps::at([2, 3, 5, 8, 9, 10]).runs(), [0..2, 2..3, 3..6]);
        assert_eq!(Steps::spans([2..4, 4..9, 10..11]).runs(), [0..2, 2..3]);
        assert_eq!(Steps::default().runs(), Vec::<Range<usize>>::new());
    }

    #[test]
    fn a_step_sees_what_is_before_its_last_token() {
        let steps = Steps::at([2, 5, 6]);
        assert_eq!([0, 2, 4, 5, 6, 9].map(|count| steps.seeing_at_most(count)), [0, 1, 1, 2, 3, 3]);
        assert_eq!([4, 5, 6].map(|count| Steps::spans([2..6, 6..8]).seeing_at_most(count)), [0, 1, 1]);
    }

    #[test]
    fn steps_are_found_among_others() {
        assert_eq!(Steps::at([4, 9]).among(&Steps::from(2..8)), [2]);
        let spans = Steps::spans([4..6, 8..9]);
        let all = spans.among_all(2..10);
        assert_eq!(all, Steps::spans([2..3, 3..4, 4..6, 6..7, 7..8, 8..9, 9..10]));
        assert_eq!(spans.among(&all), [2, 5]);
    }

    #[test]
    fn spans_that_overlap_are_one() {
        assert_eq!(Steps::spans([5..7, 2..4, 3..5, 9..9]), Steps::spans([2..5, 5..7]));
    }

    #[test]
    fn values_of_tokens_are_divided_into_steps() {
        let steps = Steps::spans([2..4, 4..5, 7..9]);
        assert_eq!(steps.divided(1, &[1, 2, 3]).collect::<Vec<_>>(), [&[1][..], &[2, 3]]);
        assert_eq!(steps.tokens_before(2), 3);
    }
}
