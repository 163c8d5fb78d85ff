//! Drives a command of profile fast: does what the policy asks, connects to several hosts at
//! once, sends to one, and tells what came of it.

use super::line::Line;
use super::native::NativeCommand;
use super::plan::{Move, Plan, Step};
use crate::model::{Fault, Millis};
use crate::net::{AddressBook, CancelWatch, Connector, Event, Instruction, Watch};
use crate::policy::HostIndex;
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
        match plan.advance(clock::now()) {
            Move::Step(Step::Over(_)) => return,
            Move::Step(Step::Wait { until }) => {
                let events = connector.wait(until);
                events.into_iter().for_each(|event| record(plan, event));
            }
            Move::Connect { host } => {
                let endpoint = plan.host(host).clone();
                let begun = connector.connect(host, &endpoint, connect_limit);
                if begun.is_pending() {
                    plan.looking_up(host, false, clock::now());
                }
            }
            Move::Probe { host, limit } => probe(plan, &mut connector, host, limit),
            Move::Send {
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
            // Asked only while something is sent, or of those who make whole attempts.
            Move::GiveUp | Move::Step(Step::Attempt { .. }) => {}
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
            match self.plan.advance(clock::now()) {
                Move::Step(Step::Wait { until }) => return Instruction::Wait { until },
                Move::Probe { host, limit } => probe(self.plan, connector, host, limit),
                Move::GiveUp => return Instruction::GiveUp,
                // The exchange has its own deadline, and sees a cancel by itself.
                Move::Step(_) | Move::Connect { .. } | Move::Send { .. } => {
                    return Instruction::Wait { until: Millis::MAX };
                }
            }
        }
    }

    fn happened(&mut self, event: Event) {
        record(self.plan, event);
    }
}

fn record(plan: &mut Plan, event: Event) {
    let now = clock::now();
    match event {
        Event::LookedUp(host) => plan.looking_up(host, true, now),
        Event::Connected(host) => plan.connected(host, now),
        Event::Failed(host, result) => {
            let fault = result.fault.unwrap_or(Fault::Unreachable);
            plan.not_connected(host, fault, result, now);
        }
        Event::Probed(host, sighting) => plan.probed(host, sighting, now),
    }
}
