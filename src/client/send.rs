//! The native client: a command line goes to a server.

use std::sync::Arc;

use super::Client;
use super::delegate::delegated;
use super::native::{NativeCommand, Transport, Wanted};
use super::race::Race;
use super::refusal::{Refusal, no_ecf, usable};
use super::reply::Reply;
use super::run::{self, Clock, SystemClock};
use super::session::CommandView;
use crate::command::{self, CommandLine, Purpose};
use crate::config::{Configuration, Profile, Sending};
use crate::model::{Kind, Millis};
use crate::net::Connector;
use crate::policy::Connections;

impl Client {
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
        self.send_as(self.configuration(), argv, wanted, start)
    }

    /// The same with settings of another moment; it began at `start`.
    pub(super) fn send_as(
        &self,
        configuration: Arc<Configuration>,
        argv: &[Vec<u8>],
        wanted: Wanted,
        start: Millis,
    ) -> Reply {
        let settings = configuration.settings();
        let secrets = command::secrets_in(argv, &settings.task.password);
        let line = CommandLine::read(argv, &secrets);
        let read = match line {
            // Told from the tables, whatever the settings are.
            Ok(ref line) if let Some(answer) = line.answer() => Err(Refusal::answer(answer)),
            _ if settings.no_ecf => Err(no_ecf()),
            line => {
                let sending = Sending {
                    is_native: true,
                    is_task: line
                        .as_ref()
                        .map_or(wanted.kind() == Kind::Task, CommandLine::is_task),
                };
                usable(&configuration, sending).and_then(|warnings| {
                    let sender = &self.shared.sender;
                    let mut native = NativeCommand::read(line, wanted, settings, sender)?;
                    native.warnings.extend(warnings);
                    Ok(native)
                })
            }
        };
        let native = match read {
            Ok(native) => native,
            Err(refusal) => {
                let primary = settings.primary();
                let command = delegated(wanted.kind(), settings, &primary, &[]);
                let mut session = self.begin(&configuration, &command, start);
                session.refuse(refusal.status, refusal.message);
                return Reply {
                    is_for_stock_client: refusal.is_for_stock_client,
                    ..session.into_reply(refusal.text)
                };
            }
        };
        let command = CommandView {
            name: native.command.name,
            kind: native.command.kind,
            repeat: native.command.repeat,
            primary: &native.primary,
            attempt_limit: native.attempt_limit(),
            progress_timeout: match native.command.purpose {
                Purpose::Progress => settings.progress_timeout,
                Purpose::JobBegin | Purpose::JobEnd | Purpose::Control => None,
            },
            debug: native.debug,
            secrets: Some(&native.secrets),
            warnings: &native.warnings,
            connections: Connections::ByPolicy,
            job: (native.command.kind == Kind::Task).then_some(native.command.purpose),
        };
        let mut session = self.begin(&configuration, &command, start);
        if native.command.purpose != Purpose::JobBegin
            && let Some(before) = self.posts_before()
        {
            let progress = command.progress_timeout.unwrap_or(Millis::MAX);
            let end = start.saturating_add(settings.timeout.min(progress));
            before.wait(end, self.shared.cancel.watch_since(session.cancel_count()));
            if let Some(lost) = self.tell_lost() {
                session.warn(&lost);
            }
        }
        let mut text = Vec::new();
        let addresses = &self.shared.addresses;
        let cancel = self.shared.cancel.watch_since(session.cancel_count());
        match settings.profile {
            Profile::Ecflow => {
                run::attempts(
                    &mut session,
                    &SystemClock,
                    cancel,
                    &mut |at, limit, cancel| {
                        let mut connector = Connector::new(addresses, native.patience, cancel);
                        native.attempt(at, limit, Transport::alone(&mut connector), &mut text)
                    },
                );
            }
            Profile::Fast => {
                let mut race = Race::new(&self.shared, session, native.approach());
                run::race(&mut race, &native, addresses, cancel, &mut text);
                session = race.into_session();
            }
        }
        session.into_reply(text)
    }
}
