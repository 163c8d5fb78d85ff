//! How a live server is reached: by how many connections, to whom, and in which order. The
//! times are in benches/failover.rs; the bounds here only tell the profile from the other one.

use ecf_failover::model::{Kind, Outcome, Status};
use std::io::Read;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::ffi::{ecf_attempt, ecf_attempt_port};

use super::{client, hostfile};
use testkit::{Act, FullBacklog, Peer, frame, refused_port, replies};

/// Profile ecflow needs at least 10 s for what takes milliseconds here.
const SOON: Duration = Duration::from_secs(5);

fn live() -> Peer {
    Peer::answering(&replies::ok())
}

#[test]
fn a_primary_that_refuses_costs_one_connection_and_is_passed_over_from_then_on() {
    let (primary, backup) = (refused_port(), live());
    let client = client("refused", primary, &[backup.port], &[]);
    let begin = Instant::now();
    let first = client.task(&["--event=e"]);
    assert_eq!(first.ports(), [primary, backup.port], "{}", first.report);
    for _ in 0..20 {
        let next = client.task(&["--event=e"]);
        assert_eq!(next.ports(), [backup.port], "{}", next.report);
    }
    assert!(begin.elapsed() < SOON);
    assert_eq!(backup.requests().len(), 21);
}

#[test]
fn a_silent_primary_costs_a_hedge_once_and_only_one_host_is_sent_to() {
    let (primary, backup) = (FullBacklog::new(), live());
    let client = client("silent", primary.port, &[backup.port], &[]);
    let begin = Instant::now();
    let first = client.task(&["--event=e"]);
    assert_eq!(first.ports(), [primary.port, backup.port]);
    let at = first.attempts()[1].2;
    assert!((250..4_000).contains(&at), "the hedge: {at} ms");
    assert!(first.report.contains("another host was quicker"));
    for _ in 0..20 {
        assert_eq!(client.task(&["--event=e"]).ports(), [backup.port]);
    }
    assert!(begin.elapsed() < SOON);
}

#[test]
fn eight_silent_hosts_stand_before_a_live_one() {
    let silent: Vec<_> = (0..8).map(|_| FullBacklog::new()).collect();
    let last = live();
    let mut backups: Vec<_> = silent[1..].iter().map(|silent| silent.port).collect();
    backups.push(last.port);
    let client = client("eight", silent[0].port, &backups, &[]);
    let begin = Instant::now();
    let told = client.task(&["--event=e"]);
    assert_eq!((told.status, told.port), (0, last.port), "{}", told.report);
    assert!(begin.elapsed() < Duration::from_secs(9));
    assert_eq!(told.ports().len(), 9, "one connection to each");
    let warm = client.task(&["--event=e"]);
    assert_eq!(warm.ports(), [last.port]);
}

#[test]
fn a_primary_that_answers_at_last_is_preferred_to_no_one_and_wins_alone() {
    // Its queue is full for a while; there is no backup.
    let primary = FullBacklog::new();
    let port = primary.port;
    let client = client("alone", port, &[], &[]);
    let told = thread::scope(|scope| {
        let sent = scope.spawn(|| client.task(&["--event=e"]));
        thread::sleep(Duration::from_millis(600));
        let peer = primary.opened(&[Act::Answer(frame(replies::ok().as_bytes()))]);
        let told = sent.join().unwrap();
        drop(peer);
        told
    });
    assert_eq!((told.status, told.port), (0, port), "{}", told.report);
    assert_eq!(told.ports(), [port], "one socket: the kernel asks again");
}

#[test]
fn a_mute_server_that_is_gone_is_left_when_a_second_connection_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (primary, backup) = (listener.local_addr().unwrap().port(), live());
    let client = client("gone", primary, &[backup.port], &[]);
    let told = thread::scope(|scope| {
        let sent = scope.spawn(|| client.task(&["--event=e"]));
        let (mut held, _) = listener.accept().unwrap();
        held.read_exact(&mut [0; 8]).unwrap();
        drop(listener);
        let told = sent.join().unwrap();
        drop(held);
        told
    });
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    assert_eq!(told.ports(), [primary, backup.port]);
    let length = told.report()["length_ms"].as_u64().unwrap();
    assert!(length < 20_000, "not its silence of 30 s: {length} ms");
    assert!(
        told.report.contains("the server is gone"),
        "{}",
        told.report
    );
    let holder = format!("\"may_hold_copy\":[\"127.0.0.1:{primary}\"]");
    assert!(told.report.contains(&holder), "{}", told.report);
}

#[test]
fn what_must_not_be_repeated_is_told_as_unknown_and_not_sent_again() {
    let primary = Peer::new(&[Act::CloseAfterRequest]);
    let backup = live();
    let client = client("once", primary.port, &[backup.port], &[]);
    let told = client.task(&["--queue=q", "active"]);
    assert_eq!(told.status, Status::UnknownOutcome as i32);
    assert_eq!((primary.count(), backup.count()), (1, 0));
    // What cannot have arrived goes on.
    let dead = refused_port();
    let client = self::client("again", dead, &[backup.port], &[]);
    let told = client.task(&["--queue=q", "active"]);
    assert_eq!(told.ports(), [dead, backup.port], "{}", told.report);
}

#[test]
fn a_name_whose_addresses_are_partly_dead_is_reached_by_the_others() {
    testkit::needs!(Ipv6);
    // localhost is 127.0.0.1 and ::1; the peer listens on the first only.
    let primary = live();
    let client = client("addresses", primary.port, &[], &[("ECF_HOST", "localhost")]);
    let told = client.task(&["--event=e"]);
    assert_eq!(told.ports(), [primary.port], "{}", told.report);
    let only_v6 = TcpListener::bind("[::1]:0").unwrap();
    let port = only_v6.local_addr().unwrap().port();
    let peer = Peer::taking(only_v6, &[Act::Answer(frame(replies::ok().as_bytes()))]);
    let client = self::client("v6", port, &[], &[("ECF_HOST", "localhost")]);
    let told = client.task(&["--event=e"]);
    assert_eq!(told.ports(), [port], "{}", told.report);
    drop(peer);
}

#[test]
fn a_busy_server_is_looked_after_at_the_address_that_it_was_sent_to() {
    testkit::needs!(Ipv6);
    // Nobody listens on the name's other address.
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let steps = ["read all", "pause 3500", "reply ok", "close"].map(str::to_owned);
    let primary = Peer::taking(listener, &[Act::Steps(steps.to_vec())]);
    let backup = live();
    let settings = [("ECF_HOST", "localhost")];
    let client = client("busy-v6", port, &[backup.port], &settings);
    let told = client.task(&["--event=e"]);
    assert_eq!(told.ports(), [port], "{}", told.report);
    assert_eq!(backup.count(), 0);
    drop(primary);
}

#[test]
fn a_backup_that_is_added_meanwhile_is_found_though_others_are_silent() {
    let silent: Vec<_> = (0..3).map(|_| FullBacklog::new()).collect();
    let ports: Vec<_> = silent.iter().map(|silent| silent.port).collect();
    let client = client("added", refused_port(), &ports, &[]);
    let backup = live();
    let told = thread::scope(|scope| {
        let sent = scope.spawn(|| client.task(&["--event=e"]));
        thread::sleep(Duration::from_millis(1_500));
        hostfile("added", &[&ports[..], &[backup.port]].concat());
        sent.join().unwrap()
    });
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    let length = told.report()["length_ms"].as_u64().unwrap();
    assert!(length < 15_000, "{length} ms: {}", told.report);
}

#[test]
fn the_callers_own_attempts_change_hosts_at_once() {
    let (primary, backup) = (refused_port(), live());
    let client = client("delegated", primary, &[backup.port], &[]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut attempt = |attempt: *mut ecf_attempt| {
            let port = unsafe { ecf_attempt_port(attempt) };
            seen.push(port);
            match port == primary {
                true => Outcome::NotSent as i32,
                false => Outcome::Ok as i32,
            }
        };
        let told = client.delegate(Kind::Task, &[], &mut attempt);
        assert_eq!(told.status, 0, "{}", told.report);
    }
    // One failure may have many reasons; the second command is the probe of the two seconds.
    let backup = backup.port;
    assert_eq!(seen, [primary, backup, primary, backup, backup]);
}

#[test]
fn the_job_stays_with_the_backup_that_took_its_init() {
    let (primary, backup) = (FullBacklog::new(), live());
    let client = client("home", primary.port, &[backup.port], &[]);
    assert_eq!(client.task(&["--init=1"]).port, backup.port);
    let primary = primary.opened(&[Act::Answer(frame(replies::ok().as_bytes()))]);
    // Long enough for two good probes.
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        assert_eq!(client.task(&["--event=e"]).port, backup.port);
        thread::sleep(Duration::from_millis(100));
    }
    // Another job of the same process begins at the primary again.
    client.set("ECF_NAME", "/s/f/u");
    let told = client.task(&["--event=e"]);
    assert_eq!(told.port, primary.port, "{}", told.report);
}

#[test]
fn a_cancel_ends_every_stage() {
    let mute = Peer::new(&[Act::Silence]);
    let silent = FullBacklog::new();
    for port in [mute.port, silent.port, refused_port()] {
        let client = client("cancel", port, &[], &[]);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                client.cancel();
            });
            let begin = Instant::now();
            let told = client.task(&["--event=e"]);
            assert_eq!(told.status, Status::Cancelled as i32);
            assert!(begin.elapsed() < Duration::from_secs(4));
        });
    }
}
