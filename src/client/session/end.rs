//! How a command ends: its status, what is remembered of it and what is told.

use super::super::job_home::JobHomes;
use super::super::reply::Reply;
use super::super::without_backups;
use super::Session;
use crate::command::Purpose;
use crate::config::Profile;
use crate::health::HostKey;
use crate::model::{Level, Status};

impl Session {
    /// A plan that was cancelled before its attempt ended may yet be confirmed.
    pub(super) fn judge_again(&mut self) {
        if self.over.is_some() {
            self.end_cancelled();
        }
    }

    /// A confirmed reply beats a cancel, and so does the end of a command that may have been
    /// applied and must not be repeated.
    pub(super) fn end_cancelled(&mut self) {
        let status = match self.policy.verdict() {
            None | Some(Status::Timeout | Status::Unreachable | Status::Denied) => {
                Status::Cancelled
            }
            Some(end) => end,
        };
        self.leave_others(None);
        self.end(status);
    }

    pub(super) fn end(&mut self, status: Status) {
        if self.over == Some(status) {
            return;
        }
        self.over = Some(status);
        if self.settings().profile == Profile::Fast {
            // Perhaps it could not be written meanwhile.
            self.report.remembers(self.memory.told(&self.shared.memory));
            if let Some(why) = self.memory.failure(&self.shared.memory) {
                self.report.warn(&why);
            }
        }
        if status == Status::Ok {
            self.settle_job();
        }
        if status == Status::Timeout {
            let (key, value) = self.settings().limit(self.policy.first_limit());
            self.report.limited_by(key, value);
        }
        if let (Status::Ok, Some(host)) = (status, self.report.answered_by())
            && let Some(line) = self.notices.delivered(self.now, host)
        {
            self.log.notice(line);
        }
        if let Some(why) = self.why_no_backups(status) {
            self.report.warn(&why);
        }
        let level = match status {
            Status::Ok => Level::Info,
            _ => Level::Error,
        };
        self.log.line(
            level,
            format_args!(
                "command.end status={} attempts={} {}",
                status.name(),
                self.attempts,
                self.message
            ),
        );
    }

    /// Remembers who has the job from now on, and tells when it is not the host that confirmed
    /// this command.
    fn settle_job(&mut self) {
        let (Some(purpose), Some(host)) = (self.job, self.report.answered_by().cloned()) else {
            return;
        };
        let homes = JobHomes {
            task: &self.configuration.settings().task,
            primary: self.keys[0],
            handle: &self.shared.home,
            node: self.memory.homes(),
        };
        let home = self.home.as_ref();
        match purpose {
            Purpose::JobBegin => homes.begun(&host, home),
            Purpose::JobEnd => homes.ended(home),
            Purpose::Progress | Purpose::Control => {}
        }
        let Some(home) = home.filter(|home| home.host != HostKey::of(&host)) else {
            return;
        };
        let at = self.keys.iter().position(|key| *key == home.host);
        let listed = at.map(|at| self.hosts[at].to_string());
        let name = home.name.clone().or(listed);
        let name = name.unwrap_or_else(|| "another host".into());
        let warning = format!("{name} took this job's init, and {host} confirmed this command");
        let line = format_args!("command.warning {warning}");
        self.log.line(Level::Warn, line);
        self.report.warn(&warning);
    }

    /// What a command that found no server should tell of its backups, where it had none.
    fn why_no_backups(&self, status: Status) -> Option<String> {
        let began = self.message.is_empty() && self.attempts > 0;
        let why = || {
            without_backups::why(
                self.settings(),
                self.kind,
                status,
                self.no_backups.as_deref(),
            )
        };
        began.then(why).flatten()
    }

    /// The end of the command, with `text` as what ecflow_client would print.
    pub(in crate::client) fn into_reply(mut self, text: Vec<u8>) -> Reply {
        let status = self.over.unwrap_or(Status::Internal);
        let interrupted = match status {
            Status::Cancelled => self.notices.interrupted(self.now, &self.endpoint),
            _ => None,
        };
        let no_backups = self.why_no_backups(status);
        let mut error = match (status, self.report.attempts()) {
            (Status::Ok, _) => Vec::new(),
            (_, 0) if self.message.is_empty() => self.report.why(status).into_bytes(),
            (_, 0) => self.message.clone().into_bytes(),
            _ => self.report.error_lines(),
        };
        if let Some(why) = no_backups {
            error.push(b'\n');
            error.extend(why.into_bytes());
        }
        let answered_by = self.report.answered_by().cloned();
        let attempts = self.report.attempts();
        Reply {
            status,
            text: match status {
                // A group may be refused in part.
                Status::Ok | Status::Rejected => text,
                _ => Vec::new(),
            },
            error,
            answered_by,
            attempts,
            is_for_stock_client: false,
            interrupted: interrupted.map(|line| self.log.clean(line)),
            report: self.report,
            message: self.message,
            end: self.now,
        }
    }

    /// Ends the plan before it began, with words that hold no secret.
    pub(in crate::client) fn refuse(&mut self, status: Status, message: String) {
        self.message = message;
        self.end(status);
    }
}
