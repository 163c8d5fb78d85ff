//! The grammar of the command line: options, their words, and what goes beside a command.

use super::table::{Arity, COMMANDS, Draft, NOT_OFFERED, Row};
use super::{CommandError, Invocation, Surroundings, Understood, help, shown};
use crate::config::Protocol;
use crate::model::{Host, Kind, Secret, TaskIdentity, parse_port};

/// An option that goes beside a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Host,
    Port,
    Rid,
    Add,
    Remove,
    User,
    Password,
    Protocol(Protocol),
    Debug,
    Help,
    Version,
}

/// An option that goes beside a command, or instead of one.
pub struct BesideRow {
    /// The option's name, without dashes.
    pub name: &'static str,
    beside: Beside,
    arity: Arity,
    /// Its words, for people.
    pub words: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
}

const fn beside(
    name: &'static str,
    beside: Beside,
    arity: Arity,
    words: &'static str,
    meaning: &'static str,
) -> BesideRow {
    BesideRow {
        name,
        beside,
        arity,
        words,
        meaning,
    }
}

/// Every option that goes beside a command, or instead of one.
#[rustfmt::skip]
pub const BESIDE: &[BesideRow] = &[
    beside("host", Beside::Host, Arity::One, "HOST", "the primary's host, before ECF_HOST"),
    beside("port", Beside::Port, Arity::One, "PORT", "the primary's port, before ECF_PORT"),
    beside("rid", Beside::Rid, Arity::One, "RID", "the job's process id or batch id, before ECF_RID"),
    beside("add", Beside::Add, Arity::Many, "NAME=VALUE...", "with --init: variables to add to the task"),
    beside("remove", Beside::Remove, Arity::Many, "NAME...", "with --complete: variables to remove from the task"),
    beside("user", Beside::User, Arity::One, "USER", "the custom user, before ECF_USER"),
    beside("password", Beside::Password, Arity::One, "PASSWORD", "the user's password, before the password files"),
    beside("ssl", Beside::Protocol(Protocol::Ssl), Arity::None, "", "speak TLS, before ECF_SSL and ECF_HOST_PROTOCOL"),
    beside("http", Beside::Protocol(Protocol::Http), Arity::None, "", "speak HTTP"),
    beside("https", Beside::Protocol(Protocol::Https), Arity::None, "", "speak HTTPS"),
    beside("debug", Beside::Debug, Arity::None, "", "log to stderr"),
    beside("help", Beside::Help, Arity::Optional, "[COMMAND|summary|all|child|user|option]", "tell about one option, a class of them, or all"),
    beside("version", Beside::Version, Arity::None, "", "print the version of this client"),
];

/// Options of one letter, as ecFlow 5.17.0 has them.
const SHORT: &[(&[u8], &str)] = &[(b"-h", "help"), (b"-v", "version"), (b"-d", "debug")];

#[derive(Clone, Copy)]
enum OptionName {
    Command(&'static Row),
    Beside(&'static BesideRow),
    NotOffered(&'static str, &'static str),
}

impl OptionName {
    fn name(self) -> &'static str {
        match self {
            Self::Command(row) => row.name,
            Self::Beside(row) => row.name,
            Self::NotOffered(name, _) => name,
        }
    }

    fn arity(self) -> Arity {
        match self {
            Self::Command(row) => row.arity,
            Self::Beside(row) => row.arity,
            Self::NotOffered(..) => Arity::Many,
        }
    }

    /// Whether a following word that begins with two dashes, and is no option, is a value.
    fn takes_dashes(self) -> bool {
        matches!(
            self.name(),
            "label" | "abort" | "alter" | "meter" | "wait" | "msg" | "password"
        )
    }
}

/// The words of one command line, sorted.
pub(super) struct Words<'a> {
    /// The command's own.
    pub(super) values: Vec<&'a [u8]>,
    /// `--add`.
    pub(super) add: Vec<&'a [u8]>,
    /// `--remove`.
    pub(super) remove: Vec<&'a [u8]>,
    /// `--rid`, when given.
    pub(super) rid: Option<&'a [u8]>,
    pub(super) around: &'a Surroundings<'a>,
}

impl<'a> Words<'a> {
    fn new(around: &'a Surroundings<'a>) -> Self {
        Self {
            values: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            rid: None,
            around,
        }
    }
}

/// What stands on a command line.
struct Line<'a> {
    row: Option<&'static Row>,
    words: Words<'a>,
    host: Option<Host>,
    port: Option<u16>,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    protocol: Option<Protocol>,
    debug: bool,
    answer: Option<Vec<u8>>,
}

/// Reads a command line (without the program's name).
///
/// # Errors
/// [`CommandError`] tells what is wrong with it.
pub fn parse(argv: &[Vec<u8>], around: &Surroundings<'_>) -> Result<Understood, CommandError> {
    let line = read(argv, around)?;
    if let Some(answer) = line.answer {
        return Ok(Understood::Answer(answer));
    }
    let words = &line.words;
    let row = line.row.ok_or(CommandError::NoCommand)?;
    check_company(row, words)?;
    if row.kind == Kind::Task {
        check_identity(around.task)?;
    }
    let draft = row.read(words)?;
    let remote_id = match (row.name, words.rid) {
        ("init", _) => words.values.first().copied().unwrap_or_default(),
        (_, Some(rid)) => rid,
        (_, None) => &around.task.remote_id,
    };
    Ok(Understood::Send(Box::new(Invocation {
        command: command(row, draft),
        host: line.host,
        port: line.port,
        remote_id: remote_id.to_vec(),
        user: line.user.map(<[u8]>::to_vec),
        password: line.password.map(Secret::from),
        protocol: line.protocol,
        debug: line.debug,
    })))
}

fn command(row: &'static Row, draft: Draft) -> super::Command {
    super::Command {
        name: row.name,
        kind: row.kind,
        request: crate::wire::Request {
            class: row.class,
            fields: draft.fields,
        },
        legal: draft.legal,
        parts: draft.parts,
        questions: draft.questions,
        shows: draft.shows,
        repeat: draft.repeat,
        reply_limit: row.limit_s * 1_000,
        purpose: row.purpose,
    }
}

/// Reads one command of a group, which takes no option beside it.
pub(super) fn read_one(
    argv: &[Vec<u8>],
    around: &Surroundings<'_>,
) -> Result<(&'static Row, Draft), CommandError> {
    let mut rest = argv;
    let mut found = None;
    while let Some((word, tail)) = rest.split_first() {
        let (option, values, behind) = take(word, tail)?;
        let row = match (option, found) {
            (OptionName::NotOffered(name, why), _) => {
                return Err(CommandError::NotOffered(name, why));
            }
            (OptionName::Beside(row), _) => {
                return Err(CommandError::words(row.name, "cannot stand in a group"));
            }
            (OptionName::Command(row), Some((other, _))) => {
                let other: &Row = other;
                return Err(CommandError::TwoCommands(other.name, row.name));
            }
            (OptionName::Command(row), None) => row,
        };
        found = Some((row, values));
        rest = behind;
    }
    let (row, values) = found.ok_or(CommandError::NoCommand)?;
    let words = Words {
        values,
        ..Words::new(around)
    };
    Ok((row, row.read(&words)?))
}

fn read<'a>(argv: &'a [Vec<u8>], around: &'a Surroundings<'a>) -> Result<Line<'a>, CommandError> {
    let mut line = Line {
        row: None,
        words: Words::new(around),
        host: None,
        port: None,
        user: None,
        password: None,
        protocol: None,
        debug: false,
        answer: None,
    };
    let mut rest = argv;
    while let Some((word, tail)) = rest.split_first() {
        // The mark that ends the options may stand behind them; before words it helps nobody.
        if word == b"--" && tail.is_empty() {
            break;
        }
        let (option, values, behind) = take(word, tail)?;
        rest = behind;
        match option {
            OptionName::NotOffered(name, why) => return Err(CommandError::NotOffered(name, why)),
            OptionName::Command(found) => {
                if let Some(other) = line.row {
                    return Err(CommandError::TwoCommands(other.name, found.name));
                }
                line.row = Some(found);
                line.words.values = values;
            }
            OptionName::Beside(row) => line.beside(row, values)?,
        }
    }
    Ok(line)
}

impl<'a> Line<'a> {
    fn beside(&mut self, row: &BesideRow, values: Vec<&'a [u8]>) -> Result<(), CommandError> {
        let first = values.first().copied().unwrap_or_default();
        let wrong = |why: String| CommandError::words(row.name, why);
        match row.beside {
            Beside::Host => {
                let host = Host::parse(first).map_err(|why| wrong(why.to_string()))?;
                once(row, &mut self.host, host)?;
            }
            Beside::Port => {
                let port = parse_port(first).map_err(|why| wrong(why.to_string()))?;
                once(row, &mut self.port, port)?;
            }
            Beside::Rid => once(row, &mut self.words.rid, first)?,
            Beside::Add => self.words.add.extend(values),
            Beside::Remove => self.words.remove.extend(values),
            Beside::User => once(row, &mut self.user, first)?,
            Beside::Password => once(row, &mut self.password, first)?,
            Beside::Protocol(protocol) => match self.protocol.replace(protocol) {
                Some(other) if other != protocol => {
                    return Err(wrong("--ssl, --http and --https exclude each other".into()));
                }
                _ => {}
            },
            Beside::Debug => self.debug = true,
            Beside::Help => self.answer = Some(help::about(first)),
            Beside::Version => self.answer = Some(help::version()),
        }
        Ok(())
    }
}

/// Fills a place that can be filled once.
fn once<T>(row: &BesideRow, place: &mut Option<T>, value: T) -> Result<(), CommandError> {
    match place.replace(value) {
        Some(_) => Err(CommandError::words(row.name, "is given twice")),
        None => Ok(()),
    }
}

/// What goes with one command only.
fn check_company(row: &Row, words: &Words<'_>) -> Result<(), CommandError> {
    for (option, given, owner) in [
        ("add", !words.add.is_empty(), "init"),
        ("remove", !words.remove.is_empty(), "complete"),
    ] {
        if given && row.name != owner {
            return Err(CommandError::words(
                option,
                format!("goes with --{owner} only"),
            ));
        }
    }
    Ok(())
}

type Taken<'a> = (OptionName, Vec<&'a [u8]>, &'a [Vec<u8>]);

/// One option with its words, and what stands behind them.
fn take<'a>(word: &'a [u8], tail: &'a [Vec<u8>]) -> Result<Taken<'a>, CommandError> {
    let (option, mut values) = read_option(word)?;
    let taken = take_words(option, values.len(), tail);
    values.extend(tail[..taken].iter().map(Vec::as_slice));
    check_count(option, &values)?;
    Ok((option, values, &tail[taken..]))
}

fn read_option(word: &[u8]) -> Result<(OptionName, Vec<&[u8]>), CommandError> {
    let short = SHORT.iter().find(|(letter, _)| *letter == word);
    let body = short
        .map(|(_, name)| name.as_bytes())
        .or(word.strip_prefix(b"--"));
    let Some(body) = body else {
        return Err(CommandError::StrayWord(shown(word)));
    };
    let (name, value) = match body.iter().position(|&b| b == b'=') {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let option = find(name).map_err(|found| match found.as_slice() {
        [] => CommandError::UnknownOption(shown(&word[..name.len() + 2])),
        several => {
            let names: Vec<_> = several.iter().map(|o| format!("--{}", o.name())).collect();
            CommandError::AmbiguousOption(shown(&word[..name.len() + 2]), names.join(", "))
        }
    })?;
    match (option, value) {
        (OptionName::NotOffered(..), _) => Ok((option, Vec::new())),
        (_, Some(_)) if option.arity() == Arity::None => {
            Err(CommandError::words(option.name(), "takes no value"))
        }
        (_, Some(value)) => Ok((option, vec![value])),
        (_, None) => Ok((option, Vec::new())),
    }
}

/// The option of this name, or the only one that begins so; else all that begin so.
fn find(name: &[u8]) -> Result<OptionName, Vec<OptionName>> {
    let commands = COMMANDS.iter().map(OptionName::Command);
    let beside = BESIDE.iter().map(OptionName::Beside);
    let not_offered = NOT_OFFERED
        .iter()
        .filter(|(use_of, _)| !use_of.contains(' '))
        .map(|(name, why)| OptionName::NotOffered(name, why));
    let mut candidates: Vec<_> = commands
        .chain(beside)
        .chain(not_offered)
        .filter(|option| !name.is_empty() && option.name().as_bytes().starts_with(name))
        .collect();
    let exact = candidates.iter().position(|o| o.name().as_bytes() == name);
    match (exact, candidates.len()) {
        (Some(at), _) => Ok(candidates.swap_remove(at)),
        (None, 1) => Ok(candidates.swap_remove(0)),
        _ => Err(candidates),
    }
}

/// How many of the following words belong to the option.
fn take_words(option: OptionName, attached: usize, tail: &[Vec<u8>]) -> usize {
    let is_value = |word: &Vec<u8>| match word.strip_prefix(b"--") {
        None => true,
        Some(rest) => {
            let name = rest.split(|&b| b == b'=').next().unwrap_or_default();
            option.takes_dashes() && find(name).is_err()
        }
    };
    let following = tail.iter().take_while(|word| is_value(word)).count();
    match option.arity() {
        Arity::None => 0,
        Arity::One if attached == 1 => 0,
        Arity::One => following.min(1),
        Arity::Optional | Arity::Many => following,
    }
}

/// The words behind `--password`, whatever else is wrong with the command line.
pub fn passwords_in(argv: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    argv.iter().enumerate().flat_map(|(at, word)| {
        let name = word.strip_prefix(b"--").unwrap_or_default();
        let (name, attached) = match name.iter().position(|&b| b == b'=') {
            Some(equals) => (&name[..equals], Some(&name[equals + 1..])),
            None => (name, None),
        };
        let is_password = name.starts_with(b"pa") && b"password".starts_with(name);
        let behind = argv[at + 1..].iter().map(Vec::as_slice);
        // A password with blanks that nobody quoted is several words.
        let behind = behind.take_while(|word| !word.starts_with(b"--"));
        let words = attached.into_iter().chain(behind);
        words.filter(move |_| is_password)
    })
}

/// An empty word is no value: mostly it is a variable that is not set, and without a value
/// some commands mean everything. A reason may be empty.
fn check_count(option: OptionName, values: &[&[u8]]) -> Result<(), CommandError> {
    let is_missing = match (option, option.arity()) {
        (OptionName::NotOffered(..), _) | (_, Arity::None) => false,
        (_, Arity::One | Arity::Many) => values.first().is_none_or(|value| value.is_empty()),
        (_, Arity::Optional) => {
            option.name() != "abort" && values.first().is_some_and(|value| value.is_empty())
        }
    };
    match is_missing {
        true => Err(CommandError::words(option.name(), "needs a value")),
        false => Ok(()),
    }
}

fn check_identity(task: &TaskIdentity) -> Result<(), CommandError> {
    const MISSING: &str = "not set: a task command needs it (ecFlow sets it in the job's head.h)";
    let wrong = |key, why| Err(CommandError::Environment { key, why });
    match (task.path.as_slice(), task.password.reveal()) {
        ([], _) => wrong("ECF_NAME", MISSING),
        ([b'/', ..], [_, ..]) => Ok(()),
        ([b'/', ..], []) => wrong("ECF_PASS", MISSING),
        (_, _) => wrong("ECF_NAME", "not a task's path: it must begin with '/'"),
    }
}
