//! The tokens of a prompt that belong to its sources.

use inseq_core::{SequenceAttribution, TextKind, TextName};
use inseq_models::tokenizer::Role;
use ndarray::{ArrayView1, Ix2};

use super::prompt::Prompt;
use crate::passage::Reader;
use crate::reading::Text;
use crate::text_model::TextModel;
use crate::{Error, Result};

/// The rows of each source in an attribution of an answer. A token belongs to the source that its first letter is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRows {
    rows: Vec<Vec<usize>>,
}

impl SourceRows {
    /// The rows of the sources of a prompt.
    pub(super) fn of(model: &TextModel, prompt: &Prompt) -> Result<Self> {
        let reader = Reader::new(model, &[])?;
        let name = TextName::new(TextKind::Input, 0);
        let add_special_tokens = !prompt.is_chat;
        let text = Text { name, text: &prompt.text, role: Role::Source, add_special_tokens, first: None };
        let passage = reader.passage(text, "sources", &mut Vec::new())?;
        let rows = prompt.named.iter().zip(&prompt.spans).map(|((name, _), span)| match reader.tokens_of(&passage, span) {
            rows if rows.is_empty() => Err(Error::argument(
                "sources",
                format!(
                    "no token of the prompt begins in the source `{name}` ({:?}), so that the scores of tokens say nothing of it; let it \
                     begin where a word begins, or take a method that leaves sources out",
                    &prompt.text[span.clone()]
                ),
            )),
            rows => Ok(rows),
        });
        Ok(Self { rows: rows.collect::<Result<_>>()? })
    }

    /// The scores of the tokens of each source, for an attribution of one step with one score per token, `[source][token]`.
    ///
    /// # Errors
    /// The attribution has several scores per token, no step, or fewer rows than the prompt.
    pub fn scores(&self, attribution: &SequenceAttribution) -> Result<Vec<Vec<f64>>> {
        let side = attribution.source_attributions.as_ref().or(attribution.target_attributions.as_ref());
        let scores = side.and_then(|scores| scores.view().into_dimensionality::<Ix2>().ok());
        let column =
            scores.filter(|scores| scores.ncols() > 0).map(|scores| scores.index_axis_move(ndarray::Axis(1), 0));
        let of_source = |column: &ArrayView1<f32>, rows: &Vec<usize>| {
            rows.iter().map(|&row| column.get(row).copied().map(f64::from)).collect::<Option<Vec<f64>>>()
        };
        let found = column.and_then(|column| self.rows.iter().map(|rows| of_source(&column, rows)).collect());
        found.ok_or_else(|| {
            Error::argument(
                "attribution",
                "the attribution must have one score for each token of the prompt and at least one step; aggregate it first".into(),
            )
        })
    }

    /// The sum of the scores of each source.
    ///
    /// # Errors
    /// As those of [`scores`](Self::scores).
    pub fn sums(&self, attribution: &SequenceAttribution) -> Result<Vec<f64>> {
        let sums = self.scores(attribution)?.into_iter().map(|scores| scores.into_iter().sum());
        Ok(sums.collect())
    }
}
