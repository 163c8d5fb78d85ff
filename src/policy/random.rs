//! Random numbers that can be replayed: the numbers of a seed are always the same.

use crate::model::Millis;

/// Steele, Lea and Flood's SplitMix64: small, and even enough to spread pauses.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to `highest`, both included.
    pub(super) fn up_to(&mut self, highest: Millis) -> Millis {
        match highest.checked_add(1) {
            Some(sides) => self.next() % sides,
            None => self.next(),
        }
    }
}
