//! Scores of steps.

use burn::tensor::Tensor;
use inseq_core::aggregators::AggregationFunction;
use inseq_models::layers::Propagation;
use inseq_models::parallel::{row_ranges, side_by_side};

use super::Engine;
use super::rows::{evaluate, longest, step_rows};
use crate::Result;
use crate::point::Point;
use crate::step_functions::StepFunction;

/// Scores by function, `[batch][step]`.
type Scores = Vec<Vec<Vec<f32>>>;

impl Engine<'_> {
    /// Scores of steps, by function `[batch][step]`, from the decoder's last hidden states `[batch, position, feature]`. The score of
    /// a step of several tokens is the sum of theirs.
    ///
    /// # Errors
    /// The step function returns a wrong number of scores, or the device cannot be read.
    pub fn scores(&self, point: &Point, hidden: &Tensor<3>, functions: &[&dyn StepFunction]) -> Result<Scores> {
        self.scores_from(0, point, hidden, functions)
    }

    /// As [`scores`](Self::scores), from step `first` on.
    pub(crate) fn scores_from(
        &self,
        first: usize,
        point: &Point,
        hidden: &Tensor<3>,
        functions: &[&dyn StepFunction],
    ) -> Result<Scores> {
        self.by_step(first, point, hidden, functions, |_, tokens| tokens.iter().sum())
    }

    /// As [`scores`](Self::scores), but the scores of the tokens of a step are [merged](StepFunction::merging) as the scores of merged
    /// tokens are: probabilities are multiplied.
    pub(crate) fn merged_scores(
        &self,
        point: &Point,
        hidden: &Tensor<3>,
        functions: &[&dyn StepFunction],
    ) -> Result<Scores> {
        self.by_step(0, point, hidden, functions, |function, tokens| match tokens {
            [one] => *one,
            several => function.merging().unwrap_or(AggregationFunction::Sum).apply(several).unwrap_or(f32::NAN),
        })
    }

    /// Scores of steps from step `first` on, which `merge` makes of the scores of their tokens.
    fn by_step(
        &self,
        first: usize,
        point: &Point,
        hidden: &Tensor<3>,
        functions: &[&dyn StepFunction],
        merge: impl Fn(&dyn StepFunction, &[f32]) -> f32,
    ) -> Result<Scores> {
        let of_tokens = self.of_tokens(first, point, hidden, functions)?;
        let of_functions = functions.iter().zip(&of_tokens).map(|(function, of_tokens)| {
            let texts = point.texts.iter().zip(of_tokens);
            texts
                .map(|(text, tokens)| text.steps.divided(first, tokens).map(|own| merge(*function, own)).collect())
                .collect()
        });
        Ok(of_functions.collect())
    }

    /// Scores of the tokens of all steps from step `first` on, by function `[batch][token]`.
    fn of_tokens(
        &self,
        first: usize,
        point: &Point,
        hidden: &Tensor<3>,
        functions: &[&dyn StepFunction],
    ) -> Result<Scores> {
        let mut scores = vec![vec![Vec::new(); point.texts.len()]; functions.len()];
        let noisy: Vec<Vec<Tensor<3>>> = functions
            .iter()
            .map(|function| {
                let noisy = self.noisy_traces(Propagation::GRADIENT, point, *function);
                noisy.map(|trace| trace.hidden().clone()).collect()
            })
            .collect();
        let forwards = 1 + noisy.iter().map(Vec::len).sum::<usize>();
        for rows in step_rows(point, &(first..longest(point))).chunks(self.rows_that_fit(forwards)) {
            let ranges = row_ranges(rows.len(), &hidden.device());
            let done = side_by_side(&ranges, |part| {
                let rows = &rows[part.clone()];
                let mut context = self.context(point, hidden, rows, false);
                let each = functions.iter().zip(&noisy).map(|(function, noisy)| {
                    context.noisy = self.noisy_logits(noisy.iter(), rows, false);
                    evaluate(*function, &context)
                });
                each.collect::<Result<Vec<_>>>()
            });
            for (part, values) in ranges.into_iter().zip(done) {
                for (scores, values) in scores.iter_mut().zip(values?) {
                    for (row, value) in rows[part.clone()].iter().zip(values) {
                        scores[row.entry].push(value);
                    }
                }
            }
        }
        Ok(scores)
    }
}
