//! One command under way: the policy, the hosts that it chooses from, and the report so far.
//!
//! The blocking sends, the delegation and `ecf_plan_*` all run this and nothing else.

mod end;
mod under_way;

use std::sync::Arc;

use super::hostlist;
use super::job_home::{Home, JobHomes};
use super::log::Log;
use super::memory::Memory;
use super::notices::{Next, Notices};
use super::shared::Shared;
use crate::command::Purpose;
use crate::config::{Configuration, Memory as Kept, Profile, Settings};
use crate::health::HostKey;
use crate::model::{
    AttemptResult, Endpoint, Event, Fault, HostIndex, Kind, Level, Millis, Repeat, Secrets, Status,
    without_repeats,
};
use crate::net::CancelWatch;
use crate::policy::{Action, Connections, Ecflow, Fast, FastRules, Policy, Rules};
use crate::report::Report;
use crate::sys::chance;

use under_way::{Progress, UnderWay};

/// A command as far as the policy and the report are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommandView<'a> {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeat: Repeat,
    pub(super) primary: &'a Endpoint,
    /// The longest that one attempt may take, all stages together.
    pub(super) attempt_limit: Millis,
    /// A deadline of the command's own, beside ECF_TIMEOUT.
    pub(super) progress_timeout: Option<Millis>,
    /// How attempts are made, where the profile leaves a choice.
    pub(super) connections: Connections,
    /// What it tells, where it is a job's.
    pub(super) job: Option<Purpose>,
    /// `--debug`: log to stderr.
    pub(super) debug: bool,
    /// What must not be told, where it is more than the job's password.
    pub(super) secrets: Option<&'a Secrets>,
    /// What a person should know of it, whatever comes.
    pub(super) warnings: &'a [String],
}

/// One command under way.
pub(crate) struct Session {
    shared: Arc<Shared>,
    configuration: Arc<Configuration>,
    log: Log,
    notices: Notices,
    policy: Box<dyn Policy>,
    memory: Memory,
    hosts: Vec<Endpoint>,
    /// The hosts as the memory knows them.
    keys: Vec<HostKey>,
    job: Option<Purpose>,
    /// Who has the job, as far as that is known.
    home: Option<Home>,
    /// The host that is tried before all others.
    preferred: Option<HostKey>,
    report: Report,
    kind: Kind,
    /// Why the last look at the hostfile brought no backups, if so.
    no_backups: Option<String>,
    now: Millis,
    attempts: u32,
    under_way: Vec<UnderWay>,
    /// Where the attempt went that was begun or chosen last; the primary before the first.
    endpoint: Endpoint,
    /// Its number.
    number: u32,
    cancel_count: u64,
    over: Option<Status>,
    message: String,
}

/// The policy of one command, as the profile has it.
fn policy(
    settings: &Settings,
    command: &CommandView<'_>,
    prefers: bool,
    now: Millis,
) -> (Box<dyn Policy>, Millis) {
    let CommandView {
        kind,
        repeat,
        attempt_limit,
        ..
    } = *command;
    match settings.profile {
        Profile::Ecflow => {
            let rules = Rules::ecflow(settings, kind, repeat, attempt_limit)
                .within(command.progress_timeout);
            let timeout = rules.longest();
            (Box::new(Ecflow::new(rules, now)), timeout)
        }
        Profile::Fast => {
            let rules = FastRules::new(settings, kind, repeat, attempt_limit)
                .within(command.progress_timeout);
            let timeout = rules.common.longest();
            let policy = Fast::new(rules, command.connections, chance::seed(), now);
            if prefers {
                (Box::new(policy.seeking_preferred()), timeout)
            } else {
                (Box::new(policy), timeout)
            }
        }
    }
}

impl Session {
    pub(super) fn new(
        shared: Arc<Shared>,
        configuration: Arc<Configuration>,
        log: Log,
        command: &CommandView<'_>,
        now: Millis,
    ) -> Self {
        let settings = configuration.settings();
        let memory = Memory::new(&shared.memory, settings, now);
        let primary = HostKey::of(command.primary);
        // Nobody has a job where nothing is to be remembered.
        let job = command.job.filter(|_| settings.memory != Some(Kept::Off));
        let homes = JobHomes {
            task: &settings.task,
            primary,
            handle: &shared.home,
            node: memory.homes(),
        };
        let home = job.and_then(|_| homes.find());
        let host = home.as_ref().map(|home| home.host);
        let preferred = host.filter(|host| settings.profile == Profile::Fast && *host != primary);
        let (policy, timeout) = policy(settings, command, preferred.is_some(), now);
        log.line(
            Level::Debug,
            format_args!(
                "command.start name={} primary={} timeout_ms={}",
                command.name, command.primary, timeout
            ),
        );
        let mut report = Report::new(command.name, command.kind, now);
        if settings.profile == Profile::Fast {
            report.remembers(memory.told(&shared.memory));
        }
        let warnings = command.warnings.iter().map(String::as_str);
        for warning in warnings.chain(memory.problem()) {
            report.warn(warning);
            log.line(Level::Warn, format_args!("command.warning {warning}"));
        }
        let (key, value) = settings.limit(policy.first_limit());
        let key = (value == timeout).then_some(key);
        // Others give up after some tries.
        let is_ended_by_time = command.kind == Kind::Task && !settings.denied;
        let limit = is_ended_by_time.then_some((timeout, key));
        Self {
            log,
            notices: Notices::new(settings.notices, now, limit),
            policy,
            memory,
            hosts: vec![command.primary.clone()],
            keys: vec![primary],
            job,
            home,
            preferred,
            report,
            kind: command.kind,
            no_backups: None,
            now,
            attempts: 0,
            under_way: Vec::new(),
            endpoint: command.primary.clone(),
            number: 0,
            cancel_count: shared.cancel.count(),
            over: None,
            message: String::new(),
            configuration,
            shared,
        }
    }

    /// How often the client had been cancelled when this began.
    pub(super) fn cancel_count(&self) -> u64 {
        self.cancel_count
    }

    fn cancel(&self) -> CancelWatch<'_> {
        self.shared.cancel.watch_since(self.cancel_count)
    }

    /// A person should know of it, whatever comes.
    pub(super) fn warn(&mut self, warning: &str) {
        self.report.warn(warning);
        let line = format_args!("command.warning {warning}");
        self.log.line(Level::Warn, line);
    }

    /// Whether it was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel().is_cancelled()
    }

    pub(super) fn settings(&self) -> &Settings {
        self.configuration.settings()
    }

    /// What is to be done at `now` (milliseconds, on any clock that goes forward); never
    /// [`Action::ListBackups`].
    ///
    /// After a cancel it is over, also while an attempt is under way; a confirmation that
    /// [`Session::outcome`] brings afterwards still counts.
    pub(crate) fn next(&mut self, now: Millis) -> Action {
        self.now = self.now.max(now);
        loop {
            if let Some(status) = self.over {
                return Action::End(status);
            }
            if self.cancel().is_cancelled() {
                self.end_cancelled();
                continue;
            }
            let action = self.ask();
            match action {
                Action::ListBackups => {
                    self.list_backups();
                    continue;
                }
                Action::End(end) => {
                    self.leave_others(None);
                    self.end(end);
                }
                Action::Attempt { host, limit } => {
                    self.begin_attempt(host, Progress::Chosen, Some(limit));
                }
                Action::Connect { host } => self.begin_attempt(host, Progress::Opening, None),
                Action::Send { host, .. } => self.leave_others(Some(host)),
                Action::Wait { .. } | Action::Probe { .. } | Action::GiveUp => {}
            }
            self.tell(&action);
            return action;
        }
    }

    /// Tells a person that the command goes on.
    fn tell(&mut self, action: &Action) {
        let next = match *action {
            Action::Wait { until } => match self.under_way.last() {
                Some(attempt) => Next::Await(&attempt.endpoint),
                None if until >= self.policy.gives_up_at() => Next::End,
                None => Next::Pause(until),
            },
            Action::Attempt { host, .. } | Action::Connect { host } => Next::Try(&self.hosts[host]),
            Action::Send { host, .. } => Next::Await(&self.hosts[host]),
            Action::Probe { .. } | Action::GiveUp | Action::ListBackups | Action::End(_) => return,
        };
        if let Some(line) = self.notices.goes_on(self.now, &next) {
            self.log.notice(line);
        }
    }

    fn ask(&mut self) -> Action {
        let mut health = self.memory.view(&self.shared.memory, &self.keys);
        self.policy.next(self.now, &mut health)
    }

    /// Takes in what has happened.
    pub(super) fn record(&mut self, event: Event, now: Millis) {
        self.now = self.now.max(now);
        let mut health = self.memory.view(&self.shared.memory, &self.keys);
        self.policy.record(event, self.now, &mut health);
    }

    fn list_backups(&mut self) {
        let primary_port = self.hosts[0].port;
        let look = hostlist::look(&self.shared.host_lists, self.settings(), primary_port);
        for problem in &look.problems {
            self.report.warn(problem);
            if look.is_news {
                let line = format_args!("hostfile.problem {problem}");
                self.log.line(Level::Warn, line);
            }
        }
        if self.settings().hostfile.is_some() {
            self.log.line(
                Level::Debug,
                format_args!("hostfile.read backups={}", look.list.len()),
            );
        }
        if look.is_news {
            let empty = look.why_empty.iter();
            let empty = empty.map(|why| format!("no backups: {why} (ECF_HOSTFILE)"));
            if let Some(first) = empty.chain(look.problems.iter().cloned()).next() {
                self.notices.remark(first);
            }
        }
        self.no_backups = look.why_empty;
        let mut hosts = vec![self.hosts[0].clone()];
        hosts.extend(look.list);
        if self.settings().profile == Profile::Fast {
            hosts = without_repeats(hosts);
        }
        let is_new = self.hosts != hosts;
        if is_new {
            self.leave_backups();
        }
        self.hosts = hosts;
        self.keys = self.hosts.iter().map(HostKey::of).collect();
        if is_new {
            self.record(Event::NewList, self.now);
        }
        self.record(Event::Listed(self.hosts.len() - 1), self.now);
        let preferred = self
            .keys
            .iter()
            .position(|key| Some(*key) == self.preferred);
        if let Some(host) = preferred {
            self.record(Event::Preferred(host), self.now);
        }
    }

    /// The host at a place of the line-up.
    pub(super) fn host(&self, host: HostIndex) -> &Endpoint {
        &self.hosts[host]
    }

    /// Takes in how the attempt ended; nothing happens when none is under way.
    pub(crate) fn outcome(&mut self, result: AttemptResult, now: Millis) {
        self.now = self.now.max(now);
        let Some(attempt) = self.under_way.first() else {
            return;
        };
        let outcome = result.outcome;
        self.end_attempt(attempt.host, result);
        self.record(Event::Attempted(outcome), self.now);
        self.judge_again();
    }

    /// Ends it at once where what was told last leaves nothing to be done.
    pub(crate) fn settle(&mut self) {
        if self.policy.verdict().is_some() {
            self.next(self.now);
        }
    }

    /// A connection could not be made.
    pub(super) fn not_connected(
        &mut self,
        host: HostIndex,
        fault: Fault,
        result: AttemptResult,
        now: Millis,
    ) {
        self.now = self.now.max(now);
        self.end_attempt(host, result);
        self.record(Event::Failed(host, fault), self.now);
    }

    /// What was sent to `host` has ended so.
    pub(super) fn ended(
        &mut self,
        host: HostIndex,
        fault: Fault,
        result: AttemptResult,
        now: Millis,
    ) {
        self.now = self.now.max(now);
        let outcome = result.outcome;
        self.end_attempt(host, result);
        self.record(Event::Ended(outcome, fault), self.now);
        self.judge_again();
    }

    /// Where the attempt goes that is under way, else where the last one went; the primary
    /// before the first.
    #[must_use]
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether an attempt has been asked for and its outcome is still to be told.
    #[must_use]
    pub(crate) fn is_attempting(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The number of that attempt; 0 before the first.
    #[must_use]
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// How it ended; `None` while it goes on.
    #[must_use]
    pub(crate) fn status(&self) -> Option<Status> {
        self.over
    }

    /// The report as JSON, complete or so far.
    #[must_use]
    pub(crate) fn report(&self) -> String {
        self.report.json(self.over, &self.message, self.now)
    }
}
