//! ARC-JSD.

use std::sync::Arc;

use inseq_core::About;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::CitationContext;
use super::method::{AttributionWork, CitationMethod, CitationMethodInfo, CitationScores};
use super::screening::{self, SCREEN, Tested};
use crate::attribution_model::AttributionModel;
use crate::engine::TextSteps;
use crate::method::{fields, options};
use crate::{Count, Result};

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "arc_jsd",
            description: "How much do the next-token distributions of the sentence change without the source?",
            details: "The score is the Jensen-Shannon divergence between the next-token distributions with all sources and without \
                      the source, in nats, summed over the tokens of the sentence. It is at least 0, and at most ln 2 per token. \
                      It sees changes of the whole distribution, also those that leave the written token as likely as before.",
            arguments: &[SCREEN],
        },
        cost: "one forward per source; with `screen` 1 forward and 1 pullback per sentence more",
        citation: "Li et al. (2025), Attributing Response to Context: A Jensen-Shannon Divergence Driven Mechanistic Study of \
                   Context Attribution in Retrieval-Augmented Generation, https://arxiv.org/abs/2505.16415",
        make: |arguments| Ok(Arc::new(options::<ArcJsd>("arc_jsd", arguments)?)),
    }
}

/// How much do the next-token distributions of the sentence change without the source?
///
/// Score: Jensen-Shannon divergence, in nats, summed over the tokens of the sentence. Cost: one forward per source. Li et al., 2025,
/// <https://arxiv.org/abs/2505.16415>.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArcJsd {
    /// Number of sources that are tested, chosen by a gradient; `None` tests all.
    pub screen: Option<Count<1>>,
}

impl CitationMethod for ArcJsd {
    fn name(&self) -> &str {
        "arc_jsd"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn reads_tokens(&self) -> bool {
        self.screen.is_some()
    }

    fn attributions(&self, model: &AttributionModel, text: &TextSteps) -> Result<AttributionWork> {
        screening::attributions(self.screen, model, text)
    }

    fn check(&self, model: &AttributionModel) -> Result<()> {
        screening::check(self.screen, model)
    }

    fn scores(&self, context: &mut CitationContext) -> Result<CitationScores> {
        let tested = Tested::of(self.screen, context)?;
        let divergences = context.divergences(&tested.masks())?;
        let sentences = context.sentences();
        let sum = |sentence: usize, place: usize| divergences[place][sentences[sentence].clone()].iter().sum();
        Ok(tested.scores(sentences.len(), sum))
    }

    fn forwards(&self, sources: usize) -> usize {
        screening::count(self.screen, sources)
    }
}
