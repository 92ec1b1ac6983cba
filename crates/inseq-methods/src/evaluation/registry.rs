//! Metrics by name.

use std::sync::LazyLock;

use inseq_core::Entry as _;

use super::metric::MetricInfo;
use super::{agreement, aopc, lds, logprob_drop, mas, morf, recovery, shapley};
use crate::{Error, Result};

/// The metrics.
pub fn list_metrics() -> &'static [MetricInfo] {
    static METRICS: LazyLock<Vec<MetricInfo>> = LazyLock::new(|| {
        vec![
            aopc::info(),
            logprob_drop::info(),
            morf::info(),
            mas::info(),
            lds::info(),
            shapley::info(),
            agreement::info(),
            recovery::info(),
        ]
    });
    &METRICS
}

/// The entry of a metric.
///
/// # Errors
/// There is no such metric.
pub fn metric_named(name: &str) -> Result<&'static MetricInfo> {
    let found = list_metrics().iter().find(|metric| metric.name == name);
    found.ok_or_else(|| Error::unknown(MetricInfo::KIND, name, list_metrics().iter().map(|metric| metric.name)))
}
