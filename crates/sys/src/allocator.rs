//! How the allocator gives memory back.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// The number of the option `purge_delay`, the same in versions 2 and 3 of mimalloc.
const PURGE_DELAY: mi_option_t = 15;

/// From now on, memory that is freed goes back to the system at once and not after a second, which for a thread that has
/// nothing more to do is never: a crowd that came and fell silent would be paid for as long as the process lives.
pub fn return_freed_memory_at_once() {
    // SAFETY: it takes an option's number and a value, and may be called at any time.
    unsafe { mi_option_set(PURGE_DELAY, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        let value = || {
            // SAFETY: as above.
            unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
        };
        assert_eq!(value(), 1_000, "the delay that mimalloc has by itself, in milliseconds");
        return_freed_memory_at_once();
        assert_eq!(value(), 0);
    }
}
