//! How models are loaded, and what a call may open beside its own.

use std::path::Path;

use burn::tensor::DType;
use inseq_models::checkpoint::HubOptions;
use inseq_models::tokenizer::TokenizerOptions;

use crate::{Error, Result};

/// Bytes that the tensors of one attribution may take, where nothing else is said.
pub const DEFAULT_MEMORY_BUDGET: usize = 1 << 30;

/// How a model is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where the model computes, as [`inseq_models::device::parse`] reads it.
    pub device: String,
    /// The type it computes in.
    pub dtype: DType,
    /// How files that are not there are fetched.
    pub hub: HubOptions,
    /// A repository to take the tokenizer from, where it is not the model's.
    pub tokenizer: Option<String>,
    /// The languages to translate between, of models that have tokens for them. A chosen target language is what every
    /// generated text starts with.
    pub languages: TokenizerOptions,
    /// Bytes that the tensors of one attribution may take, where a call says nothing else.
    pub memory_budget: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            device: "auto".into(),
            dtype: DType::F32,
            hub: HubOptions::default(),
            tokenizer: None,
            languages: TokenizerOptions::default(),
            memory_budget: DEFAULT_MEMORY_BUDGET,
        }
    }
}

/// A memory budget that something fits in.
///
/// # Errors
/// When it is 0.
pub(crate) fn checked_budget(bytes: usize) -> Result<usize> {
    if bytes > 0 {
        return Ok(bytes);
    }
    Err(Error::Argument(
        "`memory_budget` is 0; expected the bytes that the tensors of an attribution may take, such as 1GiB".into(),
    ))
}

/// What the arguments of a call may name beside the model that is loaded. A server whose clients write the arguments closes
/// both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether files and folders of this machine may be read.
    pub may_read_files: bool,
    /// Whether models of the hub may be used, from the cache or fetched.
    pub may_fetch: bool,
}

impl Policy {
    /// Everything may be opened: what a user's own program does.
    pub const OPEN: Self = Self { may_read_files: true, may_fetch: true };

    /// Nothing may be opened.
    pub const CLOSED: Self = Self { may_read_files: false, may_fetch: false };
}

impl Default for Policy {
    fn default() -> Self {
        Self::OPEN
    }
}

/// What a method opens files and models with, before a call.
#[derive(Clone, Debug)]
pub struct Loading {
    options: LoadOptions,
    policy: Policy,
}

impl Loading {
    /// Loading with the options that the call's own model was loaded with, as far as they are no choice of that model alone.
    pub fn new(options: &LoadOptions, policy: Policy) -> Self {
        let options = LoadOptions { tokenizer: None, languages: TokenizerOptions::default(), ..options.clone() };
        Self { options, policy }
    }

    /// What opens nothing.
    pub(crate) fn nothing() -> Self {
        Self::new(&LoadOptions::default(), Policy::CLOSED)
    }

    /// The options to load a model with that `method` names.
    ///
    /// # Errors
    /// When the policy does not allow it.
    pub fn of_model(&self, method: &str, name: &str) -> Result<LoadOptions> {
        let Policy { may_read_files, may_fetch } = self.policy;
        // What looks like a folder is not told to be there or not.
        let is_local = Path::new(name).is_absolute() || name.starts_with('.') || Path::new(name).exists();
        match if is_local { may_read_files } else { may_fetch } {
            true => Ok(self.options.clone()),
            false => Err(Error::NotAllowed {
                what: format!("{method}: the model `{name}`"),
                permission: if is_local { "may_read_files" } else { "may_fetch" },
            }),
        }
    }

    /// Allows a file to be read that `method` names.
    ///
    /// # Errors
    /// When the policy does not allow it.
    pub fn of_file(&self, method: &str, path: &Path) -> Result<()> {
        match self.policy.may_read_files {
            true => Ok(()),
            false => Err(Error::NotAllowed {
                what: format!("{method}: the file {}", path.display()),
                permission: "may_read_files",
            }),
        }
    }
}
