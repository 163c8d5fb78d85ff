//! What manual pages are written in: the macros of man(7).

/// A text of Markdown's code marks, as roff reads it: what stands between backticks is bold.
pub(crate) fn text(words: &str) -> String {
    let parts = words.split('`').enumerate();
    let marked = parts.map(|(number, part)| match number % 2 {
        0 => escaped(part),
        _ => bold(part),
    });
    let line = marked.collect::<String>();
    // A line that begins so would be a request.
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

pub(crate) fn bold(words: &str) -> String {
    format!("\\fB{}\\fR", escaped(words))
}

/// ASCII as it stands in a terminal, to be copied: no typographic dashes and quotes.
fn escaped(words: &str) -> String {
    let mut escaped = String::new();
    for letter in words.chars() {
        match letter {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An entry of a list: what it is about, already in roff, and what is told of it.
pub(crate) fn entry(tag: &str, told: &str) -> String {
    format!(".TP\n{tag}\n{}\n", text(told))
}

/// A sentence: a capital at its begin, a full stop at its end.
pub(crate) fn sentence(words: &str) -> String {
    let first_word = words.split(' ').next().unwrap_or_default();
    // ecFlow's name, and functions' names, stay as they are.
    let is_name = first_word.contains(|c: char| c.is_ascii_uppercase() || c == '_');
    let mut letters = words.chars();
    let first = letters.next().map(|first| match is_name {
        true => first,
        false => first.to_ascii_uppercase(),
    });
    let stop = match words.ends_with(['.', '?', '!', ':']) {
        true => "",
        false => ".",
    };
    first
        .into_iter()
        .chain(letters)
        .chain(stop.chars())
        .collect()
}

/// Lines as they are.
pub(crate) fn verbatim<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines = lines.into_iter().map(|line| match line {
        "" => ".PP\n".into(),
        line => {
            let line = escaped(line);
            match line.starts_with(['.', '\'']) {
                true => format!("\\&{line}\n"),
                false => format!("{line}\n"),
            }
        }
    });
    format!(".nf\n{}.fi\n", lines.collect::<String>())
}

/// A part of a document: titles of sections, paragraphs, and tables, whose rows become entries.
pub(crate) fn from_markdown(markdown: &str) -> String {
    let markdown = without_links(markdown);
    let blocks = markdown.split("\n\n").map(str::trim);
    let blocks = blocks.filter(|block| !block.is_empty());
    let roff = blocks.map(|block| {
        assert!(
            !block.starts_with("```") && !block.starts_with("- "),
            "{block}"
        );
        match block.strip_prefix("## ") {
            Some(title) => format!(".SS {title}\n"),
            None if block.starts_with('|') => table(block),
            None => format!(".PP\n{}\n", text(&joined(block))),
        }
    });
    roff.collect()
}

/// A link is a word in a terminal: `[word](place)` becomes `word`.
fn without_links(markdown: &str) -> String {
    let mut parts = markdown.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let bracket = text.rfind('[').expect("the begin of a link");
        text.remove(bracket);
        let (_, behind) = part.split_once(')').expect("the end of a link");
        text.push_str(behind);
    }
    text
}

fn joined(lines: &str) -> String {
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first cell of a row is what the others tell about; of three columns, the headings of the
/// second and third are told, too.
fn table(rows: &str) -> String {
    let cells = |row: &str| -> Vec<String> {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = rows.lines().map(cells);
    let head = rows.next().expect("a head");
    let entries = rows.skip(1).map(|row| match &row[..] {
        [name, told] => entry(&bold_markdown(name), &sentence(told)),
        [name, more @ ..] => {
            let told = head[1..].iter().zip(more);
            let told = told.filter(|(_, cell)| !cell.is_empty());
            let lines = told.map(|(head, cell)| text(&format!("{head}: {cell}")));
            let lines = lines.collect::<Vec<_>>().join("\n.br\n");
            format!(".TP\n{}\n{lines}\n", bold_markdown(name))
        }
        [] => panic!("a row without cells"),
    });
    entries.collect()
}

/// What is bold already in Markdown is no more than bold.
fn bold_markdown(words: &str) -> String {
    bold(&words.replace('`', ""))
}
