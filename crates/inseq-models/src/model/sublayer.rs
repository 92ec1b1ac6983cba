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

/// What a sublayer `f` makes of the residual stream, each `[batch, position, feature]`.
#[derive(Clone, Debug)]
pub struct SublayerStates {
    /// `x`: the residual stream before the sublayer.
    pub before: Tensor<3>,
    /// What the branch is added to: `x`, or what else the layer adds to it.
    pub residual: Tensor<3>,
    /// `f(input(x))`: what the sublayer gives.
    pub given: Tensor<3>,
    /// `output(f(input(x)))`: what is added to the residual stream.
    pub branch: Tensor<3>,
    /// `sum(residual + branch)`: the residual stream after the sublayer.
    pub after: Tensor<3>,
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
    /// Where it is kept, what the sublayer made of the residual stream.
    pub(super) states: Option<SublayerStates>,
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
            states: None,
        }
    }
}

impl<T> SublayerTrace<T> {
    /// With another trace of the inner layer.
    pub(super) fn map<U>(self, inner: impl FnOnce(T) -> U) -> SublayerTrace<U> {
        let Self { inner: own, input, output, sum, dropout, states } = self;
        SublayerTrace { inner: inner(own), input, output, sum, dropout, states }
    }
}

impl<T> SublayerTrace<Option<T>> {
    /// The trace, if the inner layer has one.
    pub(super) fn some(self) -> Option<SublayerTrace<T>> {
        let Self { inner, input, output, sum, dropout, states } = self;
        inner.map(|inner| SublayerTrace { inner, input, output, sum, dropout, states })
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

/// The residual stream at a sublayer.
pub(super) struct Entered {
    before: Tensor<3>,
    residual: Tensor<3>,
    /// What the inner layer takes.
    pub(super) x: Tensor<3>,
    /// Trace of the norm before it.
    pub(super) norm: Option<NormTrace>,
}

/// A sublayer before its result is added.
pub(super) struct Branch<T> {
    before: Tensor<3>,
    /// What the branch is added to.
    pub(super) residual: Tensor<3>,
    given: Tensor<3>,
    pub(super) branch: Tensor<3>,
    pub(super) trace: SublayerTrace<T>,
}

impl<L> Sublayer<L> {
    /// Up to what the inner layer takes.
    pub(super) fn enter(&self, before: Tensor<3>) -> Entered {
        let (x, norm) = normed(self.norms.input.as_ref(), before.clone());
        let residual = if self.norms.adds_to_normed { x.clone() } else { before.clone() };
        Entered { before, residual, x, norm }
    }

    /// From what the inner layer gives to what is added to the residual stream. `dropout` is what it is multiplied by.
    pub(super) fn branch<T>(
        &self,
        Entered { before, residual, norm, .. }: Entered,
        (given, inner): (Tensor<3>, T),
        dropout: Option<Tensor<3>>,
    ) -> Branch<T> {
        let given = times(given, dropout.as_ref());
        let (branch, output) = normed(self.norms.output.as_ref(), given.clone());
        let trace = SublayerTrace { inner, input: norm, output, sum: None, dropout, states: None };
        Branch { before, residual, given, branch, trace }
    }

    /// The residual stream after the sublayer. The trace keeps states where it is asked to.
    pub(super) fn joined<T>(&self, branch: Branch<T>, keeps_states: bool) -> (Tensor<3>, SublayerTrace<T>) {
        let Branch { before, residual, given, branch, mut trace } = branch;
        let (after, sum) = normed(self.norms.sum.as_ref(), residual.clone() + branch.clone());
        trace.sum = sum;
        trace.states = keeps_states.then(|| SublayerStates { before, residual, given, branch, after: after.clone() });
        (after, trace)
    }

    /// The residual stream after the sublayer, whose inner layer is `inner`. `dropout` is what the inner layer's output is
    /// multiplied by.
    pub(super) fn around<T>(
        &self,
        x: Tensor<3>,
        dropout: Option<Tensor<3>>,
        keeps_states: bool,
        inner: impl FnOnce(Tensor<3>) -> (Tensor<3>, T),
    ) -> (Tensor<3>, SublayerTrace<T>) {
        let entered = self.enter(x);
        let given = inner(entered.x.clone());
        self.joined(self.branch(entered, given, dropout), keeps_states)
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
