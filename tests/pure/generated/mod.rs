//! What is generated and committed must be current: the header, the documents' lists, the manual
//! pages and the shell's completion. And the documents' links must lead somewhere.
//!
//! `ECF_FAILOVER_BLESS=1 cargo test --test pure generated` brings all up to date.

mod completion;
mod header;
mod layers;
mod links;
mod pages;
mod roff;

use std::fs;
use std::path::Path;

use ecf_failover::command::{COMMANDS, NOT_OFFERED};
use ecf_failover::config::KEYS;
use ecf_failover::model::Kind;

/// What a document has between two marks: the document, the first mark, the second, and the text.
type Part = (&'static str, &'static str, &'static str, fn() -> String);

const PARTS: &[Part] = &[
    (
        "docs/keys.md",
        "<!-- keys: generated from src/config/keys.rs -->\n",
        "<!-- keys: end -->\n",
        key_table,
    ),
    (
        "docs/commands.md",
        "<!-- commands: generated from src/command/table.rs -->\n",
        "<!-- commands: end -->\n",
        command_lists,
    ),
];

fn committed(path: &str) -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).expect("a committed file");
    (path, text)
}

fn must_be_current(path: &str, should_be: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if fs::read_to_string(&file).is_ok_and(|is| is == should_be) {
        return;
    }
    if std::env::var_os("ECF_FAILOVER_BLESS").is_some() {
        fs::write(file, should_be).unwrap();
        return;
    }
    panic!(
        "{path} is not what the sources say: run ECF_FAILOVER_BLESS=1 cargo test --test pure generated"
    );
}

#[test]
fn the_header_is_what_the_sources_say() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/ecf_failover.h"));
    must_be_current("include/ecf_failover.h", generated);
}

#[test]
fn the_lists_of_the_documents_are_what_the_sources_say() {
    for (path, begin, end, part) in PARTS {
        let (_, text) = committed(path);
        let (before, rest) = text.split_once(begin).expect("the list's begin");
        let (_, behind) = rest.split_once(end).expect("the list's end");
        must_be_current(path, &format!("{before}{begin}{}{end}{behind}", part()));
    }
}

#[test]
fn the_constants_of_the_fortran_module_are_those_of_the_header() {
    const PATH: &str = "include/ecf_failover.f90";
    const BEGIN: &str = "! constants: generated from src/ffi\n";
    const END: &str = "! constants: end\n";
    let header = include_str!(concat!(env!("OUT_DIR"), "/ecf_failover.h"));
    let (_, module) = committed(PATH);
    let (before, rest) = module.split_once(BEGIN).expect("the begin");
    let (_, behind) = rest.split_once(END).expect("the end");
    let constants: String = header
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(name, number)| {
            let name = name.to_lowercase();
            format!("  integer, parameter, public :: {name} = {number}\n")
        })
        .collect();
    assert!(constants.contains("ecf_err_timeout = 4\n"));
    must_be_current(PATH, &format!("{before}{BEGIN}{constants}{END}{behind}"));
}

fn command_lists() -> String {
    let names = |is_task: bool| {
        let rows = COMMANDS.iter();
        let rows = rows.filter(|row| (row.kind == Kind::Task) == is_task);
        let names: Vec<_> = rows.map(|row| format!("`{}`", row.name)).collect();
        names.join(", ")
    };
    let mut lists = format!(
        "- task commands: {}\n- user commands: {}\n\n| not offered | why |\n|---|---|\n",
        names(true),
        names(false)
    );
    for (name, why) in NOT_OFFERED {
        lists.push_str(&format!("| `{name}` | {why} |\n"));
    }
    lists
}

fn key_table() -> String {
    let mut table =
        String::from("| key | default | values | meaning | needed by |\n|---|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        table.push_str(&format!(
            "| `{}` | {default} | {} | {} | {} |\n",
            key.name,
            key.values,
            key.meaning,
            key.needed_by.words()
        ));
    }
    table
}

#[test]
fn every_key_of_the_table_is_documented() {
    for key in KEYS {
        assert!(
            !key.meaning.is_empty() && !key.values.is_empty(),
            "{}",
            key.name
        );
    }
}
