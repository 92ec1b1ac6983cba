//! Checkpoints whose weights are written by hand, so that it is known how likely an answer is after which sources.

use std::collections::BTreeMap;
use std::path::Path;

use inseq_methods::AttributionModel;
use inseq_methods::citations::{CitationRequest, Sources};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::{Value, json};

/// A rectified sum of sources: `output * max(0, bias + sum of the inputs of the sources that the prompt has)`.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Summand of each source.
    pub inputs: Vec<f64>,
    /// Summand that is always there.
    pub bias: f64,
    /// Factor.
    pub output: f64,
}

impl Unit {
    /// The unit `output * max(0, count + bias)`, where the count is that of the `counted` sources in the prompt.
    pub fn of_count(counted: &[bool], bias: f64, output: f64) -> Self {
        Self { inputs: counted.iter().map(|&counted| f64::from(u8::from(counted))).collect(), bias, output }
    }
}

/// Log-odds of the answer [`ANSWER`] that are `base` plus the sum of the units: a known function of the sources.
#[derive(Clone, Debug)]
pub struct Planted {
    /// Log-odds where no unit adds to them.
    pub base: f64,
    /// What sources add to the log-odds.
    pub units: Vec<Unit>,
}

/// The answer whose log-odds are known.
pub const ANSWER: &str = "yes";

/// The words of the sources.
const SOURCES: [&str; 4] = ["red", "green", "blue", "white"];

/// Words before, in and after the sources, and those of answers. The first one begins every prompt.
const OTHER_WORDS: [&str; 5] = ["Read", "why", ANSWER, "no", "perhaps"];

/// Size of the features that say which source a token is, beside a feature of size 1 that all tokens have. Norms so divide all tokens by
/// nearly the same number.
const SMALL: f64 = 1e-3;

/// Epsilon of OPT's norms.
const EPSILON: f64 = 1e-5;

/// Attention score of the first word, beside 0 for all others. The other tokens have a weight of `e` to the minus this, whatever their number.
const SINK: f64 = 18.0;

/// Tensors by name: shape and values.
type Tensors = BTreeMap<String, ([usize; 2], Vec<f64>)>;

impl Planted {
    /// Number of sources.
    pub fn sources(&self) -> usize {
        self.units.first().map_or(0, |unit| unit.inputs.len())
    }

    /// Log-odds of the answer after a prompt with the kept sources.
    pub fn log_odds(&self, kept: &[bool]) -> f64 {
        let of_unit = |unit: &Unit| {
            let inputs: f64 = unit.inputs.iter().zip(kept).filter(|(_, kept)| **kept).map(|(input, _)| input).sum();
            unit.output * (unit.bias + inputs).max(0.0)
        };
        self.base + self.units.iter().map(of_unit).sum::<f64>()
    }

    /// Probabilities of all words after a prompt with the kept sources; the first is that of the answer.
    pub fn probabilities(&self, kept: &[bool]) -> Vec<f64> {
        let answer = 1.0 / (1.0 + (-self.log_odds(kept)).exp());
        let others = words().len() - 1;
        let other = (1.0 - answer) / others as f64;
        std::iter::once(answer).chain(std::iter::repeat_n(other, others)).collect()
    }

    /// The prompt with its sources, and the answer.
    ///
    /// # Panics
    /// When there are more sources than words for them.
    pub fn request(&self) -> CitationRequest {
        let words = &SOURCES[..self.sources()];
        let prompt = format!("Read {} why", words.join(" "));
        let place = |word: &&str| {
            let start = prompt.find(word).expect("the prompt has the word");
            ((*word).to_owned(), start..start + word.len())
        };
        let sources = Sources::of_spans(prompt.as_str(), words.iter().map(place)).expect("words are sources");
        CitationRequest::new(sources).answer(ANSWER).contextless_answer(false)
    }

    /// The model: an OPT with one layer and one head. Attention from the last word counts the sources, the feed-forward layer has the
    /// units, and the head reads their sum.
    ///
    /// # Panics
    /// When the checkpoint cannot be written or read.
    pub fn model(&self) -> AttributionModel {
        let folder = tempfile::tempdir().expect("a folder can be made");
        self.save(folder.path());
        AttributionModel::load(folder.path().to_str().expect("a path of letters")).expect("the checkpoint is whole")
    }

    fn save(&self, folder: &Path) {
        let write = |name: &str, value: Value| std::fs::write(folder.join(name), value.to_string()).expect("a file");
        let vocabulary: BTreeMap<&str, usize> = words().iter().enumerate().map(|(id, &word)| (word, id)).collect();
        let positions = 2 + words().len();
        write(
            "config.json",
            json!({
                "model_type": "opt", "vocab_size": words().len(), "hidden_size": self.width(), "num_hidden_layers": 1,
                "ffn_dim": self.units.len(), "num_attention_heads": 1, "max_position_embeddings": positions,
                "activation_function": "relu", "do_layer_norm_before": true, "_remove_final_layer_norm": true,
                "layer_norm_elementwise_affine": false, "enable_bias": false, "tie_word_embeddings": false,
                "word_embed_proj_dim": self.width(), "bos_token_id": 0, "eos_token_id": vocabulary["perhaps"],
                "pad_token_id": vocabulary["perhaps"],
            }),
        );
        write("tokenizer_config.json", json!({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "perhaps"}));
        write(
            "tokenizer.json",
            json!({
                "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
                "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "perhaps"},
            }),
        );
        let tensors: BTreeMap<String, ([usize; 2], Vec<u8>)> = self
            .tensors(positions)
            .into_iter()
            .map(|(name, (shape, values))| {
                (name, (shape, values.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect()))
            })
            .collect();
        let views = tensors.iter().map(|(name, (shape, bytes))| {
            (name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("a tensor has its bytes"))
        });
        serialize_to_file(views, None, &folder.join("model.safetensors")).expect("weights can be written");
    }

    /// Feature of pair `pair`; the next one is its negative, so that the mean of all features is 0.
    fn feature(pair: usize) -> usize {
        2 * pair
    }

    /// Pairs: the constant, the first word, each source, the count of each source, and the sum of the units.
    fn width(&self) -> usize {
        2 * (3 + 2 * self.sources())
    }

    fn tensors(&self, positions: usize) -> Tensors {
        const CONSTANT: usize = 0;
        const FIRST: usize = 1;
        let (sources, width) = (self.sources(), self.width());
        let (source, count, sum) = (2, 2 + sources, 2 + 2 * sources);
        // What norms divide by.
        let deviation = (2.0 / width as f64 + EPSILON).sqrt();
        let mut tensors = Tensors::new();
        let mut set = |name: &str, shape: [usize; 2], entries: &[(usize, usize, f64)]| {
            let mut values = vec![0.0; shape[0] * shape[1]];
            entries.iter().for_each(|&(row, column, value)| values[row * shape[1] + column] = value);
            let is_embedding = name.starts_with("model.decoder.embed") || name.starts_with("lm_head");
            let prefix = if is_embedding { "" } else { "model.decoder.layers.0." };
            tensors.insert(format!("{prefix}{name}.weight"), (shape, values));
        };
        let pair = |row: usize, pair: usize, value: f64| {
            [(row, Self::feature(pair), value), (row, Self::feature(pair) + 1, -value)]
        };
        let mut embeddings: Vec<(usize, usize, f64)> =
            (0..words().len()).flat_map(|word| pair(word, CONSTANT, 1.0)).collect();
        embeddings.extend(pair(id("Read"), FIRST, SMALL));
        embeddings.extend((0..sources).flat_map(|index| pair(id(SOURCES[index]), source + index, SMALL)));
        set("model.decoder.embed_tokens", [words().len(), width], &embeddings);
        set("model.decoder.embed_positions", [positions + 2, width], &[]);

        let square = [width, width];
        set("self_attn.q_proj", square, &[(0, Self::feature(CONSTANT), deviation * (width as f64).sqrt())]);
        set("self_attn.k_proj", square, &[(0, Self::feature(FIRST), SINK * deviation / SMALL)]);
        let values: Vec<_> =
            (0..sources).map(|index| (index, Self::feature(source + index), SINK.exp() * deviation / SMALL)).collect();
        set("self_attn.v_proj", square, &values);
        let counts = (0..sources).flat_map(|index| {
            let feature = Self::feature(count + index);
            [(feature, index, SMALL), (feature + 1, index, -SMALL)]
        });
        set("self_attn.out_proj", square, &counts.collect::<Vec<_>>());

        let inputs = self.units.iter().enumerate().flat_map(|(row, unit)| {
            let of_count =
                |(index, input): (usize, &f64)| (row, Self::feature(count + index), input * deviation / SMALL);
            let bias = (row, Self::feature(CONSTANT), unit.bias * deviation);
            unit.inputs.iter().enumerate().map(of_count).chain([bias]).collect::<Vec<_>>()
        });
        set("fc1", [self.units.len(), width], &inputs.collect::<Vec<_>>());
        let outputs: Vec<_> =
            self.units.iter().enumerate().map(|(row, unit)| (Self::feature(sum), row, unit.output)).collect();
        set("fc2", [width, self.units.len()], &outputs);
        // The logits of all other words are 0.
        let base = self.base + ((words().len() - 1) as f64).ln();
        set(
            "lm_head",
            [words().len(), width],
            &[(id(ANSWER), Self::feature(sum), 1.0), (id(ANSWER), Self::feature(CONSTANT), base)],
        );
        tensors
    }
}

fn words() -> Vec<&'static str> {
    OTHER_WORDS.into_iter().chain(SOURCES).collect()
}

fn id(word: &str) -> usize {
    words().iter().position(|other| *other == word).unwrap_or(0)
}
