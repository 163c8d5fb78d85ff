//! The words of the commands that send a definition. The file's own text is sent, and the
//! server reads it: ecFlow's client would print its own reading of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::command::CommandError;
use crate::command::draft::{Draft, Words};

type Built = Result<(), CommandError>;

/// Reads a file that the command line names.
pub(in crate::command) fn read_file(
    option: &'static str,
    file: &[u8],
    words: &Words<'_>,
) -> Result<Vec<u8>, CommandError> {
    let path = Path::new(OsStr::from_bytes(file));
    (words.around.read_file)(path).map_err(|why| CommandError::File {
        option,
        file: words.shown(file),
        why,
    })
}

pub(in crate::command) fn load(words: &Words<'_>, draft: &mut Draft) -> Built {
    let wrong = |why: String| Err(CommandError::words("load", why));
    let (mut force, mut file): (bool, Option<&[u8]>) = (false, None);
    for word in &words.values {
        match *word {
            b"force" => force = true,
            b"check_only" | b"print" | b"stats" => {
                return Err(CommandError::UseNotOffered {
                    option: "load",
                    why: format!(
                        "{} needs ecFlow's own reader of definitions",
                        words.shown(word)
                    ),
                });
            }
            word => file = Some(word),
        }
    }
    let Some(file) = file else {
        return wrong("needs a file".into());
    };
    let is_text = file.contains(&b'\n');
    let (name, text): (&[u8], Vec<u8>) = if is_text {
        (b"", file.to_vec())
    } else {
        (file, read_file("load", file, words)?)
    };
    // An "extern" line ends an ecFlow server (5.9.2 and 5.17.0).
    if let Some(at) = text.split(|&b| b == b'\n').position(is_extern) {
        return Err(CommandError::UseNotOffered {
            option: "load",
            why: format!("line {} is an extern, which would end the server", at + 1),
        });
    }
    draft.flag("force_", force);
    draft.text("defs_", text);
    draft.text("defs_filename_", name);
    Ok(())
}

/// Whether a statement of the line is an extern; ';' parts statements.
fn is_extern(line: &[u8]) -> bool {
    line.split(|&b| b == b';').any(|statement| {
        let mut words = statement.split(u8::is_ascii_whitespace);
        words.find(|word| !word.is_empty()) == Some(b"extern")
    })
}

pub(in crate::command) fn replace(words: &Words<'_>, draft: &mut Draft) -> Built {
    let (path, file, parents, force) = match words.values[..] {
        [path, file] => (path, file, true, false),
        [path, file, b"parent"] => (path, file, true, false),
        [path, file, b"false"] => (path, file, false, false),
        [path, file, b"parent" | b"false", b"force"] => (path, file, true, true),
        _ => {
            let why = "takes PATH FILE [parent|false [force]]";
            return Err(CommandError::words("replace", why));
        }
    };
    let text = read_file("replace", file, words)?;
    draft.flag("createNodesAsNeeded_", parents);
    draft.flag("force_", force);
    draft.text("pathToNode_", path);
    draft.text("path_to_defs_", file);
    // ecFlow's client sends no externs; in a replaced node they would stay.
    let lines = text.split_inclusive(|&b| b == b'\n');
    let kept: Vec<_> = lines
        .filter(|line| line.contains(&b';') || !is_extern(line))
        .collect();
    draft.text("clientDefs_", kept.concat());
    Ok(())
}
