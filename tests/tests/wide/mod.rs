//! Models of fixtures with feed-forward blocks as wide as those of real models.

use burn::tensor::Tensor;
use inseq_models::layers::{Feed, Linear};
use inseq_models::model::Model;

/// Replaces the feed-forward blocks by ones whose first layer has `inner` outputs.
pub fn widen(model: &mut Model, inner: usize) {
    for block in &mut model.decoder.blocks {
        let Feed::Dense(feed) = &mut block.feed_forward.inner else { panic!("the model has experts") };
        let parts = feed.input.output_size() / feed.output.input_size();
        let features = feed.output.output_size();
        feed.input = linear(features, inner);
        feed.output = linear(inner / parts, features);
    }
}

fn linear(input: usize, output: usize) -> Linear {
    let values: Vec<f32> = (0..input * output).map(|i| ((i * 7919 % 10007) as f32 / 5003.0 - 1.0) * 0.05).collect();
    let device = inseq_models::device::parse("cpu").unwrap();
    Linear::new(Tensor::<1>::from_data(values.as_slice(), &device).reshape([output, input]), None)
}
