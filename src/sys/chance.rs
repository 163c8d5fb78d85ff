//! A number that no other process has.

use super::clock;

/// A seed for pauses that are spread at random.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer is writable for its length; without entropy the call fails at once.
    let got =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    match usize::try_from(got) {
        Ok(8) => u64::from_ne_bytes(bytes),
        // SAFETY: getpid has no preconditions.
        _ => clock::nanos() ^ (u64::from(unsafe { libc::getpid() }.unsigned_abs()) << 40),
    }
}
