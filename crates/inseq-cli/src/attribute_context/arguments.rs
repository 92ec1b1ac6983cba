//! The flags of `inseq attribute-context`.

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use inseq_core::Salience;
use inseq_methods::{AttributionRequest, ContextRequest, OutputContextStrategy};
use serde_json::{Value, json};

use crate::aggregation::{Aggregation, AggregationArguments};
use crate::attribution::method;
use crate::completing::{CONTRASTIVE_FUNCTIONS, METHODS, STEP_FUNCTIONS};
use crate::failure::Failure;
use crate::json_object::{Object, object};
use crate::model::ModelArguments;
use crate::output::{Destination, check_places};
use crate::picture::Color;
use crate::picture_file::PictureFile;
use crate::picture_format::Format;
use crate::verbosity::Verbosity;
use crate::warnings::warn;

const EXAMPLES: &str = "\
Flags of Python inseq work unchanged.

Examples:
  Find the words of a translation that depend on an earlier sentence, and on which of its words:
      inseq attribute-context --input-context-text \"The nurse was tired.\" \\
          --input-current-text \"She was late.\"
  Compare with what the model would have written without the context:
      inseq attribute-context --input-context-text \"The nurse was tired.\" \\
          --input-current-text \"She was late.\" -fn contrast_prob_diff \\
          --context-sensitivity-std-threshold 0 --context-sensitivity-topk 2
  Study a part of a given answer of a decoder-only model; the part before it is a second context:
      inseq attribute-context -m gpt2 --input-context-text \"George was sick.\" \\
          --input-current-text \"His colleagues asked\" \\
          --output-context-text \"what was wrong. He said\" \\
          --output-current-text \"he was fine.\" -o context.json";

/// `inseq attribute-context`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AttributeContextArguments {
    /// Texts and templates.
    #[command(flatten)]
    pub texts: ContextTextArguments,
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Which tokens of the output are selected.
    #[command(flatten)]
    pub sensitivity: SensitivityArguments,
    /// How the selected tokens are attributed.
    #[command(flatten)]
    pub attribution: CueArguments,
    /// Aggregation.
    #[command(flatten)]
    pub aggregation: AggregationArguments,
    /// Output.
    #[command(flatten)]
    pub output: ContextOutputArguments,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The texts of a call.
#[derive(Debug, Args)]
#[command(next_help_heading = "Texts")]
pub struct ContextTextArguments {
    /// Input whose output is studied: the prompt of a decoder-only model, or the source of an encoder-decoder.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub input_current_text: String,
    /// Context on the side of the input.
    #[arg(long, value_name = "TEXT")]
    pub input_context_text: Option<String>,
    /// Template of the input, with {current} and, for an input context, {context}. [default: {context} {current}]
    #[arg(long, value_name = "TEMPLATE")]
    pub input_template: Option<String>,
    /// Context on the side of the output: a prefix of the decoder or, for decoder-only models, a part of the generated text.
    #[arg(long, value_name = "TEXT")]
    pub output_context_text: Option<String>,
    /// Output to study. Without it, the model generates the output.
    #[arg(long, value_name = "TEXT")]
    pub output_current_text: Option<String>,
    /// Template of the output, with {current} and, for an output context, {context} before it. [default: {context} {current}]
    #[arg(long, value_name = "TEMPLATE")]
    pub output_template: Option<String>,
    /// Template of the input without its context, with {current}. [default: {current}]
    #[arg(long, value_name = "TEMPLATE")]
    pub contextless_input_current_text: Option<String>,
    /// Template of the output without its context, with {current}. [default: {current}]
    #[arg(long, value_name = "TEMPLATE")]
    pub contextless_output_current_text: Option<String>,
    /// Special tokens that count as text, such as a separator in a template.
    #[arg(long, num_args = 1.., value_name = "TOKEN")]
    pub special_tokens_to_keep: Vec<String>,
    /// Text between the prompt and the output of a decoder-only model, unless one of them has it there.
    #[arg(long, value_name = "TEXT", default_value = " ", hide_default_value = true)]
    pub decoder_input_output_separator: String,
    /// How an output context is found that the output template has, but that is not given.
    #[arg(long, value_enum, default_value_t, value_name = "STRATEGY")]
    pub handle_output_context_strategy: Strategy,
    /// Arguments of generation, as a JSON object such as {"num_beams": 4}, with the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub generation_kwargs: Object,
}

/// How an output context is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// The terminal asks for it, with a proposal.
    #[default]
    Manual,
    /// The proposal is taken: the text before the template's separator, or before punctuation.
    Auto,
    /// It must be given.
    Pre,
}

/// Which tokens of the output depend on the context.
#[derive(Debug, Args)]
#[command(next_help_heading = "Context sensitivity")]
pub struct SensitivityArguments {
    /// Contrastive step function that compares the output with and without its context.
    #[arg(long, value_name = "FUNCTION", default_value = "kl_divergence")]
    #[arg(value_parser = CONTRASTIVE_FUNCTIONS, hide_possible_values = true)]
    pub context_sensitivity_metric: String,
    /// Number of standard deviations above the mean at which the threshold of context-sensitive tokens lies.
    #[arg(long, value_name = "N", default_value_t = 1.0, allow_negative_numbers = true)]
    pub context_sensitivity_std_threshold: f64,
    /// Largest number of context-sensitive tokens. [default: all above the threshold]
    #[arg(long, value_name = "K")]
    pub context_sensitivity_topk: Option<usize>,
    /// A word for each context-sensitive token, the most sensitive token first. Contrastive functions compare with it instead of
    /// what the model would generate without the context.
    #[arg(long, num_args = 1.., value_name = "WORD")]
    pub contextless_output_next_tokens: Vec<String>,
    /// Ask for these words on the terminal.
    #[arg(long)]
    pub prompt_user_for_contextless_output_next_tokens: bool,
}

/// How the context-sensitive tokens are attributed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Attribution")]
pub struct CueArguments {
    /// Attribution method; `inseq list methods` prints the names.
    #[arg(short, long, default_value = "saliency", value_name = "METHOD")]
    #[arg(value_parser = METHODS, hide_possible_values = true)]
    pub attribution_method: String,
    /// Function of the model's output to attribute, by name or as an expression. Contrastive functions compare with what the model
    /// would generate without the context. [default: probability]
    #[arg(long, value_name = "FUNCTION", value_parser = STEP_FUNCTIONS, hide_possible_values = true)]
    pub attributed_fn: Option<String>,
    /// Arguments of the method and the attributed function, as a JSON object such as {"n_steps": 100}.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub attribution_kwargs: Object,
    /// Number of standard deviations above the mean at which the threshold of contextual cues lies, in pictures.
    #[arg(long, value_name = "N", default_value_t = 1.0, allow_negative_numbers = true)]
    pub attribution_std_threshold: f64,
    /// Largest number of contextual cues in each context, in pictures. [default: all above the threshold]
    #[arg(long, value_name = "K")]
    pub attribution_topk: Option<usize>,
}

/// What is shown and saved.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ContextOutputArguments {
    /// Save the result as JSON, which Python inseq loads. `-` writes it to standard output instead of the picture.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub save_path: Option<Destination>,
    /// Save the picture. The extension chooses the format: a page for the browser with long contexts folded (.html), or a picture for
    /// a paper (.svg, .png, .tex). `-` writes a page to standard output instead of the picture.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub viz_path: Option<Destination>,
    /// Format of a picture on standard output (--viz-path -): html, svg or tex. [default: html]
    #[arg(long, value_name = "FORMAT")]
    pub viz_format: Option<Format>,
    /// Save all arguments with the result. [default: true]
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    #[arg(default_value = "true", default_missing_value = "true", value_parser = BoolishValueParser::new())]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub add_output_info: bool,
    /// Save the result without the arguments.
    #[arg(long)]
    pub no_add_output_info: bool,
    /// Print the picture. [default: true]
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    #[arg(default_value = "true", default_missing_value = "true", value_parser = BoolishValueParser::new())]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub show_viz: bool,
    /// Do not print the picture.
    #[arg(long)]
    pub no_show_viz: bool,
    /// Print the sensitivity of each output token, and the attribution of each context-sensitive token.
    #[arg(long)]
    pub show_intermediate_outputs: bool,
    /// Use of colours in the terminal.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

impl ContextOutputArguments {
    /// Whether the picture is printed.
    pub fn is_shown(&self) -> bool {
        let places = [&self.save_path, &self.viz_path];
        self.show_viz && !self.no_show_viz && places.iter().all(|place| **place != Some(Destination::Standard))
    }

    /// Checks the places of files, before the work whose result they hold. Returns the file of the picture.
    ///
    /// # Errors
    /// A file cannot be written, two outputs go to standard output, or there is no such format of pictures.
    pub fn checked(&self) -> Result<Option<PictureFile<'_>>, Failure> {
        check_places([("--save-path", self.save_path.as_ref()), ("--viz-path", self.viz_path.as_ref())])?;
        self.save_path.iter().try_for_each(|save| save.check_json("--save-path"))?;
        PictureFile::of(self.viz_path.as_ref(), self.viz_format)
    }

    /// Whether the arguments are saved.
    pub fn has_info(&self) -> bool {
        self.add_output_info && !self.no_add_output_info
    }
}

impl AttributeContextArguments {
    /// The request with these options. Arguments that neither the method nor the function knows have no effect, and a warning says
    /// so.
    ///
    /// # Errors
    /// A name is unknown, or flags contradict each other.
    pub fn request(&self) -> Result<ContextRequest, Failure> {
        let (texts, sensitivity, attribution) = (&self.texts, &self.sensitivity, &self.attribution);
        let method = method(&attribution.attribution_method)?;
        // The keywords are sorted as those of `attribute` are.
        let mut keywords = AttributionRequest::default();
        keywords.attributed_fn = attribution.attributed_fn.clone().map(Into::into);
        let unused = keywords.add_keywords(&attribution.attribution_kwargs, std::slice::from_ref(&method))?;
        unused.iter().for_each(|unused| warn(&format!("--attribution-kwargs: {unused}")));
        let salience = |std, top: Option<usize>| {
            // As in the reference, 0 is no limit.
            Salience::default().std_threshold(std).top_k(top.filter(|top| *top > 0))
        };
        let mut request = ContextRequest::new(&texts.input_current_text)
            .input_context_text(texts.input_context_text.clone())
            .input_template(texts.input_template.clone())
            .output_context_text(texts.output_context_text.clone())
            .output_current_text(texts.output_current_text.clone())
            .output_template(texts.output_template.clone())
            .contextless_input_current_text(texts.contextless_input_current_text.clone())
            .contextless_output_current_text(texts.contextless_output_current_text.clone())
            .special_tokens_to_keep(texts.special_tokens_to_keep.clone())
            .decoder_input_output_separator(&texts.decoder_input_output_separator)
            .handle_output_context_strategy(match texts.handle_output_context_strategy {
                Strategy::Manual => OutputContextStrategy::Manual,
                Strategy::Auto => OutputContextStrategy::Auto,
                Strategy::Pre => OutputContextStrategy::Pre,
            })
            .generation_args(texts.generation_kwargs.clone())
            .context_sensitivity_metric(sensitivity.context_sensitivity_metric.as_str())
            .context_sensitivity(salience(
                sensitivity.context_sensitivity_std_threshold,
                sensitivity.context_sensitivity_topk,
            ))
            .contextless_output_next_tokens(sensitivity.contextless_output_next_tokens.clone())
            .prompt_user_for_contextless_output_next_tokens(sensitivity.prompt_user_for_contextless_output_next_tokens)
            .attribution_salience(salience(attribution.attribution_std_threshold, attribution.attribution_topk))
            .method(method.name)
            .attribution_args(keywords.attribution_args)
            .attributed_fn_args(keywords.attributed_fn_args)
            .normalize_attributions(self.aggregation.normalize_attributions);
        request.attributed_fn = keywords.attributed_fn;
        match self.pipeline()? {
            Some(pipeline) => Ok(request.aggregator(pipeline)),
            None => Ok(request),
        }
    }

    /// The aggregators, if some are named. Without them, the method's default is scaled as --normalize-attributions says.
    fn pipeline(&self) -> Result<Option<inseq_core::aggregators::Pipeline>, Failure> {
        let own = &self.aggregation;
        let named = !own.attribution_aggregators.is_empty();
        let arguments =
            AggregationArguments { normalize_attributions: named && own.normalize_attributions, ..own.clone() };
        Ok(Aggregation::of(&arguments)?.into_pipeline())
    }

    /// The arguments that only the command line has, by the reference's names.
    pub fn facts(&self) -> Object {
        let path = |place: &Option<Destination>| place.as_ref().map(ToString::to_string);
        let aggregation = &self.aggregation;
        // A list that is not given is null in the reference.
        let list = |given: &[String]| if given.is_empty() { Value::Null } else { json!(given) };
        let selectors: Vec<Value> = aggregation
            .attribution_selectors
            .iter()
            .map(|selector| selector.parse::<i64>().map_or_else(|_| json!(selector), |index| json!(index)))
            .collect();
        let facts = json!({
            "device": self.model.device,
            "model_kwargs": self.model.model_kwargs,
            "tokenizer_kwargs": self.model.tokenizer_kwargs,
            "attribution_selectors": if selectors.is_empty() { Value::Null } else { json!(selectors) },
            "attribution_aggregators": list(&aggregation.attribution_aggregators),
            "rescale_attributions": aggregation.rescale_attributions,
            "show_intermediate_outputs": self.output.show_intermediate_outputs,
            "save_path": path(&self.output.save_path),
            "add_output_info": self.output.has_info(),
            "viz_path": path(&self.output.viz_path),
            "show_viz": self.output.is_shown(),
        });
        match facts {
            Value::Object(facts) => facts,
            _ => Object::new(),
        }
    }
}
