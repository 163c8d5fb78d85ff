//! What was posted and is not delivered yet, in order. A newer value takes the place of an older one
//! of the same name, so that the queue is bounded by names, and a server that is back gets the newest
//! state and no backlog.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::Configuration;
use crate::model::{Millis, TaskIdentity};

/// One command that was posted.
#[derive(Clone, Debug)]
pub(in crate::client) struct Post {
    /// Counted up: those before it were posted before it.
    pub(in crate::client) number: u64,
    /// When it was posted.
    pub(in crate::client) since: Millis,
    /// Its words.
    pub(in crate::client) words: Vec<Vec<u8>>,
    /// The settings of that moment.
    pub(in crate::client) configuration: Arc<Configuration>,
    key: Key,
    fold: Fold,
}

/// What a post is about: of two about the same the newer counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::client) struct Key {
    /// The command's name.
    pub(in crate::client) command: &'static str,
    /// The meter's, the label's or the event's.
    pub(in crate::client) attribute: Vec<u8>,
    /// The task's path, and which of its tries.
    pub(in crate::client) task: (Vec<u8>, Vec<u8>),
}

impl Key {
    pub(in crate::client) fn new(
        command: &'static str,
        attribute: &[u8],
        task: &TaskIdentity,
    ) -> Self {
        Self {
            command,
            attribute: attribute.to_vec(),
            task: (
                task.path.clone(),
                format!("{}", task.try_number).into_bytes(),
            ),
        }
    }
}

/// What becomes of an older post about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Fold {
    /// It is replaced.
    ByNewer,
    /// It stays, and one that says the same again is none.
    OnlySame,
}

/// It holds as many as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Full;

#[derive(Debug, Default)]
pub(in crate::client) struct Queue {
    posts: BTreeMap<u64, Post>,
    /// The number of the newest of each.
    newest: HashMap<Key, u64>,
    last: u64,
}

impl Queue {
    /// Adds a post behind all others.
    ///
    /// # Errors
    /// There are `limit` already, and none of them is replaced; then nothing has changed.
    pub(in crate::client) fn push(
        &mut self,
        key: Key,
        fold: Fold,
        words: Vec<Vec<u8>>,
        configuration: Arc<Configuration>,
        (now, limit): (Millis, usize),
    ) -> Result<(), Full> {
        let before = self.newest.get(&key).copied();
        let before = before.filter(|number| self.posts.contains_key(number));
        match (fold, before) {
            (Fold::OnlySame, Some(number)) if self.posts[&number].words == words => return Ok(()),
            (Fold::ByNewer, Some(number)) => {
                self.posts.remove(&number);
            }
            _ if self.posts.len() >= limit => return Err(Full),
            _ => {}
        }
        self.last += 1;
        self.newest.insert(key.clone(), self.last);
        let post = Post {
            number: self.last,
            since: now,
            words,
            configuration,
            key,
            fold,
        };
        self.posts.insert(self.last, post);
        Ok(())
    }

    /// Takes the first one out.
    pub(in crate::client) fn take(&mut self) -> Option<Post> {
        let (_, post) = self.posts.pop_first()?;
        if self.newest.get(&post.key) == Some(&post.number) {
            self.newest.remove(&post.key);
        }
        Some(post)
    }

    /// Puts one that was taken and could not be delivered to its old place, unless a newer one has
    /// taken it.
    pub(in crate::client) fn put_back(&mut self, post: Post) {
        if post.fold == Fold::ByNewer && self.newest.contains_key(&post.key) {
            return;
        }
        self.newest.entry(post.key.clone()).or_insert(post.number);
        self.posts.insert(post.number, post);
    }

    pub(in crate::client) fn iter(&self) -> impl Iterator<Item = &Post> {
        self.posts.values()
    }

    pub(in crate::client) fn len(&self) -> usize {
        self.posts.len()
    }

    /// The number of the last that was posted; 0 before the first.
    pub(in crate::client) fn last(&self) -> u64 {
        self.last
    }

    /// The number of the first that waits.
    pub(in crate::client) fn first(&self) -> Option<u64> {
        self.posts.keys().next().copied()
    }
}
