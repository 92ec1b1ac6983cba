//! Attribution of positions that do not follow each other.

use inseq_core::{Info, SequenceAttribution};

use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::positions::Asked;
use crate::progress::ProgressCallback;
use crate::request::AttributionRequest;
use crate::target_spans::TargetSpans;
use crate::{Error, Result};

impl AttributionModel {
    /// Attributes some positions of each text, wherever they are: `positions` has a list for each text, of positions as
    /// [`attr_pos_start`](AttributionRequest::attr_pos_start) counts them, but not from the end. They take the place of
    /// `attr_pos_start` and `attr_pos_end`. All positions of a text are probes of one forward, so that a few positions far from each
    /// other cost no more than as many neighbours.
    ///
    /// Returns the attributions of each text, one for each run of positions that follow each other, in order, and the facts about
    /// the call.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use std::ops::ControlFlow;
    ///
    /// use inseq_methods::{AttributionModel, AttributionRequest};
    ///
    /// let model = AttributionModel::demo()?;
    /// let request = AttributionRequest::new(["The doors are white."]).generated_texts(["Les portes sont blanches."]);
    /// let (texts, _) = model.attribute_positions(&request, &[vec![1, 3, 4]], &mut |_| ControlFlow::Continue(()))?;
    /// let spans: Vec<_> = texts[0].iter().map(|one| (one.attr_pos_start, one.attr_pos_end)).collect();
    /// assert_eq!(spans, [(1, 2), (3, 5)]);
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute); there is not one list per text, or a text has no such position.
    pub fn attribute_positions(
        &self,
        request: &AttributionRequest,
        positions: &[Vec<usize>],
        progress: ProgressCallback,
    ) -> Result<(Vec<Vec<SequenceAttribution>>, Info)> {
        let mut call = Call::resolve(self.on(&request.limits)?, &self.choices, request)?;
        if positions.len() != call.texts.len() {
            return Err(Error::argument(
                "positions",
                format!(
                    "positions are given for {} texts, but there are {}; give a list for each",
                    positions.len(),
                    call.texts.len()
                ),
            ));
        }
        if *call.spans != TargetSpans::Tokens {
            let problem = format!(
                "`target_spans` is `{}`, but positions are given one by one; leave one of the two out",
                call.spans
            );
            return Err(Error::argument("target_spans", problem));
        }
        let mut texts = vec![Vec::new(); positions.len()];
        call.asked = Asked::Each(positions);
        let info = call.run(progress, |finished| {
            texts[finished.index] = finished.sequences;
            Ok(())
        })?;
        Ok((texts, info))
    }
}
