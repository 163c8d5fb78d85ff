//! Which process this is, without a system call each time: the number stands on a page that the
//! kernel empties in a child.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The page, once there is one.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
/// The library goes away, or there can be no such page.
const NONE: *mut AtomicU32 = ptr::without_provenance_mut(1);

/// The number of this process.
pub(crate) fn id() -> u32 {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return begin();
    }
    if page == NONE {
        return std::process::id();
    }
    // SAFETY: a page that stays until the library goes away.
    let kept = unsafe { &*page };
    match kept.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            kept.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

#[cold]
fn begin() -> u32 {
    let page = system::page();
    let taken = PAGE.compare_exchange(ptr::null_mut(), page, Ordering::AcqRel, Ordering::Acquire);
    if taken.is_err() {
        system::unmap(page);
    }
    std::process::id()
}

/// Gives the page back, before the library goes away.
pub(crate) fn forget() {
    system::unmap(PAGE.swap(NONE, Ordering::AcqRel));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use super::{AtomicU32, NONE, ptr};

    /// As the kernel counts: its smallest.
    const SIZE: usize = 4_096;

    pub(super) fn page() -> *mut AtomicU32 {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, wherever there is room.
        let page = unsafe { libc::mmap(ptr::null_mut(), SIZE, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return NONE;
        }
        // SAFETY: that mapping.
        if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
            unmap(page.cast());
            return NONE;
        }
        page.cast()
    }

    pub(super) fn unmap(page: *mut AtomicU32) {
        if !page.is_null() && page != NONE {
            // SAFETY: a mapping of `page`, which nobody reads any more.
            unsafe { libc::munmap(page.cast(), SIZE) };
        }
    }
}

/// Here it costs what the system takes.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::{AtomicU32, NONE};

    pub(super) fn page() -> *mut AtomicU32 {
        NONE
    }

    pub(super) fn unmap(_: *mut AtomicU32) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_systems_number_in_a_child_too() {
        assert_eq!(id(), std::process::id());
        assert_eq!(id(), std::process::id());
        // SAFETY: the child does nothing but compare and end.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_right = id() == std::process::id() && id() == std::process::id();
            // SAFETY: it ends here.
            unsafe { libc::_exit(i32::from(!is_right)) };
        }
        let mut status = 1;
        // SAFETY: the child is this process's own.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
    }
}
