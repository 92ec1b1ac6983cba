//! Runs independent pieces of work on all processors.
//!
//! Operations that each spread over all processors wait for the slowest one at every end, leave all but one idle wherever
//! an operation is serial, and move tensors between caches. Where there are pieces of work that need nothing of each other,
//! each processor rather takes whole pieces, and the operations in them stay on it.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use burn::tensor::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Rows of logits that a processor takes at least, so that the head's weight is not read for fewer.
const LEAST_LOGITS: usize = 32;

/// Rows of logits that a processor takes at most.
const MOST_LOGITS: usize = 64;

/// Processors that take pieces of work on tensors of a device: those of the machine where the device is the CPU backend,
/// none where it does its work by itself.
pub(crate) fn processors(device: &Device) -> usize {
    if crate::device::is_flex(device) { pools().len() } else { 0 }
}

/// Cuts rows of logits into ranges to be worked on [side by side](side_by_side): one where they are few, or where the device
/// does its work by itself.
pub fn row_ranges(rows: usize, device: &Device) -> Vec<Range<usize>> {
    let processors = processors(device);
    if processors == 0 || rows < processors * LEAST_LOGITS {
        return std::iter::once(0..rows).collect();
    }
    let size = rows.div_ceil(rows.div_ceil(processors * MOST_LOGITS) * processors);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

thread_local! {
    /// Whether this thread works on a part now.
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// The results of `work` on every part, in their order. Several parts are worked on at once, except where threads cannot be
/// made, and within a part: its thread works on parts of parts one after the other.
pub fn side_by_side<P: Sync, T: Send>(parts: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    if parts.len() < 2 || IS_AT_WORK.get() {
        return parts.iter().map(work).collect();
    }
    on_pools(pools(), parts, work)
}

/// As [`side_by_side`], on the threads of some pools.
fn on_pools<P: Sync, T: Send>(pools: &[ThreadPool], parts: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    if pools.is_empty() {
        return parts.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(parts.len()));
    let take = || {
        while let Some((index, part)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, parts.get(i)?)))
        {
            IS_AT_WORK.set(true);
            let result = work(part);
            IS_AT_WORK.set(false);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    on_each(pools, &take);
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Runs `work` once on every pool, at the same time.
fn on_each(pools: &[ThreadPool], work: &(dyn Fn() + Sync)) {
    if let Some((pool, others)) = pools.split_first() {
        pool.in_place_scope(|scope| {
            scope.spawn(|_| work());
            on_each(others, work);
        });
    }
}

/// A pool of one thread for each processor: operations that run in it do not spread over others. Empty where threads
/// cannot be had.
fn pools() -> &'static [ThreadPool] {
    static POOLS: OnceLock<Vec<ThreadPool>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let pool = |_| ThreadPoolBuilder::new().num_threads(1).build().ok();
        (0..rayon::current_num_threads()).map(pool).collect::<Option<Vec<_>>>().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_once_a_piece_and_results_keep_their_order() {
        let pieces: Vec<usize> = (0..100).collect();
        let threads = side_by_side(&pieces, |&piece| (piece, rayon::current_num_threads()));
        assert_eq!(threads, pieces.iter().map(|&piece| (piece, 1)).collect::<Vec<_>>());
    }

    #[test]
    fn work_is_done_without_threads_and_within_work() {
        let pieces: Vec<usize> = (0..10).collect();
        assert_eq!(on_pools(&[], &pieces, |&piece| piece), pieces);
        let within = side_by_side(&pieces, |&piece| side_by_side(&pieces, |&other| piece * other));
        let expected: Vec<Vec<usize>> =
            pieces.iter().map(|piece| pieces.iter().map(|other| piece * other).collect()).collect();
        assert_eq!(within, expected);
    }

    #[test]
    fn ranges_of_rows_cover_all_of_them() {
        let device = crate::device::parse("auto").unwrap();
        for rows in [0, 1, 63, 64, 1000] {
            let ranges = row_ranges(rows, &device);
            assert_eq!(ranges.iter().cloned().flatten().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
        }
    }
}
