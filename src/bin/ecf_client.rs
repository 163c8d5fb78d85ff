//! `ecf_client`: one command of ecflow_client's, as a program for shells that load no
//! libraries. The words, the output and the exit status are ecflow_client's; a link of that
//! name makes old scripts use it.
//!
//! Its own options: `--report` before a command's words tells every attempt on stderr,
//! `--explain [task|user|ping]` tells where a command would go, and `--check` without paths
//! what is wrong with the settings and the hostfile.
#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints, and takes signals"
)]

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use ecf_failover::client::{Client, Reply, Status};
use ecf_failover::policy::Kind;

/// The client that a signal cancels.
static CLIENT: OnceLock<Client> = OnceLock::new();
/// The signal that came; 0 before.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The signals by which batch systems and people end a job's command.
const SIGNALS: [libc::c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

fn main() -> ExitCode {
    let argv: Vec<Vec<u8>> = std::env::args_os()
        .skip(1)
        .map(OsStringExt::into_vec)
        .collect();
    let client = CLIENT.get_or_init(Client::from_environment);
    take_signals();
    let words: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    match words[..] {
        [b"--check"] => told(&client.check()),
        [b"--explain"] => explain(client, b"task"),
        [b"--explain", kind] => explain(client, kind),
        [b"--report", ..] => {
            let reply = client.send_any(&argv[1..]);
            report(&reply);
            end(&reply)
        }
        _ => end(&client.send_any(&argv)),
    }
}

/// Prints what a command gave, and turns how it ended into an exit status.
fn end(reply: &Reply) -> ExitCode {
    print(&reply.text);
    match (reply.status, SIGNAL.load(Ordering::Relaxed)) {
        (Status::Ok, _) => ExitCode::SUCCESS,
        (Status::Cancelled, signal @ 1..) => {
            // As a shell tells it of a program that the signal ended.
            ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))
        }
        (status, _) => {
            let error = String::from_utf8_lossy(&reply.error);
            complain(&format!("{}: {error}", status.name()));
            ExitCode::FAILURE
        }
    }
}

/// The problems that were found, if any.
fn told(problems: &str) -> ExitCode {
    print(problems.as_bytes());
    match problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn explain(client: &Client, kind: &[u8]) -> ExitCode {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let kind = match kind {
        b"task" => Kind::Task,
        b"user" => Kind::User,
        b"ping" => Kind::Ping,
        other => {
            let other = OsStr::from_bytes(other).display();
            complain(&format!("--explain takes task, user or ping, not {other}"));
            return ExitCode::FAILURE;
        }
    };
    match client.explain(kind, DAY) {
        Ok(table) => {
            print(table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(why.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Every attempt: a line each for a person, JSON for a program.
fn report(reply: &Reply) {
    let json = reply.report();
    if !io::stderr().is_terminal() {
        complain_plainly(&json);
        return;
    }
    let Ok(report) = serde_json::from_str::<serde_json::Value>(&json) else {
        return;
    };
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    for attempt in report["attempts"].as_array().into_iter().flatten() {
        let start = attempt["start_ms"].as_f64().unwrap_or(0.0) / 1_000.0;
        let length = attempt["length_ms"].as_f64().unwrap_or(0.0) / 1_000.0;
        let host = word(&attempt["host"]);
        let outcome = word(&attempt["outcome"]).replace("ECF_OUTCOME_", "");
        complain_plainly(&format!(
            "{start:10.3} s +{length:.3}  {host}:{}  {outcome}  {}",
            attempt["port"],
            word(&attempt["note"])
        ));
    }
    complain_plainly(&word(&report["summary"]));
}

/// What a pipe takes at once.
const PIECE: usize = 4_096;
/// A reader that takes nothing for so long gets no more, in milliseconds.
const PATIENCE: libc::c_int = 10_000;

/// Output that nobody takes is no reason to fail or to hang: the command has been delivered.
fn print(text: &[u8]) {
    for piece in text.chunks(PIECE) {
        let mut stdout = libc::pollfd {
            fd: libc::STDOUT_FILENO,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one entry, which the call may write to; then a buffer of the passed length.
        let written = unsafe {
            if libc::poll(&raw mut stdout, 1, PATIENCE) != 1 {
                return;
            }
            libc::write(libc::STDOUT_FILENO, piece.as_ptr().cast(), piece.len())
        };
        if usize::try_from(written) != Ok(piece.len()) {
            return;
        }
    }
}

fn complain(words: &str) {
    complain_plainly(&format!("ecf_client: {words}"));
}

fn complain_plainly(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Lets the signals that end a job's command end the waiting, once: a second one ends the
/// program.
fn take_signals() {
    for signal in SIGNALS {
        // SAFETY: an all-zero sigaction is valid, the handler touches atomics only, and a
        // signal that was ignored at the start stays ignored.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut before);
            if before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn on_signal(signal: libc::c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
    if let Some(client) = CLIENT.get() {
        client.cancel();
    }
}
