//! A number that no other process has.

use super::clock;

/// A seed for pauses that are spread at random.
pub(crate) fn seed() -> u64 {
    // SAFETY: getpid has no preconditions.
    let process = unsafe { libc::getpid() }.unsigned_abs();
    entropy().unwrap_or_else(|| clock::nanos() ^ (u64::from(process) << 40))
}

/// Of the system, if it has some at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn entropy() -> Option<u64> {
    let mut bytes = [0_u8; 8];
    let (place, length) = (bytes.as_mut_ptr().cast(), bytes.len());
    // SAFETY: the buffer is writable for its length.
    let got = unsafe { libc::getrandom(place, length, libc::GRND_NONBLOCK) };
    (usize::try_from(got) == Ok(length)).then(|| u64::from_ne_bytes(bytes))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn entropy() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_seeds_are_the_same() {
        assert_ne!(seed(), seed());
    }
}
