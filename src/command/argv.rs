//! The grammar of the command line: options, their words, and what goes beside a command.

use super::beside::{BESIDE, Beside, BesideRow};
use super::draft::{Arity, Member, Words};
use super::quoting::Quoting;
use super::table::{COMMANDS, CommandRow, InGroup, NOT_OFFERED};
use super::{Command, CommandError, Surroundings, Understood, help};
use crate::config::Protocol;
use crate::model::{Host, Kind, Secret, Secrets, TaskIdentity, parse_port, quoted};

/// Options of one letter, as ecFlow 5.17.0 has them.
const SHORT: &[(&[u8], &str)] = &[(b"-h", "help"), (b"-v", "version"), (b"-d", "debug")];

#[derive(Clone, Copy)]
enum OptionName {
    Command(&'static CommandRow),
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

    fn takes_dashes(self) -> bool {
        match self {
            Self::Command(row) => row.takes_dashes,
            Self::Beside(row) => row.takes_dashes,
            Self::NotOffered(..) => false,
        }
    }

    fn takes_empty(self) -> bool {
        match self {
            Self::Command(row) => row.takes_empty,
            Self::Beside(_) | Self::NotOffered(..) => false,
        }
    }
}

/// A command line whose options are known; what their words mean is still to be read.
pub struct CommandLine<'a> {
    row: Option<&'static CommandRow>,
    beside: Vec<&'static BesideRow>,
    values: Vec<&'a [u8]>,
    add: Vec<&'a [u8]>,
    remove: Vec<&'a [u8]>,
    rid: Option<&'a [u8]>,
    host: Option<Host>,
    port: Option<u16>,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    protocol: Option<Protocol>,
    debug: bool,
    answer: Option<Vec<u8>>,
    quoting: Quoting<'a>,
}

/// Reads a command line (without the program's name).
///
/// # Errors
/// [`CommandError`] tells what is wrong with it, without any password that stands in it.
pub fn parse(argv: &[Vec<u8>], around: &Surroundings<'_>) -> Result<Understood, CommandError> {
    let secrets = secrets_in(argv, &around.task.password);
    let line = CommandLine::read(argv, &secrets)?;
    if let Some(answer) = line.answer {
        return Ok(Understood::Answer(answer));
    }
    let command = line.command(around)?;
    Ok(Understood::Send(Box::new(command)))
}

/// The secrets that a command line holds, beside the job's password.
#[must_use]
pub fn secrets_in(argv: &[Vec<u8>], job_password: &Secret) -> Secrets {
    let mut secrets = Secrets::from(job_password);
    passwords_in(argv).for_each(|word| secrets.add(&Secret::from(word)));
    secrets
}

impl<'a> CommandLine<'a> {
    /// Sorts the words by their options. `secrets` are kept out of what is told.
    ///
    /// # Errors
    /// [`CommandError`] tells what is wrong with it.
    pub fn read(argv: &'a [Vec<u8>], secrets: &'a Secrets) -> Result<Self, CommandError> {
        let mut line = Self {
            row: None,
            beside: Vec::new(),
            values: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            rid: None,
            host: None,
            port: None,
            user: None,
            password: None,
            protocol: None,
            debug: false,
            answer: None,
            quoting: Quoting::without(secrets),
        };
        let mut rest = argv;
        while let Some((word, tail)) = rest.split_first() {
            // The mark that ends the options may stand behind them; before words it helps nobody.
            if word == b"--" && tail.is_empty() {
                break;
            }
            let taken = take(word, tail, line.quoting)?;
            rest = taken.behind;
            match taken.option {
                OptionName::NotOffered(name, why) => {
                    return Err(CommandError::NotOffered(name, why));
                }
                OptionName::Command(found) => {
                    if let Some(other) = line.row {
                        return Err(CommandError::TwoCommands(other.name, found.name));
                    }
                    line.row = Some(found);
                    line.values = taken.values;
                    line.quoting = taken.quoting;
                }
                OptionName::Beside(row) => line.beside(row, taken.values)?,
            }
        }
        Ok(line)
    }

    /// Whether it has a task command.
    #[must_use]
    pub fn is_task(&self) -> bool {
        self.row.is_some_and(|row| row.kind == Kind::Task)
    }

    /// What is answered here, without a server: `--help`, `--version`.
    #[must_use]
    pub fn answer(&self) -> Option<&[u8]> {
        self.answer.as_deref()
    }

    /// The command, checked and ready to be encoded.
    ///
    /// # Errors
    /// [`CommandError`] tells what is wrong with its words.
    pub fn command(self, around: &Surroundings<'_>) -> Result<Command, CommandError> {
        let row = self.row.ok_or(CommandError::NoCommand)?;
        self.check_company(row)?;
        if row.kind == Kind::Task {
            check_identity(around.task)?;
        }
        let words = Words {
            values: self.values,
            add: self.add,
            remove: self.remove,
            rid: self.rid,
            around,
            quoting: self.quoting,
            read_member,
        };
        let draft = row.read(&words)?;
        let own_id = words.values.first().filter(|_| row.begins_with_remote_id);
        let remote_id = own_id.copied().or(words.rid);
        let remote_id = remote_id.unwrap_or(&around.task.remote_id).to_vec();
        Ok(Command {
            host: self.host,
            port: self.port,
            remote_id,
            user: self.user.map(<[u8]>::to_vec),
            password: self.password.map(Secret::from),
            protocol: self.protocol,
            debug: self.debug,
            ..Command::new(row, draft)
        })
    }

    /// Some options go with one command only.
    fn check_company(&self, row: &CommandRow) -> Result<(), CommandError> {
        for option in &self.beside {
            if let Some(owner) = option.goes_with
                && owner != row.name
            {
                let why = format!("goes with --{owner} only");
                return Err(CommandError::words(option.name, why));
            }
        }
        Ok(())
    }

    fn beside(
        &mut self,
        row: &'static BesideRow,
        values: Vec<&'a [u8]>,
    ) -> Result<(), CommandError> {
        self.beside.push(row);
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
            Beside::Rid => once(row, &mut self.rid, first)?,
            Beside::Add => self.add.extend(values),
            Beside::Remove => self.remove.extend(values),
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

/// Reads one command of a group, which takes no option beside it.
fn read_member(argv: &[Vec<u8>], group: &Words<'_>) -> Result<Member, CommandError> {
    let quoting = group.quoting;
    let mut rest = argv;
    let mut found = None;
    while let Some((word, tail)) = rest.split_first() {
        let taken = take(word, tail, quoting)?;
        let row = match (taken.option, found) {
            (OptionName::NotOffered(name, why), _) => {
                return Err(CommandError::NotOffered(name, why));
            }
            (OptionName::Beside(row), _) => {
                return Err(CommandError::words(row.name, "cannot stand in a group"));
            }
            (OptionName::Command(row), Some((other, _))) => {
                let other: &CommandRow = other;
                return Err(CommandError::TwoCommands(other.name, row.name));
            }
            (OptionName::Command(row), None) => row,
        };
        found = Some((row, taken.values));
        rest = taken.behind;
    }
    let (row, values) = found.ok_or(CommandError::NoCommand)?;
    // Before its words are read: a group in a group would be read in a group.
    if let InGroup::Never(why) = row.in_group {
        return Err(CommandError::words(
            "group",
            format!("--{}: {why}", row.name),
        ));
    }
    let words = Words {
        values,
        add: Vec::new(),
        remove: Vec::new(),
        rid: None,
        around: group.around,
        quoting,
        read_member,
    };
    Ok(Member {
        name: row.name,
        class: row.class,
        draft: row.read(&words)?,
    })
}

/// Fills a place that can be filled once.
fn once<T>(row: &BesideRow, place: &mut Option<T>, value: T) -> Result<(), CommandError> {
    match place.replace(value) {
        Some(_) => Err(CommandError::words(row.name, "is given twice")),
        None => Ok(()),
    }
}

/// One option with its words, and what stands behind them.
struct Taken<'a> {
    option: OptionName,
    values: Vec<&'a [u8]>,
    behind: &'a [Vec<u8>],
    /// How messages quote the values.
    quoting: Quoting<'a>,
}

fn take<'a>(
    word: &'a [u8],
    tail: &'a [Vec<u8>],
    quoting: Quoting<'a>,
) -> Result<Taken<'a>, CommandError> {
    let (option, attached) = read_option(word, quoting)?;
    let mut values: Vec<_> = attached.into_iter().collect();
    let taken = take_words(option, values.len(), tail);
    values.extend(tail[..taken].iter().map(Vec::as_slice));
    check_count(option, &values)?;
    Ok(Taken {
        option,
        quoting: match attached {
            Some(value) => quoting.of_end(word, value.len()),
            None => quoting,
        },
        values,
        behind: &tail[taken..],
    })
}

/// The option that a word names, and the value that is attached to it.
fn read_option<'a>(
    word: &'a [u8],
    quoting: Quoting<'_>,
) -> Result<(OptionName, Option<&'a [u8]>), CommandError> {
    let short = SHORT.iter().find(|(letter, _)| *letter == word);
    let body = short
        .map(|(_, name)| name.as_bytes())
        .or(word.strip_prefix(b"--"));
    let Some(body) = body else {
        return Err(CommandError::StrayWord(quoting.word(word)));
    };
    let (name, value) = match body.iter().position(|&b| b == b'=') {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let option = find(name).map_err(|found| match found.as_slice() {
        [] => CommandError::UnknownOption(quoting.start(word, name.len() + 2)),
        several => {
            // The beginning of known options is no secret.
            let names: Vec<_> = several.iter().map(|o| format!("--{}", o.name())).collect();
            CommandError::AmbiguousOption(quoted(&word[..name.len() + 2]), names.join(", "))
        }
    })?;
    match (option, value) {
        (OptionName::NotOffered(..), _) => Ok((option, None)),
        (_, Some(_)) if option.arity() == Arity::None => {
            Err(CommandError::words(option.name(), "takes no value"))
        }
        (_, value) => Ok((option, value)),
    }
}

/// The option of this name, or the only one that begins so; else all that begin so.
fn find(name: &[u8]) -> Result<OptionName, Vec<OptionName>> {
    if name.is_empty() {
        return Err(Vec::new());
    }
    // Jobs write names out, and that is the quick way.
    if let Some(exact) = options().find(|option| option.name().as_bytes() == name) {
        return Ok(exact);
    }
    let begins_so = |option: &OptionName| option.name().as_bytes().starts_with(name);
    let mut candidates: Vec<_> = options().filter(begins_so).collect();
    match candidates.len() {
        1 => Ok(candidates.swap_remove(0)),
        _ => Err(candidates),
    }
}

fn options() -> impl Iterator<Item = OptionName> {
    let commands = COMMANDS.iter().map(OptionName::Command);
    let beside = BESIDE.iter().map(OptionName::Beside);
    let not_offered = NOT_OFFERED
        .iter()
        .filter(|(use_of, _)| !use_of.contains(' '))
        .map(|(name, why)| OptionName::NotOffered(name, why));
    commands.chain(beside).chain(not_offered)
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
pub(super) fn passwords_in(argv: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    argv.iter().enumerate().flat_map(|(at, word)| {
        let name = word.strip_prefix(b"--").unwrap_or_default();
        let (name, attached) = match name.iter().position(|&b| b == b'=') {
            Some(equals) => (&name[..equals], Some(&name[equals + 1..])),
            None => (name, None),
        };
        let is_secret = matches!(find(name), Ok(OptionName::Beside(row)) if row.is_secret);
        let behind = argv[at + 1..].iter().map(Vec::as_slice);
        // A password with blanks that nobody quoted is several words.
        let behind = behind.take_while(|word| !word.starts_with(b"--"));
        let words = is_secret.then(|| attached.into_iter().chain(behind));
        words.into_iter().flatten()
    })
}

/// An empty word is no value: mostly it is a variable that is not set, and without a value
/// some commands mean everything.
fn check_count(option: OptionName, values: &[&[u8]]) -> Result<(), CommandError> {
    let is_missing = match (option, option.arity()) {
        (OptionName::NotOffered(..), _) | (_, Arity::None) => false,
        (_, Arity::One | Arity::Many) => values.first().is_none_or(|value| value.is_empty()),
        (_, Arity::Optional) => {
            !option.takes_empty() && values.first().is_some_and(|value| value.is_empty())
        }
    };
    if is_missing {
        Err(CommandError::words(option.name(), "needs a value"))
    } else {
        Ok(())
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
