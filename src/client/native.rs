//! The native client: a command line in, one exchange with a server as the attempt.

use std::time::Duration;

use once_cell::sync::OnceCell;

use super::log::redacted;
use super::status::Status;
use super::story::AttemptResult;
use crate::command::{self, Command, CommandError, Invocation, Surroundings};
use crate::config::{Millis, Protocol, Settings, TaskIdentity};
use crate::hosts::Endpoint;
use crate::policy::{Kind, Outcome};
use crate::sys::{clock, identity};
use crate::transport::{Attempt, Failure, Limits, Receiver, Sent, Stage, exchange};
use crate::wire::{self, Base, FrameReader, Reply, ReplyClass};

/// How long a connection may take when no key says so.
const CONNECT_LIMIT: Millis = 5_000;
/// The largest reply to a user command, unless ECF_FAILOVER_MAX_REPLY says otherwise.
const USER_REPLY_BYTES: u32 = 1 << 30;
/// The same for a task command.
const TASK_REPLY_BYTES: u32 = 16 << 20;

/// Why nothing can be sent.
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) message: String,
}

/// What is wrong with a command line, told without the job's password, should that stand in it:
/// a message quotes words, and may cut or escape them.
fn refusal(error: CommandError, argv: &[Vec<u8>], around: &Surroundings<'_>) -> Refusal {
    let status = match error {
        CommandError::Environment { .. } => Status::Config,
        _ => Status::Argument,
    };
    let secret = &around.task.password;
    let clean: Vec<_> = argv
        .iter()
        .map(|word| redacted(word.clone(), secret))
        .collect();
    let message = match clean == argv {
        true => error.to_string(),
        false => command::parse(&clean, around).map_or_else(
            |error| error.to_string(),
            |_| "a word that holds the job's password cannot be used".to_owned(),
        ),
    };
    Refusal { status, message }
}

/// A command line, read, checked and encoded.
pub(super) struct NativeCommand {
    pub(super) command: Command,
    pub(super) primary: Endpoint,
    pub(super) debug: bool,
    frame: Vec<u8>,
    max_reply: u32,
}

/// How long connecting may take.
pub(super) fn connect_limit(settings: &Settings) -> Millis {
    settings.connect_timeout.unwrap_or(CONNECT_LIMIT)
}

/// The limits of an attempt's stages, from the settings and the command's own limit.
pub(super) fn native_limits(settings: &Settings, own_limit: Millis) -> Limits {
    let connect = connect_limit(settings);
    let write = settings.connect_timeout.unwrap_or(own_limit);
    let reply = settings.reply_timeout.unwrap_or(write);
    let stages = [connect, connect, write, reply];
    Limits {
        connect,
        write,
        reply,
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
    let refusals = [
        check_protocol(settings).err(),
        user_name(settings, sender).err(),
    ];
    let refusals = refusals
        .into_iter()
        .flatten()
        .map(|refusal| refusal.message);
    refusals.chain(path).collect()
}

impl NativeCommand {
    /// Reads a command line for the caller that expects `wanted` commands.
    pub(super) fn read(
        argv: &[Vec<u8>],
        wanted: Wanted,
        settings: &Settings,
        sender: &Sender,
    ) -> Result<Self, Refusal> {
        let around = Surroundings {
            task: &settings.task,
            read_file: &super::backups::read_definition,
        };
        let invocation =
            command::parse(argv, &around).map_err(|error| refusal(error, argv, &around))?;
        wanted.check(&invocation.command)?;
        check_protocol(settings)?;
        let body = encode(&invocation, settings, sender)?;
        let frame = wire::frame(&body).map_err(|why| Refusal {
            status: Status::Argument,
            message: format!(
                "--{}: the request is too large: {why}",
                invocation.command.name
            ),
        })?;
        let max_reply = settings.max_reply.unwrap_or(match invocation.command.kind {
            Kind::Task => TASK_REPLY_BYTES,
            Kind::User | Kind::Ping => USER_REPLY_BYTES,
        });
        Ok(Self {
            primary: Endpoint {
                host: invocation.host.unwrap_or_else(|| settings.host.clone()),
                port: invocation.port.unwrap_or(settings.port),
            },
            debug: invocation.debug,
            command: invocation.command,
            frame,
            max_reply,
        })
    }

    /// Makes one attempt; a text for the user goes to `text`.
    pub(super) fn attempt(&self, attempt: &Attempt<'_>, text: &mut Vec<u8>) -> AttemptResult {
        let begin = clock::nanos();
        let mut inbox = Inbox(FrameReader::new(self.max_reply));
        match exchange(attempt, &self.frame, &mut inbox) {
            Err(failure) => failed(failure),
            Ok(address_remark) => {
                let took = Duration::from_nanos(clock::nanos().saturating_sub(begin));
                let surplus = match inbox.0.has_surplus() {
                    true => "bytes behind the reply were ignored",
                    false => "",
                };
                let body = inbox.0.into_body();
                let (outcome, words) = self.judge(&body, attempt.endpoint, took, text);
                let what = match outcome {
                    Outcome::Rejected => words,
                    _ => remarks(&[&words, surplus.as_bytes(), address_remark.as_bytes()]),
                };
                AttemptResult {
                    outcome,
                    stage: Stage::Reply,
                    errno: 0,
                    what,
                }
            }
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
        let class = reply.class();
        if class != ReplyClass::Error && !self.command.legal.contains(&class) {
            let why = format!(
                "{class:?} is no answer to --{}: another protocol, or another command's reply",
                self.command.name
            );
            return (Outcome::Unconfirmed, why.into_bytes());
        }
        let told = |outcome, words: &str| (outcome, words.as_bytes().to_vec());
        match reply {
            Reply::Error(words) => (Outcome::Rejected, words),
            Reply::Halted => told(Outcome::Halted, "the server is halted"),
            Reply::Wait => told(Outcome::Wait, "the expression is false"),
            Reply::Zombie => told(Outcome::Zombie, "the server takes the task for a zombie"),
            Reply::Ok => {
                *text = match self.command.kind {
                    Kind::Ping => ping_line(endpoint, took),
                    Kind::Task | Kind::User => Vec::new(),
                };
                told(Outcome::Ok, "")
            }
            Reply::Text(line) => {
                *text = line;
                text.push(b'\n');
                told(Outcome::Ok, "")
            }
            Reply::Suites(names) => {
                *text = suites_table(&names);
                told(Outcome::Ok, "")
            }
        }
    }
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

/// Which commands a caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    TaskCommand,
    UserCommand,
}

impl Wanted {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::TaskCommand => Kind::Task,
            Self::UserCommand => Kind::User,
        }
    }

    fn check(self, command: &Command) -> Result<(), Refusal> {
        let is_task = command.kind == Kind::Task;
        let (what, function) = match (self, is_task) {
            (Self::TaskCommand, true) | (Self::UserCommand, false) => return Ok(()),
            (Self::TaskCommand, false) => ("user", "ecf_send_user_cmd"),
            (Self::UserCommand, true) => ("task", "ecf_send_task_cmd"),
        };
        Err(Refusal {
            status: Status::Argument,
            message: format!(
                "--{} is a {what} command: send it with {function}",
                command.name
            ),
        })
    }
}

/// This release speaks plain TCP only; what asks for more must not be sent in the clear.
fn check_protocol(settings: &Settings) -> Result<(), Refusal> {
    let key = match settings.protocol {
        Protocol::Plain if settings.ssl.is_empty() => return Ok(()),
        Protocol::Plain => "ECF_SSL",
        Protocol::Ssl | Protocol::Http | Protocol::Https => "ECF_HOST_PROTOCOL",
    };
    Err(Refusal {
        status: Status::Config,
        message: format!(
            "{key}: this release speaks plain TCP only and sends nothing in the clear that was meant to be protected; delegate with ecf_delegate, or unset {key}"
        ),
    })
}

/// Who sends: looked up once for each client, for the user data base may be far away.
#[derive(Default)]
pub(super) struct Sender {
    host: OnceCell<Vec<u8>>,
    user: OnceCell<Vec<u8>>,
}

impl Sender {
    fn host(&self) -> &[u8] {
        self.host.get_or_init(identity::host_name)
    }

    fn user(&self) -> Option<&[u8]> {
        // Not inside the cell: other threads would wait for a slow data base.
        if self.user.get().is_none() {
            self.user.set(identity::login_name()?).ok();
        }
        self.user.get().map(Vec::as_slice)
    }
}

fn encode(
    invocation: &Invocation,
    settings: &Settings,
    sender: &Sender,
) -> Result<Vec<u8>, Refusal> {
    let command = &invocation.command;
    let task;
    let base = match command.kind {
        Kind::Task => {
            task = TaskIdentity {
                remote_id: invocation.remote_id.clone(),
                ..settings.task.clone()
            };
            Base::Task(&task)
        }
        Kind::User | Kind::Ping => Base::User {
            name: user_name(settings, sender)?,
        },
    };
    Ok(wire::encode(
        command.class,
        base,
        sender.host(),
        &command.fields,
    ))
}

fn user_name<'a>(settings: &Settings, sender: &'a Sender) -> Result<&'a [u8], Refusal> {
    let refuse = |message: &str| {
        Err(Refusal {
            status: Status::Config,
            message: message.to_owned(),
        })
    };
    if !settings.user.is_empty() {
        return refuse(
            "ECF_USER: this release sends user commands as the login name only; unset it",
        );
    }
    if let Some(file) = &settings.password_file
        && file.exists()
    {
        return refuse("ECF_PASSWD: this release sends no passwords; unset it");
    }
    match sender.user() {
        Some(name) => Ok(name),
        None => refuse("the user data base has no name for this process's user id"),
    }
}

fn failed(failure: Failure) -> AttemptResult {
    AttemptResult {
        outcome: match failure.sent {
            Sent::No => Outcome::NotSent,
            Sent::Yes => Outcome::Unconfirmed,
        },
        stage: failure.stage,
        errno: failure.errno,
        what: failure.what.into_bytes(),
    }
}

/// Collects a reply frame for the transport.
struct Inbox(FrameReader);

impl Receiver for Inbox {
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.0.push(bytes).map_err(|why| why.to_string())
    }

    fn progress(&self) -> String {
        match (self.0.received(), self.0.announced()) {
            (0, _) => "no byte of the reply came".into(),
            (received, None) => format!("{received} of 8 header bytes came"),
            (received, Some(body)) => format!("{received} of {} bytes came", body + 8),
        }
    }
}

/// What ecflow_client prints after a ping.
fn ping_line(endpoint: &Endpoint, took: Duration) -> Vec<u8> {
    let seconds = took.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "ping server({}:{}) succeeded in {hours:02}:{minutes:02}:{seconds:02}.{:06}  ~{} milliseconds\n",
        endpoint.host.as_str(),
        endpoint.port,
        took.subsec_micros(),
        took.as_millis()
    )
    .into_bytes()
}

/// The names of the suites as ecflow_client prints them: five a line, in columns.
fn suites_table(names: &[Vec<u8>]) -> Vec<u8> {
    const COLUMNS: usize = 5;
    /// A hostile server's name must not make all lines as long as itself.
    const WIDEST: usize = 256;
    if names.is_empty() {
        return b"No suites\n\n".to_vec();
    }
    let width = names.iter().map(Vec::len).max().unwrap_or(0).min(WIDEST) + 1;
    let mut table = Vec::new();
    for line in names.chunks(COLUMNS) {
        for name in line {
            table.extend_from_slice(name);
            table.extend(std::iter::repeat_n(b' ', width.saturating_sub(name.len())));
        }
        table.push(b'\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_printed_five_a_line_in_columns() {
        let names = ["s1", "s2", "s3", "x2", "u1", "n1", "mem", "nb"];
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let table = suites_table(&names);
        assert_eq!(
            String::from_utf8_lossy(&table),
            "s1  s2  s3  x2  u1  \nn1  mem nb  \n"
        );
        assert_eq!(suites_table(&[]), b"No suites\n\n");
    }

    #[test]
    fn a_hostile_name_of_a_suite_does_not_widen_every_line() {
        let mut names = vec![Vec::new(); 10_000];
        names.push(vec![b'x'; 1_000_000]);
        assert!(suites_table(&names).len() < 4_000_000);
    }

    #[test]
    fn a_ping_is_told_with_its_time() {
        let endpoint = Endpoint::parse(b"localhost:3141", 1);
        let line = endpoint.map(|e| ping_line(&e, Duration::from_micros(61_001_428)));
        assert_eq!(
            line.as_deref(),
            Ok(
                &b"ping server(localhost:3141) succeeded in 00:01:01.001428  ~61001 milliseconds\n"
                    [..]
            )
        );
    }
}
