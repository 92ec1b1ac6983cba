//! Saved results: where they go, and how; and reading them back.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use inseq_core::{AttributionResult, Format, LoadOptions, SaveOptions, ScoresPrecision};
use inseq_datasets::Results;

use crate::failure::Failure;
use crate::input;
use crate::output::{self, Destination};
use crate::picture_format;
use crate::warnings::warn;

/// How a result is saved.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct SaveArguments {
    /// Format of a result on standard output: json or csv. [default: json]
    #[arg(long, value_name = "FORMAT")]
    pub save_format: Option<SaveFormat>,
    /// Precision of the saved scores in JSON and safetensors files.
    #[arg(long, value_enum, default_value_t, value_name = "PRECISION")]
    pub scores_precision: Precision,
    /// Save each sequence to a separate file: out.json becomes out_0.json, out_1.json and so on.
    #[arg(long)]
    pub split_sequences: bool,
}

impl SaveArguments {
    /// Checks that no flag says how a file is saved, where there is none; `why` ends the message.
    pub fn check_unused(&self, why: &str) -> Result<(), Failure> {
        let given = [
            ("--save-format", self.save_format.is_some()),
            ("--scores-precision", self.scores_precision != Precision::default()),
            ("--split-sequences", self.split_sequences),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Failure::Argument(format!("{flag} {why}"))),
            None => Ok(()),
        }
    }
}

/// A format by the end of a file's name.
#[derive(Clone, Copy, Debug)]
pub struct SaveFormat(Format);

impl FromStr for SaveFormat {
    type Err = String;

    fn from_str(end: &str) -> Result<Self, String> {
        let format = Format::named(format!("result.{end}")).map(Self);
        format.ok_or_else(|| "choose json, json.gz, safetensors, csv, parquet or arrow".into())
    }
}

/// A precision of saved scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 24 significant bits, as computed.
    #[default]
    Float32,
    /// 11 significant bits.
    Float16,
    /// 4 significant bits.
    Float8,
}

/// A place for a result, checked before there is one.
#[derive(Debug)]
pub struct ResultFile<'a> {
    destination: &'a Destination,
    format: Format,
    options: SaveOptions,
}

impl<'a> ResultFile<'a> {
    /// The place that a command line names.
    ///
    /// # Errors
    /// Where a file has no folder or a name of no format, and where standard output cannot take what is asked for.
    pub fn of(destination: &'a Destination, arguments: &SaveArguments) -> Result<Self, Failure> {
        destination.check_writable()?;
        const FLAG: &str = "--save-format";
        let chosen = arguments.save_format.map(|format| format.0);
        let format = destination.format(named, (FLAG, chosen), Format::Json { gzipped: false })?;
        if *destination == Destination::Standard {
            if arguments.split_sequences {
                return Err(Failure::Argument(
                    "--split-sequences makes several files, but standard output is one; name a file".into(),
                ));
            }
            let binary = match format {
                Format::Json { gzipped: false } | Format::Csv => None,
                Format::Json { gzipped: true } => Some("gzipped JSON"),
                Format::Safetensors => Some("safetensors"),
                Format::Parquet => Some("Parquet"),
                Format::Arrow => Some("Arrow"),
                _ => Some("binary"),
            };
            if let Some(name) = binary {
                return Err(output::binary(FLAG, name, "json or csv"));
            }
        }
        let has_sequences = matches!(format, Format::Json { .. } | Format::Safetensors);
        if !has_sequences && arguments.scores_precision != Precision::default() {
            return Err(Failure::Argument(
                "--scores-precision is for .json, .json.gz and .safetensors; tables have 32-bit scores".into(),
            ));
        }
        let scores_precision = match arguments.scores_precision {
            Precision::Float32 => ScoresPrecision::Float32,
            Precision::Float16 => ScoresPrecision::Float16,
            Precision::Float8 => ScoresPrecision::Float8,
        };
        // Over what is there, as the reference's command saves.
        let options = SaveOptions::default()
            .overwrite(true)
            .scores_precision(scores_precision)
            .split_sequences(arguments.split_sequences);
        Ok(Self { destination, format, options })
    }

    /// As [`Self::of`], where a command line need not name a place.
    ///
    /// # Errors
    /// Where it names none, but says how to save.
    pub fn of_optional(
        destination: Option<&'a Destination>,
        arguments: &SaveArguments,
    ) -> Result<Option<Self>, Failure> {
        if let Some(destination) = destination {
            return Self::of(destination, arguments).map(Some);
        }
        arguments.check_unused("says how the result is saved; name a place with --save-path").map(|()| None)
    }

    /// Whether the file keeps the raw output of each step.
    pub fn keeps_steps(&self) -> bool {
        matches!(self.format, Format::Json { .. } | Format::Safetensors) && !self.options.split_sequences
    }

    /// Saves a result.
    pub fn save(&self, result: &AttributionResult) -> Result<(), Failure> {
        match self.destination {
            Destination::Standard => {
                let mut bytes = Vec::new();
                result.write_as(self.format, &mut bytes, &self.options)?;
                if bytes.last() != Some(&b'\n') {
                    bytes.push(b'\n');
                }
                output::print(&bytes)
            }
            Destination::File(path) => Ok(result.save_with(path, &self.options).map(drop)?),
        }
    }
}

/// The format that the end of a name stands for. Without an end it is JSON, as the reference's files are whatever their name.
fn named(path: &Path) -> Result<Format, Failure> {
    if path.extension().is_none() {
        return Ok(Format::Json { gzipped: false });
    }
    Format::named(path).ok_or_else(|| {
        let way_out = match picture_format::Format::named(path) {
            Some(_) => "; draw pictures with --viz-path, of saved results with `inseq show`",
            None => "",
        };
        Failure::Argument(format!(
            "{}: results are saved as .json, .json.gz, .safetensors, .csv, .parquet or .arrow{way_out}",
            path.display()
        ))
    })
}

/// Whether results of a dataset that go to this path go to a folder: its name ends in a separator or has no ending of a file, or it
/// is an address of an object store.
pub fn is_folder(path: &Path) -> bool {
    let ends_in_separator =
        path.as_os_str().as_encoded_bytes().last().is_some_and(|&byte| byte == b'/' || byte == b'\\');
    let is_file = Format::named(path).is_some() || picture_format::Format::named(path).is_some();
    ends_in_separator || path.is_dir() || Results::is_at(path) || !is_file
}

/// Warns of step scores and sequence scores that only one of two results has, so that their difference does not have them.
pub fn warn_of_differences(one: &AttributionResult, other: &AttributionResult) {
    let pairs = one.sequences.iter().zip(&other.sequences);
    let names: BTreeSet<&str> = pairs.flat_map(|(one, other)| one.scores_of_one(other)).collect();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        warn(&format!(
            "only one of the two results has the scores {}; the difference leaves them out",
            names.join(", ")
        ));
    }
}

/// Reads a saved result: a file, or a folder of results with a warning if rows are missing. `-` is standard input, as JSON.
pub fn load(path: &Path) -> Result<AttributionResult, Failure> {
    if path.is_dir() || Results::is_at(path) {
        let results = Results::open(path)?;
        results.gaps()?.iter().for_each(|gap| warn(gap));
        return Ok(results.load()?);
    }
    Ok(if input::is_standard(path) {
        AttributionResult::read(io::stdin().lock(), &LoadOptions::default())?
    } else {
        AttributionResult::load(path)?
    })
}
