//! Panics of the `tokenizers` crate as errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread runs what may panic on a damaged file.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a part of `tokenizers` that panics on some damaged files (its normalization rules, for one) rather than failing. The
/// panic is an error, and nothing is printed of it.
pub(super) fn guard<T>(f: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    pass_over_guarded();
    let outer = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    IS_GUARDED.set(outer);
    match result {
        Ok(result) => result.map_err(|error| inseq_core::mismatch::words(&error.to_string())),
        Err(_) => Err("its rules are damaged".into()),
    }
}

/// Puts a hook before the program's own, once, which passes over what this thread guards and leaves every other panic to it.
fn pass_over_guarded() {
    static ONCE: Once = Once::new();
    // A thread that panics may not change the hook.
    if std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                others(panic);
            }
        }));
    });
}
