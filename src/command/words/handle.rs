//! The words of the commands around client handles: what a client is told of, and what is new.

use super::user::whole;
use crate::command::draft::{Draft, Words};
use crate::command::{CommandError, ServerQuery};
use crate::wire::{Field, Request, Value};

type Built = Result<(), CommandError>;

/// The members of a ClientHandleCmd.
#[derive(Default)]
struct Members<'a> {
    handle: i64,
    user: &'a [u8],
    suites: &'a [&'a [u8]],
    auto_add: bool,
}

fn fields(api: i64, members: &Members<'_>) -> Vec<Field> {
    let suites = members.suites.iter().map(|suite| suite.to_vec()).collect();
    vec![
        ("api_", Value::Number(api)),
        ("client_handle_", Value::Number(members.handle)),
        ("drop_user_", Value::Text(members.user.to_vec())),
        ("suites_", Value::Texts(suites)),
        ("auto_add_new_suites_", Value::Flag(members.auto_add)),
    ]
}

fn members(api: i64, members: &Members<'_>, draft: &mut Draft) -> Built {
    draft.fields = fields(api, members);
    Ok(())
}

fn flag(word: &[u8]) -> Option<bool> {
    match word {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// The number of an existing handle: at least 1.
fn existing(option: &'static str, word: &[u8], words: &Words<'_>) -> Result<i64, CommandError> {
    let number = whole(word).filter(|number| *number > 0);
    number.map(i64::from).ok_or_else(|| {
        let why = format!("{} is not the number of a client handle", words.shown(word));
        CommandError::words(option, why)
    })
}

pub(in crate::command) fn register(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (handle, rest) = match &words.values[..] {
        [first, ..] if flag(first).is_some() => (0, &words.values[..]),
        [b"0", rest @ ..] => (0, rest),
        [first, rest @ ..] => (existing("ch_register", first, words)?, rest),
        [] => (0, &words.values[..]),
    };
    let (auto_add, suites) = match rest {
        [first, suites @ ..] => match flag(first) {
            Some(auto_add) => (auto_add, suites),
            None => (false, rest),
        },
        [] => (false, rest),
    };
    let found = Members {
        handle,
        suites,
        auto_add,
        ..Members::default()
    };
    members(0, &found, draft)
}

pub(in crate::command) fn drop(words: &Words<'_>, draft: &mut Draft) -> Built {
    let handle = existing("ch_drop", words.values[0], words)?;
    let found = Members {
        handle,
        ..Members::default()
    };
    members(1, &found, draft)
}

/// Without a user: the sender's own.
pub(in crate::command) fn drop_user(words: &Words<'_>, draft: &mut Draft) -> Built {
    let found = Members {
        user: words.values.first().copied().unwrap_or_default(),
        ..Members::default()
    };
    members(2, &found, draft)
}

pub(in crate::command) fn add(words: &Words<'_>, draft: &mut Draft) -> Built {
    with_suites("ch_add", 3, words, draft)
}

pub(in crate::command) fn remove(words: &Words<'_>, draft: &mut Draft) -> Built {
    with_suites("ch_rem", 4, words, draft)
}

fn with_suites(option: &'static str, api: i64, words: &Words<'_>, draft: &mut Draft) -> Built {
    let [handle, suites @ ..] = &words.values[..] else {
        return Err(CommandError::words(option, "takes HANDLE SUITE..."));
    };
    if suites.is_empty() {
        return Err(CommandError::words(option, "no suite is given"));
    }
    let found = Members {
        handle: existing(option, handle, words)?,
        suites,
        ..Members::default()
    };
    members(api, &found, draft)
}

pub(in crate::command) fn auto_add(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = || CommandError::words("ch_auto_add", "takes HANDLE true|false");
    let [handle, word] = words.values[..] else {
        return Err(wrong());
    };
    let found = Members {
        handle: existing("ch_auto_add", handle, words)?,
        auto_add: flag(word).ok_or_else(wrong)?,
        ..Members::default()
    };
    members(5, &found, draft)
}

pub(in crate::command) fn suites(_: &Words<'_>, draft: &mut Draft) -> Built {
    draft.fields = all_handles().fields;
    Ok(())
}

/// Asks for all client handles.
pub(in crate::command) fn all_handles() -> Request {
    Request {
        class: "ClientHandleCmd",
        fields: fields(6, &Members::default()),
    }
}

pub(in crate::command) fn news(words: &Words<'_>, draft: &mut Draft) -> Built {
    changes("news", 0, words, draft)
}

pub(in crate::command) fn sync(words: &Words<'_>, draft: &mut Draft) -> Built {
    changes("sync", 1, words, draft)
}

pub(in crate::command) fn sync_clock(words: &Words<'_>, draft: &mut Draft) -> Built {
    changes("sync_clock", 3, words, draft)
}

fn changes(option: &'static str, api: i64, words: &Words<'_>, draft: &mut Draft) -> Built {
    let numbers: Option<Vec<_>> = words.values.iter().map(|word| unsigned(word)).collect();
    match numbers.as_deref() {
        Some([handle, state, modify]) => {
            sync_members(api, [*handle, *state, *modify], draft);
            Ok(())
        }
        _ => Err(CommandError::words(
            option,
            "takes three whole numbers: HANDLE STATE_NUMBER MODIFY_NUMBER",
        )),
    }
}

/// A server that does not know the handle would crash (5.9.2 and 5.17.0): it is asked first.
pub(in crate::command) fn sync_full(words: &Words<'_>, draft: &mut Draft) -> Built {
    let Some(handle) = unsigned(words.values[0]) else {
        let why = "takes the number of a client handle, or 0";
        return Err(CommandError::words("sync_full", why));
    };
    if handle != 0 {
        draft.queries.push(ServerQuery::Handle(handle));
    }
    sync_members(2, [handle, 0, 0], draft);
    Ok(())
}

fn sync_members(api: i64, [handle, state, modify]: [i64; 3], draft: &mut Draft) {
    draft.number("api_", api);
    draft.number("client_handle_", handle);
    draft.number("client_state_change_no_", state);
    draft.number("client_modify_change_no_", modify);
}

fn unsigned(word: &[u8]) -> Option<i64> {
    let number = std::str::from_utf8(word).ok()?.parse::<u32>().ok()?;
    i32::try_from(number).ok().map(i64::from)
}
