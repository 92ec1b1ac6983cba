//! What the scores of a whole dataset have in common.

mod quantiles;
mod sums;
mod words;

use std::collections::{BTreeMap, HashMap};

use inseq_core::SequenceAttribution;
use serde::Serialize;

pub use words::WordClass;

use self::quantiles::Quantiles;
use self::sums::Sums;
use crate::{Result, Results};

/// Options of a [`Report`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Number of tokens per side, those with the largest mean scores. Default 20.
    pub tokens: usize,
    /// Scores that a token needs to be listed. Default 5.
    pub least: u64,
    /// Number of groups of steps by step score. Default 4.
    pub quantiles: usize,
    /// Lists of words.
    pub classes: Vec<WordClass>,
}

inseq_core::setters! {
    ReportOptions { tokens: usize, least: u64, quantiles: usize, classes: Vec<WordClass> }
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { tokens: 20, least: 5, quantiles: 4, classes: Vec::new() }
    }
}

/// Side of an input token; there is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Source text.
    Source,
    /// Target text before the step.
    Target,
}

/// Mean scores of a dataset. Scores are per token, after the default aggregation. Scores that are not finite are not counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The dataset in words ([`Manifest::dataset`](crate::Manifest::dataset)).
    pub dataset: String,
    /// Rows with an attribution.
    pub rows: u64,
    /// Rows with an error.
    pub errors: u64,
    /// Numbers of the first rows with an error, at most [`FAILED`](Self::FAILED).
    pub failed: Vec<u64>,
    /// Rows that are not attributed yet, some of which a filter may leave out.
    pub rows_left: u64,
    /// Rows that a filter left out.
    pub left_out: u64,
    /// Attributed tokens.
    pub steps: u64,
    /// Scores that are counted.
    pub scores: u64,
    /// Scores that are not finite.
    pub not_finite: u64,
    /// Mean score by side and position of the input token.
    pub positions: Vec<PositionMeans>,
    /// Input tokens with the largest mean scores, per side.
    pub tokens: Vec<TokenMeans>,
    /// Mean score of words, by list and side; the score of a word is the sum of its tokens' scores.
    pub words: Vec<WordMeans>,
    /// Scores of groups of steps, by step score.
    pub quantiles: Vec<QuantileMeans>,
}

/// Mean score at a position.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PositionMeans {
    /// Side of the input token.
    pub side: Side,
    /// Position of the input token, from 0.
    pub position: usize,
    /// Number of scores.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
}

/// Mean score of a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenMeans {
    /// Side of the input token.
    pub side: Side,
    /// The token, in the spelling of its tokenizer.
    pub token: String,
    /// Number of scores.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
}

/// Mean score of the words of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WordMeans {
    /// Name of the list; `None` for words that are on no list.
    pub class: Option<String>,
    /// Side of the words.
    pub side: Side,
    /// Number of scores.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
}

/// Scores of the steps whose step scores lie in a range.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QuantileMeans {
    /// Name of the step score.
    pub step_score: String,
    /// Number of the group, from 0: the lowest step scores.
    pub quantile: usize,
    /// Number of steps.
    pub steps: u64,
    /// Lowest step score of the group.
    pub from: f32,
    /// Highest step score of the group.
    pub to: f32,
    /// Mean of the scores of these steps.
    pub mean: f64,
    /// Mean of each step's largest score.
    pub largest: f64,
}

impl Report {
    /// Largest number of rows with an error that a report names.
    pub const FAILED: usize = 20;

    /// Reads every row that is done, once. Memory depends on the vocabulary and the longest text, not on the number of rows.
    ///
    /// # Errors
    /// The files of a part are damaged.
    pub fn of(results: &Results, options: &ReportOptions) -> Result<Self> {
        let mut collected = Collected::default();
        let status = results.status()?;
        results.each(|row| {
            match &row.outcome {
                Ok(sequence) => collected.add(sequence, &options.classes),
                Err(_) => collected.fail(row.row.number),
            }
            Ok(())
        })?;
        Ok(Self {
            dataset: results.manifest().dataset(),
            rows_left: status.rows - status.rows_done - status.left_out,
            left_out: status.left_out,
            ..collected.report(options)
        })
    }
}

#[derive(Default)]
struct Collected {
    rows: u64,
    errors: u64,
    failed: Vec<u64>,
    steps: u64,
    not_finite: u64,
    positions: BTreeMap<Side, Vec<Sums>>,
    tokens: HashMap<(Side, String), Sums>,
    words: BTreeMap<(usize, Side), Sums>,
    quantiles: Vec<(String, Quantiles)>,
}

impl Collected {
    fn fail(&mut self, row: u64) {
        self.errors += 1;
        if self.failed.len() < Report::FAILED {
            self.failed.push(row);
        }
    }

    fn add(&mut self, sequence: &SequenceAttribution, classes: &[WordClass]) {
        self.rows += 1;
        self.steps += sequence.steps() as u64;
        let sides = [
            (Side::Source, &sequence.source, &sequence.source_attributions),
            (Side::Target, &sequence.target, &sequence.target_attributions),
        ];
        let mut steps = vec![(Sums::default(), f64::NEG_INFINITY); sequence.steps()];
        for (side, tokens, scores) in sides {
            let Some(scores) = scores else { continue };
            let words = words::by_token(tokens, classes);
            let positions = self.positions.entry(side).or_default();
            positions.resize(positions.len().max(tokens.len()), Sums::default());
            for (step, (sums, largest)) in steps.iter_mut().enumerate() {
                let seen = match side {
                    Side::Source => tokens.len(),
                    Side::Target => (sequence.attr_pos_start + step).min(tokens.len()),
                };
                let score = |position: usize| scores.get([position, step].as_slice()).copied().map(f64::from);
                for (position, token) in tokens.iter().enumerate().take(seen) {
                    let Some(score) = score(position).filter(|score| score.is_finite()) else {
                        self.not_finite += 1;
                        continue;
                    };
                    positions[position].add(score);
                    match self.tokens.get_mut(&(side, token.text.clone())) {
                        Some(sums) => sums.add(score),
                        None => drop(self.tokens.insert((side, token.text.clone()), Sums::of(score))),
                    }
                    sums.add(score);
                    *largest = largest.max(score);
                }
                for (span, class) in words.iter().filter(|(span, _)| span.end <= seen) {
                    let sum: f64 = span.clone().filter_map(score).sum();
                    if sum.is_finite() {
                        self.words.entry((*class, side)).or_default().add(sum);
                    }
                }
            }
        }
        for (name, values) in &sequence.step_scores {
            let index = self.quantiles.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                self.quantiles.push((name.clone(), Quantiles::default()));
                self.quantiles.len() - 1
            });
            for (&value, (sums, largest)) in values.iter().zip(&steps) {
                self.quantiles[index].1.add(value, *sums, *largest);
            }
        }
    }

    fn report(self, options: &ReportOptions) -> Report {
        let positions = self.positions.iter().flat_map(|(&side, sums)| {
            sums.iter().enumerate().filter(|(_, sums)| sums.count > 0).map(move |(position, sums)| PositionMeans {
                side,
                position,
                count: sums.count,
                mean: sums.mean(),
            })
        });
        let positions: Vec<PositionMeans> = positions.collect();
        let mut tokens: Vec<TokenMeans> = self
            .tokens
            .into_iter()
            .filter(|(_, sums)| sums.count >= options.least)
            .map(|((side, token), sums)| TokenMeans { side, token, count: sums.count, mean: sums.mean() })
            .collect();
        tokens.sort_by(|one, other| {
            one.side.cmp(&other.side).then(other.mean.total_cmp(&one.mean)).then_with(|| one.token.cmp(&other.token))
        });
        let mut listed: BTreeMap<Side, usize> = BTreeMap::new();
        tokens.retain(|token| {
            let count = listed.entry(token.side).or_default();
            *count += 1;
            *count <= options.tokens
        });
        let words = self.words.into_iter().filter(|_| !options.classes.is_empty());
        let words = words.map(|((class, side), sums)| WordMeans {
            class: options.classes.get(class).map(|class| class.name.clone()),
            side,
            count: sums.count,
            mean: sums.mean(),
        });
        let words = words.collect();
        let quantiles = self.quantiles.iter().flat_map(|(name, found)| found.groups(name, options.quantiles)).collect();
        Report {
            dataset: String::new(),
            rows: self.rows,
            errors: self.errors,
            failed: self.failed,
            rows_left: 0,
            left_out: 0,
            steps: self.steps,
            scores: positions.iter().map(|position| position.count).sum(),
            not_finite: self.not_finite,
            positions,
            tokens,
            words,
            quantiles,
        }
    }
}

#[cfg(test)]
mod tests;
