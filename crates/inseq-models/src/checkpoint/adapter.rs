//! Adapters: small changes of a model, which this crate does not apply.

use serde_json::Value;

/// Name of the file that describes an adapter.
pub(super) const CONFIGURATION: &str = "adapter_config.json";

/// Whether a file holds the weights of an adapter.
pub(super) fn is_adapter(name: &str) -> bool {
    name.starts_with("adapter_model.") || name == "pytorch_adapter.bin" || name == "adapters.safetensors"
}

/// An adapter: a small change of a model that is in another repository.
pub(crate) struct Adapter {
    /// Type of the adapter in PEFT (`LORA`).
    kind: Option<String>,
    base: Option<String>,
    task: Option<String>,
}

impl Adapter {
    /// The adapter that an `adapter_config.json` describes.
    pub(super) fn new(config: &Value) -> Self {
        let field = |names: &[&str]| {
            names.iter().find_map(|name| config.get(*name)?.as_str().filter(|text| !text.is_empty()).map(String::from))
        };
        Self {
            kind: field(&["peft_type", "fine_tune_type"]),
            base: field(&["base_model_name_or_path", "model_name", "model"]),
            task: field(&["task_type"]),
        }
    }

    /// Description of the adapter, its base model, and the way out.
    pub(crate) fn described(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("");
        let base = match &self.base {
            Some(base) => format!("of the model `{base}`"),
            None => "of a model that adapter_config.json does not name".into(),
        };
        let is_prompt = ["PROMPT", "PREFIX", "P_TUNING"].iter().any(|part| kind.to_ascii_uppercase().contains(part));
        let way_out = if is_prompt {
            "it trains a prompt, which cannot be merged into weights".to_string()
        } else {
            let class = match self.task.as_deref() {
                Some("SEQ_2_SEQ_LM") => "AutoPeftModelForSeq2SeqLM",
                _ => "AutoPeftModelForCausalLM",
            };
            format!(
                "merge the two with PEFT and load the result: {class}.from_pretrained(adapter).merge_and_unload()\
                 .save_pretrained(other), with the tokenizer saved there too"
            )
        };
        format!("{} (adapter_config.json) {base}, which is not applied; {way_out}", self.title())
    }

    /// Name of the adapter's type, with its article.
    pub(super) fn title(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("");
        match kind.to_ascii_uppercase().as_str() {
            "" => "an adapter".to_string(),
            "LORA" => "a LoRA adapter".into(),
            _ => format!("an adapter of the type {kind}"),
        }
    }
}
