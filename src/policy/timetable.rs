//! What a policy would do if every host refused at once.

use super::{Action, Policy};
use crate::health::NothingKnown;
use crate::model::{Event, HostIndex, Millis, Outcome, Status};

/// No timetable has more attempts than this; a day of profile `ecflow` has some 4,300.
const LONGEST: usize = 20_000;

/// Attempts in the order in which they would be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timetable {
    /// When, in milliseconds after the start, and at which host.
    pub attempts: Vec<(Millis, HostIndex)>,
    /// When and how the command would end, where that is within the horizon.
    pub end: Option<(Millis, Status)>,
    /// Whether there are more attempts within the horizon than are listed.
    pub is_cut: bool,
}

/// Runs `policy`, which must have been started at 0, against `backups` backups that refuse,
/// up to and with `horizon` (milliseconds).
#[must_use]
pub fn timetable(policy: &mut dyn Policy, backups: usize, horizon: Millis) -> Timetable {
    let mut table = Timetable::default();
    let mut now = 0;
    while now <= horizon {
        if table.attempts.len() == LONGEST {
            table.is_cut = true;
            break;
        }
        match policy.next(now, &mut NothingKnown) {
            Action::ListBackups => {
                policy.record(Event::Listed(backups), now, &mut NothingKnown);
            }
            Action::Attempt { host, .. } => {
                table.attempts.push((now, host));
                let event = Event::Attempted(Outcome::NotSent);
                policy.record(event, now, &mut NothingKnown);
            }
            Action::Wait { until } => now = until,
            Action::End(end) => {
                table.end = Some((now, end));
                break;
            }
            // A policy that opens connections is not asked for its timetable.
            Action::Connect { .. }
            | Action::Send { .. }
            | Action::Probe { .. }
            | Action::GiveUp => {}
        }
    }
    table
}
