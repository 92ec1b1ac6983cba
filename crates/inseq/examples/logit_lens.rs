//! A logit lens: what a model would say after each of its layers, were it the last (nostalgebraist, 2020,
//! <https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens>).
//!
//! `cargo run --release -p inseq --example logit_lens -- MODEL TEXT`

use std::error::Error;

use inseq::models::model::{Side, Source};
use inseq::prelude::*;
use inseq::serde_json::Map;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("expected a model and a text: logit_lens MODEL TEXT".into());
    };
    let model = AttributionModel::load(&name)?;
    let network = model.model();
    // What the model writes; a model without an encoder has the text before it.
    let ids = model.generate_token_ids(&[&text], &Map::new())?.swap_remove(0);
    let source = match network.is_decoder_only() {
        true => None,
        false => {
            let embeddings = model.embed(&text, Role::Source, true)?;
            Some(Source { lengths: vec![embeddings.dims()[1]], embeddings })
        }
    };
    println!("written: {}", model.decode(&ids, Role::Target, true)?);
    network.walk(source.as_ref(), network.target_embedding.forward(&ids, 1), |layer| {
        let (Side::Decoder, Some(output)) = (layer.side(), layer.output()) else { return Ok(()) };
        // The last norm and the head read every layer's output as they read the last one's.
        let logits = network.logits(layer.read_out(output));
        let likeliest = logits.argmax(2).try_into_vec_as::<i64>().map_err(|error| format!("{error:?}"))?;
        let tokens = likeliest.iter().map(|&id| model.tokenizer().token(id as u32, Role::Target).unwrap_or_default());
        println!("layer {}: {}", layer.index(), tokens.collect::<Vec<_>>().join(" "));
        Ok(())
    })
}
