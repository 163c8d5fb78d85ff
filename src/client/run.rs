//! The loop: does what the policy says until the command is over. A command is made of whole
//! attempts, one after another, or of connections to several hosts at once.

use super::native::{NativeCommand, Transport};
use super::session::Session;
use crate::model::{AttemptResult, Endpoint, Event, Fault, HostIndex, Millis};
use crate::net::{AddressBook, CancelWatch, Connector, Happening, Instruction, Watch};
use crate::policy::Action;
use crate::sys::{clock, wait};

/// Time, for the loop that drives a command.
pub trait Clock {
    /// Now, in milliseconds, rounded down.
    fn now(&self) -> Millis;
    /// Now, rounded up, so that a limit that is counted from here is never short.
    fn start(&self) -> Millis {
        self.now()
    }
    /// Sleeps until a time, or a cancel.
    fn sleep(&self, until: Millis, cancel: CancelWatch<'_>);
}

/// The system's clock, which counts the time that the machine was asleep.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        clock::now()
    }

    fn start(&self) -> Millis {
        clock::start()
    }

    fn sleep(&self, until: Millis, cancel: CancelWatch<'_>) {
        wait::until(until, cancel);
    }
}

/// Makes whole attempts by `attempt`, one after another.
pub(super) fn attempts(
    session: &mut Session,
    clock: &dyn Clock,
    cancel: CancelWatch<'_>,
    attempt: &mut dyn FnMut(&Endpoint, Millis, CancelWatch<'_>) -> AttemptResult,
) {
    loop {
        match session.next(clock.now()) {
            Action::End(_) => return,
            Action::Wait { until } => clock.sleep(until, cancel),
            Action::Attempt { limit, .. } => {
                let endpoint = session.endpoint().clone();
                let result = attempt(&endpoint, limit, cancel);
                session.outcome(result, clock.now());
            }
            // Not asked of those who make whole attempts.
            _ => {}
        }
    }
}

/// Runs a native command of profile fast to its end: connects to several hosts at once, and sends
/// to one. A text for the user goes to `text`.
pub(super) fn race(
    session: &mut Session,
    command: &NativeCommand,
    addresses: &AddressBook,
    cancel: CancelWatch<'_>,
    text: &mut Vec<u8>,
) {
    let mut connector = Connector::new(addresses, command.patience, cancel);
    let connect_limit = command.limits.connect;
    loop {
        match session.next(clock::now()) {
            Action::End(_) => return,
            Action::Wait { until } => {
                let happened = connector.wait(until);
                happened.into_iter().for_each(|one| record(session, one));
            }
            Action::Connect { host } => {
                let endpoint = session.host(host).clone();
                let begun = connector.connect(host, &endpoint, connect_limit);
                if begun.is_pending() {
                    session.record(Event::LookingUp(host), clock::now());
                }
            }
            Action::Probe { host, limit } => probe(session, &mut connector, host, limit),
            Action::Send {
                host,
                limit,
                silence,
            } => {
                let endpoint = session.host(host).clone();
                let first = connector.take(host);
                let mut watch = SessionWatch {
                    session: &mut *session,
                };
                let transport = Transport {
                    connector: &mut connector,
                    first,
                    watch: Some(&mut watch),
                    silence,
                };
                let result = command.attempt(&endpoint, limit, transport, text);
                let fault = result.fault.unwrap_or(Fault::Closed);
                session.ended(host, fault, result, clock::now());
            }
            // Asked only while something is sent, or of those who make whole attempts; hosts are
            // listed by the session.
            Action::GiveUp | Action::Attempt { .. } | Action::ListBackups => {}
        }
    }
}

fn probe(session: &Session, connector: &mut Connector<'_>, host: HostIndex, limit: Millis) {
    connector.probe(host, session.host(host), limit);
}

/// Looks after the session while an exchange waits for its server.
struct SessionWatch<'a> {
    session: &'a mut Session,
}

impl Watch for SessionWatch<'_> {
    fn next(&mut self, connector: &mut Connector<'_>) -> Instruction {
        loop {
            match self.session.next(clock::now()) {
                Action::Wait { until } => return Instruction::Wait { until },
                Action::Probe { host, limit } => probe(self.session, connector, host, limit),
                Action::GiveUp => return Instruction::GiveUp,
                // The exchange has its own deadline, and sees a cancel by itself.
                _ => {
                    return Instruction::Wait { until: Millis::MAX };
                }
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        record(self.session, happening);
    }
}

fn record(session: &mut Session, happening: Happening) {
    let now = clock::now();
    match (happening.event, happening.failure) {
        (Event::Failed(host, fault), Some(result)) => {
            session.not_connected(host, fault, result, now)
        }
        (event, _) => session.record(event, now),
    }
}
