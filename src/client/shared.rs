//! What the clones of a client and its sessions share.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::hostlist::HostLists;
use super::job_home::HandleHome;
use super::log::Sink;
use super::memory;
use super::native::Sender;
use super::posts;
use crate::config::Configuration;
use crate::net::{AddressBook, Cancel};
use crate::sys::bell::Bell;

/// The configuration, and what was learnt.
pub(super) struct Shared {
    pub(super) configuration: Mutex<Arc<Configuration>>,
    pub(super) sink: Mutex<Option<Sink>>,
    pub(super) cancel: Arc<Cancel>,
    /// What tells those of a cancel who wait elsewhere.
    pub(super) bells: Mutex<Vec<Weak<Bell>>>,
    pub(super) host_lists: Mutex<HostLists>,
    pub(super) addresses: AddressBook,
    pub(super) memory: memory::Store,
    pub(super) home: HandleHome,
    pub(super) sender: Sender,
    /// Why the last setting was refused; empty if it was taken.
    pub(super) refusal: Mutex<String>,
    /// What was posted.
    pub(super) posts: posts::Slot,
}

impl Shared {
    pub(super) fn new(configuration: Arc<Configuration>, cancel: Arc<Cancel>) -> Self {
        Self {
            configuration: Mutex::new(configuration),
            sink: Mutex::new(None),
            cancel,
            bells: Mutex::default(),
            host_lists: Mutex::default(),
            addresses: AddressBook::default(),
            memory: memory::Store::default(),
            home: HandleHome::default(),
            sender: Sender::default(),
            refusal: Mutex::default(),
            posts: posts::Slot::default(),
        }
    }
}
