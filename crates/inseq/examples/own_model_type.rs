//! A model type of one's own: Llama with a norm of the queries and keys of each head.
//!
//! `cargo run --release -p inseq --example own_model_type -- FOLDER TEXT`

use inseq::models::architectures::gated_decoder::{Kind, QueryKeyNorms, llama_fields};
use inseq::models::architectures::{Architecture, Architectures};
use inseq::prelude::*;

const MY_LLAMA: Kind = Kind { model_class: "MyLlamaForCausalLM", query_key_norms: QueryKeyNorms::Heads, ..Kind::LLAMA };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (folder, text) = arguments.next().zip(arguments.next()).ok_or("give a folder and a text")?;
    // A field that `config.json` omits has the default of Llama, except these.
    let fields = || llama_fields(json!({"rms_norm_eps": 1e-5, "tie_word_embeddings": true}));
    let my_llama = Architecture::gated_decoder("my_llama", &MY_LLAMA, fields);
    let options = LoadOptions::default().architectures(Architectures::default().with(my_llama));
    let result = AttributionModel::load_with(&folder, &options)?.attribute(&AttributionRequest::new([text]))?;
    println!("{}", inseq::viz::terminal::render(&result.aggregate()?, &TerminalOptions::default())?);
    Ok(())
}
