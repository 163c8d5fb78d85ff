//! The native client: a command line in, one exchange with a server as the attempt.

use std::time::Duration;

use once_cell::sync::OnceCell;

use super::access::{Access, Format};
use super::identity::{Identity, missing_files};
use super::line::Line;
use crate::command::{self, Command, CommandError, CommandLine, QueryFailure, Surroundings};
use crate::config::{Profile, Settings};
use crate::model::{
    AttemptResult, Cure, Endpoint, Fault, Kind, Millis, Outcome, Secrets, Stage, Status,
    TaskIdentity,
};
use crate::net::{Exchange, Limits, Patience, Receiver, Security};
use crate::sys::{clock, identity};
use crate::wire::{self, Answer, BadFrame, Base, FrameReader, HttpReader, HttpStatus, Request};

/// How long a connection may take when no key says so, and a TLS handshake.
const CONNECT_LIMIT: Millis = 5_000;
/// How long a look-up may take when no key says so: glibc asks its second server after 5 s.
const LOOK_UP_LIMIT: Millis = 30_000;
/// The same where the last good addresses of the name are known.
const KNOWN_NAME_LIMIT: Millis = 2_500;
const KNOWN_NAME_LIMIT_FAST: Millis = 100;
/// The largest reply to a user command, unless ECF_FAILOVER_MAX_REPLY says otherwise.
const USER_REPLY_BYTES: u32 = 1 << 30;
/// What is told of a page that is no reply of ecFlow's, in bytes.
const LONGEST_WORDS: usize = 300;
/// The largest reply to a task command.
const TASK_REPLY_BYTES: u32 = 16 << 20;

/// Why nothing is sent.
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) message: String,
    /// What ecflow_client would print.
    pub(super) text: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(status: Status, message: String) -> Self {
        Self {
            status,
            message,
            text: Vec::new(),
        }
    }

    pub(super) fn config(message: String) -> Self {
        Self::new(Status::Config, message)
    }

    /// No server is needed: this is the answer.
    pub(super) fn answer(text: &[u8]) -> Self {
        Self {
            text: text.to_vec(),
            ..Self::new(Status::Ok, "answered without a server".into())
        }
    }

    /// The same without secrets in its words.
    pub(super) fn without(self, secrets: &Secrets) -> Self {
        Self {
            message: secrets.redacted_message(self.message),
            ..self
        }
    }
}

impl From<CommandError> for Refusal {
    /// What is wrong with a command line is told without the passwords that stand in it.
    fn from(error: CommandError) -> Self {
        let status = match error {
            CommandError::Environment { .. } => Status::Config,
            _ => Status::Argument,
        };
        Self::new(status, error.to_string())
    }
}

/// A command line, read and checked, with all that is needed to send it.
pub(super) struct NativeCommand {
    pub(super) command: Command,
    pub(super) primary: Endpoint,
    pub(super) debug: bool,
    pub(super) limits: Limits,
    pub(super) patience: Patience,
    /// ECF_CONNECT_TIMEOUT, where it is given: the limit of every stage.
    stage_limit: Option<Millis>,
    pub(super) secrets: Secrets,
    pub(super) warnings: Vec<String>,
    speaker: Speaker,
    access: Access,
    client_host: Vec<u8>,
    max_reply: u32,
}

/// For whom a command is sent.
enum Speaker {
    Job(TaskIdentity),
    User(Identity),
}

/// How long connecting may take.
pub(super) fn connect_limit(settings: &Settings) -> Millis {
    let limit = settings.failover_connect_timeout;
    limit.or(settings.connect_timeout).unwrap_or(CONNECT_LIMIT)
}

/// How long a name may be looked up.
pub(super) fn patience(settings: &Settings) -> Patience {
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
pub(super) fn problems(settings: &Settings, sender: &Sender) -> Vec<String> {
    let task = &settings.task;
    let bad_path = !task.path.is_empty() && !task.path.starts_with(b"/");
    let path = bad_path.then(|| "ECF_NAME: not a task's path: it must begin with '/'".to_owned());
    let primary = super::primary(settings);
    let access = Access::read(settings, None, sender.host());
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
        .chain(path)
        .chain(missing_files(settings))
        .collect()
}

impl NativeCommand {
    /// Reads the words of a command line for the caller that expects `wanted` commands.
    pub(super) fn read(
        line: Result<CommandLine<'_>, CommandError>,
        wanted: Wanted,
        settings: &Settings,
        sender: &Sender,
    ) -> Result<Self, Refusal> {
        let around = Surroundings {
            task: &settings.task,
            read_file: &super::backups::read_definition,
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

    /// The longest that one attempt may take: all stages, for the command and for what the
    /// server is asked before.
    pub(super) fn attempt_limit(&self) -> Millis {
        let exchanges = self.command.queries.len() as Millis + 1;
        self.limits.whole.saturating_mul(exchanges)
    }

    /// Makes one attempt within `limit` milliseconds; a text for the user goes to `text`.
    pub(super) fn attempt(
        &self,
        endpoint: &Endpoint,
        limit: Millis,
        mut line: Line<'_, '_>,
        text: &mut Vec<u8>,
    ) -> AttemptResult {
        let security = match self.access.security(endpoint) {
            Ok(security) => security,
            Err(what) => return unprepared(what),
        };
        let end = clock::start().saturating_add(limit);
        let site = Site {
            endpoint,
            security: &security,
        };
        for query in &self.command.queries {
            let asked = self.converse(&query.request(), &site, &mut line, end);
            let answer = asked.and_then(|heard| {
                let reply = wire::decode(&heard.body);
                reply.map_err(|why| unsent(Stage::Reply, why.to_string().into_bytes()))
            });
            let answer = match answer {
                Ok(answer) => answer,
                Err(result) => return not_yet_sent(result),
            };
            match query.check(&answer) {
                Ok(()) => {}
                Err(QueryFailure::Strange(why)) => return unsent(Stage::Reply, why.into_bytes()),
                Err(QueryFailure::Refused(why)) => {
                    return AttemptResult {
                        outcome: Outcome::Rejected,
                        ..unsent(Stage::Reply, why.into_bytes())
                    };
                }
            }
        }
        let begin = clock::nanos();
        let heard = match self.converse(&self.command.request, &site, &mut line, end) {
            Ok(heard) => heard,
            Err(result) => return result,
        };
        let took = Duration::from_nanos(clock::nanos().saturating_sub(begin));
        let (outcome, words) = self.judge(&heard.body, endpoint, took, text);
        let what = match outcome {
            Outcome::Rejected => words,
            _ => remarks(&[&words, &heard.remark]),
        };
        judged(outcome, what)
    }

    /// One request to a server, and the body of its reply.
    fn converse(
        &self,
        request: &Request,
        site: &Site<'_>,
        line: &mut Line<'_, '_>,
        end: Millis,
    ) -> Result<Heard, AttemptResult> {
        let identity;
        let base = match &self.speaker {
            Speaker::Job(task) => Base::Task(task),
            Speaker::User(user) => {
                identity = user.towards(site.endpoint).map_err(unprepared)?;
                Base::User(&identity)
            }
        };
        let body = wire::encode(request, base, &self.client_host);
        let exchange = Exchange {
            endpoint: site.endpoint,
            limits: line.limits(self.limits, self.stage_limit, end),
            security: site.security,
        };
        match self.access.format {
            Format::Frames => self.in_frames(&exchange, line, &body),
            Format::Http => self.in_http(&exchange, line, &body),
        }
    }

    fn in_frames(
        &self,
        exchange: &Exchange<'_>,
        line: &mut Line<'_, '_>,
        body: &[u8],
    ) -> Result<Heard, AttemptResult> {
        let frame = wire::frame(body).map_err(|why| too_large(&why))?;
        let mut inbox = FrameInbox(FrameReader::new(self.max_reply));
        let address_remark = line.exchange(exchange, &frame, &mut inbox)?;
        let surplus: &[u8] = if inbox.0.has_surplus() {
            b"bytes behind the reply were ignored"
        } else {
            b""
        };
        Ok(Heard {
            remark: remarks(&[surplus, address_remark.as_bytes()]),
            body: inbox.0.into_body(),
        })
    }

    fn in_http(
        &self,
        exchange: &Exchange<'_>,
        line: &mut Line<'_, '_>,
        body: &[u8],
    ) -> Result<Heard, AttemptResult> {
        let authorization = self.access.authorization(exchange.endpoint);
        let request = wire::post(exchange.endpoint, authorization.as_ref(), body);
        let mut inbox = HttpInbox(HttpReader::new(self.max_reply));
        let address_remark = line.exchange(exchange, &request, &mut inbox)?;
        let reply = inbox.0.into_reply();
        let told = |outcome, before: &[u8]| {
            // First without secrets, then cut: half a secret is one, too.
            let words = self.secrets.redacted(reply.words.clone());
            let words = &words[..words.len().min(LONGEST_WORDS)];
            let what = [before, b"HTTP ", words].concat();
            Err(judged(outcome, what))
        };
        let status = HttpStatus::of(reply.status);
        let is_answer = status == HttpStatus::Success
            || (!reply.body.is_empty() && wire::decode(&reply.body).is_ok());
        match status {
            _ if is_answer => Ok(Heard {
                remark: address_remark.into_bytes(),
                body: reply.body,
            }),
            HttpStatus::Redirect => told(Outcome::Unconfirmed, b"a redirect is not followed: "),
            HttpStatus::Refused => told(Outcome::Rejected, b""),
            HttpStatus::NotTaken => told(Outcome::NotSent, b"no ecFlow server took it: "),
            HttpStatus::Success | HttpStatus::Unknown => told(Outcome::Unconfirmed, b""),
        }
    }

    /// What a reply's body means for this command, with words for the report.
    fn judge(
        &self,
        body: &[u8],
        endpoint: &Endpoint,
        took: Duration,
        text: &mut Vec<u8>,
    ) -> (Outcome, Vec<u8>) {
        let reply = match wire::decode(body) {
            Ok(reply) => reply,
            Err(why) => return (Outcome::Unconfirmed, why.to_string().into_bytes()),
        };
        if let Some(class) = self.command.strange_class(&reply) {
            let why = format!(
                "{class:?} is no answer to --{}: another protocol, or another command's reply",
                self.command.name
            );
            return (Outcome::Unconfirmed, why.into_bytes());
        }
        let told = |outcome, words: &str| (outcome, words.as_bytes().to_vec());
        match reply {
            Answer::Error(words) => (Outcome::Rejected, words),
            Answer::Halted => told(Outcome::Halted, "the server is halted"),
            Answer::Wait => told(Outcome::Wait, "the expression is false"),
            Answer::Zombie => told(Outcome::Zombie, "the server takes the task for a zombie"),
            reply => {
                *text = command::printed(&self.command, &reply, endpoint, took);
                match &reply {
                    Answer::Group(replies) if command::has_error(replies) => {
                        (Outcome::Rejected, command::group_errors(replies))
                    }
                    _ => told(Outcome::Ok, ""),
                }
            }
        }
    }
}

/// Where an attempt goes, and by what means.
struct Site<'a> {
    endpoint: &'a Endpoint,
    security: &'a Security,
}

/// The body of a reply, with a remark for the report.
struct Heard {
    body: Vec<u8>,
    remark: Vec<u8>,
}

/// Those that are not empty, in one line.
fn remarks(parts: &[&[u8]]) -> Vec<u8> {
    let told: Vec<_> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect();
    told.join(&b"; "[..])
}

/// What became of an attempt that got a reply.
fn judged(outcome: Outcome, what: Vec<u8>) -> AttemptResult {
    AttemptResult {
        outcome,
        stage: Stage::Reply,
        fault: match outcome {
            Outcome::NotSent => Some(Fault::Broken),
            Outcome::Unconfirmed => Some(Fault::Closed),
            _ => None,
        },
        errno: 0,
        what,
        cure: Cure::Retry,
    }
}

fn unsent(stage: Stage, what: Vec<u8>) -> AttemptResult {
    AttemptResult {
        outcome: Outcome::NotSent,
        stage,
        fault: Some(Fault::Broken),
        errno: 0,
        what,
        cure: Cure::Retry,
    }
}

/// What is needed for this host is not there.
fn unprepared(what: String) -> AttemptResult {
    AttemptResult {
        cure: Cure::Nobody("a password or a certificate is missing"),
        fault: Some(Fault::Local),
        ..unsent(Stage::Prepare, what.into_bytes())
    }
}

/// No server takes such a request.
fn too_large(why: &BadFrame) -> AttemptResult {
    AttemptResult {
        cure: Cure::Nobody("the request is too large"),
        ..unsent(Stage::Prepare, why.to_string().into_bytes())
    }
}

/// What became of a query: whatever it was, the command itself was not sent.
fn not_yet_sent(result: AttemptResult) -> AttemptResult {
    AttemptResult {
        outcome: match result.outcome {
            Outcome::Unconfirmed => Outcome::NotSent,
            outcome => outcome,
        },
        ..result
    }
}

/// Which commands a caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Task,
    User,
    Any,
}

impl Wanted {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Task => Kind::Task,
            Self::User | Self::Any => Kind::User,
        }
    }

    fn check(self, command: &Command) -> Result<(), Refusal> {
        let is_task = command.kind == Kind::Task;
        let (what, function) = match (self, is_task) {
            (Self::Any, _) | (Self::Task, true) | (Self::User, false) => {
                return Ok(());
            }
            (Self::Task, false) => ("user", "ecf_send_user_cmd"),
            (Self::User, true) => ("task", "ecf_send_task_cmd"),
        };
        let name = command.name;
        let message = format!("--{name} is a {what} command: send it with {function}");
        Err(Refusal::new(Status::Argument, message))
    }
}

/// Who sends: looked up once for each client, for the user data base may be far away.
#[derive(Default)]
pub(super) struct Sender {
    host: OnceCell<Vec<u8>>,
    user: OnceCell<Vec<u8>>,
}

impl Sender {
    pub(super) fn host(&self) -> &[u8] {
        self.host.get_or_init(identity::host_name)
    }

    pub(super) fn user(&self) -> Option<&[u8]> {
        // Not inside the cell: other threads would wait for a slow data base.
        if self.user.get().is_none() {
            self.user.set(identity::login_name()?).ok();
        }
        self.user.get().map(Vec::as_slice)
    }
}

/// Collects a reply frame for the transport.
struct FrameInbox(FrameReader);

impl Receiver for FrameInbox {
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.0.push(bytes).map_err(|why| why.to_string())
    }

    fn end(&mut self) -> bool {
        false
    }

    fn is_untouched(&self) -> bool {
        self.0.received() == 0
    }

    fn progress(&self) -> String {
        match (self.0.received(), self.0.announced()) {
            (0, _) => "no byte of the reply came".into(),
            (received, None) => format!("{received} of 8 header bytes came"),
            (received, Some(body)) => format!("{received} of {} bytes came", body + 8),
        }
    }
}

/// Collects an HTTP reply for the transport.
struct HttpInbox(HttpReader);

impl Receiver for HttpInbox {
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.0.push(bytes)
    }

    fn end(&mut self) -> bool {
        self.0.end()
    }

    fn is_untouched(&self) -> bool {
        self.0.is_untouched()
    }

    fn progress(&self) -> String {
        self.0.progress()
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

    #[test]
    fn a_request_that_is_too_large_is_told_as_that() {
        let result = too_large(&BadFrame::NoFrame(1 << 33));
        assert_eq!(result.cure, Cure::Nobody("the request is too large"));
        assert!(result.what.starts_with(b"a request of 8589934592 bytes "));
    }
}
