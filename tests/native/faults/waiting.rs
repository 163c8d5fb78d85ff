//! Waiting costs nothing: a command that waits is woken by news, and by nothing else.

use std::fs;
use std::thread;
use std::time::Duration;

use ecf_failover::model::Status;

use testkit::{Act, Handle, Peer, refused_port};

/// How often this thread has been woken.
fn wake_ups() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("voluntary_ctxt_switches"))
        .unwrap();
    line.rsplit('\t').next().unwrap().parse().unwrap()
}

/// What a command of four seconds costs that waits for `port` in vain.
fn wake_ups_at(port: u16, settings: &[(&str, &str)]) -> u64 {
    let mut all = vec![("ECF_TIMEOUT", "4"), ("ECF_FAILOVER_RETRY_PERIOD", "10")];
    all.extend(settings);
    let client = Handle::quick(port, &all);
    let before = wake_ups();
    let told = client.task(&["--event=e"]);
    assert_eq!(told.status, Status::Timeout as i32, "{}", told.report);
    wake_ups() - before
}

#[test]
fn a_pause_between_two_tries_is_slept_through() {
    // It was 200, every 20 ms.
    let woken = wake_ups_at(refused_port(), &[]);
    assert!(woken <= 4, "{woken}");
}

#[test]
fn a_server_that_says_nothing_is_waited_for_asleep() {
    let frozen = Peer::new(&[Act::Silence]);
    let woken = wake_ups_at(frozen.port, &[]);
    assert!(woken <= 6, "{woken}");
    // Profile fast looks after such a server: after 1 s, 2 s, 4 s ...
    let fast = [
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY", "off"),
    ];
    let woken = wake_ups_at(frozen.port, &fast);
    assert!(woken <= 30, "{woken}");
}

/// One waits in a pause, one for a reply, one for a connection that nobody answers.
#[test]
fn a_cancel_wakes_all_who_wait_and_leaves_no_descriptor() {
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let frozen = Peer::new(&[Act::Silence]);
    let refused = refused_port().to_string();
    let before = descriptors();
    let client = Handle::quick(frozen.port, &[("ECF_TIMEOUT", "600")]);
    thread::scope(|scope| {
        let commands = [
            vec!["--event=e".to_owned()],
            vec!["--event=e".to_owned(), format!("--port={refused}")],
        ];
        let waiting = commands.map(|words| {
            let client = &client;
            scope.spawn(move || {
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                client.task(&words)
            })
        });
        thread::sleep(Duration::from_millis(500));
        client.cancel();
        for one in waiting {
            assert_eq!(one.join().unwrap().status, Status::Cancelled as i32);
        }
    });
    // The peer's end may still be open.
    assert!(descriptors() <= before + 1);
}
