//! Where a command would go, told without sending anything.

use super::delegate::delegated_limit;
use super::refusal::usable;
use super::without_backups::{is_for, never_used};
use super::{Client, hostlist};
use crate::config::{Profile, Sending, Settings};
use crate::model::{Kind, Millis, Repeat, Status, without_repeats};
use crate::policy::{Connections, Ecflow, Fast, FastRules, Policy, Rules, timetable};

impl Client {
    /// The timetable of a command if every host refused at once, up to `horizon` milliseconds:
    /// a line for each attempt, `seconds host:port`, and one for the end, `seconds - status`.
    /// After 20,000 attempts the last line is `and so on`. Lines that begin with `#` say why the
    /// hostfile is never used, or what is wrong with it.
    ///
    /// # Errors
    /// The problems of the configuration, one a line.
    pub fn explain(&self, kind: Kind, horizon: Millis) -> Result<String, String> {
        let configuration = self.configuration();
        let settings = configuration.settings();
        if settings.no_ecf {
            let text = format!("{} - {}\n", seconds(0), Status::Ok.name());
            return Ok(text + &remarks(settings, kind, &hostlist::Look::default()));
        }
        let sending = Sending {
            is_native: false,
            is_task: kind == Kind::Task,
        };
        usable(&configuration, sending).map_err(|refusal| format!("{}\n", refusal.message))?;
        let look = hostlist::inspect(settings, settings.port);
        let remarks = remarks(settings, kind, &look);
        let backups = look.list;
        let whole = delegated_limit(settings, kind);
        let primary = settings.primary();
        let (mut policy, backups): (Box<dyn Policy>, _) = match settings.profile {
            Profile::Ecflow => {
                let rules = Rules::ecflow(settings, kind, Repeat::Yes, whole);
                (Box::new(Ecflow::new(rules, 0)), backups)
            }
            Profile::Fast => {
                let rules = FastRules {
                    // The longest pauses that there may be.
                    jitter: false,
                    ..FastRules::new(settings, kind, Repeat::Yes, whole)
                };
                let mut hosts = vec![primary.clone()];
                hosts.extend(backups);
                let backups = without_repeats(hosts).split_off(1);
                (
                    Box::new(Fast::new(rules, Connections::ByCaller, 0, 0)),
                    backups,
                )
            }
        };
        let table = timetable(policy.as_mut(), backups.len(), horizon);
        let mut text = String::new();
        for (at, host) in table.attempts {
            let endpoint = match host {
                0 => &primary,
                backup => &backups[backup - 1],
            };
            text.push_str(&format!("{} {endpoint}\n", seconds(at)));
        }
        match table.end {
            Some((at, end)) => {
                let status = end;
                text.push_str(&format!("{} - {}\n", seconds(at), status.name()));
            }
            None if table.is_cut => text.push_str("and so on\n"),
            None => {}
        }
        Ok(text + &remarks)
    }
}

fn remarks(settings: &Settings, kind: Kind, look: &hostlist::Look) -> String {
    let lines: Vec<_> = match never_used(settings, kind) {
        Some(never) => vec![never],
        None if !is_for(settings, kind) => Vec::new(),
        None => {
            let empty = look
                .why_empty
                .iter()
                .map(|why| format!("no backups: {why}"));
            let is_told = |problem: &&String| {
                let why = look.why_empty.as_ref();
                !why.is_some_and(|why| problem.starts_with(why.as_str()))
            };
            let problems = look.problems.iter().filter(is_told).cloned();
            empty.chain(problems).collect()
        }
    };
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

fn seconds(millis: Millis) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}
