//! The memory allocator of programs that attribute.

#![expect(unsafe_code, reason = "an option of the allocator can only be set through its C interface")]

// Large outputs are allocated and freed once a layer; the system allocator hands their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps freed memory: the tensors of the next layer go where those of the last one were. Pages that went back to the
/// system would have to be cleared again, which can take as long as the products.
pub fn keep_freed_memory() {
    // `mi_option_purge_delay` of mimalloc 2 and 3, in milliseconds.
    const PURGE_DELAY: i32 = 15;
    // SAFETY: setting a known option to a value in its range has no other effect, and may happen at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
