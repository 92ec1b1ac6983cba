//! Reads the requested parts of a result from a safetensors file.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use inseq_mapped::{Access, Mmap};
use ndarray::{Array1, ArrayD, Ix1, IxDyn};
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo};

use super::header::{Header, SequenceHeader, StepHeader, tokens};
use super::{HEADER, VERSION};
use crate::saved::conventions::{self, StatedAxes};
use crate::saved::precision::decode;
use crate::{AttributionResult, Error, Info, Result, SequenceAttribution, SequenceScore, StepAttribution, Token};

/// A result in a safetensors file. Opening reads the header. Only requested scores are read from the file.
///
/// As with every memory map, no other program may truncate or rewrite the file while it is open.
///
/// # Example
/// ```
/// use inseq_core::{AttributionResult, MappedResult, SequenceAttribution, Token};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("out.safetensors");
/// let sequence = SequenceAttribution {
///     source: vec![Token::new("▁oui", 4)],
///     target: vec![Token::new("▁yes", 5), Token::new("</s>", 0)],
///     source_attributions: Some(array![[0.5, 0.25]].into_dyn()),
///     attr_pos_end: 2,
///     ..SequenceAttribution::default()
/// };
/// AttributionResult { sequences: vec![sequence], ..AttributionResult::default() }.save(&path)?;
///
/// let result = MappedResult::open(&path)?;
/// let last = result.sequence_steps(0, 1..2)?;
/// assert_eq!(last.source_attributions, Some(array![[0.25]].into_dyn()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedResult {
    path: PathBuf,
    map: Mmap,
    contents: Contents,
}

impl MappedResult {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, or its header is not that of a saved result; then [`Error::Malformed`] names the place.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            let map = inseq_mapped::map(&File::open(path)?)?;
            let contents = Contents::of(&map)?;
            Ok(Self { path: path.to_owned(), map, contents })
        };
        open().map_err(|error: Error| error.at(path))
    }

    /// Facts about the call that made the result.
    pub fn info(&self) -> &Info {
        &self.contents.header.info
    }

    /// Number of texts.
    pub fn sequence_count(&self) -> usize {
        self.contents.header.sequences.len()
    }

    /// The source tokens, target tokens and attributed positions of a text.
    ///
    /// # Errors
    /// There is no such text.
    pub fn tokens(&self, index: usize) -> Result<(Vec<Token>, Vec<Token>, Range<usize>)> {
        let sequence = self.contents.sequence_header(index)?;
        let [source, target] = sequence.tokens();
        Ok((source, target, sequence.attr_pos_start..sequence.attr_pos_end))
    }

    /// The names of a text's step scores.
    ///
    /// # Errors
    /// There is no such text.
    pub fn step_scores(&self, index: usize) -> Result<Vec<String>> {
        Ok(self.contents.sequence_header(index)?.step_scores.iter().map(ToString::to_string).collect())
    }

    /// The name, the shape and the float type of a text's attributions, for each side that has attributions.
    ///
    /// # Errors
    /// There is no such text.
    pub fn shapes(&self, index: usize) -> Result<Vec<(&'static str, &[usize], String)>> {
        self.contents.sequence_header(index)?;
        let sides = ["source_attributions", "target_attributions"].into_iter();
        Ok(sides
            .filter_map(|side| {
                let tensor = self.contents.metadata.info(&format!("sequences.{index}.{side}"))?;
                Some((side, tensor.shape.as_slice(), tensor.dtype.to_string()))
            })
            .collect())
    }

    /// The attribution of a text.
    ///
    /// # Errors
    /// There is no such text, or its arrays do not fit its tokens.
    pub fn sequence(&self, index: usize) -> Result<SequenceAttribution> {
        inseq_mapped::expect(&self.map, Access::InOrder);
        self.contents.sequence(&self.map, index, None).map_err(|error| error.at(&self.path))
    }

    /// Some steps of a text's attribution, as from [`SequenceAttribution::slice_steps`] of the whole attribution. Scores of other
    /// steps are not read.
    ///
    /// # Errors
    /// There is no such text, the steps are out of range, or the arrays do not fit the tokens.
    pub fn sequence_steps(&self, index: usize, steps: Range<usize>) -> Result<SequenceAttribution> {
        inseq_mapped::expect(&self.map, Access::Scattered);
        self.contents.sequence(&self.map, index, Some(steps)).map_err(|error| error.at(&self.path))
    }

    /// The whole result.
    ///
    /// # Errors
    /// The arrays of a text or a step do not fit its tokens.
    pub fn read(&self) -> Result<AttributionResult> {
        inseq_mapped::expect(&self.map, Access::InOrder);
        self.contents.read(&self.map).map_err(|error| error.at(&self.path))
    }
}

impl AttributionResult {
    /// Reads a result from the bytes of a safetensors file. For files see [`load`](Self::load) and [`MappedResult`].
    ///
    /// # Errors
    /// The bytes are not a saved result; [`Error::Malformed`] names the place.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        Contents::of(bytes)?.read(bytes)
    }
}

/// The header of a file: the result without scores, and the places of the scores.
#[derive(Debug)]
struct Contents {
    header: Header<'static>,
    metadata: Metadata,
    /// Start of the tensor data in the file, in bytes.
    data: usize,
}

impl Contents {
    fn of(bytes: &[u8]) -> Result<Self> {
        let (length, metadata) = SafeTensors::read_metadata(bytes)
            .map_err(|error| Error::malformed("header", format!("is not safetensors: {error}")))?;
        let Some(text) = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER)) else {
            return Err(Error::malformed(
                "header",
                format!("has no metadata {HEADER:?}: this is a safetensors file, but not a saved result"),
            ));
        };
        let header: Header<'static> = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
            .map_err(|error| {
            Error::malformed(format!("header.{}", error.path()), crate::mismatch::words(&error.inner().to_string()))
        })?;
        if header.version > VERSION {
            return Err(Error::malformed(
                "header.version",
                format!("is {}, but {VERSION} is the newest known here: load it with a newer inseq", header.version),
            ));
        }
        // The length that stands first takes eight bytes itself.
        Ok(Self { header, metadata, data: 8 + length })
    }

    fn read(&self, bytes: &[u8]) -> Result<AttributionResult> {
        let sequences = (0..self.header.sequences.len()).map(|index| self.sequence(bytes, index, None));
        let sequences = sequences.collect::<Result<_>>()?;
        let steps = self.header.steps.as_ref().map(|steps| {
            steps.iter().enumerate().map(|(index, step)| self.step(bytes, index, step)).collect::<Result<_>>()
        });
        Ok(AttributionResult { sequences, steps: steps.transpose()?, info: self.header.info.clone().into_owned() })
    }

    fn sequence_header(&self, index: usize) -> Result<&SequenceHeader<'static>> {
        let count = self.header.sequences.len();
        self.header.sequences.get(index).ok_or_else(|| {
            Error::argument("index", format!("there is no sequence {index} among {count}, counted from 0"))
        })
    }

    fn sequence(&self, bytes: &[u8], index: usize, steps: Option<Range<usize>>) -> Result<SequenceAttribution> {
        let header = self.sequence_header(index)?;
        let place = format!("sequences.{index}");
        let (start, end) = (header.attr_pos_start, header.attr_pos_end);
        let attributed = end.saturating_sub(start);
        let steps = steps.unwrap_or(0..attributed);
        if steps.start > steps.end || steps.end > attributed {
            return Err(Error::argument(
                "steps",
                format!("steps {steps:?} do not lie in the {attributed} attributed ones"),
            ));
        }
        let attributions =
            |side: &str| self.columns(bytes, &format!("{place}.{side}_attributions"), attributed, &steps);
        let step_scores = header.step_scores.iter().map(|name| {
            let scores = self.vector(bytes, &format!("{place}.step_scores.{name}"))?;
            let all = scores.len();
            let some = scores.as_slice().and_then(|scores| scores.get(steps.clone())).filter(|_| all == attributed);
            let some = some.ok_or_else(|| {
                let message = format!("has {all} values, but should have [step {attributed}]");
                Error::malformed(format!("{place}.step_scores.{name}"), message)
            })?;
            Ok((name.clone().into_owned(), Array1::from(some.to_vec())))
        });
        let step_names: Vec<String> = header.step_scores.iter().map(ToString::to_string).collect();
        let [source, target] = header.tokens();
        let attribution = SequenceAttribution {
            source,
            target,
            source_attributions: attributions("source")?,
            target_attributions: attributions("target")?,
            step_scores: step_scores.collect::<Result<_>>()?,
            step_score_merging: conventions::step_score_merging(step_names.iter(), Some(&header.step_score_merging)),
            sequence_scores: self.sequence_scores(
                bytes,
                &place,
                &header.sequence_scores,
                &header.sequence_score_axes,
            )?,
            attr_pos_start: start.saturating_add(steps.start),
            attr_pos_end: if steps == (0..attributed) { end } else { start.saturating_add(steps.end) },
            kind: (&header.kind).into(),
        };
        attribution.validate().map_err(|error| Error::malformed(place, error.to_string()))?;
        Ok(attribution)
    }

    fn step(&self, bytes: &[u8], index: usize, header: &StepHeader) -> Result<StepAttribution> {
        let place = format!("steps.{index}");
        let attributions = |side: &str| {
            let name = format!("{place}.{side}_attributions");
            self.metadata.info(&name).map(|_| self.array(bytes, &name)).transpose()
        };
        let texts = |texts: &[Vec<_>]| texts.iter().map(|text| tokens(text)).collect();
        let step_scores = header
            .step_scores
            .iter()
            .map(|name| Ok((name.clone().into_owned(), self.vector(bytes, &format!("{place}.step_scores.{name}"))?)));
        let attribution = StepAttribution {
            source: texts(&header.source),
            target: texts(&header.target),
            prefix: texts(&header.prefix),
            source_attributions: attributions("source")?,
            target_attributions: attributions("target")?,
            step_scores: step_scores.collect::<Result<_>>()?,
            sequence_scores: self.sequence_scores(
                bytes,
                &place,
                &header.sequence_scores,
                &header.sequence_score_axes,
            )?,
            kind: (&header.kind).into(),
        };
        attribution.validate().map_err(|error| Error::malformed(place, error.to_string()))?;
        Ok(attribution)
    }

    fn tensor<'a>(&'a self, bytes: &'a [u8], name: &str) -> Result<(&'a TensorInfo, &'a [u8])> {
        let missing = || Error::malformed(name, "is named in the header, but there is no such tensor");
        let tensor = self.metadata.info(name).ok_or_else(missing)?;
        let (start, end) = tensor.data_offsets;
        // Offsets were checked against the file when its header was read.
        let data = bytes.get(self.data..).and_then(|data| data.get(start..end)).ok_or_else(missing)?;
        Ok((tensor, data))
    }

    fn sequence_scores(
        &self,
        bytes: &[u8],
        place: &str,
        names: &[Cow<str>],
        axes: &StatedAxes,
    ) -> Result<IndexMap<String, SequenceScore>> {
        let score = |name: &Cow<str>| {
            let scores = self.array(bytes, &format!("{place}.sequence_scores.{name}"))?;
            Ok((name.clone().into_owned(), conventions::sequence_score(name, scores, Some(axes))))
        };
        names.iter().map(score).collect()
    }

    fn vector(&self, bytes: &[u8], name: &str) -> Result<Array1<f32>> {
        let array = self.array(bytes, name)?;
        let shape = array.shape().to_vec();
        array
            .into_dimensionality::<Ix1>()
            .map_err(|_| Error::malformed(name, format!("has shape {shape:?}, but should have one axis")))
    }

    fn array(&self, bytes: &[u8], name: &str) -> Result<ArrayD<f32>> {
        let (tensor, data) = self.tensor(bytes, name)?;
        array_of(name, tensor, &tensor.shape, data)
    }

    /// Some steps of attributions `[attributed, step, ...]`; `None` if a side has no attributions.
    fn columns(&self, bytes: &[u8], name: &str, all: usize, steps: &Range<usize>) -> Result<Option<ArrayD<f32>>> {
        if self.metadata.info(name).is_none() {
            return Ok(None);
        }
        if *steps == (0..all) {
            return self.array(bytes, name).map(Some);
        }
        let (tensor, data) = self.tensor(bytes, name)?;
        let &[rows, columns, ref inner @ ..] = tensor.shape.as_slice() else {
            return Err(Error::malformed(name, format!("has shape {:?}, which lacks an axis of steps", tensor.shape)));
        };
        let shape = [&[rows, steps.len()], inner].concat();
        if columns != all {
            return Err(Error::malformed(name, format!("has shape {:?}, but should have {all} steps", tensor.shape)));
        }
        // Rows and columns of nothing are as long as any; a header that lies about its types may make them shorter than a byte.
        let row = data.len().checked_div(rows).unwrap_or(0);
        let column = row.checked_div(columns).unwrap_or(0);
        let rows = data.chunks_exact(row.max(1));
        let picked: Vec<&[u8]> = rows.filter_map(|row| row.get(steps.start * column..steps.end * column)).collect();
        array_of(name, tensor, &shape, &picked.concat()).map(Some)
    }
}

/// Reads an array with the given shape from the bytes of a tensor.
fn array_of(name: &str, tensor: &TensorInfo, shape: &[usize], data: &[u8]) -> Result<ArrayD<f32>> {
    let values = decode(tensor.dtype, data).ok_or_else(|| {
        Error::malformed(name, format!("holds numbers of type {:?}, but scores are floats", tensor.dtype))
    })?;
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .map_err(|_| Error::malformed(name, format!("says shape {shape:?}, but holds {} bytes", data.len())))
}
