//! The rest of a block, of rows that an attention gives.

use burn::tensor::Tensor;

use super::super::layer::Part;
use super::super::sublayer::normed;
use super::{Block, BlockTrace, Residual};
use crate::layers::{Mapped, NormTrace, SharedRows};

impl Block {
    /// The block's output where an attention gives rows, `[1, row, feature]`, that are those of a forward less shared parts.
    /// `trace` is of that forward, with states. `residual` is what is still to be added to the rows.
    pub(in crate::model) fn continued(
        &self,
        trace: &BlockTrace,
        part: Part,
        shared: SharedRows,
        residual: Option<Tensor<3>>,
    ) -> Tensor<3> {
        let norms = self.norms(part);
        let is_mixed = residual.is_none();
        let x = match residual {
            Some(residual) => normed(norms.output.as_ref(), shared.rows()).0 + residual,
            None => shared.rows(),
        };
        if self.residual == Residual::Parallel {
            return x;
        }
        let (x, sum) = normed(norms.sum.as_ref(), x);
        let (x, is_last) = match (&self.cross_attention, &trace.cross_attention) {
            (Some(cross), Some(by)) if part == Part::Mixer => {
                let attend = |x| (cross.inner.forward_of_others(x, &by.inner), ());
                (cross.around(x, None, false, attend).0, false)
            }
            _ => (x, true),
        };
        let (sublayer, feed) = (&self.feed_forward, &self.feed_forward.inner);
        // Where one norm is all there is between what was left out and the next linear layer, that one is run by parts.
        let norm = match [&norms.sum, &sublayer.norms.input].map(Option::as_ref) {
            [Some(norm), None] | [None, Some(norm)] if is_last && is_mixed => Some(norm),
            _ => None,
        };
        let entered = sublayer.enter(x);
        let by_parts = || {
            let (norm, of_rows) = norm.zip(entered.norm.as_ref().or(sum.as_ref()))?;
            let last_sum = trace.cross_attention.as_ref().map_or(&trace.mixer.sum, |cross| &cross.sum);
            let of_states =
                trace.feed_forward.input.as_ref().or(last_sum.as_ref()).map(NormTrace::inverse_deviation)?;
            let states = Mapped { output: trace.feed_forward.inner.first()?, inverse_deviation: of_states };
            shared.mapped(norm, feed.first_layer()?, &states, of_rows.inverse_deviation())
        };
        let fed = by_parts().map_or_else(|| feed.forward(entered.x.clone()), |first| feed.forward_from_first(first));
        sublayer.joined(sublayer.branch(entered, (fed, ()), None), false).0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Range;

    use super::super::super::forward::Mode;
    use super::super::super::stack::StackTrace;
    use super::super::super::tests::{Random, close, variants};
    use super::super::super::{Memory, Model, Side, Source, Stack};
    use super::super::Context;
    use super::*;
    use crate::layers::{Attention, AttentionTrace, LeftOutValues, Mixer, MixerTrace};

    /// Positions of the source and of the target.
    const LENGTHS: [usize; 2] = [11, 9];

    /// Whose values are left out, one position at a time, and the positions whose states are asked for.
    struct Request {
        side: Side,
        part: Part,
        wanted: Range<usize>,
        /// The heads of each layer that lose the values.
        heads: [Vec<usize>; 2],
    }

    impl Request {
        fn is_causal(&self) -> bool {
            self.side == Side::Decoder && self.part == Part::Mixer
        }

        /// The positions that are attended to, one by one.
        fn spans(&self) -> Vec<Range<usize>> {
            (0..LENGTHS[usize::from(self.is_causal())]).map(|position| position..position + 1).collect()
        }
    }

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
        request: &Request,
        span: &Range<usize>,
    ) -> Tensor<3> {
        let (block, heads) = (&stack.blocks[layer], &request.heads[layer]);
        let mix = |x: Tensor<3>| {
            let (y, trace) = block.mix(x, context);
            match (&block.mixer.inner, trace) {
                (Mixer::Attention(attention), MixerTrace::Attention(trace)) if request.part == Part::Mixer => {
                    (attended(attention, &trace, span, heads), ())
                }
                _ => (y, ()),
            }
        };
        let cross = |x: Tensor<3>| {
            let (y, trace) = block.attend_to_memory(x, context);
            match (&block.cross_attention, trace) {
                (Some(cross), Some(trace)) if request.part == Part::CrossAttention => {
                    (attended(&cross.inner, &trace, span, heads), ())
                }
                _ => (y, ()),
            }
        };
        let feed = |x| (block.feed_forward.inner.forward(x), ());
        let y = block.run(x.clone(), context, mix, cross, feed).0;
        if layer + 1 == stack.blocks.len() { stack.leave(y, &mut StackTrace::default()) } else { y }
    }

    type States = BTreeMap<(usize, usize, usize, usize), Tensor<2>>;

    /// What is asked for of every request, layer, position left out and query, by definition.
    fn by_definition(model: &Model, source: Option<&Source>, target: &Tensor<3>, requests: &[Request]) -> States {
        let mut states = States::new();
        let mut run = |stack: &Stack, side: Side, layer: usize, x: Tensor<3>, context: &Context| {
            for (index, request) in requests.iter().enumerate().filter(|(_, request)| request.side == side) {
                for (position, span) in request.spans().iter().enumerate() {
                    let all = without(stack, layer, (&x, context), request, span);
                    for query in request.wanted.clone() {
                        let state = all.clone().narrow(1, query, 1).squeeze_dim::<2>(0);
                        states.insert((index, layer, position, query), state);
                    }
                }
            }
            stack.blocks[layer].forward(x, context).0
        };
        let memory = model.encoder.as_ref().zip(source).map(|(encoder, source)| {
            let mut layers = 0..;
            let run = |_: &Block, x: Tensor<3>, context: &Context| {
                run(&encoder.stack, Side::Encoder, layers.next().unwrap(), x, context)
            };
            Memory {
                output: model.run_encoder(source, Mode::default(), run).unwrap().0,
                lengths: source.lengths.clone(),
            }
        });
        let mut layers = 0..;
        model.run_decoder(memory.as_ref(), target.clone(), Mode::default(), |_, x, context| {
            run(&model.decoder, Side::Decoder, layers.next().unwrap(), x, context)
        });
        states
    }

    /// One head by itself is left out by parts of the feed-forward's first product, all of them at once by rows.
    #[test]
    fn states_without_values_are_those_of_values_put_to_zero() {
        let device = crate::device::parse(&std::env::var("INSEQ_TEST_DEVICE").unwrap_or("flex".into())).unwrap();
        // A convolution has no values to leave out.
        for (seed, variant) in variants().iter().enumerate().filter(|(_, variant)| variant.taps.is_none()) {
            let mut random = Random::new(seed as u64, &device);
            let model = random.model(variant);
            let [source, target] = LENGTHS.map(|length| random.tensor([1, length, variant.features()], 1.0));
            let source = variant.encoder.then(|| Source { embeddings: source, lengths: vec![LENGTHS[0]] });
            let [one, all] = [vec![1], vec![0, 1, 2, 3]];
            let request = |side, part, wanted| {
                let heads = match part {
                    Part::CrossAttention => [all.clone(), one.clone()],
                    _ => [one.clone(), all.clone()],
                };
                Request { side, part, wanted, heads }
            };
            let mut requests = vec![request(Side::Decoder, Part::Mixer, 0..LENGTHS[1])];
            if variant.encoder {
                requests.push(request(Side::Encoder, Part::Mixer, 0..LENGTHS[0]));
                requests.push(request(Side::Decoder, Part::CrossAttention, 3..LENGTHS[1]));
            }
            let expected = by_definition(&model, source.as_ref(), &target, &requests);
            let mut seen = 0;
            let walked = model.walk(source.as_ref(), target, |view| {
                let asked = requests.iter().enumerate().filter(|(_, request)| request.side == view.side());
                for (index, request) in asked {
                    let spans = request.spans();
                    let left_out = LeftOutValues::new(&spans, request.wanted.clone(), request.is_causal());
                    let weights = view.attention_weights(request.part).unwrap();
                    let heads = &request.heads[view.index()];
                    let states = view.without_values(request.part, &weights, &left_out, heads).unwrap();
                    let states = if view.is_last() { view.read_out(states) } else { states };
                    for (row, (position, query)) in left_out.rows().enumerate() {
                        let state = states.clone().narrow(1, row, 1).squeeze_dim::<2>(0);
                        close(state, expected[&(index, view.index(), position, query)].clone(), 2e-6);
                        seen += 1;
                    }
                }
                Ok::<_, ()>(())
            });
            assert!(walked.is_ok());
            // Of the decoder, a query before a position does not change.
            let causal = LENGTHS[1] * (LENGTHS[1] + 1) / 2;
            let of_encoder = if variant.encoder { LENGTHS[0] * LENGTHS[0] + LENGTHS[0] * (LENGTHS[1] - 3) } else { 0 };
            assert_eq!(seen, 2 * (causal + of_encoder));
        }
    }
}
