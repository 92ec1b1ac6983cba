//! Attribution of some positions of a text that is given as ids.

use std::ops::ControlFlow;

use inseq_core::SequenceAttribution;

use crate::attributing::{Attributing, Work};
use crate::call::Call;
use crate::engine::{Engine, Steps, TextSteps};
use crate::forward::Forward;
use crate::progress::{Progress, ProgressCallback};
use crate::targets::Target;
use crate::{Error, Result};

/// A text as ids, with the positions to attribute.
pub(super) struct Attributed<'a> {
    /// Source of an encoder-decoder.
    pub(super) source: Option<&'a [u32]>,
    /// Target; of a decoder-only model with its prompt.
    pub(super) target: &'a [u32],
    /// Position of the first token of the target that can be attributed.
    pub(super) first: usize,
    /// Positions of the target, in order.
    pub(super) positions: &'a [usize],
}

impl Attributed<'_> {
    /// The forward of the text up to the last of the positions.
    ///
    /// # Errors
    /// The model has no such text.
    pub(super) fn forward(&self, engine: &Engine) -> Result<Forward> {
        let text = TextSteps {
            index: 0,
            source: self.source.unwrap_or_default().to_vec(),
            source_baseline: Vec::new(),
            target: self.target.to_vec(),
            target_baseline: Vec::new(),
            source_features: Vec::new(),
            target_features: Vec::new(),
            first: self.first,
            steps: Steps::at(self.positions.iter().copied()),
        };
        Forward::of(engine, &text)
    }

    /// The attribution of the positions, one for each run of positions that follow each other. All positions are probes of the
    /// forward, which is that of the text up to one of the positions or further.
    ///
    /// # Errors
    /// The method, a step function or the device fails, or the call is cancelled.
    pub(super) fn runs(
        &self,
        call: &Call,
        forward: &Forward,
        progress: ProgressCallback,
    ) -> Result<Vec<SequenceAttribution>> {
        let source = self.source.unwrap_or(&self.target[..self.first]).to_vec();
        let target = Target { source, target: self.target.to_vec(), text: String::new(), notes: Vec::new() };
        let text = call.text_steps(&target, 0, Steps::at(self.positions.iter().copied()))?;
        let mut runs = Vec::new();
        let progress = &mut |news: Progress| match call.is_cancelled() {
            true => ControlFlow::Break(()),
            false => progress(news),
        };
        let attributing = Attributing { forward: Some(forward), ..call.attributing() };
        attributing.run(std::slice::from_ref(&text), &mut Work::default(), progress, |text, attributions| {
            if call.is_cancelled() {
                return Err(Error::Cancelled);
            }
            runs = call.finished(text, attributions)?.sequences;
            Ok(())
        })?;
        Ok(runs)
    }
}

/// The attribution of each step of some runs.
///
/// # Errors
/// Arrays do not fit their tokens.
pub(super) fn steps(runs: &[SequenceAttribution]) -> Result<Vec<SequenceAttribution>> {
    let steps = runs.iter().flat_map(|run| (0..run.steps()).map(move |step| run.slice_steps(step..step + 1)));
    Ok(steps.collect::<inseq_core::Result<Vec<_>>>()?)
}
