//! A block without the values of some positions in its attention.

use std::cell::Cell;

use burn::tensor::Tensor;

use super::super::dropout::Place;
use super::super::sublayer::{Norms, normed};
use super::{Block, Context, Residual};
use crate::layers::{Attention, AttentionTrace, LeftOutValues, Mapped, Mixer, MixerTrace, NormTrace};

/// The parts of a block's forward that forwards without some values reuse.
#[derive(Clone, Debug)]
pub(in crate::model) struct Attended {
    /// Output of the mixer, if it is an attention.
    own: Option<AttendedBy>,
    cross: Option<AttendedBy>,
    /// Output of the feed-forward's first layer, `[batch, position, output]`, if there is one.
    first: Option<Tensor<3>>,
    /// One over the deviation of the last norm before this layer.
    inverse_deviation: Option<Tensor<3>>,
}

/// Output of an attention.
#[derive(Clone, Debug)]
struct AttendedBy {
    /// Output of the attention, plus the residual stream if there is no norm between them.
    y: Tensor<3>,
    /// Residual stream that is added later.
    stream: Option<Tensor<3>>,
    trace: AttentionTrace,
}

impl Block {
    /// The block's output for `x` `[batch, position, feature]`, and the values that [`without_values`](Self::without_values) needs.
    pub(in crate::model) fn forward_attended(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, Attended) {
        let mix = |x: Tensor<3>| {
            let (y, trace) = self.mix(x, context);
            let trace = match trace {
                MixerTrace::Attention(trace) => Some((y.clone(), trace)),
                MixerTrace::ShortConvolution(_) => None,
            };
            (y, trace)
        };
        let cross = |x: Tensor<3>| {
            let (y, trace) = self.attend_to_memory(x, context);
            (y.clone(), trace.map(|trace| (y, trace)))
        };
        let feed = |x: Tensor<3>| {
            let feed = &self.feed_forward.inner;
            let first = feed.first_layer().map(|layer| layer.forward(x.clone()));
            (feed.forward_from_first(first.clone().unwrap_or(x)), first)
        };
        let (own_stream, cross_stream) = (Cell::new(x.clone()), Cell::new(None));
        let stream = |place: Place, x: &Tensor<3>| match place {
            Place::Mixer => own_stream.set(x.clone()),
            Place::CrossAttention => cross_stream.set(Some(x.clone())),
            _ => {}
        };
        let (y, (own, cross, fed)) = self.run(x, context, stream, mix, cross, feed);
        let last = cross.as_ref().map_or(&own.sum, |cross| &cross.sum);
        let inverse_deviation = fed.input.as_ref().or(last.as_ref()).map(NormTrace::inverse_deviation);
        let by = |stream: Tensor<3>, output: Option<NormTrace>, (y, trace)| match output {
            Some(_) => AttendedBy { y, stream: Some(stream), trace },
            None => AttendedBy { y: stream + y, stream: None, trace },
        };
        let cross = cross.and_then(|cross| Some(by(cross_stream.into_inner()?, cross.output, cross.inner?)));
        let own = own.inner.map(|inner| by(own_stream.into_inner(), own.output, inner));
        (y, Attended { own, cross, first: fed.inner, inverse_deviation })
    }

    /// The block's output for `x` `[1, position, feature]` without the values of spans of positions in chosen heads of the
    /// self-attention or the cross-attention: `[1, row, feature]`. `attended` is from the unchanged `x`,
    /// and `weights` are the weights of this attention.
    ///
    /// The part before the attention is the same for all spans; after it, each span has its own rows. `None` if the block has no
    /// such attention.
    pub(in crate::model) fn without_values(
        &self,
        attended: &Attended,
        of_cross: bool,
        weights: &Tensor<4>,
        left_out: &LeftOutValues,
        heads: &[usize],
    ) -> Option<Tensor<3>> {
        let (attention, norms, by) = self.attention(attended, of_cross)?;
        let shared = attention.without_values(&by.trace, weights, by.y.clone(), left_out, heads);
        let x = match &by.stream {
            Some(stream) => normed(norms.output.as_ref(), shared.rows()).0 + left_out.of_rows(stream.clone()),
            None => shared.rows(),
        };
        if self.residual == Residual::Parallel {
            return Some(x);
        }
        let (x, sum) = normed(norms.sum.as_ref(), x);
        let (x, is_last) = match (&self.cross_attention, &attended.cross) {
            (Some(cross), Some(by)) if !of_cross => {
                let attend = |x, _: Option<&NormTrace>| (cross.inner.forward_of_others(x, &by.trace), ());
                (cross.around(x, None, |_| {}, attend).0, false)
            }
            _ => (x, true),
        };
        // Where one norm is all there is between what was left out and the next linear layer, that one is run by parts.
        let norm = match [&norms.sum, &self.feed_forward.norms.input].map(Option::as_ref) {
            [Some(norm), None] | [None, Some(norm)] if is_last && by.stream.is_none() => Some(norm),
            _ => None,
        };
        let inner = &self.feed_forward.inner;
        let feed = |x, input: Option<&NormTrace>| {
            let by_parts = || {
                let (norm, trace) = norm.zip(input.or(sum.as_ref()))?;
                let (output, inverse_deviation) = (attended.first.clone()?, attended.inverse_deviation.clone()?);
                let states = Mapped { output, inverse_deviation };
                shared.mapped(norm, inner.first_layer()?, &states, trace.inverse_deviation())
            };
            (by_parts().map_or_else(|| inner.forward(x), |first| inner.forward_from_first(first)), ())
        };
        Some(self.feed_forward.around(x, None, |_| {}, feed).0)
    }

    /// The weights of the self-attention or the cross-attention, `[1, head, query, key]`; `None` if there is none.
    pub(in crate::model) fn attended_weights(&self, attended: &Attended, of_cross: bool) -> Option<Tensor<4>> {
        let (attention, _, by) = self.attention(attended, of_cross)?;
        Some(attention.weights(&by.trace))
    }

    /// The self-attention or the cross-attention, with its norms and its output.
    fn attention<'a>(
        &'a self,
        attended: &'a Attended,
        of_cross: bool,
    ) -> Option<(&'a Attention, &'a Norms, &'a AttendedBy)> {
        if of_cross {
            let cross = self.cross_attention.as_ref()?;
            return Some((&cross.inner, &cross.norms, attended.cross.as_ref()?));
        }
        match &self.mixer.inner {
            Mixer::Attention(attention) => Some((attention, &self.mixer.norms, attended.own.as_ref()?)),
            Mixer::ShortConvolution(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Range;

    use super::super::super::stack::StackTrace;
    use super::super::super::tests::{Random, close, variants};
    use super::super::super::trace::Mode;
    use super::super::super::{LeftOut, LeftOutRequest, Memory, Model, Source, Stack};
    use super::*;

    /// Positions of the source and of the target.
    const LENGTHS: [usize; 2] = [11, 9];

    /// By definition: each head's mean of values, some of which are put to zero.
    fn attended(attention: &Attention, trace: &AttentionTrace, span: &Range<usize>, heads: &[usize]) -> Tensor<3> {
        let weights = attention.weights(trace);
        let [_, count, queries, keys] = weights.dims();
        let values = trace.key_values(0, keys).values;
        let size = values.dims()[3];
        let mixed = (0..count).map(|head| {
            let of_head = values.clone().narrow(1, head * attention.key_value_heads / count, 1);
            let kept: Vec<f32> =
                (0..keys).map(|key| f32::from(!(heads.contains(&head) && span.contains(&key)))).collect();
            let kept = Tensor::<1>::from_data(kept.as_slice(), &values.device()).reshape([1, 1, keys, 1]);
            weights.clone().narrow(1, head, 1).matmul(of_head * kept)
        });
        let mixed = Tensor::cat(mixed.collect(), 1).swap_dims(1, 2).reshape([1, queries, count * size]);
        attention.output.forward(mixed)
    }

    /// The states of a layer without the values of a span, by definition.
    fn without(
        stack: &Stack,
        layer: usize,
        (x, context): (&Tensor<3>, &Context),
        which: LeftOut,
        span: &Range<usize>,
        heads: &[usize],
    ) -> Tensor<3> {
        let block = &stack.blocks[layer];
        let mix = |x: Tensor<3>| {
            let (y, trace) = block.mix(x, context);
            match (&block.mixer.inner, trace) {
                (Mixer::Attention(attention), MixerTrace::Attention(trace)) if which != LeftOut::Cross => {
                    (attended(attention, &trace, span, heads), ())
                }
                _ => (y, ()),
            }
        };
        let cross = |x: Tensor<3>| {
            let (y, trace) = block.attend_to_memory(x, context);
            match (&block.cross_attention, trace) {
                (Some(cross), Some(trace)) if which == LeftOut::Cross => {
                    (attended(&cross.inner, &trace, span, heads), ())
                }
                _ => (y, ()),
            }
        };
        let feed = |x| (block.feed_forward.inner.forward(x), ());
        let y = block.run(x.clone(), context, |_, _| {}, mix, cross, feed).0;
        if layer + 1 == stack.blocks.len() { stack.leave(y, &mut StackTrace::default()) } else { y }
    }

    type States = BTreeMap<(usize, usize, usize, usize), Tensor<2>>;

    /// What is asked for of every request, layer, span and query, by definition.
    fn by_definition(
        model: &Model,
        source: Option<&Source>,
        target: &Tensor<3>,
        requests: &[LeftOutRequest],
    ) -> States {
        let mut states = States::new();
        let mut run = |stack: &Stack, is_encoder: bool, layer: usize, x: Tensor<3>, context: &Context| {
            for (index, request) in requests.iter().enumerate() {
                if (request.which == LeftOut::Encoder) == is_encoder {
                    let heads = &request.heads[layer];
                    for (number, span) in request.parts.iter().flat_map(|part| part.iter()).enumerate() {
                        let all = without(stack, layer, (&x, context), request.which, span, heads);
                        for query in request.wanted.clone() {
                            let state = all.clone().narrow(1, query, 1).squeeze_dim::<2>(0);
                            states.insert((index, layer, number, query), state);
                        }
                    }
                }
            }
            stack.blocks[layer].forward(x, context).0
        };
        let memory = model.encoder.as_ref().zip(source).map(|(encoder, source)| {
            let mut layers = 0..;
            let run = |_: &Block, x: Tensor<3>, context: &Context| {
                run(&encoder.stack, true, layers.next().unwrap(), x, context)
            };
            Memory {
                output: model.run_encoder(source, Mode::default(), run).unwrap().0,
                lengths: source.lengths.clone(),
            }
        });
        let mut layers = 0..;
        model.run_decoder(memory.as_ref(), target.clone(), Mode::default(), |_, x, context| {
            run(&model.decoder, false, layers.next().unwrap(), x, context)
        });
        states
    }

    /// One head by itself is left out by parts of the feed-forward's first product, all of them at once by rows.
    #[test]
    fn states_without_values_are_those_of_values_put_to_zero() {
        let device = crate::device::parse(&std::env::var("INSEQ_TEST_DEVICE").unwrap_or("flex".into())).unwrap();
        let spans: Vec<Vec<Range<usize>>> = LENGTHS.map(|length| (0..length).map(|i| i..i + 1).collect()).into();
        // A convolution has no values to leave out.
        for (seed, variant) in variants().iter().enumerate().filter(|(_, variant)| variant.taps.is_none()) {
            let mut random = Random::new(seed as u64, &device);
            let model = random.model(variant);
            let [source, target] = LENGTHS.map(|length| random.tensor([1, length, variant.features()], 1.0));
            let source = variant.encoder.then(|| Source { embeddings: source, lengths: vec![LENGTHS[0]] });
            let heads = vec![vec![1], vec![0, 1, 2, 3]];
            let request = |which, of: usize, wanted| LeftOutRequest {
                which,
                parts: spans[of].chunks(6).collect(),
                heads: if which == LeftOut::Cross { heads.iter().rev().cloned().collect() } else { heads.clone() },
                wanted,
            };
            let mut requests = vec![request(LeftOut::Decoder, 1, 0..LENGTHS[1])];
            if variant.encoder {
                requests
                    .extend([request(LeftOut::Encoder, 0, 0..LENGTHS[0]), request(LeftOut::Cross, 0, 3..LENGTHS[1])]);
            }
            let expected = by_definition(&model, source.as_ref(), &target, &requests);
            let mut seen = 0;
            let (prepare, measure) = (|states| states, |states: Tensor<3>, _| states);
            model.left_out_values(
                source.as_ref(),
                target,
                &requests,
                prepare,
                measure,
                |request, layer, rows, states| {
                    for (row, (span, query)) in rows.rows().enumerate() {
                        let first = rows.spans[span].start;
                        let state = states.clone().narrow(1, row, 1).squeeze_dim::<2>(0);
                        close(state, expected[&(request, layer, first, query)].clone(), 2e-6);
                        seen += 1;
                    }
                },
            );
            // Of the decoder, a query before a span does not change.
            let causal = LENGTHS[1] * (LENGTHS[1] + 1) / 2;
            let of_encoder = if variant.encoder { LENGTHS[0] * LENGTHS[0] + LENGTHS[0] * (LENGTHS[1] - 3) } else { 0 };
            assert_eq!(seen, 2 * (causal + of_encoder));
        }
    }
}
