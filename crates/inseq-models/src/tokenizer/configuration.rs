//! What a repository says of a tokenizer's special and added tokens, in the files of newer and older versions.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::added::AddedToken;
use crate::checkpoint::Repository;
use crate::{Error, Result};

/// Special tokens that every tokenizer has a name for, in the order in which the reference gives them ids.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, and the added tokens of `tokenizer.json`.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// `tokenizer_config.json`.
    values: Map<String, Value>,
    /// Special tokens by name.
    named: IndexMap<String, String>,
    /// Special tokens without a name.
    extra: Vec<String>,
    /// Added tokens whose ids are known.
    pub(super) added: IndexMap<u32, AddedToken>,
}

impl Configuration {
    pub(super) fn read(repository: &Repository) -> Result<Self> {
        const FILE: &str = "tokenizer_config.json";
        let mut values = object(repository, FILE)?.unwrap_or_default();
        let mut added = IndexMap::new();
        if let Some(tokens) = values.get("added_tokens_decoder") {
            let tokens = tokens.as_object().ok_or_else(|| invalid(FILE, "`added_tokens_decoder` is no object"))?;
            for (id, token) in tokens {
                let id = id.parse().map_err(|_| invalid(FILE, &format!("`added_tokens_decoder`: `{id}` is no id")))?;
                added.insert(id, added_token(FILE, token)?);
            }
        } else {
            if let Some(map) = object(repository, "special_tokens_map.json")? {
                values.extend(map);
            }
            for (content, id) in object(repository, "added_tokens.json")?.unwrap_or_default() {
                added.insert(token_id("added_tokens.json", &id)?, AddedToken::plain(content));
            }
            let tokenizer = object(repository, "tokenizer.json")?.unwrap_or_default();
            for token in tokenizer.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
                let id = token.get("id").unwrap_or(&Value::Null);
                added.insert(token_id("tokenizer.json", id)?, added_token("tokenizer.json", token)?);
            }
        }
        let mut named = IndexMap::new();
        let others: Vec<String> =
            values.keys().filter(|key| key.ends_with("_token") && !NAMES.contains(&key.as_str())).cloned().collect();
        for name in NAMES.into_iter().map(String::from).chain(others) {
            if let Some(content) = values.get(&name).and_then(content) {
                named.insert(name, content.to_string());
            }
        }
        let extra = ["extra_special_tokens", "additional_special_tokens"];
        let extra = extra.iter().filter_map(|name| values.get(*name)).find(|value| !is_empty(value));
        let mut unnamed = Vec::new();
        match extra {
            Some(Value::Array(tokens)) => unnamed.extend(tokens.iter().filter_map(content).map(String::from)),
            Some(Value::Object(tokens)) => {
                let tokens =
                    tokens.iter().filter_map(|(name, token)| Some((name.clone(), content(token)?.to_string())));
                named.extend(tokens);
            }
            _ => {}
        }
        Ok(Self { values, named, extra: unnamed, added })
    }

    /// A named special token, or what it is by default.
    pub(super) fn named(&mut self, name: &str, default: &str) -> String {
        self.named.entry(name.to_string()).or_insert_with(|| default.to_string()).clone()
    }

    /// A named special token, where there is one.
    pub(super) fn token(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// The texts of all special tokens, each once, in the order in which the reference gives them ids.
    pub(super) fn special(&self) -> Vec<&str> {
        let named = NAMES.iter().filter_map(|name| self.named.get(*name));
        let others = self.named.iter().filter(|(name, _)| !NAMES.contains(&name.as_str())).map(|(_, token)| token);
        let mut all: Vec<&str> = Vec::new();
        for token in named.chain(others).chain(&self.extra) {
            if !token.is_empty() && !all.contains(&token.as_str()) {
                all.push(token);
            }
        }
        all
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// Whether something is said of it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether an object of options is there and not empty.
    pub(super) fn has_options(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !is_empty(value))
    }

    /// `model_max_length`; transformers writes 1e30 where there is none.
    pub(super) fn model_max_length(&self) -> Option<usize> {
        let length = self.values.get("model_max_length").or_else(|| self.values.get("max_len"))?.as_f64()?;
        (1.0..1e12).contains(&length).then_some(length as usize)
    }
}

fn invalid(file: &str, message: &str) -> Error {
    Error::Checkpoint { file: file.to_string(), message: message.to_string() }
}

fn object(repository: &Repository, file: &str) -> Result<Option<Map<String, Value>>> {
    match repository.json(file)? {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(invalid(file, "expected a JSON object")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    }
}

/// The text of a token: a string, or an object with `content`.
fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

fn added_token(file: &str, token: &Value) -> Result<AddedToken> {
    serde_json::from_value(token.clone()).map_err(|e| invalid(file, &format!("the added token {token}: {e}")))
}

fn token_id(file: &str, id: &Value) -> Result<u32> {
    let valid = id.as_u64().and_then(|id| u32::try_from(id).ok());
    valid.ok_or_else(|| invalid(file, &format!("{id} is no id of an added token")))
}
