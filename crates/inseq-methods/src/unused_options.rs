//! Warnings about options of a request that have no effect.

use inseq_core::{TextKind, TextName, Warning};
use inseq_models::tokenizer::SpecialTokens;

use crate::engine::TextSteps;
use crate::method::{ATTRIBUTED_FN, INCLUDE_EOS_BASELINE, Method};
use crate::request::AttributionRequest;
use crate::text_model::TextModel;

/// Warnings about options that have no effect on the method or the model of a call, one sentence each.
pub(crate) fn of_call(request: &AttributionRequest, method: &dyn Method, model: &TextModel) -> Vec<String> {
    let ignores = |option: &str| method.unused_options().contains(&option);
    let without_effect = [
        (
            request.attributed_fn.is_some() && ignores(ATTRIBUTED_FN),
            format!("`{ATTRIBUTED_FN}` has no effect on the method `{}`, which attributes no function", method.name()),
        ),
        (
            request.include_eos_baseline && ignores(INCLUDE_EOS_BASELINE),
            format!("`{INCLUDE_EOS_BASELINE}` has no effect on the method `{}`, which has no baseline", method.name()),
        ),
        (
            request.attribute_target && model.model().is_decoder_only(),
            "`attribute_target` has no effect: a decoder-only model always attributes the tokens before each step"
                .to_owned(),
        ),
    ];
    without_effect.into_iter().filter_map(|(is_unused, warning)| is_unused.then_some(warning)).collect()
}

/// Whether any step of the text sees an end-of-sequence token, whose baseline `include_eos_baseline` decides.
pub(crate) fn sees_end(text: &TextSteps, special: &SpecialTokens) -> bool {
    let seen = &text.target[..text.seen()];
    text.source.iter().chain(seen).any(|id| Some(*id) == special.eos)
}

/// Warning about `include_eos_baseline` for texts without an end-of-sequence token among their inputs.
pub(crate) const NO_END: &str =
    "`include_eos_baseline` has no effect: no text has an end-of-sequence token among its inputs";

/// Warning about a text, of `count`, that needs more bytes than the memory budget.
pub(crate) fn too_large(index: usize, count: usize, bytes: usize, memory_budget: usize) -> Warning {
    let said = format!(
        "needs about {bytes} bytes, more than `memory_budget` ({memory_budget} bytes) allows; it was attributed with more"
    );
    Warning::about(TextName::new(TextKind::Attributed, index).of(count), said)
}
