//! Selection of the tokens whose scores stand out.

/// Rule that selects scores by their size: those at or above the mean plus a number of standard deviations, and of these the
/// largest ones.
///
/// The mean and the sample standard deviation are those of the signed scores; a score is selected by its absolute value.
///
/// ```
/// use inseq_core::Salience;
///
/// let salience = Salience::default().top_k(2);
/// let scores = [0.1, 0.2, 3.0, 0.1, -2.5, 0.2, 2.25];
/// assert_eq!(salience.select(&scores), [2, 4]);
/// // With one standard deviation, no score of two can stand out.
/// assert!(salience.select(&[0.0, 5.0]).is_empty());
/// assert_eq!(Salience::default().std_threshold(0.0).select(&[0.0, 5.0]), [1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Salience {
    /// Number of standard deviations above the mean at which the threshold lies.
    pub std_threshold: f64,
    /// Largest number of selected scores; `None` without a limit.
    pub top_k: Option<usize>,
}

impl Default for Salience {
    fn default() -> Self {
        Self { std_threshold: 1.0, top_k: None }
    }
}

crate::setters! {
    Salience { std_threshold: f64, top_k: impl Into<Option<usize>> }
}

impl Salience {
    /// The threshold for some scores: their mean if there is only one, and 0 if there is none.
    pub fn threshold(&self, scores: impl IntoIterator<Item = f32>) -> f64 {
        let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
        let (mean, deviation) = moments(&scores);
        mean + self.std_threshold * deviation
    }

    /// Indices of the selected scores, the largest absolute value first; of equal ones the first one.
    pub fn select(&self, scores: &[f32]) -> Vec<usize> {
        self.select_above(self.threshold(scores.iter().copied()), scores)
    }

    /// As [`select`](Self::select), with a threshold of more scores than these. NaN is never selected.
    pub fn select_above(&self, threshold: f64, scores: &[f32]) -> Vec<usize> {
        let mut ranked: Vec<usize> =
            (0..scores.len()).filter(|&index| f64::from(scores[index].abs()) >= threshold).collect();
        ranked.sort_by(|&one, &other| scores[other].abs().total_cmp(&scores[one].abs()));
        ranked.truncate(self.top_k.unwrap_or(usize::MAX));
        ranked
    }

    /// The largest [`std_threshold`](Self::std_threshold) that selects one of some scores, in hundredths; `None` if the scores
    /// do not differ.
    pub fn largest_that_selects(scores: &[f32]) -> Option<f64> {
        let all: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
        let (mean, deviation) = moments(&all);
        let largest = all.iter().map(|score| score.abs()).fold(f64::NAN, f64::max);
        let exact = (largest - mean) / deviation;
        exact.is_finite().then(|| (exact * 100.0).floor() / 100.0)
    }
}

/// Mean and sample standard deviation, which is 0 for fewer than two numbers.
fn moments(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    if numbers.is_empty() {
        return (0.0, 0.0);
    }
    let mean = numbers.iter().sum::<f64>() / count;
    if numbers.len() == 1 {
        return (mean, 0.0);
    }
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_that_of_the_reference() {
        // torch.tensor([0.25, 1.5, -0.5, 3.0]).mean() is 1.0625, and .std() is 1.5326312, in double precision.
        let scores = [0.25, 1.5, -0.5, 3.0];
        assert!((Salience::default().threshold(scores) - 2.595_131_2).abs() < 1e-6);
        assert_eq!(Salience::default().select(&scores), [3]);
        assert_eq!(Salience::default().std_threshold(0.0).threshold(scores), 1.0625);
        assert_eq!(Salience::default().threshold([0.75]), 0.75);
        assert_eq!(Salience::default().select(&[0.75]), [0]);
        assert_eq!(Salience::default().threshold([]), 0.0);
    }

    #[test]
    fn absolute_values_are_ranked() {
        let all = Salience::default().std_threshold(-10.0);
        assert_eq!(all.select(&[1.0, -3.0, 2.0, f32::NAN, 3.0]), Vec::<usize>::new(), "a mean of NaN selects nothing");
        assert_eq!(all.select(&[1.0, -3.0, 2.0, 3.0]), [1, 3, 2, 0]);
        assert_eq!(all.top_k(2).select(&[1.0, -3.0, 2.0, 3.0]), [1, 3]);
    }

    #[test]
    fn the_largest_threshold_selects_the_largest_score() {
        for scores in [&[0.0, 5.0][..], &[0.1, 0.2, 0.4], &[-4.0, 1.0, 2.0], &[3.0, 3.5]] {
            let threshold = Salience::largest_that_selects(scores).unwrap();
            let selected = Salience::default().std_threshold(threshold).select(scores);
            let largest = |index: usize| scores.iter().all(|score| score.abs() <= scores[index].abs());
            assert!(selected.first().is_some_and(|&first| largest(first)), "{scores:?}: {threshold}");
            let more = Salience::default().std_threshold(threshold + 0.01);
            assert!(more.select(scores).is_empty(), "{scores:?}: {threshold}");
        }
        assert_eq!(Salience::largest_that_selects(&[]), None);
        assert_eq!(Salience::largest_that_selects(&[2.0, 2.0]), None);
    }
}
