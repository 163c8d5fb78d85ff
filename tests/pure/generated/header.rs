//! The C header, read for its manual page.

use super::roff;

const HEADER: &str = include_str!(concat!(env!("OUT_DIR"), "/ecf_failover.h"));

/// Something that has a comment before it.
struct Documented {
    comment: Comment,
    /// The first declaration after it.
    declaration: String,
}

/// A comment in Doxygen's style.
#[derive(Default)]
struct Comment {
    text: String,
    /// The parameters, and at the end "Returns".
    entries: Vec<(String, String)>,
}

impl Comment {
    fn read(lines: &str) -> Self {
        let mut comment = Self::default();
        for line in lines.lines() {
            let line = line.trim().trim_start_matches('*').trim();
            if let Some(parameter) = line.strip_prefix("@param ") {
                // "buf, cap  as before": two blanks, or one behind a single name.
                let (names, told) = parameter.split_once("  ").unwrap_or_else(|| {
                    let (name, told) = parameter.split_once(' ').expect("a parameter");
                    (name, told)
                });
                let told = told.trim().to_owned();
                comment.entries.push((names.trim().to_owned(), told));
            } else if let Some(told) = line.strip_prefix("@return ") {
                comment.entries.push(("Returns".into(), told.to_owned()));
            } else if line.starts_with("@since") {
                // The page is about this version.
                break;
            } else {
                let place = match comment.entries.last_mut() {
                    Some((_, told)) => told,
                    None => &mut comment.text,
                };
                place.push(' ');
                place.push_str(line);
            }
        }
        comment.text = comment.text.trim().to_owned();
        comment
    }

    fn roff(&self) -> String {
        let mut roff = format!("{}\n", roff::text(&self.text));
        for (name, told) in &self.entries {
            let name = match name.as_str() {
                "Returns" => "Returns".to_owned(),
                name => format!("\\fI{name}\\fR"),
            };
            roff.push_str(&roff::entry(&name, &roff::sentence(told.trim())));
        }
        roff
    }
}

fn documented(part: &str) -> Vec<Documented> {
    let parts = part.split("/**\n").skip(1);
    parts
        .map(|part| {
            let (comment, code) = part.split_once("*/").expect("the end of a comment");
            let declaration = code.split(';').next().unwrap_or_default();
            Documented {
                comment: Comment::read(comment),
                declaration: one_line(declaration),
            }
        })
        .collect()
}

/// A declaration in one line, with the typedef's name of a handle.
fn one_line(declaration: &str) -> String {
    let words: Vec<_> = declaration.split_whitespace().collect();
    words.join(" ").replace("struct ", "")
}

fn types_and_functions() -> (&'static str, &'static str) {
    let (types, rest) = HEADER.split_once("extern \"C\" {").expect("functions");
    let (functions, _) = rest.split_once("}  // extern").expect("their end");
    (types, functions)
}

/// The functions in the groups in which a reader wants them.
const GROUPS: &[(&str, &[&str])] = &[
    ("A client", &["ecf_client_"]),
    ("Commands", &["ecf_send_"]),
    ("Delegation", &["ecf_delegate", "ecf_attempt_"]),
    ("Delegation in an event loop", &["ecf_plan_"]),
    ("Replies", &["ecf_reply_"]),
    ("Names and versions", &["ecf_"]),
];

struct Function {
    name: String,
    documented: Documented,
}

impl Function {
    /// The declaration, an argument a line where it is long.
    fn synopsis(&self) -> String {
        let declaration = format!("{};", self.documented.declaration);
        if declaration.len() <= 68 {
            return declaration;
        }
        let (head, arguments) = declaration.split_once('(').expect("arguments");
        let arguments: Vec<_> = arguments.split(", ").collect();
        format!("{head}(\n        {}", arguments.join(",\n        "))
    }
}

fn groups() -> Vec<(&'static str, Vec<Function>)> {
    let mut groups: Vec<(&str, Vec<Function>)> = GROUPS
        .iter()
        .map(|(title, _)| (*title, Vec::new()))
        .collect();
    for documented in documented(types_and_functions().1) {
        let (head, _) = documented.declaration.split_once('(').expect("a function");
        let name = head.rsplit([' ', '*']).next().expect("a name").to_owned();
        let belongs = |(_, prefixes): &(&str, &[&str])| {
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        let group = GROUPS.iter().position(belongs).expect("a group");
        groups[group].1.push(Function { name, documented });
    }
    groups
}

pub(crate) fn synopsis() -> String {
    let mut roff = String::from(".nf\n.B #include <ecf_failover.h>\n.fi\n");
    for (title, functions) in groups() {
        roff.push_str(&format!(".SS {title}\n"));
        let lines = functions.iter().map(Function::synopsis);
        let lines = lines.collect::<Vec<_>>().join("\n");
        roff.push_str(&roff::verbatim(lines.lines()));
    }
    roff
}

pub(crate) fn functions() -> String {
    let groups = groups();
    let functions = groups.iter().flat_map(|(_, functions)| functions);
    let told = functions.map(|function| {
        let comment = function.documented.comment.roff();
        format!(".SS {}()\n{comment}", function.name)
    });
    told.collect()
}

/// The callbacks.
pub(crate) fn callbacks() -> String {
    let types = documented(types_and_functions().0);
    let callbacks = types
        .iter()
        .filter(|documented| documented.declaration.contains("(*ecf_"));
    let told = callbacks.map(|callback| {
        let declaration = format!("{};", callback.declaration);
        let (_, name) = declaration.split_once("(*").expect("a pointer");
        let (name, _) = name.split_once(')').expect("its end");
        let shown = roff::verbatim([declaration.as_str()]);
        format!(".SS {name}\n{shown}.PP\n{}", callback.comment.roff())
    });
    told.collect()
}

/// The numbers of an enum.
pub(crate) fn numbers(name: &str) -> String {
    let begin = format!("enum {name}\n");
    let (_, body) = HEADER.split_once(&begin).expect("the enum");
    let (_, body) = body.split_once(" {\n").expect("its numbers");
    let (body, _) = body.split_once("\n};").expect("its end");
    let parts = body.split("/**\n").skip(1);
    let entries = parts.map(|part| {
        let (comment, code) = part.split_once("*/").expect("the end of a comment");
        let comment = Comment::read(comment);
        let (name, number) = code.trim().split_once(" = ").expect("a number");
        let number = number.trim_end_matches(',');
        roff::entry(&format!("{} ({number})", roff::bold(name)), &comment.text)
    });
    entries.collect()
}

/// The header's first block: "Ownership. What ..." becomes an entry.
pub(crate) fn rules() -> String {
    let (block, _) = HEADER.split_once("*/").expect("the first block");
    let (_, rules) = block
        .split_once("docs/keys.md list them.")
        .expect("the rules");
    let (rules, _) = rules.split_once("This file is generated").expect("the end");
    let mut entries: Vec<(String, String)> = Vec::new();
    let lines = rules.lines().filter_map(|line| line.strip_prefix(" * "));
    for line in lines.filter(|line| !line.is_empty()) {
        match (line.strip_prefix("  "), line.split_once(". ")) {
            (Some(more), _) => {
                let (_, told) = entries.last_mut().expect("a rule");
                told.push(' ');
                told.push_str(more);
            }
            (None, Some((title, told))) => entries.push((title.into(), told.into())),
            (None, None) => panic!("a rule without its title: {line}"),
        }
    }
    let told = entries
        .iter()
        .map(|(title, told)| roff::entry(&roff::bold(title), told.trim()));
    told.collect()
}
