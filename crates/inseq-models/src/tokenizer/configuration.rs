//! The special and added tokens of a tokenizer, from the files of newer and older versions.

use indexmap::IndexMap;
use inseq_core::mismatch;
use serde_json::{Map, Value};

use super::Side;
use super::added::{AddedToken, AddedTokens};
use crate::checkpoint::Repository;
use crate::{Error, Result};

/// Names of special tokens, in the order in which the reference gives them ids.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Fields for special tokens without a name, in newer and older versions.
const EXTRA: [&str; 2] = ["extra_special_tokens", "additional_special_tokens"];

/// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, and the added tokens of `tokenizer.json`.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// `tokenizer_config.json`.
    values: Map<String, Value>,
    /// Special tokens by name.
    named: IndexMap<String, AddedToken>,
    /// Special tokens without a name.
    extra: Vec<AddedToken>,
    /// Whether `tokenizer_config.json` has a list of these tokens, which may be empty.
    has_extra: bool,
    /// Added tokens with known ids.
    pub(super) added: IndexMap<u32, AddedToken>,
    /// Side of the truncation in `tokenizer.json`.
    saved_truncation: Option<String>,
}

impl Configuration {
    pub(super) fn read(repository: &Repository) -> Result<Self> {
        const FILE: &str = "tokenizer_config.json";
        let mut values = object(repository, FILE)?.unwrap_or_default();
        let has_extra = EXTRA.iter().any(|name| values.contains_key(*name));
        let mut added = IndexMap::new();
        let mut unnumbered = Map::new();
        let tokenizer = object(repository, "tokenizer.json")?.unwrap_or_default();
        let saved_truncation = tokenizer.get("truncation").and_then(|truncation| truncation.get("direction"));
        let saved_truncation = saved_truncation.and_then(Value::as_str).map(String::from);
        if let Some(tokens) = values.get("added_tokens_decoder") {
            let tokens = tokens.as_object().ok_or_else(|| invalid(FILE, "`added_tokens_decoder` is no object"))?;
            for (id, token) in tokens {
                let id = id.parse().map_err(|_| invalid(FILE, &format!("`added_tokens_decoder`: `{id}` is no id")))?;
                added.insert(id, added_token(FILE, token)?);
            }
        } else {
            for (name, mut token) in object(repository, "special_tokens_map.json")?.unwrap_or_default() {
                if has_extra && name == EXTRA[1] {
                    continue;
                }
                if let (true, Some(token)) = (name.ends_with("_token"), token.as_object_mut()) {
                    token.insert("special".into(), true.into());
                }
                values.insert(name, token);
            }
            unnumbered = object(repository, "added_tokens.json")?.unwrap_or_default();
            for token in tokenizer.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
                let id = token.get("id").unwrap_or(&Value::Null);
                added.insert(token_id("tokenizer.json", id)?, added_token("tokenizer.json", token)?);
            }
        }
        let mut named = IndexMap::new();
        let others: Vec<String> =
            values.keys().filter(|key| key.ends_with("_token") && !NAMES.contains(&key.as_str())).cloned().collect();
        for name in NAMES.into_iter().map(String::from).chain(others) {
            if let Some(token) = values.get(&name).and_then(special_token) {
                named.insert(name, token);
            }
        }
        let mut extra = Vec::new();
        match EXTRA.iter().filter_map(|name| values.get(*name)).find(|value| !is_empty(value)) {
            Some(Value::Array(tokens)) => extra.extend(tokens.iter().filter_map(special_token)),
            Some(Value::Object(tokens)) => {
                named.extend(tokens.iter().filter_map(|(name, token)| Some((name.clone(), special_token(token)?))));
            }
            _ => {}
        }
        // The reference reads the older list of special tokens after it has looked which added tokens are special.
        let known: &[AddedToken] = if has_extra || values.contains_key(EXTRA[0]) { &extra } else { &[] };
        let special: Vec<String> = named.values().chain(known).map(|token| token.content.clone()).collect();
        let mut configuration = Self { values, named, extra, has_extra, added, saved_truncation };
        for (content, id) in unnumbered {
            let id = token_id("added_tokens.json", &id)?;
            let is_special = special.contains(&content);
            let token = AddedToken { special: is_special, ..AddedToken::plain(content) };
            configuration.added.entry(id).or_insert(token);
        }
        // A named token is what the list of added tokens says of it.
        for token in configuration.named.values_mut() {
            if let Some(known) = configuration.added.values().find(|known| known.content == token.content) {
                *token = known.clone();
            }
        }
        Ok(configuration)
    }

    /// Sets a named special token, unless the files set it or set it to null.
    pub(super) fn default_token(&mut self, name: &str, token: AddedToken) {
        if !self.values.contains_key(name) {
            self.named.insert(name.to_string(), token);
        }
    }

    /// Sets the special tokens without a name, unless `tokenizer_config.json` has them. (Those of `special_tokens_map.json` are
    /// then ignored, as in the reference.)
    pub(super) fn default_extra(&mut self, tokens: impl IntoIterator<Item = AddedToken>) {
        if !self.has_extra {
            self.extra = tokens.into_iter().collect();
        }
    }

    /// Makes a token special.
    pub(super) fn ensure_special(&mut self, token: AddedToken) {
        if self.special().iter().all(|known| known.content != token.content) {
            self.extra.push(token);
        }
    }

    /// The text of a named special token, or its default.
    pub(super) fn named(&mut self, name: &str, default: &str) -> String {
        self.named.entry(name.to_string()).or_insert_with(|| AddedToken::special(default)).content.clone()
    }

    /// The text of a named special token, if it exists.
    pub(super) fn token(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(|token| token.content.as_str())
    }

    /// A named special token with its matching rules, if it exists.
    pub(super) fn named_token(&self, name: &str) -> Option<&AddedToken> {
        self.named.get(name)
    }

    /// The special tokens that have a name, in the order in which the reference gives them ids.
    pub(super) fn named_tokens(&self) -> impl Iterator<Item = &AddedToken> {
        let first = NAMES.iter().filter_map(|name| self.named.get(*name));
        first.chain(self.named.iter().filter(|(name, _)| !NAMES.contains(&name.as_str())).map(|(_, token)| token))
    }

    /// Texts of the named special tokens, by name.
    pub(super) fn named_texts(&self) -> IndexMap<String, String> {
        self.named.iter().map(|(name, token)| (name.clone(), token.content.clone())).collect()
    }

    /// The special tokens that have no name.
    pub(super) fn extra_tokens(&self) -> &[AddedToken] {
        &self.extra
    }

    /// All special tokens, each once, in the order in which the reference gives them ids.
    pub(super) fn special(&self) -> Vec<&AddedToken> {
        let mut all: Vec<&AddedToken> = Vec::new();
        for token in self.named_tokens().chain(&self.extra) {
            if !token.content.is_empty() && !all.iter().any(|known| known.content == token.content) {
                all.push(token);
            }
        }
        all
    }

    /// The added tokens of a tokenizer with its own vocabulary: the tokens with an id in a file, then special tokens, which get the
    /// next free ids if they have none.
    pub(super) fn added_tokens(&self, vocabulary: &IndexMap<String, u32>) -> Result<AddedTokens, String> {
        let mut tokens = self.added.clone();
        let mut ids = vocabulary.clone();
        ids.extend(tokens.iter().map(|(id, token)| (token.content.clone(), *id)));
        for token in self.special() {
            if tokens.values().all(|known| known.content != token.content) {
                let next = ids.len() as u32;
                let id = *ids.entry(token.content.clone()).or_insert(next);
                tokens.insert(id, AddedToken::special(&token.content));
            }
        }
        AddedTokens::new(tokens)
    }

    /// Removes a field.
    pub(super) fn forget(&mut self, name: &str) {
        self.values.remove(name);
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a flag that is on by default is off.
    pub(super) fn denies(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool) == Some(false)
    }

    /// A number of tokens.
    pub(super) fn count(&self, name: &str, default: u64) -> Result<u64, String> {
        const MOST: u64 = 1 << 20;
        let Some(value) = self.value(name) else { return Ok(default) };
        let count = value.as_u64().filter(|&count| count <= MOST);
        count.ok_or_else(|| format!("`{name}` is {value}; expected a number of tokens up to {MOST}"))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A value of `tokenizer_config.json`, if it exists and is not null.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field exists.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether an object of options exists and is not empty.
    pub(super) fn has_options(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !is_empty(value))
    }

    /// The side on which a text is cut: from `tokenizer_config.json`, otherwise from the truncation that was saved with the
    /// tokenizer.
    pub(super) fn truncation_side(&self) -> Result<Side> {
        match self.values.get("truncation_side").and_then(Value::as_str).or(self.saved_truncation.as_deref()) {
            None => Ok(Side::default()),
            Some(side) if side.eq_ignore_ascii_case("right") => Ok(Side::Right),
            Some(side) if side.eq_ignore_ascii_case("left") => Ok(Side::Left),
            Some(other) => Err(invalid(
                "tokenizer_config.json",
                &format!("`truncation_side` must be `left` or `right`, found {other:?}"),
            )),
        }
    }

    /// `model_max_length`; transformers writes 1e30 if there is no limit.
    pub(super) fn model_max_length(&self) -> Option<usize> {
        let length = self.values.get("model_max_length").or_else(|| self.values.get("max_len"))?.as_f64()?;
        (1.0..1e12).contains(&length).then_some(length as usize)
    }
}

fn invalid(file: &str, message: &str) -> Error {
    Error::checkpoint(file.to_string(), message.to_string())
}

fn object(repository: &Repository, file: &str) -> Result<Option<Map<String, Value>>> {
    Ok(repository.json(file)?.and_then(|value| value.as_object().cloned()))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    }
}

/// A special token: a text, or an object with a text and its matching rules; `None` for any other value.
fn special_token(token: &Value) -> Option<AddedToken> {
    match token {
        Value::String(content) => Some(AddedToken::special(content)),
        _ => serde_json::from_value(token.clone()).ok(),
    }
}

fn added_token(file: &str, token: &Value) -> Result<AddedToken> {
    mismatch::read(token).map_err(|e| invalid(file, &format!("the added token {token}: {e}")).caused_by(e))
}

fn token_id(file: &str, id: &Value) -> Result<u32> {
    let valid = id.as_u64().and_then(|id| u32::try_from(id).ok());
    valid.ok_or_else(|| invalid(file, &format!("{id} is no id of an added token")))
}
