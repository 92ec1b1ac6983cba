//! Limits of one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::loading::Policy;

/// Limits of one call: memory, files, and time. A server sets them for each call, independent of the client's request.
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
    /// Largest size of the tensors of the call without the model's weights, in bytes; `None` uses the model's budget.
    pub memory_budget: Option<usize>,
    /// Files and models that the arguments of the call may name.
    pub policy: Policy,
    /// Handle that stops the call.
    pub cancellation: Option<Cancellation>,
}

impl Limits {
    /// Whether the call should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(Cancellation::is_cancelled)
    }
}

/// Handle that stops calls; clones stop the same calls. A stopped call fails with
/// [`Error::Cancelled`](crate::Error::Cancelled).
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    is_cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// Stops the calls.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the calls should stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}
