//! Layer normalization, with and without centring.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::{Rows, Rule, Statistics, kernels};

/// Divisor of a [`Norm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// The standard deviation, after subtracting the mean (Ba et al., 2016, <https://arxiv.org/abs/1607.06450>).
    Layer,
    /// The root of the mean square (Zhang & Sennrich, 2019, <https://arxiv.org/abs/1910.07467>).
    RootMeanSquare,
}

/// `y = (x - mean) / deviation * gain + bias` over the last axis, or over equal groups of it.
#[derive(Clone, Debug)]
pub struct Norm {
    kind: NormKind,
    gain: Tensor<1>,
    bias: Option<Tensor<1>>,
    epsilon: f64,
    groups: usize,
}

/// Values of the forward that [`Norm::pullback`] needs.
#[derive(Clone, Debug)]
pub struct NormTrace {
    /// The input, centred and divided by its deviation, `[batch, position, feature]`.
    normalized: Tensor<3>,
    /// One over the deviation, `[batch, position, group]`.
    inverse_deviation: Tensor<3>,
    /// Rule of the deviation.
    rule: Rule<Box<NormTrace>>,
}

impl NormTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> NormTrace {
        let of = |x: &Tensor<3>| x.clone().narrow(0, range.start, range.len());
        NormTrace {
            normalized: of(&self.normalized),
            inverse_deviation: of(&self.inverse_deviation),
            rule: self.rule.as_ref().map(|baseline| Box::new(baseline.entries(range))),
        }
    }

    /// One over the deviation, `[batch, position, group]`.
    pub fn inverse_deviation(&self) -> Tensor<3> {
        self.inverse_deviation.clone()
    }

    /// The trace with another rule.
    #[must_use]
    pub fn ruled(self, rule: Rule<&NormTrace>) -> NormTrace {
        NormTrace { rule: rule.map(|baseline| Box::new(baseline.clone())), ..self }
    }
}

impl Norm {
    /// A copy on a device.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        Self {
            gain: self.gain.clone().to_device(device),
            bias: self.bias.clone().map(|bias| bias.to_device(device)),
            ..self.clone()
        }
    }

    /// Makes a norm from gain and bias `[feature]`; `epsilon` is added to the mean square.
    pub fn new(kind: NormKind, gain: Tensor<1>, bias: Option<Tensor<1>>, epsilon: f64) -> Self {
        Self { kind, gain, bias, epsilon, groups: 1 }
    }

    /// The same norm over each of `groups` equal parts of the features, for instance each head.
    #[must_use]
    pub fn grouped(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// The same norm with its output multiplied.
    #[must_use]
    pub fn scaled(self, scale: f32) -> Self {
        Self { gain: self.gain * scale, bias: self.bias.map(|bias| bias * scale), ..self }
    }

    /// The bias, `[feature]`.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.clone()
    }

    /// The linear part of the norm for `[batch, position, feature]`: the norm without the division by the deviation and without the
    /// bias. `None` for a norm in groups, which has several deviations.
    pub fn linear_part(&self, x: Tensor<3>) -> Option<Tensor<3>> {
        let centred = match self.kind {
            NormKind::Layer => x.clone() - x.mean_dim(2),
            NormKind::RootMeanSquare => x,
        };
        (self.groups == 1).then(|| centred * self.gain.clone().unsqueeze())
    }

    /// Normalizes `[batch, position, feature]`; returns the output and the trace.
    pub fn forward(&self, x: Tensor<3>) -> (Tensor<3>, NormTrace) {
        let [batch, length, features] = x.dims();
        let x = x.reshape([batch, length * self.groups, features / self.groups]);
        let is_centred = self.kind == NormKind::Layer;
        let [normalized, y, inverse_deviation] =
            kernels::normalize(x, &self.gain, self.bias.as_ref(), is_centred, self.epsilon);
        let trace = NormTrace {
            normalized: normalized.reshape([batch, length, features]),
            inverse_deviation: inverse_deviation.reshape([batch, length, self.groups]),
            rule: Rule::default(),
        };
        (y.reshape([batch, length, features]), trace)
    }

    /// Pulls cotangents `[batch, probe, row, feature]` of the output back to the input, by the trace's rule.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &NormTrace, rows: &Rows) -> Tensor<4> {
        match (&trace.rule.baseline, trace.rule.propagation.norm) {
            (Some(baseline), _) => self.pullback_between(cotangent, [trace, baseline], rows),
            (None, Statistics::Differentiated) => self.pullback_of_derivative(cotangent, trace, rows),
            (None, Statistics::Constant) => self.pullback_of_constant_deviation(cotangent, trace, rows),
        }
    }

    /// `dx = (g - mean(g) - n mean(g n)) / deviation` with `g = dy * gain` and `n` the normalized input. Without
    /// centring, the term `mean(g)` is absent.
    fn pullback_of_derivative(&self, cotangent: Tensor<4>, trace: &NormTrace, rows: &Rows) -> Tensor<4> {
        let [batch, probes, count, features] = cotangent.dims();
        let (groups, size) = (self.groups, features / self.groups);
        let normalized = rows.of(&trace.normalized);
        let shared = normalized.dims()[1];
        let dx = kernels::norm_pullback(
            cotangent.reshape([batch, probes, count * groups, size]),
            &self.gain,
            normalized.reshape([batch, shared, count * groups, size]),
            rows.of(&trace.inverse_deviation).reshape([batch, shared, count * groups, 1]),
            self.kind == NormKind::Layer,
        );
        dx.reshape([batch, probes, count, features])
    }

    /// The pullback of differences to a baseline.
    ///
    /// With `c` the (centred) input and `s` one over the deviation, the output is the product `c s`. The difference of a product
    /// is each factor's difference times the mean of the other factor. `s` is a function of the mean square `v`, and the difference of
    /// `v` is twice the mean over features of the difference of `c` times the mean `c` of both ends.
    fn pullback_between(&self, cotangent: Tensor<4>, traces: [&NormTrace; 2], rows: &Rows) -> Tensor<4> {
        let [batch, probes, count, features] = cotangent.dims();
        let (groups, size) = (self.groups, features / self.groups);
        let [(s, c), (s_baseline, c_baseline)] = traces.map(|trace| {
            let normalized = rows.of(&trace.normalized);
            let shared = normalized.dims()[1];
            let s = rows.of(&trace.inverse_deviation).reshape([batch, shared, count * groups, 1]);
            (s.clone(), normalized.reshape([batch, shared, count * groups, size]) / s)
        });
        let middle = (c + c_baseline) * 0.5;
        // (s - s') / (v - v'), with v = 1 / s^2, written without differences.
        let slope = (s.clone() * s_baseline.clone()).square().neg() / (s.clone() + s_baseline.clone());
        let g = cotangent.reshape([batch, probes, count * groups, size]) * self.gain.clone().unsqueeze();
        let along = (g.clone() * middle.clone()).mean_dim(3) * slope * 2.0;
        let dx = g * ((s + s_baseline) * 0.5) + middle * along;
        self.centred(dx).reshape([batch, probes, count, features])
    }

    /// `dx = (g - mean(g)) / deviation`, with a constant deviation. Without centring, the term `mean(g)` is absent.
    fn pullback_of_constant_deviation(&self, cotangent: Tensor<4>, trace: &NormTrace, rows: &Rows) -> Tensor<4> {
        let [batch, probes, count, features] = cotangent.dims();
        let (groups, size) = (self.groups, features / self.groups);
        let s = rows.of(&trace.inverse_deviation);
        let shared = s.dims()[1];
        let g = cotangent.reshape([batch, probes, count * groups, size]) * self.gain.clone().unsqueeze();
        let dx = g * s.reshape([batch, shared, count * groups, 1]);
        self.centred(dx).reshape([batch, probes, count, features])
    }

    /// The pullback of the centring.
    fn centred(&self, dx: Tensor<4>) -> Tensor<4> {
        match self.kind {
            NormKind::Layer => dx.clone() - dx.mean_dim(3),
            NormKind::RootMeanSquare => dx,
        }
    }
}
