//! Activations and their slopes.

use burn::tensor::{Tensor, TensorData, activation as burn_activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::is_host;
use super::{TASK, exp, values_mut};
use crate::layers::Activation;

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
pub(in crate::layers) fn activation<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    if !is_host(&x) {
        return portable_activation(kind, x);
    }
    let device = x.device();
    let mut data = x.into_data();
    values_mut(&mut data).par_chunks_mut(TASK).for_each(|values| Arch::new().dispatch(Activate { kind, values }));
    Tensor::from_data(data, &device)
}

/// The activation of every element, and its slope there.
pub(in crate::layers) fn activation_with_slope<const D: usize>(
    kind: Activation,
    x: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between -90 and 90, dense around 0.
    fn grid() -> impl Iterator<Item = f32> {
        (-90_000..=90_000).map(|i| i as f32 / 1000.0).chain((-9_000..=9_000).map(|i| i as f32 / 1e5))
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
}
