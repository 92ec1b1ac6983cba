//! Writes a result as JSON of the reference's `FeatureAttributionOutput`.

use std::{collections::BTreeMap, io};

use flate2::{Compression, GzBuilder};
use indexmap::IndexMap;
use ndarray::{ArrayBase, ArrayD, Axis, Data, Dimension};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;

use super::array::{SavedArray, lists};
use super::attributes::{Names, class, default_dimensions};
use super::conventions::StatedMerging;
use super::nested::NestedNumbers;
use super::pieces::SavedPieces;
use super::precision::ScoresPrecision;
use super::save::SaveOptions;
use super::{EXTRAS, VERSION};
use super::{conventions, json, tensor::Tensor};
use crate::{
    AttributionKind, AttributionResult, Error, Result, SequenceAttribution, SequenceScore, StepAttribution, Token,
};

/// The gzip level of the reference.
const GZIP_LEVEL: u32 = 5;

impl AttributionResult {
    /// Writes the result as JSON. `overwrite` and `split_sequences` have no effect.
    ///
    /// # Errors
    /// Writing fails, or the arrays do not fit the tokens.
    pub fn write(&self, writer: impl io::Write, options: &SaveOptions) -> Result<()> {
        self.validate()?;
        let output = output_of(self, options)?;
        let written = |error: serde_json::Error| Error::Io(error.into());
        if options.compress {
            let mut encoder = GzBuilder::new().write(writer, Compression::new(GZIP_LEVEL));
            json::write(&output, io::BufWriter::new(&mut encoder)).map_err(written)?;
            encoder.finish()?.flush()?;
            Ok(())
        } else {
            let mut writer = io::BufWriter::new(writer);
            json::write(&output, &mut writer).map_err(written)?;
            Ok(io::Write::flush(&mut writer)?)
        }
    }
}

/// An object that names its Python class, unless only primitives are written.
struct Object<T> {
    class: Option<[&'static str; 2]>,
    attributes: T,
}

impl<T> Object<T> {
    fn new(class: [&'static str; 2], attributes: T, options: &SaveOptions) -> Self {
        Self { class: (!options.use_primitives).then_some(class), attributes }
    }
}

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(class) = self.class else { return self.attributes.serialize(serializer) };
        let mut object = serializer.serialize_struct("Object", 2)?;
        object.serialize_field("__instance_type__", &class)?;
        object.serialize_field("attributes", &self.attributes)?;
        object.end()
    }
}

// Fields are in alphabetical order, as the reference writes them.

#[derive(Serialize)]
struct Output<'a> {
    info: BTreeMap<String, Info<'a>>,
    sequence_attributions: Vec<Object<Sequence<'a>>>,
    /// Always null, because the reference fails on any other value.
    step_attributions: Option<()>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Info<'a> {
    Fact(Value),
    Extras(Extras<'a>),
}

/// See [`EXTRAS`].
#[derive(Serialize)]
struct Extras<'a> {
    sequences: Vec<Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_attributions: Option<Vec<Object<Step<'a>>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Names>,
    version: u32,
}

#[derive(Serialize)]
struct SavedToken<'a> {
    #[serde(with = "crate::token::saved_id")]
    id: Option<u32>,
    token: &'a str,
}

#[derive(Serialize)]
struct Sequence<'a> {
    /// Number of axes; the reference reads it to know how many axes its default aggregation reduces.
    #[serde(rename = "_num_dimensions", skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    attr_pos_end: usize,
    attr_pos_start: usize,
    sequence_scores: BTreeMap<&'a str, Tensor>,
    source: Vec<Object<SavedToken<'a>>>,
    source_attributions: Option<Tensor>,
    step_scores: BTreeMap<&'a str, Tensor>,
    target: Vec<Object<SavedToken<'a>>>,
    target_attributions: Option<Tensor>,
}

#[derive(Serialize)]
struct Step<'a> {
    prefix: Vec<Vec<Object<SavedToken<'a>>>>,
    sequence_scores: BTreeMap<&'a str, StepArray>,
    source: Vec<Vec<Object<SavedToken<'a>>>>,
    source_attributions: Option<StepArray>,
    step_scores: BTreeMap<&'a str, StepArray>,
    target: Vec<Vec<Object<SavedToken<'a>>>>,
    target_attributions: Option<StepArray>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StepArray {
    Array(SavedArray<'static>),
    Lists(NestedNumbers),
}

fn output_of<'a>(result: &'a AttributionResult, options: &SaveOptions) -> Result<Object<Output<'a>>> {
    let mut info: BTreeMap<_, _> =
        result.info.to_map().into_iter().map(|(key, value)| (key, Info::Fact(value))).collect();
    if let Some(extras) = extras_of(result, options)? {
        info.insert(EXTRAS.to_owned(), Info::Extras(extras));
    }
    let sequences = result.sequences.iter().map(|sequence| sequence_of(sequence, options));
    let output = Output { info, sequence_attributions: sequences.collect::<Result<_>>()?, step_attributions: None };
    Ok(Object::new(class::OUTPUT, output, options))
}

/// Facts about a result without a field in the layout, if any.
fn extras_of<'a>(result: &'a AttributionResult, options: &SaveOptions) -> Result<Option<Extras<'a>>> {
    let sequences = result.sequences.iter().map(|one| {
        let has_axes = one.source_attributions.is_some() || one.target_attributions.is_some();
        let merging = conventions::stated_merging(&one.step_scores, &one.step_score_merging);
        let names = Names::lost(&one.kind, has_axes, &one.step_scores, &one.sequence_scores, merging);
        let [source, target] = [&one.source, &one.target].map(|tokens| SavedPieces::of(tokens));
        match (names, source, target) {
            (None, None, None) => None,
            (names, source, target) => Some(Names { source, target, ..names.unwrap_or_default() }),
        }
    });
    let sequences: Vec<Option<Names>> = sequences.collect();
    if result.steps.is_none() && sequences.iter().all(Option::is_none) {
        return Ok(None);
    }
    let steps: Vec<_> = result.steps.iter().flatten().collect();
    let names = steps.iter().map(|one| {
        let has_axes = one.source_attributions.is_some() || one.target_attributions.is_some();
        Names::lost(&one.kind, has_axes, &one.step_scores, &one.sequence_scores, BTreeMap::new())
    });
    let names: Vec<Option<Names>> = names.collect();
    let listed = |names: Vec<Option<Names>>| match names.iter().all(Option::is_none) {
        true => vec![],
        false => names.into_iter().map(Option::unwrap_or_default).collect(),
    };
    let steps = steps.into_iter().map(|step| step_of(step, options)).collect::<Result<_>>()?;
    Ok(Some(Extras {
        sequences: listed(sequences),
        step_attributions: result.steps.is_some().then_some(steps),
        steps: listed(names),
        version: VERSION,
    }))
}

impl Names {
    /// Names without a field in the layout, if any: axes with names other than those of
    /// [`kind_of`](super::attributes::kind_of), scores that are not in alphabetical order, axes of sequence scores and functions that
    /// merge step scores if they are not the reference's.
    fn lost<T>(
        kind: &AttributionKind,
        has_axes: bool,
        step: &IndexMap<String, T>,
        sequence: &IndexMap<String, SequenceScore>,
        step_score_merging: StatedMerging,
    ) -> Option<Self> {
        let dimensions = match kind {
            AttributionKind::MultiDimensional { dimensions } => {
                let default = default_dimensions(if has_axes { dimensions.len() } else { 0 });
                (*dimensions != default).then(|| dimensions.clone())
            }
            AttributionKind::Granular | AttributionKind::Coarse => None,
        };
        let unsorted = |names: Vec<String>| if names.is_sorted() { vec![] } else { names };
        let step_scores = unsorted(step.keys().cloned().collect());
        let sequence_scores = unsorted(sequence.keys().cloned().collect());
        let sequence_score_axes = conventions::stated_axes(sequence);
        let names = Self {
            dimensions,
            sequence_scores,
            step_scores,
            step_score_merging,
            sequence_score_axes,
            ..Self::default()
        };
        (names != Self::default()).then_some(names)
    }
}

fn tokens<'a>(tokens: &'a [Token], options: &SaveOptions) -> Vec<Object<SavedToken<'a>>> {
    let tokens = tokens.iter().map(|token| SavedToken { id: token.id, token: &token.text });
    tokens.map(|token| Object::new(class::TOKEN, token, options)).collect()
}

fn sequence_of<'a>(sequence: &'a SequenceAttribution, options: &SaveOptions) -> Result<Object<Sequence<'a>>> {
    fn tensors<'a, A: Data<Elem = f32> + 'a, D: Dimension + 'a>(
        scores: impl Iterator<Item = (&'a String, &'a ArrayBase<A, D>)>,
        precision: ScoresPrecision,
    ) -> Result<BTreeMap<&'a str, Tensor>> {
        scores.map(|(name, scores)| Ok((name.as_str(), Tensor::new(scores, precision)?))).collect()
    }
    let precision = options.scores_precision;
    let source_attributions = sequence.source_attributions.as_ref();
    let target_attributions = sequence.target_attributions.as_ref();
    let attributes = Sequence {
        dimensions: match &sequence.kind {
            AttributionKind::MultiDimensional { dimensions } if !options.use_primitives => Some(dimensions.len()),
            _ => None,
        },
        attr_pos_end: sequence.attr_pos_end,
        attr_pos_start: sequence.attr_pos_start,
        sequence_scores: tensors(arrays_of(&sequence.sequence_scores), precision)?,
        source: tokens(&sequence.source, options),
        source_attributions: source_attributions.map(|scores| Tensor::new(scores, precision)).transpose()?,
        step_scores: tensors(sequence.step_scores.iter(), precision)?,
        target: tokens(&sequence.target, options),
        target_attributions: target_attributions
            .map(|scores| Tensor::new(&without_hidden_rows(scores, sequence.attr_pos_end), precision))
            .transpose()?,
    };
    Ok(Object::new(class::sequence(&sequence.kind), attributes, options))
}

/// The arrays of sequence scores, by name.
fn arrays_of(scores: &IndexMap<String, SequenceScore>) -> impl Iterator<Item = (&String, &ArrayD<f32>)> {
    scores.iter().map(|(name, score)| (name, &score.scores))
}

/// The rows before `end`, if all other rows are NaN: the reference has no such rows, and cannot aggregate them.
fn without_hidden_rows(scores: &ArrayD<f32>, end: usize) -> ndarray::ArrayViewD<'_, f32> {
    if scores.is_empty() {
        return scores.view();
    }
    let end = end.min(scores.shape().first().copied().unwrap_or(0));
    let (seen, hidden) = scores.view().split_at(Axis(0), end);
    if hidden.iter().all(|x| x.is_nan()) { seen } else { scores.view() }
}

fn step_of<'a>(step: &'a StepAttribution, options: &SaveOptions) -> Result<Object<Step<'a>>> {
    fn array<A: Data<Elem = f32>, D: Dimension>(scores: &ArrayBase<A, D>, options: &SaveOptions) -> Result<StepArray> {
        match options.use_primitives {
            true => Ok(StepArray::Lists(lists(scores))),
            false => SavedArray::new(scores, options).map(StepArray::Array),
        }
    }
    fn arrays<'a, A: Data<Elem = f32> + 'a, D: Dimension + 'a>(
        scores: impl Iterator<Item = (&'a String, &'a ArrayBase<A, D>)>,
        options: &SaveOptions,
    ) -> Result<BTreeMap<&'a str, StepArray>> {
        scores.map(|(name, scores)| Ok((name.as_str(), array(scores, options)?))).collect()
    }
    let texts = |texts: &'a [Vec<Token>]| texts.iter().map(|text| tokens(text, options)).collect();
    let attributes = Step {
        prefix: texts(&step.prefix),
        sequence_scores: arrays(arrays_of(&step.sequence_scores), options)?,
        source: texts(&step.source),
        source_attributions: step.source_attributions.as_ref().map(|scores| array(scores, options)).transpose()?,
        step_scores: arrays(step.step_scores.iter(), options)?,
        target: texts(&step.target),
        target_attributions: step.target_attributions.as_ref().map(|scores| array(scores, options)).transpose()?,
    };
    Ok(Object::new(class::step(&step.kind), attributes, options))
}
