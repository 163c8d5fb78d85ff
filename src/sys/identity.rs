//! Who and where this process is.

use std::ffi::CStr;
use std::mem;

/// The name of this host, as the system reports it; empty when it does not.
pub(crate) fn host_name() -> Vec<u8> {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is writable for one byte more than the length that is passed, so
    // that a name that fills it stays terminated.
    let outcome = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    match outcome {
        0 => name.to_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// The login name of the real user, by the user data base; `None` when it has no such user.
pub(crate) fn login_name() -> Option<Vec<u8>> {
    const LARGEST: usize = 1 << 20;
    let mut buffer = vec![0_u8; 1024];
    loop {
        // SAFETY: all zeros are a valid passwd: null pointers and numbers.
        let mut entry: libc::passwd = unsafe { mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, and the buffer has the passed length.
        let outcome = unsafe {
            libc::getpwuid_r(
                libc::getuid(),
                &raw mut entry,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            )
        };
        match outcome {
            libc::ERANGE if buffer.len() < LARGEST => buffer.resize(buffer.len() * 2, 0),
            libc::EINTR => {}
            0 if !found.is_null() => {
                // SAFETY: on success the name is a NUL-terminated string inside `buffer`.
                let name = unsafe { CStr::from_ptr(entry.pw_name) };
                return Some(name.to_bytes().to_vec());
            }
            _ => return None,
        }
    }
}
