//! The grammar of the command line: options, their words, and what goes beside a command.

use super::table::{Arity, COMMANDS, Draft, NOT_OFFERED, Row};
use super::{CommandError, Invocation, Surroundings, shown};
use crate::config::TaskIdentity;
use crate::hosts::{Host, parse_port};
use crate::policy::Kind;

/// An option that goes beside a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Host,
    Port,
    Rid,
    Add,
    Remove,
    Debug,
}

const BESIDE: &[(&str, Beside, Arity)] = &[
    ("host", Beside::Host, Arity::One),
    ("port", Beside::Port, Arity::One),
    ("rid", Beside::Rid, Arity::One),
    ("add", Beside::Add, Arity::Many),
    ("remove", Beside::Remove, Arity::Many),
    ("debug", Beside::Debug, Arity::None),
];

#[derive(Clone, Copy)]
enum OptionName {
    Command(&'static Row),
    Beside(&'static str, Beside, Arity),
    NotOffered(&'static str),
}

impl OptionName {
    fn name(self) -> &'static str {
        match self {
            Self::Command(row) => row.name,
            Self::Beside(name, ..) | Self::NotOffered(name) => name,
        }
    }

    fn arity(self) -> Arity {
        match self {
            Self::Command(row) => row.arity,
            Self::Beside(_, _, arity) => arity,
            Self::NotOffered(_) => Arity::Many,
        }
    }

    /// Whether a following word that begins with two dashes, and is no option, is a value.
    fn takes_dashes(self) -> bool {
        matches!(self.name(), "label" | "abort" | "alter" | "meter" | "wait")
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

/// Reads a command line (without the program's name).
///
/// # Errors
/// [`CommandError`] tells what is wrong with it.
pub fn parse(argv: &[Vec<u8>], around: &Surroundings<'_>) -> Result<Invocation, CommandError> {
    let mut words = Words {
        values: Vec::new(),
        add: Vec::new(),
        remove: Vec::new(),
        rid: None,
        around,
    };
    let mut row: Option<&'static Row> = None;
    let (mut host, mut port, mut debug) = (None, None, false);
    let mut rest = argv;
    while let Some((word, tail)) = rest.split_first() {
        let (option, mut values) = read_option(word)?;
        let taken = take_words(option, values.len(), tail);
        values.extend(tail[..taken].iter().map(Vec::as_slice));
        rest = &tail[taken..];
        check_count(option, &values)?;
        let first = values.first().copied().unwrap_or_default();
        match option {
            OptionName::NotOffered(name) => return Err(CommandError::NotOffered(name)),
            OptionName::Command(found) => {
                if let Some(other) = row {
                    return Err(CommandError::TwoCommands(other.name, found.name));
                }
                row = Some(found);
                words.values = values;
            }
            OptionName::Beside(name, beside, _) => match beside {
                Beside::Host => {
                    let read = Host::parse(first);
                    host = Some(read.map_err(|why| CommandError::words(name, why.to_string()))?);
                }
                Beside::Port => {
                    let read = parse_port(first);
                    port = Some(read.map_err(|why| CommandError::words(name, why.to_string()))?);
                }
                Beside::Rid => words.rid = Some(first),
                Beside::Add => words.add = values,
                Beside::Remove => words.remove = values,
                Beside::Debug => debug = true,
            },
        }
    }
    let row = row.ok_or(CommandError::NoCommand)?;
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
    if row.kind == Kind::Task {
        check_identity(around.task)?;
    }
    let mut draft = Draft {
        fields: Vec::new(),
        legal: row.legal,
        repeat: row.repeat,
    };
    (row.build)(&words, &mut draft)?;
    let remote_id = match (row.name, words.rid) {
        ("init", _) => words.values.first().copied().unwrap_or_default(),
        (_, Some(rid)) => rid,
        (_, None) => &around.task.remote_id,
    };
    Ok(Invocation {
        command: super::Command {
            name: row.name,
            kind: row.kind,
            class: row.class,
            fields: draft.fields,
            legal: draft.legal,
            repeat: draft.repeat,
            reply_limit: row.limit_s * 1_000,
        },
        host,
        port,
        remote_id: remote_id.to_vec(),
        debug,
    })
}

fn read_option(word: &[u8]) -> Result<(OptionName, Vec<&[u8]>), CommandError> {
    let Some(body) = word.strip_prefix(b"--") else {
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
        (OptionName::NotOffered(_), _) => Ok((option, Vec::new())),
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
    let beside = BESIDE
        .iter()
        .map(|(name, beside, arity)| OptionName::Beside(name, *beside, *arity));
    let not_offered = NOT_OFFERED.iter().map(|name| OptionName::NotOffered(name));
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

fn check_count(option: OptionName, values: &[&[u8]]) -> Result<(), CommandError> {
    let needs_value = matches!(option.arity(), Arity::One | Arity::Many)
        && !matches!(option, OptionName::NotOffered(_));
    if needs_value && values.first().is_none_or(|value| value.is_empty()) {
        return Err(CommandError::words(option.name(), "needs a value"));
    }
    Ok(())
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
