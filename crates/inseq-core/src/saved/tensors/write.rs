//! Writing a result as safetensors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufWriter, Write};

use indexmap::IndexMap;
use ndarray::{Array1, ArrayViewD, Axis};
use safetensors::tensor::{Metadata, TensorInfo};

use super::header::Header;
use super::{HEADER, VERSION};
use crate::saved::precision::ScoresPrecision;
use crate::{AttributionResult, Error, Result, SequenceScore};

/// Longest header that readers of the format accept, in bytes.
const LONGEST_HEADER: usize = 100_000_000;

/// Writes a result; only the scores of one input token are converted in memory at a time.
pub(in crate::saved) fn write(
    result: &AttributionResult,
    writer: impl Write,
    precision: ScoresPrecision,
) -> Result<()> {
    result.validate()?;
    let tensors = tensors(result);
    let mut header = header(result, &tensors, precision)?;
    // Tensors are aligned for whoever maps the file.
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() > LONGEST_HEADER {
        return Err(Error::limit("sequences", 
            "the texts and facts of the result take more than the 100 MB that the header of a safetensors file may have; save \
             fewer sequences to a file"
                .into(),
        ));
    }
    let mut writer = BufWriter::new(writer);
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for (_, scores) in tensors {
        match scores.ndim() {
            0 => writer.write_all(&precision.encode(scores.iter()))?,
            _ => scores.axis_iter(Axis(0)).try_for_each(|row| writer.write_all(&precision.encode(row.iter())))?,
        }
    }
    Ok(writer.flush()?)
}

/// The header in JSON: the result without scores, and the places of the scores.
fn header(
    result: &AttributionResult,
    tensors: &[(String, ArrayViewD<'_, f32>)],
    precision: ScoresPrecision,
) -> Result<Vec<u8>> {
    let header = Header {
        version: VERSION,
        info: Cow::Borrowed(&result.info),
        sequences: result.sequences.iter().map(Into::into).collect(),
        steps: result.steps.as_ref().map(|steps| steps.iter().map(Into::into).collect()),
    };
    let written = |error: serde_json::Error| Error::Io(error.into());
    let facts = HashMap::from([(HEADER.to_owned(), serde_json::to_string(&header).map_err(written)?)]);
    let mut end = 0;
    let places = tensors.iter().map(|(name, scores)| {
        let start = end;
        end += scores.len() * precision.dtype().bitsize() / 8;
        let info = TensorInfo { dtype: precision.dtype(), shape: scores.shape().to_vec(), data_offsets: (start, end) };
        (name.clone(), info)
    });
    let metadata = Metadata::new(Some(facts), places.collect())
        .map_err(|error| Error::Invalid(format!("scores cannot be saved: {error}")))?;
    serde_json::to_vec(&metadata).map_err(written)
}

/// Every array, by its name in the file.
fn tensors(result: &AttributionResult) -> Vec<(String, ArrayViewD<'_, f32>)> {
    let mut tensors = Vec::new();
    let mut add = |name: String, view| tensors.push((name, view));
    fn each<'a>(
        add: &mut impl FnMut(String, ArrayViewD<'a, f32>),
        place: &str,
        step_scores: &'a IndexMap<String, Array1<f32>>,
        sequence_scores: &'a IndexMap<String, SequenceScore>,
    ) {
        for (name, scores) in step_scores {
            add(format!("{place}.step_scores.{name}"), scores.view().into_dyn());
        }
        for (name, score) in sequence_scores {
            add(format!("{place}.sequence_scores.{name}"), score.scores.view());
        }
    }
    for (index, sequence) in result.sequences.iter().enumerate() {
        let place = format!("sequences.{index}");
        for (side, scores) in [("source", &sequence.source_attributions), ("target", &sequence.target_attributions)] {
            if let Some(scores) = scores {
                add(format!("{place}.{side}_attributions"), scores.view());
            }
        }
        each(&mut add, &place, &sequence.step_scores, &sequence.sequence_scores);
    }
    for (index, step) in result.steps.iter().flatten().enumerate() {
        let place = format!("steps.{index}");
        for (side, scores) in [("source", &step.source_attributions), ("target", &step.target_attributions)] {
            if let Some(scores) = scores {
                add(format!("{place}.{side}_attributions"), scores.view());
            }
        }
        each(&mut add, &place, &step.step_scores, &step.sequence_scores);
    }
    tensors
}
