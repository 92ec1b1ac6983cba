//! Replacements of tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::tensor::{Tensor, activation::softmax};
use inseq_core::{Piece, mismatch};
use inseq_models::model::Model;
use inseq_models::tokenizer::Role;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::super::{Feature, Side};
use crate::device::{read, read_ids};
use crate::engine::TextSteps;
use crate::loading::Loading;
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Origin of replacements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Replacements {
    /// Tokens that the model expects at the position in its output; any token in a source.
    #[default]
    Model,
    /// Any token.
    Uniform,
    /// Tokens that another language model expects at the position, also in a source. The value is its folder or name. It must be
    /// decoder-only and have the same tokens.
    GivenModel(String),
    /// Any token of the same class, such as a part of speech; any token for tokens without a class.
    Words(Words),
}

/// Words by class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected the path of a JSON file, or an object with a list of words for each class")]
#[non_exhaustive]
pub enum Words {
    /// A JSON file with an object that has a list of words for each class.
    File(std::path::PathBuf),
    /// Such an object.
    Lists(BTreeMap<String, Vec<String>>),
}

/// [`Replacements`] with the loaded model or words.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Model,
    Uniform,
    Given(Arc<TextModel>),
    Words(Arc<BTreeMap<String, Vec<String>>>),
}

impl Replacements {
    /// Loads the model, or the words.
    pub(super) fn load(&self, loading: &Loading) -> Result<Pool> {
        Ok(match self {
            Self::Model => Pool::Model,
            Self::Uniform => Pool::Uniform,
            Self::GivenModel(name) => {
                let given = TextModel::load_with(name, &loading.of_model("reagent", name)?)?;
                if !given.model().is_decoder_only() {
                    return Err(Error::argument(
                        "replacements",
                        format!(
                            "reagent: the model `{name}` has an encoder; replacements need one that reads from left to right"
                        ),
                    ));
                }
                Pool::Given(Arc::new(given))
            }
            Self::Words(Words::Lists(lists)) => {
                check_words(lists)
                    .map_err(|reason| Error::argument("replacements", format!("reagent: words: {reason}")))?;
                Pool::Words(Arc::new(lists.clone()))
            }
            Self::Words(Words::File(path)) => {
                let refuse = |reason: String| {
                    Error::argument("replacements", format!("reagent: words of {}: {reason}", path.display()))
                };
                loading.of_file("reagent", path)?;
                let json = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
                let lists = mismatch::parse_unique(&json)
                    .and_then(|lists| mismatch::read(&lists))
                    .map_err(|error| refuse(error.to_string()))?;
                check_words(&lists).map_err(refuse)?;
                Pool::Words(Arc::new(lists))
            }
        })
    }
}

/// Refuses lists without words, and a word of two lists, which would be replaced by the words of one of them.
fn check_words(lists: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    if lists.values().all(Vec::is_empty) {
        return Err("there are none; give at least one list with a word".into());
    }
    let mut of: HashMap<&str, &str> = HashMap::new();
    for (class, words) in lists {
        for word in words {
            if word.trim().is_empty() {
                return Err(format!("the list {class:?} has an empty word"));
            }
            if let Some(other) = of.insert(word, class).filter(|other| other != class) {
                return Err(format!(
                    "{word:?} is in the lists {other:?} and {class:?}; a word must be in one list alone"
                ));
            }
        }
    }
    Ok(())
}

/// Number of likeliest tokens that may replace a token.
const EXPECTED: usize = 50;

/// Tokens with their cumulative probabilities.
type Expected = Vec<(f32, u32)>;

/// Draws replacements.
pub(super) struct Sampler {
    seed: u64,
    source: Places,
    target: Places,
}

/// Purpose of random numbers. Each purpose has its own stream, so no draw depends on the requested steps or
/// on the number of probes and iterations of others.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    /// Initial importance of a probe for the step at a position.
    Start { probe: usize, position: usize },
    /// Replacements of a probe in an iteration.
    Probe { probe: usize, iteration: usize },
    /// Replacements of the check of a probe after an iteration, for the step at a position.
    Check { probe: usize, iteration: usize, position: usize },
}

impl Draw {
    /// The stream of the random number generator: ten bits are enough for the probes, and seventeen for the iterations. No step
    /// has position 0.
    fn stream(self) -> u64 {
        let (probe, iteration, position) = match self {
            Self::Start { probe, position } => (probe, 0, position),
            Self::Probe { probe, iteration } => (probe, iteration + 1, 0),
            Self::Check { probe, iteration, position } => (probe, iteration + 1, position),
        };
        (position as u64) << 27 | (iteration as u64) << 10 | probe as u64
    }
}

/// Possible replacements for the positions of one side.
#[derive(Default)]
struct Places {
    vocabulary: u32,
    /// Expected tokens by position; empty if any token is allowed.
    expected: Vec<Expected>,
}

/// A changed copy of a text.
pub(super) type Ids = (Vec<u32>, Vec<u32>);

impl Sampler {
    /// A sampler for one text with its last hidden states `[1, position, feature]`.
    pub(super) fn new(pool: &Pool, seed: u64, model: &TextModel, text: &TextSteps, states: &Tensor<3>) -> Result<Self> {
        let target_vocabulary = model.model().target_embedding.vocabulary() as u32;
        let source_vocabulary =
            model.model().encoder.as_ref().map_or(0, |encoder| encoder.embedding.vocabulary() as u32);
        let [source, target] = match pool {
            Pool::Uniform => [vec![], vec![]],
            Pool::Model => [vec![], expected(model.model(), states)?],
            Pool::Given(given) => {
                let of = |ids: &[u32], role| -> Result<Vec<Expected>> {
                    check_tokens(model, given, ids, role)?;
                    let states = given.model().decode(None, given.model().target_embedding.forward(ids, 1));
                    expected(given.model(), &states)
                };
                let source = if text.source.is_empty() { vec![] } else { of(&text.source, Role::Source)? };
                [source, of(&text.target[..text.seen()], Role::Target)?]
            }
            Pool::Words(lists) => {
                let classes = |ids: &[u32], role, vocabulary| {
                    (!ids.is_empty()).then(|| Classes::new(model, lists, role, vocabulary))
                };
                let sides = [
                    (&text.source, classes(&text.source, Role::Source, source_vocabulary)),
                    (&text.target, classes(&text.target, Role::Target, target_vocabulary)),
                ];
                if sides.iter().flat_map(|(_, classes)| classes).all(Classes::is_empty) {
                    return Err(Error::argument("replacements", 
                        "reagent: none of the words is a token of the model; give words that its tokenizer does not split".into(),
                    ));
                }
                sides.map(|(ids, classes)| classes.map_or_else(Vec::new, |classes| classes.of(ids)))
            }
        };
        Ok(Self {
            seed,
            source: Places { vocabulary: source_vocabulary, expected: source },
            target: Places { vocabulary: target_vocabulary, expected: target },
        })
    }

    /// The random numbers of a draw.
    pub(super) fn random(&self, draw: Draw) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(draw.stream());
        random
    }

    /// A different token for a position, chosen by a number in 0..1.
    fn replacement(&self, side: Side, position: usize, at: f64) -> u32 {
        let places = if side == Side::Source { &self.source } else { &self.target };
        let row = places.expected.get(position).and_then(|row| Some((row, row.last()?)));
        match row.filter(|(_, (total, _))| *total > 0.0) {
            Some((row, (total, last))) => {
                let at = at * f64::from(*total);
                row.iter().find(|(sum, _)| f64::from(*sum) > at).map_or(*last, |(_, id)| *id)
            }
            None => (at * f64::from(places.vocabulary)) as u32,
        }
    }

    /// Replaces the tokens of those `features` for which `is_replaced`, by number, is true.
    ///
    /// Each position of every feature uses a number even if it is not replaced, so a replacement does not depend on later positions.
    pub(super) fn replace(
        &self,
        features: &[Feature],
        mut is_replaced: impl FnMut(usize, &mut ChaCha8Rng) -> bool,
        random: &mut ChaCha8Rng,
        ids: &mut Ids,
    ) {
        for (index, feature) in features.iter().enumerate() {
            let replaced = is_replaced(index, random);
            let into = if feature.side == Side::Source { &mut ids.0 } else { &mut ids.1 };
            for position in feature.positions.clone() {
                let at = random.random::<f64>();
                if replaced {
                    into[position] = self.replacement(feature.side, position, at);
                }
            }
        }
    }
}

/// Tokens that a model expects after each position of `states` `[1, position, feature]`, stored at the next position.
fn expected(model: &Model, states: &Tensor<3>) -> Result<Vec<Expected>> {
    let [_, length, features] = states.dims();
    let logits = model.logits(states.clone().reshape([length, features]));
    let (values, ids) = softmax(logits, 1).topk_with_indices(EXPECTED.min(model.vocabulary()), 1);
    let count = ids.dims()[1];
    let values = read(values, "probabilities of tokens")?;
    let ids = read_ids(ids, "likely tokens")?;
    let rows = values.chunks(count).zip(ids.chunks(count)).map(|(values, ids)| {
        let cumulative = values.iter().scan(0.0, |sum, value| {
            *sum += value;
            Some(*sum)
        });
        cumulative.zip(ids).map(|(sum, id)| (sum, *id as u32)).collect()
    });
    // Nothing comes before the first token.
    Ok(std::iter::once(Vec::new()).chain(rows).collect())
}

/// Refuses a model whose tokens differ from those of `ids`.
fn check_tokens(model: &TextModel, given: &TextModel, ids: &[u32], role: Role) -> Result<()> {
    let own = |model: &TextModel, id, role| model.tokenizer().token(id, model.role(role));
    let positions = given.model().max_target_positions();
    if let Some(positions) = positions.filter(|&positions| ids.len() > positions) {
        return Err(Error::Limit {
            name: "replacements".to_owned(),
            text: None,
            problem: format!(
                "reagent: the text has {} tokens, but the model `{}` that gives replacements has {positions} positions",
                ids.len(),
                given.name()
            ),
        });
    }
    let vocabulary = match (&model.model().encoder, role) {
        (Some(encoder), Role::Source) => encoder.embedding.vocabulary(),
        _ => model.model().target_embedding.vocabulary(),
    };
    let differs = ids.iter().find(|&&id| own(model, id, role) != own(given, id, Role::Target));
    match differs {
        None if given.model().vocabulary() <= vocabulary => Ok(()),
        None => Err(Error::argument(
            "replacements",
            format!(
                "reagent: the model `{}` that gives replacements has {} tokens, but `{}` has {vocabulary}",
                given.name(),
                given.model().vocabulary(),
                model.name(),
            ),
        )),
        Some(&id) => Err(Error::argument(
            "replacements",
            format!(
                "reagent: the model `{}` that gives replacements has other tokens than `{}`: {id} is {:?} rather than {:?}",
                given.name(),
                model.name(),
                own(given, id, Role::Target).unwrap_or_default(),
                own(model, id, role).unwrap_or_default(),
            ),
        )),
    }
}

/// Tokens by class.
struct Classes {
    /// The class of each token that is a word.
    of_tokens: HashMap<u32, usize>,
    members: Vec<Expected>,
}

impl Classes {
    /// Finds the tokens that are one of the words, alone or after a space.
    fn new(model: &TextModel, lists: &BTreeMap<String, Vec<String>>, role: Role, vocabulary: u32) -> Self {
        let words: HashMap<&str, usize> = lists
            .values()
            .enumerate()
            .flat_map(|(class, words)| words.iter().map(move |word| (word.as_str(), class)))
            .collect();
        let mut classes = Self { of_tokens: HashMap::new(), members: vec![Vec::new(); lists.len()] };
        for id in 0..vocabulary {
            // What the token stands for, rather than how it is spelled.
            let Piece::Text(bytes) = model.tokenizer().piece(id, model.role(role)) else { continue };
            let word = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
            if let Some(&class) = words.get(word) {
                let members = &mut classes.members[class];
                members.push((members.len() as f32 + 1.0, id));
                classes.of_tokens.insert(id, class);
            }
        }
        classes
    }

    /// Whether no token is one of the words.
    fn is_empty(&self) -> bool {
        self.of_tokens.is_empty()
    }

    /// Possible replacements of each of `ids`.
    fn of(&self, ids: &[u32]) -> Vec<Expected> {
        let members = |id| self.of_tokens.get(id).map_or(Vec::new(), |&class| self.members[class].clone());
        ids.iter().map(members).collect()
    }
}

#[cfg(all(test, feature = "demo"))]
mod tests {
    use super::*;

    #[test]
    fn words_become_words_of_their_list() {
        let model =
            TextModel::from_repository(&inseq_models::demo::repository(), &crate::LoadOptions::default()).unwrap();
        let lists = [("noun", vec!["nurse", "door", "doors"]), ("other", vec!["The", "was"])];
        let lists: BTreeMap<String, Vec<String>> = lists
            .map(|(class, words)| (class.to_owned(), words.into_iter().map(str::to_owned).collect()))
            .into_iter()
            .collect();
        let ids = model.encode("The tired nurse was late.", Role::Source, true).unwrap();
        let word = |id: u32| model.tokenizer().token(id, Role::Source).unwrap().trim_start_matches('▁').to_owned();
        let vocabulary = model.model().encoder.as_ref().unwrap().embedding.vocabulary() as u32;
        let found = Classes::new(&model, &lists, Role::Source, vocabulary).of(&ids);
        let mut classed = 0;
        for (id, members) in ids.iter().zip(&found) {
            let own = lists.values().find(|words| words.contains(&word(*id)));
            match own {
                None => assert!(members.is_empty(), "{} is in no list", word(*id)),
                Some(words) => {
                    classed += 1;
                    assert!(members.iter().all(|(_, other)| words.contains(&word(*other))), "{}", word(*id));
                    assert!(members.iter().any(|(_, other)| other == id));
                }
            }
        }
        assert!(classed >= 2, "{found:?}");
    }
}
