//! Cross-crate tests: parity with the reference, the command line end to end, the report in a browser.

#[cfg(doctest)]
mod book;
pub mod edited;
pub mod known_answers;
pub mod known_citations;
pub mod planted;
pub mod whole_calls;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;

/// A file or folder of `tests/fixtures`.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// The `f32` tensors of a golden file: shape and values by name.
///
/// # Panics
/// When the file is not there or holds something else.
pub fn golden_tensors(path: &Path) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(path).expect("the golden file is there");
    let tensors = SafeTensors::deserialize(&bytes).expect("the golden file is whole");
    tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            (name, (view.shape().to_vec(), values))
        })
        .collect()
}

/// Asserts that values agree within `tolerance` of the largest expected one; NaN agrees with NaN alone.
///
/// # Panics
/// When they do not, saying where.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}: number of values");
    let scale = expected.iter().filter(|v| !v.is_nan()).fold(0f32, |a, v| a.max(v.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.is_nan(), expected.is_nan(), "{what}: value {i} is {got}, expected {expected}");
        let difference = if got.is_nan() { 0.0 } else { (got - expected).abs() };
        assert!(
            difference <= tolerance * scale,
            "{what}: value {i} is {got}, expected {expected} at a scale of {scale}"
        );
    }
}
