//! How the text of a value is read. Every function says what would have been right.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::model::Millis;

/// Why a value cannot be used, for a person.
pub(super) type Why = String;

pub(super) fn seconds(text: &[u8], lowest: Lowest) -> Result<Millis, Why> {
    let why = || match lowest {
        Lowest::Zero => "not a duration; give seconds as 0 or a positive number, like 10 or 0.5",
        Lowest::AboveZero => "not a duration; give seconds as a positive number, like 10 or 0.5",
    };
    let seconds = number(text).ok_or_else(why)?;
    let in_range = match lowest {
        Lowest::Zero => (0.0..=LONGEST_SECONDS).contains(&seconds),
        Lowest::AboveZero => seconds > 0.0 && seconds <= LONGEST_SECONDS,
    };
    if !in_range {
        return Err(why().into());
    }
    // Up to the next millisecond: a caller never gets less than what was asked.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    let millis = (seconds * 1000.0).ceil() as Millis;
    Ok(millis)
}

/// The longest duration, 31 million years: far beyond any use and far below overflow.
const LONGEST_SECONDS: f64 = 1e15;

/// Whether a duration may be zero.
#[derive(Clone, Copy)]
pub(super) enum Lowest {
    Zero,
    AboveZero,
}

pub(super) fn share(text: &[u8]) -> Result<f64, Why> {
    number(text)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "not a share; give a number from 0 to 1".into())
}

pub(super) fn whole(text: &[u8], lowest: u64, highest: u64) -> Result<u64, Why> {
    let digits = trimmed(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|t| t.parse().ok())
        .filter(|n| (lowest..=highest).contains(n))
        .ok_or_else(|| format!("not usable; give a whole number from {lowest} to {highest}"))
}

pub(super) fn port(text: &[u8]) -> Result<u16, Why> {
    crate::model::parse_port(text.trim_ascii()).map_err(|why| why.to_string())
}

/// One of the words of `choices`, in any case.
pub(super) fn choice<T: Copy>(text: &[u8], choices: &[(&str, T)]) -> Result<T, Why> {
    let word = text.trim_ascii();
    let found = choices
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("not usable; give one of {}", names.join(", "))
    })
}

/// The path of a file; one of blanks is a slip.
pub(super) fn path(text: &[u8]) -> Result<PathBuf, Why> {
    if text.trim_ascii().is_empty() {
        return Err("nothing but blanks; give a path, or nothing at all".into());
    }
    Ok(PathBuf::from(OsStr::from_bytes(text)))
}

fn number(text: &[u8]) -> Option<f64> {
    let text = trimmed(text)?;
    let is_decimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|_| is_decimal)
}

fn trimmed(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    (!text.is_empty()).then_some(text)
}
