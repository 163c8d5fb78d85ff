//! One command as a shell runs it, in a process of its own or inside the shell: the words, the
//! output and the exit status are ecflow_client's.
//!
//! Beside ecflow_client's options: `--report` before the words of a command tells every attempt
//! on stderr, `--explain [task|user|ping]` tells where a command would go, and `--check` without
//! paths what is wrong with the settings and the hostfile.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::client::{Client, Reply};
use crate::config::Configuration;
use crate::model::{Kind, Status};
use crate::sys::output::{self, Output};
use crate::sys::stderr;

/// An option that only this client has.
pub struct OwnOption {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Its words, for people.
    pub words: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
}

/// What there is beside ecflow_client's options.
#[rustfmt::skip]
pub const OWN_OPTIONS: &[OwnOption] = &[
    OwnOption { name: "report", words: "--COMMAND...",
        meaning: "send the command, and tell every attempt on stderr: a line each on a terminal, else JSON" },
    OwnOption { name: "explain", words: "[task|user|ping]",
        meaning: "send nothing; print when and where such a command (task unless given) would be attempted if every host refused" },
    OwnOption { name: "check", words: "",
        meaning: "without paths: send nothing; print what is wrong with the settings and the hostfile, a line each" },
];

/// Signals that end commands.
const SIGNALS: [(libc::c_int, &str); 8] = [
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGXCPU, "SIGXCPU"),
];

const SUCCESS: u8 = 0;
const FAILURE: u8 = 1;

/// The settings of a command that a shell runs: a person may be looking, so notices are on
/// unless they are turned off.
pub fn settings(lookup: impl Fn(&str) -> Option<Vec<u8>>) -> Configuration {
    Configuration::read(|name| match (name, lookup(name)) {
        ("ECF_FAILOVER_NOTICES", None) => Some(b"on".to_vec()),
        ("ECF_FAILOVER_NOTICES", Some(empty)) if empty.is_empty() => Some(b"on".to_vec()),
        (_, value) => value,
    })
}

/// Where a command runs: in a process of its own, or in the shell.
pub trait Place {
    /// Which signal ended the command, if one did.
    fn signal(&self) -> Option<u8>;

    /// Where programs are looked for.
    fn path(&self) -> Option<Vec<u8>>;

    /// Becomes another program, with the same words, if this can be; gives why it did not.
    fn become_program(&self, program: &Path) -> Option<io::Error>;
}

/// Runs one command; gives its exit status.
pub fn run(client: &Client, argv: &[Vec<u8>], place: &impl Place) -> u8 {
    let signal = || place.signal();
    let words: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    match words[..] {
        [b"--check"] => check(client),
        [b"--explain"] => explain(client, b"task"),
        [b"--explain", kind] => explain(client, kind),
        [b"--help"] => {
            let status = end(&client.send_any(argv), signal);
            output::write(Output::Stdout, own_help().as_bytes(), || false).ok();
            status
        }
        [b"--report", ..] => {
            // It tells all that notices would, and may be read by a program.
            client.set(b"ECF_FAILOVER_NOTICES", b"off").ok();
            let reply = client.send_any(&argv[1..]);
            report(&reply);
            end(&reply, signal)
        }
        _ => {
            let reply = client.send_any(argv);
            if reply.is_for_stock_client {
                return elsewhere(client, &reply, place);
            }
            end(&reply, signal)
        }
    }
}

/// A command that only ecFlow's own client does.
fn elsewhere(client: &Client, reply: &Reply, place: &impl Place) -> u8 {
    let why = String::from_utf8_lossy(&reply.error);
    let why = why.trim_end();
    let next = match next_client(place.path().unwrap_or_default()) {
        Some(program) => {
            let wants_it = client.get(b"ECF_FAILOVER_STOCK_CLIENT");
            let wants_it = wants_it.is_ok_and(|value| value.eq_ignore_ascii_case(b"run"));
            let failure = wants_it.then(|| place.become_program(&program)).flatten();
            let failure = failure.map(|why| format!(" ({why})")).unwrap_or_default();
            format!("the next one in PATH is {}{failure}", program.display())
        }
        None => "there is none in PATH".to_owned(),
    };
    let status = reply.status.name();
    complain(&format!("ecf_client: {status}: {why}; {next}"));
    FAILURE
}

/// The first ecflow_client in PATH that is not this program, under whatever name.
fn next_client(path: Vec<u8>) -> Option<PathBuf> {
    let same = |one: &fs::Metadata, other: &fs::Metadata| {
        one.dev() == other.dev() && one.ino() == other.ino()
    };
    let own = fs::metadata("/proc/self/exe").ok();
    path.split(|byte| *byte == b':')
        .filter(|directory| !directory.is_empty())
        .map(|directory| Path::new(OsStr::from_bytes(directory)).join("ecflow_client"))
        .find(|program| {
            let is_ours = fs::canonicalize(program).is_ok_and(|real| real.ends_with("ecf_client"));
            fs::metadata(program).is_ok_and(|found| {
                let is_this = own.as_ref().is_some_and(|own| same(own, &found));
                let is_executable = found.is_file() && found.permissions().mode() & 0o111 != 0;
                let is_ours = is_ours
                    || own
                        .as_ref()
                        .is_some_and(|own| is_copy(own, &found, program));
                is_executable && !is_this && !is_ours
            })
        })
}

/// Whether a file of the same length as this program holds the same.
fn is_copy(own: &fs::Metadata, found: &fs::Metadata, program: &Path) -> bool {
    let same = || Some(fs::read("/proc/self/exe").ok()? == fs::read(program).ok()?);
    own.len() == found.len() && same().unwrap_or(false)
}

/// What `--help` has to add.
fn own_help() -> String {
    let mut text = String::from("\nOnly here, not in ecflow_client:\n");
    for option in OWN_OPTIONS {
        let words = format!("--{} {}", option.name, option.words);
        text.push_str(&format!(
            "  {}\n      {}\n",
            words.trim_end(),
            option.meaning
        ));
    }
    text
}

/// Prints what a command gave, and turns how it ended into an exit status.
fn end(reply: &Reply, signal: impl Fn() -> Option<u8>) -> u8 {
    let written = output::write(Output::Stdout, &reply.text, || signal().is_some());
    // One who has gone wants no more; another is told that it is not the whole.
    if let Err(why) = written
        && !matches!(why.kind(), ErrorKind::BrokenPipe)
    {
        // At once or never: it has waited long enough.
        let words = format!("ecf_client: the answer is not written whole: {why}\n");
        output::write(Output::Stderr, words.as_bytes(), || true).ok();
    }
    match (reply.status, signal()) {
        (Status::Ok, _) => SUCCESS,
        // As a shell tells it of a program that the signal ended.
        (Status::Cancelled, Some(signal)) => {
            if let Some(waited) = &reply.interrupted {
                stderr::write_line(&format!("ecf_client: ended by {} {waited}", name(signal)));
            }
            signal.saturating_add(128)
        }
        (status, _) => {
            let error = String::from_utf8_lossy(&reply.error);
            complain(&format!("ecf_client: {}: {error}", status.name()));
            FAILURE
        }
    }
}

/// A signal as people call it.
fn name(signal: u8) -> String {
    let named = SIGNALS
        .iter()
        .find(|(number, _)| *number == i32::from(signal));
    named.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// Tells the problems that there are.
fn check(client: &Client) -> u8 {
    let problems = client.check();
    print(&problems);
    if problems.is_empty() {
        SUCCESS
    } else {
        FAILURE
    }
}

fn explain(client: &Client, kind: &[u8]) -> u8 {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let kind = match kind {
        b"task" => Kind::Task,
        b"user" => Kind::User,
        b"ping" => Kind::Ping,
        other => {
            let other = OsStr::from_bytes(other).display();
            complain(&format!(
                "ecf_client: --explain takes task, user or ping, not {other}"
            ));
            return FAILURE;
        }
    };
    match client.explain(kind, DAY) {
        Ok(table) => {
            print(&table);
            SUCCESS
        }
        Err(why) => {
            complain(&format!("ecf_client: {}", why.trim_end()));
            FAILURE
        }
    }
}

/// Every attempt: a line each for a person, JSON for a program.
fn report(reply: &Reply) {
    if io::stderr().is_terminal() {
        complain(&reply.timeline());
    } else {
        complain(&reply.report());
    }
}

/// Text of which a part may be missing where nobody reads it.
fn print(text: &str) {
    output::write(Output::Stdout, text.as_bytes(), || false).ok();
}

fn complain(words: &str) {
    output::write(Output::Stderr, format!("{words}\n").as_bytes(), || false).ok();
}
