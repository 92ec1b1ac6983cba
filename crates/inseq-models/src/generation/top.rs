//! The largest of many values.

/// Indices of the `k` largest values, largest first; the first of equal ones. NaN counts as the smallest.
pub(super) fn largest(values: &[f32], k: usize) -> Vec<usize> {
    const BLOCK: usize = 256;
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(k + 1);
    for (block, chunk) in values.chunks(BLOCK).enumerate() {
        // Most blocks hold nothing that is large enough, which a vectorized maximum tells.
        if best.len() == k
            && let Some(&(least, _)) = best.last()
            && chunk.iter().copied().fold(f32::NEG_INFINITY, f32::max) <= least
        {
            continue;
        }
        for (i, &value) in chunk.iter().enumerate() {
            let value = if value.is_nan() { f32::NEG_INFINITY } else { value };
            if best.len() == k && best.last().is_some_and(|&(least, _)| value <= least) {
                continue;
            }
            let at = best.partition_point(|&(other, _)| other >= value);
            best.insert(at, (value, block * BLOCK + i));
            best.truncate(k);
        }
    }
    best.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_ties_keep_their_order() {
        let mut values: Vec<f32> = (0..1000).map(|i| ((i * 7919) % 1000) as f32).collect();
        values[3] = 999.0;
        let mut expected: Vec<usize> = (0..1000).collect();
        expected.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
        assert_eq!(largest(&values, 9), expected[..9]);
        assert_eq!(largest(&[f32::NEG_INFINITY; 3], 2), [0, 1]);
    }
}
