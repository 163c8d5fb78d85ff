//! Drives a command of profile fast: does what the policy asks, connects to several hosts at
//! once, sends to one, and records what came of it.

use super::line::Line;
use super::native::NativeCommand;
use super::plan::Plan;
use crate::model::{Event, Fault, HostIndex, Millis};
use crate::net::{AddressBook, CancelWatch, Connector, Happening, Instruction, Watch};
use crate::policy::Action;
use crate::sys::clock;

/// Runs a native command to its end; a text for the user goes to `text`.
pub(super) fn drive(
    plan: &mut Plan,
    command: &NativeCommand,
    addresses: &AddressBook,
    cancel: CancelWatch<'_>,
    text: &mut Vec<u8>,
) {
    let mut connector = Connector::new(addresses, command.patience, cancel);
    let connect_limit = command.limits.connect;
    loop {
        match plan.next(clock::now()) {
            Action::End(_) => return,
            Action::Wait { until } => {
                let happened = connector.wait(until);
                happened.into_iter().for_each(|one| record(plan, one));
            }
            Action::Connect { host } => {
                let endpoint = plan.host(host).clone();
                let begun = connector.connect(host, &endpoint, connect_limit);
                if begun.is_pending() {
                    plan.record(Event::LookingUp(host), clock::now());
                }
            }
            Action::Probe { host, limit } => probe(plan, &mut connector, host, limit),
            Action::Send {
                host,
                limit,
                silence,
            } => {
                let endpoint = plan.host(host).clone();
                let first = connector.take(host);
                let mut watch = PlanWatch { plan: &mut *plan };
                let line = Line {
                    connector: &mut connector,
                    first,
                    watch: Some(&mut watch),
                    silence,
                };
                let result = command.attempt(&endpoint, limit, line, text);
                let fault = result.fault.unwrap_or(Fault::Closed);
                plan.ended(host, fault, result, clock::now());
            }
            // Asked only while something is sent, or of those who make whole attempts; hosts are
            // listed by the plan.
            Action::GiveUp | Action::Attempt { .. } | Action::ListBackups => {}
        }
    }
}

fn probe(plan: &Plan, connector: &mut Connector<'_>, host: HostIndex, limit: Millis) {
    connector.probe(host, plan.host(host), limit);
}

/// Looks after the plan while an exchange waits for its server.
struct PlanWatch<'a> {
    plan: &'a mut Plan,
}

impl Watch for PlanWatch<'_> {
    fn next(&mut self, connector: &mut Connector<'_>) -> Instruction {
        loop {
            match self.plan.next(clock::now()) {
                Action::Wait { until } => return Instruction::Wait { until },
                Action::Probe { host, limit } => probe(self.plan, connector, host, limit),
                Action::GiveUp => return Instruction::GiveUp,
                // The exchange has its own deadline, and sees a cancel by itself.
                _ => {
                    return Instruction::Wait { until: Millis::MAX };
                }
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        record(self.plan, happening);
    }
}

fn record(plan: &mut Plan, happening: Happening) {
    let now = clock::now();
    match (happening.event, happening.failure) {
        (Event::Failed(host, fault), Some(result)) => plan.not_connected(host, fault, result, now),
        (event, _) => plan.record(event, now),
    }
}
