//! The manual pages: `man/NAME.in` with its marks filled in from the tables, the header and the
//! documents.

use std::process::Command;

use ecf_failover::client::Client;
use ecf_failover::command::{BESIDE, COMMANDS, NOT_OFFERED};
use ecf_failover::config::KEYS;
use ecf_failover::model::{Kind, Status};
use ecf_failover::shell::OWN_OPTIONS;

use super::{committed, header, must_be_current, roff};

const PAGES: &[&str] = &[
    "man/ecf_client.1",
    "man/ecf_failover.3",
    "man/ecf_failover_keys.5",
];

/// What a line of a page stands for.
type Mark = (&'static str, fn() -> String);

const MARKS: &[Mark] = &[
    ("@own options@", own_options),
    ("@options beside@", || {
        options(BESIDE.iter().map(|row| (row.name, row.words, row.meaning)))
    }),
    ("@task commands@", || commands(true)),
    ("@user commands@", || commands(false)),
    ("@not offered@", not_offered),
    ("@statuses@", statuses),
    ("@keys@", keys),
    ("@docs: hostfile@", || {
        section("docs/keys.md", "The hostfile")
    }),
    ("@docs: timetable@", || sections("docs/timetable.md")),
    ("@docs: identity@", || sections("docs/tls-and-identity.md")),
    ("@explain@", explained),
    ("@synopsis@", header::synopsis),
    ("@functions@", header::functions),
    ("@callbacks@", header::callbacks),
    ("@rules@", header::rules),
    ("@ecf_status@", || header::numbers("ecf_status")),
    ("@ecf_outcome@", || header::numbers("ecf_outcome")),
    ("@ecf_kind@", || header::numbers("ecf_kind")),
    ("@ecf_log_level@", || header::numbers("ecf_log_level")),
    ("@ecf_step@", || header::numbers("ecf_step")),
];

#[test]
fn the_manual_pages_are_what_the_sources_say() {
    for page in PAGES {
        let (_, template) = committed(&format!("{page}.in"));
        let filled: String = template.lines().map(filled).collect();
        must_be_current(page, &filled);
    }
}

#[test]
fn the_formatter_has_nothing_to_say_about_the_manual_pages() {
    testkit::needs!(Groff);
    for page in PAGES {
        let output = Command::new("groff")
            .args(["-man", "-ww", "-Tutf8", "-z", page])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("groff: install Debian's package groff-base, as tests/run does");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{page}: {told}");
    }
}

/// What a reader looks for first must be there.
#[test]
fn the_manual_pages_tell_of_every_function_status_key_and_option() {
    let read = |page: &str| committed(page).1.replace("\\-", "-");
    let (client, library, keys) = (read(PAGES[0]), read(PAGES[1]), read(PAGES[2]));
    for symbol in include_str!("../../languages/abi/symbols.txt").lines() {
        let is_function = symbol.starts_with("ecf_");
        assert!(
            !is_function || library.contains(&format!(".SS {symbol}()")),
            "{symbol}"
        );
    }
    for status in (0..).map_while(Status::from_number) {
        assert!(
            library.contains(&format!("\\fB{}\\fR (", status.name())),
            "{status}"
        );
    }
    for key in KEYS {
        assert!(
            keys.contains(&format!(".TP\n\\fB{}\\fR (", key.name)),
            "{}",
            key.name
        );
    }
    for row in COMMANDS {
        assert!(
            client.contains(&format!("\n\\fB--{}\\fR", row.name)),
            "{}",
            row.name
        );
    }
}

fn filled(line: &str) -> String {
    match MARKS.iter().find(|(mark, _)| *mark == line) {
        Some((_, text)) => text(),
        None => {
            assert!(!line.starts_with('@'), "no mark: {line}");
            let version = format!("ecf_failover {}", env!("CARGO_PKG_VERSION"));
            format!("{}\n", line.replace("@version@", &version))
        }
    }
}

/// `--name words` with its meaning.
fn options(rows: impl Iterator<Item = (&'static str, &'static str, &'static str)>) -> String {
    let entries = rows.map(|(name, words, meaning)| {
        let name = roff::bold(&format!("--{name}"));
        let tag = format!("{name} {}", roff::text(words));
        roff::entry(tag.trim_end(), &roff::sentence(meaning))
    });
    entries.collect()
}

fn own_options() -> String {
    options(
        OWN_OPTIONS
            .iter()
            .map(|row| (row.name, row.words, row.meaning)),
    )
}

fn commands(is_task: bool) -> String {
    let rows = COMMANDS.iter();
    let rows = rows.filter(|row| (row.kind == Kind::Task) == is_task);
    options(rows.map(|row| (row.name, row.words, row.meaning)))
}

fn not_offered() -> String {
    let entries = NOT_OFFERED
        .iter()
        .map(|(name, why)| roff::entry(&roff::bold(&format!("--{name}")), &roff::sentence(why)));
    entries.collect()
}

/// How a command may end for a shell, which has no buffers and callbacks, and is told of a
/// signal by the exit status.
fn statuses() -> String {
    let all = (1..).map_while(Status::from_number);
    let seen = all.filter(|status| {
        !matches!(
            status,
            Status::TooSmall | Status::Caller | Status::Cancelled
        )
    });
    let entries =
        seen.map(|status| roff::entry(&roff::bold(status.name()), &roff::sentence(status.text())));
    entries.collect()
}

fn keys() -> String {
    let entries = KEYS.iter().map(|key| {
        let default = match key.default {
            "" => String::new(),
            default => format!("; default `{default}`"),
        };
        let tag = format!(
            "{} ({})",
            roff::bold(key.name),
            roff::text(&format!("{}{default}", key.values))
        );
        roff::entry(&tag, &roff::sentence(key.meaning))
    });
    entries.collect()
}

/// A section of a document, without its title.
fn section(path: &str, title: &str) -> String {
    let (_, document) = committed(path);
    let (_, section) = document
        .split_once(&format!("\n## {title}\n"))
        .expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    roff::from_markdown(section)
        .trim_start_matches(".PP\n")
        .to_owned()
}

/// All sections of a document; what stands before the first is for those who read it as a whole.
fn sections(path: &str) -> String {
    let (_, document) = committed(path);
    let begin = document.find("\n## ").expect("a section");
    roff::from_markdown(&document[begin..])
}

/// What `ecf_client --explain` prints for the hosts of docs/timetable.md.
fn explained() -> String {
    let hostfile = std::env::temp_dir().join(format!("hosts-{}", std::process::id()));
    std::fs::write(&hostfile, "b1\nb2\n").expect("a file");
    let client = Client::from_environment();
    for (key, value) in [
        ("ECF_HOST", "primary"),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ] {
        client.set(key.as_bytes(), value.as_bytes()).expect("a key");
    }
    let table = client.explain(Kind::Task, 130_000).expect("a timetable");
    std::fs::remove_file(&hostfile).ok();
    roff::verbatim(table.lines())
}
