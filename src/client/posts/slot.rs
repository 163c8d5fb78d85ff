//! Where a handle has its posts.

use std::sync::Arc;

use parking_lot::Mutex;

use super::thread::Posts;
use crate::net::Cancel;

/// The posts of one handle, once it has some.
#[derive(Default)]
pub(in crate::client) struct Slot {
    posts: Mutex<Option<Arc<Posts>>>,
    /// Ends what the thread waits for: a cancel of the handle, or its end.
    pub(in crate::client) cancel: Arc<Cancel>,
}

impl Slot {
    /// Those of this process; a child that was forked has none of its parent's.
    pub(in crate::client) fn get(&self) -> Option<Arc<Posts>> {
        let posts = self.posts.lock();
        posts.as_ref().filter(|posts| posts.is_own()).cloned()
    }

    pub(in crate::client) fn get_or_begin(&self) -> Arc<Posts> {
        let mut slot = self.posts.lock();
        match slot.as_ref().filter(|posts| posts.is_own()) {
            Some(posts) => Arc::clone(posts),
            None => {
                let posts = Arc::new(Posts::new(Arc::clone(&self.cancel)));
                // The parent's thread is not here, and its lock may be held for ever.
                std::mem::forget(slot.replace(Arc::clone(&posts)));
                posts
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(posts) = self.get() {
            posts.close();
        } else {
            std::mem::forget(self.posts.get_mut().take());
        }
    }
}
