//! Leave one out.

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
            name: "leave_one_out",
            description: "How much less likely is the sentence without the source?",
            details: "The score is the log-probability of the sentence with all sources minus that without the source, in nats. It \
                      is exact, but small for a source whose content another source repeats.",
            arguments: &[],
        },
        cost: "one forward per source",
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
pub struct LeaveOneOut {}

impl CitationMethod for LeaveOneOut {
    fn name(&self) -> &str {
        "leave_one_out"
    }

    fn scores(&self, context: &mut CitationContext) -> Result<Vec<Vec<SourceScore>>> {
        let sources = context.sources();
        let whole = context.log_probabilities(&[vec![true; sources]])?;
        let without = context.log_probabilities(&each_left_out(sources))?;
        let of_sentence = |sentence: usize| {
            let drop = |without: &Vec<f64>| plain(whole[0][sentence] - without[sentence]);
            without.iter().map(drop).collect()
        };
        Ok((0..context.sentences().len()).map(of_sentence).collect())
    }

    fn forwards(&self, sources: usize) -> usize {
        sources
    }
}
