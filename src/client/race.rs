//! A command whose connections are made here: to several hosts at once or to one after another,
//! as the profile says. What is written to the one that was chosen is somebody else's: a native
//! command's exchange, or a caller that speaks for itself. Nothing here waits.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::approach::Approach;
use super::session::Session;
use super::shared::Shared;
use crate::model::{AttemptResult, Cure, Event, Fault, HostIndex, Millis, Outcome, Stage};
use crate::net::{CancelWatch, Connection, Connections, Happening, Names};
use crate::policy::Action;
use crate::sys::clock;
use crate::sys::wait::Descriptors;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A connection is there: speak to this host, then tell how that ended.
    Speak {
        host: HostIndex,
        /// For so many milliseconds at most.
        limit: Millis,
        /// A server that says nothing for so long is given up, in milliseconds.
        silence: Millis,
    },
    /// Ask again at this time, or when a connection has news.
    Wait { until: Millis },
    /// It is over.
    End,
}

/// A command under way, and its connections.
pub(crate) struct Race {
    shared: Arc<Shared>,
    session: Session,
    approach: Approach,
    connections: Connections,
    /// The one host whose connection is made, where the policy asks for whole attempts.
    opening: Option<HostIndex>,
    speaking: Option<Speaking>,
    /// A connection could not be made for want of a descriptor.
    lacks_descriptors: bool,
    /// The process that the connections are of.
    process: u32,
}

/// Somebody speaks to a host.
struct Speaking {
    host: HostIndex,
    connection: Option<Connection>,
    remark: String,
    asked: Asked,
    /// When it must be over.
    end: Millis,
    silence: Millis,
    /// When a caller that is silent so far has waited long enough.
    until: Millis,
    /// From when on a caller that was told to wait until then may have done so: its timers are its
    /// own.
    mute_from: Millis,
    /// When it is to be looked after next.
    look_at: Millis,
    is_gone: bool,
}

/// How the policy has asked for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// As a whole attempt.
    Attempt,
    /// As a request to one of several that were connected to.
    Send,
}

impl Race {
    pub(super) fn new(shared: &Arc<Shared>, session: Session, approach: Approach) -> Self {
        Self {
            shared: Arc::clone(shared),
            session,
            approach,
            connections: Connections::default(),
            opening: None,
            speaking: None,
            lacks_descriptors: false,
            process: crate::sys::process::id(),
        }
    }

    /// In a process that is a copy of the one that began them all connections are begun again: they
    /// cannot be shared. Whether this is one.
    pub(crate) fn is_renewed(&mut self) -> bool {
        let process = crate::sys::process::id();
        let is_copy = self.process != process;
        if is_copy {
            self.process = process;
            let names = Self::names(&self.shared, &self.approach);
            self.connections.begin_again(names);
            if let Some(speaking) = &mut self.speaking {
                speaking.connection = None;
            }
        }
        is_copy
    }

    /// Whether a connection could not be made for want of a descriptor since this was asked last.
    pub(crate) fn has_lacked_descriptors(&mut self) -> bool {
        std::mem::take(&mut self.lacks_descriptors)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn into_session(self) -> Session {
        self.session
    }

    /// The session and the connections, for who speaks and looks after both meanwhile.
    pub(super) fn parts(&mut self) -> (&mut Session, &mut Connections) {
        (&mut self.session, &mut self.connections)
    }

    /// What is to be done now. While somebody speaks it is [`Step::Speak`] again, with what is
    /// left of the time: nothing when it is proved that the server is gone.
    pub(crate) fn next(&mut self) -> Step {
        self.is_renewed();
        loop {
            self.take_in_news();
            if self.speaking.is_some() {
                return self.go_on_speaking();
            }
            let now = clock::now();
            match self.session.next(now) {
                Action::End(_) => return self.end(),
                Action::Wait { until } => {
                    let until = until.min(self.connections.next_time());
                    return Step::Wait { until };
                }
                Action::Attempt { host, limit } => {
                    let end = now.saturating_add(limit);
                    if self.opening == Some(host) {
                        let until = end.min(self.connections.next_time());
                        return Step::Wait { until };
                    }
                    self.opening = Some(host);
                    self.connect(host, end);
                }
                Action::Connect { host } => self.connect(host, Millis::MAX),
                Action::Probe { host, limit } => self.probe(host, limit),
                Action::Send {
                    host,
                    limit,
                    silence,
                } => self.speak(host, limit, silence, Asked::Send),
                // Asked only while somebody speaks; hosts are listed by the session.
                Action::GiveUp | Action::ListBackups => {}
            }
        }
    }

    fn names<'a>(shared: &'a Shared, approach: &Approach) -> Names<'a> {
        Names {
            addresses: &shared.addresses,
            patience: approach.patience,
        }
    }

    fn connect(&mut self, host: HostIndex, end: Millis) {
        let names = Self::names(&self.shared, &self.approach);
        let endpoint = self.session.host(host);
        let limit = self.approach.connect;
        let begun = self.connections.connect(host, endpoint, limit, end, names);
        if begun.is_pending() && self.opening.is_none() {
            self.session.record(Event::LookingUp(host), clock::now());
        }
    }

    fn probe(&mut self, host: HostIndex, limit: Millis) {
        let names = Self::names(&self.shared, &self.approach);
        self.connections
            .probe(host, self.session.host(host), limit, names);
    }

    fn take_in_news(&mut self) {
        let news = self.connections.news(&self.shared.addresses);
        if let Some(speaking) = self.speaking.as_mut().filter(|_| !news.is_empty()) {
            speaking.look_at = 0;
        }
        for one in news {
            let errno = one.failure.as_ref().map(|failure| failure.errno);
            self.lacks_descriptors |= matches!(errno, Some(libc::EMFILE | libc::ENFILE));
            match (self.opening, one.event) {
                (Some(host), Event::Connected(connected)) if connected == host => {
                    if let Action::Attempt { limit, .. } = self.session.next(clock::now()) {
                        self.opening = None;
                        self.speak(host, limit, Millis::MAX, Asked::Attempt);
                    }
                }
                (Some(host), Event::Failed(failed, _)) if failed == host => {
                    self.opening = None;
                    if let Some(result) = one.failure {
                        self.session.outcome(result, clock::now());
                    }
                }
                (Some(_), Event::LookedUp(_)) => {}
                _ => take_in(&mut self.session, one),
            }
        }
    }

    fn speak(&mut self, host: HostIndex, limit: Millis, silence: Millis, asked: Asked) {
        let connection = self.connections.take(host);
        let remark = connection.as_ref().map(|one| one.remark.clone());
        let now = clock::now();
        let patience = limit.min(silence).min(self.approach.reply);
        self.speaking = Some(Speaking {
            host,
            connection,
            remark: remark.unwrap_or_default(),
            asked,
            end: now.saturating_add(limit),
            silence,
            until: now.saturating_add(patience),
            mute_from: now.saturating_add(patience - (patience / 16 + 10).min(patience / 2)),
            look_at: now,
            is_gone: false,
        });
    }

    fn go_on_speaking(&mut self) -> Step {
        let is_over = self.look_after();
        let Some(speaking) = &self.speaking else {
            return Step::End;
        };
        if is_over && !speaking.is_gone {
            return Step::End;
        }
        Step::Speak {
            host: speaking.host,
            limit: speaking.end.saturating_sub(clock::now()),
            silence: speaking.silence,
        }
    }

    /// How many milliseconds a caller has to speak and to be answered: nothing when it is proved
    /// that the server is gone.
    pub(crate) fn left(&self) -> Millis {
        let speaking = self.speaking.as_ref().filter(|one| !one.is_gone);
        speaking.map_or(0, |one| one.until.saturating_sub(clock::now()))
    }

    /// Looks after what goes on beside who speaks. Whether there is no sense in going on: its
    /// server is gone, or the command was cancelled.
    pub(crate) fn look_after(&mut self) -> bool {
        if !self.connections.is_empty() {
            self.take_in_news();
        }
        let now = clock::now();
        loop {
            let Some(speaking) = &mut self.speaking else {
                return false;
            };
            let is_due = now >= speaking.look_at || self.session.is_cancelled();
            if speaking.is_gone || !is_due {
                return speaking.is_gone;
            }
            match self.session.next(now) {
                Action::Wait { until } => speaking.look_at = until.max(now + 1),
                Action::GiveUp => speaking.is_gone = true,
                Action::End(_) => return true,
                Action::Probe { host, limit } => self.probe(host, limit),
                // The one who speaks has its own limit.
                _ => speaking.look_at = Millis::MAX,
            }
        }
    }

    /// The connection to speak on, once.
    pub(crate) fn take_connection(&mut self) -> Option<Connection> {
        self.is_renewed();
        self.speaking.as_mut()?.connection.take()
    }

    /// The same as a descriptor.
    pub(crate) fn take_socket(&mut self) -> Option<OwnedFd> {
        self.take_connection().map(|one| one.stream.into())
    }

    /// Whether somebody speaks.
    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking.is_some()
    }

    /// It has ended so.
    pub(super) fn ended(&mut self, result: AttemptResult) {
        let Some(speaking) = self.speaking.take() else {
            return;
        };
        let now = clock::now();
        match speaking.asked {
            Asked::Attempt => self.session.outcome(result, now),
            Asked::Send => {
                let fault = result.fault.unwrap_or(Fault::Closed);
                self.session.ended(speaking.host, fault, result, now);
            }
        }
        self.session.settle();
    }

    /// A caller has spoken for itself, which tells no more than the outcome, its words, and the
    /// time that it took.
    pub(crate) fn told(&mut self, outcome: Outcome, words: Vec<u8>) {
        let Some(speaking) = &self.speaking else {
            return;
        };
        let now = clock::now();
        let is_late = now >= speaking.mute_from;
        let fault = match outcome {
            Outcome::NotSent | Outcome::Unconfirmed if speaking.is_gone => Some(Fault::Gone),
            Outcome::Unconfirmed if is_late => Some(Fault::Mute),
            Outcome::NotSent => Some(Fault::Broken),
            Outcome::Unconfirmed => Some(Fault::Closed),
            _ => None,
        };
        let remark = speaking.remark.as_bytes();
        let proof: &[u8] = match fault {
            Some(Fault::Gone) => b"another connection shows that the server is gone",
            _ => b"",
        };
        let parts = [words.as_slice(), proof, remark];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let what = parts.join(&b"; "[..]);
        self.ended(AttemptResult {
            outcome,
            stage: Stage::Callback,
            fault,
            errno: 0,
            what,
            cure: Cure::Retry,
        });
    }

    fn end(&mut self) -> Step {
        if let Some(host) = self.opening.take() {
            let left = self.connections.cancel(host);
            self.session.outcome(left, clock::now());
        }
        self.connections.close();
        Step::End
    }

    /// Waits until the time `until`, for news of a connection, or for a cancel.
    pub(super) fn wait(&self, until: Millis, cancel: CancelWatch<'_>) {
        let mut descriptors = Descriptors::new();
        self.watch(&mut descriptors);
        descriptors.wait(until, cancel);
    }

    /// Adds what is waited for.
    pub(crate) fn watch(&self, descriptors: &mut Descriptors) {
        self.connections.watch(descriptors);
    }

    /// When there is something to do while somebody speaks, though nothing happens.
    pub(crate) fn look_at(&self) -> Millis {
        // Who should have ended by now knows it.
        let in_time = |speaking: &&Speaking| !speaking.is_gone && clock::now() < speaking.until;
        let speaking = self.speaking.as_ref().filter(in_time);
        let own = speaking.map_or(Millis::MAX, |speaking| speaking.look_at);
        own.min(self.connections.next_time())
    }
}

/// Tells the session what happened to one of several connections.
pub(super) fn take_in(session: &mut Session, happening: Happening) {
    let now = clock::now();
    match (happening.event, happening.failure) {
        (Event::Failed(host, fault), Some(result)) => {
            session.not_connected(host, fault, result, now);
        }
        (event, _) => session.record(event, now),
    }
}
