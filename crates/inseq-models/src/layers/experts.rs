//! A mixture of experts.

use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, activation::softmax};

use super::kernels::gather_rows;
use super::rule::times;
use super::{FeedForward, FeedForwardTrace, Linear, Propagation, Rows, Softmax};

/// `y = sum_e w_e f_e(x)` over the experts that a position chooses: those with the largest logits `W x`. `w` is the softmax over
/// the chosen logits (Shazeer et al., 2017, <https://arxiv.org/abs/1701.06538>; Jiang et al., 2024,
/// <https://arxiv.org/abs/2401.04088>).
#[derive(Clone, Debug)]
pub struct Experts {
    /// Router, with one logit per expert.
    pub router: Linear,
    /// The experts, all of the same sizes.
    pub experts: Vec<FeedForward>,
    /// Number of experts that a position chooses, between 1 and all.
    pub chosen: usize,
}

/// Values of the forward that [`Experts::pullback`] needs. The choices of a position are consecutive.
#[derive(Clone, Debug)]
pub struct ExpertsTrace {
    /// Indices of the chosen experts, `[batch, position, choice]`, row-major.
    chosen: Vec<usize>,
    /// Weights of the chosen experts, `[batch, position, choice]`.
    weights: Tensor<3>,
    /// Outputs of the chosen experts, `[batch, position, choice * feature]`.
    outputs: Tensor<3>,
    /// Factors of their inner layers ([`FeedForwardTrace`]), `[batch, position, choice * output of the first layer]`.
    factors: Tensor<3>,
    /// Rules of the weights, and of the experts.
    propagation: Propagation,
    /// Noise factors of the input, `[batch, position, feature]`.
    noise: Option<Tensor<3>>,
}

impl ExpertsTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> ExpertsTrace {
        let of = |x: &Tensor<3>| x.clone().narrow(0, range.start, range.len());
        let [_, length, choices] = self.weights.dims();
        let of_entry = length * choices;
        ExpertsTrace {
            chosen: self.chosen[range.start * of_entry..range.end * of_entry].to_vec(),
            weights: of(&self.weights),
            outputs: of(&self.outputs),
            factors: of(&self.factors),
            propagation: self.propagation,
            noise: self.noise.as_ref().map(of),
        }
    }
}

impl Experts {
    /// Output for `x`, both `[batch, position, feature]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, features] = x.dims();
        if batch * length == 0 {
            return x;
        }
        let x = x.reshape([batch * length, features]);
        let (chosen, weights) = self.choose(&x);
        let (outputs, _) = self.through(x, &chosen, |expert, x| (expert.forward(x), ()));
        weighted(outputs, weights).reshape([batch, length, features])
    }

    /// As [`forward`](Self::forward), with the trace. The input is multiplied by the factors of `noise`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        propagation: Propagation,
        noise: impl FnOnce(&Tensor<3>) -> Option<Tensor<3>>,
    ) -> (Tensor<3>, ExpertsTrace) {
        let [batch, length, features] = x.dims();
        let noise = noise(&x);
        let x = match &noise {
            Some(factors) => x * factors.clone(),
            None => x,
        };
        let x = x.reshape([batch * length, features]);
        let (chosen, weights) = self.choose(&x);
        let run = |expert: &FeedForward, x| {
            let (y, trace) = expert.forward_traced(x, propagation, false, |_| None);
            (y, trace.factors.squeeze_dim(0))
        };
        let (outputs, factors) = self.through(x, &chosen, run);
        let factors = Ways::new(&chosen, self.experts.len()).back(factors);
        let size = factors.dims()[1];
        let trace = ExpertsTrace {
            weights: weights.clone().reshape([batch, length, self.chosen]),
            outputs: outputs.clone().reshape([batch, length, self.chosen * features]),
            factors: factors.reshape([batch, length, self.chosen * size]),
            propagation,
            chosen,
            noise,
        };
        (weighted(outputs, weights).reshape([batch, length, features]), trace)
    }

    /// The experts that each row of `[row, feature]` chooses, row-major, and their weights `[row, choice]`. Of equal logits the
    /// first one is chosen. If the device cannot be read, the weights are NaN.
    fn choose(&self, x: &Tensor<2>) -> (Vec<usize>, Tensor<2>) {
        let logits = self.router.forward(x.clone());
        let [rows, experts] = logits.dims();
        let read = logits.clone().try_into_vec_as::<f32>();
        let is_read = read.is_ok();
        let values = read.unwrap_or_else(|_| vec![0.0; rows * experts]);
        let chosen: Vec<usize> = values
            .chunks(experts.max(1))
            .flat_map(|logits| {
                let mut order: Vec<usize> = (0..experts).collect();
                order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
                order.truncate(self.chosen);
                order
            })
            .collect();
        let of_chosen = logits.gather(1, index(&chosen, &x.device()).reshape([rows, self.chosen]));
        let weights = softmax(of_chosen, 1);
        (chosen, if is_read { weights } else { weights * f32::NAN })
    }

    /// Calls `run` for each expert with the rows `[row, feature]` that choose it. Returns the outputs `[row * choice, feature]`, and
    /// the other results per expert.
    fn through<T>(
        &self,
        x: Tensor<2>,
        chosen: &[usize],
        run: impl Fn(&FeedForward, Tensor<3>) -> (Tensor<3>, T),
    ) -> (Tensor<2>, Vec<T>) {
        let ways = Ways::new(chosen, self.experts.len());
        let (outputs, others) = ways
            .each()
            .map(|(expert, choices)| {
                let rows: Vec<_> = choices.iter().map(|choice| Some(choice / self.chosen)).collect();
                let (y, other) = run(&self.experts[expert], gather_rows(x.clone(), &rows).unsqueeze());
                (y.squeeze_dim(0), other)
            })
            .unzip();
        (ways.back(outputs), others)
    }

    /// Pulls cotangents `[batch, probe, row, feature]` of the output back to the input. The choice of experts is constant.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &ExpertsTrace, rows: &Rows) -> Tensor<4> {
        let [batch, probes, count, features] = cotangent.dims();
        let [entries, length, choices] = trace.weights.dims();
        let (device, total) = (cotangent.device(), batch * probes * count);
        if total == 0 {
            return cotangent;
        }
        let positions: Vec<usize> =
            rows.positions([batch, probes]).into_iter().map(|(entry, at)| entry * length + at).collect();
        let of_rows = |x: &Tensor<3>| {
            let size = x.dims()[2];
            let index: Vec<_> = positions.iter().copied().map(Some).collect();
            gather_rows(x.clone().reshape([entries * length, size]), &index)
        };
        let cotangent = cotangent.reshape([total, features]);
        let weights = of_rows(&trace.weights);
        let chosen: Vec<usize> =
            positions.iter().flat_map(|at| trace.chosen[at * choices..(at + 1) * choices].iter().copied()).collect();

        // Through the shares, the gates of the experts: the softmax, and the router. Constant shares lead nowhere, and leave the
        // whole cotangent to the experts.
        let rules = trace.propagation;
        let is_constant = rules.softmax == Softmax::Closed;
        let through_shares = match is_constant || rules.gate == 0.0 {
            true => None,
            false => {
                let outputs = of_rows(&trace.outputs).reshape([total, choices, features]);
                let to_weights = (outputs * cotangent.clone().unsqueeze_dim(1)).sum_dim(2).reshape([total, choices]);
                let to_weights = times(to_weights, rules.gate);
                let mean = (weights.clone() * to_weights.clone()).sum_dim(1);
                let to_chosen = weights.clone() * (to_weights - mean);
                let to_logits = Tensor::zeros([total, self.experts.len()], (&device, cotangent.dtype())).scatter(
                    1,
                    index(&chosen, &device).reshape([total, choices]),
                    to_chosen,
                    IndexingUpdateOp::Add,
                );
                Some(self.router.pullback(to_logits))
            }
        };

        // Through the experts.
        let ways = Ways::new(&chosen, self.experts.len());
        let weights = weights.reshape([total * choices, 1]);
        let weights = if is_constant { weights } else { times(weights, rules.up) };
        let size = trace.factors.dims()[2] / choices.max(1);
        let factors = trace.factors.clone().reshape([entries * length * choices, size]);
        let each = ways.each().map(|(expert, of_expert)| {
            let all: Vec<_> = of_expert.iter().copied().map(Some).collect();
            let rows: Vec<_> = of_expert.iter().map(|choice| Some(choice / choices)).collect();
            let traced: Vec<_> =
                of_expert.iter().map(|choice| Some(positions[choice / choices] * choices + choice % choices)).collect();
            let back = gather_rows(cotangent.clone(), &rows) * gather_rows(weights.clone(), &all);
            let factors = gather_rows(factors.clone(), &traced).unsqueeze();
            let trace = FeedForwardTrace { factors, outputs: self.experts[expert].outputs(rules), first: None };
            let count = of_expert.len();
            let back = back.reshape([1, 1, count, features]);
            self.experts[expert].pullback(back, &trace, &Rows::prefix(count)).reshape([count, features])
        });
        let through = ways.back(each.collect()).reshape([total, choices, features]).sum_dim(1);
        let through = through.reshape([total, features]);
        let to_input = match through_shares {
            Some(to_input) => to_input + through,
            None => through,
        };
        let to_input = to_input.reshape([batch, probes, count, features]);
        match &trace.noise {
            Some(factors) => to_input * rows.of(factors),
            None => to_input,
        }
    }
}

/// The choices of rows by expert; a choice is `row * choices + number`.
struct Ways(Vec<Vec<usize>>);

impl Ways {
    fn new(chosen: &[usize], experts: usize) -> Self {
        let mut by_expert = vec![Vec::new(); experts];
        for (choice, &expert) in chosen.iter().enumerate() {
            by_expert[expert].push(choice);
        }
        Self(by_expert)
    }

    /// The experts that at least one row chooses, with their choices.
    fn each(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let all = self.0.iter().map(Vec::as_slice).enumerate();
        all.filter(|(_, choices)| !choices.is_empty())
    }

    /// Joins the outputs of [`each`](Self::each) expert, `[choice, any]`, in the order of all choices.
    fn back(&self, by_expert: Vec<Tensor<2>>) -> Tensor<2> {
        let mut order = vec![None; self.0.iter().map(Vec::len).sum()];
        for (at, &choice) in self.0.iter().flatten().enumerate() {
            order[choice] = Some(at);
        }
        gather_rows(Tensor::cat(by_expert, 0), &order)
    }
}

/// The sum of the outputs of a row's experts, `[row * choice, feature]`, weighted with `[row, choice]`: `[row, feature]`.
fn weighted(outputs: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    let ([rows, choices], [_, features]) = (weights.dims(), outputs.dims());
    (outputs.reshape([rows, choices, features]) * weights.unsqueeze_dim(2)).sum_dim(1).reshape([rows, features])
}

fn index(of: &[usize], device: &Device) -> Tensor<1, Int> {
    let of: Vec<i64> = of.iter().map(|&i| i as i64).collect();
    Tensor::from_data(of.as_slice(), device)
}
