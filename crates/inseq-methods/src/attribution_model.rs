//! A loaded model, ready to be asked.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use inseq_core::aggregators::Aggregators;
use inseq_core::{AttributionResult, SequenceAttribution};
use inseq_models::architectures::LoadedModel;
use inseq_models::checkpoint::Repository;
use inseq_models::generation::GenerationConfig;
use inseq_models::model::Model;
use inseq_models::tokenizer::{Role, SpecialTokens, Tokenizer};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::choices::Choices;
use crate::loading::LoadOptions;
use crate::plan::Plan;
use crate::progress::ProgressCallback;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// A model with its tokenizer, ready to be asked why it wrote what it wrote.
///
/// ```
/// # #[cfg(feature = "demo")] {
/// use inseq_methods::{AttributionModel, AttributionRequest};
///
/// let model = AttributionModel::demo()?;
/// let request = AttributionRequest::new(["The tired nurse said that she was late."]).step_scores(["probability"]);
/// let result = model.attribute(&request)?;
/// let sequence = result.sequences[0].aggregate()?;
/// assert_eq!(sequence.source_attributions.unwrap().shape()[0], sequence.source.len());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AttributionModel {
    pub(crate) text_model: TextModel,
    pub(crate) choices: Choices,
    pub(crate) aggregators: Aggregators,
}

/// Models are shared between threads, and requests and results go from one to another.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<AttributionModel>();
    is_shared::<AttributionRequest>();
    is_shared::<AttributionResult>();
    is_shared::<SequenceAttribution>();
    is_shared::<Plan>();
    is_shared::<Error>();
};

impl AttributionModel {
    /// Loads a folder or a model of the hub (`org/name`, `org/name@revision`) with the default options.
    ///
    /// # Errors
    /// When a file is missing or does not fit, naming it.
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::load_with(name_or_path, &LoadOptions::default())
    }

    /// Loads a folder or a model of the hub.
    ///
    /// # Errors
    /// When a file is missing or does not fit, naming it.
    pub fn load_with(name_or_path: &str, options: &LoadOptions) -> Result<Self> {
        Ok(Self::new(TextModel::load_with(name_or_path, options)?, options))
    }

    /// The small English to French model that is part of the program.
    ///
    /// # Errors
    /// When the default device cannot be used.
    #[cfg(feature = "demo")]
    pub fn demo() -> Result<Self> {
        Self::demo_with(&LoadOptions::default())
    }

    /// The small English to French model that is part of the program, with options.
    ///
    /// # Errors
    /// When the device cannot be used.
    #[cfg(feature = "demo")]
    pub fn demo_with(options: &LoadOptions) -> Result<Self> {
        Self::from_repository(&inseq_models::demo::repository(), options)
    }

    /// Loads the files of a repository, such as [those in memory](Repository::in_memory).
    ///
    /// # Errors
    /// When a file is missing or does not fit, naming it.
    pub fn from_repository(repository: &Repository, options: &LoadOptions) -> Result<Self> {
        Ok(Self::new(TextModel::from_repository(repository, options)?, options))
    }

    /// A model that is made of its parts: a network, a tokenizer, and how it generates. `options` say what calls may take, and
    /// how a model that a method asks for is loaded.
    pub fn from_parts(
        name: impl Into<String>,
        loaded: LoadedModel,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
        options: &LoadOptions,
    ) -> Self {
        Self::new(TextModel::from_parts(name, loaded, tokenizer, generation), options)
    }

    fn new(text_model: TextModel, options: &LoadOptions) -> Self {
        Self { text_model, choices: Choices::new(options), aggregators: Aggregators::new() }
    }

    /// Attributes every generated token of every text.
    ///
    /// # Errors
    /// When an option, a text or a position cannot be used, naming it.
    pub fn attribute(&self, request: &AttributionRequest) -> Result<AttributionResult> {
        self.attribute_with_progress(request, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`attribute`](Self::attribute); `progress` hears how far the call has come.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), and [`Error::Cancelled`] when `progress` returns `Break`.
    pub fn attribute_with_progress(
        &self,
        request: &AttributionRequest,
        progress: ProgressCallback,
    ) -> Result<AttributionResult> {
        let call = Call::resolve(&self.text_model, &self.choices, request)?;
        let mut all = Vec::new();
        let info = call.run(progress, |finished| {
            all.push(finished);
            Ok(())
        })?;
        all.sort_by_key(|finished| finished.index);
        let (sequences, steps): (Vec<_>, Vec<_>) = all.into_iter().map(|one| (one.sequence, one.steps)).unzip();
        let steps = request.output_step_attributions.then(|| steps.into_iter().flatten().collect());
        Ok(AttributionResult { sequences, steps, info })
    }

    /// Attributes every generated token of every text, and gives each text as soon as it is done: its index among the request's
    /// texts, and its attribution. Nothing of it is kept, so that memory does not grow with the number of texts. Texts of like
    /// lengths run together, so they do not come in order.
    ///
    /// What a result's `info` has is returned in the end.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_methods::{AttributionModel, AttributionRequest, Error};
    ///
    /// let model = AttributionModel::demo()?;
    /// let request = AttributionRequest::new(["The doors are white.", "The nurse was late."]);
    /// let mut lengths = vec![0; 2];
    /// model.attribute_each(&request, |index, sequence| {
    ///     lengths[index] = sequence.aggregate()?.target.len();
    ///     Ok::<(), Error>(())
    /// })?;
    /// assert!(lengths.iter().all(|length| *length > 2));
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), and what `each` returns; nothing more is attributed then.
    pub fn attribute_each<E: From<Error>>(
        &self,
        request: &AttributionRequest,
        each: impl FnMut(usize, SequenceAttribution) -> Result<(), E>,
    ) -> Result<Map<String, Value>, E> {
        self.attribute_each_with_progress(request, &mut |_| ControlFlow::Continue(()), each)
    }

    /// As [`attribute_each`](Self::attribute_each); `progress` hears how far the call has come.
    ///
    /// # Errors
    /// As [`attribute_each`](Self::attribute_each), and [`Error::Cancelled`] when `progress` returns `Break`.
    pub fn attribute_each_with_progress<E: From<Error>>(
        &self,
        request: &AttributionRequest,
        progress: ProgressCallback,
        mut each: impl FnMut(usize, SequenceAttribution) -> Result<(), E>,
    ) -> Result<Map<String, Value>, E> {
        if request.output_step_attributions {
            return Err(Error::Argument(
                "`output_step_attributions` is for results that are collected; use `attribute`, or leave it out".into(),
            )
            .into());
        }
        let call = Call::resolve(&self.text_model, &self.choices, request)?;
        let mut failure = None;
        let info = call.run(progress, |finished| {
            each(finished.index, finished.sequence).map_err(|error| {
                failure = Some(error);
                Error::Cancelled
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(info?),
        }
    }

    /// What attributing would take. Texts are generated where they are not given; nothing is attributed, but a few forwards and
    /// pullbacks of each text are timed.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute).
    pub fn plan(&self, request: &AttributionRequest) -> Result<Vec<Plan>> {
        Call::resolve(&self.text_model, &self.choices, request)?.plan()
    }

    /// Texts that the model generates from `texts`, by its own generation configuration and `arguments` over it.
    ///
    /// # Errors
    /// When a text is too long, or an argument is unknown or out of range.
    pub fn generate<T: AsRef<str>>(&self, texts: &[T], arguments: &Map<String, Value>) -> Result<Vec<String>> {
        self.text_model.generate(texts, arguments)
    }

    /// As [`generate`](Self::generate), as ids from the decoder start on.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn generate_token_ids<T: AsRef<str>>(
        &self,
        texts: &[T],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<Vec<u32>>> {
        self.text_model.generate_token_ids(texts, arguments)
    }

    /// The ids of a text; a target's start with the decoder start token, where the model has an encoder.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Vec<u32>> {
        self.text_model.encode(text, role, add_special_tokens)
    }

    /// The text of ids.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        self.text_model.decode(ids, role, skip_special_tokens)
    }

    /// The embeddings of a text, `[1, position, feature]`, scaled, without positions.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn embed(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Tensor<3>> {
        self.text_model.embed(text, role, add_special_tokens)
    }

    /// The model with its tokenizer, as methods get it.
    pub fn text_model(&self) -> &TextModel {
        &self.text_model
    }

    /// The name or path that the model was loaded by.
    pub fn name(&self) -> &str {
        self.text_model.name()
    }

    /// How the model generates texts where a call says nothing else.
    pub fn generation(&self) -> &GenerationConfig {
        self.text_model.generation()
    }

    /// The network.
    pub fn model(&self) -> &Model {
        self.text_model.model()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.text_model.tokenizer()
    }

    /// The special tokens, of the configuration where it names them and of the tokenizer where it does not.
    pub fn special_tokens(&self) -> SpecialTokens {
        self.text_model.special_tokens()
    }

    /// What a user should know of how the checkpoint was read, one line each.
    pub fn warnings(&self) -> &[String] {
        self.text_model.warnings()
    }

    /// Tensors of the checkpoint that the model does not use, except those that are known to be no weights.
    pub fn unexpected_tensors(&self) -> &[String] {
        self.text_model.unexpected_tensors()
    }

    /// Where the model computes.
    pub fn device(&self) -> Device {
        self.text_model.device()
    }

    /// The method that requests without one use (`saliency` at first).
    pub fn default_method(&self) -> &str {
        &self.choices.default_method
    }

    /// Sets the method that requests without one use.
    ///
    /// # Errors
    /// When there is no such method.
    pub fn set_default_method(&mut self, name: &str) -> Result<()> {
        self.choices.methods.get(name)?;
        self.choices.default_method = name.to_string();
        Ok(())
    }

    /// What requests attribute that do not say (`probability` at first).
    pub fn default_attributed_fn(&self) -> &StepFunctionChoice {
        &self.choices.default_attributed_fn
    }

    /// Sets what requests attribute that do not say.
    pub fn set_default_attributed_fn(&mut self, function: impl Into<StepFunctionChoice>) {
        self.choices.default_attributed_fn = function.into();
    }
}
