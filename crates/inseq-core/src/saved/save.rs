//! Writing saved results.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::precision::ScoresPrecision;
#[cfg(any(feature = "csv", feature = "parquet", feature = "arrow"))]
use super::table;
use super::{Format, tensors, write_whole};
use crate::{AttributionResult, Error, Result};

/// Options for saving a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Whether an existing file is replaced.
    pub overwrite: bool,
    /// Whether JSON is gzipped. It is always gzipped if the name ends with `.gz`.
    pub compress: bool,
    /// Whether arrays of steps are base64 text instead of lists of numbers.
    pub ndarray_compact: bool,
    /// Whether classes are omitted. Such a file is for other programs; neither the reference nor this crate loads it.
    pub use_primitives: bool,
    /// Whether each sequence is saved in a separate file: `out.json` becomes `out_0.json`, `out_1.json`, ... Steps are then
    /// omitted.
    pub split_sequences: bool,
    /// Precision of the scores of sequences.
    pub scores_precision: ScoresPrecision,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self {
            overwrite: false,
            compress: false,
            ndarray_compact: true,
            use_primitives: false,
            split_sequences: false,
            scores_precision: ScoresPrecision::default(),
        }
    }
}

crate::setters! {
    SaveOptions {
        overwrite: bool,
        compress: bool,
        ndarray_compact: bool,
        use_primitives: bool,
        split_sequences: bool,
        scores_precision: ScoresPrecision,
    }
}

impl AttributionResult {
    /// Saves the result to a new file, in the [`Format`] of its extension. The reference's
    /// `FeatureAttributionOutput.load` reads the JSON.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    ///
    /// # Example
    /// ```
    /// use inseq_core::{AttributionResult, SequenceAttribution, Token};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("out.json");
    /// let sequence = SequenceAttribution { source: vec![Token::new("▁hello", 3)], ..SequenceAttribution::default() };
    /// let result = AttributionResult { sequences: vec![sequence], ..AttributionResult::default() };
    ///
    /// result.save(&path)?;
    /// assert_eq!(AttributionResult::load(&path)?, result);
    /// assert!(result.save(&path).is_err(), "a file is not overwritten unless asked for");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path, &SaveOptions::default()).map(drop)
    }

    /// Saves the result and returns the written files. Each file is either complete or not written.
    ///
    /// # Errors
    /// A file exists and `overwrite` is not set, a file cannot be written, or this build does not write its format.
    pub fn save_with(&self, path: impl AsRef<Path>, options: &SaveOptions) -> Result<Vec<PathBuf>> {
        let path = path.as_ref();
        if !options.split_sequences {
            self.save_to(path, options)?;
            return Ok(vec![path.to_owned()]);
        }
        let paths: Vec<PathBuf> = (0..self.sequences.len()).map(|index| split_path(path, index, options)).collect();
        if let Some(taken) = paths.iter().find(|path| !options.overwrite && path.exists()) {
            return Err(Error::Exists(taken.clone()));
        }
        for (index, path) in paths.iter().enumerate() {
            self.only(index).save_to(path, options)?;
        }
        Ok(paths)
    }

    /// Writes a file in the format of its extension.
    fn save_to(&self, path: &Path, options: &SaveOptions) -> Result<()> {
        write_whole(path, options.overwrite, |file| self.write_as(Format::of(path), file, options))
    }

    /// Writes the result in a format. `overwrite` and `split_sequences` have no effect.
    ///
    /// # Errors
    /// Writing fails, the arrays do not fit the tokens, or this build does not write the format.
    ///
    /// ```
    /// use inseq_core::{AttributionResult, Format, SaveOptions};
    ///
    /// let mut json = Vec::new();
    /// AttributionResult::default().write_as(Format::Json { gzipped: false }, &mut json, &SaveOptions::default())?;
    /// assert_eq!(json[0], b'{');
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn write_as(&self, format: Format, writer: impl io::Write + Send, options: &SaveOptions) -> Result<()> {
        match format {
            Format::Json { gzipped } => {
                let compress = options.compress || gzipped;
                self.write(writer, &SaveOptions { compress, ..*options })
            }
            Format::Safetensors => tensors::write(self, writer, options.scores_precision),
            #[cfg(feature = "csv")]
            Format::Csv => table::write(self, |columns, _| table::csv::write(writer, columns)),
            #[cfg(feature = "parquet")]
            Format::Parquet => table::write(self, |columns, info| table::parquet::write(writer, columns, info)),
            #[cfg(feature = "arrow")]
            Format::Arrow => table::write(self, |columns, info| table::arrow::write(writer, columns, info)),
            #[cfg(not(all(feature = "csv", feature = "parquet", feature = "arrow")))]
            Format::Csv | Format::Parquet | Format::Arrow => Err(Error::Unsupported(format!(
                "this build writes no {format:?} files; build inseq-core with its feature of that name"
            ))),
        }
    }

    /// The result of one sequence, without steps.
    fn only(&self, index: usize) -> Self {
        let mut info = self.info.clone();
        info.keep_texts(&[index]);
        Self { sequences: self.sequences.get(index).cloned().into_iter().collect(), steps: None, info }
    }
}

/// The path of one of several sequences; for JSON, the reference's name.
fn split_path(path: &Path, index: usize, options: &SaveOptions) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (stem, end) = match Format::of(path) {
        Format::Json { gzipped } => {
            let end = if options.compress || gzipped { "json.gz" } else { "json" };
            (name.split(".json").next().unwrap_or_default(), end)
        }
        _ => name.rsplit_once('.').unwrap_or((&name, "")),
    };
    path.with_file_name(format!("{stem}_{index}.{end}"))
}
