//! What happens to a job under each fault of tests/native/faults/rows.json: the real ecflow_client and
//! this library, side by side, with the default periods and a healthy backup. Prints the table
//! of docs/performance.md.
//!
//! `cargo bench --bench faults`: some 50 s, all rows at once. Needs Debian's ecflow-client.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends at the first surprise"
)]

#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "../tests/native/faults/rows.rs"]
mod rows;

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rows::{Row, Server, Stage, rows, words};
use testkit::{Handle, ecflow_client};

/// Long enough for three attempts 10 s apart, whose first two take a few seconds each.
const LASTS: Duration = Duration::from_secs(45);

fn main() {
    let rows = rows();
    let mut lines: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(index, row)| {
                scope.spawn(move || {
                    let theirs = scope.spawn(move || stock(row, index));
                    let ours = ours(row, index + 1_000);
                    let theirs = theirs.join().expect("the stock client");
                    format!("| {} | {} | {theirs} | {ours} |", row.row, row.fault)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|row| row.join().expect("a row"))
            .collect()
    });
    println!("| row | fault of the primary | ecflow_client | ecf_failover |");
    println!("|---|---|---|---|");
    lines.sort_by_key(|line| line[2..4].trim().parse::<u32>().unwrap_or(0));
    println!("{}", lines.join("\n"));
}

/// Who got a whole request first, and what became of the job.
fn verdict(row: &Row, stage: &Stage, begin: Instant, end: Option<bool>) -> String {
    let at_backup = stage
        .backup
        .as_ref()
        .and_then(|peer| peer.times().first().copied());
    let at_backup = at_backup.map(|at| at.duration_since(begin).as_secs());
    match (end, at_backup) {
        (Some(true), Some(seconds)) => format!("at the backup after {seconds} s"),
        (Some(true), None) if gives_valid_reply(row) => "done by the primary".into(),
        (Some(true), None) => "success, and nobody has it".into(),
        (Some(false), _) if row.end == "ECF_ERR_REJECTED" => "refused".into(),
        (Some(false), _) => "the job fails at once".into(),
        (None, Some(seconds)) => format!("at the backup after {seconds} s, goes on"),
        (None, None) => "goes on trying".into(),
    }
}

/// Whether the primary answers with a valid OK in the end.
fn gives_valid_reply(row: &Row) -> bool {
    match &row.primary {
        Server::Steps(steps) => steps
            .iter()
            .any(|s| s == "reply ok" || s.starts_with("drip")),
        Server::Named(_) => false,
    }
}

fn stock(row: &Row, index: usize) -> String {
    if row.command != "event" || !row.settings.is_empty() {
        return "(no such command or key)".into();
    }
    let stage = Stage::new(row, index);
    let environment = [
        ("ECF_HOSTFILE", stage.hostfile.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
        ("ECF_CONNECT_TIMEOUT", "5"),
    ];
    let words = words(row);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut command = ecflow_client(stage.primary_port, &environment)
        .args(&words)
        .command();
    let begin = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ecflow_client: install Debian's package ecflow-client");
    let mut end = None;
    while end.is_none() && begin.elapsed() < LASTS {
        end = child
            .try_wait()
            .expect("a child")
            .map(|status| status.success());
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().ok();
    child.wait().ok();
    verdict(row, &stage, begin, end)
}

fn ours(row: &Row, index: usize) -> String {
    let stage = Stage::new(row, index);
    let lasts = LASTS.as_secs().to_string();
    let mut settings = vec![
        ("ECF_HOSTFILE", stage.hostfile.as_str()),
        ("ECF_FAILOVER_RETRY_PERIOD", ""),
        ("ECF_FAILOVER_HOST_PERIOD", ""),
        ("ECF_CONNECT_TIMEOUT", "5"),
        ("ECF_TIMEOUT", lasts.as_str()),
    ];
    settings.extend(row.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let client = Handle::quick(stage.primary_port, &settings);
    let words = words(row);
    let begin = Instant::now();
    let told = client.task(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let end = match told.status {
        0 => Some(true),
        4 => None,
        _ => Some(false),
    };
    verdict(row, &stage, begin, end)
}
