//! Decoding with a cache, against the plain forward.

use super::*;

#[test]
fn decoding_with_a_cache_equals_the_whole_forward() {
    for (seed, variant) in variants().iter().enumerate() {
        decode(seed as u64, variant);
    }
}

fn decode(seed: u64, variant: &Variant) {
    let device = crate::device::parse("auto").unwrap();
    let mut random = Random::new(seed, &device);
    let model = random.model(variant);
    let source = Source { embeddings: random.tensor([2, 5, variant.features()], 1.0), lengths: vec![3, 5] };
    let source = variant.encoder.then_some(&source);
    let tokens = [[1u32, 1], [7, 2], [3, 2], [9, 11], [4, 0], [12, 3]]; // [position][text]
    let by_text: Vec<u32> = (0..2).flat_map(|text| tokens.map(|position| position[text])).collect();
    let target = model.target_embedding.forward(&by_text, 2);
    let expected = model.logits(model.trace(source, target).hidden().clone());

    // Three tokens at once, then one by one; rows are swapped after the first four and swapped back after the next.
    let mut decoder = IncrementalDecoder::new(&model, source, 2);
    let check = |decoder: &mut IncrementalDecoder, positions: std::ops::Range<usize>, order: [usize; 2]| {
        let tokens: Vec<u32> =
            order.iter().flat_map(|&text| positions.clone().map(move |position| tokens[position][text])).collect();
        let logits = decoder.append(&tokens);
        for (row, text) in order.into_iter().enumerate() {
            let expected = expected.clone().narrow(0, text, 1).narrow(1, positions.end - 1, 1).squeeze_dim::<2>(1);
            close(logits.clone().narrow(0, row, 1), expected, 1e-5);
        }
    };
    check(&mut decoder, 0..3, [0, 1]);
    check(&mut decoder, 3..4, [0, 1]);
    decoder.reorder(&[1, 0]);
    check(&mut decoder, 4..5, [1, 0]);
    decoder.reorder(&[1, 0]);
    check(&mut decoder, 5..6, [0, 1]);
}
