//! Real servers that are frozen, busy, killed, and alive again.

use std::thread;
use std::time::{Duration, Instant};

use super::client;
use testkit::Server;

/// Waits until a server's log tells so often that it took a command.
fn is_logged(server: &Server, command: &str, times: usize) {
    let text = &format!("] {command} ");
    let end = Instant::now() + Duration::from_secs(20);
    while server.logged(text) < times {
        assert!(Instant::now() < end, "{text}: {}", server.logged(text));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.logged(text), times, "{text}");
}

#[test]
fn a_frozen_server_is_left_after_its_silence_and_report_and_logs_agree_on_the_copies() {
    testkit::needs!(EcflowServer);
    let (primary, backup) = (Server::running(), Server::running());
    let settings = [("ECF_FAILOVER_SILENCE", "3")];
    let client = client("frozen", primary.port, &[backup.port], &settings);
    assert_eq!(client.task(&["--init=1"]).port, primary.port);
    primary.freeze(true);
    let begin = Instant::now();
    let told = client.task(&["--meter=m", "42"]);
    let took = begin.elapsed();
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    assert!(took >= Duration::from_secs(3), "{took:?}");
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!(told.ports(), [primary.port, backup.port]);
    let holder = format!("\"may_hold_copy\":[\"127.0.0.1:{}\"]", primary.port);
    assert!(told.report.contains(&holder), "{}", told.report);
    assert_eq!(backup.query("meter", "m"), "42");
    // The next command does not wait for it again, nor does it send anything there.
    let next = client.task(&["--event=e"]);
    assert_eq!(next.ports(), [backup.port], "{}", next.report);
    // It wakes, and applies the copy that the report told of.
    primary.freeze(false);
    is_logged(&primary, "chd:meter", 1);
    is_logged(&backup, "chd:meter", 1);
    is_logged(&primary, "chd:event", 0);
    is_logged(&backup, "chd:event", 1);
}

#[test]
fn a_server_that_is_busy_for_a_while_is_waited_for() {
    testkit::needs!(EcflowServer);
    let (primary, backup) = (Server::running(), Server::running());
    let client = client("busy", primary.port, &[backup.port], &[]);
    primary.freeze(true);
    let told = thread::scope(|scope| {
        let sent = scope.spawn(|| client.task(&["--meter=m", "7"]));
        thread::sleep(Duration::from_secs(3));
        primary.freeze(false);
        sent.join().unwrap()
    });
    assert_eq!(told.port, primary.port, "{}", told.report);
    assert_eq!(told.ports(), [primary.port]);
    is_logged(&primary, "chd:meter", 1);
    is_logged(&backup, "chd:meter", 0);
}

#[test]
fn a_killed_primary_is_used_again_after_two_good_probes() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let client = client("killed", primary.port, &[backup.port], &[]);
    assert_eq!(client.task(&["--meter=m", "1"]).port, primary.port);
    primary.kill();
    let told = client.task(&["--meter=m", "2"]);
    assert_eq!(told.ports(), [primary.port, backup.port], "{}", told.report);
    assert_eq!(backup.query("meter", "m"), "2");
    primary.start_again();
    primary.client(&["--restart"]);
    let begin = Instant::now();
    loop {
        let told = client.task(&["--event=e"]);
        assert_eq!(told.status, 0, "{}", told.report);
        if told.port == primary.port {
            break;
        }
        // 5 s on a machine that has nothing else to do.
        assert!(begin.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(50));
    }
    assert!(
        begin.elapsed() > Duration::from_secs(1),
        "two probes, 2 s apart"
    );
}
