//! Models that are cut at a layer.

use burn::tensor::Tensor;
use indexmap::IndexMap;

use super::forward::Mode;
use super::layer::{Layer, LayerStates, Part, Side, Tap, TapPoint};
use super::stack::{Entry, Stack};
use super::{Block, Context, Model, Source};
use crate::{Error, Result};

impl Model {
    pub(super) fn stack(&self, side: Side) -> Option<&Stack> {
        match side {
            Side::Encoder => self.encoder.as_ref().map(|encoder| &encoder.stack),
            Side::Decoder => Some(&self.decoder),
        }
    }

    /// Number of blocks of a stack; 0 if the stack does not exist.
    pub fn blocks(&self, side: Side) -> usize {
        self.stack(side).map_or(0, |stack| stack.blocks.len())
    }

    /// The layer with a name in transformers (`model.decoder.layers.0`, `transformer.h.3.mlp`, with or without the
    /// prefix of the stack), or with a block number (`encoder.2`); `None` for the embeddings.
    ///
    /// # Errors
    /// The name is unknown; the error lists the possible names.
    pub fn layer_named(&self, name: &str) -> Result<Option<Layer>, String> {
        const EMBEDDINGS: [&str; 6] = ["embeddings", "embed_tokens", "shared", "wte", "embed_in", "word_embeddings"];
        let parts: Vec<&str> = name.split('.').collect();
        if parts.last().is_some_and(|last| EMBEDDINGS.contains(last)) {
            return Ok(None);
        }
        let numbered = parts.iter().enumerate().find_map(|(at, part)| Some((at, part.parse::<usize>().ok()?)));
        let found = numbered.and_then(|(at, block)| {
            let (blocks, inner) = (parts[..at].join("."), parts[at + 1..].join("."));
            Some((self.side_named(&blocks)?, block, inner))
        });
        let Some((side, block, inner)) = found else {
            return Err(format!("names no layer; {}", self.names()));
        };
        let (stack, count) = (side.name(), self.blocks(side));
        if block >= count {
            return Err(format!("there is no layer {stack}.{block}: the {stack} has {count} blocks, counted from 0"));
        }
        let tap = match self.stack(side).map(|stack| stack.modules.of(&stack.blocks[block].mixer.inner)) {
            _ if inner.is_empty() => None,
            Some(modules) => match modules.iter().find(|(module, _)| *module == inner) {
                Some((_, tap)) => *tap,
                None => return Err(format!("names no module whose output can be a layer; {}", self.names())),
            },
            None => None,
        };
        Ok(Some(Layer { side, block, tap }))
    }

    fn sides(&self) -> impl Iterator<Item = (Side, &Stack)> {
        [Side::Encoder, Side::Decoder].into_iter().filter_map(|side| Some((side, self.stack(side)?)))
    }

    /// The stack whose blocks have this name, or a name that ends with it.
    fn side_named(&self, blocks: &str) -> Option<Side> {
        let is_named = |side: Side, whole: &str| {
            side.name() == blocks
                || whole == blocks
                || whole.strip_suffix(blocks).is_some_and(|rest| rest.ends_with('.'))
        };
        let mut named = self.sides().filter(|(side, stack)| is_named(*side, stack.modules.blocks));
        // What both stacks call their blocks names neither.
        let first = named.next().filter(|_| !blocks.is_empty());
        first.filter(|_| named.next().is_none()).map(|(side, _)| side)
    }

    /// The possible names.
    fn names(&self) -> String {
        let each = self.sides().map(|(side, stack)| {
            let blocks = stack.modules.blocks;
            let mut inner = IndexMap::new();
            for (number, block) in stack.blocks.iter().enumerate() {
                for (name, _) in stack.modules.of(&block.mixer.inner) {
                    inner.entry(*name).or_insert(number);
                }
            }
            format!(
                "`{}.0` or `{blocks}.0` for the output of the first block of the {}, and in it {}",
                side.name(),
                side.name(),
                inner.iter().map(|(name, number)| format!("`{blocks}.{number}.{name}`")).collect::<Vec<_>>().join(", ")
            )
        });
        format!("give `embeddings`; {}", each.collect::<Vec<_>>().join("; "))
    }

    /// The stack of a layer.
    ///
    /// # Errors
    /// The model has no such stack, block or sublayer.
    fn stack_of(&self, layer: Layer) -> Result<&Stack> {
        let name = format!("the layer {}.{}", layer.side.name(), layer.block);
        let refuse = |message: String| Err(Error::argument("layer", format!("{name}: {message}")));
        let Some(stack) = self.stack(layer.side) else {
            return refuse("the model has no encoder; choose a layer of its decoder".into());
        };
        let Some(block) = stack.blocks.get(layer.block) else {
            return refuse(format!("there are {} blocks, counted from 0", stack.blocks.len()));
        };
        if layer.tap.is_some_and(|tap| tap.part == Part::CrossAttention) && block.cross_attention.is_none() {
            return refuse("the block has no cross-attention".into());
        }
        Ok(stack)
    }

    /// The states at a layer. The model [above](Self::above) the layer takes them in place of embeddings.
    ///
    /// # Errors
    /// The model has no such stack, block or sublayer, or `source` is missing for a layer of the encoder.
    pub fn states_at(&self, layer: Layer, source: Option<&Source>, target: Tensor<3>) -> Result<LayerStates> {
        self.stack_of(layer)?;
        let mut found = None;
        let mut index = 0;
        let mut run = |block: &Block, x: Tensor<3>, context: &Context| {
            let is_wanted = index == layer.block;
            index += 1;
            match layer.tap {
                Some(tap) if is_wanted => found = block.tapped(tap, x.clone(), context),
                _ => {}
            }
            let y = block.forward(x, context).0;
            if is_wanted && layer.tap.is_none() {
                found = Some(LayerStates { states: y.clone(), residual: None });
            }
            y
        };
        match (layer.side, source) {
            (Side::Encoder, Some(source)) => drop(self.run_encoder(source, Mode::default(), &mut run)),
            (Side::Encoder, None) => {}
            (Side::Decoder, source) => {
                let memory = source.and_then(|source| self.memory(source));
                drop(self.run_decoder(memory.as_ref(), target, Mode::default(), &mut run));
            }
        }
        found.ok_or_else(|| {
            Error::argument(
                "source",
                format!("there are no states at {}.{}: a source is missing", layer.side.name(), layer.block),
            )
        })
    }

    /// The model above a layer, whose input is the state of the layer instead of embeddings. `residual` `[position, feature]` is
    /// the residual stream that the states of a text are added to.
    ///
    /// # Errors
    /// The model has no such stack, block or sublayer.
    pub fn above(&self, layer: Layer, residual: Option<Tensor<2>>) -> Result<Model> {
        self.stack_of(layer)?;
        let mut model = self.clone();
        let stack = match (layer.side, &mut model.encoder) {
            (Side::Encoder, Some(encoder)) => &mut encoder.stack,
            _ => &mut model.decoder,
        };
        let mut upper = stack.blocks.split_off(layer.block.min(stack.blocks.len())).into_iter();
        let cut = upper.next();
        stack.entry = Entry::default();
        stack.dropout.entry = 0.0;
        stack.blocks.clear();
        if let (Some(Tap { part, point }), Some(cut)) = (layer.tap, cut) {
            let norms = cut.norms(part);
            if point != TapPoint::Stream {
                stack.entry.positions = residual;
                stack.entry.norm = norms.sum.clone();
            }
            if point == TapPoint::Output {
                stack.entry.input_norm = norms.output.clone();
            }
            stack.blocks.extend(cut.above(part));
        }
        stack.blocks.extend(upper);
        Ok(model)
    }
}
