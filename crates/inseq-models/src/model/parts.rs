//! Divides a pullback into parts for single processors, with tensors that fit their caches.

use std::ops::Range;

use burn::tensor::Device;

use crate::parallel::processors;

/// Number of rows of a part from which a matrix product comes near its full rate.
const LEAST_ROWS: usize = 128;

/// Number of rows of a part beyond which its tensors do not fit the cache.
const MOST_ROWS: usize = 512;

/// Batch entries and probes that are pulled back together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) entries: Range<usize>,
    pub(super) probes: Range<usize>,
}

/// Divides a pullback of `[batch, probe]` into parts in row-major order with about the same number of rows; `rows` is the number
/// of rows of an entry's probe. If there is too little work for every processor, or the device is not the CPU, there is one part.
pub(super) fn parts(batch: usize, probes: usize, device: &Device, rows: impl Fn(usize, usize) -> usize) -> Vec<Part> {
    match processors(device) {
        0 => vec![Part { entries: 0..batch, probes: 0..probes }],
        processors => cut(batch, probes, processors, rows),
    }
}

/// Divides items of so many rows each into ranges for [`side_by_side`](crate::parallel::side_by_side) with about the same number
/// of rows: a single range for few rows, or on a device other than the CPU backend.
pub fn ranges_of_rows(rows: &[usize], device: &Device) -> Vec<Range<usize>> {
    parts(1, rows.len(), device, |_, item| rows[item]).into_iter().map(|part| part.probes).collect()
}

/// Number of probes of `rows` rows each that all processors together process at a time.
pub(super) fn probes_at_once(rows: usize, device: &Device) -> usize {
    match processors(device) {
        0 => usize::MAX,
        processors => processors * (2 * MOST_ROWS).div_ceil(rows.max(1)),
    }
}

fn cut(batch: usize, probes: usize, processors: usize, rows: impl Fn(usize, usize) -> usize) -> Vec<Part> {
    let all = vec![Part { entries: 0..batch, probes: 0..probes }];
    let of_entry = |entry: usize| (0..probes).map(|probe| rows(entry, probe)).sum::<usize>();
    let total: usize = (0..batch).map(of_entry).sum();
    if total < processors * LEAST_ROWS {
        return all;
    }
    let count = total.div_ceil(processors * MOST_ROWS) * processors;
    let size = total.div_ceil(count).max(1);
    let mut parts = Vec::new();
    let mut entry = 0;
    while entry < batch {
        let own = of_entry(entry);
        let pieces = (own as f64 / size as f64).round().max(1.0) as usize;
        if pieces > 1 {
            parts.extend(
                pieces_of(probes, pieces, |probe| rows(entry, probe))
                    .map(|probes| Part { entries: entry..entry + 1, probes }),
            );
            entry += 1;
            continue;
        }
        let (start, mut together) = (entry, own);
        entry += 1;
        while entry < batch && together + of_entry(entry) <= size {
            together += of_entry(entry);
            entry += 1;
        }
        parts.push(Part { entries: start..entry, probes: 0..probes });
    }
    if parts.len() < processors { all } else { parts }
}

/// Ranges of probes with about the same number of rows.
fn pieces_of(probes: usize, pieces: usize, rows: impl Fn(usize) -> usize) -> impl Iterator<Item = Range<usize>> {
    let total: usize = (0..probes).map(&rows).sum();
    let mut ends = Vec::new();
    let mut before = 0;
    for probe in 0..probes {
        before += rows(probe);
        if before * pieces >= total * (ends.len() + 1) {
            ends.push(probe + 1);
        }
    }
    let starts: Vec<usize> = std::iter::once(0).chain(ends.iter().copied()).collect();
    starts.into_iter().zip(ends).map(|(start, end)| start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every entry's every probe is in one part.
    fn covers(parts: &[Part], batch: usize, probes: usize) -> bool {
        let mut seen = vec![0; batch * probes];
        for part in parts {
            for entry in part.entries.clone() {
                for probe in part.probes.clone() {
                    seen[entry * probes + probe] += 1;
                }
            }
        }
        seen.iter().all(|&count| count == 1)
    }

    #[test]
    fn parts_cover_everything_once_and_are_about_equal() {
        for (batch, probes, processors) in [(1, 1, 2), (1, 17, 2), (1, 128, 4), (50, 20, 2), (8, 3, 3), (300, 2, 16)] {
            let rows = |entry: usize, probe: usize| 20 + probe + entry % 3;
            let parts = cut(batch, probes, processors, rows);
            assert!(covers(&parts, batch, probes), "{parts:?}");
            let of = |part: &Part| {
                part.entries.clone().flat_map(|e| part.probes.clone().map(move |p| rows(e, p))).sum::<usize>()
            };
            let total: usize = parts.iter().map(of).sum();
            if total < processors * LEAST_ROWS {
                assert_eq!(parts.len(), 1);
            } else {
                assert!(parts.len() >= processors, "{batch} {probes} {processors}: {parts:?}");
                assert!(parts.iter().all(|part| of(part) <= 2 * MOST_ROWS), "{parts:?}");
            }
        }
    }
}
