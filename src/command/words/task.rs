//! The words of the eight task commands.

use crate::command::CommandError;
use crate::command::draft::STEP;
use crate::command::draft::{Draft, Words};
use crate::model::Repeat;
use crate::wire::Value;

type Built = Result<(), CommandError>;

pub(in crate::command) fn init(words: &Words<'_>, draft: &mut Draft) -> Built {
    let given = words.values[0];
    let known = words.rid.unwrap_or(&words.around.task.remote_id);
    if !known.is_empty() && known != given {
        let why = format!(
            "{} is not the id that is known already, {} (ECF_RID or --rid)",
            words.shown(given),
            words.shown(known)
        );
        return Err(CommandError::words("init", why));
    }
    let variables = words
        .add
        .iter()
        .map(|word| variable(word, words))
        .collect::<Result<Vec<_>, _>>()?;
    if !variables.is_empty() {
        let value = Value::Variables(variables);
        draft.fields.push(("var_to_add_", value));
    }
    Ok(())
}

fn variable(word: &[u8], words: &Words<'_>) -> Result<(Vec<u8>, Vec<u8>), CommandError> {
    let mut parts = word.split(|&b| b == b'=');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(value), None) if is_name(name) && !value.is_empty() => {
            Ok((name.to_vec(), value.to_vec()))
        }
        _ => {
            let why = format!("{} is not NAME=VALUE", words.shown(word));
            Err(CommandError::words("add", why))
        }
    }
}

/// Whether ecFlow takes it for the name of a node, a variable or another attribute.
pub(in crate::command) fn is_name(name: &[u8]) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    match name {
        [] => false,
        [first, rest @ ..] => is_plain(first) && rest.iter().all(|b| is_plain(b) || *b == b'.'),
    }
}

pub(in crate::command) fn complete(words: &Words<'_>, draft: &mut Draft) -> Built {
    if !words.remove.is_empty() {
        draft.texts("var_to_del_", &words.remove);
    }
    Ok(())
}

/// A reason is one line without `;`: the first newline goes, the first `;` becomes a blank.
pub(in crate::command) fn abort(words: &Words<'_>, draft: &mut Draft) -> Built {
    let mut reason = words
        .values
        .first()
        .map_or(Vec::new(), |word| word.to_vec());
    if let Some(newline) = reason.iter().position(|&b| b == b'\n') {
        reason.remove(newline);
    }
    if let Some(semicolon) = reason.iter().position(|&b| b == b';') {
        reason[semicolon] = b' ';
    }
    draft.text("reason_", reason);
    Ok(())
}

pub(in crate::command) fn event(words: &Words<'_>, draft: &mut Draft) -> Built {
    draft.text("name_", words.values[0]);
    match words.values[1..] {
        [b"clear"] => draft.flag("value_", false),
        [] | [b"set"] | [_, _, ..] => {}
        [other] => {
            let why = format!("{} is neither set nor clear", words.shown(other));
            return Err(CommandError::words("event", why));
        }
    }
    Ok(())
}

pub(in crate::command) fn meter(words: &Words<'_>, draft: &mut Draft) -> Built {
    let [name, value] = words.values[..] else {
        return Err(CommandError::words(
            "meter",
            "takes a name and a whole number",
        ));
    };
    let number = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<i32>().ok());
    let Some(number) = number else {
        let why = format!("{} is not a whole number of 32 bits", words.shown(value));
        return Err(CommandError::words("meter", why));
    };
    draft.text("name_", name);
    draft.number("value_", i64::from(number));
    Ok(())
}

pub(in crate::command) fn label(words: &Words<'_>, draft: &mut Draft) -> Built {
    if words.values.len() < 2 {
        return Err(CommandError::words("label", "takes a name and a text"));
    }
    draft.text("name_", words.values[0]);
    draft.text("label_", words.values[1..].join(&b' '));
    Ok(())
}

/// The server parses the expression; one that it cannot parse is its error to tell.
pub(in crate::command) fn wait(words: &Words<'_>, draft: &mut Draft) -> Built {
    draft.text("expression_", words.values[0]);
    Ok(())
}

const ACTIONS: &[&[u8]] = &[
    b"active",
    b"aborted",
    b"complete",
    b"no_of_aborted",
    b"reset",
];
const WITH_STEP: &[&[u8]] = &[b"aborted", b"complete"];

/// The words behind the name are told apart by what they are: an action, a path, else a step.
pub(in crate::command) fn queue(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: &str| Err(CommandError::words("queue", why));
    let name = words.values[0];
    if !is_name(name) {
        return wrong("the queue's name has a character that names do not have");
    }
    let (mut action, mut step, mut path): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    for word in &words.values[1..] {
        let place = match word {
            word if action.is_empty() && ACTIONS.contains(word) => &mut action,
            word if word.contains(&b'/') => &mut path,
            _ => &mut step,
        };
        if !place.is_empty() {
            return wrong("takes NAME ACTION [STEP] [PATH], each once");
        }
        *place = word;
    }
    if action.is_empty() {
        return wrong("needs an action: active, aborted, complete, no_of_aborted or reset");
    }
    match (WITH_STEP.contains(&action), step.is_empty()) {
        (true, true) => return wrong("aborted and complete need a step"),
        (false, false) => return wrong("only aborted and complete take a step"),
        _ => {}
    }
    match action {
        // A second "active" would take a second step.
        b"active" => (draft.legal, draft.repeat) = (STEP, Repeat::No),
        b"no_of_aborted" => (draft.legal, draft.repeat) = (STEP, Repeat::Yes),
        _ => {}
    }
    draft.text("name_", name);
    draft.text("action_", action);
    draft.text("step_", step);
    draft.text("path_to_node_with_queue_", path);
    Ok(())
}
