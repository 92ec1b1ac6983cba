//! The baselines of sets of rules.

use inseq_core::Argument;
use inseq_models::tokenizer::Role;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::engine::{Point, TextSteps};
use crate::method::MethodContext;

/// The spellings of a space as a token: SentencePiece, byte-level pairs, characters. The first one is no token of byte-level pairs.
const SPACES: [&str; 3] = ["▁", "Ġ", " "];

/// What is subtracted from the embedding of each token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleBaseline {
    /// Nothing.
    #[default]
    Zero,
    /// The embedding of the unknown token, as in integrated gradients.
    Unknown,
    /// The embedding of a space, or of the unknown token if the vocabulary has no space. Tokens that keep their own embedding in
    /// integrated gradients keep it here.
    Space,
}

/// Values of the argument `baseline`, and their meaning.
const MEANING: &str = "What is subtracted from the embedding of each token: zero, unknown (the unknown token, as in integrated \
                       gradients) or space (the token of a space, or the unknown token if there is none).";

impl RuleBaseline {
    /// The argument, with the default of a method.
    pub(super) const fn argument(default: &'static str) -> Argument {
        Argument::new("baseline", default, MEANING)
    }

    /// The embeddings of the baseline; none if nothing is subtracted.
    ///
    /// # Errors
    /// As those of [`Engine::baselines`](crate::engine::Engine::baselines).
    pub(super) fn of<'t>(self, context: &MethodContext, point: &Point<'t>) -> Result<Option<Point<'t>>> {
        let (engine, wanted) = (context.engine, context.wanted());
        match self {
            Self::Zero => Ok(None),
            Self::Unknown => engine.baselines(point, wanted).map(Some),
            Self::Space => {
                let texts: Vec<TextSteps> = point.texts.iter().map(|text| with_spaces(context, text)).collect();
                let texts =
                    Point { texts: texts.iter().collect(), source: point.source.clone(), target: point.target.clone() };
                let Point { source, target, .. } = engine.baselines(&texts, wanted)?;
                Ok(Some(Point { texts: point.texts.clone(), source, target }))
            }
        }
    }
}

/// The text with spaces in place of the unknown tokens of its baselines.
fn with_spaces(context: &MethodContext, text: &TextSteps) -> TextSteps {
    let (tokenizer, special) = (context.text_model.tokenizer(), context.text_model.special_tokens());
    let unknown = special.unk.unwrap_or(0);
    let spaced = |ids: &[u32], baseline: &[u32], role: Role| -> Vec<u32> {
        let space = SPACES.iter().find_map(|space| tokenizer.id(space, role)).unwrap_or(unknown);
        // A token that keeps its embedding is its own baseline, as is the unknown token, which does not.
        let keeps = |id: u32, own: u32| own == id && (id != unknown || special.eos == Some(id));
        ids.iter().zip(baseline).map(|(&id, &own)| if keeps(id, own) { own } else { space }).collect()
    };
    TextSteps {
        source_baseline: spaced(&text.source, &text.source_baseline, Role::Source),
        target_baseline: spaced(&text.target, &text.target_baseline, context.text_model.role(Role::Target)),
        ..text.clone()
    }
}
