//! Prompts of thousands of tokens.

use burn::tensor::{Tensor, activation::log_softmax};
use inseq_methods::AttributionModel;
use inseq_models::model::{IncrementalDecoder, Model};
use inseq_tests::{assert_close, fixture};

mod wide;

use wide::widen;

/// Size of the first layer of a feed-forward block, at which a chunk has 1024 positions.
const INNER: usize = 1 << 14;

/// Log-probabilities of the tokens `from..` of a text, from the last hidden states at the positions before them.
fn log_probabilities(model: &Model, hidden: Tensor<3>, ids: &[u32], from: usize) -> Vec<f32> {
    let rows = hidden.narrow(1, from - 1, ids.len() - from).squeeze_dim::<2>(0);
    let vocabulary = model.vocabulary();
    let all = log_softmax(model.logits(rows), 1).try_into_vec_as::<f32>().unwrap();
    ids[from..].iter().enumerate().map(|(row, id)| all[row * vocabulary + *id as usize]).collect()
}

/// With rotations, a window, biases by distance, short convolutions, and rotations that depend on the length.
#[test]
fn a_prompt_in_chunks_has_the_log_probabilities_of_the_whole() {
    let names = [("qwen2", 8192), ("mistral", 3000), ("bloom", 3000), ("lfm2", 3000), ("llama_biased", 3000)];
    for (name, tokens) in names {
        let mut model =
            AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap().model().clone();
        widen(&mut model, INNER);
        let chunk = model.rows_at_once();
        assert_eq!(chunk, 1024, "{name}");
        let ids: Vec<u32> = (0..tokens).map(|i| (i * i % 31 + i % 7) as u32 % model.vocabulary() as u32).collect();
        let text = model.target_embedding.forward(&ids, 1);
        let mut decoder = IncrementalDecoder::new(&model, None, 1);
        let chunked = decoder.extend(text.clone(), tokens);
        let from = tokens - 3 * chunk / 2;
        let [chunked, whole] =
            [chunked, model.decode(None, text)].map(|hidden| log_probabilities(&model, hidden, &ids, from));
        assert_close(name, &chunked, &whole, 1e-5);
        // The first half and a chunk of the rest are another division into chunks.
        let mut decoder = decoder.prefix(tokens / 2);
        let rest = model.target_embedding.forward(&ids[tokens / 2..], 1);
        let last = decoder.extend(rest, 8);
        let last = log_probabilities(&model, last, &ids[tokens - 8..], 1);
        assert_close(name, &last, &whole[whole.len() - 7..], 1e-5);
    }
}
