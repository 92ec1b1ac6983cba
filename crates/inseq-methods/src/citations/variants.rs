//! Variants of a prompt, each followed by the same answer, with one forward for each.
//!
//! A variant is tokenized from its text, as the package `context-cite` does: tokens at the edges of a source that is left out may join
//! differently. The tokens of the answer are the same in all variants. Variants of a decoder-only model run as a tree: what the
//! tokens of two of them have in common from the start on is run once.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use burn::tensor::Tensor;
use inseq_core::{TextKind, TextName};
use inseq_models::model::IncrementalDecoder;
use inseq_models::tokenizer::Role;

use super::memory;
use super::prompt::{Mask, Prompt};
use super::token_scores::{jensen_shannon, log_odds};
use crate::engine::{Engine, Point, Steps, TextSteps};
use crate::progress::{Progress, ProgressCallback};
use crate::reading::Text;
use crate::step_functions::{SharedStepFunction, StepFunction};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Smallest number of tokens for which two variants share a forward, so that few tokens do not cost forwards of their own.
const LEAST_SHARED: usize = 16;

/// A text of a variant as ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// Source of an encoder-decoder; empty for decoder-only models.
    pub(super) source: Vec<u32>,
    /// Prompt and answer; of an encoder-decoder, the decoder start and the answer.
    pub(super) target: Vec<u32>,
    /// Position of the first token of the answer in the target.
    pub(super) first: usize,
}

impl Ids {
    /// The text from the token `start` of the target on; its steps are the tokens of the answer.
    pub(super) fn starting_at(&self, start: usize) -> TextSteps {
        TextSteps {
            index: 0,
            source: self.source.clone(),
            source_baseline: Vec::new(),
            target: self.target[start..].to_vec(),
            target_baseline: Vec::new(),
            source_features: Vec::new(),
            target_features: Vec::new(),
            first: self.first - start,
            steps: (self.first - start..self.target.len() - start).into(),
        }
    }

    /// The whole text; its steps are sentences of the answer, as spans of its tokens.
    pub(super) fn with_sentences(&self, sentences: impl Iterator<Item = Range<usize>>) -> TextSteps {
        let spans = sentences.map(|tokens| tokens.start + self.first..tokens.end + self.first);
        TextSteps { steps: Steps::spans(spans), ..self.starting_at(0) }
    }

    /// The last tokens of the text, at most so many on each side, with a token of the prompt and one of the answer at least.
    pub(super) fn shortened(&self, most: usize) -> Self {
        let answer = (self.target.len() - self.first).min(most / 2).max(1);
        let start = (self.first + answer).saturating_sub(most).min(self.first - 1);
        Self {
            source: self.source[self.source.len().saturating_sub(most)..].to_vec(),
            target: self.target[start..self.first + answer].to_vec(),
            first: self.first - start,
        }
    }

    /// Tokens that the model reads; the last one is only predicted.
    fn read(&self) -> &[u32] {
        &self.target[..self.target.len() - 1]
    }
}

/// Runs variants of a prompt, and keeps the log-odds of the answer's tokens in each.
pub(super) struct Variants<'c> {
    pub(super) model: &'c TextModel,
    prompt: &'c Prompt,
    pub(super) engine: Engine<'c>,
    /// The whole prompt with its answer.
    pub(super) whole: Ids,
    /// Decoder after the whole prompt and answer, for decoder-only models.
    decoder: Option<IncrementalDecoder<'c>>,
    /// The last hidden states that predict the tokens of the answer after the whole prompt, `[token, feature]`.
    states: Tensor<2>,
    known: HashMap<Mask, Vec<f64>>,
    /// Number of forwards so far.
    pub(super) forwards: usize,
    /// Number of planned forwards.
    pub(super) planned: usize,
    progress: ProgressCallback<'c>,
}

impl<'c> Variants<'c> {
    /// Runs the whole prompt with the answer.
    pub(super) fn new(
        model: &'c TextModel,
        prompt: &'c Prompt,
        whole: Ids,
        (memory_budget, planned): (usize, usize),
        progress: ProgressCallback<'c>,
    ) -> Result<Self> {
        let engine = Engine { model: model.model(), memory_budget, layer: None };
        let text = whole.starting_at(0);
        let point = engine.inputs(&[&text])?;
        let memory = point.source.as_ref().and_then(|source| model.model().memory(source));
        let mut decoder = IncrementalDecoder::after_encoder(model.model(), memory.as_ref(), 1);
        let hidden = decoder.extend(point.target.clone(), point.target.dims()[1]);
        let odds = engine.scores(&point, &hidden, &[&*log_odds()])?;
        let states = hidden.narrow(1, whole.first - 1, whole.target.len() - whole.first).squeeze_dim(0);
        let decoder = model.model().is_decoder_only().then_some(decoder);
        let mut variants = Self {
            model,
            prompt,
            engine,
            whole,
            decoder,
            states,
            known: HashMap::new(),
            forwards: 0,
            planned,
            progress,
        };
        let everything = vec![true; prompt.spans.len()];
        variants.known.extend(odds.into_iter().flatten().map(|odds| (everything.clone(), wide(&odds))));
        variants.done(1)?;
        Ok(variants)
    }

    /// The log-odds of the answer's tokens in variants, `[mask][token]`. Variants that have been run are not run again.
    pub(super) fn log_odds(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        let mut new: Vec<Mask> = Vec::new();
        for mask in masks.iter().filter(|mask| !self.known.contains_key(*mask)) {
            if !new.contains(mask) {
                new.push(mask.clone());
            }
        }
        self.scores(&new, &[])?;
        Ok(masks.iter().filter_map(|mask| self.known.get(mask).cloned()).collect())
    }

    /// The Jensen-Shannon divergences between the next-token distributions after the whole prompt and after variants of it, in nats,
    /// `[mask][token]`.
    pub(super) fn divergences(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        let divergence = jensen_shannon(self.model.model(), self.states.clone());
        self.scores(masks, &[divergence])
    }

    /// Runs variants. Their log-odds become known; the scores of the last of `others`, if any, are returned, `[mask][token]`.
    fn scores(&mut self, masks: &[Mask], others: &[SharedStepFunction]) -> Result<Vec<Vec<f64>>> {
        let variants = masks.iter().map(|mask| self.variant(mask)).collect::<Result<Vec<Ids>>>()?;
        let odds = log_odds();
        let functions: Vec<&dyn StepFunction> =
            std::iter::once(&odds).chain(others).map(|function| &**function).collect();
        let mut scores = vec![Vec::new(); masks.len()];
        // In the order of their tokens, variants with a common start stand together.
        let mut order: Vec<usize> = (0..variants.len()).collect();
        order.sort_by(|&a, &b| {
            variants[a].target.cmp(&variants[b].target).then(variants[a].source.len().cmp(&variants[b].source.len()))
        });
        let mut each = |members: &[usize], point: &Point, hidden: &Tensor<3>, own: &mut Self| -> Result<()> {
            let by_function = own.engine.scores(point, hidden, &functions)?;
            for (&member, odds) in members.iter().zip(&by_function[0]) {
                own.known.insert(masks[member].clone(), wide(odds));
            }
            for (&member, values) in members.iter().zip(by_function.last().into_iter().flatten()) {
                scores[member] = wide(values);
            }
            own.done(members.len())
        };
        match self.decoder.is_some() {
            true => {
                let root = IncrementalDecoder::new(self.model.model(), None, 1);
                let used = memory::of_variants(&self.engine, &self.whole.starting_at(0));
                let spare = self.engine.memory_budget.saturating_sub(used);
                self.walk(&root, &variants, &order, spare, &mut each)?;
            }
            false => self.encoded(&variants, &order, &mut each)?,
        }
        Ok(scores)
    }

    /// Variants of an encoder-decoder, which share the target alone.
    fn encoded(&mut self, variants: &[Ids], order: &[usize], each: &mut Each<Self>) -> Result<()> {
        let texts: Vec<TextSteps> = order.iter().map(|&index| variants[index].starting_at(0)).collect();
        let Some(longest) = texts.iter().max_by_key(|text| text.source.len()) else { return Ok(()) };
        let at_once = self.engine.forwards_that_fit(longest);
        for (members, texts) in order.chunks(at_once).zip(texts.chunks(at_once)) {
            let point = self.engine.inputs(&texts.iter().collect::<Vec<_>>())?;
            let memory = point.source.as_ref().and_then(|source| self.model.model().memory(source));
            let hidden = self.model.model().decode(memory.as_ref(), point.target.clone());
            each(members, &point, &hidden, self)?;
        }
        Ok(())
    }

    /// Variants of a decoder-only model that start with the tokens of `decoder`, in the order of their tokens. Keys and values beside
    /// those of the whole text and of one variant take at most `spare` bytes.
    fn walk(
        &mut self,
        decoder: &IncrementalDecoder<'c>,
        variants: &[Ids],
        order: &[usize],
        spare: usize,
        each: &mut Each<Self>,
    ) -> Result<()> {
        let shared = |a: usize, b: usize| self.shared(&variants[a], &variants[b]);
        let enough = decoder.length() + LEAST_SHARED;
        let mut alone = Vec::new();
        let mut together: Vec<(&[usize], usize, usize)> = Vec::new();
        for run in order.chunk_by(|&a, &b| shared(a, b) >= enough) {
            let length = run.windows(2).map(|pair| shared(pair[0], pair[1])).min();
            // The start of the whole text is there already.
            let is_of_whole = |length: usize| self.shared(&variants[run[0]], &self.whole) >= length;
            let bytes = |length: usize| match is_of_whole(length) {
                true => 0,
                false => self.engine.model.bytes_per_history(length),
            };
            match length.map(|length| (length, bytes(length))) {
                Some((length, bytes)) if bytes <= spare => together.push((run, length, bytes)),
                _ => alone.extend_from_slice(run),
            }
        }
        for (run, length, bytes) in together {
            let further = self.reached(decoder, &variants[run[0]], length);
            self.walk(&further, variants, run, spare - bytes, each)?;
        }
        self.leaves(decoder, variants, alone, spare, each)
    }

    /// Runs variants whose common start has been run.
    fn leaves(
        &mut self,
        decoder: &IncrementalDecoder<'c>,
        variants: &[Ids],
        mut alone: Vec<usize>,
        spare: usize,
        each: &mut Each<Self>,
    ) -> Result<()> {
        // Each goes on from where it leaves the whole text.
        let start = |own: &Self, index: usize| own.shared(&variants[index], &own.whole).max(decoder.length());
        alone.sort_by_key(|&index| (start(self, index), variants[index].target.len()));
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for index in alone {
            let fits = |first: usize| {
                start(self, index) - start(self, first) < LEAST_SHARED
                    && self.rotate_alike(variants[index].read().len(), variants[first].read().len())
            };
            match batches.last_mut().filter(|batch| fits(batch[0])) {
                Some(batch) => batch.push(index),
                None => batches.push(vec![index]),
            }
        }
        for batch in batches {
            let from = start(self, batch[0]);
            let longest = batch.iter().map(|&index| variants[index].target.len()).max().unwrap_or(0);
            let texts: Vec<TextSteps> = batch.iter().map(|&index| variants[index].starting_at(from)).collect();
            let Some(widest) = texts.iter().max_by_key(|text| text.target.len()) else { continue };
            let copies = 1 + spare / self.engine.model.bytes_per_history(longest).max(1);
            let at_once = self.engine.forwards_that_fit(widest).min(copies);
            let reached = self.reached(decoder, &variants[batch[0]], from);
            for (members, texts) in batch.chunks(at_once).zip(texts.chunks(at_once)) {
                let point = self.engine.inputs(&texts.iter().collect::<Vec<_>>())?;
                let mut decoder = reached.clone();
                if members.len() > 1 {
                    decoder.reorder(&vec![0; members.len()]);
                }
                let hidden = decoder.extend(point.target.clone(), point.target.dims()[1]);
                each(members, &point, &hidden, self)?;
            }
        }
        Ok(())
    }

    /// A decoder after the first `length` tokens of a variant, which begins with the tokens of `decoder`.
    fn reached(&self, decoder: &IncrementalDecoder<'c>, variant: &Ids, length: usize) -> IncrementalDecoder<'c> {
        let with_whole = self.shared(variant, &self.whole).min(length);
        let mut reached = match &self.decoder {
            Some(whole) if with_whole > decoder.length() => whole.prefix(with_whole),
            _ => decoder.clone(),
        };
        let missing = &variant.target[reached.length()..length.max(reached.length())];
        if !missing.is_empty() {
            reached.extend(self.engine.model.target_embedding.forward(missing, 1), 1);
        }
        reached
    }

    /// Number of tokens at the start of two variants whose keys and values are the same. It ends before the last token of a prompt,
    /// whose state predicts the answer.
    fn shared(&self, a: &Ids, b: &Ids) -> usize {
        let alike = a.target.iter().zip(&b.target).take_while(|(one, other)| one == other).count();
        let shared = alike.min(a.first - 1).min(b.first - 1);
        let is_fit = [a, b].iter().all(|one| self.rotate_alike(shared, one.read().len()));
        if is_fit { shared } else { 0 }
    }

    fn rotate_alike(&self, a: usize, b: usize) -> bool {
        self.engine.model.decoder.rotates_alike(a, b)
    }

    /// The ids of a variant.
    ///
    /// # Errors
    /// The prompt has no token with these sources, or is too long.
    pub(super) fn variant(&self, mask: &Mask) -> Result<Ids> {
        let prompt = prompt_ids(self.model, self.prompt, mask)?;
        let model = self.engine.model;
        let (variant, length, positions) = match model.is_decoder_only() {
            true => {
                let first = prompt.len();
                let target = [&prompt, &self.whole.target[self.whole.first..]].concat();
                let variant = Ids { source: Vec::new(), target, first };
                let length = variant.read().len();
                (variant, length, model.max_target_positions())
            }
            false => {
                let length = prompt.len();
                (Ids { source: prompt, ..self.whole.clone() }, length, model.max_source_positions())
            }
        };
        match positions.filter(|&positions| length > positions) {
            None => Ok(variant),
            Some(positions) => Err(too_long(length, positions)),
        }
    }

    /// Memory budget of attributions of the whole text, beside what is kept of it, in bytes.
    pub(super) fn budget_of_attributions(&self) -> usize {
        let held = memory::held(self.engine.model, &self.whole.starting_at(0));
        self.engine.memory_budget.saturating_sub(held).max(1)
    }

    /// Whether a variant has been run.
    pub(super) fn is_known(&self, mask: &Mask) -> bool {
        self.known.contains_key(mask)
    }

    /// Does work of so many forwards, which reports its own progress.
    pub(super) fn with_progress<T>(
        &mut self,
        forwards: usize,
        work: impl FnOnce(ProgressCallback) -> Result<T>,
    ) -> Result<T> {
        let result = work(&mut *self.progress)?;
        self.forwards += forwards;
        self.planned += forwards;
        Ok(result)
    }

    fn done(&mut self, forwards: usize) -> Result<()> {
        self.forwards += forwards;
        let total = self.planned.max(self.forwards);
        let news = Progress::Attributing { done: self.forwards, total, texts: Vec::new() };
        match (self.progress)(news) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }
}

/// The ids of a prompt with the kept sources. An empty prompt of a decoder-only model is the token that begins a text.
///
/// # Errors
/// The prompt has no token without the other sources.
pub(super) fn prompt_ids(model: &TextModel, prompt: &Prompt, kept: &[bool]) -> Result<Vec<u32>> {
    let text = prompt.with(kept);
    let first = model.special_tokens().bos.filter(|_| model.model().is_decoder_only() && text.is_empty());
    let name = TextName::new(TextKind::Input, 0);
    let text = Text { name, text: &text, role: Role::Source, add_special_tokens: !prompt.is_chat, first };
    match model.without_start(text, 0)? {
        ids if ids.is_empty() => Err(Error::argument(
            "sources",
            "the prompt has no token without its sources; put more text into the template".into(),
        )),
        ids => Ok(ids),
    }
}

/// The error of a prompt that does not fit into the model.
pub(super) fn too_long(tokens: usize, positions: usize) -> Error {
    let problem = format!(
        "the prompt and the answer have {tokens} tokens, but the model has {positions} positions; a source that is cut cannot be \
         cited, so leave sources out, or shorten them"
    );
    Error::Limit { name: "sources".to_owned(), text: None, problem }
}

/// Takes the variants of a batch, as indices, with their last hidden states `[variant, position, feature]`.
type Each<'e, Own> = dyn FnMut(&[usize], &Point, &Tensor<3>, &mut Own) -> Result<()> + 'e;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
