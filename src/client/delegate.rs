//! Delegation: the caller makes the attempts, the policy says where, when and how often.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Client;
use super::approach::Approach;
use super::native::{connect_limit, patience};
use super::notes::Notes;
use super::race::Race;
use super::refusal::{Refusal, no_ecf, usable};
use super::reply::Reply;
use super::run::{self, Clock, SystemClock};
use super::session::{CommandView, Session};
use crate::config::{Profile, Sending, Settings};
use crate::model::{
    AttemptResult, Cure, Endpoint, Kind, Millis, Outcome, Repeat, Secrets, Stage, Status,
};
use crate::net::CancelWatch;
use crate::policy::Connections;

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
    race: Option<SharedRace>,
}

/// A command whose connections are made here, as its loop and the callback share it.
pub(crate) type SharedRace = Arc<Mutex<Race>>;

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

    /// The command whose connection this attempt may take, where there is one.
    pub(crate) fn race(&self) -> Option<&SharedRace> {
        self.race.as_ref()
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
        let mut session = self.session(kind, overrides, Connections::ByCaller, clock.start());
        let text = no_ecf_text(session.settings());
        let secrets = Secrets::from(&session.settings().task.password);
        let mut number = 0;
        let cancel = self.shared.cancel.watch_since(session.cancel_count());
        run::attempts(
            &mut session,
            clock,
            cancel,
            &mut |endpoint, limit, cancel| {
                number += 1;
                let mut delegated = DelegatedAttempt {
                    endpoint,
                    number,
                    limit,
                    cancel,
                    notes: Notes::without(secrets.clone()),
                    race: None,
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
            },
        );
        session.into_reply(text)
    }

    /// The same with connections that are made here: `attempt` speaks first on one that is
    /// there, and tells how that ended.
    pub fn delegate_connected(
        &self,
        kind: Kind,
        overrides: &[Override],
        attempt: &mut dyn FnMut(&mut DelegatedAttempt<'_>) -> Outcome,
    ) -> Reply {
        let race = self.race(kind, overrides);
        let settings = race.session().settings();
        let text = no_ecf_text(settings);
        let secrets = Secrets::from(&settings.task.password);
        let cancel = self
            .shared
            .cancel
            .watch_since(race.session().cancel_count());
        let race = Arc::new(Mutex::new(race));
        run::speakers(&race, cancel, &mut |endpoint, limit, number| {
            let mut delegated = DelegatedAttempt {
                endpoint: &endpoint,
                number,
                limit,
                cancel,
                notes: Notes::without(secrets.clone()),
                race: Some(Arc::clone(&race)),
            };
            let outcome = attempt(&mut delegated);
            (outcome, delegated.notes.into_text())
        });
        // A callback that kept its attempt has broken its promise, and loses the reply.
        match Arc::try_unwrap(race) {
            Ok(race) => race.into_inner().into_session().into_reply(text),
            Err(_) => Reply::refused(Status::Internal, "the callback has kept its attempt"),
        }
    }

    /// A delegated command whose connections are made here, started now.
    #[must_use]
    pub(crate) fn race(&self, kind: Kind, overrides: &[Override]) -> Race {
        let session = self.session(kind, overrides, Connections::ByPolicy, SystemClock.start());
        let approach = connected_approach(session.settings(), kind);
        Race::new(&self.shared, session, approach)
    }

    /// A delegated command as a state machine, started at `now` on the caller's clock. It is
    /// made in every case; one that cannot go on is over at its first step and tells why.
    #[must_use]
    pub(crate) fn session(
        &self,
        kind: Kind,
        overrides: &[Override],
        connections: Connections,
        now: Millis,
    ) -> Session {
        let mut configuration = self.configuration();
        let mut problem = None;
        for (key, value) in overrides {
            if let Err(why) = Arc::make_mut(&mut configuration).set(key, value) {
                problem.get_or_insert(Refusal::new(Status::Argument, why.to_string()));
            }
        }
        let settings = configuration.settings();
        let sending = Sending {
            is_native: false,
            is_task: kind == Kind::Task,
        };
        let (refusal, warnings) = match usable(&configuration, sending) {
            _ if settings.no_ecf => (Some(no_ecf()), Vec::new()),
            Ok(warnings) => (problem, warnings),
            Err(unusable) => (Some(problem.unwrap_or(unusable)), Vec::new()),
        };
        let primary = settings.primary();
        let command = CommandView {
            connections,
            attempt_limit: match connections {
                Connections::ByCaller => delegated_limit(settings, kind),
                Connections::ByPolicy => connected_limit(settings, kind),
            },
            ..delegated(kind, settings, &primary, &warnings)
        };
        let mut session = self.begin(&configuration, &command, now);
        if let Some(refusal) = refusal {
            let refusal = refusal.without(&Secrets::from(&settings.task.password));
            session.refuse(refusal.status, refusal.message);
        }
        session
    }
}

/// A command of which only the kind is known.
pub(super) fn delegated<'a>(
    kind: Kind,
    settings: &Settings,
    primary: &'a Endpoint,
    warnings: &'a [String],
) -> CommandView<'a> {
    CommandView {
        name: "",
        kind,
        repeat: settings.repeatable.unwrap_or(Repeat::Yes),
        primary,
        attempt_limit: delegated_limit(settings, kind),
        progress_timeout: None,
        debug: false,
        secrets: None,
        warnings,
        connections: Connections::ByCaller,
        job: None,
    }
}

/// How long one attempt of a delegated command may take: connecting and the reply.
pub(super) fn delegated_limit(settings: &Settings, kind: Kind) -> Millis {
    let reply = match settings.profile {
        Profile::Ecflow => reply_limit(settings, kind),
        Profile::Fast => reply_limit(settings, kind).min(settings.silence),
    };
    connect_limit(settings).saturating_add(reply)
}

/// The same where connections are made here: the look-up has its own time.
fn connected_limit(settings: &Settings, kind: Kind) -> Millis {
    let Approach {
        patience,
        connect,
        reply,
    } = connected_approach(settings, kind);
    let stages = [patience.unknown, connect, reply];
    stages.into_iter().fold(0, Millis::saturating_add)
}

fn connected_approach(settings: &Settings, kind: Kind) -> Approach {
    Approach {
        patience: patience(settings),
        connect: connect_limit(settings),
        reply: reply_limit(settings, kind),
    }
}

/// How long the caller may take to speak and be answered, once it is connected.
fn reply_limit(settings: &Settings, kind: Kind) -> Millis {
    let given = settings.reply_timeout.or(settings.connect_timeout);
    given.unwrap_or(own_limit(kind))
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
