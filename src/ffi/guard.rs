//! Keeps panics inside: they are bugs of this library and must neither unwind into C nor
//! print into somebody else's output.

use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

use once_cell::sync::OnceCell;

thread_local! {
    /// How many guarded calls this thread is in. Without a destructor, so that it does not
    /// keep the library from being unloaded.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`; a panic in it becomes `on_panic`, silently.
pub(super) fn guarded<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    keep_quiet();
    DEPTH.set(DEPTH.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    DEPTH.set(DEPTH.get() - 1);
    outcome.unwrap_or_else(|payload| {
        // Dropping a payload may panic again, and then its own payload is left alone.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        mem::forget(dropped);
        on_panic
    })
}

/// The hook that prints panics is skipped for threads that are inside this library.
fn keep_quiet() {
    static INSTALLED: OnceCell<()> = OnceCell::new();
    INSTALLED.get_or_init(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::panic, reason = "a panic is what is tested")]
    fn a_panic_becomes_the_answer_for_panics() {
        assert_eq!(guarded(7, || panic::panic_any("a bug")), 7);
        assert_eq!(guarded(7, || 8), 8);
        assert_eq!(DEPTH.get(), 0);
    }
}
