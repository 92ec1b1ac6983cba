//! A part of a block between two points of the residual stream, with the norms around it.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::layers::{Attention, Mixer, Norm, NormTrace, Rows};

/// The norms of a sublayer: `y = sum(x + output(f(input(x))))`.
#[derive(Clone, Debug, Default)]
pub struct Norms {
    /// Norm before the sublayer (pre-norm).
    pub input: Option<Norm>,
    /// Norm after the sublayer, before its result is added.
    pub output: Option<Norm>,
    /// Norm after the sublayer's result is added (post-norm).
    pub sum: Option<Norm>,
    /// Whether the result is added to `input(x)` instead of `x`.
    pub adds_to_normed: bool,
}

impl Norms {
    /// `x + f(norm(x))`.
    pub fn before(norm: Norm) -> Self {
        Self { input: Some(norm), ..Self::default() }
    }

    /// `norm(x + f(x))`.
    pub fn after(norm: Norm) -> Self {
        Self { sum: Some(norm), ..Self::default() }
    }
}

/// A sublayer with its norms.
#[derive(Clone, Debug)]
pub struct Sublayer<T> {
    /// The layer inside the norms.
    pub inner: T,
    /// The norms around it.
    pub norms: Norms,
}

impl<T> Sublayer<T> {
    /// `x + f(norm(x))`.
    pub fn before(norm: Norm, inner: impl Into<T>) -> Self {
        Self::new(Norms::before(norm), inner)
    }

    /// A sublayer with these norms.
    pub fn new(norms: Norms, inner: impl Into<T>) -> Self {
        Self { inner: inner.into(), norms }
    }
}

impl From<Sublayer<Attention>> for Sublayer<Mixer> {
    fn from(Sublayer { inner, norms }: Sublayer<Attention>) -> Self {
        Self { inner: inner.into(), norms }
    }
}

/// Values of a sublayer's forward that the pullback needs.
#[derive(Clone, Debug)]
pub(super) struct SublayerTrace<T> {
    pub(super) inner: T,
    pub(super) input: Option<NormTrace>,
    pub(super) output: Option<NormTrace>,
    pub(super) sum: Option<NormTrace>,
    /// Dropout factors of the inner layer's output.
    pub(super) dropout: Option<Tensor<3>>,
}

impl<T> SublayerTrace<T> {
    /// The trace of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>, inner: impl FnOnce(&T, &Range<usize>) -> T) -> Self {
        let norm = |norm: &Option<NormTrace>| norm.as_ref().map(|norm| norm.entries(range));
        Self {
            inner: inner(&self.inner, range),
            input: norm(&self.input),
            output: norm(&self.output),
            sum: norm(&self.sum),
            dropout: self.dropout.as_ref().map(|factors| factors.clone().narrow(0, range.start, range.len())),
        }
    }
}

impl<T> SublayerTrace<Option<T>> {
    /// The trace, if the inner layer has one.
    pub(super) fn some(self) -> Option<SublayerTrace<T>> {
        let Self { inner, input, output, sum, dropout } = self;
        inner.map(|inner| SublayerTrace { inner, input, output, sum, dropout })
    }
}

/// Applies an optional norm to `x`.
pub(super) fn normed(norm: Option<&Norm>, x: Tensor<3>) -> (Tensor<3>, Option<NormTrace>) {
    match norm {
        Some(norm) => {
            let (y, trace) = norm.forward(x);
            (y, Some(trace))
        }
        None => (x, None),
    }
}

/// The pullback of [`normed`].
pub(super) fn normed_pullback(
    norm: Option<&Norm>,
    trace: Option<&NormTrace>,
    cotangent: Tensor<4>,
    rows: &Rows,
) -> Tensor<4> {
    match (norm, trace) {
        (Some(norm), Some(trace)) => norm.pullback(cotangent, trace, rows),
        _ => cotangent,
    }
}

/// `x` times optional factors.
pub(super) fn times(x: Tensor<3>, factors: Option<&Tensor<3>>) -> Tensor<3> {
    match factors {
        Some(factors) => x * factors.clone(),
        None => x,
    }
}

/// The pullback of [`times`].
pub(super) fn times_pullback(cotangent: Tensor<4>, factors: Option<&Tensor<3>>, rows: &Rows) -> Tensor<4> {
    match factors {
        Some(factors) => cotangent * rows.of(factors),
        None => cotangent,
    }
}

impl<L> Sublayer<L> {
    /// The term that is added to the residual stream, `output(f(input(x)))`, and the stream that it is added to. `dropout` holds the
    /// factors of the inner layer's output. `inner` also gets the trace of the norm before it.
    pub(super) fn branch<T>(
        &self,
        x: Tensor<3>,
        dropout: Option<Tensor<3>>,
        inner: impl FnOnce(Tensor<3>, Option<&NormTrace>) -> (Tensor<3>, T),
    ) -> (Tensor<3>, Tensor<3>, SublayerTrace<T>) {
        let (normed_input, input) = normed(self.norms.input.as_ref(), x.clone());
        let residual = if self.norms.adds_to_normed { normed_input.clone() } else { x };
        let (y, inner) = inner(normed_input, input.as_ref());
        let y = times(y, dropout.as_ref());
        let (y, output) = normed(self.norms.output.as_ref(), y);
        (y, residual, SublayerTrace { inner, input, output, sum: None, dropout })
    }

    /// The residual stream after the sublayer. `dropout` and `inner` are as in [`branch`](Self::branch); `stream` gets the stream
    /// that the branch is added to.
    pub(super) fn around<T>(
        &self,
        x: Tensor<3>,
        dropout: Option<Tensor<3>>,
        stream: impl FnOnce(&Tensor<3>),
        inner: impl FnOnce(Tensor<3>, Option<&NormTrace>) -> (Tensor<3>, T),
    ) -> (Tensor<3>, SublayerTrace<T>) {
        let (y, residual, mut trace) = self.branch(x, dropout, inner);
        stream(&residual);
        let (y, sum) = normed(self.norms.sum.as_ref(), residual + y);
        trace.sum = sum;
        (y, trace)
    }

    /// Pulls the cotangent of the sum back to its two terms.
    pub(super) fn sum_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        normed_pullback(self.norms.sum.as_ref(), trace.sum.as_ref(), cotangent, rows)
    }

    /// Pulls the cotangent of the branch back to the inner layer's output.
    pub(super) fn output_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        let cotangent = normed_pullback(self.norms.output.as_ref(), trace.output.as_ref(), cotangent, rows);
        times_pullback(cotangent, trace.dropout.as_ref(), rows)
    }

    /// Pulls the cotangents of the stream that the result is added to, and of the inner layer's input, back to the residual stream.
    pub(super) fn residual_pullback<T>(
        &self,
        value: Tensor<4>,
        inner: Tensor<4>,
        trace: &SublayerTrace<T>,
        rows: &Rows,
    ) -> Tensor<4> {
        match self.norms.adds_to_normed {
            true => self.input_pullback(value + inner, trace, rows),
            false => value + self.input_pullback(inner, trace, rows),
        }
    }

    /// Pulls the cotangent of the inner layer's input back to the residual stream.
    pub(super) fn input_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        normed_pullback(self.norms.input.as_ref(), trace.input.as_ref(), cotangent, rows)
    }
}
