//! One command under way: the policy, the hosts that it chooses from, and the report so far.
//!
//! The blocking sends, the delegation and `ecf_plan_*` all run this and nothing else.

use std::sync::Arc;

use super::hostlist;
use super::job_home::{Home, JobHomes};
use super::log::{Log, cut};
use super::memory::Memory;
use super::notices::{Next, Notices};
use super::reply::Reply;
use super::shared::Shared;
use super::without_backups;
use crate::command::Purpose;
use crate::config::{Configuration, Memory as Kept, Profile, Settings};
use crate::health::HostKey;
use crate::model::{
    AttemptResult, Cure, Endpoint, Event, Fault, HostIndex, Kind, Level, Millis, Outcome, Repeat,
    Secrets, Stage, Status, outcome_name, without_repeats,
};
use crate::net::CancelWatch;
use crate::policy::{Action, Connections, Ecflow, Fast, FastRules, Policy, Rules};
use crate::report::Report;
use crate::sys::chance;

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
    /// Where the last attempt went; the primary before the first.
    endpoint: Endpoint,
    cancel_count: u64,
    over: Option<Status>,
    message: String,
}

#[derive(Clone)]
struct UnderWay {
    progress: Progress,
    host: HostIndex,
    endpoint: Endpoint,
    number: u32,
    begin: Millis,
}

/// How far an attempt is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Its connection is being opened, beside others.
    Opening,
    /// It is the one that the request goes to.
    Chosen,
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

    /// Ends the plan before it began, with words that hold no secret.
    pub(super) fn refuse(&mut self, status: Status, message: String) {
        self.message = message;
        self.end(status);
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

    fn begin_attempt(&mut self, host: HostIndex, progress: Progress, limit: Option<Millis>) {
        if self.under_way.iter().any(|attempt| attempt.host == host) {
            return;
        }
        self.attempts += 1;
        self.endpoint = self.hosts[host].clone();
        self.under_way.push(UnderWay {
            progress,
            host,
            endpoint: self.endpoint.clone(),
            number: self.attempts,
            begin: self.now,
        });
        let limit = limit.map(|limit| format!(" limit_ms={limit}"));
        self.log.line(
            Level::Debug,
            format_args!(
                "attempt.start number={} host={}{}",
                self.attempts,
                self.endpoint(),
                limit.unwrap_or_default()
            ),
        );
    }

    /// Connections that others were quicker than.
    fn leave_others(&mut self, winner: Option<HostIndex>) {
        for attempt in &mut self.under_way {
            if Some(attempt.host) == winner {
                attempt.progress = Progress::Chosen;
            }
        }
        let why = match winner {
            Some(_) => "; another host was quicker",
            None => "",
        };
        self.leave(|attempt| attempt.progress == Progress::Opening, why);
    }

    /// Connections to backups of a list that is in use no more.
    fn leave_backups(&mut self) {
        let is_left =
            |attempt: &UnderWay| attempt.progress == Progress::Opening && attempt.host > 0;
        self.leave(is_left, "; the hostfile has changed");
    }

    fn leave(&mut self, is_left: impl Fn(&UnderWay) -> bool, why: &str) {
        let left: Vec<_> = self
            .under_way
            .iter()
            .filter(|a| is_left(a))
            .cloned()
            .collect();
        for attempt in left {
            let waited = self.now.saturating_sub(attempt.begin);
            let what = format!("not connected after {waited} ms{why}");
            let result = AttemptResult {
                outcome: Outcome::NotSent,
                stage: Stage::Connect,
                fault: None,
                errno: 0,
                what: what.into_bytes(),
                cure: Cure::Retry,
            };
            self.close(attempt.host, result, true);
        }
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

    fn end_attempt(&mut self, host: HostIndex, result: AttemptResult) {
        self.close(host, result, false);
    }

    /// `is_left`: nothing was wrong with it.
    fn close(&mut self, host: HostIndex, result: AttemptResult, is_left: bool) {
        if let Outcome::Wait | Outcome::Halted | Outcome::Zombie = result.outcome {
            // It is asked again, also when the hostfile has changed meanwhile.
            self.preferred = self.keys.get(host).copied();
        }
        let Some(at) = self.under_way.iter().position(|a| a.host == host) else {
            return;
        };
        let attempt = self.under_way.remove(at);
        let result = AttemptResult {
            what: self.log.secrets.redacted(result.what),
            ..result
        };
        self.log_attempt(&attempt, &result);
        if !is_left && !self.cancel().is_cancelled() {
            self.notices.ended(&attempt.endpoint, &result);
        }
        self.report.record(
            attempt.number,
            &attempt.endpoint,
            attempt.begin,
            self.now,
            result,
        );
    }

    /// A plan that was cancelled before its attempt ended may yet be confirmed.
    fn judge_again(&mut self) {
        if self.over.is_some() {
            self.end_cancelled();
        }
    }

    /// A confirmed reply beats a cancel, and so does the end of a command that may have been
    /// applied and must not be repeated.
    fn end_cancelled(&mut self) {
        let status = match self.policy.verdict() {
            None | Some(Status::Timeout | Status::Unreachable | Status::Denied) => {
                Status::Cancelled
            }
            Some(end) => end,
        };
        self.leave_others(None);
        self.end(status);
    }

    fn log_attempt(&self, attempt: &UnderWay, result: &AttemptResult) {
        let level = match result.outcome {
            Outcome::Ok => Level::Debug,
            Outcome::Wait | Outcome::Halted | Outcome::Zombie => Level::Info,
            _ => Level::Warn,
        };
        self.log.line(
            level,
            format_args!(
                "attempt.end number={} host={} stage={} outcome={} errno={} length_ms={} {}",
                attempt.number,
                attempt.endpoint,
                result.stage,
                outcome_name(result.outcome),
                result.errno,
                self.now.saturating_sub(attempt.begin),
                String::from_utf8_lossy(cut(&result.what))
            ),
        );
    }

    fn end(&mut self, status: Status) {
        if self.over == Some(status) {
            return;
        }
        self.over = Some(status);
        if self.settings().profile == Profile::Fast {
            // Perhaps it could not be written meanwhile.
            self.report.remembers(self.memory.told(&self.shared.memory));
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

    /// The number of the attempt that is under way, or of the last one; 0 before the first.
    #[must_use]
    pub(crate) fn number(&self) -> u32 {
        self.attempts
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
    pub(super) fn into_reply(mut self, text: Vec<u8>) -> Reply {
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
}
