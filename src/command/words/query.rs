//! The words of `--query`.

use crate::command::CommandError;
use crate::command::draft::{Draft, Words};

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

pub(in crate::command) fn query(words: &Words<'_>, draft: &mut Draft) -> Result<(), CommandError> {
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
            Some(colon) if colon + 1 < path.len() => (&path[..colon], &path[colon + 1..]),
            _ => return wrong("this type takes PATH:NAME"),
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

#[cfg(test)]
mod tests {
    use super::QUERIES;
    use crate::command::COMMANDS;

    #[test]
    fn the_help_names_every_type() {
        let row = COMMANDS.iter().find(|row| row.name == "query");
        let types = row.and_then(|row| row.words.split(' ').next());
        let types = types.into_iter().flat_map(|types| types.split('|'));
        let types: Vec<_> = types.map(str::as_bytes).collect();
        let known: Vec<_> = QUERIES.iter().map(|(name, _)| *name).collect();
        assert_eq!(types, known);
    }
}
