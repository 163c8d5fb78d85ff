//! The words of the user commands.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::argv::Words;
use super::table::Draft;
use super::{CommandError, shown};

type Built = Result<(), CommandError>;

pub(super) fn no_members(_: &Words<'_>, _: &mut Draft) -> Built {
    Ok(())
}

pub(super) fn restart(_: &Words<'_>, draft: &mut Draft) -> Built {
    draft.number("api_", 2);
    Ok(())
}

pub(super) fn shutdown(words: &Words<'_>, draft: &mut Draft) -> Built {
    confirmed("shutdown", words)?;
    draft.number("api_", 3);
    Ok(())
}

pub(super) fn halt(words: &Words<'_>, draft: &mut Draft) -> Built {
    confirmed("halt", words)?;
    draft.number("api_", 4);
    Ok(())
}

/// A library cannot ask "are you sure?", so the answer must stand on the command line.
fn confirmed(option: &'static str, words: &Words<'_>) -> Built {
    match words.values[..] {
        [b"yes"] => Ok(()),
        _ => Err(CommandError::words(
            option,
            format!("asks no question here: confirm it as --{option}=yes"),
        )),
    }
}

pub(super) fn ping(_: &Words<'_>, draft: &mut Draft) -> Built {
    draft.number("api_", 8);
    Ok(())
}

pub(super) fn suites(_: &Words<'_>, draft: &mut Draft) -> Built {
    draft.number("api_", 11);
    Ok(())
}

pub(super) fn suspend(words: &Words<'_>, draft: &mut Draft) -> Built {
    paths_command("suspend", 1, words, draft)
}

pub(super) fn resume(words: &Words<'_>, draft: &mut Draft) -> Built {
    paths_command("resume", 2, words, draft)
}

fn paths_command(option: &'static str, api: i64, words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, paths) = split_paths(&words.values);
    if let Some(odd) = options.first() {
        let why = format!("{} is not a path: paths begin with '/'", shown(odd));
        return Err(CommandError::words(option, why));
    }
    need_paths(option, &paths)?;
    draft.number("api_", api);
    draft.texts("paths_", &paths);
    draft.flag("force_", false);
    Ok(())
}

/// A path begins with `/` and has neither a blank nor a colon; the rest are options.
pub(super) fn split_paths<'a>(words: &[&'a [u8]]) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    words
        .iter()
        .partition(|word| !word.starts_with(b"/") || word.contains(&b' ') || word.contains(&b':'))
}

pub(super) fn need_paths(option: &'static str, paths: &[&[u8]]) -> Built {
    match paths {
        [] => Err(CommandError::words(
            option,
            "no path is given: paths begin with '/'",
        )),
        _ => Ok(()),
    }
}

pub(super) fn begin(words: &Words<'_>, draft: &mut Draft) -> Built {
    let value = words.values.first().copied().unwrap_or_default();
    let parts: Vec<_> = value
        .split(|&b| b == b' ')
        .filter(|part| !part.is_empty())
        .collect();
    let (suite, force): (&[u8], bool) = match parts[..] {
        [] => (b"", false),
        [b"--force"] => (b"", true),
        [suite] => (suite, false),
        [suite, b"--force"] => (suite, true),
        _ => {
            let why = "takes a suite, \"SUITE --force\", \"--force\" or nothing";
            return Err(CommandError::words("begin", why));
        }
    };
    if force {
        // A second one would reset what has run since the first.
        draft.repeat = crate::config::Repeat::No;
    }
    draft.text("suiteName_", suite.strip_prefix(b"/").unwrap_or(suite));
    draft.flag("force_", force);
    Ok(())
}

pub(super) fn load(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: String| Err(CommandError::words("load", why));
    let (mut force, mut file): (bool, Option<&[u8]>) = (false, None);
    for word in &words.values {
        match *word {
            b"force" => force = true,
            b"check_only" | b"print" | b"stats" => {
                return wrong(format!(
                    "{} needs ecFlow's own reader of definitions: use ecflow_client for it",
                    shown(word)
                ));
            }
            word => file = Some(word),
        }
    }
    let Some(file) = file else {
        return wrong("needs a file".into());
    };
    let is_text = file.contains(&b'\n');
    let (name, text): (&[u8], Vec<u8>) = match is_text {
        true => (b"", file.to_vec()),
        false => {
            let path = Path::new(OsStr::from_bytes(file));
            let text = (words.around.read_file)(path).map_err(|why| CommandError::File {
                option: "load",
                file: shown(file),
                why,
            })?;
            (file, text)
        }
    };
    // An "extern" line ends an ecFlow server (5.9.2 and 5.17.0).
    let is_extern = |line: &[u8]| {
        let words = line.split(u8::is_ascii_whitespace);
        words.clone().find(|word| !word.is_empty()) == Some(b"extern")
    };
    if let Some(at) = text.split(|&b| b == b'\n').position(is_extern) {
        return wrong(format!(
            "line {} is an extern, which would end the server: use ecflow_client for it",
            at + 1
        ));
    }
    draft.flag("force_", force);
    draft.text("defs_", text);
    draft.text("defs_filename_", name);
    Ok(())
}

const STATES: &[&[u8]] = &[
    b"unknown",
    b"complete",
    b"queued",
    b"submitted",
    b"active",
    b"aborted",
];
const EVENT_STATES: &[&[u8]] = &[b"set", b"clear"];

pub(super) fn force(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: String| Err(CommandError::words("force", why));
    let (mut state, mut recursive, mut full): (&[u8], bool, bool) = (b"", false, false);
    let mut paths: Vec<&[u8]> = Vec::new();
    for word in &words.values {
        match *word {
            path if path.starts_with(b"/") && !path.contains(&b' ') => paths.push(path),
            word if word.eq_ignore_ascii_case(b"recursive") => recursive = true,
            word if word.eq_ignore_ascii_case(b"full") => full = true,
            word if STATES.contains(&word) || EVENT_STATES.contains(&word) => state = word,
            word => {
                return wrong(format!(
                    "{} is not unknown, complete, queued, submitted, active, aborted, set, clear, recursive or full",
                    shown(word)
                ));
            }
        }
    }
    need_paths("force", &paths)?;
    if state.is_empty() {
        return wrong("needs a state, or set or clear for an event".into());
    }
    if EVENT_STATES.contains(&state)
        && let Some(path) = paths.iter().find(|path| !path.contains(&b':'))
    {
        return wrong(format!("{} names no event: write PATH:EVENT", shown(path)));
    }
    draft.texts("paths_", &paths);
    draft.text("stateOrEvent_", state);
    draft.flag("recursive_", recursive);
    draft.flag("setRepeatToLastValue_", full);
    Ok(())
}

pub(super) fn requeue(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, paths) = split_paths(&words.values);
    need_paths("requeue", &paths)?;
    let option = match options[..] {
        [] => 0,
        [b"abort"] => 1,
        [b"force"] => 2,
        _ => {
            return Err(CommandError::words(
                "requeue",
                "takes paths and at most one of abort and force",
            ));
        }
    };
    draft.texts("paths_", &paths);
    draft.number("option_", option);
    Ok(())
}

/// What stands behind a query's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueryShape {
    Path,
    PathAndDirection,
    PathAndName,
    PathAndExpression,
}

const QUERIES: &[(&[u8], QueryShape)] = &[
    (b"state", QueryShape::Path),
    (b"dstate", QueryShape::Path),
    (b"repeat", QueryShape::PathAndDirection),
    (b"event", QueryShape::PathAndName),
    (b"meter", QueryShape::PathAndName),
    (b"label", QueryShape::PathAndName),
    (b"variable", QueryShape::PathAndName),
    (b"limit", QueryShape::PathAndName),
    (b"limit_max", QueryShape::PathAndName),
    (b"trigger", QueryShape::PathAndExpression),
];

pub(super) fn query(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: &str| Err(CommandError::words("query", why));
    let asked = words.values[0];
    let Some((_, shape)) = QUERIES.iter().find(|(name, _)| *name == asked) else {
        return wrong(
            "the type must be state, dstate, repeat, event, meter, label, variable, limit, limit_max or trigger",
        );
    };
    if words
        .values
        .get(1)
        .is_none_or(|path| !path.starts_with(b"/"))
    {
        return wrong("a path that begins with '/' must follow the type");
    }
    let (path, attribute): (&[u8], &[u8]) = match (shape, &words.values[1..]) {
        (QueryShape::Path | QueryShape::PathAndDirection, [path]) => (path, b""),
        (QueryShape::PathAndDirection, [path, direction @ (b"next" | b"prev")]) => {
            (path, direction)
        }
        (QueryShape::PathAndName, [path]) => match path.iter().position(|&b| b == b':') {
            Some(colon) => (&path[..colon], &path[colon + 1..]),
            None => return wrong("this type takes PATH:NAME"),
        },
        (QueryShape::PathAndExpression, [path, expression]) => (path, expression),
        (QueryShape::Path, _) => return wrong("this type takes a path and nothing more"),
        (QueryShape::PathAndDirection, _) => return wrong("repeat takes PATH [next|prev]"),
        (QueryShape::PathAndName, _) => return wrong("this type takes PATH:NAME"),
        (QueryShape::PathAndExpression, _) => return wrong("trigger takes PATH EXPRESSION"),
    };
    let task = &words.around.task.path;
    if !task.is_empty() && !task.starts_with(b"/") {
        return Err(CommandError::Environment {
            key: "ECF_NAME",
            why: "not a task's path: it must begin with '/'",
        });
    }
    draft.text("query_type_", asked);
    draft.text("path_to_attribute_", path);
    draft.text("attribute_", attribute);
    draft.text("path_to_task_", task.as_slice());
    Ok(())
}
