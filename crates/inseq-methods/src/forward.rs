//! The forward of one text, for several attributions of it.

use burn::tensor::Tensor;
use inseq_models::layers::Propagation;
use inseq_models::model::{Model, Source, Trace};

use crate::Result;
use crate::engine::{Engine, Point, TextSteps};

/// The forward of a text. Attributions of the text, and contrasts with it, read it in place of a forward of their own.
pub(crate) struct Forward {
    /// Ids of the source; empty for decoder-only models.
    source: Vec<u32>,
    /// Ids of the target.
    target: Vec<u32>,
    /// Embeddings of the source, for models with an encoder.
    source_embeddings: Option<Source>,
    /// Embeddings of the target, `[1, position, feature]`.
    target_embeddings: Tensor<3>,
    trace: Trace,
}

impl Forward {
    /// Runs a text up to its last step, by the rules of a propagation.
    ///
    /// # Errors
    /// As those of [`Engine::inputs`].
    pub(crate) fn of(engine: &Engine, propagation: Propagation, text: &TextSteps) -> Result<Self> {
        let point = engine.inputs(&[text])?;
        let trace = engine.trace_by(propagation, &point);
        let Point { source: source_embeddings, target: target_embeddings, .. } = point;
        let (source, target) = (text.source.clone(), text.target.clone());
        Ok(Self { source, target, source_embeddings, target_embeddings, trace })
    }

    /// The last hidden state at each position, `[position, feature]`.
    pub(crate) fn states(&self) -> Tensor<2> {
        self.trace.hidden().clone().squeeze_dim(0)
    }

    /// A point of this forward with the steps of a text, and the trace there; none if the states of the text, or the rules of the
    /// trace, are others.
    pub(crate) fn at<'t>(
        &self,
        model: &Model,
        text: &'t TextSteps,
        propagation: Propagation,
    ) -> Option<(Point<'t>, &Trace)> {
        let (seen, run) = (text.seen(), self.target_embeddings.dims()[1]);
        let is_same = self.source == text.source
            && seen <= run
            && self.target.get(..seen) == text.target.get(..seen)
            && model.decoder.rotates_alike(run, seen)
            && self.trace.propagation() == propagation;
        is_same.then(|| {
            let (source, target) = (self.source_embeddings.clone(), self.target_embeddings.clone());
            (Point { texts: vec![text], source, target }, &self.trace)
        })
    }
}

#[cfg(all(test, feature = "demo"))]
mod tests {
    use inseq_models::tokenizer::Role;

    use super::*;
    use crate::AttributionModel;
    use crate::engine::Steps;

    #[test]
    fn a_text_with_fewer_steps_has_the_states_of_the_whole_text() {
        let model = AttributionModel::demo().unwrap();
        let text = |source: &str, target: &str, steps: Steps| TextSteps {
            index: 0,
            source: model.encode(source, Role::Source, true).unwrap(),
            source_baseline: Vec::new(),
            target: model.encode(target, Role::Target, true).unwrap(),
            target_baseline: Vec::new(),
            source_features: Vec::new(),
            target_features: Vec::new(),
            first: 1,
            steps,
        };
        let engine = Engine { model: model.model(), memory_budget: 1 << 28, layer: None };
        let late = |steps| text("She was late.", "Elle était en retard.", steps);
        let forward = Forward::of(&engine, Propagation::GRADIENT, &late(Steps::from(1..5))).unwrap();
        let some = late(Steps::at([2, 4]));
        let (point, trace) = forward.at(model.model(), &some, Propagation::GRADIENT).unwrap();
        assert_eq!(point.texts, [&some]);
        let seen = some.seen();
        let own = engine.trace(&engine.inputs(&[&some]).unwrap());
        assert_eq!(own.hidden().dims()[1], seen);
        let difference = (trace.hidden().clone().narrow(1, 0, seen) - own.hidden().clone()).abs().max();
        assert!(difference.into_scalar::<f32>() < 1e-5);
        for other in [
            text("He was late.", "Elle était en retard.", Steps::at([2])),
            text("She was late.", "Il était en retard.", Steps::at([2])),
            late(Steps::from(1..6)),
        ] {
            assert!(forward.at(model.model(), &other, Propagation::GRADIENT).is_none(), "{other:?}");
        }
        assert!(forward.at(model.model(), &some, Propagation::CONSERVATIVE).is_none());
    }
}
