//! ARC-JSD.

use std::sync::Arc;

use inseq_core::{About, SourceScore};
use serde::{Deserialize, Serialize};

use super::method::{CitationContext, CitationMethod, CitationMethodInfo, each_left_out, plain};
use crate::Result;
use crate::method::options;

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "arc_jsd",
            description: "How much do the next-token distributions of the sentence change without the source?",
            details: "The score is the Jensen-Shannon divergence between the next-token distributions with all sources and without \
                      the source, in nats, summed over the tokens of the sentence. It is at least 0, and at most ln 2 per token. \
                      It sees changes of the whole distribution, also those that leave the written token as likely as before.",
            arguments: &[],
        },
        cost: "one forward per source",
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
pub struct ArcJsd {}

impl CitationMethod for ArcJsd {
    fn name(&self) -> &str {
        "arc_jsd"
    }

    fn scores(&self, context: &mut CitationContext) -> Result<Vec<Vec<SourceScore>>> {
        let divergences = context.divergences(&each_left_out(context.sources()))?;
        let of_sentence = |tokens: std::ops::Range<usize>| {
            divergences.iter().map(|of_source| plain(of_source[tokens.clone()].iter().sum())).collect()
        };
        Ok(context.sentences().into_iter().map(of_sentence).collect())
    }

    fn forwards(&self, sources: usize) -> usize {
        sources
    }
}
