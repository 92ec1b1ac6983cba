//! A loaded model with its tokenizer, methods and step functions.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use inseq_core::aggregators::Aggregators;
use inseq_core::{AttributionResult, Info, SequenceAttribution};
use inseq_models::architectures::LoadedModel;
use inseq_models::checkpoint::Repository;
use inseq_models::device;
use inseq_models::generation::GenerationConfig;
use inseq_models::model::Model;
use inseq_models::tokenizer::{Role, SpecialTokens, Tokenizer};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::choices::Choices;
use crate::limits::Limits;
use crate::loading::LoadOptions;
use crate::plan::Plan;
use crate::progress::ProgressCallback;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// A model with its tokenizer, which generates and attributes texts.
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
    /// Copies on other devices.
    copies: Vec<TextModel>,
    pub(crate) choices: Choices,
    pub(crate) aggregators: Aggregators,
}

/// Asserts that models can be shared between threads, and that requests and results can be sent between them.
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
    /// A file is missing or invalid; the error names it.
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::load_with(name_or_path, &LoadOptions::default())
    }

    /// Loads a folder or a model of the hub with options.
    ///
    /// # Errors
    /// A file is missing or invalid; the error names it.
    pub fn load_with(name_or_path: &str, options: &LoadOptions) -> Result<Self> {
        Ok(Self::new(TextModel::load_with(name_or_path, options)?, options))
    }

    /// Loads the small English to French demo model that is part of the program.
    ///
    /// # Errors
    /// The default device is not available.
    #[cfg(feature = "demo")]
    pub fn demo() -> Result<Self> {
        Self::demo_with(&LoadOptions::default())
    }

    /// Loads the demo model with options.
    ///
    /// # Errors
    /// The device is not available.
    #[cfg(feature = "demo")]
    pub fn demo_with(options: &LoadOptions) -> Result<Self> {
        Self::from_repository(&inseq_models::demo::repository(), options)
    }

    /// Loads the files of a repository, such as [files in memory](Repository::in_memory).
    ///
    /// # Errors
    /// A file is missing or invalid; the error names it.
    pub fn from_repository(repository: &Repository, options: &LoadOptions) -> Result<Self> {
        Ok(Self::new(TextModel::from_repository(repository, options)?, options))
    }

    /// Makes a model from its parts: a network, a tokenizer, and a generation configuration. `options` hold the memory budget of
    /// calls, and apply to models that a method loads.
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
        Self { text_model, copies: Vec::new(), choices: Choices::new(options), aggregators: Aggregators::new() }
    }

    /// Copies the weights to another device, so that calls can run there ([`Limits::device`]). This takes the time of the transfer,
    /// and as much memory there as the weights take here, until the model is dropped; the tokenizer and the registries are
    /// shared. A call never moves weights. If the weights are there already, nothing happens.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_methods::{AttributionModel, AttributionRequest, Limits};
    ///
    /// let mut model = AttributionModel::demo()?;
    /// model.copy_to("cpu")?; // or "cuda:0", in a build with this backend
    /// let request = AttributionRequest::new(["The doors are white."]).limits(Limits::default().device("cpu"));
    /// assert_eq!(model.attribute(&request)?.sequences.len(), 1);
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// The device is unknown or not there.
    pub fn copy_to(&mut self, device: &str) -> Result<()> {
        let device = device::parse(device)?;
        if !self.devices().contains(&device) {
            self.copies.push(self.text_model.to_device(&device));
        }
        Ok(())
    }

    /// Devices with the weights: the one that the model was loaded on, then those of [`copy_to`](Self::copy_to).
    pub fn devices(&self) -> Vec<Device> {
        std::iter::once(&self.text_model).chain(&self.copies).map(TextModel::device).collect()
    }

    /// The model on the device of a call.
    pub(crate) fn on(&self, limits: &Limits) -> Result<&TextModel> {
        let Some(name) = &limits.device else { return Ok(&self.text_model) };
        let device = device::parse(name)?;
        let mut all = std::iter::once(&self.text_model).chain(&self.copies);
        all.find(|model| model.device() == device).ok_or_else(|| {
            Error::argument("device", format!(
                "`device` is `{name}`, but the weights of the model are on {:?}; copy them with `copy_to({name:?})`",
                self.devices()
            ))
        })
    }

    /// Attributes every generated token of every text.
    ///
    /// # Errors
    /// An option, a text or a position is invalid; the error names it. [`Error::Cancelled`] if the [limits](Limits::cancellation) of
    /// the request stop the call.
    pub fn attribute(&self, request: &AttributionRequest) -> Result<AttributionResult> {
        self.attribute_with_progress(request, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`attribute`](Self::attribute), with a progress callback.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), and [`Error::Cancelled`] also if `progress` returns `Break`.
    pub fn attribute_with_progress(
        &self,
        request: &AttributionRequest,
        progress: ProgressCallback,
    ) -> Result<AttributionResult> {
        let call = Call::resolve(self.on(&request.limits)?, &self.choices, request)?;
        let mut all = Vec::new();
        let info = call.run(progress, |finished| {
            all.push(finished);
            Ok(())
        })?;
        all.sort_by_key(|finished| finished.index);
        let (sequences, steps): (Vec<_>, Vec<_>) = all.into_iter().map(|one| (one.sequences, one.steps)).unzip();
        let steps = request.output_step_attributions.then(|| steps.into_iter().flatten().collect());
        Ok(AttributionResult { sequences: sequences.into_iter().flatten().collect(), steps, info })
    }

    /// Attributes every generated token of every text, and passes each text to `each` when it is finished: its index among the
    /// request's texts, and its attribution. Nothing is kept, so memory does not grow with the number of texts. Texts of similar
    /// lengths run together, so they are not in order.
    ///
    /// Returns the facts about the call.
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
    /// As [`attribute`](Self::attribute), and the first error of `each`, which ends the call.
    pub fn attribute_each<E: From<Error>>(
        &self,
        request: &AttributionRequest,
        each: impl FnMut(usize, SequenceAttribution) -> Result<(), E>,
    ) -> Result<Info, E> {
        self.attribute_each_with_progress(request, &mut |_| ControlFlow::Continue(()), each)
    }

    /// As [`attribute_each`](Self::attribute_each), with a progress callback.
    ///
    /// # Errors
    /// As [`attribute_each`](Self::attribute_each), and [`Error::Cancelled`] also if `progress` returns `Break`.
    pub fn attribute_each_with_progress<E: From<Error>>(
        &self,
        request: &AttributionRequest,
        progress: ProgressCallback,
        mut each: impl FnMut(usize, SequenceAttribution) -> Result<(), E>,
    ) -> Result<Info, E> {
        if request.output_step_attributions {
            return Err(Error::argument(
                "output_step_attributions",
                "`output_step_attributions` is for results that are collected; use `attribute`, or leave it out".into(),
            )
            .into());
        }
        let call = Call::resolve(self.on(&request.limits)?, &self.choices, request)?;
        let mut failure = None;
        let info = call.run(progress, |finished| {
            let mut sequences = finished.sequences.into_iter();
            sequences.try_for_each(|sequence| each(finished.index, sequence)).map_err(|error| {
                failure = Some(error);
                Error::Cancelled
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(info?),
        }
    }

    /// Estimates the cost of a request. It generates texts that are not given and times a few forwards and pullbacks of each text,
    /// but attributes nothing.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute).
    pub fn plan(&self, request: &AttributionRequest) -> Result<Vec<Plan>> {
        Call::resolve(self.on(&request.limits)?, &self.choices, request)?.plan()
    }

    /// The texts of a request that cannot be read, such as one that is too long: the index of each, and why. Each text is encoded
    /// once, and nothing is generated or attributed. A call ends at the first of these texts.
    ///
    /// # Errors
    /// An option is invalid whatever the texts are.
    pub fn refusals(&self, request: &AttributionRequest) -> Result<Vec<(usize, Error)>> {
        Ok(Call::resolve(self.on(&request.limits)?, &self.choices, request)?.refusals())
    }

    /// Checks the options of a request, and returns the facts of its results that do not depend on the texts: the `info` of a result
    /// without texts, positions, times and warnings. The request needs at least one text, whatever it is.
    ///
    /// # Errors
    /// An option is invalid whatever the texts are.
    pub fn facts(&self, request: &AttributionRequest) -> Result<Map<String, Value>> {
        Ok(Call::resolve(self.on(&request.limits)?, &self.choices, request)?.facts())
    }

    /// Generates texts from `texts`, with the model's generation configuration; `arguments` take precedence.
    ///
    /// # Errors
    /// A text is too long, or an argument is unknown or out of range.
    pub fn generate<T: AsRef<str>>(&self, texts: &[T], arguments: &Map<String, Value>) -> Result<Vec<String>> {
        self.text_model.generate(texts, arguments)
    }

    /// As [`generate`](Self::generate); returns ids, including the decoder start.
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

    /// Encodes a text. The ids of a target start with the decoder start token if the model has an encoder.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Vec<u32>> {
        self.text_model.encode(text, role, add_special_tokens)
    }

    /// Decodes ids to text.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        self.text_model.decode(ids, role, skip_special_tokens)
    }

    /// The embeddings of a text, `[1, position, feature]`, scaled, without positions.
    ///
    /// # Errors
    /// The tokenizer fails, or the text has no tokens.
    pub fn embed(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Tensor<3>> {
        self.text_model.embed(text, role, add_special_tokens)
    }

    /// The model with its tokenizer, in the form that methods get.
    pub fn text_model(&self) -> &TextModel {
        &self.text_model
    }

    /// Name or path of the model.
    pub fn name(&self) -> &str {
        self.text_model.name()
    }

    /// The default generation configuration.
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

    /// The special tokens: those of the configuration or, if it does not name them, of the tokenizer.
    pub fn special_tokens(&self) -> SpecialTokens {
        self.text_model.special_tokens()
    }

    /// Warnings about the checkpoint for the user, one line each.
    pub fn warnings(&self) -> &[String] {
        self.text_model.warnings()
    }

    /// Checkpoint tensors that the model did not use, except known non-weights.
    pub fn unexpected_tensors(&self) -> &[String] {
        self.text_model.unexpected_tensors()
    }

    /// Device that the model was loaded on, where calls run by default.
    pub fn device(&self) -> Device {
        self.text_model.device()
    }

    /// Default method of requests (initially `saliency`).
    pub fn default_method(&self) -> &str {
        &self.choices.default_method
    }

    /// Sets the default method of requests.
    ///
    /// # Errors
    /// There is no such method.
    pub fn set_default_method(&mut self, name: &str) -> Result<()> {
        self.choices.methods.get(name)?;
        self.choices.default_method = name.to_string();
        Ok(())
    }

    /// Default attributed function of requests (initially `probability`).
    pub fn default_attributed_fn(&self) -> &StepFunctionChoice {
        &self.choices.default_attributed_fn
    }

    /// Sets the default attributed function of requests.
    pub fn set_default_attributed_fn(&mut self, function: impl Into<StepFunctionChoice>) {
        self.choices.default_attributed_fn = function.into();
    }
}
