//! What holds over every transport.

use ecf_failover::model::Status;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::{Handle, Server, Told, scratch};

/// A directory of its own with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory = scratch("transports").join(number.to_string());
    fs::create_dir_all(&directory).expect("a directory");
    for (name, text) in files {
        fs::write(directory.join(name), text).expect("a file");
    }
    directory
}

/// The path of a file with this text.
pub(crate) fn file(text: &str) -> String {
    path(directory(&[("file", text)]).join("file"))
}

pub(crate) fn path(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("UTF-8")
}

/// A hostfile of backups on this machine.
pub(crate) fn hostfile(ports: &[u16]) -> String {
    let lines = ports.iter().map(|port| format!("127.0.0.1:{port}\n"));
    file(&lines.collect::<String>())
}

/// A quick client with these settings and then those.
pub(crate) fn client(primary: u16, settings: &[(&str, &str)], more: &[(&str, &str)]) -> Handle {
    Handle::quick(primary, &[settings, more].concat())
}

#[track_caller]
pub(crate) fn assert_ok(told: &Told, port: u16) {
    assert_eq!(told.status, 0, "{}\n{}", told.error, told.report);
    assert_eq!(told.port, port, "{}", told.report);
}

#[track_caller]
pub(crate) fn assert_status(told: &Told, status: Status) {
    assert_eq!(
        told.status, status as i32,
        "{}\n{}",
        told.error, told.report
    );
}

/// Every attempt at this port ended so, and at least one was made.
#[track_caller]
pub(crate) fn assert_ended(told: &Told, port: u16, outcome: &str, stage: &str, words: &str) {
    let attempts = told.at(port);
    assert!(!attempts.is_empty(), "{}", told.report);
    for (had, at, note) in attempts {
        assert_eq!((had.as_str(), at.as_str()), (outcome, stage), "{note}");
        assert!(note.contains(words), "{words:?} is not in {note:?}");
    }
}

/// Both tries at the primary ended so, at its stage of TLS, and the backup has the command.
#[track_caller]
pub(crate) fn assert_left_for_the_backup(told: &Told, primary: u16, backup: u16, words: &str) {
    assert_ok(told, backup);
    assert_eq!(told.ports(), [primary, primary, backup], "{}", told.report);
    assert_ended(told, primary, "NOT_SENT", "tls", words);
}

/// Sends the eight task commands and looks for their effect on the server.
#[track_caller]
pub(crate) fn send_all_task_commands(client: &Handle, to: u16, server: &Server) {
    let send = |argv: &[&str]| {
        let told = client.task(argv);
        assert_ok(&told, to);
        told.text
    };
    send(&["--init=4711", "--add", "WHERE=backup"]);
    assert_eq!(server.query("state", ""), "active");
    assert_eq!(server.query("variable", "WHERE"), "backup");
    send(&["--event=e"]);
    assert_eq!(server.query("event", "e"), "set");
    send(&["--meter=m", "7"]);
    assert_eq!(server.query("meter", "m"), "7");
    send(&["--label=l", "on", "the \"backup\"", "caf\u{e9}"]);
    assert_eq!(server.query("label", "l"), "on the \"backup\" caf\u{e9}");
    assert_eq!(send(&["--queue=q", "active"]), b"a\n");
    send(&["--queue=q", "complete", "a"]);
    assert_eq!(send(&["--queue=q", "active"]), b"b\n");
    send(&["--wait=/s/f/t == active"]);
    send(&["--abort=by the test"]);
    assert_eq!(server.query("state", ""), "aborted");
    send(&["--complete", "--remove", "WHERE"]);
    assert_eq!(server.query("state", ""), "complete");
}

/// Sends user commands and compares their text with the real client's.
#[track_caller]
pub(crate) fn send_user_commands(client: &Handle, to: u16, server: &Server) {
    let done = |argv: &[&str]| {
        let told = client.user(argv);
        assert_ok(&told, to);
        String::from_utf8_lossy(&told.text).into_owned()
    };
    for argv in [
        &["--server_version"][..],
        &["--suites"],
        &["--query", "state", "/s/f/t"],
        &["--query", "variable", "/s:ECF_PORT"],
    ] {
        assert_eq!(done(argv), server.client(argv), "{argv:?}");
    }
    assert!(done(&["--ping"]).starts_with("ping server(127.0.0.1:"));
    assert_eq!(done(&["--suspend", "/s/f/t"]), "");
    assert_eq!(server.query("dstate", ""), "suspended");
    // Larger than any buffer on the way.
    let mut suite = "suite large\n  edit ECF_DUMMY_TASK ''\n".to_owned();
    for number in 0..20_000 {
        suite += &format!("  task t{number}\n    edit TEXT '{number:0>40}'\n");
    }
    done(&["--load", &file(&suite)]);
    assert_eq!(done(&["--suites"]), server.client(&["--suites"]));
    let refused = client.user(&["--suspend", "/no/such"]);
    assert_status(&refused, Status::Rejected);
    assert_eq!(refused.attempts, 1, "{}", refused.report);
}
