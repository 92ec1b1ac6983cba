//! The flags of `inseq cite`, and the request that they make.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use inseq_core::CitationRule;
use inseq_core::aggregators::Aside;
use inseq_methods::citations::{
    CitationMethodInfo, CitationRequest, Document, PromptTemplate, Slot, SourceUnit, Sources, list_methods,
    method_named,
};
use inseq_viz::scale::Theme;
use serde_json::Value;

use super::documents;
use crate::completing::CITATION_METHODS;
use crate::failure::Failure;
use crate::input;
use crate::json_object::{Object, object};
use crate::model::ModelArguments;
use crate::output::Destination;
use crate::picture_format::Format;
use crate::texts::chat;
use crate::verbosity::Verbosity;

const EXAMPLES: &str = "\
The command prints the answer with the numbers of the sources that each sentence rests on, then the sources with their scores.
A gain is the log-probability of the sentence with all sources minus that without the source.

Examples:
  Cite sentences of two files, with a model of the hub:
      inseq cite -m Qwen/Qwen2.5-0.5B-Instruct -q \"Who was late?\" \\
          -d report.txt notes.md --sources sentences
  Cite the sources of a given answer, exactly, and save the scores:
      inseq cite -m ./model -q \"Who was late?\" -d report.txt --answer \"The nurse.\" \\
          --method leave_one_out -o citations.json
  Cite with one forward, and one pullback per sentence:
      inseq cite -m ./model -q \"Who was late?\" -d report.txt --method gradient
  Test the ten sources exactly that a gradient ranks first:
      inseq cite -m ./model -q \"Who was late?\" -d report.txt \\
          --method leave_one_out --screen 10
  Translate with the demo model, and cite the sentences of the input:
      inseq cite --passages \"The doors are white.\" \"She was late.\"
  Find the few-shot example that an answer rests on:
      inseq cite -m ./model --prompt \"1+1=2; 2+3=5; 3+4=\" --separator \"; \"";

/// `inseq cite`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CiteArguments {
    /// Prompt and answer.
    #[command(flatten)]
    pub prompt: PromptArguments,
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,

    /// Citation method; `inseq list citation-methods` prints the names.
    #[arg(long, default_value = "context_cite", value_name = "METHOD", help_heading = "Citations")]
    #[arg(value_parser = CITATION_METHODS, hide_possible_values = true)]
    pub method: String,
    /// Arguments of the method, as a JSON object such as {"n_masks": 32}; `inseq list citation-methods --arguments` prints them.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    #[arg(help_heading = "Citations")]
    pub method_kwargs: Object,
    /// Test the N sources that a gradient ranks first, and name the others as not tested: the argument `screen` of leave_one_out and
    /// arc_jsd.
    #[arg(long, value_name = "N", help_heading = "Citations")]
    pub screen: Option<usize>,
    /// Give the influence that came through earlier text of the answer back to the prompt: the argument `through` of gradient and
    /// attention.
    #[arg(long, value_enum, value_name = "TEXT", help_heading = "Citations")]
    pub through: Option<Through>,
    /// Tokens whose scores are 0, for methods that read scores of tokens: bos (the first token), special (special tokens),
    /// bos,special, or none. [default: bos,special]
    #[arg(long, value_parser = aside, value_name = "TOKENS", help_heading = "Citations")]
    pub aside: Option<Aside>,
    /// Largest number of cited sources per sentence, 1 or more.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Citations")]
    pub top_sources: usize,
    /// Smallest score of a cited source, as a share of the largest score of the sentence, 0 to 1.
    #[arg(long, default_value_t = 0.2, value_name = "SHARE", help_heading = "Citations")]
    pub least_share: f64,
    /// Do not generate the answer without the sources.
    #[arg(long, help_heading = "Citations")]
    pub skip_contextless_answer: bool,

    /// Do not cite. Print what the call would take: tokens, memory, and the forwards and the approximate time of every method.
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// Save the scores of all sources as JSON. `-` writes them to standard output instead of the answer with its citations.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// Save a picture. The extension chooses the format: a page for the browser, in which pointing at a sentence lights up its sources
    /// (.html), or a picture for a paper (.svg, .png, .tex). `-` writes a page to standard output instead of the answer.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub viz_path: Option<Destination>,
    /// Format of a picture on standard output (--viz-path -): html, svg or tex. [default: html]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub viz_format: Option<Format>,
    /// Background of the picture. [default: light; of a page, that of the reader's system]
    #[arg(long, value_enum, value_name = "THEME", requires = "viz_path", help_heading = "Output")]
    pub theme: Option<Theme>,
    /// Do not print the answer with its citations.
    #[arg(long, help_heading = "Output")]
    pub hide: bool,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The prompt with its sources, and the answer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Prompt")]
pub struct PromptArguments {
    /// Question about the sources, for the slot {question} of the template.
    #[arg(short, long, value_name = "TEXT")]
    pub question: Option<String>,
    /// Files with documents, for the slot {documents} of the template. A .jsonl file has a document per line: a text, or an object
    /// with `text` and, if you like, `name`. Any other file is a document.
    #[arg(short, long, num_args = 1.., value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub documents: Vec<PathBuf>,
    /// Documents as texts, after those of --documents.
    #[arg(long, num_args = 1.., value_name = "TEXT")]
    pub passages: Vec<String>,
    /// Text of another slot of the template. It is a source.
    #[arg(long, num_args = 1.., value_name = "NAME=TEXT", value_parser = slot)]
    pub slots: Vec<(String, String)>,
    /// Prompt with the slots {documents}, {question}, and those of --slots; braces of the text are doubled. [default: "Context:
    /// {documents}\n\nQuery: {question}"; without a question "{documents}"]
    #[arg(long, value_name = "TEMPLATE")]
    pub template: Option<String>,
    /// Whole prompt, whose blocks are sources, except the last one.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["question", "documents", "passages", "slots", "template"])]
    pub prompt: Option<String>,
    /// Text between two documents, or two blocks of --prompt. [default: a blank line; between documents without a question and a
    /// template, a space]
    #[arg(long, value_name = "TEXT", conflicts_with = "chat_file")]
    pub separator: Option<String>,
    /// A chat whose messages are sources, except the last one of the user: a JSON file with a list of messages such as {"role":
    /// "user", "content": "Who was late?"}. `-` reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["question", "documents", "passages", "slots", "template", "prompt"])]
    pub chat_file: Option<PathBuf>,
    /// Parts of documents, slots, blocks or messages that are the sources.
    #[arg(long, value_enum, default_value_t, value_name = "PARTS")]
    pub sources: Parts,
    /// Given answer. Without it the model generates one.
    #[arg(long, value_name = "TEXT")]
    pub answer: Option<String>,
    /// Give the prompt to the model as it is, without the model's chat template.
    #[arg(long, conflicts_with = "chat_file")]
    pub plain: bool,
    /// Arguments of generation, as a JSON object such as {"max_new_tokens": 50}, with the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub generation_kwargs: Object,
}

/// Text through which influence is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Through {
    /// What the model wrote before a sentence.
    Reasoning,
}

/// What the sources are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Parts {
    /// Whole documents, slots, blocks or messages.
    #[default]
    Documents,
    /// Their paragraphs, which have a blank line between them.
    Paragraphs,
    /// Their sentences.
    Sentences,
}

impl CiteArguments {
    /// The request that the flags make.
    ///
    /// # Errors
    /// A file cannot be read, or an option is wrong.
    pub fn request(&self) -> Result<CitationRequest, Failure> {
        if self.top_sources == 0 {
            return Err(Failure::Argument("--top-sources must be at least 1".into()));
        }
        if !(0.0..=1.0).contains(&self.least_share) {
            return Err(Failure::Argument(format!(
                "--least-share must lie between 0 and 1, found {}",
                self.least_share
            )));
        }
        let method = method_named(&self.method)?.with(&self.method_kwargs()?)?;
        if self.aside.is_some() && !method.reads_tokens() {
            return Err(Failure::Argument(format!(
                "--aside is for methods that read scores of tokens, and `{}` does not; leave it out",
                self.method
            )));
        }
        let mut request = CitationRequest::new(self.prompt.sources()?)
            .shared_method(method)
            .rule(self.rule())
            .aside(self.aside.unwrap_or_default())
            .plain(self.prompt.plain)
            .contextless_answer(!self.skip_contextless_answer)
            .generation_args(self.prompt.generation_kwargs.clone());
        request.answer.clone_from(&self.prompt.answer);
        Ok(request)
    }

    /// The rule that decides which sources are cited.
    pub fn rule(&self) -> CitationRule {
        CitationRule::default().most(self.top_sources).least_share(self.least_share)
    }

    /// The arguments of the method.
    fn method_kwargs(&self) -> Result<Object, Failure> {
        let mut arguments = self.method_kwargs.clone();
        let flags = [
            ("screen", self.screen.map(Value::from)),
            ("through", self.through.map(|Through::Reasoning| Value::from("reasoning"))),
        ];
        for (name, value) in flags {
            let Some(value) = value else { continue };
            let has = |method: &CitationMethodInfo| method.arguments.iter().any(|argument| argument.name == name);
            if !has(method_named(&self.method)?) {
                let methods: Vec<&str> =
                    list_methods().iter().filter(|method| has(method)).map(|method| method.name).collect();
                return Err(Failure::Argument(format!(
                    "--{name} is for the methods {}, and not for `{}`; leave it out, or choose one of them",
                    methods.join(" and "),
                    self.method
                )));
            }
            if arguments.insert(name.to_owned(), value).is_some() {
                return Err(Failure::Argument(format!(
                    "--{name} and --method-kwargs both give `{name}`; leave one of them out"
                )));
            }
        }
        Ok(arguments)
    }
}

impl PromptArguments {
    /// The prompt with its sources.
    fn sources(&self) -> Result<Sources, Failure> {
        let inputs = self.documents.iter().map(PathBuf::as_path).chain(self.chat_file.as_deref());
        input::check_one_standard(inputs)?;
        let whole = match (&self.prompt, &self.chat_file) {
            (Some(prompt), _) => Sources::of_blocks(prompt, self.separator.as_deref().unwrap_or("\n\n"))?,
            (None, Some(path)) => Sources::of_chat(chat(path)?)?,
            (None, None) => self.of_template()?,
        };
        Ok(whole.divided(match self.sources {
            Parts::Documents => SourceUnit::Whole,
            Parts::Paragraphs => SourceUnit::Paragraphs,
            Parts::Sentences => SourceUnit::Sentences,
        }))
    }

    fn of_template(&self) -> Result<Sources, Failure> {
        let mut documents = documents::read(&self.documents)?;
        for (index, text) in self.passages.iter().enumerate() {
            if text.trim().is_empty() {
                return Err(Failure::Argument(format!(
                    "passage {} of --passages has no text; leave it out",
                    index + 1
                )));
            }
            documents.push(Document::new(format!("passage {}", index + 1), text));
        }
        if documents.is_empty() && self.slots.is_empty() {
            return Err(Failure::Argument(
                "there is no source to cite; give --documents, --passages, --slots, --prompt or --chat-file".into(),
            ));
        }
        let (usual, separator) = match (&self.question, &self.template) {
            (None, None) => (PromptTemplate::DOCUMENTS, " "),
            _ => (PromptTemplate::QUESTION, "\n\n"),
        };
        let template = PromptTemplate::parse(self.template.as_deref().unwrap_or(usual))?
            .separator(self.separator.as_deref().unwrap_or(separator));
        let given = [
            (!documents.is_empty()).then_some(("documents", Slot::Documents(documents))),
            self.question.clone().map(|question| ("question", Slot::Fixed(question))),
        ];
        let slots = self.slots.iter().map(|(name, text)| (name.as_str(), Slot::Source(text.clone())));
        Ok(template.fill(given.into_iter().flatten().chain(slots))?)
    }
}

fn aside(text: &str) -> Result<Aside, String> {
    match text {
        "none" => Ok(Aside::default().bos(false).special(false)),
        kinds => kinds.parse().map_err(|error: inseq_core::Error| format!("{error}, or none")),
    }
}

fn slot(text: &str) -> Result<(String, String), String> {
    let (name, text) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=TEXT")?;
    Ok((name.to_owned(), text.to_owned()))
}
