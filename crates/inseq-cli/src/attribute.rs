//! `inseq attribute`: texts in, heat map, page and file out.

use std::io::{self, BufRead as _};
use std::time::Instant;

use burn::tensor::DType;
use bytesize::ByteSize;
use comfy_table::{ContentArrangement, Table, presets};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups, LoadOptions, Plan};
use inseq_models::checkpoint::HubOptions;
use inseq_models::tokenizer::TokenizerOptions;
use serde_json::Value;

use crate::aggregation::Aggregation;
use crate::arguments::{AttributeArguments, Precision};
use crate::attribution_kwargs;
use crate::failure::{Failure, say};
use crate::output;
use crate::picture::Pictures;
use crate::progress::{Bar, downloads, watch_interrupts};
use crate::result_file::ResultFile;
use crate::warnings::{Warnings, warn};

/// Runs the command.
pub fn run(arguments: &AttributeArguments) -> Result<(), Failure> {
    refuse_what_a_plan_has_no_use_for(arguments)?;
    let file = ResultFile::of_optional(arguments.save_path.as_ref(), &arguments.save)?;
    let pictures = Pictures::of(&arguments.picture, arguments.save_path.as_ref())?;
    let aggregation = Aggregation::of(&arguments.picture.aggregation)?;
    let request = request(arguments, std::slice::from_ref(&arguments.attribution_method))?;
    let notes = Notes::of(arguments);
    // The reference takes it so.
    if arguments.aggregate_output && file.is_none() {
        warn("--aggregate-output has no effect without --save-path");
    }

    let started = Instant::now();
    let model = load(arguments)?;
    // Until here there is nothing to leave half-written: an interrupt may end the program at once.
    let interrupted = watch_interrupts()?;
    notes.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    notes.say_more(|| format!("loading took {:.2?}", started.elapsed()));
    let mut warnings = Warnings::default();

    if arguments.dry_run {
        let plans = model.plan(&request)?;
        warnings.say(plans.iter().flat_map(|plan| &plan.warnings));
        return print_plan(&plans);
    }

    let started = Instant::now();
    let result = {
        let bar = Bar::new(interrupted);
        model.attribute_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    warnings.say_of(&result);
    notes.say(|| format!("attributed {} by {}", texts(result.sequences.len()), arguments.attribution_method));
    notes.say_more(|| format!("attribution took {:.2?}", started.elapsed()));

    // Files first: a pipe that closes early must not cost them.
    pictures.save(&result, &aggregation)?;
    if let (Some(file), Some(place)) = (&file, &arguments.save_path) {
        if arguments.aggregate_output || aggregation.is_chosen() {
            file.save(&aggregation.apply(&result)?)?;
        } else {
            file.save(&result)?;
        }
        notes.say(|| format!("saved {place}"));
    }
    if arguments.hide_attributions { Ok(()) } else { pictures.print(&result, &aggregation) }
}

/// A plan has no scores: flags of files have no effect on it.
fn refuse_what_a_plan_has_no_use_for(arguments: &AttributeArguments) -> Result<(), Failure> {
    let given = [("--save-path", arguments.save_path.is_some()), ("--viz-path", arguments.picture.viz_path.is_some())];
    match given.iter().find(|(_, is_given)| *is_given && arguments.dry_run) {
        Some((flag, _)) => Err(Failure::Argument(format!(
            "--dry-run attributes nothing, so that {flag} has nothing to write; leave one of the two out"
        ))),
        None => Ok(()),
    }
}

/// Says what each text would take.
fn print_plan(plans: &[Plan]) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["TEXT", "SOURCE", "TARGET", "STEPS", "FORWARDS", "PULLBACKS", "MEMORY", "ABOUT"]);
    for plan in plans {
        let count = |count: usize| count.to_string();
        let memory = ByteSize(plan.bytes as u64).to_string();
        let [source, target, steps, pullbacks] = [plan.source, plan.target, plan.steps, plan.pullbacks].map(count);
        let forwards = plan.forwards.to_string();
        let [least, most] = [plan.seconds.least, plan.seconds.most].map(about);
        let time = if least == most { least } else { format!("{least} to {most}") };
        table.add_row([plan.text.clone(), source, target, steps, forwards, pullbacks, memory, time]);
    }
    output::print_table(&table)
}

/// A time that is an estimate, to two digits.
fn about(seconds: f64) -> String {
    const UNITS: [(&str, f64); 5] = [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)];
    let (unit, size) = UNITS.into_iter().find(|(_, size)| seconds >= 2.0 * size).unwrap_or(("ms", 1e-3));
    let number = seconds / size;
    if number < 10.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// What `--verbose` and `--very-verbose` say.
struct Notes {
    verbose: bool,
    very_verbose: bool,
}

impl Notes {
    fn of(arguments: &AttributeArguments) -> Self {
        Self { verbose: arguments.verbose || arguments.very_verbose, very_verbose: arguments.very_verbose }
    }

    fn say(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            say(&line());
        }
    }

    fn say_more(&self, line: impl FnOnce() -> String) {
        if self.very_verbose {
            say(&line());
        }
    }
}

/// A warning of parameters that the model has no use for, with their names where the user asked for more.
fn unused(tensors: &[String], named: bool) -> String {
    let parameters = if tensors.len() == 1 { "1 parameter".into() } else { format!("{} parameters", tensors.len()) };
    let names = if named { tensors.join(", ") } else { "--verbose names them".into() };
    format!("the model does not use {parameters} of the checkpoint ({names})")
}

fn texts(count: usize) -> String {
    if count == 1 { "1 text".into() } else { format!("{count} texts") }
}

/// What is asked of each of `methods`.
pub(crate) fn request(arguments: &AttributeArguments, methods: &[String]) -> Result<AttributionRequest, Failure> {
    if arguments.batch_size == Some(0) {
        return Err(Failure::Argument("--batch-size must be at least 1".into()));
    }
    let mut request = AttributionRequest {
        input_texts: input_texts(&arguments.input_texts)?,
        generated_texts: arguments.generated_texts.clone(),
        method: Some(arguments.attribution_method.as_str().into()),
        attributed_fn: arguments.attributed_fn.clone().map(Into::into),
        step_scores: arguments.step_scores.iter().map(|name| name.as_str().into()).collect(),
        attr_pos_start: arguments.start_pos,
        attr_pos_end: arguments.end_pos,
        attribute_target: arguments.attribute_target,
        output_step_attributions: arguments.output_step_attributions,
        include_eos_baseline: arguments.include_eos_baseline,
        generate_from_target_prefix: arguments.generate_from_target_prefix,
        batch_size: arguments.batch_size,
        feature_groups: feature_groups(arguments.feature_groups.as_deref())?,
        generation_args: arguments.generation_kwargs.clone(),
        truncate: arguments.truncate,
        chat: arguments.chat,
        ..AttributionRequest::default()
    };
    attribution_kwargs::sort(arguments, methods, &mut request)?;
    Ok(request)
}

/// Groups by their name, or from a file.
fn feature_groups(given: Option<&str>) -> Result<FeatureGroups, Failure> {
    match given {
        None | Some("tokens") => Ok(FeatureGroups::Tokens),
        Some("words") => Ok(FeatureGroups::Words),
        Some("sentences") => Ok(FeatureGroups::Sentences),
        Some(path) => {
            let json = std::fs::read_to_string(path).map_err(|error| {
                Failure::Argument(format!(
                    "--feature-groups must be words, sentences, or a JSON file of spans; {path} cannot be read: {error}"
                ))
            })?;
            FeatureGroups::from_json(&json).map_err(|error| Failure::Argument(format!("{path}: {error}")))
        }
    }
}

/// The texts given, with the lines of standard input in the place of `-`.
fn input_texts(given: &[String]) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for text in given {
        if text == "-" {
            for line in io::stdin().lock().lines() {
                let line = line.map_err(|source| Failure::Stream { stream: "standard input", source })?;
                // Some editors begin a file with a mark of its encoding.
                let line = line.trim_start_matches('\u{feff}');
                if !line.trim().is_empty() {
                    texts.push(line.to_owned());
                }
            }
        } else {
            texts.push(text.clone());
        }
    }
    if texts.is_empty() {
        return Err(Failure::Argument("standard input has no text; write one a line".into()));
    }
    Ok(texts)
}

pub(crate) fn load(arguments: &AttributeArguments) -> Result<AttributionModel, Failure> {
    let loading = Loading::of(arguments)?;
    let options = LoadOptions {
        // Apple's GPUs are reached by WebGPU here.
        device: if arguments.device == "mps" { "wgpu".into() } else { arguments.device.clone() },
        dtype: match loading.precision {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        },
        hub: HubOptions { offline: loading.offline, progress: Some(downloads()), ..HubOptions::default() },
        memory_budget: match arguments.memory_budget {
            Some(budget) => usize::try_from(budget.as_u64()).unwrap_or(usize::MAX),
            None => inseq_methods::DEFAULT_MEMORY_BUDGET,
        },
        languages: loading.languages,
        ..LoadOptions::default()
    };
    let model = match (&arguments.model_name_or_path, loading.revision) {
        (Some(name), Some(revision)) => AttributionModel::load_with(&format!("{name}@{revision}"), &options)?,
        (Some(name), None) => AttributionModel::load_with(name, &options)?,
        (None, _) => demo(&options)?,
    };
    model.warnings().iter().for_each(|warning| warn(warning));
    if !model.unexpected_tensors().is_empty() {
        warn(&unused(model.unexpected_tensors(), arguments.verbose || arguments.very_verbose));
    }
    Ok(model)
}

#[cfg(feature = "demo")]
fn demo(options: &LoadOptions) -> Result<AttributionModel, Failure> {
    Ok(AttributionModel::demo_with(options)?)
}

#[cfg(not(feature = "demo"))]
fn demo(_: &LoadOptions) -> Result<AttributionModel, Failure> {
    Err(Failure::Argument("this build has no model of its own; name one with --model-name-or-path".into()))
}

/// How the model is loaded, from its own flags and from `--model-kwargs`.
#[derive(Default)]
struct Loading {
    precision: Precision,
    revision: Option<String>,
    offline: bool,
    languages: TokenizerOptions,
}

impl Loading {
    fn of(arguments: &AttributeArguments) -> Result<Self, Failure> {
        let mut loading = Self::default();
        for (name, value) in &arguments.model_kwargs {
            match (name.as_str(), value) {
                ("revision", Value::String(revision)) => loading.revision = Some(revision.clone()),
                ("local_files_only", Value::Bool(offline)) => loading.offline = *offline,
                ("dtype" | "torch_dtype", Value::String(dtype)) => loading.precision = precision(dtype)?,
                ("revision" | "local_files_only" | "dtype" | "torch_dtype", other) => {
                    return Err(Failure::Argument(format!("model argument `{name}` cannot be {other}")));
                }
                _ => warn(&format!("model argument `{name}` has no effect here")),
            }
        }
        for (name, value) in &arguments.tokenizer_kwargs {
            match (name.as_str(), value) {
                ("src_lang", Value::String(code)) => loading.languages.source_language = Some(code.clone()),
                ("tgt_lang", Value::String(code)) => loading.languages.target_language = Some(code.clone()),
                ("src_lang" | "tgt_lang", other) => {
                    return Err(Failure::Argument(format!("tokenizer argument `{name}` cannot be {other}")));
                }
                _ => warn(&format!("tokenizer argument `{name}` has no effect here")),
            }
        }
        if let Some(code) = &arguments.src_lang {
            loading.languages.source_language = Some(code.clone());
        }
        if let Some(code) = &arguments.tgt_lang {
            loading.languages.target_language = Some(code.clone());
        }
        if let Some(precision) = arguments.dtype {
            loading.precision = precision;
        }
        Ok(loading)
    }
}

/// A type by PyTorch's names.
fn precision(name: &str) -> Result<Precision, Failure> {
    match name.strip_prefix("torch.").unwrap_or(name) {
        "float32" | "float" | "auto" => Ok(Precision::F32),
        "float16" | "half" => Ok(Precision::F16),
        "bfloat16" => Ok(Precision::Bf16),
        _ => Err(Failure::Argument(format!("model argument `dtype` is `{name}`; choose float32, float16 or bfloat16"))),
    }
}
