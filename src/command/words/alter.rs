//! The words of `--alter`: an action, a type, and what the type takes; paths anywhere.

use super::task::is_name;
use super::user::whole;
use super::{attributes, paths};
use crate::command::draft::{Draft, Words};
use crate::command::{CommandError, EcflowVersion, ServerQuery};
use crate::model::Repeat;

/// What stands behind the type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing.
    Nothing,
    /// One word, sent as the name.
    One,
    /// A name, or nothing for all.
    NameOrAll,
    /// A name and a value.
    NameValue,
    /// A name and perhaps a value.
    NameMaybeValue,
}

/// "None", the number of each enumeration that the command does not use.
const NO_ADD: i64 = 6;
const NO_DELETE: i64 = 16;
const NO_CHANGE: i64 = 13;
const NO_FLAG: i64 = 19;

type Types = &'static [(&'static [u8], i64, Shape)];

const ADD: Types = &[
    (b"time", 0, Shape::One),
    (b"today", 1, Shape::One),
    (b"date", 2, Shape::One),
    (b"day", 3, Shape::One),
    (b"zombie", 4, Shape::One),
    (b"variable", 5, Shape::NameValue),
    (b"late", 7, Shape::One),
    (b"limit", 8, Shape::NameValue),
    (b"inlimit", 9, Shape::NameMaybeValue),
    (b"label", 10, Shape::NameValue),
    (b"aviso", 11, Shape::NameValue),
    (b"mirror", 12, Shape::NameValue),
    (b"event", 13, Shape::NameMaybeValue),
    (b"meter", 14, Shape::NameValue),
];

const DELETE: Types = &[
    (b"variable", 0, Shape::NameOrAll),
    (b"time", 1, Shape::NameOrAll),
    (b"today", 2, Shape::NameOrAll),
    (b"date", 3, Shape::NameOrAll),
    (b"day", 4, Shape::NameOrAll),
    (b"cron", 5, Shape::NameOrAll),
    (b"event", 6, Shape::NameOrAll),
    (b"meter", 7, Shape::NameOrAll),
    (b"label", 8, Shape::NameOrAll),
    (b"trigger", 9, Shape::Nothing),
    (b"complete", 10, Shape::Nothing),
    (b"repeat", 11, Shape::Nothing),
    (b"limit", 12, Shape::NameOrAll),
    (b"limit_path", 13, Shape::NameValue),
    (b"inlimit", 14, Shape::NameOrAll),
    (b"zombie", 15, Shape::One),
    (b"late", 17, Shape::Nothing),
    (b"queue", 18, Shape::NameOrAll),
    (b"generic", 19, Shape::NameOrAll),
    (b"aviso", 20, Shape::One),
    (b"mirror", 21, Shape::One),
];

const CHANGE: Types = &[
    (b"variable", 0, Shape::NameMaybeValue),
    (b"clock_type", 1, Shape::One),
    (b"clock_date", 2, Shape::One),
    (b"clock_gain", 3, Shape::One),
    (b"event", 4, Shape::NameMaybeValue),
    (b"meter", 5, Shape::NameValue),
    (b"label", 6, Shape::NameMaybeValue),
    (b"trigger", 7, Shape::One),
    (b"complete", 8, Shape::One),
    (b"repeat", 9, Shape::One),
    (b"limit_max", 10, Shape::NameValue),
    (b"limit_value", 11, Shape::NameValue),
    (b"defstatus", 12, Shape::One),
    (b"clock_sync", 14, Shape::Nothing),
    (b"late", 15, Shape::One),
    (b"time", 16, Shape::NameValue),
    (b"today", 17, Shape::NameValue),
    (b"aviso", 18, Shape::NameValue),
    (b"mirror", 19, Shape::NameValue),
];

/// What ecFlow 5.9.2 does not know: it would answer that all is well, and do nothing.
const NEWER: &[(&[u8], &[&[u8]])] = &[
    (b"add", &[b"aviso", b"mirror", b"event", b"meter"]),
    (b"delete", &[b"aviso", b"mirror"]),
    (b"change", &[b"aviso", b"mirror"]),
    (b"set_flag", &[b"remote_error"]),
    (b"clear_flag", &[b"remote_error"]),
];

const FLAGS: &[&[u8]] = &[
    b"force_aborted",
    b"user_edit",
    b"task_aborted",
    b"edit_failed",
    b"ecfcmd_failed",
    b"no_script",
    b"killed",
    b"late",
    b"message",
    b"by_rule",
    b"queue_limit",
    b"task_waiting",
    b"locked",
    b"zombie",
    b"no_reque",
    b"archived",
    b"restored",
    b"threshold",
    b"sigterm",
    b"",
    b"log_error",
    b"checkpt_error",
    b"killcmd_failed",
    b"statuscmd_failed",
    b"status",
    b"remote_error",
];

const SORTS: &[&[u8]] = &[b"event", b"meter", b"label", b"limit", b"variable", b"all"];
/// The members of an AlterCmd.
struct Alteration {
    name: Vec<u8>,
    value: Vec<u8>,
    add: i64,
    delete: i64,
    change: i64,
    flag: i64,
    is_set: bool,
}

impl Default for Alteration {
    fn default() -> Self {
        Self {
            name: Vec::new(),
            value: Vec::new(),
            add: NO_ADD,
            delete: NO_DELETE,
            change: NO_CHANGE,
            flag: NO_FLAG,
            is_set: false,
        }
    }
}

type Altered = Result<Alteration, CommandError>;

pub(in crate::command) fn alter(words: &Words<'_>, draft: &mut Draft) -> Result<(), CommandError> {
    let (mut options, mut paths) = paths::split(&words.values);
    paths::need("alter", &paths)?;
    take_value_back(&mut options, &mut paths);
    let [action, kind, rest @ ..] = options.as_slice() else {
        return wrong("takes ACTION TYPE [NAME] [VALUE] PATH...".into());
    };
    let alteration = match *action {
        b"add" => add(kind, rest, words)?,
        b"delete" => delete(kind, rest, words)?,
        b"change" => change(kind, rest, words)?,
        b"set_flag" => flag(kind, rest, true, words)?,
        b"clear_flag" => flag(kind, rest, false, words)?,
        b"sort" => sort(kind, rest, words)?,
        other => {
            return wrong(format!(
                "{} is not add, change, delete, set_flag, clear_flag or sort",
                words.shown(other)
            ));
        }
    };
    if NEWER
        .iter()
        .any(|(newer, kinds)| newer == action && kinds.contains(kind))
    {
        let what = [b"--alter ", *action, b" ", *kind].concat();
        draft.queries.push(ServerQuery::Version {
            what: String::from_utf8_lossy(&what).into_owned(),
            since: EcflowVersion([5, 17, 0]),
        });
    }
    // A second "add" adds again, and a second "delete" finds nothing and is an error.
    draft.repeat = match *action {
        b"add" | b"delete" => Repeat::No,
        _ => Repeat::Ordered,
    };
    draft.texts("paths_", &paths);
    draft.text("name_", alteration.name);
    draft.text("value_", alteration.value);
    draft.number("add_attr_type_", alteration.add);
    draft.number("del_attr_type_", alteration.delete);
    draft.number("change_attr_type_", alteration.change);
    draft.number("flag_type_", alteration.flag);
    draft.flag("flag_", alteration.is_set);
    Ok(())
}

fn wrong<T>(why: String) -> Result<T, CommandError> {
    Err(CommandError::words("alter", why))
}

/// A value that looks like a path is one: the first path is the value of a variable or a
/// label, or the path that a limit holds, when a path is left after it.
fn take_value_back<'a>(options: &mut Vec<&'a [u8]>, paths: &mut Vec<&'a [u8]>) {
    let lacks_value = matches!(
        options.as_slice(),
        [b"add" | b"change", b"variable" | b"label", _]
            | [b"add", b"event" | b"meter", _]
            | [b"delete", b"limit_path", _]
    );
    if lacks_value && paths.len() >= 2 {
        options.push(paths.remove(0));
    }
}

fn typed(
    types: Types,
    action: &str,
    kind: &[u8],
    rest: &[&[u8]],
    words: &Words<'_>,
) -> Result<(i64, Vec<u8>, Vec<u8>), CommandError> {
    let Some((_, number, shape)) = types.iter().find(|(name, ..)| *name == kind) else {
        let known: Vec<_> = types
            .iter()
            .map(|(name, ..)| String::from_utf8_lossy(name))
            .collect();
        return wrong(format!(
            "{} cannot be used with {action}: give one of {}",
            words.shown(kind),
            known.join(", ")
        ));
    };
    let (name, value): (&[u8], &[u8]) = match (shape, rest) {
        (Shape::Nothing | Shape::NameOrAll, []) => (b"", b""),
        (Shape::One | Shape::NameOrAll | Shape::NameMaybeValue, [name]) => (name, b""),
        (Shape::NameValue | Shape::NameMaybeValue, [name, value]) => (name, value),
        _ => {
            let takes = match shape {
                Shape::Nothing => "nothing more",
                Shape::One => "one word",
                Shape::NameOrAll => "a name or nothing",
                Shape::NameValue => "two words",
                Shape::NameMaybeValue => "one or two words",
            };
            return wrong(format!("{action} {} takes {takes}", words.shown(kind)));
        }
    };
    Ok((*number, name.to_vec(), value.to_vec()))
}

fn add(kind: &[u8], rest: &[&[u8]], words: &Words<'_>) -> Altered {
    let tokens;
    let rest = match (kind, rest) {
        // `-s N`, tokens taken by a submission only, is one value.
        (b"inlimit", [name, b"-s", number]) => {
            tokens = [b"-s ", *number].concat();
            &[*name, &tokens]
        }
        _ => rest,
    };
    let (add, name, value) = typed(ADD, "add", kind, rest, words)?;
    if matches!(
        kind,
        b"variable" | b"label" | b"limit" | b"event" | b"meter"
    ) && !is_name(&name)
    {
        return wrong(format!("{} is not a name", words.shown(&name)));
    }
    if let Some(wanted) = attributes::wanted(kind, &name) {
        return wrong(format!("{} is not {wanted}", words.shown(&name)));
    }
    let wanted = match (kind, value.as_slice()) {
        (b"limit", value) if whole(value).is_none() => "a whole number",
        (b"inlimit", value) if !value.is_empty() && !is_tokens(value) => {
            "a whole number, -n, or -s and a whole number"
        }
        (b"event", value) if !matches!(value, b"" | b"set" | b"clear") => "set or clear",
        (b"meter", value) if !is_range(value) => "MIN,MAX,VALUE",
        _ => "",
    };
    if !wanted.is_empty() {
        return wrong(format!("{} is not {wanted}", words.shown(&value)));
    }
    Ok(Alteration {
        name,
        value,
        add,
        ..Alteration::default()
    })
}

fn is_tokens(value: &[u8]) -> bool {
    let number = value.strip_prefix(b"-s ").unwrap_or(value);
    value == b"-n" || whole(number.trim_ascii()).is_some()
}

fn is_range(value: &[u8]) -> bool {
    let parts: Vec<_> = value.split(|&b| b == b',').map(whole).collect();
    parts.len() == 3 && parts.iter().all(Option::is_some)
}

fn delete(kind: &[u8], rest: &[&[u8]], words: &Words<'_>) -> Altered {
    let (delete, name, value) = typed(DELETE, "delete", kind, rest, words)?;
    if kind == b"zombie" && !attributes::ZOMBIES.contains(&name.as_slice()) {
        return wrong(format!("{} is not a type of zombie", words.shown(&name)));
    }
    Ok(Alteration {
        name,
        value,
        delete,
        ..Alteration::default()
    })
}

fn change(kind: &[u8], rest: &[&[u8]], words: &Words<'_>) -> Altered {
    let (change, name, mut value) = typed(CHANGE, "change", kind, rest, words)?;
    if kind == b"label" {
        value = with_newlines(&value);
    }
    Ok(Alteration {
        name,
        value,
        change,
        ..Alteration::default()
    })
}

/// In a changed label the two characters `\n` mean a new line.
fn with_newlines(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        match rest {
            [b'\\', b'n', behind @ ..] => {
                lines.push(b'\n');
                rest = behind;
            }
            _ => {
                lines.push(*first);
                rest = tail;
            }
        }
    }
    lines
}

fn flag(kind: &[u8], rest: &[&[u8]], is_set: bool, words: &Words<'_>) -> Altered {
    let number = FLAGS
        .iter()
        .position(|name| !name.is_empty() && *name == kind);
    match (number, rest) {
        (Some(number), []) => Ok(Alteration {
            flag: i64::try_from(number).unwrap_or(NO_FLAG),
            is_set,
            ..Alteration::default()
        }),
        (Some(_), _) => wrong("a flag takes nothing but paths".into()),
        (None, _) => wrong(format!("{} is not a flag", words.shown(kind))),
    }
}

fn sort(kind: &[u8], rest: &[&[u8]], words: &Words<'_>) -> Altered {
    match rest {
        _ if !SORTS.contains(&kind) => wrong(format!("{} cannot be sorted", words.shown(kind))),
        [] | [b"recursive"] => Ok(Alteration {
            name: kind.to_vec(),
            value: rest.concat(),
            ..Alteration::default()
        }),
        _ => wrong("sort takes a type and perhaps recursive".into()),
    }
}
