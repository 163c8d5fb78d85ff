//! Drives a command of profile fast: does what the policy asks, connects to several hosts at
//! once, sends to one, and tells what came of it.

use super::line::Line;
use super::native::{self, NativeCommand};
use super::plan::Plan;
use super::story::AttemptResult;
use crate::model::{Event, Fault, HostIndex, Outcome, Sighting, Stage};
use crate::net::{self, AddressBook, CancelWatch, Conductor, Found, Instruction, Race, Sent};
use crate::policy::Action;
use crate::sys::clock;

/// A server was found to be gone while its reply was waited for.
const GONE: &str = "another connection shows that the server is gone";

/// Runs a native command to its end; a text for the user goes to `text`.
pub(super) fn drive(
    plan: &mut Plan,
    command: &NativeCommand,
    addresses: &AddressBook,
    cancel: CancelWatch<'_>,
    text: &mut Vec<u8>,
) {
    let mut race = Race::new(addresses, cancel);
    let connect_limit = command.limits.connect;
    loop {
        match plan.next(clock::now()) {
            Action::End(_) => return,
            Action::Wait { until } => {
                let events = race.wait(until);
                events.into_iter().for_each(|event| record(plan, event));
            }
            Action::Connect { host } => {
                let endpoint = plan.host(host).clone();
                if race.connect(host, &endpoint, connect_limit).is_pending() {
                    plan.record(Event::LookingUp(host), clock::now());
                }
            }
            Action::Probe { host, limit } => probe(plan, &mut race, host, limit),
            Action::Send {
                host,
                limit,
                silence,
            } => {
                let endpoint = plan.host(host).clone();
                let first = race.take(host);
                let mut watch = Watch { plan: &mut *plan };
                let line = Line::Raced {
                    race: &mut race,
                    first,
                    conductor: &mut watch,
                    silence,
                };
                let result = command.attempt(&endpoint, limit, addresses, cancel, line, text);
                let fault = fault_of(&result, race.patience_ended());
                plan.ended(host, fault, result, clock::now());
            }
            // Asked only while something is sent, or of those who make whole attempts.
            Action::GiveUp | Action::Attempt { .. } | Action::ListBackups => {}
        }
    }
}

fn probe(plan: &Plan, race: &mut Race<'_>, host: HostIndex, limit: u64) {
    race.probe(host, plan.host(host), limit);
}

/// Looks after the plan while an exchange waits for its server.
struct Watch<'a> {
    plan: &'a mut Plan,
}

impl Conductor for Watch<'_> {
    fn next(&mut self, race: &mut Race<'_>) -> Instruction {
        loop {
            match self.plan.next(clock::now()) {
                Action::Wait { until } => return Instruction::Wait { until },
                Action::Probe { host, limit } => probe(self.plan, race, host, limit),
                Action::GiveUp => return Instruction::GiveUp(GONE),
                // The exchange has its own deadline, and sees a cancel by itself.
                _ => {
                    return Instruction::Wait { until: u64::MAX };
                }
            }
        }
    }

    fn happened(&mut self, event: net::Event) {
        record(self.plan, event);
    }
}

fn record(plan: &mut Plan, event: net::Event) {
    let now = clock::now();
    match event {
        net::Event::LookedUp(host) => plan.record(Event::LookedUp(host), now),
        net::Event::Connected(host) => plan.record(Event::Connected(host), now),
        net::Event::Failed(host, failure) => {
            let fault = fault(failure.stage, failure.sent, failure.errno);
            plan.not_connected(host, fault, native::failed(failure), now);
        }
        net::Event::Probed(host, found) => {
            let sighting = match found {
                Found::Server => Sighting::Alive,
                Found::Nobody => Sighting::Nobody,
                Found::Silence => Sighting::Nothing,
                Found::Connection => Sighting::Connected,
            };
            plan.record(Event::Probed(host, sighting), now);
        }
    }
}

/// `patience_ended`: this side did not wait any longer.
fn fault_of(result: &AttemptResult, patience_ended: bool) -> Fault {
    let sent = match result.outcome {
        Outcome::Unconfirmed => Sent::Yes,
        _ => Sent::No,
    };
    match fault(result.stage, sent, result.errno) {
        Fault::Mute if !patience_ended => Fault::Vanished,
        fault => fault,
    }
}

/// The errors of this side.
const OWN: [i32; 9] = [
    libc::EACCES,
    libc::EPERM,
    libc::EAFNOSUPPORT,
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
    libc::EADDRNOTAVAIL,
    libc::EAGAIN,
];

/// What a failure means for the policy.
fn fault(stage: Stage, sent: Sent, errno: i32) -> Fault {
    match (stage, sent, errno) {
        (Stage::Prepare, ..) => Fault::Local,
        (Stage::Resolve, ..) => Fault::Unresolved,
        (Stage::Connect, _, libc::ECONNREFUSED) => Fault::Refused,
        (Stage::Connect, _, libc::ETIMEDOUT) => Fault::Silent,
        (Stage::Connect, _, errno) if OWN.contains(&errno) => Fault::Local,
        (Stage::Connect, _, libc::ECONNRESET) => Fault::Broken,
        (Stage::Connect, ..) => Fault::Unreachable,
        // A server that is gone.
        (_, _, libc::EHOSTDOWN) => Fault::Gone,
        // It was connected, and the time for it is over.
        (_, _, libc::ETIMEDOUT) => Fault::Mute,
        (_, Sent::No, _) => Fault::Broken,
        (_, Sent::Yes, _) => Fault::Closed,
    }
}
