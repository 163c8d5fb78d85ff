//! Time, as every layer counts it.

/// A duration or a point in time, in milliseconds.
pub type Millis = u64;
