//! What contrastive functions compare with: other texts, run once.

use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use inseq_models::model::{Memory, Source};
use inseq_models::tokenizer::Role;

use crate::engine::TextSteps;
use crate::request::AttributionRequest;
use crate::step_functions::{ContrastArguments, OneOrMore, OtherContext, SharedStepFunction, aligned};
use crate::{AttributionModel, Error, Result};

impl AttributionModel {
    /// A function that compares with another context, with what the model says there.
    pub(crate) fn bound(
        &self,
        function: &SharedStepFunction,
        request: &AttributionRequest,
        texts: &[TextSteps],
        attributed: bool,
    ) -> Result<SharedStepFunction> {
        if function.noisy_forwards().is_some() && !self.model().has_dropout() {
            return Err(Error::Argument(format!(
                "the step function `{}` looks at forwards with dropout, but the model has none: every rate in its config.json \
                 is 0",
                function.name()
            )));
        }
        let Some(arguments) = function.contrast() else { return Ok(function.clone()) };
        let given =
            [("contrast_sources", &arguments.contrast_sources), ("contrast_targets", &arguments.contrast_targets)];
        for (name, others) in given {
            if let Some(others) = others
                && others.as_slice().len() != texts.len()
            {
                return Err(Error::Argument(format!(
                    "`{name}` has {} texts for {} input texts; give one for each",
                    others.as_slice().len(),
                    texts.len()
                )));
            }
        }
        let contexts =
            texts.iter().map(|text| self.other_context(arguments, request, text)).collect::<Result<Vec<_>>>()?;
        let model = Arc::new(self.model().clone());
        Ok(function.bound(model, contexts, attributed).unwrap_or_else(|| function.clone()))
    }

    fn other_context(
        &self,
        arguments: &ContrastArguments,
        request: &AttributionRequest,
        text: &TextSteps,
    ) -> Result<OtherContext> {
        let model = self.model();
        let special = !(request.skip_special_tokens || arguments.skip_special_tokens);
        let other = |texts: &Option<OneOrMore<String>>, role| -> Result<Option<Vec<u32>>> {
            let Some(other) = texts.as_ref().and_then(|texts| texts.as_slice().get(text.index)) else {
                return Ok(None);
            };
            let ids = self.encode(other, role, special)?;
            let positions = match role {
                Role::Source if model.encoder.is_some() => model.max_source_positions(),
                _ => model.max_target_positions(),
            };
            self.fit(ids, positions, "contrast", text.index, request).map(Some)
        };
        let other_source = other(&arguments.contrast_sources, Role::Source)?;
        let other_target = other(&arguments.contrast_targets, Role::Target)?;
        let has_target = other_target.is_some();
        let target = match (other_target, &other_source, &model.encoder) {
            (Some(target), _, _) => target,
            // Another prompt, and what was written after the text's own.
            (None, Some(prompt), None) => {
                let own = self.encode(&request.input_texts[text.index], Role::Source, special)?.len();
                prompt.iter().chain(&text.target[own.min(text.target.len())..]).copied().collect()
            }
            _ => text.target.clone(),
        };
        let positions = match has_target || model.encoder.is_none() {
            true => aligned(arguments, text.index, &text.target, &target, &text.steps)?,
            false => text.steps.clone().collect(),
        };
        if target.len() < 2 {
            return Err(Error::Argument(format!("contrast text {} has no token to compare with", text.index + 1)));
        }
        let memory = model.encoder.as_ref().and_then(|encoder| {
            let ids = other_source.as_ref().unwrap_or(&text.source);
            let source = Source { embeddings: encoder.embedding.forward(ids, 1), lengths: vec![ids.len()] };
            model.encode(&source).map(|output| Memory { output, lengths: source.lengths })
        });
        let hidden = model.decode(memory.as_ref(), model.target_embedding.forward(&target, 1)).squeeze_dim::<2>(0);
        let rows: Vec<i64> = positions.iter().map(|position| *position as i64 - 1).collect();
        let rows = Tensor::<1, Int>::from_data(rows.as_slice(), &hidden.device());
        let targets = positions.iter().map(|&position| target[position]).collect();
        Ok(OtherContext { hidden: hidden.select(0, rows), targets })
    }
}
