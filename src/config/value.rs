//! How the text of a value is read. Every function says what would have been right.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use super::choices::DefaultPort;
use crate::model::{Host, Millis};

/// Why a value cannot be used, for a person.
pub(super) type Why = String;

/// Seconds, 0 included.
pub(super) fn seconds(text: &[u8]) -> Result<Millis, Why> {
    let seconds = number(text).filter(|seconds| *seconds >= 0.0);
    let seconds =
        seconds.ok_or("not a duration; give seconds as 0 or a positive number, like 10 or 0.5")?;
    if seconds > LONGEST_SECONDS {
        return Err("too long; give 1e15 seconds at the most".into());
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

/// Seconds, but not 0.
pub(super) fn positive_seconds(text: &[u8]) -> Result<Millis, Why> {
    const WANTED: &str = "not a duration; give seconds as a positive number, like 10 or 0.5";
    match seconds(text) {
        Ok(0) => Err(WANTED.into()),
        Err(_) if number(text).is_none_or(|seconds| seconds < 0.0) => Err(WANTED.into()),
        other => other,
    }
}

/// The longest duration, 31 million years: far beyond any use and far below overflow.
const LONGEST_SECONDS: f64 = 1e15;

pub(super) fn share(text: &[u8]) -> Result<f64, Why> {
    number(text)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "not a share; give a number from 0 to 1".into())
}

pub(super) fn whole<T>(text: &[u8], lowest: T, highest: T) -> Result<T, Why>
where
    T: Copy + fmt::Display + FromStr + PartialOrd,
{
    let digits = trimmed(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|t| t.parse().ok())
        .filter(|n| (lowest..=highest).contains(n))
        .ok_or_else(|| format!("not usable; give a whole number from {lowest} to {highest}"))
}

/// The name or the address of a host.
pub(super) fn host(text: &[u8]) -> Result<Host, Why> {
    Host::parse(text.trim_ascii()).map_err(|why| why.to_string())
}

/// A port, or `primary`.
pub(super) fn default_port(text: &[u8]) -> Result<DefaultPort, Why> {
    if text.trim_ascii().eq_ignore_ascii_case(b"primary") {
        return Ok(DefaultPort::Primary);
    }
    let port = port(text).map_err(|why| format!("{why}, or \"primary\""))?;
    Ok(DefaultPort::Number(port))
}

/// Any bytes, also blanks.
pub(super) fn text(text: &[u8]) -> Result<Vec<u8>, Why> {
    Ok(text.to_vec())
}

/// Whether a flag is set.
pub(super) fn is_on(text: &[u8]) -> Result<bool, Why> {
    Ok(!text.is_empty())
}

/// What `read` makes of a value, where there is one.
pub(super) fn optional<T>(
    text: &[u8],
    read: impl Fn(&[u8]) -> Result<T, Why>,
) -> Result<Option<T>, Why> {
    (!text.is_empty()).then(|| read(text)).transpose()
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
