//! Reading saved results.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use flate2::bufread::MultiGzDecoder;
use indexmap::IndexMap;
use ndarray::{Array1, ArrayD, Ix1};
use serde::{Deserialize, Deserializer};

use super::attributes::{
    Extras, Names, OutputAttributes, SequenceAttributes, StepAttributes, Tagged, Text, class, kind_of,
};
use super::{EXTRAS, Format, MappedResult, VERSION};
use super::{conventions, json, tensor};
use crate::{AttributionResult, Error, Result, SequenceAttribution, SequenceScore, StepAttribution, Token};

/// First bytes of gzipped files.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Largest number of restored scores per byte of the file, over all sequences. Target rows that a file omits are restored as
/// NaN; the limit keeps a small file from allocating large arrays.
const RESTORED_SCORES_PER_BYTE: usize = 16;

/// Number of restored scores that a file of any size may have: 256 MiB.
const RESTORED_SCORES: usize = 1 << 26;

/// Largest ratio of unpacked to gzipped size. Results shrink by far less.
const UNPACKED_PER_BYTE: u64 = 64;

/// Number of unpacked bytes that a file of any size may have.
const UNPACKED: u64 = 1 << 30;

/// Options for reading a saved result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Largest size of a file after decompression, in bytes. Default 16 GiB.
    pub max_bytes: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { max_bytes: 16 << 30 }
    }
}

crate::setters! {
    LoadOptions { max_bytes: u64 }
}

impl AttributionResult {
    /// Loads a result that this crate or the reference saved: JSON, gzipped or not, or safetensors, by the extension.
    ///
    /// # Errors
    /// The file cannot be read, is larger than [`LoadOptions::max_bytes`], or is not a saved result; then [`Error::Malformed`]
    /// names the place.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &LoadOptions::default())
    }

    /// Loads a result with options.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let path = path.as_ref();
        let format = Format::of(path);
        let read = || {
            match format {
            Format::Json { .. } => Self::read(File::open(path)?, options),
            Format::Safetensors if path.metadata()?.len() > options.max_bytes => Err(too_large(options.max_bytes)),
            Format::Safetensors => MappedResult::open(path)?.read(),
            Format::Csv | Format::Parquet | Format::Arrow => Err(Error::Unsupported(
                "is a table of aggregated scores for other programs, which is not read back; save results that are to be \
                 loaded as .json, .json.gz or .safetensors"
                    .into(),
            )),
        }
        };
        read().map_err(|error| error.at(path))
    }

    /// Reads a JSON result, gzipped or not, up to the end of the reader.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(reader: impl Read, options: &LoadOptions) -> Result<Self> {
        let bytes = read_up_to(reader, options.max_bytes)?;
        if bytes.starts_with(&GZIP_MAGIC) { parse(&unpack(&bytes, options)?) } else { parse(&bytes) }
    }
}

fn unpack(bytes: &[u8], options: &LoadOptions) -> Result<Vec<u8>> {
    let plausible = (bytes.len() as u64).saturating_mul(UNPACKED_PER_BYTE).max(UNPACKED);
    read_up_to(MultiGzDecoder::new(bytes), options.max_bytes.min(plausible)).map_err(|error| match error {
        Error::Io(error) => Error::malformed("gzip", error.to_string()),
        Error::Limit { .. } if plausible < options.max_bytes => Error::malformed(
            "gzip",
            format!(
                "unpacks to over {UNPACKED_PER_BYTE} times its size, as no result does; unpack it first if you trust it"
            ),
        ),
        other => other,
    })
}

fn too_large(limit: u64) -> Error {
    Error::limit("max_bytes", format!("the saved result is larger than {limit} bytes; raise `max_bytes` to load it"))
}

fn read_up_to(reader: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

fn parse(text: &[u8]) -> Result<AttributionResult> {
    let text = json::quote_literals(json::without_mark(text)?);
    let mut deserializer = serde_json::Deserializer::from_slice(&text);
    let file: Tagged<OutputAttributes> = deserialize(&mut deserializer, "")?;
    deserializer.end().map_err(|error| Error::malformed("end of file", error.to_string()))?;
    let (class, output) = file.open("file")?;
    if class != class::OUTPUT[1] {
        return Err(Error::malformed("file", format!("holds a {class}, but a saved result is a {}", class::OUTPUT[1])));
    }
    let mut info = output.info;
    let extras = info.remove(EXTRAS);
    let extras: Extras = match &extras {
        Some(extras) => deserialize(extras, &format!("info.{EXTRAS}."))?,
        None => Extras::default(),
    };
    if extras.version > VERSION {
        return Err(Error::malformed(
            format!("info.{EXTRAS}.version"),
            format!("is {}, but {VERSION} is the newest known here: load it with a newer inseq", extras.version),
        ));
    }
    let mut room = text.len().saturating_mul(RESTORED_SCORES_PER_BYTE).max(RESTORED_SCORES);
    let sequences = output.sequence_attributions.into_iter().enumerate().map(|(index, sequence)| {
        sequence_of(sequence, extras.sequences.get(index), &mut room, &format!("sequence_attributions[{index}]"))
    });
    let mut sequences = sequences.collect::<Result<Vec<_>>>()?;
    if extras.sequences.len() == sequences.len() {
        for (sequence, names) in sequences.iter_mut().zip(&extras.sequences) {
            for (tokens, pieces) in [(&mut sequence.source, &names.source), (&mut sequence.target, &names.target)] {
                pieces.iter().for_each(|pieces| pieces.restore(tokens));
            }
        }
    }
    let steps = match output.step_attributions.or(extras.step_attributions) {
        Some(steps) => {
            let steps = steps.into_iter().enumerate();
            let steps = steps
                .map(|(index, step)| step_of(step, extras.steps.get(index), &format!("step_attributions[{index}]")));
            Some(steps.collect::<Result<_>>()?)
        }
        None => None,
    };
    Ok(AttributionResult { sequences, steps, info: info.into() })
}

/// Reads a value; an error names the place.
fn deserialize<'de, T: Deserialize<'de>>(
    deserializer: impl Deserializer<'de, Error = serde_json::Error>,
    prefix: &str,
) -> Result<T> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = path.replace(".attributes.", ".");
        let path = path.strip_prefix("attributes.").unwrap_or(&path);
        let place = if path == "." { "file".to_owned() } else { format!("{prefix}{path}") };
        Error::malformed(place, crate::mismatch::words(&error.inner().to_string()))
    })
}

fn sequence_of(
    sequence: Tagged<SequenceAttributes>,
    names: Option<&Names>,
    room: &mut usize,
    place: &str,
) -> Result<SequenceAttribution> {
    let (class, sequence) = sequence.open(place)?;
    let source = tokens(sequence.source, &format!("{place}.source"))?;
    let target = tokens(sequence.target, &format!("{place}.target"))?;
    let array = |text: Option<Text>, field: &str| {
        text.map(|text| tensor::read(&text.0, &format!("{place}.{field}"))).transpose()
    };
    let source_attributions = array(sequence.source_attributions, "source_attributions")?;
    let target_attributions = array(sequence.target_attributions, "target_attributions")?;
    let scores = |texts: Option<BTreeMap<String, Text>>, field: &str| {
        let texts = texts.unwrap_or_default().into_iter();
        let read = |(name, text): (String, Text)| {
            let scores = tensor::read(&text.0, &format!("{place}.{field}.{name}"))?;
            Ok((name, scores))
        };
        texts.map(read).collect::<Result<BTreeMap<_, _>>>()
    };
    let step_scores = vectors(scores(sequence.step_scores, "step_scores")?, &format!("{place}.step_scores"))?;
    let stated = names.map(|names| &names.step_score_merging);
    let sequence_scores = scores(sequence.sequence_scores, "sequence_scores")?;
    let mut attribution = SequenceAttribution {
        kind: kind_of(&class, source_attributions.as_ref().or(target_attributions.as_ref()), names),
        step_score_merging: conventions::step_score_merging(step_scores.keys(), stated),
        step_scores: in_order(step_scores, names.map(|names| names.step_scores.as_slice())),
        sequence_scores: with_axes(sequence_scores, names),
        attr_pos_start: sequence.attr_pos_start,
        // As in the reference, no end and an end beyond the target are the target's.
        attr_pos_end: sequence.attr_pos_end.map_or(target.len(), |end| end.min(target.len())),
        source,
        target,
        source_attributions,
        target_attributions,
    };
    if may_add_rows(&attribution, room)
        .map_err(|reason| Error::malformed(format!("{place}.target_attributions"), reason))?
    {
        attribution.add_unseen_rows();
    }
    attribution.validate().map_err(|error| Error::malformed(place, error.to_string()))?;
    Ok(attribution)
}

fn step_of(step: Tagged<StepAttributes>, names: Option<&Names>, place: &str) -> Result<StepAttribution> {
    let (class, step) = step.open(place)?;
    let texts = |texts: Option<Vec<Vec<Tagged<Token>>>>, field: &str| {
        let texts = texts.unwrap_or_default().into_iter().enumerate();
        texts.map(|(index, text)| tokens(text, &format!("{place}.{field}[{index}]"))).collect::<Result<Vec<_>>>()
    };
    let array = |array: Option<super::array::SavedArray>, field: &str| {
        array.map(|array| array.read(&format!("{place}.{field}"))).transpose()
    };
    let scores = |arrays: Option<BTreeMap<String, super::array::SavedArray>>, field: &str| {
        let arrays = arrays.unwrap_or_default().into_iter();
        let read = |(name, array): (String, super::array::SavedArray)| {
            let scores = array.read(&format!("{place}.{field}.{name}"))?;
            Ok((name, scores))
        };
        arrays.map(read).collect::<Result<BTreeMap<_, _>>>()
    };
    let source_attributions = array(step.source_attributions, "source_attributions")?;
    let target_attributions = array(step.target_attributions, "target_attributions")?;
    let step_scores = vectors(scores(step.step_scores, "step_scores")?, &format!("{place}.step_scores"))?;
    let attribution = StepAttribution {
        source: texts(step.source, "source")?,
        target: texts(step.target, "target")?,
        prefix: texts(step.prefix, "prefix")?,
        kind: kind_of(&class, source_attributions.as_ref().or(target_attributions.as_ref()), names),
        step_scores: in_order(step_scores, names.map(|names| names.step_scores.as_slice())),
        sequence_scores: with_axes(scores(step.sequence_scores, "sequence_scores")?, names),
        source_attributions,
        target_attributions,
    };
    attribution.validate().map_err(|error| Error::malformed(place, error.to_string()))?;
    Ok(attribution)
}

fn tokens(tokens: Vec<Tagged<Token>>, place: &str) -> Result<Vec<Token>> {
    let tokens = tokens.into_iter().enumerate();
    tokens.map(|(index, token)| Ok(token.open(&format!("{place}[{index}]"))?.1)).collect()
}

/// Whether rows of target tokens have to be added. The reference omits them if no step can see them. Their number is
/// subtracted from `room`.
fn may_add_rows(attribution: &SequenceAttribution, room: &mut usize) -> std::result::Result<bool, String> {
    let (Some(scores), rows) = (&attribution.target_attributions, attribution.target.len()) else { return Ok(false) };
    let Some((&found, inner)) = scores.shape().split_first() else { return Ok(false) };
    if found >= rows || scores.is_empty() {
        return Ok(false);
    }
    let count = inner.iter().try_fold(rows, |product, &length| product.checked_mul(length));
    let Some(left) = count.and_then(|count| room.checked_sub(count)) else {
        return Err(format!("has {found} rows, far fewer than the {rows} target tokens"));
    };
    *room = left;
    Ok(true)
}

fn vectors(scores: BTreeMap<String, ArrayD<f32>>, place: &str) -> Result<BTreeMap<String, Array1<f32>>> {
    let vector = |(name, scores): (String, ArrayD<f32>)| {
        let shape = scores.shape().to_vec();
        let scores = scores.into_dimensionality::<Ix1>().map_err(|_| {
            Error::malformed(format!("{place}.{name}"), format!("has shape {shape:?}, but should have one axis"))
        })?;
        Ok((name, scores))
    };
    scores.into_iter().map(vector).collect()
}

/// Sequence scores in order, with their axes.
fn with_axes(scores: BTreeMap<String, ArrayD<f32>>, names: Option<&Names>) -> IndexMap<String, SequenceScore> {
    let stated = names.map(|names| &names.sequence_score_axes);
    let scores = in_order(scores, names.map(|names| names.sequence_scores.as_slice())).into_iter();
    scores.map(|(name, scores)| (name.clone(), conventions::sequence_score(&name, scores, stated))).collect()
}

/// The scores in the order of the names; scores without a name in the list come last.
fn in_order<T>(mut scores: BTreeMap<String, T>, names: Option<&[String]>) -> IndexMap<String, T> {
    let named = names.unwrap_or_default().iter();
    let mut ordered: IndexMap<_, _> = named.filter_map(|name| scores.remove_entry(name)).collect();
    ordered.extend(scores);
    ordered
}
