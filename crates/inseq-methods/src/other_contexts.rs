//! The other texts of contrastive functions, each run once.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use inseq_core::{TextKind, TextName, Warning};
use inseq_models::model::{IncrementalDecoder, Model, Source, Trace};
use inseq_models::tokenizer::Role;

use crate::engine::{Point, TextSteps};
use crate::reading::Text;
use crate::step_functions::{
    Alignments, ContrastArguments, OneOrMore, OtherContext, OtherContexts, SharedStepFunction, aligned,
};
use crate::texts::Texts;
use crate::{Error, Result};

/// Forwards of the texts themselves.
pub(crate) struct Run<'a> {
    pub(crate) point: &'a Point<'a>,
    pub(crate) trace: &'a Trace,
}

impl Run<'_> {
    /// The last hidden states `[position, feature]` of a text with another target and perhaps another source
    /// (of an encoder-decoder). The prefix that it shares with the text is not run again.
    fn hidden(&self, model: &Model, entry: usize, source: Option<&[u32]>, target: &[u32]) -> Tensor<2> {
        let (text, trace) = (self.point.texts[entry], self.trace);
        let encoder = model.encoder.as_ref();
        let embeddings = model.target_embedding.forward(target, 1);
        let memory = match (encoder, source) {
            (Some(encoder), Some(ids)) => {
                let source = Source { embeddings: encoder.embedding.forward(ids, 1), lengths: vec![ids.len()] };
                model.memory(&source)
            }
            _ => trace.memory_of(entry, text.source.len()),
        };
        let shared = match encoder.and(source) {
            Some(_) => 0,
            // Keys of a text that rotates otherwise are others.
            None if !model.decoder.rotates_alike(trace.hidden().dims()[1], target.len()) => 0,
            None => text.target.iter().zip(target).take_while(|(own, other)| own == other).count(),
        };
        let shared = shared.min(trace.hidden().dims()[1]);
        let Some(mut decoder) = IncrementalDecoder::after_trace(model, trace, entry, text.source.len(), shared) else {
            return model.decode(memory.as_ref(), embeddings).squeeze_dim(0);
        };
        let own = trace.hidden().clone().narrow(0, entry, 1).narrow(1, 0, shared);
        let others = target.len() - shared;
        let all = match others {
            0 => own,
            others => Tensor::cat(vec![own, decoder.extend(embeddings.narrow(1, shared, others), others)], 1),
        };
        all.squeeze_dim(0)
    }
}

/// Another context of one text, given as ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherIds {
    /// Ids of its source, if the model has an encoder.
    pub(crate) source: Option<Vec<u32>>,
    /// Ids of its target.
    pub(crate) target: Vec<u32>,
    /// Its last hidden states `[position, feature]` from a forward of its first positions, if there was one.
    pub(crate) states: Option<Tensor<2>>,
    /// The alternative of each token that can be attributed, by the position of the token.
    pub(crate) alternatives: BTreeMap<usize, Alternative>,
}

/// The alternative of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// Position in the other target whose prefix is the context of the alternative.
    pub(crate) position: usize,
    /// Id of the alternative.
    pub(crate) token: u32,
    /// Whether an attributed function takes the score of the alternative from the text's own context.
    pub(crate) in_own_context: bool,
}

/// The other text of a contrast.
pub(crate) struct OtherText {
    /// Ids of its source, if it differs from that of the text.
    source: Option<Vec<u32>>,
    /// Ids of its target.
    target: Vec<u32>,
    /// Its last hidden states, as in [`OtherIds`].
    states: Option<Tensor<2>>,
    /// The alternative of each token of the steps.
    alternatives: Vec<Alternative>,
    /// Warnings for the reader of the result about the other texts, one sentence each.
    pub(crate) warnings: Vec<Warning>,
}

impl OtherText {
    /// The other text for the steps of a text.
    fn of_ids(ids: &OtherIds, text: &TextSteps) -> Self {
        // A step that only the method needs is compared with the token at the same place.
        let last = ids.target.len().saturating_sub(1);
        let same = |position: usize| {
            let position = position.min(last).max(1);
            let token = ids.target.get(position).copied().unwrap_or_default();
            Alternative { position, token, in_own_context: true }
        };
        let alternative = |position: usize| ids.alternatives.get(&position).copied().unwrap_or_else(|| same(position));
        let each = text.steps.tokens().map(alternative);
        Self {
            source: ids.source.clone(),
            target: ids.target.clone(),
            states: ids.states.clone(),
            alternatives: each.collect(),
            warnings: Vec::new(),
        }
    }

    /// Position in its target for each token of the steps of the text.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        self.alternatives.iter().map(|alternative| alternative.position)
    }

    /// Id of the alternative of each token of the steps.
    pub(crate) fn alternatives(&self) -> Vec<u32> {
        self.alternatives.iter().map(|alternative| alternative.token).collect()
    }
}

/// The contrasts of a call.
#[derive(Clone, Copy)]
pub(crate) struct Contrasts<'c> {
    pub(crate) texts: &'c Texts<'c>,
    /// The other context of the only text as ids, in place of that of the functions' arguments.
    pub(crate) given: Option<&'c OtherIds>,
}

impl Contrasts<'_> {
    /// Binds a contrastive function to the states of the other contexts.
    pub(crate) fn bound(
        &self,
        function: &SharedStepFunction,
        run: &Run,
        attributed: bool,
    ) -> Result<SharedStepFunction> {
        let Some(arguments) = function.contrast() else { return Ok(function.clone()) };
        let given =
            [("contrast_sources", &arguments.contrast_sources), ("contrast_targets", &arguments.contrast_targets)];
        for (name, others) in given {
            if let Some(others) = others
                && others.as_slice().len() != self.texts.len()
            {
                return Err(Error::argument(
                    name,
                    format!(
                        "`{name}` has {} texts for {} input texts; give one for each",
                        others.as_slice().len(),
                        self.texts.len()
                    ),
                ));
            }
        }
        let entries = run.point.texts.iter().enumerate();
        let contexts = entries
            .map(|(entry, text)| Ok((text.index, self.other_context(arguments, run, entry)?)))
            .collect::<Result<OtherContexts>>()?;
        let model = Arc::new(self.texts.model.model().clone());
        Ok(function.bound(model, contexts, attributed).unwrap_or_else(|| function.clone()))
    }

    fn other_context(&self, arguments: &ContrastArguments, run: &Run, entry: usize) -> Result<OtherContext> {
        let model = self.texts.model.model();
        let other = self.other_text(arguments, run.point.texts[entry])?;
        let (source, target) = (&other.source, &other.target);
        // One forward for the positions before which the text rotates alike.
        let mut lengths: Vec<usize> = Vec::new();
        for position in other.positions() {
            match lengths.iter_mut().find(|length| model.decoder.rotates_alike(**length, position)) {
                Some(length) => *length = position.max(*length),
                None => lengths.push(position),
            }
        }
        let known = |length: usize| {
            let states = other.states.as_ref()?;
            let run = states.dims()[0];
            (length <= run && model.decoder.rotates_alike(run, length)).then(|| states.clone().narrow(0, 0, length))
        };
        let states = |&length: &usize| {
            known(length).unwrap_or_else(|| run.hidden(model, entry, source.as_deref(), &target[..length]))
        };
        let each = lengths.iter().map(states);
        let hidden = Tensor::cat(each.collect(), 0);
        let row = |position: usize| {
            let forward = lengths.iter().take_while(|length| !model.decoder.rotates_alike(**length, position));
            forward.sum::<usize>() as i64 + position as i64 - 1
        };
        let rows: Vec<i64> = other.positions().map(row).collect();
        let rows = Tensor::<1, Int>::from_data(rows.as_slice(), &hidden.device());
        let in_own_context = other.alternatives.iter().map(|alternative| alternative.in_own_context).collect();
        Ok(OtherContext { hidden: hidden.select(0, rows), targets: other.alternatives(), in_own_context })
    }

    /// The other text of a text's contrast.
    ///
    /// # Errors
    /// A contrast text is too long or has no token, or an alignment contains a position that does not exist.
    pub(crate) fn other_text(&self, arguments: &ContrastArguments, text: &TextSteps) -> Result<OtherText> {
        if let Some(ids) = self.given {
            return Ok(OtherText::of_ids(ids, text));
        }
        let model = self.texts.model.model();
        let special = self.texts.add_special_tokens && !arguments.skip_special_tokens;
        let given = |texts: &Option<OneOrMore<String>>| {
            texts.as_ref().and_then(|texts| texts.as_slice().get(text.index)).cloned()
        };
        let (source, target) = (given(&arguments.contrast_sources), given(&arguments.contrast_targets));
        let (source, target) = match self.texts.chats.get(text.index) {
            Some(chat) => self.texts.model.contrast_of_chat(chat, &self.texts.inputs[text.index], source, target)?,
            None => (source, target),
        };
        let name = TextName::new(TextKind::Contrast, text.index);
        let mut warnings = Vec::new();
        let aligned_texts = match &arguments.contrast_targets_alignments {
            Some(Alignments::More(each)) => Some(each.len()),
            Some(Alignments::One(pairs)) if !pairs.is_empty() => Some(1),
            _ => None,
        };
        if let Some(count) = aligned_texts.filter(|&count| count != self.texts.len()) {
            return Err(Error::argument(
                "contrast_targets_alignments",
                format!(
                    "`contrast_targets_alignments` has pairs for {count} texts, but there are {}; give a list for each",
                    self.texts.len()
                ),
            ));
        }
        match (&target, &arguments.contrast_targets_alignments) {
            (None, Some(_)) => {
                let said = "`contrast_targets_alignments` has no effect without `contrast_targets`";
                warnings.push(Warning::from(said.to_owned()));
            }
            (Some(target), _) if model.is_decoder_only() => {
                let prompt = source.as_deref().unwrap_or(&self.texts.inputs[text.index]);
                if self.texts.chats.is_empty() && !target.starts_with(prompt) {
                    let said = format!(
                        "does not begin with its prompt: the alternatives are what a decoder-only model says after {target:?} alone, \
                         in which {prompt:?} takes no part"
                    );
                    warnings.push(Warning::about(name, said));
                }
            }
            _ => {}
        }
        let mut encode = |other: Option<String>, role| -> Result<Option<Vec<u32>>> {
            let Some(other) = other else { return Ok(None) };
            let other = Text { name, text: &other, role, add_special_tokens: special, first: None };
            self.texts.model.fitting(other, self.texts.truncate, &mut warnings).map(|fitting| Some(fitting.ids))
        };
        let other_source = encode(source, Role::Source)?;
        let other_target = encode(target, Role::Target)?;
        let has_target = other_target.is_some();
        let target = match (other_target, &other_source, &model.encoder) {
            (Some(target), _, _) => target,
            // Another prompt, and what was written after the text's own.
            (None, Some(prompt), None) => {
                if model.max_target_positions().is_some_and(|most| self.texts.truncate && text.target.len() >= most) {
                    return Err(Error::limit(
                        "contrast_sources",
                        name,
                        "takes the place of a prompt, but the text fills all positions of the model and may have been cut; shorten \
                         it, or give `contrast_targets`"
                            .to_owned(),
                    ));
                }
                let own = self.texts.model.encode(&self.texts.inputs[text.index], Role::Source, special)?.len();
                let whole: Vec<u32> =
                    prompt.iter().chain(&text.target[own.min(text.target.len())..]).copied().collect();
                // The last token is only ever predicted.
                if let Some(positions) = model.max_target_positions().filter(|positions| whole.len() > positions + 1) {
                    return Err(Error::limit(
                        "contrast_sources",
                        name,
                        format!(
                            "has {} tokens with what follows the text's own prompt, but the model has {positions} positions; shorten \
                             it",
                            whole.len()
                        ),
                    ));
                }
                whole
            }
            _ => text.target.clone(),
        };
        if target.len() < 2 {
            return Err(Error::of_text("contrast_targets", name, "has no token to compare with"));
        }
        let positions = match has_target || model.is_decoder_only() {
            true => aligned(arguments, text.index, &text.target, &target, &text.steps)?,
            false => text.steps.tokens().collect(),
        };
        let in_own_context = has_target && !arguments.contrast_force_inputs;
        let alternatives =
            positions.into_iter().map(|position| Alternative { position, token: target[position], in_own_context });
        Ok(OtherText { alternatives: alternatives.collect(), source: other_source, target, states: None, warnings })
    }
}
