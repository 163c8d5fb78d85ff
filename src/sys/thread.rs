//! A thread of the library's own: small, named, and with every signal blocked, so that the host's
//! handlers run on its own threads.

use std::ffi::{CStr, c_void};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

/// Enough for a TLS handshake, in bytes.
const STACK: usize = 512 * 1024;

/// What a thread does.
type Body = Box<dyn FnOnce() + Send>;

/// A thread that is joined before it is forgotten.
#[derive(Debug)]
pub(crate) struct Thread(libc::pthread_t);

// SAFETY: a number by which any thread may join it.
unsafe impl Send for Thread {}

impl Thread {
    /// Starts one; `name` has 15 bytes at most.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(name: &CStr, body: Body) -> io::Result<Self> {
        let argument = Box::into_raw(Box::new(body));
        // SAFETY: the attributes and the masks are this function's own, and set up before use; the
        // argument is a box that the new thread takes.
        let started = unsafe {
            let mut attributes = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            let mut all = std::mem::zeroed();
            libc::pthread_attr_init(&raw mut attributes);
            libc::pthread_attr_setstacksize(&raw mut attributes, STACK);
            libc::sigfillset(&raw mut all);
            // The new thread inherits the mask.
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            let mut thread = std::mem::zeroed();
            let number =
                libc::pthread_create(&raw mut thread, &raw const attributes, run, argument.cast());
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
            libc::pthread_attr_destroy(&raw mut attributes);
            match number {
                0 => Ok(thread),
                number => Err(io::Error::from_raw_os_error(number)),
            }
        };
        match started {
            Ok(thread) => {
                set_name(thread, name);
                Ok(Self(thread))
            }
            Err(why) => {
                // SAFETY: no thread has taken it.
                drop(unsafe { Box::from_raw(argument) });
                Err(why)
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn join(self) {
        // SAFETY: it was started, and is joined once.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

extern "C" fn run(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the box that `start` made, which is this thread's now.
    let body = unsafe { Box::from_raw(argument.cast::<Body>()) };
    // A panic is a bug, and ends this thread only.
    drop(panic::catch_unwind(AssertUnwindSafe(body)));
    ptr::null_mut()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_name(thread: libc::pthread_t, name: &CStr) {
    // SAFETY: the thread is not joined yet, and the name ends with NUL.
    unsafe { libc::pthread_setname_np(thread, name.as_ptr()) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_name(_: libc::pthread_t, _: &CStr) {}
