//! What was posted: the queue, who delivers it, and where a handle has both.

mod queue;
mod slot;
mod thread;

pub(super) use queue::{Fold, Full, Key, Post};
pub(super) use slot::Slot;
pub use thread::Guard;
pub(crate) use thread::close_all;
pub(super) use thread::{Deliver, Lost, Posts};
