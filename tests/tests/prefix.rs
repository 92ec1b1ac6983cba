//! Decoding that goes on from the keys and values of an unchanged prefix gives what a decoding of the whole gives.

use burn::tensor::Tensor;
use inseq_methods::AttributionModel;
use inseq_models::model::{IncrementalDecoder, Memory, Source};
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture};

fn values(states: Tensor<3>) -> Vec<f32> {
    states.try_into_vec_as::<f32>().unwrap()
}

#[test]
fn of_every_architecture() {
    for entry in std::fs::read_dir(fixture("architectures")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let attribution = AttributionModel::load(folder.to_str().unwrap()).unwrap();
        let model = attribution.model();
        let source = model.encoder.as_ref().map(|encoder| {
            let ids = attribution.encode("a dog ran", Role::Source, true).unwrap();
            Source { embeddings: encoder.embedding.forward(&ids, 1), lengths: vec![ids.len()] }
        });
        let memory = source.as_ref().and_then(|source| model.memory(source));
        let ids = attribution.encode("she was late and he was late", Role::Target, true).unwrap();
        let length = ids.len();
        let text = model.target_embedding.forward(&ids, 1);
        let mut decoder = IncrementalDecoder::after_encoder(model, memory.as_ref(), 1);
        let unchanged = decoder.extend(text.clone(), length);
        assert_close(&name, &values(unchanged), &values(model.decode(memory.as_ref(), text.clone())), 1e-5);
        let trace = model.trace(source.as_ref(), text.clone());
        let source_length = source.as_ref().map_or(0, |source| source.lengths[0]);
        for first in [0, 1, length / 2, length - 1] {
            // Two copies with other tokens from `first` on.
            let tail = |shift: u32| ids[first..].iter().map(move |id| (id + shift) % 40).collect::<Vec<_>>();
            let tails = [tail(3), tail(11)].concat();
            let tails = model.target_embedding.forward(&tails, 2);
            let both = match first {
                0 => tails.clone(),
                _ => Tensor::cat(vec![text.clone().narrow(1, 0, first).repeat_dim(0, 2), tails.clone()], 1),
            };
            let copies = memory.as_ref().map(|memory| Memory {
                output: memory.output.clone().repeat_dim(0, 2),
                lengths: vec![memory.lengths[0]; 2],
            });
            let whole = values(model.decode(copies.as_ref(), both).narrow(1, first, length - first));
            let of_trace = IncrementalDecoder::after_trace(model, &trace, 0, source_length, first);
            assert_eq!(of_trace.is_some(), first > 0);
            for mut copy in [Some(decoder.prefix(first)), of_trace].into_iter().flatten() {
                assert_eq!(copy.length(), first);
                copy.reorder(&[0, 0]);
                let found = copy.extend(tails.clone(), length - first);
                assert_close(&format!("{name} from {first}"), &values(found), &whole, 1e-5);
            }
        }
    }
}
