//! Activations and their slopes.

use burn::tensor::{Bool, Tensor, TensorData, activation as burn_activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::changed;
use super::{TASK, exp};
use crate::layers::Activation;

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The normal distribution function, from the complementary error function of Numerical Recipes (relative error 1.2e-7).
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

/// Mean and deviation of the normal distribution that is [`Activation::Laplace`].
#[expect(clippy::approx_constant, reason = "transformers rounds it so")]
const LAPLACE: (f32, f32) = (0.707_107, 0.282_095);

/// Factor in [`Activation::QuickGelu`].
const QUICK: f32 = 1.702;

/// Slope of [`Activation::LeakyRelu`] below zero.
const LEAK: f32 = 0.01;

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x > 0.0 || x.is_nan() { x } else { 0.0 }
}

#[inline(always)]
fn normal_density(x: f32) -> f32 {
    const AT_ZERO: f32 = 0.398_942_3; // 1 / sqrt(2 pi)
    AT_ZERO * exp(-0.5 * x * x)
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    let cdf = normal_distribution(x);
    (x * cdf, x.mul_add(normal_density(x), cdf))
}

/// `x sigmoid(factor x)`.
#[inline(always)]
fn times_sigmoid(x: f32, factor: f32) -> (f32, f32) {
    let s = sigmoid(factor * x);
    (x * s, s * (factor * x).mul_add(1.0 - s, 1.0))
}

/// Value and slope of an activation at `x`; at a kink, the slope that torch uses.
#[inline(always)]
fn value_and_slope(kind: Activation, x: f32) -> (f32, f32) {
    match kind {
        Activation::Relu => (relu(x), if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::Relu6 => {
            let y = relu(x);
            (if y > 6.0 { 6.0 } else { y }, if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 })
        }
        Activation::ReluSquared => {
            let y = relu(x);
            (y * y, 2.0 * y)
        }
        Activation::LeakyRelu => {
            if x > 0.0 {
                (x, 1.0)
            } else {
                (LEAK * x, LEAK)
            }
        }
        Activation::Silu => times_sigmoid(x, 1.0),
        Activation::HardSwish => {
            if x <= -3.0 {
                (0.0, 0.0)
            } else if x >= 3.0 {
                (x, 1.0)
            } else {
                (x * (x + 3.0) / 6.0, x / 3.0 + 0.5)
            }
        }
        Activation::Mish => {
            // tanh(log(1 + exp x)) is a quotient of polynomials of exp x, or of its inverse, whichever is below 1.
            let e = exp(-x.abs());
            let (numerator, rest) = if x > 0.0 { (2.0f32.mul_add(e, 1.0), 2.0 * e * e) } else { (e * (e + 2.0), 2.0) };
            let inverse = 1.0 / (numerator + rest);
            let (tanh, other) = (numerator * inverse, rest * inverse);
            (x * tanh, (x * other * (1.0 + tanh)).mul_add(sigmoid(x), tanh))
        }
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => {
            const C: f32 = 0.797_884_6; // sqrt(2 / pi)
            let u = C * x * (x * x).mul_add(0.044_715, 1.0);
            // (1 + tanh u) / 2 is sigmoid(2 u), which keeps its precision where tanh nears -1.
            let s = sigmoid(2.0 * u);
            let du = C * (x * x).mul_add(3.0 * 0.044_715, 1.0);
            (x * s, (2.0 * x * s * (1.0 - s)).mul_add(du, s))
        }
        Activation::GeluClipped => {
            let (value, slope) = gelu(x);
            if value > 10.0 { (10.0, 0.0) } else { (value, slope) }
        }
        Activation::QuickGelu => times_sigmoid(x, QUICK),
        Activation::Tanh => {
            let y = x.tanh();
            (y, y.mul_add(-y, 1.0))
        }
        Activation::Sigmoid => {
            let s = sigmoid(x);
            (s, s * (1.0 - s))
        }
        Activation::Laplace => {
            let (mean, deviation) = LAPLACE;
            let z = (x - mean) / deviation;
            (normal_distribution(z), normal_density(z) / deviation)
        }
        Activation::SqrtSoftplus => {
            let root = if x < -15.0 { exp(0.5 * x) } else { (x.max(0.0) + exp(-x.abs()).ln_1p()).sqrt() };
            // Far below zero, where the softplus is exp x, the quotient of both would be 0 / 0.
            (root, if x < -15.0 { 0.5 * root } else { 0.5 * sigmoid(x) / root })
        }
        Activation::Linear => (x, 1.0),
    }
}

/// Runs a loop with a constant kind of activation, so that the compiler can vectorize it.
macro_rules! each_kind {
    ($kind:expr, $known:ident => $body:expr) => {
        each_kind!(
            @arms $kind, $known, $body,
            Relu, Relu6, ReluSquared, LeakyRelu, Silu, HardSwish, Mish, Gelu, GeluTanh, GeluClipped, QuickGelu, Tanh, Sigmoid,
            Laplace, SqrtSoftplus, Linear
        )
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

/// Applies the activation to every element.
pub(in crate::layers) fn activation<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    let each = |values: &mut [f32]| {
        values.par_chunks_mut(TASK).for_each(|values| Arch::new().dispatch(Activate { kind, values }));
    };
    changed(x, each, |x| portable_activation(kind, x))
}

/// The activation of every element, and its slope there.
pub(in crate::layers) fn activation_with_slope<const D: usize>(
    kind: Activation,
    x: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    let (device, shape) = (x.device(), x.shape());
    let mut slope = Vec::new();
    let each = |values: &mut [f32]| {
        slope = vec![0f32; values.len()];
        values
            .par_chunks_mut(TASK)
            .zip(slope.par_chunks_mut(TASK))
            .for_each(|(values, slopes)| Arch::new().dispatch(ActivateWithSlope { kind, values, slopes }));
    };
    let mut portable = None;
    let y = changed(x, each, |x| {
        portable = Some(portable_slope(kind, x.clone()));
        portable_activation(kind, x)
    });
    (y, portable.unwrap_or_else(|| Tensor::from_data(TensorData::new(slope, shape), &device)))
}

fn portable_activation<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Relu => burn_activation::relu(x),
        Activation::Relu6 => burn_activation::relu(x.clone()) - burn_activation::relu(x - 6.0),
        Activation::ReluSquared => burn_activation::relu(x).square(),
        Activation::LeakyRelu => burn_activation::leaky_relu(x, f64::from(LEAK)),
        Activation::Silu => burn_activation::silu(x),
        Activation::HardSwish => {
            x.clone() * (burn_activation::relu(x.clone() + 3.0) - burn_activation::relu(x - 3.0)) / 6.0
        }
        Activation::Mish => x.clone() * portable_softplus(x).tanh(),
        Activation::Gelu => burn_activation::gelu(x),
        Activation::GeluTanh => burn_activation::gelu_approximate(x),
        Activation::GeluClipped => {
            let value = burn_activation::gelu(x);
            value.clone() - burn_activation::relu(value - 10.0)
        }
        Activation::QuickGelu => x.clone() * burn_activation::sigmoid(x * QUICK),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => burn_activation::sigmoid(x),
        Activation::Laplace => portable_distribution((x - LAPLACE.0) / LAPLACE.1),
        Activation::SqrtSoftplus => portable_softplus(x).sqrt(),
        Activation::Linear => x,
    }
}

fn portable_slope<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    let dtype = x.dtype();
    let number = |holds: Tensor<D, Bool>| holds.float().cast(dtype);
    match kind {
        Activation::Relu => number(x.greater_elem(0.0)),
        Activation::Relu6 => number(x.clone().greater_elem(0.0)) * number(x.lower_elem(6.0)),
        Activation::ReluSquared => burn_activation::relu(x) * 2.0,
        Activation::LeakyRelu => number(x.greater_elem(0.0)) * (1.0 - LEAK) + LEAK,
        Activation::Silu => portable_times_sigmoid(x, 1.0),
        Activation::HardSwish => {
            let [low, high] = [number(x.clone().greater_elem(-3.0)), number(x.clone().greater_equal_elem(3.0))];
            (x / 3.0 + 0.5) * (low - high.clone()) + high
        }
        Activation::Mish => {
            let tanh = portable_softplus(x.clone()).tanh();
            tanh.clone() + x.clone() * (tanh.square().neg() + 1.0) * burn_activation::sigmoid(x)
        }
        Activation::Gelu => portable_gelu_slope(x),
        Activation::GeluTanh => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            let square = x.clone().square();
            let tanh = ((x.clone() * (square.clone() * 0.044_715 + 1.0)) * c).tanh();
            let du = (square * (3.0 * 0.044_715) + 1.0) * c;
            (tanh.clone() + 1.0) * 0.5 + x * 0.5 * (tanh.square().neg() + 1.0) * du
        }
        Activation::GeluClipped => {
            portable_gelu_slope(x.clone()) * number(burn_activation::gelu(x).lower_equal_elem(10.0))
        }
        Activation::QuickGelu => portable_times_sigmoid(x, QUICK),
        Activation::Tanh => x.tanh().square().neg() + 1.0,
        Activation::Sigmoid => {
            let s = burn_activation::sigmoid(x);
            s.clone() * (s.neg() + 1.0)
        }
        Activation::Laplace => portable_density((x - LAPLACE.0) / LAPLACE.1) / LAPLACE.1,
        Activation::SqrtSoftplus => burn_activation::sigmoid(x.clone()) * 0.5 / portable_softplus(x).sqrt(),
        Activation::Linear => x.ones_like(),
    }
}

fn portable_softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    burn_activation::relu(x.clone()) + x.abs().neg().exp().log1p()
}

fn portable_distribution<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    ((x * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5
}

fn portable_density<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    (x.square() * -0.5).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2)
}

fn portable_gelu_slope<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    portable_distribution(x.clone()) + x.clone() * portable_density(x)
}

fn portable_times_sigmoid<const D: usize>(x: Tensor<D>, factor: f32) -> Tensor<D> {
    let s = burn_activation::sigmoid(x.clone() * factor);
    s.clone() * (x * factor * (s.neg() + 1.0) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between -90 and 90, dense around 0.
    fn grid() -> impl Iterator<Item = f32> {
        (-90_000..=90_000).map(|i| i as f32 / 1000.0).chain((-9_000..=9_000).map(|i| i as f32 / 1e5))
    }

    fn distribution(x: f64) -> f64 {
        0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
    }

    fn density(x: f64) -> f64 {
        (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    fn formula(kind: Activation, x: f64) -> (f64, f64) {
        let between = |holds: bool| f64::from(u8::from(holds));
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let swish = |factor: f64| {
            let s = logistic(factor * x);
            (x * s, s * (1.0 + factor * x * (1.0 - s)))
        };
        let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
        match kind {
            Activation::Relu => (x.max(0.0), between(x > 0.0)),
            Activation::Relu6 => (x.clamp(0.0, 6.0), between(x > 0.0 && x < 6.0)),
            Activation::ReluSquared => (x.max(0.0).powi(2), 2.0 * x.max(0.0)),
            Activation::LeakyRelu => (x.max(0.01 * x), 0.01 + 0.99 * between(x > 0.0)),
            Activation::Silu => swish(1.0),
            Activation::QuickGelu => swish(1.702),
            Activation::HardSwish => {
                let slope = between(x >= 3.0) + between(x.abs() < 3.0) * (x / 3.0 + 0.5);
                (x * (x + 3.0).clamp(0.0, 6.0) / 6.0, slope)
            }
            Activation::Mish => {
                let tanh = softplus.tanh();
                (x * tanh, tanh + x * (1.0 - tanh * tanh) * logistic(x))
            }
            Activation::Gelu => (x * distribution(x), distribution(x) + x * density(x)),
            Activation::GeluClipped => {
                let value = x * distribution(x);
                (value.min(10.0), between(value <= 10.0) * (distribution(x) + x * density(x)))
            }
            Activation::GeluTanh => {
                let c = (2.0 / std::f64::consts::PI).sqrt();
                let tanh = (c * (x + 0.044_715 * x * x * x)).tanh();
                let slope = 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * c * (1.0 + 3.0 * 0.044_715 * x * x);
                (0.5 * x * (1.0 + tanh), slope)
            }
            Activation::Tanh => (x.tanh(), 1.0 - x.tanh().powi(2)),
            Activation::Sigmoid => (logistic(x), logistic(x) * (1.0 - logistic(x))),
            Activation::Laplace => {
                let (mean, deviation) = (f64::from(LAPLACE.0), f64::from(LAPLACE.1));
                let z = (x - mean) / deviation;
                (distribution(z), density(z) / deviation)
            }
            Activation::SqrtSoftplus => (softplus.sqrt(), 0.5 * logistic(x) / softplus.sqrt()),
            Activation::Linear => (x, 1.0),
        }
    }

    #[test]
    fn activations_are_near_their_formulas() {
        for kind in Activation::ALL {
            for x in grid() {
                let (value, slope) = value_and_slope(kind, x);
                let (exact, exact_slope) = formula(kind, f64::from(x));
                let scale = exact.abs().max(1.0);
                assert!((f64::from(value) - exact).abs() <= 3e-7 * scale, "{kind:?}({x}) is {value}, not {exact}");
                assert!(
                    // The argument of tanh is rounded to f32 at up to 10, which alone moves the slope by 1e-6.
                    (f64::from(slope) - exact_slope).abs() <= 2e-6 * exact_slope.abs().max(1.0),
                    "slope of {kind:?} at {x} is {slope}, not {exact_slope}"
                );
            }
        }
    }
}
