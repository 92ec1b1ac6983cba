//! Groups of steps by step score, in bounded memory.

use std::collections::BTreeMap;

use super::QuantileMeans;
use super::sums::Sums;

/// Steps by step score. Step scores that agree in 12 significant bits share a bin, so a bound between groups is exact to 0.03 %.
#[derive(Debug, Default)]
pub(super) struct Quantiles {
    bins: BTreeMap<u32, Bin>,
}

#[derive(Clone, Copy, Debug)]
struct Bin {
    from: f32,
    to: f32,
    steps: u64,
    scores: Sums,
    largest: Sums,
}

impl Bin {
    fn merge(&mut self, other: Self) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.steps += other.steps;
        self.scores.merge(other.scores);
        self.largest.merge(other.largest);
    }
}

impl Quantiles {
    /// Adds a step with its step score, the sums of its scores and the largest of them.
    pub(super) fn add(&mut self, step_score: f32, scores: Sums, largest: f64) {
        if step_score.is_nan() || scores.count == 0 {
            return;
        }
        let bin = Bin { from: step_score, to: step_score, steps: 1, scores, largest: Sums::of(largest) };
        self.bins.entry(place(step_score)).and_modify(|known| known.merge(bin)).or_insert(bin);
    }

    /// Groups of about as many steps each, from the lowest step scores. Steps of one bin are in one group.
    pub(super) fn groups(&self, name: &str, count: usize) -> Vec<QuantileMeans> {
        let steps: u64 = self.bins.values().map(|bin| bin.steps).sum();
        let mut groups: BTreeMap<usize, Bin> = BTreeMap::new();
        let mut before = 0u64;
        for bin in self.bins.values() {
            let group = (u128::from(before) * count as u128 / u128::from(steps.max(1))) as usize;
            before += bin.steps;
            groups.entry(group).and_modify(|known| known.merge(*bin)).or_insert(*bin);
        }
        let means = groups.into_iter().map(|(quantile, bin)| QuantileMeans {
            step_score: name.to_owned(),
            quantile,
            steps: bin.steps,
            from: bin.from,
            to: bin.to,
            mean: bin.scores.mean(),
            largest: bin.largest.mean(),
        });
        means.collect()
    }
}

/// The bin of a number; larger numbers have larger bins.
fn place(value: f32) -> u32 {
    // Sign, exponent and 11 bits of the fraction, in the order of numbers.
    let bits = value.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    ordered >> 12
}
