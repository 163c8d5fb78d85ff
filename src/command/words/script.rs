//! The words of the commands for a task's files: `--file` and `--edit_script`.

use std::collections::BTreeMap;

use super::definition::read_file;
use super::user::whole;
use crate::command::CommandError;
use crate::command::draft::TEXT;
use crate::command::draft::{Draft, Words};
use crate::model::Repeat;
use crate::wire::Value;

type Built = Result<(), CommandError>;

const FILES: &[&[u8]] = &[b"script", b"job", b"jobout", b"manual", b"kill", b"stat"];
const LINES: i64 = 10_000;

pub(in crate::command) fn file(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: String| Err(CommandError::words("file", why));
    let kind = words.values.get(1).copied().unwrap_or(FILES[0]);
    let Some(number) = FILES.iter().position(|name| *name == kind) else {
        return wrong(format!(
            "{} is not script, job, jobout, manual, kill or stat",
            words.shown(kind)
        ));
    };
    let lines = match words.values[..] {
        [_, _, lines] => match whole(lines) {
            Some(lines) if lines > 0 => i64::from(lines),
            Some(_) => LINES,
            None => return wrong(format!("{} is not a number of lines", words.shown(lines))),
        },
        _ => LINES,
    };
    draft.number("file_", number as i64);
    draft.text("pathToNode_", words.values[0]);
    draft.number("max_lines_", lines);
    Ok(())
}

/// What an edited script is sent for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Print,
    PrintPreProcessed,
    Submit,
    PreProcessFile,
    SubmitFile,
}

const EDITS: &[(&[u8], Edit)] = &[
    (b"edit", Edit::Print),
    (b"pre_process", Edit::PrintPreProcessed),
    (b"submit", Edit::Submit),
    (b"pre_process_file", Edit::PreProcessFile),
    (b"submit_file", Edit::SubmitFile),
];

pub(in crate::command) fn edit_script(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: &str| Err(CommandError::words("edit_script", why));
    let [path, kind, rest @ ..] = &words.values[..] else {
        return wrong("takes a path and a type");
    };
    let Some(number) = EDITS.iter().position(|(name, _)| name == kind) else {
        return wrong(
            "the type must be edit, pre_process, submit, pre_process_file or submit_file",
        );
    };
    let edit = EDITS[number].1;
    let (file, options) = match (edit, rest) {
        (Edit::Print | Edit::PrintPreProcessed, []) => (None, rest),
        (Edit::Print | Edit::PrintPreProcessed, _) => {
            return wrong("edit and pre_process take a path and nothing more");
        }
        (Edit::Submit | Edit::PreProcessFile, [file]) => (Some(*file), &rest[1..]),
        (Edit::SubmitFile, [file, options @ ..]) => (Some(*file), options),
        _ => return wrong("this type takes a file, and only submit_file takes more"),
    };
    let mut alias = false;
    let mut run = edit == Edit::SubmitFile;
    for option in options {
        match *option {
            b"create_alias" => alias = true,
            b"no_run" => run = false,
            _ => return wrong("submit_file takes FILE [create_alias] [no_run]"),
        }
    }
    let text = file.map(|file| read_file("edit_script", file, words));
    let text = text.transpose()?.unwrap_or_default();
    let lines = lines_of(&text);
    let variables = match edit {
        Edit::Submit | Edit::SubmitFile => used_variables(&lines),
        _ => Vec::new(),
    };
    let contents: &[&[u8]] = match edit {
        Edit::PreProcessFile | Edit::SubmitFile => &lines,
        _ => &[],
    };
    match edit {
        // A second one would submit another job.
        Edit::Submit | Edit::SubmitFile => draft.repeat = Repeat::No,
        _ => draft.legal = TEXT,
    }
    draft.number("edit_type_", number as i64);
    draft.text("path_to_node_", *path);
    draft.texts("user_file_contents_", contents);
    draft
        .fields
        .push(("user_variables_", Value::Pairs(variables)));
    draft.flag("alias_", alias);
    draft.flag("run_", run);
    Ok(())
}

fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(|&b| b == b'\n').collect()
    }
}

/// The variables of the first block of comments in an edited script, by their names:
/// `%comment`, a line `NAME = VALUE` for each, `%end`.
fn used_variables(lines: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut variables = BTreeMap::new();
    let begin = lines.iter().position(|line| line.starts_with(b"%comment"));
    let block = begin.map_or(&[][..], |begin| &lines[begin + 1..]);
    for line in block.iter().take_while(|line| !line.starts_with(b"%end")) {
        if let Some(at) = line.iter().position(|&b| b == b'=') {
            let name = line[..at].trim_ascii().to_vec();
            let value = line[at + 1..].trim_ascii().to_vec();
            variables.entry(name).or_insert(value);
        }
    }
    variables.into_iter().collect()
}
