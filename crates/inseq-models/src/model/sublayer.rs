//! A part of a block between two points of the residual stream, with the norms around it.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::layers::{Attention, Mixer, Norm, NormTrace, Rows};

/// Where a sublayer's norms stand: `y = sum(x + output(f(input(x))))`.
#[derive(Clone, Debug, Default)]
pub struct Norms {
    /// Before the sublayer (pre-norm).
    pub input: Option<Norm>,
    /// After the sublayer, before its result is added.
    pub output: Option<Norm>,
    /// After the sublayer's result is added (post-norm).
    pub sum: Option<Norm>,
    /// The result is added to `input(x)` rather than to `x`.
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
    /// What the sublayer does.
    pub inner: T,
    /// What stands around it.
    pub norms: Norms,
}

impl<T> Sublayer<T> {
    /// `x + f(norm(x))`.
    pub fn before(norm: Norm, inner: impl Into<T>) -> Self {
        Self::new(Norms::before(norm), inner)
    }

    /// With these norms around it.
    pub fn new(norms: Norms, inner: impl Into<T>) -> Self {
        Self { inner: inner.into(), norms }
    }
}

impl From<Sublayer<Attention>> for Sublayer<Mixer> {
    fn from(Sublayer { inner, norms }: Sublayer<Attention>) -> Self {
        Self { inner: inner.into(), norms }
    }
}

/// What the pullback needs of a sublayer's forward.
#[derive(Clone, Debug)]
pub(super) struct SublayerTrace<T> {
    pub(super) inner: T,
    pub(super) input: Option<NormTrace>,
    pub(super) output: Option<NormTrace>,
    pub(super) sum: Option<NormTrace>,
    /// What the inner layer's output was multiplied by.
    pub(super) dropout: Option<Tensor<3>>,
}

impl<T> SublayerTrace<T> {
    /// Of some batch entries.
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
    /// The trace, where the inner layer kept something.
    pub(super) fn some(self) -> Option<SublayerTrace<T>> {
        let Self { inner, input, output, sum, dropout } = self;
        inner.map(|inner| SublayerTrace { inner, input, output, sum, dropout })
    }
}

/// `x` under an optional norm.
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
    /// What is added to the residual stream, `output(f(input(x)))`, and what it is added to. `dropout` is what the inner
    /// layer's output is multiplied by. `inner` gets the trace of the norm before it, too.
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

    /// The residual stream after the sublayer. `dropout` and `inner` are those of [`branch`](Self::branch); `stream` sees what
    /// the branch is added to.
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

    /// The sum's cotangent to that of both its terms.
    pub(super) fn sum_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        normed_pullback(self.norms.sum.as_ref(), trace.sum.as_ref(), cotangent, rows)
    }

    /// The branch's cotangent to that of what the inner layer gave.
    pub(super) fn output_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        let cotangent = normed_pullback(self.norms.output.as_ref(), trace.output.as_ref(), cotangent, rows);
        times_pullback(cotangent, trace.dropout.as_ref(), rows)
    }

    /// The cotangents of what the result is added to and of what the inner layer took, to that of the residual stream.
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

    /// The cotangent of what the inner layer took to that of the residual stream.
    pub(super) fn input_pullback<T>(&self, cotangent: Tensor<4>, trace: &SublayerTrace<T>, rows: &Rows) -> Tensor<4> {
        normed_pullback(self.norms.input.as_ref(), trace.input.as_ref(), cotangent, rows)
    }
}
