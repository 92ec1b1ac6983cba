//! What a run is, for its manifest.

use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::checkpoint::Repository;
use serde_json::{Map, Value, json};

use super::parts::facts;
use crate::input::changes_rows;
use crate::{DataFile, Dataset, Error, Manifest, ModelFacts, Result};

/// Describes a run: everything that decides its results. A caller that decides more, such as an aggregator, adds it to the
/// `arguments` of the manifest, which are compared by name and value. `known` are files of an earlier manifest: one that has not changed
/// since is not hashed again.
///
/// # Errors
/// There are no rows, an option of the request is invalid, or a file cannot be read.
pub fn describe(
    model: &AttributionModel,
    model_facts: ModelFacts,
    request: &AttributionRequest,
    dataset: &Dataset,
    known: &[DataFile],
) -> Result<Manifest> {
    let info = facts(model, request, dataset)?;
    let text = |name: &str| info.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = info.get("step_scores").and_then(Value::as_array).into_iter().flatten();
    let step_scores = names.filter_map(Value::as_str).map(str::to_owned).collect();
    let mut arguments = Map::new();
    for (name, value) in &info {
        let is_elsewhere =
            ["attribution_method", "model_name", "tokenizer_name", "step_scores"].contains(&name.as_str());
        if !is_elsewhere {
            arguments.insert(name.clone(), value.clone());
        }
    }
    arguments.extend(
        [
            ("attr_pos_start", json!(request.attr_pos_start)),
            ("attr_pos_end", json!(request.attr_pos_end)),
            ("truncate", json!(request.truncate)),
            ("empty_inputs", json!(request.empty_inputs)),
            ("skip_special_tokens", json!(request.skip_special_tokens)),
            ("clean_special_chars", json!(request.clean_special_chars)),
            ("chat", json!(request.chat)),
            ("feature_groups", request.feature_groups.to_json()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let seed = ["attribution_args", "generation_args"]
        .iter()
        .find_map(|arguments| info.get(*arguments)?.get("seed")?.as_u64());
    let mut described =
        serde_json::to_value(dataset.source().without_queries()).map_err(|error| Error::Results(error.to_string()))?;
    if let Some(described) = described.as_object_mut() {
        if let Some(kwargs) = described.get_mut("kwargs").and_then(Value::as_object_mut) {
            kwargs.retain(|name, _| changes_rows(name));
        }
        described.insert("format".to_owned(), dataset.format().into());
        described.insert("card".to_owned(), dataset.card().clone().into());
    }
    Ok(Manifest {
        model: model_facts,
        method: text("attribution_method"),
        arguments,
        step_scores,
        source: described,
        columns: dataset.columns().clone(),
        files: dataset.files(known)?,
        filter: dataset.source().filter.clone(),
        rows: dataset.len(),
        seed,
        info,
        ..Manifest::default()
    })
}

/// The name of a model, its commit if it is from the hub, and else a hash of its weights, configurations and tokenizer.
///
/// # Errors
/// A file cannot be read.
pub fn model_facts(repository: &Repository) -> Result<ModelFacts> {
    let revision = repository.commit().map(str::to_owned);
    let mut hasher = blake3::Hasher::new();
    if revision.is_none() {
        let each = &mut |name: &str, bytes: &[u8]| {
            hasher.update(name.as_bytes());
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        repository.each_deciding_file(each).map_err(inseq_methods::Error::from)?;
    }
    let hash = if revision.is_some() { String::new() } else { hasher.finalize().to_hex().to_string() };
    Ok(ModelFacts { name: repository.name().to_owned(), revision, hash })
}
