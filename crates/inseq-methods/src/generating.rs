//! Generates texts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use inseq_core::{TextKind, TextName};
use inseq_models::decoding::ModelDecoder;
use inseq_models::generation::{Generated, GenerationConfig, Prompts, generate};
use inseq_models::tokenizer::Role;
use serde_json::{Map, Value};

use crate::progress::{Progress, ProgressCallback};
use crate::text_model::TextModel;
use crate::{Error, Result};

impl TextModel {
    /// Generates texts from `texts`, with the model's generation configuration; `arguments` take precedence.
    ///
    /// # Errors
    /// A text is too long, or an argument is unknown or out of range.
    pub fn generate<T: AsRef<str>>(&self, texts: &[T], arguments: &Map<String, Value>) -> Result<Vec<String>> {
        let ids = self.generate_token_ids(texts, arguments)?;
        ids.iter().map(|ids| self.decode(ids, Role::Target, true)).collect()
    }

    /// As [`generate`](Self::generate); returns ids, including the decoder start.
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
        let config = self.generation().merge(arguments)?;
        let generated = self.generate_ids(&sources, None, &config, &mut |_| ControlFlow::Continue(()))?;
        Ok(generated.into_iter().map(|generated| generated.ids).collect())
    }

    /// Generates ids, including the decoder start, for source ids and target prefixes (which start with the
    /// decoder start).
    pub(crate) fn generate_ids(
        &self,
        sources: &[Vec<u32>],
        prefixes: Option<&[Vec<u32>]>,
        config: &GenerationConfig,
        progress: ProgressCallback,
    ) -> Result<Vec<Generated>> {
        if let Some(text) = sources.iter().position(Vec::is_empty) {
            return Err(Error::of_text(
                "input_texts",
                TextName::new(TextKind::Attributed, text),
                "has no tokens; the model needs something to start from",
            ));
        }
        let start = self.decoder_start().map(|start| config.decoder_start_token_id.unwrap_or(start));
        let vocabulary = self.model().target_embedding.vocabulary();
        if let Some(start) = start.filter(|&start| start as usize >= vocabulary) {
            return Err(Error::argument(
                "decoder_start_token_id",
                format!("`decoder_start_token_id` is {start}, but the model has {vocabulary} tokens"),
            ));
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

    /// Generates from starts of the same length.
    fn generate_group(
        &self,
        sources: &[Vec<u32>],
        starts: &[Vec<u32>],
        config: &GenerationConfig,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Generated>> {
        let lengths: Vec<usize> = sources.iter().map(Vec::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let padded = |ids: &Vec<u32>| ids.iter().copied().chain(std::iter::repeat_n(0, longest - ids.len())).collect();
        let ids: Vec<Vec<u32>> = sources.iter().map(padded).collect();
        let memory = self.model().memory_of_ids(&ids.concat(), &lengths);
        let mut decoder = ModelDecoder::after_encoder(self.model(), memory.as_ref(), sources.len());
        let mut cancelled = false;
        let text_of = |ids: &[u32]| self.tokenizer().decode(ids, self.role(Role::Target), false);
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
