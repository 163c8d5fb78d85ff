//! A builtin command for bash: `enable -f libecf_failover.so ecflow_client`.
//!
//! Bash looks up the structure [`ecflow_client_struct`] by its name and calls the function in
//! it. The layout of the structure and of a list of words has been bash's for all its versions
//! that load builtins.

mod host;
mod signals;

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::path::Path;
use std::ptr;

use host::Host;
use signals::Taken;

use super::guard::guarded;
use crate::client::Client;
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
        let host = Host::of_this_process();
        let client = Client::new(shell::settings(|name| host.variable(name)));
        let taken = Taken::begin(&client);
        let status = shell::run(&client, &argv, host);
        // The shell gets the signals that came, after all else is done.
        drop(taken);
        c_int::from(status)
    })
}

impl shell::Place for Host {
    fn signal(&self) -> Option<u8> {
        signals::ended_by()
    }

    fn path(&self) -> Option<Vec<u8>> {
        self.variable("PATH")
    }

    /// The shell stays what it is.
    fn become_program(&self, _: &Path) -> Option<io::Error> {
        None
    }
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
