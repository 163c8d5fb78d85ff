//! The sum of the image, and the key of a host in it.

/// Fowler, Noll and Vo's hash: quick for short texts, and the same for ever.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
