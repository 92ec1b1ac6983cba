//! Limits of one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::loading::Policy;

/// Limits of one call: memory, device, files, and time. A server sets them for each call, independent of the client's request.
///
/// ```
/// use inseq_methods::{Cancellation, Limits, Policy};
///
/// let cancellation = Cancellation::default();
/// let limits = Limits::default()
///     .memory_budget(1 << 28)
///     .device("cpu")
///     .policy(Policy::CLOSED)
///     .cancellation(cancellation.clone());
/// // From another thread, or a signal handler:
/// cancellation.cancel();
/// assert!(limits.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// Largest size of the tensors of the call without the model's weights, in bytes; `None` uses the model's budget.
    pub memory_budget: Option<usize>,
    /// Name of the device that runs the call, for [`inseq_models::device::parse`]; `None` uses the device that the model was loaded
    /// on. The weights must be there: [`AttributionModel::copy_to`](crate::AttributionModel::copy_to).
    pub device: Option<String>,
    /// Files and models that the arguments of the call may name.
    pub policy: Policy,
    /// Handle that stops the call.
    pub cancellation: Option<Cancellation>,
}

inseq_core::setters! {
    Limits {
        memory_budget: impl Into<Option<usize>>,
        policy: Policy,
        cancellation: impl Into<Option<Cancellation>>,
    }
    some { device: impl Into<String> }
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
