//! The client: joins the layers. One command is a policy that says where and when, a
//! transport that makes the attempts, and a report of what happened.

mod access;
mod backups;
#[cfg_attr(not(feature = "tls"), path = "no_certificates.rs")]
mod certificates;
mod explain;
mod identity;
mod line;
mod log;
mod memory;
mod native;
mod notes;
mod plan;
mod racing;
mod reply;

use std::sync::Arc;

use parking_lot::Mutex;

pub use crate::model::Level;
pub use log::Sink;
pub(crate) use notes::Notes;
pub use plan::Plan;
pub use reply::Reply;

use crate::command::{self, CommandLine, Purpose};
use crate::config::{Configuration, KeyError, Memory, Profile, Settings};
use crate::model::{
    AttemptResult, Cure, Endpoint, Kind, Millis, Outcome, Repeat, Secrets, Stage, Status,
    TaskIdentity,
};
use crate::net::{AddressBook, Cancel, CancelWatch, Connector};
use crate::policy::{Action, Connections};
use crate::sys::{clock, wait};

use backups::Backups;
use line::Line;
use log::Log;
use native::{NativeCommand, Refusal, Sender, Wanted, connect_limit};
use plan::CommandView;

/// A handle: the configuration and what was learnt about hosts. Cheap to clone; clones share
/// everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What the clones of a client and its plans share.
struct Shared {
    configuration: Mutex<Arc<Configuration>>,
    sink: Mutex<Option<Sink>>,
    cancel: Cancel,
    backups: Mutex<Backups>,
    addresses: AddressBook,
    memory: memory::Store,
    home: Mutex<Option<JobHome>>,
    sender: Sender,
    /// Why the last setting was refused; empty if it was taken.
    refusal: Mutex<String>,
}

/// The backup that took a job's init: it has the job, so it is preferred from then on.
struct JobHome {
    job: TaskIdentity,
    endpoint: Endpoint,
}

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

/// One attempt of a delegated command, as its callback sees it.
pub struct DelegatedAttempt<'a> {
    /// The server to contact.
    pub endpoint: &'a Endpoint,
    /// 1, 2, ... within this command.
    pub number: u32,
    /// How many milliseconds it may take, the command's deadline included.
    pub limit: Millis,
    cancel: CancelWatch<'a>,
    notes: Notes,
}

impl DelegatedAttempt<'_> {
    /// Whether the command has been cancelled meanwhile.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) fn cancel_count(&self) -> u64 {
        self.cancel.count()
    }

    /// Adds the caller's words to the report; the first 1,000 bytes of all notes count.
    pub fn note(&mut self, text: &[u8]) {
        self.notes.add(text);
    }

    /// The notes so far; they may be given back by [`DelegatedAttempt::set_notes`].
    pub(crate) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    pub(crate) fn set_notes(&mut self, notes: Notes) {
        self.notes = notes;
    }
}

/// A key and its value for one command.
pub type Override = (Vec<u8>, Vec<u8>);

impl Client {
    /// A client with the settings of the environment, read once, now.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new(Configuration::read(|name| {
            use std::os::unix::ffi::OsStringExt;
            std::env::var_os(name).map(OsStringExt::into_vec)
        }))
    }

    /// A client with these settings.
    #[must_use]
    pub fn new(configuration: Configuration) -> Self {
        Self {
            shared: Arc::new(Shared {
                configuration: Mutex::new(Arc::new(configuration)),
                sink: Mutex::new(None),
                cancel: Cancel::default(),
                backups: Mutex::default(),
                addresses: AddressBook::default(),
                memory: memory::Store::default(),
                home: Mutex::new(None),
                sender: Sender::default(),
                refusal: Mutex::default(),
            }),
        }
    }

    /// Sets a key for the commands that start from now on; an empty value brings back its
    /// default.
    ///
    /// # Errors
    /// An unknown key or a value that it does not take; then nothing has changed, and the
    /// reason is in the log too, and kept for [`Client::refusal`].
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), KeyError> {
        let outcome = {
            let mut configuration = self.shared.configuration.lock();
            Arc::make_mut(&mut configuration).set(key, value)
        };
        match &outcome {
            Ok(()) => self.shared.refusal.lock().clear(),
            Err(why) => self.refuse_setting(why),
        }
        outcome
    }

    /// Keeps and logs why a setting was refused.
    pub(crate) fn refuse_setting(&self, why: &dyn std::fmt::Display) {
        let log = self.log(&self.configuration());
        log.line(Level::Warn, format_args!("setting.refused {why}"));
        *self.shared.refusal.lock() = log.secrets.redacted_message(why.to_string());
    }

    /// Why the last [`Client::set`] was refused; empty if it was taken.
    #[must_use]
    pub fn refusal(&self) -> String {
        self.shared.refusal.lock().clone()
    }

    /// The text of a key: what was given, else its default.
    ///
    /// # Errors
    /// An unknown key, or a secret one.
    pub fn get(&self, key: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.configuration().get(key).map(<[u8]>::to_vec)
    }

    /// Sends the log of the commands that start from now on to `sink`, or to nobody.
    pub fn set_log(&self, sink: Option<Sink>) {
        *self.shared.sink.lock() = sink;
    }

    /// Ends every command in progress, and later ones at once, until [`Client::resume`].
    pub fn cancel(&self) {
        self.shared.cancel.set();
    }

    /// Whether a command is cancelled that started when there had been `count` cancels.
    pub(crate) fn is_cancelled_since(&self, count: u64) -> bool {
        self.shared.cancel.watch_since(count).is_cancelled()
    }

    /// Allows commands again.
    pub fn resume(&self) {
        self.shared.cancel.lift();
    }

    /// Sends a task command, written as on ecflow_client's command line.
    pub fn send_task(&self, argv: &[Vec<u8>]) -> Reply {
        self.send(argv, Wanted::Task)
    }

    /// Sends a user command, written as on ecflow_client's command line.
    pub fn send_user(&self, argv: &[Vec<u8>]) -> Reply {
        self.send(argv, Wanted::User)
    }

    /// Sends a command of either kind, written as on ecflow_client's command line.
    pub fn send_any(&self, argv: &[Vec<u8>]) -> Reply {
        self.send(argv, Wanted::Any)
    }

    fn send(&self, argv: &[Vec<u8>], wanted: Wanted) -> Reply {
        // Reading files and the user data base counts, too.
        let start = SystemClock.start();
        let configuration = self.configuration();
        let settings = configuration.settings();
        let secrets = command::secrets_in(argv, &settings.task.password);
        let line = CommandLine::read(argv, &secrets);
        let read = match line {
            // Told from the tables, whatever the settings are.
            Ok(ref line) if let Some(answer) = line.answer() => Err(Refusal::answer(answer)),
            _ if settings.no_ecf => Err(no_ecf()),
            line => usable(&configuration)
                .and_then(|()| NativeCommand::read(line, wanted, settings, &self.shared.sender)),
        };
        let native = match read {
            Ok(native) => native,
            Err(refusal) => {
                let primary = primary(settings);
                let command = delegated(wanted.kind(), settings, &primary);
                let mut plan = self.begin(&configuration, &command, start);
                plan.refuse(refusal.status, refusal.message);
                return plan.into_reply(refusal.text);
            }
        };
        let home = self.home(&native, settings);
        let command = CommandView {
            name: native.command.name,
            kind: native.command.kind,
            repeat: native.command.repeat,
            primary: &native.primary,
            attempt_limit: native.attempt_limit(),
            timeout: match native.command.purpose {
                Purpose::Progress => settings.progress_timeout,
                Purpose::JobBegin | Purpose::Control => None,
            },
            debug: native.debug,
            secrets: Some(&native.secrets),
            warnings: &native.warnings,
            connections: Connections::ByPolicy,
            home: home.as_ref(),
        };
        let mut plan = self.begin(&configuration, &command, start);
        let mut text = Vec::new();
        let addresses = &self.shared.addresses;
        match settings.profile {
            Profile::Ecflow => {
                self.drive(&mut plan, &SystemClock, &mut |endpoint, limit, cancel| {
                    let mut connector = Connector::new(addresses, native.patience, cancel);
                    native.attempt(endpoint, limit, Line::alone(&mut connector), &mut text)
                })
            }
            Profile::Fast => {
                let cancel = self.shared.cancel.watch_since(plan.cancel_count());
                racing::drive(&mut plan, &native, addresses, cancel, &mut text);
            }
        }
        let reply = plan.into_reply(text);
        self.remember_home(&native, settings, &reply);
        reply
    }

    /// The backup that took this job's init.
    fn home(&self, native: &NativeCommand, settings: &Settings) -> Option<Endpoint> {
        if native.command.kind != Kind::Task || settings.memory == Some(Memory::Off) {
            return None;
        }
        let home = self.shared.home.lock();
        let home = home.as_ref().filter(|home| home.is_of(&settings.task))?;
        (home.endpoint != native.primary).then(|| home.endpoint.clone())
    }

    fn remember_home(&self, native: &NativeCommand, settings: &Settings, reply: &Reply) {
        if settings.profile == Profile::Fast
            && native.command.purpose == Purpose::JobBegin
            && reply.status == Status::Ok
        {
            let endpoint = reply.answered_by.clone();
            *self.shared.home.lock() = endpoint.map(|endpoint| JobHome {
                job: settings.task.clone(),
                endpoint,
            });
        }
    }

    /// Hands the choice of hosts, the retries and the deadline to the policy; `attempt` makes
    /// one attempt and tells its outcome. `overrides` hold for this command only.
    pub fn delegate(
        &self,
        kind: Kind,
        overrides: &[Override],
        attempt: &mut dyn FnMut(&mut DelegatedAttempt<'_>) -> Outcome,
    ) -> Reply {
        self.delegate_on(&SystemClock, kind, overrides, attempt)
    }

    /// The same on another clock.
    pub fn delegate_on(
        &self,
        clock: &dyn Clock,
        kind: Kind,
        overrides: &[Override],
        attempt: &mut dyn FnMut(&mut DelegatedAttempt<'_>) -> Outcome,
    ) -> Reply {
        let mut plan = self.plan(kind, overrides, clock.start());
        let text = no_ecf_text(plan.settings());
        let secrets = Secrets::from(&plan.settings().task.password);
        let mut number = 0;
        self.drive(&mut plan, clock, &mut |endpoint, limit, cancel| {
            number += 1;
            let mut delegated = DelegatedAttempt {
                endpoint,
                number,
                limit,
                cancel,
                notes: Notes::without(secrets.clone()),
            };
            let outcome = attempt(&mut delegated);
            AttemptResult {
                outcome,
                stage: Stage::Callback,
                fault: None,
                errno: 0,
                what: delegated.notes.into_text(),
                cure: Cure::Retry,
            }
        });
        plan.into_reply(text)
    }

    /// A delegated command as a state machine, started at `now` on the caller's clock. It is
    /// made in every case; one that cannot go on is over at its first step and tells why.
    #[must_use]
    pub(crate) fn plan(&self, kind: Kind, overrides: &[Override], now: Millis) -> Plan {
        let mut configuration = self.configuration();
        let mut problem = None;
        for (key, value) in overrides {
            if let Err(why) = Arc::make_mut(&mut configuration).set(key, value) {
                problem.get_or_insert(Refusal::new(Status::Argument, why.to_string()));
            }
        }
        let settings = configuration.settings();
        let refusal = if settings.no_ecf {
            Some(no_ecf())
        } else {
            problem.or_else(|| usable(&configuration).err())
        };
        let primary = primary(settings);
        let mut plan = self.begin(&configuration, &delegated(kind, settings, &primary), now);
        if let Some(refusal) = refusal {
            let refusal = refusal.without(&Secrets::from(&settings.task.password));
            plan.refuse(refusal.status, refusal.message);
        }
        plan
    }

    fn begin(
        &self,
        configuration: &Arc<Configuration>,
        command: &CommandView<'_>,
        now: Millis,
    ) -> Plan {
        let mut log = self.log(configuration);
        log.to_stderr |= command.debug;
        if let Some(secrets) = command.secrets {
            log.secrets = secrets.clone();
        }
        Plan::new(
            Arc::clone(&self.shared),
            Arc::clone(configuration),
            log,
            command,
            now,
        )
    }

    /// The one loop: asks the plan, makes the attempt or waits, until it is over.
    fn drive(
        &self,
        plan: &mut Plan,
        clock: &dyn Clock,
        attempt: &mut dyn FnMut(&Endpoint, Millis, CancelWatch<'_>) -> AttemptResult,
    ) {
        let cancel = self.shared.cancel.watch_since(plan.cancel_count());
        loop {
            match plan.next(clock.now()) {
                Action::End(_) => return,
                Action::Wait { until } => clock.sleep(until, cancel),
                Action::Attempt { limit, .. } => {
                    let endpoint = plan.endpoint().clone();
                    let result = attempt(&endpoint, limit, cancel);
                    plan.outcome(result, clock.now());
                }
                // Not asked of those who make whole attempts.
                _ => {}
            }
        }
    }

    fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&self.shared.configuration.lock())
    }

    fn log(&self, configuration: &Configuration) -> Log {
        let settings = configuration.settings();
        Log {
            sink: self.shared.sink.lock().clone(),
            to_stderr: settings.debug_client,
            secrets: Secrets::from(&settings.task.password),
        }
    }
}

/// Why nothing is sent, and nothing is wrong.
fn no_ecf() -> Refusal {
    Refusal {
        text: b"NO_ECF\n".to_vec(),
        ..Refusal::new(Status::Ok, "NO_ECF is set: nothing was sent".into())
    }
}

impl JobHome {
    /// Whether it is of the job that speaks now; its process id may be told in other words.
    fn is_of(&self, task: &TaskIdentity) -> bool {
        let other = TaskIdentity {
            remote_id: self.job.remote_id.clone(),
            ..task.clone()
        };
        self.job == other
    }
}

fn usable(configuration: &Configuration) -> Result<(), Refusal> {
    let problems: Vec<_> = configuration.problems().map(ToString::to_string).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let secrets = Secrets::from(&configuration.settings().task.password);
    Err(Refusal::config(problems.join("\n")).without(&secrets))
}

fn primary(settings: &Settings) -> Endpoint {
    Endpoint {
        host: settings.host.clone(),
        port: settings.port,
    }
}

/// A command of which only the kind is known.
fn delegated<'a>(kind: Kind, settings: &Settings, primary: &'a Endpoint) -> CommandView<'a> {
    CommandView {
        name: "",
        kind,
        repeat: settings.repeatable.unwrap_or(Repeat::Yes),
        primary,
        attempt_limit: delegated_limit(settings, kind),
        timeout: None,
        debug: false,
        secrets: None,
        warnings: &[],
        connections: Connections::ByCaller,
        home: None,
    }
}

/// How long one attempt of a delegated command may take: connecting and the reply.
fn delegated_limit(settings: &Settings, kind: Kind) -> Millis {
    let reply = settings
        .reply_timeout
        .or(settings.connect_timeout)
        .unwrap_or(own_limit(kind));
    let reply = match settings.profile {
        Profile::Ecflow => reply,
        Profile::Fast => reply.min(settings.silence),
    };
    connect_limit(settings).saturating_add(reply)
}

/// How long ecFlow's own client waits for the reply to a command of this kind.
fn own_limit(kind: Kind) -> Millis {
    match kind {
        Kind::Task => 190_000,
        Kind::User => 60_000,
        Kind::Ping => 10_000,
    }
}

fn no_ecf_text(settings: &Settings) -> Vec<u8> {
    if settings.no_ecf {
        b"NO_ECF\n".to_vec()
    } else {
        Vec::new()
    }
}
