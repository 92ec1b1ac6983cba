//! How faithful attribution methods are to a model, by several metrics.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mismatch;
use crate::{Error, Result, Warning, write_whole};

/// Attribution methods that were evaluated on texts.
///
/// Only tokens of the input are ranked, without special tokens. The output of the model is the log-probability of the whole generated text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name or path of the model.
    pub model: String,
    /// How tokens were removed from the input.
    pub removal: String,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Texts, in the order of the call.
    pub texts: Vec<EvaluatedText>,
    /// Methods, in the order of the call, with the anchors at the end.
    pub methods: Vec<EvaluatedMethod>,
    /// Metrics, each with a value per method and text.
    pub metrics: Vec<EvaluatedMetric>,
    /// Shares of removed tokens at the points of the [curves](EvaluatedMethod::curves).
    pub removed_shares: Vec<f64>,
    /// Number of forwards with removed tokens; methods and metrics share them.
    pub forwards: usize,
    /// Time of these forwards in seconds.
    pub seconds: f64,
    /// Warnings for the reader.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// A text of an [`Evaluation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedText {
    /// Input text.
    pub input: String,
    /// Generated text, whose log-probability is the output.
    pub generated: String,
    /// Number of ranked tokens.
    pub tokens: usize,
    /// Log-probability of the generated text after the whole input, in nats.
    pub log_probability: f64,
}

/// A method of an [`Evaluation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedMethod {
    /// Name of the method.
    pub name: String,
    /// Arguments of the method.
    pub arguments: Map<String, Value>,
    /// Number of forwards for all texts.
    pub forwards: usize,
    /// Number of pullbacks for all texts.
    pub pullbacks: usize,
    /// Time of the attributions of all texts in seconds.
    pub seconds: f64,
    /// Curves, if a metric that needs them was asked for.
    pub curves: Option<RemovalCurves>,
}

/// Mean log-probability per token of the output while more and more tokens are removed, over the texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemovalCurves {
    /// The most relevant tokens are removed first.
    pub most_relevant_first: Vec<f64>,
    /// The least relevant tokens are removed first.
    pub least_relevant_first: Vec<f64>,
}

/// A metric of an [`Evaluation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedMetric {
    /// Name of the metric.
    pub name: String,
    /// Whether a higher value is better; `None` if the metric only describes.
    pub higher_is_better: Option<bool>,
    /// Values, `[method][text]`; `None` where the metric has none.
    pub values: Vec<Vec<Option<f64>>>,
    /// Means over the texts, `[method]`.
    pub summaries: Vec<MetricSummary>,
}

/// The mean of a metric over texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Mean over the texts that have a value; `None` if there is none.
    pub mean: Option<f64>,
    /// Bounds of the 95 % bootstrap interval of the mean; `None` for fewer than two texts.
    pub interval: Option<(f64, f64)>,
    /// Number of texts with a value.
    pub texts: usize,
    /// Rank by the mean, from 1; methods with equal means share the rank. `None` for a metric that only describes.
    pub rank: Option<usize>,
    /// Probability of a difference from the best method as large as this one if the two were equally good: a paired sign-flip test,
    /// corrected for the number of methods by Holm's procedure. `None` for the best method, and where there are fewer than two texts.
    pub p_value: Option<f64>,
}

impl Evaluation {
    /// The methods that are not worse than the best one by a metric: the best, and those whose difference from it is not significant
    /// (`p_value` of 0.05 or more). Empty if the metric only describes.
    pub fn not_worse(&self, metric: &EvaluatedMetric) -> Vec<usize> {
        let is_as_good =
            |summary: &MetricSummary| summary.rank == Some(1) || summary.p_value.is_some_and(|p| p >= 0.05);
        (0..self.methods.len()).filter(|&method| metric.summaries.get(method).is_some_and(is_as_good)).collect()
    }

    /// Writes the evaluation as JSON.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, writer: impl Write) -> Result<()> {
        serde_json::to_writer_pretty(writer, self).map_err(|error| Error::Io(error.into()))
    }

    /// Saves the evaluation as a JSON file, which replaces an existing one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), true, |file| {
            self.write(&mut *file)?;
            Ok(file.write_all(b"\n")?)
        })
    }

    /// Reads an evaluation from JSON.
    ///
    /// # Errors
    /// The reader fails, or the JSON is of something else; the error names the place.
    pub fn read(mut reader: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let evaluation: Self = mismatch::parse(&bytes).map_err(|error| Error::malformed(error.path, error.message))?;
        evaluation.check().map(|()| evaluation)
    }

    /// Loads a file of [`save`](Self::save).
    ///
    /// # Errors
    /// As those of [`read`](Self::read).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = || Self::read(BufReader::new(File::open(path)?));
        read().map_err(|error| error.at(path))
    }

    /// Refuses tables that do not fit the methods and the texts.
    fn check(&self) -> Result<()> {
        let (methods, texts) = (self.methods.len(), self.texts.len());
        for metric in &self.metrics {
            let fits = metric.values.len() == methods && metric.summaries.len() == methods;
            if !fits || metric.values.iter().any(|values| values.len() != texts) {
                let problem = format!(
                    "the metric `{}` must have a value for each of {methods} methods and {texts} texts",
                    metric.name
                );
                return Err(Error::Invalid(problem));
            }
        }
        let points = self.removed_shares.len();
        let curves = self.methods.iter().filter_map(|method| Some((&method.name, method.curves.as_ref()?)));
        for (name, RemovalCurves { most_relevant_first, least_relevant_first }) in curves {
            if most_relevant_first.len() != points || least_relevant_first.len() != points {
                return Err(Error::Invalid(format!("the curves of `{name}` must have {points} points")));
            }
        }
        Ok(())
    }
}
