//! The words of `--group`: several user commands in one request.

use crate::command::draft::{Draft, Words};
use crate::command::{CommandError, ServerQuery};
use crate::model::Repeat;
use crate::wire::{AnswerClass, Request, Value};

/// The replies that say nothing but "done": any number of commands may be answered by them.
const SAY_NOTHING: &[AnswerClass] = &[AnswerClass::Ok, AnswerClass::Cleared];

pub(in crate::command) fn group(words: &Words<'_>, draft: &mut Draft) -> Result<(), CommandError> {
    let wrong = |why: String| Err(CommandError::words("group", why));
    let text = words.values[0];
    let inner = Words {
        values: Vec::new(),
        add: Vec::new(),
        remove: Vec::new(),
        quoting: words.quoting.of_pieces(text),
        ..*words
    };
    let pieces = text.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let pieces: Vec<_> = pieces.filter(|piece| !piece.is_empty()).collect();
    if pieces.is_empty() {
        return wrong("no command is given: separate several by ';'".into());
    }
    let mut commands = Vec::new();
    let mut answers: Vec<(AnswerClass, &'static str)> = Vec::new();
    draft.repeat = Repeat::Yes;
    for piece in pieces {
        let argv = words_of(piece);
        let member = (words.read_member)(&argv, &inner)?;
        let (name, child) = (member.name, member.draft);
        if let Some(ServerQuery::Handle(_)) = child.queries.first() {
            return wrong(format!(
                "{}: a handle that the server does not know would end it, and is asked for before; send it alone",
                inner.shown(piece)
            ));
        }
        let told = child.legal.iter().copied();
        let told = told.filter(|class| !SAY_NOTHING.contains(class));
        for class in told.clone() {
            if let Some((_, other)) = answers.iter().find(|(known, _)| *known == class) {
                return wrong(format!(
                    "--{other} and --{} are answered alike, and a server would give the last answer to both; send them one by one",
                    name
                ));
            }
        }
        answers.extend(told.map(|class| (class, name)));
        draft.parts.push(child.legal);
        draft.repeat = worse(draft.repeat, child.repeat);
        draft.queries.extend(child.queries);
        if member.class == "ShowCmd" {
            draft.shows = child.shows;
        }
        commands.push(Request {
            class: member.class,
            fields: child.fields,
        });
    }
    draft.fields.push(("cmdVec_", Value::Commands(commands)));
    draft.flag("cli_", true);
    Ok(())
}

fn worse(a: Repeat, b: Repeat) -> Repeat {
    match (a, b) {
        (Repeat::No, _) | (_, Repeat::No) => Repeat::No,
        (Repeat::Ordered, _) | (_, Repeat::Ordered) => Repeat::Ordered,
        (Repeat::Yes, Repeat::Yes) => Repeat::Yes,
    }
}

/// Words are separated by blanks, but not inside quotes, which stay; the first is an option
/// with or without its dashes.
fn words_of(piece: &[u8]) -> Vec<Vec<u8>> {
    let mut words = vec![Vec::new()];
    let mut quote = None;
    for &byte in piece {
        match (byte, quote) {
            (b' ' | b'\t' | b'\n', None) => words.push(Vec::new()),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            _ => {}
        }
        let is_between = quote.is_none() && byte.is_ascii_whitespace();
        if !is_between && let Some(word) = words.last_mut() {
            word.push(byte);
        }
    }
    words.retain(|word| !word.is_empty());
    if !piece.windows(2).any(|pair| pair == b"--")
        && let Some(first) = words.first_mut()
    {
        first.splice(..0, *b"--");
    }
    words
}
