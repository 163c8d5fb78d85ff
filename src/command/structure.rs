//! Definitions as ecflow_client prints them: the server's text with the layout of a file, and
//! with or without the state of the nodes.

use std::collections::BTreeSet;

use super::Shows;

/// The layout is this version's, which heads a suite.
const VERSION: &[u8] = b"#5.9.2\n";
const END: &[u8] = b"# enddef\n";

/// How much of a definition is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What a file would hold.
    Structure,
    /// With the state of the nodes, to be loaded elsewhere.
    Migration,
}

/// A command's own print, or that of `show` in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Alone,
    InGroup,
}

/// What ecflow_client prints of a whole definition.
pub(super) fn whole(text: &[u8], shows: Shows) -> Vec<u8> {
    let Some(content) = content(shows) else {
        return as_sent(text);
    };
    let mut printer = Printer::new(content, 0);
    printer.print(text);
    if content == Content::Migration {
        return printer.text;
    }
    // The version comes first, then what the nodes need that are not here.
    let (head, rest) = split_line(&printer.text);
    let externs = printer.externs();
    [head, &externs, rest].concat()
}

/// What ecflow_client prints of one node and those below.
pub(super) fn node(text: &[u8], shows: Shows, place: Place) -> Vec<u8> {
    let Some(content) = content(shows) else {
        return as_sent(text);
    };
    let is_suite = text.trim_ascii_start().starts_with(b"suite ");
    let mut printer = Printer::new(content, usize::from(!is_suite));
    printer.print(text);
    let externs = printer.externs();
    let body = printer.text;
    match (content, is_suite, place) {
        (Content::Structure, true, Place::Alone) => [VERSION, &externs, &body, END].concat(),
        (Content::Migration, true, Place::Alone) => {
            [b"defs_state MIGRATE\n", &body[..], b"\n"].concat()
        }
        _ => [&body[..], b"\n"].concat(),
    }
}

/// The server's own text, which ends with a newline as a rule.
fn as_sent(text: &[u8]) -> Vec<u8> {
    let end: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
    [text, end].concat()
}

/// Of the full state ecflow_client prints much that is not in the server's text: that is printed
/// as it came.
fn content(shows: Shows) -> Option<Content> {
    match shows {
        Shows::Nothing | Shows::State => None,
        Shows::Structure => Some(Content::Structure),
        Shows::Migration => Some(Content::Migration),
    }
}

/// What a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// The definition itself, before the first suite.
    Definition,
    /// A suite or a family.
    Container,
    Task,
    Alias,
}

struct Printer {
    content: Content,
    /// How many containers are open.
    depth: usize,
    around: Around,
    /// The node of the last line, and all that there are.
    path: Vec<Vec<u8>>,
    paths: BTreeSet<Vec<u8>>,
    references: BTreeSet<Vec<u8>>,
    text: Vec<u8>,
}

impl Printer {
    fn new(content: Content, depth: usize) -> Self {
        Self {
            content,
            depth,
            around: Around::Definition,
            path: Vec::new(),
            paths: BTreeSet::new(),
            references: BTreeSet::new(),
            text: Vec::new(),
        }
    }

    fn print(&mut self, text: &[u8]) {
        let lines = text.split(|&byte| byte == b'\n');
        let lines = lines.map(<[u8]>::trim_ascii_start);
        lines
            .filter(|line| !line.is_empty())
            .for_each(|line| self.line(line));
    }

    fn line(&mut self, line: &[u8]) {
        let word = line.split(|&byte| byte == b' ').next().unwrap_or(line);
        let is_structure = self.content == Content::Structure;
        match word {
            b"suite" => {
                self.depth = 0;
                self.open(line, Around::Container);
            }
            b"family" => self.open(line, Around::Container),
            b"task" => self.open(line, Around::Task),
            // One that was asked for is printed as a task would be.
            b"alias" if self.around == Around::Definition => self.open(line, Around::Task),
            b"alias" => {
                self.around = Around::Alias;
                self.put(self.depth + 2, line);
            }
            b"endalias" if self.around == Around::Alias => {
                self.put(self.depth + 2, line);
                self.around = Around::Task;
            }
            b"endfamily" | b"endsuite" => {
                self.depth = self.depth.saturating_sub(1);
                self.around = Around::Container;
                self.put(self.depth, line);
            }
            b"endtask" | b"endalias" => {}
            b"defs_state" if is_structure => {}
            b"defs_state" => {
                let mut words = line.splitn(3, |&byte| byte == b' ').skip(2);
                let rest = words.next().unwrap_or_default();
                self.put(0, &[b"defs_state MIGRATE ", rest].concat());
            }
            // What was done to the nodes is not printed.
            b"history" => {}
            b"calendar" | b"extern" if is_structure => {}
            // The version, and the end.
            _ if word.starts_with(b"#") => self.put(0, line),
            _ => self.attribute(word, line),
        }
    }

    /// A node, with its state behind the name.
    fn open(&mut self, line: &[u8], around: Around) {
        let depth = self.depth;
        self.around = around;
        let name = line.split(|&byte| byte == b' ').nth(1);
        self.path.truncate(depth);
        self.path.push(name.unwrap_or_default().to_vec());
        let path = self.path.iter().flat_map(|name| [b"/", &name[..]].concat());
        self.paths.insert(path.collect());
        self.depth += usize::from(around == Around::Container);
        self.put(depth, self.without_state(line));
    }

    fn attribute(&mut self, word: &[u8], line: &[u8]) {
        let is_structure = self.content == Content::Structure;
        let depth = match self.around {
            // The server's own variables.
            Around::Definition if is_structure => return,
            Around::Definition => self.depth + 1,
            Around::Container => self.depth,
            Around::Task => self.depth + 1,
            Around::Alias => self.depth + 3,
        };
        let line = match word {
            // A value may hold anything, and has no state.
            b"edit" => line,
            b"label" if is_structure => without_new_value(line),
            _ => self.without_state(line),
        };
        if matches!(word, b"trigger" | b"complete" | b"inlimit") && self.around != Around::Alias {
            self.references.extend(references(line));
        }
        self.put(depth, line);
    }

    fn without_state<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        match self.content {
            Content::Structure => without_comment(line),
            Content::Migration => line,
        }
    }

    fn put(&mut self, depth: usize, line: &[u8]) {
        if self.around == Around::Alias && self.content == Content::Structure {
            return;
        }
        // A hostile text must not become many times as long as it is.
        const DEEPEST: usize = 100;
        let indentation = 2 * depth.min(DEEPEST);
        self.text.extend(std::iter::repeat_n(b' ', indentation));
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
    }

    /// A line for each reference from the root to a node, or to something of a node, that is not
    /// here.
    fn externs(&self) -> Vec<u8> {
        let is_here = |reference: &&Vec<u8>| {
            let node = reference.split(|&byte| byte == b':').next();
            self.paths.contains(node.unwrap_or_default())
        };
        let missing = self.references.iter().filter(|one| !is_here(one));
        missing
            .flat_map(|path| [b"extern ", path.as_slice(), b"\n"].concat())
            .collect()
    }
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b'\n');
    text.split_at(end.map_or(0, |end| end + 1))
}

/// What stands before ` # `, unless that is inside double quotes.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut is_quoted = false;
    let begin = line.windows(3).position(|window| {
        is_quoted ^= window[0] == b'"';
        !is_quoted && window == b" # "
    });
    &line[..begin.unwrap_or(line.len())]
}

/// `label NAME "VALUE" # "NEW VALUE"`; the values may hold quotes.
fn without_new_value(line: &[u8]) -> &[u8] {
    let begin = line.windows(5).position(|window| window == b"\" # \"");
    begin.map_or(line, |begin| &line[..=begin])
}

/// The nodes and attributes that are named from the root in an expression.
fn references(line: &[u8]) -> Vec<Vec<u8>> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_.:".contains(byte);
    let words = line.split(|byte| !is_part(byte));
    let words = words.filter(|word| word.len() > 1 && word.starts_with(b"/"));
    words.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &[u8], shows: Shows) -> String {
        String::from_utf8_lossy(&whole(text, shows)).into_owned()
    }

    const SENT: &[u8] = b"#5.9.2\n\
        defs_state NET state>:aborted flag:message cal_count:1\n\
        edit ECF_MICRO '%' # server\n\
        edit OWN 'x'\n\
        suite s # begun:1 state:queued\n\
        edit A 'one # two'\n\
        label l \"a # b\" # \"new\"\n\
        repeat enumerated E \"a # b\" \"c\" # 1\n\
        calendar initTime:2026-Nov-25 23:50:41\n\
        family f # state:queued\n\
        task t # passwd:x abort<: why # not>abort state:aborted\n\
        event 2  # set\n\
        trigger /s/f/u == complete and /other/t:ev\n\
        alias a0 # state:submitted\n\
        edit B 'c'\n\
        endalias\n\
        task u # state:queued\n\
        meter m 0 100 90 # 20\n\
        endfamily\n\
        endsuite\n\
        # enddef\n";

    #[test]
    fn the_structure_has_no_state_and_the_layout_of_a_file() {
        let wanted = "#5.9.2\n\
            extern /other/t:ev\n\
            suite s\n  \
              edit A 'one # two'\n  \
              label l \"a # b\"\n  \
              repeat enumerated E \"a # b\" \"c\"\n  \
              family f\n    \
                task t\n      \
                  event 2 \n      \
                  trigger /s/f/u == complete and /other/t:ev\n    \
                task u\n      \
                  meter m 0 100 90\n  \
              endfamily\n\
            endsuite\n\
            # enddef\n";
        assert_eq!(printed(SENT, Shows::Structure), wanted);
        assert_eq!(printed(wanted.as_bytes(), Shows::Structure), wanted);
    }

    #[test]
    fn a_suite_alone_names_what_it_needs_of_others_and_in_a_group_it_does_not() {
        let suite = b"suite s # begun:1\ninlimit /lim:l\ntask t # state:queued\n\
            trigger /o/x:1 and /o/y == complete and /s/t2 == complete\ntask t2\nendsuite\n";
        let told = |place| {
            let text = node(suite, Shows::Structure, place);
            String::from_utf8_lossy(&text).into_owned()
        };
        let alone = told(Place::Alone);
        let externs = "#5.9.2\nextern /lim:l\nextern /o/x:1\nextern /o/y\nsuite s\n";
        assert!(alone.starts_with(externs), "{alone}");
        assert!(!told(Place::InGroup).contains("extern"));
    }

    #[test]
    fn a_migration_keeps_all_lines() {
        let told = printed(SENT, Shows::Migration);
        assert_eq!(
            told.lines().count(),
            SENT.split(|&b| b == b'\n').count() - 1
        );
        assert!(
            told.starts_with("#5.9.2\ndefs_state MIGRATE state>:aborted"),
            "{told}"
        );
        assert!(
            told.contains("\n  edit OWN 'x'\nsuite s # begun:1"),
            "{told}"
        );
        assert!(
            told.contains(
                "\n        alias a0 # state:submitted\n          edit B 'c'\n        endalias\n"
            ),
            "{told}"
        );
    }

    #[test]
    fn the_full_state_is_the_servers_own_text() {
        assert_eq!(printed(SENT, Shows::State).as_bytes(), SENT);
    }
}
