//! The words of the commands for nodes: paths, and options anywhere between them.

use crate::command::CommandError;
use crate::command::draft::DONE;
use crate::command::draft::{Draft, Words};
use crate::model::Repeat;

type Built = Result<(), CommandError>;

/// A path begins with `/` and has neither a blank nor a colon; the rest are options.
pub(in crate::command) fn split<'a>(words: &[&'a [u8]]) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    words
        .iter()
        .partition(|word| !word.starts_with(b"/") || word.contains(&b' ') || word.contains(&b':'))
}

pub(in crate::command) fn need(option: &'static str, paths: &[&[u8]]) -> Built {
    match paths {
        [] => Err(CommandError::words(
            option,
            "no path is given: paths begin with '/'",
        )),
        _ => Ok(()),
    }
}

fn only_paths<'a>(option: &'static str, words: &Words<'a>) -> Result<Vec<&'a [u8]>, CommandError> {
    let (options, paths) = split(&words.values);
    if let Some(odd) = options.first() {
        let why = format!("{} is not a path: paths begin with '/'", words.shown(odd));
        return Err(CommandError::words(option, why));
    }
    need(option, &paths)?;
    Ok(paths)
}

pub(in crate::command) fn simple(
    option: &'static str,
    api: i64,
    words: &Words<'_>,
    draft: &mut Draft,
) -> Built {
    let paths = only_paths(option, words)?;
    members(api, &paths, draft);
    Ok(())
}

fn members(api: i64, paths: &[&[u8]], draft: &mut Draft) {
    draft.number("api_", api);
    draft.texts("paths_", paths);
    draft.flag("force_", false);
}

pub(in crate::command) fn zombie(
    option: &'static str,
    action: i64,
    words: &Words<'_>,
    draft: &mut Draft,
) -> Built {
    let paths = only_paths(option, words)?;
    draft.number("user_action_", action);
    draft.text("process_id_", "");
    draft.text("password_", "");
    draft.texts("paths_", &paths);
    Ok(())
}

/// The word for all suites; a lone `/` means the same to `--check`.
const ALL: &[u8] = b"_all_";

pub(in crate::command) fn check(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, mut paths) = split(&words.values);
    match options[..] {
        [] => need("check", &paths)?,
        [ALL] => {}
        _ => return Err(CommandError::words("check", "takes paths or _all_")),
    }
    if paths == [b"/"] {
        paths.clear();
    }
    members(5, &paths, draft);
    Ok(())
}

pub(in crate::command) fn edit_history(words: &Words<'_>, draft: &mut Draft) -> Built {
    match words.values[..] {
        [b"clear"] => {
            draft.legal = DONE;
            members(6, &[b"clear"], draft);
        }
        _ => members(6, &only_paths("edit_history", words)?, draft),
    }
    Ok(())
}

/// ecflow_client takes the word force and sends nothing of it.
pub(in crate::command) fn archive(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, paths) = split(&words.values);
    need("archive", &paths)?;
    match options[..] {
        [] | [b"force"] => members(7, &paths, draft),
        _ => return Err(CommandError::words("archive", "takes [force] and paths")),
    }
    Ok(())
}

/// Without paths a server deletes all its suites, so that must be said by name; and a library
/// cannot ask "are you sure?", so the answer must stand before the paths.
pub(in crate::command) fn delete(words: &Words<'_>, draft: &mut Draft) -> Built {
    const BEFORE: [&[u8]; 3] = [b"force", b"yes", ALL];
    let wrong = |why: String| Err(CommandError::words("delete", why));
    let (options, paths) = split(&words.values);
    let mut force = false;
    let mut all = false;
    let mut confirmed = false;
    if let Some(odd) = options.iter().find(|word| !BEFORE.contains(word)) {
        return wrong(format!("{} is not force, yes or _all_", words.shown(odd)));
    }
    for word in &words.values[..options.len()] {
        match *word {
            b"force" => force = true,
            b"yes" => confirmed = true,
            ALL => all = true,
            _ => {}
        }
    }
    match (all, paths.is_empty()) {
        (false, true) => return wrong("no path is given; _all_ deletes all suites".into()),
        (true, false) => return wrong("takes paths or _all_, not both".into()),
        _ => {}
    }
    if !confirmed {
        return wrong("asks no question here: confirm it by the word yes, before the paths".into());
    }
    draft.texts("paths_", &paths);
    draft.flag("force_", force);
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

/// Here a path may have a colon, for the name of an event.
pub(in crate::command) fn force(words: &Words<'_>, draft: &mut Draft) -> Built {
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
                    words.shown(word)
                ));
            }
        }
    }
    need("force", &paths)?;
    if state.is_empty() {
        return wrong("needs a state, or set or clear for an event".into());
    }
    if EVENT_STATES.contains(&state)
        && let Some(path) = paths.iter().find(|path| !path.contains(&b':'))
    {
        return wrong(format!(
            "{} names no event: write PATH:EVENT",
            words.shown(path)
        ));
    }
    draft.texts("paths_", &paths);
    draft.text("stateOrEvent_", state);
    draft.flag("recursive_", recursive);
    draft.flag("setRepeatToLastValue_", full);
    Ok(())
}

pub(in crate::command) fn free_dep(words: &Words<'_>, draft: &mut Draft) -> Built {
    const KINDS: [&[u8]; 4] = [b"trigger", b"all", b"date", b"time"];
    const MEMBERS: [&str; 4] = ["trigger_", "all_", "date_", "time_"];
    let (options, paths) = split(&words.values);
    need("free-dep", &paths)?;
    if let Some(odd) = options.iter().find(|word| !KINDS.contains(word)) {
        let why = format!("{} is not trigger, all, date or time", words.shown(odd));
        return Err(CommandError::words("free-dep", why));
    }
    draft.texts("paths_", &paths);
    for (kind, member) in KINDS.iter().zip(MEMBERS) {
        let by_default = options.is_empty() && *kind == b"trigger";
        draft.flag(member, by_default || options.contains(kind));
    }
    Ok(())
}

pub(in crate::command) fn requeue(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, paths) = split(&words.values);
    need("requeue", &paths)?;
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

pub(in crate::command) fn run(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (options, paths) = split(&words.values);
    need("run", &paths)?;
    let force = match options[..] {
        [] => false,
        // ecflow_client is content with a word that has it anywhere.
        [word] if word.windows(5).any(|part| part == b"force") => true,
        _ => return Err(CommandError::words("run", "takes [force] and paths")),
    };
    draft.texts("paths_", &paths);
    draft.flag("force_", force);
    Ok(())
}

const ORDERS: &[&[u8]] = &[
    b"top", b"bottom", b"alpha", b"order", b"up", b"down", b"runtime",
];

pub(in crate::command) fn order(words: &Words<'_>, draft: &mut Draft) -> Built {
    let found = match words.values[..] {
        [path, order] => ORDERS
            .iter()
            .position(|name| *name == order)
            .map(|number| (path, order, number as i64)),
        _ => None,
    };
    let Some((path, order, number)) = found else {
        let why = "takes a path and one of top, bottom, alpha, order, up, down, runtime";
        return Err(CommandError::words("order", why));
    };
    if matches!(order, b"up" | b"down") {
        // A second one would move the node once more.
        draft.repeat = Repeat::No;
    }
    draft.text("absNodepath_", path);
    draft.number("option_", number);
    Ok(())
}

pub(in crate::command) fn plug(words: &Words<'_>, draft: &mut Draft) -> Built {
    let [source, destination] = words.values[..] else {
        let why = "takes a path, and a path, HOST:PORT or HOST:PORT/PATH to move it to";
        return Err(CommandError::words("plug", why));
    };
    draft.text("source_", source);
    draft.text("dest_", destination);
    Ok(())
}
