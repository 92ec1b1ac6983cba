//! The pullback of attention for differences to a baseline (DeepLIFT: Shrikumar et al., 2017,
//! <https://arxiv.org/abs/1704.02685>).

use burn::tensor::{Tensor, activation::log_softmax};

use super::pullback::Attended;
use super::{Attention, AttentionTrace, Rows};

impl Attention {
    /// As [`attended`](Self::attended), for differences to a baseline.
    ///
    /// The difference of a product is each factor's difference times the mean of the other factor, so queries, keys, values and
    /// weights are means. With `q` the logarithmic mean of a row's weights, the differences of the weights follow from those of the
    /// scores by the pullback of a softmax with the weights `q` divided by their sum, times this sum.
    pub(super) fn attended_between(
        &self,
        trace: &AttentionTrace,
        baseline: &AttentionTrace,
        rows: &Rows,
        keys: usize,
    ) -> Attended {
        let middle = |a: Tensor<4>, b: Tensor<4>| (a + b) * 0.5;
        let [own, other] = [trace, baseline].map(|trace| {
            let queries = rows.of_heads(&trace.queries);
            let products = self.products(queries.clone(), &trace.key_values, keys);
            let scores = self.capped(products.clone());
            let shifted = match trace.mask.of_rows(rows, keys) {
                Some(bias) => scores.clone() + bias,
                None => scores.clone(),
            };
            (queries, products, scores, log_softmax(shifted, 3))
        });
        let cap_slope = self.soft_cap.map(|cap| {
            let way = own.1 - other.1;
            let is_near = way.clone().abs().lower_elem(1e-3 * cap);
            let slope = (own.2.clone() / cap).square().neg() + 1.0;
            ((own.2 - other.2) / way).mask_where(is_near, slope)
        });
        let [log, log_baseline] = [own.3, other.3];
        let [weights, weights_baseline] = [&log, &log_baseline].map(|log| log.clone().exp());
        let weights_middle = middle(weights.clone(), weights_baseline.clone());
        let way = log - log_baseline;
        let is_near = way.clone().abs().lower_elem(1e-3);
        let mean = ((weights - weights_baseline) / way).mask_where(is_near, weights_middle.clone());
        let total = mean.clone().sum_dim(3);
        // The slope of the cap takes up the sum, so that the pullback of the softmax stays what it is.
        let scaled = match cap_slope {
            Some(slope) => slope * total.clone(),
            None => total.clone().expand(mean.dims()),
        };
        let [key_values, others] = [&trace.key_values, &baseline.key_values];
        Attended {
            queries: rows.by_probe((own.0 + other.0) * 0.5),
            keys: middle(key_values.keys.clone(), others.keys.clone()).narrow(2, 0, keys),
            values: middle(key_values.values.clone(), others.values.clone()).narrow(2, 0, keys),
            weights: self.by_probe(weights_middle, rows),
            softmax: self.by_probe(mean / total, rows),
            cap_slope: Some(self.by_probe(scaled, rows)),
            dropout: None,
        }
    }
}
