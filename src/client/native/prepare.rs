//! What sending needs: read once for each command, and tried on the primary.

use super::access::Access;
use super::identity::{Identity, Sender, missing_files};
use super::{NativeCommand, Speaker, Wanted};
use crate::client::hostlist;
use crate::client::refusal::Refusal;
use crate::command::{Command, CommandError, CommandLine, Surroundings};
use crate::config::{Profile, Settings};
use crate::model::{Endpoint, Kind, Millis, Secrets, TaskIdentity};
use crate::net::{Limits, Patience};

/// How long a connection may take when no key says so, and a TLS handshake.
const CONNECT_LIMIT: Millis = 5_000;
/// How long a look-up may take when no key says so: glibc asks its second server after 5 s.
const LOOK_UP_LIMIT: Millis = 30_000;
/// The same where the last good addresses of the name are known.
const KNOWN_NAME_LIMIT: Millis = 2_500;
const KNOWN_NAME_LIMIT_FAST: Millis = 100;
/// The largest reply to a user command, unless ECF_FAILOVER_MAX_REPLY says otherwise.
const USER_REPLY_BYTES: u32 = 1 << 30;
/// The largest reply to a task command.
const TASK_REPLY_BYTES: u32 = 16 << 20;

/// How long connecting may take.
pub(in crate::client) fn connect_limit(settings: &Settings) -> Millis {
    let limit = settings.failover_connect_timeout;
    limit.or(settings.connect_timeout).unwrap_or(CONNECT_LIMIT)
}

/// How long a name may be looked up.
pub(in crate::client) fn patience(settings: &Settings) -> Patience {
    let given = settings.failover_connect_timeout;
    let unknown = given.or(settings.connect_timeout).unwrap_or(LOOK_UP_LIMIT);
    let known = match settings.profile {
        Profile::Ecflow => KNOWN_NAME_LIMIT,
        Profile::Fast => KNOWN_NAME_LIMIT_FAST,
    };
    Patience {
        unknown,
        known: known.min(unknown / 2),
    }
}

/// The limits of an exchange's stages, from the settings and the command's own limit.
fn limits(settings: &Settings, own_limit: Millis, handshakes: u64) -> Limits {
    let connect = connect_limit(settings);
    let handshake = settings.connect_timeout.unwrap_or(CONNECT_LIMIT);
    let write = settings.connect_timeout.unwrap_or(own_limit);
    let reply = settings.reply_timeout.unwrap_or(write);
    let look_up = patience(settings).unknown;
    let handshakes = handshake.saturating_mul(handshakes);
    let stages = [look_up, connect, handshakes, write, reply];
    Limits {
        connect,
        handshake,
        write,
        reply,
        silence: Millis::MAX,
        whole: stages
            .iter()
            .fold(0, |sum, stage| sum.saturating_add(*stage)),
    }
}

/// What keeps native commands from being sent, as far as the settings tell.
pub(in crate::client) fn problems(settings: &Settings, sender: &Sender) -> Vec<String> {
    let task = &settings.task;
    let bad_path = !task.path.is_empty() && !task.path.starts_with(b"/");
    let path = bad_path.then(|| "ECF_NAME: not a task's path: it must begin with '/'".to_owned());
    let primary = settings.primary();
    let access = Access::read(settings, None, sender.host());
    let doubts = access.as_ref().map(|access| access.doubts(&primary));
    let doubts = doubts.unwrap_or_default();
    let access = access.and_then(|access| {
        let security = access.security(&primary);
        security.map_err(Refusal::config)
    });
    let identity = Identity::read(settings, None, sender);
    let identity =
        identity.and_then(|identity| identity.towards(&primary).map_err(Refusal::config));
    let refusals = [access.err(), identity.err()].into_iter().flatten();
    refusals
        .map(|refusal| refusal.message)
        .chain(doubts)
        .chain(path)
        .chain(missing_files(settings))
        .collect()
}

impl NativeCommand {
    /// Reads the words of a command line for the caller that expects `wanted` commands.
    pub(in crate::client) fn read(
        line: Result<CommandLine<'_>, CommandError>,
        wanted: Wanted,
        settings: &Settings,
        sender: &Sender,
    ) -> Result<Self, Refusal> {
        let around = Surroundings {
            task: &settings.task,
            read_file: &hostlist::read_definition,
        };
        let command = line?.command(&around)?;
        wanted.check(&command)?;
        let mut secrets = Secrets::from(&settings.task.password);
        command
            .password
            .iter()
            .for_each(|secret| secrets.add(secret));
        Self::prepare(command, settings, sender).map_err(|refusal| refusal.without(&secrets))
    }

    /// Reads the files that sending needs, and tries them on the primary.
    fn prepare(command: Command, settings: &Settings, sender: &Sender) -> Result<Self, Refusal> {
        let mut secrets = Secrets::from(&settings.task.password);
        let primary = Endpoint {
            host: command
                .host
                .clone()
                .unwrap_or_else(|| settings.host.clone()),
            port: command.port.unwrap_or(settings.port),
        };
        let mut access = Access::read(settings, command.protocol, sender.host())?;
        access.security(&primary).map_err(Refusal::config)?;
        access.keep_quiet_about(&mut secrets);
        access.warn_of_missing_token(&primary);
        let speaker = match command.kind {
            Kind::Task => Speaker::Job(TaskIdentity {
                remote_id: command.remote_id.clone(),
                ..settings.task.clone()
            }),
            Kind::User | Kind::Ping => {
                let identity = Identity::read(settings, Some(&command), sender)?;
                identity.towards(&primary).map_err(Refusal::config)?;
                identity.keep_quiet_about(&mut secrets);
                Speaker::User(identity)
            }
        };
        Ok(Self {
            primary,
            patience: patience(settings),
            debug: command.debug,
            limits: limits(settings, command.reply_limit, access.handshakes()),
            stage_limit: settings.connect_timeout,
            secrets,
            warnings: std::mem::take(&mut access.warnings),
            speaker,
            access,
            client_host: sender.host().to_vec(),
            max_reply: settings.max_reply.unwrap_or(match command.kind {
                Kind::Task => TASK_REPLY_BYTES,
                Kind::User | Kind::Ping => USER_REPLY_BYTES,
            }),
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_has_a_limit_of_its_own_before_that_of_every_stage() {
        let mut settings = Settings::default();
        assert_eq!(connect_limit(&settings), CONNECT_LIMIT);
        settings.connect_timeout = Some(7_000);
        assert_eq!(connect_limit(&settings), 7_000);
        settings.failover_connect_timeout = Some(200);
        assert_eq!(connect_limit(&settings), 200);
        assert_eq!(limits(&settings, 190_000, 0).write, 7_000);
    }
}
