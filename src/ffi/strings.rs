//! Strings and buffers across the boundary: bytes, NUL-terminated, copied.

use std::ffi::{CStr, CString, c_char};

use crate::model::Status;

/// The bytes of a C string; `None` for NULL.
///
/// # Safety
/// `text` must be NULL or point to a NUL-terminated string that lives during `'a`.
pub(super) unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL, so the caller promises a string.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// `argc` words; `None` when one is missing.
///
/// # Safety
/// `argv` must be NULL or point to `argc` pointers, each NULL or a NUL-terminated string.
pub(super) unsafe fn words(argc: i32, argv: *const *const c_char) -> Option<Vec<Vec<u8>>> {
    let count = usize::try_from(argc).ok()?;
    if argv.is_null() && count > 0 {
        return None;
    }
    (0..count)
        // SAFETY: the caller promises `argc` pointers, each NULL or a string.
        .map(|index| unsafe { bytes(*argv.add(index)) }.map(<[u8]>::to_vec))
        .collect()
}

/// Key and value, key and value, NULL; `None` when a key has no value. NULL is an empty list.
///
/// # Safety
/// `list` must be NULL or point to strings, the last of which is followed by a NULL.
pub(super) unsafe fn pairs(list: *const *const c_char) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    if list.is_null() {
        return Some(pairs);
    }
    let mut next = list;
    loop {
        // SAFETY: the list goes on up to its NULL, which has not been passed.
        let Some(key) = (unsafe { bytes(*next) }) else {
            return Some(pairs);
        };
        // SAFETY: behind a key there is at least the NULL.
        let value = unsafe { bytes(*next.add(1)) }?;
        pairs.push((key.to_vec(), value.to_vec()));
        // SAFETY: behind a value there is at least the NULL.
        next = unsafe { next.add(2) };
    }
}

/// Copies `text` into the caller's buffer by the rules of the header.
///
/// # Safety
/// `buf` must be NULL or writable for `cap` bytes, `needed` NULL or writable.
pub(super) unsafe fn fill(text: &[u8], buf: *mut c_char, cap: usize, needed: *mut usize) -> Status {
    if !needed.is_null() {
        // SAFETY: not NULL, so the caller promises a place for a number.
        unsafe { needed.write(text.len() + 1) };
    }
    match (buf.is_null(), cap) {
        (true, 0) => return Status::Ok,
        (true, _) => return Status::Argument,
        (false, 0) => return Status::TooSmall,
        (false, _) => {}
    }
    let length = text.len().min(cap - 1);
    // SAFETY: the caller promises `cap` bytes, of which `length` and a NUL are written, and a
    // caller's buffer does not overlap with our text.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast(), length);
        buf.add(length).write(0);
    }
    if length < text.len() {
        Status::TooSmall
    } else {
        Status::Ok
    }
}

/// [`fill`], or for `None` the empty text, a size of 0, and ECF_ERR_ARGUMENT.
///
/// # Safety
/// As for [`fill`].
pub(super) unsafe fn fill_or_empty(
    text: Option<&[u8]>,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Status {
    if let Some(text) = text {
        // SAFETY: the caller keeps the promises.
        return unsafe { fill(text, buf, cap, needed) };
    }
    if !needed.is_null() {
        // SAFETY: not NULL, so the caller promises a place for a number.
        unsafe { needed.write(0) };
    }
    if !buf.is_null() && cap > 0 {
        // SAFETY: the caller promises `cap` bytes.
        unsafe { buf.write(0) };
    }
    Status::Argument
}

/// A C string of `text`; a NUL in it, which C could not see past, becomes a blank.
pub(super) fn c_string(mut text: Vec<u8>) -> CString {
    for byte in text.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    CString::new(text).unwrap_or_default()
}

/// The empty string, for handles that are NULL.
pub(super) const EMPTY: *const c_char = c"".as_ptr();
