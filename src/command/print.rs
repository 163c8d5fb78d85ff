//! Answers as the text that ecflow_client prints: the layout is ecFlow 5.9.2's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::structure::{self, Place};
use super::{Command, Shows};
use crate::model::{Endpoint, Kind};
use crate::wire::{Answer, Handles, Stats, ZombieDecision, ZombieRecord};

/// What ecflow_client prints when `endpoint` gave this `reply` to `command` after `took`.
#[must_use]
pub fn printed(command: &Command, reply: &Answer, endpoint: &Endpoint, took: Duration) -> Vec<u8> {
    match (reply, command.kind) {
        (Answer::Ok, Kind::Ping) => ping_line(endpoint, took),
        (Answer::Suites(names), _) => suites_table(names),
        (Answer::Handles(handles), _) => handles_table(handles),
        (Answer::LogPath(path), _) => line(path),
        (Answer::Group(replies), _) => in_group(replies, command.shows),
        (Answer::Node(text), _) => structure::node(text, command.shows, Place::Alone),
        (Answer::Definition(text), _) => structure::whole(text, command.shows),
        (reply, _) => plain(reply),
    }
}

/// Whether a command of a group was refused.
#[must_use]
pub fn has_error(replies: &[Answer]) -> bool {
    replies.iter().any(|r| matches!(r, Answer::Error(_)))
}

/// The errors in a group's reply, a line each.
#[must_use]
pub fn group_errors(replies: &[Answer]) -> Vec<u8> {
    let errors = replies.iter().filter_map(|reply| match reply {
        Answer::Error(words) => Some(words.as_slice()),
        _ => None,
    });
    errors.collect::<Vec<_>>().join(&b"\n"[..])
}

/// Most replies print alone what they print in a group; tables of names and definitions do
/// not, unless the group has a `show`: that shows the whole definition where it came.
fn in_group(replies: &[Answer], shows: Shows) -> Vec<u8> {
    let is_whole = |reply: &&Answer| matches!(reply, Answer::Definition(_) | Answer::Sync(Some(_)));
    let has_whole = replies.iter().any(|reply| is_whole(&reply));
    let replies = replies
        .iter()
        .filter(|reply| !(has_whole && matches!(reply, Answer::Node(_))));
    replies.flat_map(|reply| member(reply, shows)).collect()
}

fn member(reply: &Answer, shows: Shows) -> Vec<u8> {
    match (reply, shows) {
        (reply, Shows::Nothing) => plain(reply),
        (Answer::Node(text), shows) => structure::node(text, shows, Place::InGroup),
        (Answer::Definition(text) | Answer::Sync(Some(text)), shows) => {
            structure::whole(text, shows)
        }
        (reply, _) => plain(reply),
    }
}

fn plain(reply: &Answer) -> Vec<u8> {
    match reply {
        Answer::Text(text) => line(text),
        Answer::Texts(texts) => texts.iter().flat_map(|text| line(text)).collect(),
        Answer::Stats(stats) => stats_table(stats),
        Answer::Zombies(zombies) => zombies_table(zombies),
        // Nothing, or what their own commands print.
        Answer::Ok
        | Answer::Cleared
        | Answer::Halted
        | Answer::Wait
        | Answer::Zombie
        | Answer::Error(_)
        | Answer::Suites(_)
        | Answer::Node(_)
        | Answer::Definition(_)
        | Answer::News(_)
        | Answer::Sync(_)
        | Answer::LogPath(_)
        | Answer::Handle(_)
        | Answer::Handles(_)
        | Answer::Group(_) => Vec::new(),
    }
}

fn line(text: &[u8]) -> Vec<u8> {
    [text, b"\n"].concat()
}

fn ping_line(endpoint: &Endpoint, took: Duration) -> Vec<u8> {
    let seconds = took.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "ping server({}:{}) succeeded in {hours:02}:{minutes:02}:{seconds:02}.{:06}  ~{} milliseconds\n",
        endpoint.host.as_str(),
        endpoint.port,
        took.subsec_micros(),
        took.as_millis()
    )
    .into_bytes()
}

/// A hostile server's longest name must not make all lines as long as itself.
const WIDEST: usize = 256;

/// The width of a column of so many cells: none where padding would be many times the content.
fn affordable(width: usize, cells: usize, content: usize) -> usize {
    const FREE: usize = 1 << 20;
    if width.saturating_mul(cells) > content.saturating_mul(8).saturating_add(FREE) {
        0
    } else {
        width
    }
}

fn pad(text: &mut Vec<u8>, word: &[u8], width: usize) {
    text.extend_from_slice(word);
    text.extend(std::iter::repeat_n(b' ', width.saturating_sub(word.len())));
}

/// The names of the suites: five a line, in columns.
fn suites_table(names: &[Vec<u8>]) -> Vec<u8> {
    const COLUMNS: usize = 5;
    if names.is_empty() {
        return b"No suites\n\n".to_vec();
    }
    let longest = names.iter().map(Vec::len).max().unwrap_or(0).min(WIDEST);
    let content = names.iter().map(Vec::len).sum();
    let width = affordable(longest, names.len(), content) + 1;
    let mut table = Vec::new();
    for names in names.chunks(COLUMNS) {
        for name in names {
            pad(&mut table, name, width);
        }
        table.push(b'\n');
    }
    table
}

/// Every user with their handles, and the suites of each.
fn handles_table(handles: &Handles) -> Vec<u8> {
    const USER: usize = 10;
    if handles.users.is_empty() {
        return Vec::new();
    }
    let mut table = b"\nUser      handle  suites\n".to_vec();
    // Each handle is one user's, so its suites are told once.
    let mut suites: BTreeMap<i64, &[Vec<u8>]> = handles
        .suites
        .iter()
        .map(|(handle, suites)| (*handle, suites.as_slice()))
        .collect();
    for (user, numbers) in &handles.users {
        pad(&mut table, user, USER);
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                pad(&mut table, b"", USER);
            }
            table.extend(format!("{number:6}  ").bytes());
            for suite in suites.remove(number).into_iter().flatten() {
                table.extend_from_slice(suite);
                table.extend(b"  ");
            }
            table.push(b'\n');
        }
    }
    table
}

const ZOMBIE_COLUMNS: [&str; 11] = [
    "task-path",
    "type",
    "age(s)",
    "password",
    "pid",
    "try_no",
    "action",
    "child",
    "calls",
    "host",
    "explanation",
];
const ZOMBIE_KINDS: &[(&str, &str)] = &[
    ("user", ""),
    (
        "ecf",
        "Two init commands or task complete or aborted but receives another child cmd",
    ),
    (
        "ecf_pid",
        "PID miss-match, password matches. Job scheduled twice. Check submitter",
    ),
    (
        "ecf_passwd",
        "Password miss-match, PID matches, system has re-cycled PID or hacked job file?",
    ),
    (
        "ecf_pid_passwd",
        "Both PID and password miss-match. Re-queue & submit of active job?",
    ),
    (
        "path",
        "Task not found. Nodes replaced whilst jobs were running",
    ),
];
const ZOMBIE_ACTIONS: &[&str] = &["fob", "fail", "adopt", "remove", "block", "kill"];
const TASK_COMMANDS: &[&str] = &[
    "init", "event", "meter", "label", "wait", "queue", "abort", "complete",
];

/// The word with a number of the protocol; one that has none yet is shown as the number.
fn word(words: &[&str], number: i64) -> String {
    let known = usize::try_from(number).ok().and_then(|at| words.get(at));
    known.map_or_else(|| number.to_string(), ToString::to_string)
}

fn zombies_table(zombies: &[ZombieRecord]) -> Vec<u8> {
    let mut rows = vec![ZOMBIE_COLUMNS.map(|name| name.as_bytes().to_vec())];
    rows.extend(zombies.iter().map(zombie_row));
    let mut widths = [0; ZOMBIE_COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().min(WIDEST).max(*width);
        }
    }
    let content = rows.iter().flatten().map(Vec::len).sum();
    let widths = widths.map(|width| affordable(width, rows.len(), content));
    let mut table = Vec::new();
    for row in &rows {
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            if index > 0 {
                table.push(b' ');
            }
            pad(&mut table, cell, width);
        }
        table.push(b'\n');
    }
    table
}

fn zombie_row(zombie: &ZombieRecord) -> [Vec<u8>; ZOMBIE_COLUMNS.len()] {
    let kinds: Vec<_> = ZOMBIE_KINDS.iter().map(|(name, _)| *name).collect();
    let by_user = [b"Created by user action(", &zombie.user_command[..], b")"].concat();
    let explanation = usize::try_from(zombie.kind)
        .ok()
        .and_then(|kind| ZOMBIE_KINDS.get(kind))
        .map_or(b"".to_vec(), |(_, why)| why.as_bytes().to_vec());
    let decision = match zombie.decision {
        ZombieDecision::Manual => "manual-",
        ZombieDecision::Automatic => "auto-",
    };
    [
        zombie.path.clone(),
        word(&kinds, zombie.kind).into_bytes(),
        zombie.age_s.to_string().into_bytes(),
        zombie.password.reveal().to_vec(),
        zombie.remote_id.clone(),
        zombie.try_number.to_string().into_bytes(),
        format!("{decision}{}", word(ZOMBIE_ACTIONS, zombie.action)).into_bytes(),
        word(TASK_COMMANDS, zombie.last_command).into_bytes(),
        zombie.calls.to_string().into_bytes(),
        zombie.host.clone(),
        if zombie.kind == 0 {
            by_user
        } else {
            explanation
        },
    ]
}

/// The lines of the statistics that are always there: label, place, unit.
const STATS_HEAD: &[(&str, usize, &str)] = &[
    ("Version", 5, ""),
    ("Status", 0, ""),
    ("Host", 2, ""),
    ("Port", 3, ""),
    ("Up since", 4, ""),
    ("Job sub' interval", 6, "s"),
    ("ECF_HOME", 12, ""),
    ("ECF_LOG", 14, ""),
    ("ECF_CHECK", 13, ""),
    ("ECF_SSL", 15, ""),
    ("Check pt interval", 7, "s"),
    ("Check pt mode", 9, ""),
    ("Check pt save time alarm", 8, "s"),
    ("Number of Suites", 10, ""),
    ("Request's per 1,5,15,30,60 min", 11, ""),
];
const STATUS_PLACE: usize = 0;
const STATUSES: &[&str] = &["HALTED", "SHUTDOWN", "RUNNING"];
const MODE_PLACE: usize = 9;
const MODES: &[&str] = &[
    "CHECK_NEVER",
    "CHECK_ON_TIME",
    "CHECK_ON_ALWAYS",
    "UNDEFINED",
];
const LOCKED_PLACE: usize = 1;

/// The counters, told where they are not 0: a block for each kind of request.
#[rustfmt::skip]
const STATS_COUNTERS: &[&[(&str, usize)]] = &[
    &[
        ("Check points", 16), ("Restart server", 18), ("Shutdown server", 19),
        ("Halt server", 20), ("Ping", 23), ("debug server on", 24), ("debug server off", 25),
        ("Get full definition", 26), ("Server version", 17), ("Sync", 27), ("Sync full", 28),
        ("Sync suite clock", 29), ("News", 30),
    ],
    &[
        ("Task init", 44), ("Task complete", 45), ("Task wait", 46), ("Task abort", 47),
        ("Task event", 48), ("Task meter", 49), ("Task label", 50), ("Task queue", 51),
    ],
    &[
        ("Zombie fob", 52), ("Zombie fail", 53), ("Zombie adopt", 54), ("Zombie remove", 55),
        ("Zombie get", 56), ("Zombie block", 57), ("Zombie kill", 58),
    ],
    &[
        ("Load definition", 62), ("Begin", 43), ("Requeue", 59), ("Job generation", 31),
        ("Check Job generation", 32), ("Node delete", 33), ("Node suspend", 34),
        ("Node resume", 35), ("Node kill", 36), ("Node status", 37), ("Node edit history", 38),
        ("Node archive", 39), ("Node restore", 40), ("Log cmd", 41), ("Log message", 42),
        ("Order", 60), ("Run", 61), ("Replace", 63), ("Force", 64), ("Free dependencies", 65),
        ("Suites", 66), ("Edit script", 67), ("Alter", 68), ("Client handle", 69), ("Plug", 75),
        ("Move", 76), ("Group", 77), ("Server load cmd", 78), ("stats cmd", 79), ("checks", 80),
        ("query", 81), ("Reload white list file", 21), ("Reload password file", 22),
    ],
    &[
        ("File ECF", 70), ("File job", 71), ("File Job out", 72), ("File Cmd out", 73),
        ("File manual", 74),
    ],
];

fn stats_table(stats: &Stats) -> Vec<u8> {
    let mut table = b"Server statistics\n".to_vec();
    let number = |place| stats.numbers.get(&place).copied().unwrap_or(0);
    for (label, place, unit) in STATS_HEAD {
        let value = match (*place, stats.texts.get(place)) {
            (_, Some(text)) => text.clone(),
            (STATUS_PLACE, _) => word(STATUSES, number(*place)).into_bytes(),
            (MODE_PLACE, _) => word(MODES, number(*place)).into_bytes(),
            _ => format!("{}{unit}", number(*place)).into_bytes(),
        };
        stats_line(&mut table, label, &value);
    }
    if let Some(user) = stats.texts.get(&LOCKED_PLACE)
        && !user.is_empty()
    {
        stats_line(&mut table, "Locked by user", user);
    }
    for block in STATS_COUNTERS {
        let counted: Vec<_> = block.iter().filter(|(_, at)| number(*at) != 0).collect();
        if !counted.is_empty() {
            table.push(b'\n');
        }
        for (label, place) in counted {
            stats_line(&mut table, label, number(*place).to_string().as_bytes());
        }
    }
    table
}

fn stats_line(table: &mut Vec<u8>, label: &str, value: &[u8]) {
    table.extend(format!("   {label:32}").bytes());
    table.extend_from_slice(value);
    table.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_printed_five_a_line_in_columns() {
        let names = ["s1", "s2", "s3", "x2", "u1", "n1", "mem", "nb"];
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let table = suites_table(&names);
        assert_eq!(
            String::from_utf8_lossy(&table),
            "s1  s2  s3  x2  u1  \nn1  mem nb  \n"
        );
        assert_eq!(suites_table(&[]), b"No suites\n\n");
    }

    #[test]
    fn a_hostile_name_of_a_suite_does_not_widen_every_line() {
        let mut names = vec![Vec::new(); 10_000];
        names.push(vec![b'x'; 1_000_000]);
        assert!(suites_table(&names).len() < 4_000_000);
    }

    #[test]
    fn a_hostile_table_is_no_longer_than_a_few_times_its_reply() {
        let names = vec![vec![b'x'; 256]; 1].into_iter();
        let names: Vec<_> = names.chain(vec![Vec::new(); 100_000]).collect();
        assert!(suites_table(&names).len() < 2_000_000);
        let suites = vec![b"s".repeat(10_000)];
        let handles = Handles {
            users: vec![(b"u".to_vec(), vec![1; 1_000])],
            suites: vec![(1, suites)],
        };
        assert!(handles_table(&handles).len() < 100_000);
    }

    #[test]
    fn a_ping_is_told_with_its_time() {
        let endpoint = Endpoint::parse(b"localhost:3141", 1);
        let line = endpoint.map(|e| ping_line(&e, Duration::from_micros(61_001_428)));
        assert_eq!(
            line.as_deref(),
            Ok(
                &b"ping server(localhost:3141) succeeded in 00:01:01.001428  ~61001 milliseconds\n"
                    [..]
            )
        );
    }

    #[test]
    fn handles_stand_under_their_user_with_their_suites() {
        let handles = Handles {
            users: vec![(b"root".to_vec(), vec![1, 12]), (b"x".to_vec(), vec![3])],
            suites: vec![
                (1, vec![b"s1".to_vec(), b"s2".to_vec()]),
                (12, vec![]),
                (3, vec![b"s".to_vec()]),
            ],
        };
        let table = handles_table(&handles);
        assert_eq!(
            String::from_utf8_lossy(&table),
            "\nUser      handle  suites\nroot           1  s1  s2  \n              12  \nx              3  s  \n"
        );
        assert_eq!(handles_table(&Handles::default()), b"");
    }
}
