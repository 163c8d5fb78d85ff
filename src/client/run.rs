//! The loop: does what the policy says until the command is over. A command is made of whole
//! attempts, one after another, or of connections to several hosts at once.

use parking_lot::Mutex;

use super::native::{NativeCommand, Transport};
use super::race::{self, Race, Step};
use super::session::Session;
use crate::model::{AttemptResult, Endpoint, Millis, Outcome};
use crate::net::{AddressBook, CancelWatch, Connector, Happening, Instruction, Names, Watch};
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
    race: &mut Race,
    command: &NativeCommand,
    addresses: &AddressBook,
    cancel: CancelWatch<'_>,
    text: &mut Vec<u8>,
) {
    let patience = command.patience;
    let names = Names {
        addresses,
        patience,
    };
    loop {
        match race.next() {
            Step::End => return,
            Step::Wait { until } => race.wait(until, cancel),
            Step::Speak {
                host,
                limit,
                silence,
            } => {
                let endpoint = race.session().host(host).clone();
                let first = race.take_connection();
                let (session, connections) = race.parts();
                let mut connector = Connector::of(std::mem::take(connections), names, cancel);
                let mut watch = SessionWatch { session };
                let transport = Transport {
                    connector: &mut connector,
                    first,
                    watch: Some(&mut watch),
                    silence,
                };
                let result = command.attempt(&endpoint, limit, transport, text);
                *connections = connector.into_connections();
                race.ended(result);
            }
        }
    }
}

/// The same for a delegated command whose connections are made here: `speak` is called with each
/// one that is there.
pub(super) fn speakers(
    race: &Mutex<Race>,
    cancel: CancelWatch<'_>,
    speak: &mut dyn FnMut(Endpoint, Millis, u32) -> Told,
) {
    loop {
        let mut running = race.lock();
        match running.next() {
            Step::End => return,
            Step::Wait { until } => running.wait(until, cancel),
            Step::Speak { .. } => {
                let endpoint = running.session().endpoint().clone();
                let (limit, number) = (running.left(), running.session().number());
                drop(running);
                let (outcome, words) = speak(endpoint, limit, number);
                race.lock().told(outcome, words);
            }
        }
    }
}

/// What a caller says of its attempt: the outcome, and its words.
pub(super) type Told = (Outcome, Vec<u8>);

/// Looks after the session while an exchange waits for its server.
struct SessionWatch<'a> {
    session: &'a mut Session,
}

impl Watch for SessionWatch<'_> {
    fn next(&mut self, connector: &mut Connector<'_>) -> Instruction {
        loop {
            match self.session.next(clock::now()) {
                Action::Wait { until } => return Instruction::Wait { until },
                Action::Probe { host, limit } => {
                    connector.probe(host, self.session.host(host), limit);
                }
                Action::GiveUp => return Instruction::GiveUp,
                // The exchange has its own deadline, and sees a cancel by itself.
                _ => {
                    return Instruction::Wait { until: Millis::MAX };
                }
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        race::take_in(self.session, happening);
    }
}
