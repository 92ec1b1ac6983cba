//! Random whole calls: a small checkpoint, a method, options and texts, through generation, attribution, aggregation, pictures
//! and files. No call may panic, whatever its arguments are.
//!
//! [`Case`] describes a call, as one line of JSON too; [`Models`] keeps the models that calls share. The fuzz target
//! `attribute`, the program `attribute-any` and the test `whole_calls` draw cases in the same way.

mod arguments;
mod case;
mod draw;
mod pictures;
mod run;

pub use case::Case;
pub use run::{Models, Outcome};

use arbitrary::Unstructured;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// Bytes that a case is drawn from.
const BYTES: usize = 1 << 12;

/// The case of a number among those of a seed.
pub fn numbered(seed: u64, number: u64) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    let mut bytes = vec![0; BYTES];
    random.fill_bytes(&mut bytes);
    Case::drawn(&mut Unstructured::new(&bytes))
}
