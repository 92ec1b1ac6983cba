//! Runs independent pieces of work on all processors.
//!
//! An operation that is spread over all processors waits at its end for the slowest one, leaves all but one idle in its serial
//! part, and moves tensors between caches. If there are independent pieces of work, each processor therefore takes whole
//! pieces, and runs all of their operations alone.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use burn::tensor::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Smallest number of rows of logits per processor, so that the head's weight is not read for fewer rows.
const LEAST_LOGITS: usize = 32;

/// Largest number of rows of logits per processor.
const MOST_LOGITS: usize = 64;

/// Number of processors for pieces of work on tensors of a device: those of the machine for the CPU backend, 0 for
/// other devices, which run their work themselves.
pub fn processors(device: &Device) -> usize {
    if crate::device::is_flex(device) { pools().len() } else { 0 }
}

/// Divides rows of logits into ranges for [`side_by_side`]: a single range for few rows, or on a device other than the CPU
/// backend.
pub fn row_ranges(rows: usize, device: &Device) -> Vec<Range<usize>> {
    let processors = processors(device);
    if processors == 0 || rows < processors * LEAST_LOGITS {
        return std::iter::once(0..rows).collect();
    }
    let size = rows.div_ceil(rows.div_ceil(processors * MOST_LOGITS) * processors);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

thread_local! {
    /// Whether this thread is working on a part.
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on every part and returns the results in the order of the parts. Parts run in parallel, unless the system
/// cannot create threads. A nested call runs its parts one after another on the thread of the outer part.
///
/// ```
/// use inseq_models::parallel::side_by_side;
///
/// assert_eq!(side_by_side(&[1, 2, 3], |part| part * part), [1, 4, 9]);
/// ```
pub fn side_by_side<P: Sync, T: Send>(parts: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    if parts.len() < 2 || IS_AT_WORK.get() {
        return parts.iter().map(work).collect();
    }
    on_pools(pools(), parts, work)
}

/// As [`side_by_side`], on the threads of the given pools.
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

/// One pool with one thread for each processor, so that operations in a pool do not spread over others. Empty if the system
/// cannot create threads.
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
