//! Leave one out.

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
            name: "leave_one_out",
            description: "How much less likely is the sentence without the source?",
            details: "The score is the log-probability of the sentence with all sources minus that without the source, in nats. It \
                      is exact, but small for a source whose content another source repeats.",
            arguments: &[SCREEN],
        },
        cost: "one forward per source; with `screen` 1 forward and 1 pullback per sentence more",
        citation: "Li et al. (2016), Understanding Neural Networks through Representation Erasure, \
                   https://arxiv.org/abs/1612.08220",
        make: |arguments| Ok(Arc::new(options::<LeaveOneOut>("leave_one_out", arguments)?)),
    }
}

/// How much less likely is the sentence without the source?
///
/// Score: drop of the sentence's log-probability, in nats, exact. Cost: one forward per source. Li et al., 2016,
/// <https://arxiv.org/abs/1612.08220>.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeaveOneOut {
    /// Number of sources that are tested, chosen by a gradient; `None` tests all.
    pub screen: Option<Count<1>>,
}

impl CitationMethod for LeaveOneOut {
    fn name(&self) -> &str {
        "leave_one_out"
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
        let whole = context.log_probabilities(&[vec![true; context.sources()]])?;
        let without = context.log_probabilities(&tested.masks())?;
        let drop = |sentence: usize, place: usize| whole[0][sentence] - without[place][sentence];
        Ok(tested.scores(context.sentences().len(), drop))
    }

    fn forwards(&self, sources: usize) -> usize {
        screening::count(self.screen, sources)
    }
}
