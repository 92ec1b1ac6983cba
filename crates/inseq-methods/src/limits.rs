//! What one call may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::loading::Policy;

/// What one call may use: memory, files, and time. A server sets them for each call, whatever its client asks for.
///
/// ```
/// use inseq_methods::{Cancellation, Limits, Policy};
///
/// let cancellation = Cancellation::default();
/// let limits = Limits {
///     memory_budget: Some(1 << 28),
///     policy: Policy::CLOSED,
///     cancellation: Some(cancellation.clone()),
/// };
/// // From another thread, or a signal handler:
/// cancellation.cancel();
/// assert!(limits.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bytes that the tensors of the call may take beside the model's weights; the model's own budget where there is none.
    pub memory_budget: Option<usize>,
    /// What the arguments of the call may name.
    pub policy: Policy,
    /// Stops the call from outside.
    pub cancellation: Option<Cancellation>,
}

impl Limits {
    /// Whether the call is asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(Cancellation::is_cancelled)
    }
}

/// Stops calls from outside; clones stop the same calls. A call that is stopped fails with
/// [`Error::Cancelled`](crate::Error::Cancelled).
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    is_cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// Asks the calls to stop.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the calls are asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}
