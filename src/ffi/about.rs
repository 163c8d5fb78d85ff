//! The library's version, and names for its numbers.

use std::ffi::{CStr, c_char};

use crate::model::{Status, outcome_c_name, outcome_from_number};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
const UNKNOWN: &CStr = c"unknown";

/// The version of the library that is running, like "0.1.0". Static.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// The same as a number: major * 10000 + minor * 100 + patch. ECF_FAILOVER_VERSION_NUMBER is the
/// one of the header that a program was compiled with.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_version_number() -> u32 {
    const NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) * 10_000
        + part(env!("CARGO_PKG_VERSION_MINOR")) * 100
        + part(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

const fn part(digits: &str) -> u32 {
    let digits = digits.as_bytes();
    let (mut number, mut at) = (0, 0);
    while at < digits.len() {
        number = number * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    number
}

/// The name of an ecf_status, like "ECF_ERR_TIMEOUT"; "unknown" for other numbers. Static.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_status_name(status: i32) -> *const c_char {
    Status::from_number(status)
        .map_or(UNKNOWN, Status::c_name)
        .as_ptr()
}

/// What an ecf_status means, in one sentence; "unknown" for other numbers. Static.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_status_text(status: i32) -> *const c_char {
    Status::from_number(status)
        .map_or(UNKNOWN, Status::c_text)
        .as_ptr()
}

/// The name of an ecf_outcome, like "ECF_OUTCOME_NOT_SENT"; "unknown" for other numbers. Static.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_outcome_name(outcome: i32) -> *const c_char {
    outcome_from_number(outcome)
        .map_or(UNKNOWN, outcome_c_name)
        .as_ptr()
}
