//! Checks that the arrays of a result fit its tokens.

use ndarray::{Array1, ArrayD};

use crate::{
    AttributionKind, AttributionResult, Error, Result, SequenceAttribution, StepAttribution, TextKind, TextName,
};

impl SequenceAttribution {
    /// Number of attributed target tokens.
    pub fn steps(&self) -> usize {
        self.attr_pos_end.saturating_sub(self.attr_pos_start)
    }

    /// Checks that the positions are inside the target and that each array has the axes that follow from the tokens and the kind.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, the shape expected and the shape found.
    pub fn validate(&self) -> Result<()> {
        let (start, end, targets) = (self.attr_pos_start, self.attr_pos_end, self.target.len());
        if start > end || end > targets {
            return Err(Error::Invalid(format!(
                "attributed positions {start}..{end} do not lie in a target of {targets} tokens"
            )));
        }
        let steps = [("step", self.steps())];
        let source = ("source", self.source.len());
        array("source_attributions", self.source_attributions.as_ref(), &[source, steps[0]], &self.kind)?;
        array("target_attributions", self.target_attributions.as_ref(), &[("target", targets), steps[0]], &self.kind)?;
        for (name, scores) in &self.step_scores {
            vector(name, scores, steps[0])?;
        }
        Ok(())
    }
}

impl StepAttribution {
    /// Number of texts in the step.
    pub fn batch(&self) -> usize {
        self.target.len().max(self.prefix.len()).max(self.source.len())
    }

    /// Checks that arrays and token lists have the same batch size, and that each array has the number of axes of its kind.
    ///
    /// Texts of a batch are padded to the same length, so the number of rows is not compared with the number of tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, the shape expected and the shape found.
    pub fn validate(&self) -> Result<()> {
        let batch = ("batch", self.batch());
        for (name, texts) in [("source", &self.source), ("target", &self.target), ("prefix", &self.prefix)] {
            if !texts.is_empty() && texts.len() != batch.1 {
                return Err(Error::Invalid(format!("`{name}` has {} texts of a batch of {}", texts.len(), batch.1)));
            }
        }
        let rows = |scores: &Option<ArrayD<f32>>| {
            scores.as_ref().and_then(|scores| scores.shape().get(1).copied()).unwrap_or(0)
        };
        let source = ("source", rows(&self.source_attributions));
        let prefix = ("prefix", rows(&self.target_attributions));
        array("source_attributions", self.source_attributions.as_ref(), &[batch, source], &self.kind)?;
        array("target_attributions", self.target_attributions.as_ref(), &[batch, prefix], &self.kind)?;
        for (name, scores) in &self.step_scores {
            vector(name, scores, batch)?;
        }
        Ok(())
    }
}

impl AttributionResult {
    /// Checks every sequence and step.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the text, counted from 1, or the step, counted from 0, and its problem.
    pub fn validate(&self) -> Result<()> {
        for (index, sequence) in self.sequences.iter().enumerate() {
            let text = TextName::new(TextKind::Attributed, index);
            sequence.validate().map_err(|error| Error::Invalid(text.sentence(&format!(": {error}"))))?;
        }
        for (index, step) in self.steps.iter().flatten().enumerate() {
            step.validate().map_err(|error| Error::Invalid(format!("step {index}: {error}")))?;
        }
        Ok(())
    }
}

/// Checks an attribution array: its leading axes by length, the others by their number.
fn array(name: &str, scores: Option<&ArrayD<f32>>, axes: &[(&str, usize)], kind: &AttributionKind) -> Result<()> {
    let Some(scores) = scores else { return Ok(()) };
    let trailing: Vec<&str> = match kind {
        AttributionKind::Granular => vec!["hidden"],
        AttributionKind::Coarse => vec![],
        AttributionKind::MultiDimensional { dimensions } => dimensions.iter().map(String::as_str).collect(),
    };
    let fits = scores.ndim() == axes.len() + trailing.len()
        && axes.iter().zip(scores.shape()).all(|((_, length), found)| length == found);
    if fits {
        return Ok(());
    }
    let expected = axes.iter().map(|(axis, length)| format!("{axis} {length}"));
    let expected: Vec<String> = expected.chain(trailing.iter().map(|axis| (*axis).to_owned())).collect();
    Err(Error::Invalid(format!("`{name}` has shape {:?}, but should have [{}]", scores.shape(), expected.join(", "))))
}

fn vector(name: &str, scores: &Array1<f32>, (axis, length): (&str, usize)) -> Result<()> {
    if scores.len() == length {
        return Ok(());
    }
    Err(Error::Invalid(format!("step score {name:?} has {} values, but should have [{axis} {length}]", scores.len())))
}
