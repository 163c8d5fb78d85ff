//! The words of the commands for a server as a whole.

use crate::command::draft::TEXT;
use crate::command::draft::{Draft, Words};
use crate::command::{CommandError, Shows};
use crate::model::Repeat;

type Built = Result<(), CommandError>;

pub(in crate::command) fn no_members(_: &Words<'_>, _: &mut Draft) -> Built {
    Ok(())
}

pub(in crate::command) fn shutdown(words: &Words<'_>, draft: &mut Draft) -> Built {
    confirmed("shutdown", 3, words, draft)
}

pub(in crate::command) fn halt(words: &Words<'_>, draft: &mut Draft) -> Built {
    confirmed("halt", 4, words, draft)
}

pub(in crate::command) fn terminate(words: &Words<'_>, draft: &mut Draft) -> Built {
    confirmed("terminate", 5, words, draft)
}

/// A library cannot ask "are you sure?", so the answer must stand on the command line.
fn confirmed(option: &'static str, api: i64, words: &Words<'_>, draft: &mut Draft) -> Built {
    match words.values[..] {
        [b"yes"] => {
            draft.number("api_", api);
            Ok(())
        }
        _ => Err(CommandError::words(
            option,
            format!("asks no question here: confirm it as --{option}=yes"),
        )),
    }
}

pub(in crate::command) fn server_load(words: &Words<'_>, draft: &mut Draft) -> Built {
    if !words.values.is_empty() {
        return Err(CommandError::UseNotOffered {
            option: "server_load",
            why: "drawing from a file is not offered".into(),
        });
    }
    draft.number("api_", 14);
    Ok(())
}

/// The path is the server's to judge.
pub(in crate::command) fn node(api: i64, words: &Words<'_>, draft: &mut Draft) {
    draft.number("api_", api);
    draft.text(
        "absNodePath_",
        words.values.first().copied().unwrap_or_default(),
    );
}

pub(in crate::command) fn show(words: &Words<'_>, draft: &mut Draft) -> Built {
    draft.shows = match words.values[..] {
        [] | [b"defs"] => Shows::Structure,
        [b"state"] => Shows::State,
        [b"migrate"] => Shows::Migration,
        _ => {
            let why = "takes defs, state or migrate, or nothing";
            return Err(CommandError::words("show", why));
        }
    };
    Ok(())
}

pub(in crate::command) fn begin(words: &Words<'_>, draft: &mut Draft) -> Built {
    let value = words.values.first().copied().unwrap_or_default();
    let value: Vec<u8> = value.iter().copied().filter(|b| *b != b'"').collect();
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
        draft.repeat = Repeat::No;
    }
    draft.text("suiteName_", suite.strip_prefix(b"/").unwrap_or(suite));
    draft.flag("force_", force);
    Ok(())
}

const LOG_LINES: i64 = 100;

pub(in crate::command) fn log(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: &str| Err(CommandError::words("log", why));
    let (api, lines, path): (i64, i64, &[u8]) = match words.values[..] {
        [b"get"] => (0, LOG_LINES, b""),
        [b"get", lines] => match whole(lines) {
            Some(0) => (0, LOG_LINES, b""),
            Some(lines) => (0, i64::from(lines), b""),
            None => return wrong("get takes a whole number of lines"),
        },
        [b"clear"] => (1, LOG_LINES, b""),
        [b"flush"] => (2, LOG_LINES, b""),
        [b"new"] => (3, LOG_LINES, b""),
        [b"new", path] => (3, LOG_LINES, path.trim_ascii()),
        [b"path"] => (4, LOG_LINES, b""),
        _ => return wrong("takes get [N], path, clear, flush or new [PATH]"),
    };
    if matches!(api, 0 | 4) {
        draft.legal = TEXT;
    }
    draft.number("api_", api);
    draft.number("get_last_n_lines_", lines);
    draft.text("new_path_", path);
    Ok(())
}

pub(in crate::command) fn msg(words: &Words<'_>, draft: &mut Draft) -> Built {
    draft.text("msg_", words.values[0]);
    Ok(())
}

const NEVER: i64 = 0;
const ON_TIME: i64 = 1;
const ALWAYS: i64 = 2;
const AS_IT_IS: i64 = 3;

pub(in crate::command) fn check_pt(words: &Words<'_>, draft: &mut Draft) -> Built {
    let value = words.values.first().copied().unwrap_or_default();
    let (what, seconds) = match value.iter().position(|&b| b == b':') {
        Some(colon) => (&value[..colon], Some(&value[colon + 1..])),
        None => (value, None),
    };
    let seconds = match seconds.map(|text| whole(text).filter(|seconds| *seconds > 0)) {
        None => None,
        Some(Some(seconds)) => Some(i64::from(seconds)),
        Some(None) => return wrong_check_pt(value, words),
    };
    let interval = seconds.unwrap_or(0);
    let (mode, interval, alarm) = match (what, seconds) {
        (b"", None) => (AS_IT_IS, 0, 0),
        (b"never", _) => (NEVER, interval, 0),
        (b"on_time", _) => (ON_TIME, interval, 0),
        (b"always", _) => (ALWAYS, interval, 0),
        (b"alarm", Some(alarm)) => (AS_IT_IS, 0, alarm),
        (number, None) => match whole(number) {
            Some(interval) if interval > 0 => (AS_IT_IS, i64::from(interval), 0),
            _ => return wrong_check_pt(value, words),
        },
        _ => return wrong_check_pt(value, words),
    };
    draft.number("mode_", mode);
    draft.number("check_pt_interval_", interval);
    draft.number("check_pt_save_time_alarm_", alarm);
    Ok(())
}

fn wrong_check_pt(value: &[u8], words: &Words<'_>) -> Built {
    let why = format!(
        "{} is not never, on_time, always, on_time:S, always:S, S or alarm:S (S: seconds, at least 1)",
        words.shown(value)
    );
    Err(CommandError::words("check_pt", why))
}

/// A whole number of 32 bits, as ecFlow reads them.
pub(in crate::command) fn whole(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
