//! A builtin command for bash: `enable -f libecf_failover.so ecflow_client`.
//!
//! Bash looks up the structure [`ecflow_client_struct`] by its name and calls the function in
//! it. The layout of the structure and of a list of words has been bash's for all its versions
//! that load builtins.

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use super::guard::guarded;
use crate::client::Client;
use crate::config::Configuration;
use crate::shell;

/// What bash wants to know of a builtin. Bash writes to it, too.
#[repr(C)]
struct Builtin {
    name: *const c_char,
    function: unsafe extern "C" fn(*const WordList) -> c_int,
    flags: c_int,
    long_doc: *const *const c_char,
    short_doc: *const c_char,
    handle: *const c_char,
}

/// A builtin for bash, which is one thread.
#[repr(transparent)]
struct ForBash(UnsafeCell<Builtin>);

// SAFETY: this library never touches it.
unsafe impl Sync for ForBash {}

/// Bash's list of words.
#[repr(C)]
struct WordList {
    next: *const WordList,
    word: *const WordDesc,
}

#[repr(C)]
struct WordDesc {
    word: *const c_char,
    flags: c_int,
}

#[repr(transparent)]
struct Lines([*const c_char; 4]);

// SAFETY: pointers to constants.
unsafe impl Sync for Lines {}

static LONG_DOC: Lines = Lines([
    c"Sends a command to an ecFlow server, as the program ecflow_client does, without".as_ptr(),
    c"starting a program: to the primary if it can be had, otherwise to a backup.".as_ptr(),
    c"ecflow_client --help tells the options.".as_ptr(),
    ptr::null(),
]);

/// The builtin is there and enabled.
const BUILTIN_ENABLED: c_int = 1;

/// What bash looks up.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name that bash builds")]
static ecflow_client_struct: ForBash = ForBash(UnsafeCell::new(Builtin {
    name: c"ecflow_client".as_ptr(),
    function: run,
    flags: BUILTIN_ENABLED,
    long_doc: LONG_DOC.0.as_ptr(),
    short_doc: c"ecflow_client OPTION [WORD...]".as_ptr(),
    handle: ptr::null(),
}));

unsafe extern "C" fn run(list: *const WordList) -> c_int {
    guarded(1, || {
        // SAFETY: bash's list, which stays during the call.
        let argv = unsafe { words(list) };
        let host = Shell::find();
        let client = Client::new(Configuration::read(|name| host.variable(name)));
        let taken = Taken::begin(&client, &host);
        let status = shell::run(&client, &argv, Taken::signal);
        // The shell gets the signals that came, after all else is done.
        drop(taken);
        c_int::from(status)
    })
}

unsafe fn words(mut list: *const WordList) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    // SAFETY: NULL or valid entries, each with a NUL-terminated word.
    unsafe {
        while let Some(entry) = list.as_ref() {
            if let Some(word) = entry.word.as_ref()
                && !word.word.is_null()
            {
                words.push(CStr::from_ptr(word.word).to_bytes().to_vec());
            }
            list = entry.next;
        }
    }
    words
}

/// What the builtin uses of the process that it runs in, found when it runs: the library itself
/// calls nothing of it, and promises so to every other host.
struct Shell {
    get_string_value: Option<GetStringValue>,
    sigaction: Option<Sigaction>,
    raise: Option<Raise>,
}

type GetStringValue = unsafe extern "C" fn(*const c_char) -> *const c_char;
type Sigaction = unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;
type Raise = unsafe extern "C" fn(c_int) -> c_int;

impl Shell {
    fn find() -> Self {
        // SAFETY: the first is bash's, by which no other program calls this builtin; the others
        // are the C library's. All have had these types for ever.
        unsafe {
            Self {
                get_string_value: symbol(c"get_string_value")
                    .map(|found| mem::transmute::<*mut c_void, GetStringValue>(found)),
                sigaction: symbol(c"sigaction")
                    .map(|found| mem::transmute::<*mut c_void, Sigaction>(found)),
                raise: symbol(c"raise").map(|found| mem::transmute::<*mut c_void, Raise>(found)),
            }
        }
    }

    /// A variable of the shell: exported, local, or given for the command only, which for a
    /// builtin do not all stand in the environment.
    fn variable(&self, name: &str) -> Option<Vec<u8>> {
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
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The signals that end a job's command. Others that the shell has a trap for wait.
const SIGNALS: [c_int; 6] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTERM,
];

static CLIENT: AtomicPtr<Client> = AtomicPtr::new(ptr::null_mut());
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// While it lives, a signal ends the waiting, and the shell gets it afterwards: its trap runs as
/// after an external command.
struct Taken<'a> {
    host: &'a Shell,
    before: Vec<(c_int, libc::sigaction)>,
}

impl<'a> Taken<'a> {
    fn begin(client: &Client, host: &'a Shell) -> Self {
        SIGNAL.store(0, Ordering::SeqCst);
        CLIENT.store(ptr::from_ref(client).cast_mut(), Ordering::SeqCst);
        let mut before = Vec::new();
        if let Some(sigaction) = host.sigaction {
            for signal in SIGNALS {
                // SAFETY: all-zero sigactions are valid, and the handler does what a handler may.
                unsafe {
                    let mut shells: libc::sigaction = mem::zeroed();
                    sigaction(signal, ptr::null(), &raw mut shells);
                    if shells.sa_sigaction == libc::SIG_IGN {
                        continue;
                    }
                    let mut ours: libc::sigaction = mem::zeroed();
                    ours.sa_sigaction = on_signal as *const () as libc::sighandler_t;
                    sigaction(signal, &raw const ours, ptr::null_mut());
                    before.push((signal, shells));
                }
            }
        }
        Self { host, before }
    }

    fn signal() -> Option<u8> {
        let signal = SIGNAL.load(Ordering::SeqCst);
        u8::try_from(signal).ok().filter(|signal| *signal > 0)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (signal, shells) in &self.before {
            if let Some(sigaction) = self.host.sigaction {
                // SAFETY: what was there before.
                unsafe { sigaction(*signal, shells, ptr::null_mut()) };
            }
        }
        CLIENT.store(ptr::null_mut(), Ordering::SeqCst);
        let signal = SIGNAL.swap(0, Ordering::SeqCst);
        if signal > 0
            && let Some(raise) = self.host.raise
        {
            // SAFETY: a number of a signal.
            unsafe { raise(signal) };
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    SIGNAL.store(signal, Ordering::SeqCst);
    // SAFETY: NULL, or the client of the call that waits, which takes the handler away before
    // it lets the client go. Only bash's own thread calls builtins.
    if let Some(client) = unsafe { CLIENT.load(Ordering::SeqCst).as_ref() } {
        client.cancel();
    }
}
