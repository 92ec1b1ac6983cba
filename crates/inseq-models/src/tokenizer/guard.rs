//! Turns panics of the `tokenizers` crate into errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread runs code that may panic on a damaged file.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a part of `tokenizers` that panics on some damaged files, for instance on damaged normalization rules. The
/// panic becomes an error and is not printed.
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

/// Installs once a panic hook that ignores panics of guarded threads and passes all others to the previous hook.
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
