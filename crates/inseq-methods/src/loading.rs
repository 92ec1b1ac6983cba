//! Options for loading models, and the files and models that a call may open.

use std::path::Path;

use burn::tensor::DType;
use inseq_models::architectures::Architectures;
use inseq_models::checkpoint::HubOptions;
use inseq_models::tokenizer::TokenizerOptions;

use crate::{Error, Result};

/// Default memory budget of one attribution, in bytes.
pub const DEFAULT_MEMORY_BUDGET: usize = 1 << 30;

/// Options for loading a model.
///
/// ```
/// use inseq_methods::LoadOptions;
/// use inseq_models::checkpoint::HubOptions;
///
/// let options = LoadOptions::default().device("cpu").hub(HubOptions::default().offline(true));
/// assert!(options.hub.offline);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Name of the device, for [`inseq_models::device::parse`].
    pub device: String,
    /// Type of the weights.
    pub dtype: DType,
    /// Options for downloading files.
    pub hub: HubOptions,
    /// Repository of the tokenizer, if it is not the model's.
    pub tokenizer: Option<String>,
    /// Languages of a translation model with language tokens. Every generated text starts with the token of a chosen target
    /// language.
    pub languages: TokenizerOptions,
    /// Model types that can be loaded. By default those of `inseq-models`.
    pub architectures: Architectures,
    /// Default memory budget of a call: the largest size of the tensors of one attribution, in bytes.
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
            architectures: Architectures::default(),
            memory_budget: DEFAULT_MEMORY_BUDGET,
        }
    }
}

inseq_core::setters! {
    LoadOptions {
        device: impl Into<String>,
        dtype: DType,
        hub: HubOptions,
        languages: TokenizerOptions,
        architectures: Architectures,
        memory_budget: usize,
    }
    some { tokenizer: impl Into<String> }
}

/// Checks a memory budget.
///
/// # Errors
/// It is 0.
pub(crate) fn checked_budget(bytes: usize) -> Result<usize> {
    if bytes > 0 {
        return Ok(bytes);
    }
    Err(Error::argument(
        "memory_budget",
        "`memory_budget` is 0; expected the bytes that the tensors of an attribution may take, such as 1GiB".into(),
    ))
}

/// Files and models, in addition to the loaded model, that the arguments of a call may name. A server whose clients write the
/// arguments should allow neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether files and folders of this machine may be read.
    pub may_read_files: bool,
    /// Whether models of the hub may be used, from the cache or downloaded.
    pub may_fetch: bool,
}

impl Policy {
    /// Everything may be opened; for a user's own program.
    pub const OPEN: Self = Self { may_read_files: true, may_fetch: true };

    /// Nothing may be opened.
    pub const CLOSED: Self = Self { may_read_files: false, may_fetch: false };
}

inseq_core::setters! {
    Policy { may_read_files: bool, may_fetch: bool }
}

impl Default for Policy {
    fn default() -> Self {
        Self::OPEN
    }
}

/// Access to files and models for a method, before a call.
#[derive(Clone, Debug)]
pub struct Loading {
    options: LoadOptions,
    policy: Policy,
}

impl Loading {
    /// Access with the options of the call's model, except those that are specific to this model.
    pub fn new(options: &LoadOptions, policy: Policy) -> Self {
        let options = LoadOptions { tokenizer: None, languages: TokenizerOptions::default(), ..options.clone() };
        Self { options, policy }
    }

    /// Access that opens nothing.
    pub(crate) fn nothing() -> Self {
        Self::new(&LoadOptions::default(), Policy::CLOSED)
    }

    /// The options for loading a model that `method` names.
    ///
    /// # Errors
    /// The policy does not allow it.
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

    /// Checks that a file that `method` names may be read.
    ///
    /// # Errors
    /// The policy does not allow it.
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
