//! What the builtin uses of the process that it runs in, found when it runs: the library itself
//! calls nothing of it, and promises so to every other host.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::ptr::NonNull;
use std::sync::{Once, OnceLock};

/// Functions of bash, and of the C library.
pub(super) struct Host {
    get_string_value: Option<GetStringValue>,
    signal_is_trapped: Option<SignalIsTrapped>,
    pub(super) run_pending_traps: Option<RunPendingTraps>,
    /// The text of each trap, by the number of its signal.
    trap_list: Option<NonNull<*const c_char>>,
    pub(super) sigaction: Option<Sigaction>,
    pub(super) raise: Option<Raise>,
    dlopen: Option<Dlopen>,
}

// SAFETY: functions, and an array of bash's, which is one thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

type GetStringValue = unsafe extern "C" fn(*const c_char) -> *const c_char;
type SignalIsTrapped = unsafe extern "C" fn(c_int) -> c_int;
type RunPendingTraps = unsafe extern "C" fn();
type Sigaction = unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;
type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type Raise = unsafe extern "C" fn(c_int) -> c_int;

impl Host {
    pub(super) fn of_this_process() -> &'static Self {
        static HOST: OnceLock<Host> = OnceLock::new();
        HOST.get_or_init(Self::find)
    }

    fn find() -> Self {
        // SAFETY: the first three are bash's, by which no other program calls this builtin; the
        // others are the C library's. All have had these types for ever.
        unsafe {
            Self {
                get_string_value: symbol(c"get_string_value")
                    .map(|found| mem::transmute::<*mut c_void, GetStringValue>(found)),
                signal_is_trapped: symbol(c"signal_is_trapped")
                    .map(|found| mem::transmute::<*mut c_void, SignalIsTrapped>(found)),
                run_pending_traps: symbol(c"run_pending_traps")
                    .map(|found| mem::transmute::<*mut c_void, RunPendingTraps>(found)),
                trap_list: symbol(c"trap_list").and_then(|found| NonNull::new(found.cast())),
                sigaction: symbol(c"sigaction")
                    .map(|found| mem::transmute::<*mut c_void, Sigaction>(found)),
                raise: symbol(c"raise").map(|found| mem::transmute::<*mut c_void, Raise>(found)),
                dlopen: symbol(c"dlopen").map(|found| mem::transmute::<*mut c_void, Dlopen>(found)),
            }
        }
    }

    /// A variable of the shell: exported, local, or given for the command only, which for a
    /// builtin do not all stand in the environment.
    pub(super) fn variable(&self, name: &str) -> Option<Vec<u8>> {
        let Some(get_string_value) = self.get_string_value else {
            return std::env::var_os(name).map(OsStringExt::into_vec);
        };
        let name = CString::new(name).ok()?;
        // SAFETY: a NUL-terminated name; what comes back is NULL or a NUL-terminated string
        // that stays until a variable changes.
        unsafe {
            let value = get_string_value(name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes().to_vec())
        }
    }

    /// Whether the trap of a signal has the word `return` in its own text.
    pub(super) fn trap_returns(&self, signal: c_int) -> bool {
        let (Some(list), Ok(at)) = (self.trap_list, usize::try_from(signal)) else {
            return false;
        };
        // SAFETY: bash has a place for every signal: 0 stands for the default, 1 for ignored; all
        // else is a text.
        let text = unsafe {
            let text = *list.as_ptr().add(at);
            if text.addr() <= 1 {
                return false;
            }
            CStr::from_ptr(text).to_bytes()
        };
        let mut words = text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        words.any(|word| word == b"return")
    }

    /// Keeps this library loaded until the process ends.
    pub(super) fn keep_loaded(&self) {
        static KEPT: Once = Once::new();
        KEPT.call_once(|| {
            // SAFETY: an all-zero Dl_info is valid, and the address is one of this library's; what
            // dladdr tells stays as long as the library.
            unsafe {
                let mut info: libc::Dl_info = mem::zeroed();
                let own = symbol as *const c_void;
                if let Some(dlopen) = self.dlopen
                    && libc::dladdr(own, &raw mut info) != 0
                    && !info.dli_fname.is_null()
                {
                    let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
                    dlopen(info.dli_fname, flags);
                }
            }
        });
    }

    /// Whether the script has a trap for a signal that the shell has a handler for.
    pub(super) fn is_trapped(&self, signal: c_int) -> bool {
        match self.signal_is_trapped {
            // SAFETY: a number of a signal.
            Some(signal_is_trapped) => unsafe { signal_is_trapped(signal) != 0 },
            None => true,
        }
    }
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
