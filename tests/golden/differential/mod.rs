//! Every command line of ecflow_client 5.9.2 against ours: both speak, by a recording proxy, to
//! one real server in the same state. They must send the same, print the same, end alike, and
//! leave the server in the same state; what differs on purpose stands in [`differences`].

mod cases;
mod differences;
mod json;
mod proxy;
mod sides;
mod text;
mod words;

use std::collections::BTreeSet;
use std::thread;

use ecf_failover::command::COMMANDS;

use cases::{Case, End};
use differences::{Aspect, DIFFERENCES};
use sides::{Bench, Seen};
use words::CommandLine;

#[test]
fn task_commands_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::TASK);
}

#[test]
fn task_commands_that_are_kept_waiting_end_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    thread::scope(|scope| {
        for case in cases::BLOCKED {
            scope.spawn(|| judge(std::slice::from_ref(case)));
        }
    });
}

#[test]
fn server_commands_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::SERVER);
}

#[test]
fn options_beside_commands_are_read_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::OPTIONS);
}

#[test]
fn node_commands_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::NODES);
}

#[test]
fn alter_is_sent_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::ALTER);
}

#[test]
fn query_is_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::QUERY);
}

#[test]
fn file_and_edit_script_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::SCRIPTS);
}

#[test]
fn definitions_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::DEFINITIONS);
}

#[test]
fn zombie_commands_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::ZOMBIES);
}

#[test]
fn client_handles_and_sync_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::CLIENT_HANDLES);
}

#[test]
fn groups_are_sent_printed_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    judge(cases::GROUP);
}

#[test]
fn what_ends_a_server_is_sent_and_ended_as_by_ecflow_client() {
    testkit::needs!(EcflowServer);
    let mut verdict = Verdict::default();
    for case in cases::ENDS {
        let theirs = Bench::new().theirs(case);
        let ours = Bench::new().ours(case);
        verdict.add(case, &theirs, compare(&theirs, &ours));
    }
    verdict.tell(cases::ENDS);
}

#[test]
fn every_case_stands_once_and_every_difference_belongs_to_one() {
    let mut names = BTreeSet::new();
    for case in cases::ALL.iter().copied().flatten() {
        assert!(names.insert(case.name()), "twice: {}", case.name());
    }
    assert!(names.len() > 300, "{}", names.len());
    for difference in DIFFERENCES {
        for line in difference.lines {
            let is_a_case = names.iter().any(|name| difference.has(line, name));
            assert!(is_a_case, "no case: {line}");
        }
    }
    println!("{} cases", names.len());
}

#[test]
fn every_command_has_cases_that_are_sent() {
    for command in COMMANDS {
        let is_this = |case: &&Case| {
            let line = CommandLine::read(case.line, str::to_owned);
            let first = line.words.first().and_then(|word| word.strip_prefix("--"));
            let name = first.map(|word| word.split('=').next());
            name == Some(Some(command.name)) && matches!(case.end, End::Done | End::Rejected)
        };
        let count = cases::ALL.iter().copied().flatten().filter(is_this).count();
        assert!(count > 0, "no case of --{}", command.name);
    }
}

/// What was found in the cases of one table.
#[derive(Default)]
struct Verdict {
    unlisted: Vec<String>,
    /// The differences that do occur: where they stand in the list.
    occurred: BTreeSet<Place>,
}

/// A difference's place: the row, the line in it, the aspect in it.
type Place = (usize, usize, usize);

/// How two clients differ: in what, wanted and got.
type Found = Vec<(Aspect, String)>;

fn judge(table: &[Case]) {
    let bench = Bench::new();
    let mut verdict = Verdict::default();
    for case in table {
        let (mut theirs, mut found) = both(&bench, case);
        let is_listed = |(aspect, _): &(Aspect, String)| {
            let name = case.name();
            rows().any(|place| is_row_of(place, &name, *aspect))
        };
        if !found.iter().all(is_listed) {
            // The server's minute may have struck between the two.
            (theirs, found) = both(&bench, case);
        }
        verdict.add(case, &theirs, found);
    }
    verdict.tell(table);
}

fn both(bench: &Bench, case: &Case) -> (Seen, Found) {
    let theirs = bench.theirs(case);
    let ours = bench.ours(case);
    let found = compare(&theirs, &ours);
    (theirs, found)
}

fn compare(theirs: &Seen, ours: &Seen) -> Found {
    let mut found = Vec::new();
    let requests =
        |seen: &Seen| -> Vec<_> { seen.requests.iter().map(|b| json::lines(b)).collect() };
    let (wanted, got) = (requests(theirs), requests(ours));
    if wanted != got {
        let why = if got.is_empty() { &ours.words } else { "" };
        found.push((Aspect::Request, contrast(&flat(&wanted), &flat(&got)) + why));
    }
    if theirs.is_ok != ours.is_ok {
        let told = |seen: &Seen| match seen.is_ok {
            true => "success".to_owned(),
            false => format!("failure: {}", seen.words.trim()),
        };
        let both = format!("wanted {}\ngot {}", told(theirs), told(ours));
        found.push((Aspect::End, both));
        return found;
    }
    let lines = |seen: &Seen| split(&text::printed(&seen.text));
    if lines(theirs) != lines(ours) {
        found.push((Aspect::Text, contrast(&lines(theirs), &lines(ours))));
    }
    let state = |seen: &Seen| -> Vec<_> {
        let replies = seen.effect.iter().map(|reply| text::state(reply));
        replies.flat_map(|reply| split(&reply)).collect()
    };
    if state(theirs) != state(ours) {
        found.push((Aspect::Effect, contrast(&state(theirs), &state(ours))));
    }
    found
}

fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// What all requests have around them.
const ENVELOPE: &str = ".21ClientToServerRequest.cmd_";

/// The lines of all requests, each with the request's number.
fn flat(requests: &[Vec<String>]) -> Vec<String> {
    let numbered = requests.iter().enumerate();
    numbered
        .flat_map(|(number, lines)| {
            let number = number + 1;
            lines.iter().map(move |line| {
                let place = line.replacen(ENVELOPE, "", 1);
                format!("request {number}: {place}")
            })
        })
        .collect()
}

/// The lines in which two texts differ.
fn contrast(wanted: &[String], got: &[String]) -> String {
    const MOST: usize = 12;
    let alone = |these: &[String], those: &[String], mark: &str| {
        let lines: Vec<_> = these.iter().filter(|line| !those.contains(line)).collect();
        let mut told = String::new();
        for line in lines.iter().take(MOST) {
            told += &format!("{mark} {}\n", line.escape_debug());
        }
        if lines.len() > MOST {
            told += &format!("{mark} and {} lines more\n", lines.len() - MOST);
        }
        told
    };
    let told = alone(wanted, got, "wanted") + &alone(got, wanted, "got   ");
    match told.is_empty() {
        true => format!(
            "the same lines, otherwise: {} and {}\n",
            wanted.len(),
            got.len()
        ),
        false => told,
    }
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("      {line}\n"));
    lines.collect()
}

fn end_of(theirs: &Seen) -> End {
    match (theirs.requests.is_empty(), theirs.is_ok) {
        (false, true) => End::Done,
        (false, false) => End::Rejected,
        (true, true) => End::Local,
        (true, false) => End::Wrong,
    }
}

impl Verdict {
    fn add(&mut self, case: &Case, theirs: &Seen, found: Found) {
        let name = case.name();
        let end = end_of(theirs);
        if end != case.end {
            let told = format!(
                "{name}\n   the case says {:?}, but it is {end:?}\n",
                case.end
            );
            self.unlisted.push(told + &indented(&theirs.words));
        }
        for (aspect, told) in found {
            let listed = self.mark(&name, aspect);
            if !listed {
                let told = indented(&told);
                self.unlisted.push(format!("{name}\n   {aspect:?}\n{told}"));
            }
        }
    }

    /// Marks the rows that list a difference; gives whether there are any.
    fn mark(&mut self, name: &str, aspect: Aspect) -> bool {
        let listed: Vec<_> = rows()
            .filter(|place| is_row_of(*place, name, aspect))
            .collect();
        self.occurred.extend(&listed);
        !listed.is_empty()
    }

    fn tell(self, table: &[Case]) {
        let stale = rows().filter(|place| !self.occurred.contains(place));
        let stale = stale.filter_map(|(row, line, at)| {
            let difference = &DIFFERENCES[row];
            let (line, aspect) = (difference.lines[line], difference.aspects[at]);
            let is_here = table.iter().any(|case| difference.has(line, &case.name()));
            is_here.then(|| {
                let reason = difference.reason;
                format!("{line}\n   {aspect:?} is listed ({reason}), but does not differ\n")
            })
        });
        let wrong: Vec<_> = self.unlisted.iter().cloned().chain(stale).collect();
        assert!(
            wrong.is_empty(),
            "{} surprises in {} cases:\n\n{}",
            wrong.len(),
            table.len(),
            wrong.join("\n")
        );
        println!("{} cases", table.len());
    }
}

fn is_row_of((row, line, at): Place, name: &str, aspect: Aspect) -> bool {
    let difference = &DIFFERENCES[row];
    difference.aspects[at] == aspect && difference.has(difference.lines[line], name)
}

/// The places of all differences.
fn rows() -> impl Iterator<Item = Place> {
    DIFFERENCES
        .iter()
        .enumerate()
        .flat_map(|(row, difference)| {
            let aspects = difference.aspects.len();
            let lines = 0..difference.lines.len();
            lines.flat_map(move |line| (0..aspects).map(move |at| (row, line, at)))
        })
}
