//! A delegated command for event loops, its connections made here: it never waits, and has one
//! descriptor that tells when there is news.

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};

use super::Client;
use super::delegate::Override;
use super::race::{Race, Step};
use super::session::Session;
use crate::model::{Kind, Millis, Outcome};
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::poller::Poller;
use crate::sys::wait::Descriptors;

/// How long the longest pause is where no descriptor tells of all news.
const BLIND_PAUSE: Millis = 20;
/// The kernel lets a descriptor wake 500 others that are watched by one, and fewer the deeper they
/// are nested: 50 where the program's own epoll is watched by another, and that by a third.
const PLANS_AT_A_BELL: usize = 32;

/// What its caller does now. Times are milliseconds from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// Speak on the connection that is there.
    Speak { limit: Millis },
    /// Ask again after this time, or when there is news.
    Wait { pause: Millis },
    /// It is over.
    End,
}

/// A delegated command under way, its connections, and the descriptor.
pub(crate) struct ConnectedPlan {
    client: Client,
    race: Race,
    poller: Option<Poller>,
}

impl Client {
    /// A delegated command whose connections are made here, for event loops; started now. It is
    /// made in every case; one that cannot go on is over at its first step and tells why.
    #[must_use]
    pub(crate) fn connected_plan(&self, kind: Kind, overrides: &[Override]) -> ConnectedPlan {
        ConnectedPlan {
            race: self.race(kind, overrides),
            poller: self.poller(),
            client: self.clone(),
        }
    }

    fn poller(&self) -> Option<Poller> {
        Poller::new(self.bell()).ok()
    }

    /// What tells a plan of a cancel; a few share one, and none is left when they are gone.
    fn bell(&self) -> Option<Arc<Bell>> {
        let mut bells = self.shared.bells.lock();
        bells.retain(|bell| bell.strong_count() > 0);
        let last = bells
            .last()
            .filter(|bell| bell.strong_count() < PLANS_AT_A_BELL);
        // One of another process is not rung in this one.
        if let Some(bell) = last.and_then(Weak::upgrade).filter(|bell| bell.is_own()) {
            return Some(bell);
        }
        let bell = Arc::new(Bell::of(&self.shared.cancel)?);
        bells.push(Arc::downgrade(&bell));
        Some(bell)
    }
}

impl ConnectedPlan {
    pub(crate) fn session(&self) -> &Session {
        self.race.session()
    }

    /// A copy of the process has connections and a descriptor of its own.
    fn renew(&mut self) {
        if self.race.is_renewed() {
            self.poller = self.client.poller();
        }
    }

    pub(crate) fn next(&mut self) -> Do {
        self.renew();
        if let Some(poller) = &self.poller {
            // What is news from here on, a cancel among it, is seen here or wakes the caller again.
            poller.harvest();
        }
        let step = self.race.next();
        let look_at = match step {
            Step::Speak { .. } => self.race.look_at(),
            Step::Wait { .. } | Step::End => Millis::MAX,
        };
        if self.race.has_lacked_descriptors()
            && let Some(poller) = &mut self.poller
        {
            // Rather a connection than news of a cancel.
            poller.drop_bell();
        }
        let tells_all = self.poller.as_mut().is_some_and(|poller| {
            let mut descriptors = Descriptors::new();
            self.race.watch(&mut descriptors);
            poller.watch(&descriptors, look_at)
        });
        match step {
            Step::Speak { .. } => Do::Speak {
                limit: self.race.left(),
            },
            Step::Wait { until } => {
                let pause = until.saturating_sub(clock::now());
                let longest = if tells_all { Millis::MAX } else { BLIND_PAUSE };
                Do::Wait {
                    pause: pause.min(longest),
                }
            }
            Step::End => Do::End,
        }
    }

    /// The descriptor, while there is one.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        self.poller.as_ref().map(Poller::descriptor)
    }

    /// The connection to speak on, once.
    pub(crate) fn take_socket(&mut self) -> Option<OwnedFd> {
        self.renew();
        let socket = self.race.take_socket()?;
        if let Some(poller) = &self.poller {
            poller.forget(socket.as_fd());
        }
        Some(socket)
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.race.is_speaking()
    }

    /// Who spoke tells how it ended.
    pub(crate) fn told(&mut self, outcome: Outcome) {
        self.renew();
        self.race.told(outcome, Vec::new());
    }
}
