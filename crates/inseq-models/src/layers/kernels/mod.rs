//! Element-wise and row-wise kernels for the CPU, beside the same formulas in Burn operations for every other device.
//!
//! Flex computes `exp`, `tanh` and `erf` one scalar at a time, so that an activation costs more than the matrix product
//! before it. Here they are polynomials in plain loops that the compiler turns into vector code, chosen for the machine
//! at run time by `pulp`. Tensors that take part in autodiff, or are not `f32`, use the Burn operations.

mod host;
mod product;

use burn::tensor::{Tensor, TensorData, activation as burn_activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Activation;
use host::{HostTensor, is_host};
pub(super) use product::product_with_transposed;

/// Values that one task of the thread pool works on.
const TASK: usize = 1 << 14;

fn values_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice::<f32>().unwrap_or_default()
}

/// `e^x`, to 1 unit in the last place on [-87, 88]; 0 and infinity outside. The reduction and polynomial are Cephes'.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    let clamped = x.clamp(-87.336_55, 88.722_8);
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, clamped);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 5e-1);
    let y = p.mul_add(r * r, r) + 1.0;
    // 2^n in two halves, since n may be 128.
    let n = n as i32;
    let half = n >> 1;
    let scale = |k: i32| f32::from_bits(((k + 127) << 23) as u32);
    let y = y * scale(half) * scale(n - half);
    if x < -87.336_55 {
        0.0
    } else if x > 88.722_8 {
        f32::INFINITY
    } else if x.is_nan() {
        x
    } else {
        y
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The normal distribution function by the complementary error function of Numerical Recipes (relative error 1.2e-7).
#[inline(always)]
fn normal_distribution(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / z.mul_add(0.5, 1.0);
    let mut p = 0.170_872_77f32;
    for c in
        [-0.822_152_23, 1.488_515_9, -1.135_204, 0.278_868_07, -0.186_288_06, 0.096_784_18, 0.374_091_96, 1.000_023_7]
    {
        p = p.mul_add(t, c);
    }
    let erfc = t * exp(-z * z + p.mul_add(t, -1.265_512_2));
    if x < 0.0 { 0.5 * erfc } else { 0.5f32.mul_add(-erfc, 1.0) }
}

/// Value and slope of an activation at `x`.
#[inline(always)]
fn value_and_slope(kind: Activation, x: f32) -> (f32, f32) {
    match kind {
        Activation::Relu => (if x > 0.0 || x.is_nan() { x } else { 0.0 }, if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::Silu => {
            let s = sigmoid(x);
            (x * s, s * x.mul_add(1.0 - s, 1.0))
        }
        Activation::Gelu => {
            const DENSITY: f32 = 0.398_942_3; // 1 / sqrt(2 pi)
            let cdf = normal_distribution(x);
            (x * cdf, (x * DENSITY).mul_add(exp(-0.5 * x * x), cdf))
        }
        Activation::GeluTanh => {
            const C: f32 = 0.797_884_6; // sqrt(2 / pi)
            let u = C * x * (x * x).mul_add(0.044_715, 1.0);
            // (1 + tanh u) / 2 is sigmoid(2 u), which keeps its precision where tanh nears -1.
            let s = sigmoid(2.0 * u);
            let du = C * (x * x).mul_add(3.0 * 0.044_715, 1.0);
            (x * s, (2.0 * x * s * (1.0 - s)).mul_add(du, s))
        }
    }
}

/// Runs a loop with the kind of activation known inside it, so that the loop becomes vector code.
macro_rules! each_kind {
    ($kind:expr, $known:ident => $body:expr) => {
        each_kind!(@arms $kind, $known, $body, Relu, Silu, Gelu, GeluTanh)
    };
    (@arms $kind:expr, $known:ident, $body:expr, $($variant:ident),*) => {
        match $kind {
            $(Activation::$variant => {
                const $known: Activation = Activation::$variant;
                $body
            })*
        }
    };
}

struct Activate<'a> {
    kind: Activation,
    values: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        each_kind!(self.kind, KIND => for x in self.values {
            *x = value_and_slope(KIND, *x).0;
        })
    }
}

struct ActivateWithSlope<'a> {
    kind: Activation,
    values: &'a mut [f32],
    slopes: &'a mut [f32],
}

impl WithSimd for ActivateWithSlope<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        each_kind!(self.kind, KIND => for (x, slope) in self.values.iter_mut().zip(self.slopes) {
            (*x, *slope) = value_and_slope(KIND, *x);
        })
    }
}

/// The activation of every element.
pub(super) fn activation<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    if !is_host(&x) {
        return portable_activation(kind, x);
    }
    let device = x.device();
    let mut data = x.into_data();
    values_mut(&mut data).par_chunks_mut(TASK).for_each(|values| Arch::new().dispatch(Activate { kind, values }));
    Tensor::from_data(data, &device)
}

/// The activation of every element, and its slope there.
pub(super) fn activation_with_slope<const D: usize>(kind: Activation, x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    if !is_host(&x) {
        return (portable_activation(kind, x.clone()), portable_slope(kind, x));
    }
    let device = x.device();
    let mut slope = vec![0f32; x.shape().num_elements()];
    let shape = x.shape();
    let mut data = x.into_data();
    values_mut(&mut data)
        .par_chunks_mut(TASK)
        .zip(slope.par_chunks_mut(TASK))
        .for_each(|(values, slopes)| Arch::new().dispatch(ActivateWithSlope { kind, values, slopes }));
    (Tensor::from_data(data, &device), Tensor::from_data(TensorData::new(slope, shape), &device))
}

fn portable_activation<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Relu => burn_activation::relu(x),
        Activation::Silu => burn_activation::silu(x),
        Activation::Gelu => burn_activation::gelu(x),
        Activation::GeluTanh => burn_activation::gelu_approximate(x),
    }
}

fn portable_slope<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Relu => x.clone().greater_elem(0.0).float().cast(x.dtype()),
        Activation::Silu => {
            let s = burn_activation::sigmoid(x.clone());
            s.clone() * (x * (s.neg() + 1.0) + 1.0)
        }
        Activation::Gelu => {
            let cdf = ((x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
            let density = (x.clone().square() * -0.5).exp()
                * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
            cdf + x * density
        }
        Activation::GeluTanh => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            let square = x.clone().square();
            let tanh = ((x.clone() * (square.clone() * 0.044_715 + 1.0)) * c).tanh();
            let du = (square * (3.0 * 0.044_715) + 1.0) * c;
            (tanh.clone() + 1.0) * 0.5 + x * 0.5 * (tanh.square().neg() + 1.0) * du
        }
    }
}

struct SoftmaxPullback<'a> {
    cotangents: &'a mut [f32],
    weights: &'a [f32],
    keys: usize,
}

impl WithSimd for SoftmaxPullback<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (d, w) in self.cotangents.chunks_mut(self.keys).zip(self.weights.chunks(self.keys)) {
            let total = dot(d, w);
            for (d, w) in d.iter_mut().zip(w) {
                *d = *w * (*d - total);
            }
        }
    }
}

/// The pullback of a softmax over the last axis: `w (dw - sum(dw w))`.
///
/// Cotangents `[batch, head, probe, row, key]`, weights the same or with a probe axis of 1.
pub(super) fn softmax_pullback(cotangent: Tensor<5>, weights: Tensor<5>) -> Tensor<5> {
    let Some(trace) = HostTensor::of(&weights).filter(|_| is_host(&cotangent)) else {
        let product = cotangent * weights.clone();
        let total = product.clone().sum_dim(4);
        return product - weights * total;
    };
    let device = cotangent.device();
    let [_, _, probes, rows, keys] = cotangent.dims();
    let shared = weights.dims()[2] == 1;
    let mut data = cotangent.into_data();
    let all: &[f32] = &trace;
    // One task is one probe's rows, so that a shared trace is found by the probe's group.
    let block = (rows * keys).max(1);
    let group = (TASK / block).max(1);
    values_mut(&mut data).par_chunks_mut(block * group).enumerate().for_each(|(task, chunk)| {
        for (i, cotangents) in chunk.chunks_mut(block).enumerate() {
            let index = task * group + i;
            let start = if shared { index / probes } else { index } * block;
            Arch::new().dispatch(SoftmaxPullback { cotangents, weights: &all[start..start + block], keys });
        }
    });
    Tensor::from_data(data, &device)
}

struct NormPullback<'a> {
    cotangents: &'a mut [f32],
    gain: &'a [f32],
    normalized: &'a [f32],
    inverse: f32,
}

impl WithSimd for NormPullback<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { cotangents, gain, normalized, inverse } = self;
        for (d, g) in cotangents.iter_mut().zip(gain) {
            *d *= *g;
        }
        let features = cotangents.len() as f32;
        let mean = sum(cotangents) / features;
        let along = dot(cotangents, normalized) / features;
        for (d, n) in cotangents.iter_mut().zip(normalized) {
            *d = (*d - mean - n * along) * inverse;
        }
    }
}

/// The pullback of layer normalization (see [`super::LayerNorm::pullback`]).
///
/// Cotangents `[batch, probe, row, feature]`; the traces the same or with a probe axis of 1.
pub(super) fn layer_norm_pullback(
    cotangent: Tensor<4>,
    gain: &Tensor<1>,
    normalized: Tensor<4>,
    inverse_deviation: Tensor<4>,
) -> Tensor<4> {
    let traces = HostTensor::of(gain).zip(HostTensor::of(&normalized)).zip(HostTensor::of(&inverse_deviation));
    let Some(((gain, along_trace), inverse)) = traces.filter(|_| is_host(&cotangent)) else {
        let scaled = cotangent * gain.clone().unsqueeze();
        let along = (scaled.clone() * normalized.clone()).mean_dim(3);
        let mean = scaled.clone().mean_dim(3);
        return (scaled - mean - normalized * along) * inverse_deviation;
    };
    let device = cotangent.device();
    let [_, probes, rows, features] = cotangent.dims();
    let shared = normalized.dims()[1] == 1;
    let mut data = cotangent.into_data();
    let (gain, normalized, inverse): (&[f32], &[f32], &[f32]) = (&gain, &along_trace, &inverse);
    let group = (TASK / features.max(1)).max(1);
    values_mut(&mut data).par_chunks_mut(features * group).enumerate().for_each(|(task, chunk)| {
        for (i, cotangents) in chunk.chunks_mut(features).enumerate() {
            let row = task * group + i;
            let trace = if shared { row / (probes * rows) * rows + row % rows } else { row };
            let normalized = &normalized[trace * features..(trace + 1) * features];
            Arch::new().dispatch(NormPullback { cotangents, gain, normalized, inverse: inverse[trace] });
        }
    });
    Tensor::from_data(data, &device)
}

/// Turns scores into logarithms of probabilities.
pub(crate) fn log_softmax_row(row: &mut [f32]) {
    Arch::new().dispatch(LogSoftmax(row));
}

struct LogSoftmax<'a>(&'a mut [f32]);

impl WithSimd for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let row = self.0;
        let max = maximum(row);
        // A row without a finite maximum has no distribution, and stays as it is.
        if !max.is_finite() {
            return;
        }
        let mut lanes = [0f32; 16];
        let (head, tail) = row.as_chunks::<16>();
        for chunk in head {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += exp(x - max);
            }
        }
        let mut total: f32 = lanes.iter().sum();
        for x in tail {
            total += exp(x - max);
        }
        let shift = max + total.ln();
        for x in row {
            *x -= shift;
        }
    }
}

#[inline(always)]
fn maximum(a: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (head, tail) = a.as_chunks::<16>();
    for a in head {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane = lane.max(*a);
        }
    }
    lanes.iter().chain(tail).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// A sum in 16 lanes, so that it becomes vector code.
#[inline(always)]
fn sum(a: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (head, tail) = a.as_chunks::<16>();
    for a in head {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane += a;
        }
    }
    lanes.iter().sum::<f32>() + tail.iter().sum::<f32>()
}

/// A dot product in 16 lanes.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = a.mul_add(*b, *lane);
        }
    }
    lanes.iter().sum::<f32>() + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between -90 and 90, dense around 0.
    fn grid() -> impl Iterator<Item = f32> {
        (-90_000..=90_000).map(|i| i as f32 / 1000.0).chain((-9_000..=9_000).map(|i| i as f32 / 1e5))
    }

    fn ulps(got: f32, exact: f64) -> f64 {
        let nearest = exact as f32;
        let unit = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(got) - exact).abs() / unit
    }

    #[test]
    fn exp_is_within_one_unit_in_the_last_place() {
        let worst =
            grid().filter(|x| (-87.0..=88.0).contains(x)).map(|x| ulps(exp(x), f64::from(x).exp())).fold(0.0, f64::max);
        assert!(worst <= 1.0, "{worst} ULP");
        assert_eq!((exp(f32::NEG_INFINITY), exp(-100.0), exp(100.0)), (0.0, 0.0, f32::INFINITY));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn activations_are_near_their_formulas() {
        let formula = |kind, x: f64| match kind {
            Activation::Relu => (x.max(0.0), f64::from(u8::from(x > 0.0))),
            Activation::Silu => {
                let s = 1.0 / (1.0 + (-x).exp());
                (x * s, s * (1.0 + x * (1.0 - s)))
            }
            Activation::Gelu => {
                let cdf = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
                (x * cdf, cdf + x * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt())
            }
            Activation::GeluTanh => {
                let c = (2.0 / std::f64::consts::PI).sqrt();
                let tanh = (c * (x + 0.044_715 * x * x * x)).tanh();
                let slope = 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * c * (1.0 + 3.0 * 0.044_715 * x * x);
                (0.5 * x * (1.0 + tanh), slope)
            }
        };
        for kind in [Activation::Relu, Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
            for x in grid() {
                let (value, slope) = value_and_slope(kind, x);
                let (exact, exact_slope) = formula(kind, f64::from(x));
                let scale = f64::from(x).abs().max(1.0);
                assert!((f64::from(value) - exact).abs() <= 3e-7 * scale, "{kind:?}({x}) is {value}, not {exact}");
                assert!(
                    // The argument of tanh is rounded to f32 at up to 10, which alone moves the slope by 1e-6.
                    (f64::from(slope) - exact_slope).abs() <= 2e-6,
                    "slope of {kind:?} at {x} is {slope}, not {exact_slope}"
                );
            }
        }
    }

    #[test]
    fn log_softmax_sums_to_one() {
        let mut row: Vec<f32> = (0..1003).map(|i| ((i * 31) % 97) as f32 / 7.0 - 5.0).collect();
        let exact: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        let first = f64::from(row[0]) - exact.ln();
        log_softmax_row(&mut row);
        assert!((f64::from(row[0]) - first).abs() < 1e-5);
        let mut hopeless = [f32::NEG_INFINITY; 20];
        log_softmax_row(&mut hopeless);
        assert!(hopeless.iter().all(|x| *x == f32::NEG_INFINITY));
    }
}
