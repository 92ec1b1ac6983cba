//! A loaded model, ready to be asked.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use inseq_core::aggregators::{AggregationFunction, Aggregators, Merging};
use inseq_models::architectures::{self, Architecture, LoadedModel};
use inseq_models::checkpoint::Repository;
use inseq_models::generation::{Generated, GenerationConfig, Prompts, generate};
use inseq_models::model::{Model, Source};
use inseq_models::tokenizer::{Role, SpecialTokens, Tokenizer};
use inseq_models::{decoding::ModelDecoder, device};
use serde_json::{Map, Value};

use crate::loading::LoadOptions;
use crate::method::{Method, MethodInfo};
use crate::registry::Methods;
use crate::request::{Progress, ProgressCallback, StepFunctionChoice};
use crate::step_functions::{SharedStepFunction, StepFunctionInfo, StepFunctions, Vocabulary};
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
    name: String,
    pub(crate) loaded: LoadedModel,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) generation: GenerationConfig,
    pub(crate) load_options: LoadOptions,
    default_method: String,
    default_attributed_fn: StepFunctionChoice,
    methods: Methods,
    step_functions: StepFunctions,
    aggregators: Aggregators,
}

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
        let repository = Repository::open(name_or_path, &options.hub)?;
        // The configuration first: nothing large of a model that is not supported is fetched.
        Architecture::of(&repository)?;
        let tokenizer = match &options.tokenizer {
            Some(name) => Tokenizer::load_with(&Repository::open(name, &options.hub)?, &options.languages)?,
            None => Tokenizer::load_with(&repository, &options.languages)?,
        };
        Self::from_repository(&repository, tokenizer, options)
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
        let repository = inseq_models::demo::repository();
        let tokenizer = Tokenizer::load_with(&repository, &options.languages)?;
        Self::from_repository(&repository, tokenizer, options)
    }

    fn from_repository(repository: &Repository, tokenizer: Tokenizer, options: &LoadOptions) -> Result<Self> {
        let device = device::parse(&options.device)?;
        if options.memory_budget == 0 {
            return Err(Error::Argument(
                "`memory_budget` is 0; expected the bytes that the tensors of an attribution may take, such as 1GiB"
                    .into(),
            ));
        }
        let mut loaded = architectures::load(repository, &device, options.dtype)?;
        let mut generation = GenerationConfig::load(repository)?;
        loaded.warnings.extend(generation.problems());
        if let Some(language) = tokenizer.forced_bos_token_id() {
            generation = generation.merge(&Map::from_iter([("forced_bos_token_id".into(), language.into())]))?;
        }
        Ok(Self {
            name: repository.name().to_string(),
            loaded,
            tokenizer,
            generation,
            load_options: options.clone(),
            default_method: "saliency".into(),
            default_attributed_fn: "probability".into(),
            methods: Methods::new(),
            step_functions: StepFunctions::new(),
            aggregators: Aggregators::new(),
        })
    }

    /// The name or path that the model was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the model generates texts where a call says nothing else. Its
    /// [`warnings`](GenerationConfig::warnings) name what of it is not honoured; those of a call are in its result.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.loaded.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// What a user should know of how the checkpoint was read, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.loaded.warnings
    }

    /// Tensors of the checkpoint that the model does not use, except those that are known to be no weights. Where there are
    /// any, the checkpoint may hold another model than its configuration says, or a head of another kind.
    pub fn unexpected_tensors(&self) -> &[String] {
        &self.loaded.unexpected_tensors
    }

    /// Where the model computes.
    pub fn device(&self) -> Device {
        self.model().device()
    }

    /// The method that requests without one use (`saliency` at first).
    pub fn default_method(&self) -> &str {
        &self.default_method
    }

    /// Sets the method that requests without one use.
    ///
    /// # Errors
    /// When there is no such method.
    pub fn set_default_method(&mut self, name: &str) -> Result<()> {
        self.methods.get(name)?;
        self.default_method = name.to_string();
        Ok(())
    }

    /// What requests attribute that do not say (`probability` at first).
    pub fn default_attributed_fn(&self) -> &StepFunctionChoice {
        &self.default_attributed_fn
    }

    /// Sets what requests attribute that do not say.
    pub fn set_default_attributed_fn(&mut self, function: impl Into<StepFunctionChoice>) {
        self.default_attributed_fn = function.into();
    }

    /// The attribution methods that requests can ask for by name.
    pub fn methods(&self) -> &Methods {
        &self.methods
    }

    /// The attribution methods that requests can ask for by name, to add others.
    pub fn methods_mut(&mut self) -> &mut Methods {
        &mut self.methods
    }

    /// Lets requests ask for a method by its own name.
    ///
    /// # Errors
    /// When the name is empty or taken.
    pub fn register_method(&mut self, method: impl Method + 'static) -> Result<()> {
        self.methods.register(MethodInfo::of(Arc::new(method)))
    }

    /// The step functions that requests can ask for by name.
    pub fn step_functions(&self) -> &StepFunctions {
        &self.step_functions
    }

    /// The step functions that requests can ask for by name, to add others.
    pub fn step_functions_mut(&mut self) -> &mut StepFunctions {
        &mut self.step_functions
    }

    /// The aggregators that results of the model can be asked to apply by name.
    pub fn aggregators(&self) -> &Aggregators {
        &self.aggregators
    }

    /// The aggregators that results of the model can be asked to apply by name, to add others.
    pub fn aggregators_mut(&mut self) -> &mut Aggregators {
        &mut self.aggregators
    }

    /// Lets requests ask for a step function by its name. `aggregation` is what makes one score of a merged token's; results
    /// keep it, also in files.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_core::aggregators::{AggregationFunction, Aggregators, Merging};
    /// use inseq_methods::step_functions::from_closure;
    /// use inseq_methods::{AttributionModel, AttributionRequest};
    ///
    /// let mut model = AttributionModel::demo()?;
    /// let margin = from_closure("margin", |context| {
    ///     Ok(context.of_targets(context.logits.clone()) - context.logits.clone().mean_dim(1).squeeze_dim(1))
    /// });
    /// model.register_step_function(margin, Some(AggregationFunction::Sum))?;
    /// let request = AttributionRequest::new(["The doors are white."]).attributed_fn("margin").step_scores(["margin"]);
    /// assert!(model.attribute(&request)?.sequences[0].step_scores["margin"][0] > 0.0);
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the name is taken, or could be an expression.
    pub fn register_step_function(
        &mut self,
        function: SharedStepFunction,
        aggregation: Option<AggregationFunction>,
    ) -> Result<()> {
        self.step_functions.register(StepFunctionInfo::of(function, aggregation))
    }

    /// Removes a registered step function, and returns its entry.
    pub fn remove_step_function(&mut self, name: &str) -> Option<StepFunctionInfo> {
        self.step_functions.remove(name)
    }

    /// The functions that merge the scores of registered step functions among these, by name.
    pub(crate) fn step_score_merging(&self, functions: &[SharedStepFunction]) -> BTreeMap<String, AggregationFunction> {
        self.step_functions.merging_of(functions.iter().map(|function| function.name()))
    }

    /// How scores of several tokens become those of one, with what registered step functions ask for. Results of the model
    /// know it already ([`SequenceAttribution::step_score_merging`](inseq_core::SequenceAttribution::step_score_merging));
    /// it is what [`Spans::merging`](inseq_core::aggregators::Spans::merging) takes for others.
    pub fn merging(&self) -> Merging {
        self.step_functions.merging()
    }

    /// A step function by its name, registered ones among them, or written as an expression over the model's tokens, as
    /// [`step_functions::GRAMMAR`](crate::step_functions::GRAMMAR) explains.
    ///
    /// # Errors
    /// When the name or an argument is unknown; of an expression, pointing at what is wrong in it.
    pub fn step_function(&self, name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
        self.with_vocabulary(|vocabulary| self.step_functions.find(name, arguments, vocabulary))
    }

    /// Step functions that share their arguments: each takes those that it knows.
    pub(crate) fn shared_step_functions(
        &self,
        names: &[&str],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<SharedStepFunction>> {
        self.with_vocabulary(|vocabulary| self.step_functions.sharing(names, arguments, vocabulary))
    }

    fn with_vocabulary<T>(&self, run: impl FnOnce(&Vocabulary) -> T) -> T {
        let role = self.role(Role::Target);
        run(&Vocabulary {
            id: &|piece| self.tokenizer.id(piece, role),
            piece: &|id| self.tokenizer.token(id, role),
            size: self.model().vocabulary(),
        })
    }

    /// The special tokens, of the configuration where it names them and of the tokenizer where it does not; where no token
    /// stands for what is unknown, the one that fills batches does.
    pub fn special_tokens(&self) -> SpecialTokens {
        let tokenizer = self.tokenizer.special_tokens();
        let configured = self.loaded.special_tokens;
        let pad = tokenizer.pad.or(configured.pad).or(configured.eos);
        SpecialTokens {
            bos: configured.bos.or(tokenizer.bos),
            eos: configured.eos.or(tokenizer.eos).or(pad),
            pad,
            unk: tokenizer.unk.or(pad),
            ..tokenizer.clone()
        }
    }

    /// The tokenizer's role: a decoder-only model writes what it reads.
    pub(crate) fn role(&self, role: Role) -> Role {
        if self.model().is_decoder_only() { Role::Source } else { role }
    }

    /// The text of ids.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        Ok(self.tokenizer.decode(ids, self.role(role), skip_special_tokens)?)
    }

    /// The embeddings of a text, `[1, position, feature]`, scaled, without positions.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn embed(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Tensor<3>> {
        let ids = self.encode(text, role, add_special_tokens)?;
        Ok(match (&self.model().encoder, role) {
            (Some(encoder), Role::Source) => encoder.embedding.forward(&ids, 1),
            _ => self.model().target_embedding.forward(&ids, 1),
        })
    }

    /// Texts that the model generates from `texts`, by its own generation configuration and `arguments` over it.
    ///
    /// # Errors
    /// When a text is too long, or an argument is unknown or out of range.
    pub fn generate<T: AsRef<str>>(&self, texts: &[T], arguments: &Map<String, Value>) -> Result<Vec<String>> {
        let ids = self.generate_token_ids(texts, arguments)?;
        ids.iter().map(|ids| self.decode(ids, Role::Target, true)).collect()
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
        let sources =
            texts.iter().map(|text| self.encode(text.as_ref(), Role::Source, true)).collect::<Result<Vec<_>>>()?;
        let config = self.generation.merge(arguments)?;
        let generated = self.generate_ids(&sources, None, &config, &mut |_| ControlFlow::Continue(()))?;
        Ok(generated.into_iter().map(|generated| generated.ids).collect())
    }

    /// Ids that the model generates, from the decoder start on, for source ids and target prefixes (which start with the
    /// decoder start).
    pub(crate) fn generate_ids(
        &self,
        sources: &[Vec<u32>],
        prefixes: Option<&[Vec<u32>]>,
        config: &GenerationConfig,
        progress: ProgressCallback,
    ) -> Result<Vec<Generated>> {
        if let Some(text) = sources.iter().position(Vec::is_empty) {
            return Err(Error::Argument(format!(
                "text {} has no tokens; the model needs something to start from",
                text + 1
            )));
        }
        let start = self.loaded.decoder_start.map(|start| config.decoder_start_token_id.unwrap_or(start));
        let vocabulary = self.model().target_embedding.vocabulary();
        if let Some(start) = start.filter(|&start| start as usize >= vocabulary) {
            return Err(Error::Argument(format!(
                "`decoder_start_token_id` is {start}, but the model has embeddings for {vocabulary} tokens only"
            )));
        }
        let starts: Vec<Vec<u32>> = match (prefixes, start) {
            (Some(prefixes), _) => prefixes.to_vec(),
            (None, Some(start)) => vec![vec![start]; sources.len()],
            (None, None) => sources.to_vec(),
        };
        // Texts that start with as many tokens are generated together; nothing is ever padded on the left.
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (text, start) in starts.iter().enumerate() {
            by_length.entry(start.len()).or_default().push(text);
        }
        let mut generated = vec![None; sources.len()];
        let mut before = 0;
        for texts in by_length.values() {
            let [sources, starts] =
                [sources, &starts].map(|ids| texts.iter().map(|&i| ids[i].clone()).collect::<Vec<_>>());
            let mut tokens = 0;
            let each = self.generate_group(&sources, &starts, config, &mut |more| {
                tokens = more;
                progress(Progress::Generating { texts: generated.len(), tokens: before + more })
            })?;
            before += tokens;
            for (&text, one) in texts.iter().zip(each) {
                generated[text] = Some(one);
            }
        }
        Ok(generated.into_iter().flatten().collect())
    }

    /// Generates from starts of one length.
    fn generate_group(
        &self,
        sources: &[Vec<u32>],
        starts: &[Vec<u32>],
        config: &GenerationConfig,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Generated>> {
        let source = self.model().encoder.as_ref().map(|encoder| {
            let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
            let ids: Vec<u32> = sources
                .iter()
                .flat_map(|ids| ids.iter().copied().chain(std::iter::repeat_n(0, longest - ids.len())))
                .collect();
            Source {
                embeddings: encoder.embedding.forward(&ids, sources.len()),
                lengths: sources.iter().map(Vec::len).collect(),
            }
        });
        let mut decoder = ModelDecoder::new(self.model(), source.as_ref(), sources.len());
        let mut cancelled = false;
        let text_of = |ids: &[u32]| self.tokenizer.decode(ids, self.role(Role::Target), false);
        let prompts = Prompts { starts, sources, text_of: &text_of };
        let result = generate(&mut decoder, &prompts, config, &mut |tokens| {
            let flow = progress(tokens);
            cancelled = flow.is_break();
            flow
        });
        if cancelled {
            return Err(Error::Cancelled);
        }
        Ok(result?)
    }
}
