//! How a live server is reached: by the same connections as with native commands, in the same
//! order. The times are in benches/connected.rs.

use std::io::Read;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::ffi::{ecf_attempt_cancelled, ecf_attempt_port, ecf_attempt_take_socket};
use ecf_failover::model::{Kind, Outcome};

use super::{Came, by_callback, by_plan, client, drive};
use testkit::{Act, FullBacklog, Handle, Peer, Step, refused_port, replies, speak};

fn live() -> Peer {
    Peer::answering(&replies::ok())
}

/// The same command three ways: each with a client of its own, which knows nothing.
fn three_ways(make: impl Fn(&str) -> Handle) -> [Came; 3] {
    let native = Came::of(&make("native").task(&["--event=e"]));
    [
        native,
        by_callback(&make("callback")),
        by_plan(&make("plan")),
    ]
}

fn same(name: &str, primary: u16, backups: &[u16], settings: &[(&str, &str)], ports: &[u16]) {
    let ways = three_ways(|way| client(&format!("{name}-{way}"), primary, backups, settings));
    for came in ways {
        assert_eq!(came.status, 0, "{}", came.report);
        assert_eq!(came.ports, ports, "{}", came.report);
        assert_eq!(came.port, *ports.last().unwrap(), "{}", came.report);
    }
}

#[test]
fn a_primary_that_refuses_is_left_at_once() {
    let (primary, backup) = (refused_port(), live());
    let backups = [backup.port];
    same("refused", primary, &backups, &[], &[primary, backup.port]);
}

#[test]
fn a_silent_primary_costs_a_hedge() {
    let (primary, backup) = (FullBacklog::new(), live());
    let ports = [primary.port, backup.port];
    same("silent", primary.port, &[backup.port], &[], &ports);
    let client = client("silent-hedge", primary.port, &[backup.port], &[]);
    let came = by_callback(&client);
    let at = came.report["attempts"][1]["start_ms"].as_u64().unwrap();
    assert!((250..4_000).contains(&at), "{}", came.report);
    assert!(came.report.to_string().contains("another host was quicker"));
}

#[test]
fn eight_silent_hosts_stand_before_a_live_one() {
    let silent: Vec<_> = (0..8).map(|_| FullBacklog::new()).collect();
    let last = live();
    let mut ports: Vec<_> = silent.iter().map(|silent| silent.port).collect();
    ports.push(last.port);
    same("eight", ports[0], &ports[1..], &[], &ports);
}

#[test]
fn in_profile_ecflow_one_connection_follows_another_at_the_timetable() {
    let (primary, backup) = (refused_port(), live());
    let ecflow = [("ECF_FAILOVER_PROFILE", "ecflow")];
    let ports = [primary, primary, backup.port];
    same("ecflow", primary, &[backup.port], &ecflow, &ports);
}

#[test]
fn in_profile_ecflow_a_silent_primary_has_the_limit_of_a_connection() {
    let (primary, backup) = (FullBacklog::new(), live());
    let settings = [
        ("ECF_FAILOVER_PROFILE", "ecflow"),
        ("ECF_FAILOVER_CONNECT_TIMEOUT", "0.2"),
    ];
    let ports = [primary.port, primary.port, backup.port];
    same(
        "ecflow-silent",
        primary.port,
        &[backup.port],
        &settings,
        &ports,
    );
}

#[test]
fn a_name_whose_first_address_is_dead_is_reached_by_the_next() {
    testkit::needs!(Ipv6);
    // localhost is 127.0.0.1 and ::1; this one listens on the second only.
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ok = Act::Answer(testkit::frame(replies::ok().as_bytes()));
    let _peer = Peer::taking(listener, &[ok]);
    for profile in ["ecflow", "fast"] {
        let settings = [("ECF_HOST", "localhost"), ("ECF_FAILOVER_PROFILE", profile)];
        same(&format!("address-{profile}"), port, &[], &settings, &[port]);
    }
}

/// A server that is connected, reads, says nothing, and is gone: a second connection is refused.
struct Gone {
    port: u16,
    thread: thread::JoinHandle<()>,
}

impl Gone {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut held, _) = listener.accept().unwrap();
            held.read_exact(&mut [0; 8]).unwrap();
            // Just after the second look after it, so that the third finds it.
            thread::sleep(Duration::from_millis(2_500));
            drop(listener);
            // Until the caller has closed it.
            held.set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            held.read_to_end(&mut Vec::new()).ok();
        });
        Self { port, thread }
    }
}

fn began(socket: i32) -> std::net::TcpStream {
    use std::io::Write;
    use std::os::fd::FromRawFd;
    assert!(socket > 2);
    let mut stream = unsafe { std::net::TcpStream::from_raw_fd(socket) };
    stream.write_all(&testkit::frame(b"{}")).unwrap();
    stream
}

#[test]
fn a_callback_that_waits_is_told_that_its_server_is_gone() {
    let (gone, backup) = (Gone::new(), live());
    let client = client("gone-callback", gone.port, &[backup.port], &[]);
    let begin = Instant::now();
    let told = client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
        let socket = ecf_attempt_take_socket(attempt);
        if ecf_attempt_port(attempt) == backup.port {
            return speak(socket, 10_000) as i32;
        }
        let _waiting = began(socket);
        while ecf_attempt_cancelled(attempt) == 0 {
            assert!(
                begin.elapsed() < Duration::from_secs(7),
                "the third look is after 4 s, the fourth after 8 s"
            );
            thread::sleep(Duration::from_millis(20));
        }
        Outcome::Unconfirmed as i32
    });
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    assert_eq!(told.ports(), [gone.port, backup.port], "{}", told.report);
    let holder = format!("\"may_hold_copy\":[\"127.0.0.1:{}\"]", gone.port);
    assert!(told.report.contains(&holder), "{}", told.report);
    gone.thread.join().unwrap();
}

#[test]
fn a_plan_whose_server_is_gone_has_no_time_left_and_its_descriptor_tells() {
    let (gone, backup) = (Gone::new(), live());
    let client = client("gone-plan", gone.port, &[backup.port], &[]);
    let plan = client.connected_plan(Kind::Task, &[]);
    let begin = Instant::now();
    let came = drive(&plan, |plan, limit| {
        let socket = plan.take_socket();
        if plan.port() == backup.port {
            return speak(socket, limit);
        }
        let _waiting = began(socket);
        assert!(limit <= 30_000, "its silence: {limit}");
        // Nothing but the descriptor, which is looked at without an end of its own.
        loop {
            plan.pause(25_000);
            assert!(begin.elapsed() < Duration::from_secs(7));
            match plan.next() {
                Step::Attempt(0) => {
                    // It is told once, and wakes nobody any more.
                    let told = Instant::now();
                    plan.pause(400);
                    assert!(told.elapsed() >= Duration::from_millis(400));
                    return Outcome::Unconfirmed;
                }
                Step::Attempt(_) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(
        (came.status, came.port),
        (0, backup.port),
        "{}",
        came.report
    );
    assert_eq!(came.ports, [gone.port, backup.port], "{}", came.report);
    gone.thread.join().unwrap();
}

#[test]
fn a_mute_server_has_its_silence_and_is_then_left() {
    let (mute, backup) = (Peer::new(&[Act::Silence]), live());
    let settings = [("ECF_FAILOVER_SILENCE", "0.3")];
    let ports = [mute.port, backup.port];
    let client = client("mute", mute.port, &[backup.port], &settings);
    for came in [by_callback(&client), by_plan(&client)] {
        assert_eq!(came.status, 0, "{}", came.report);
        assert_eq!(came.ports, ports, "{}", came.report);
        let outcome = &came.report["attempts"][0]["outcome"];
        assert_eq!(outcome, "ECF_OUTCOME_UNCONFIRMED");
    }
}

#[test]
fn a_dead_primary_is_remembered_for_native_commands_and_the_other_way_round() {
    let (primary, backup) = (refused_port(), live());
    let memory = [("ECF_FAILOVER_MEMORY", "handle")];
    for first in [by_callback, by_plan] {
        let client = client("memory", primary, &[backup.port], &memory);
        assert_eq!(first(&client).ports, [primary, backup.port]);
        assert_eq!(client.task(&["--event=e"]).ports(), [backup.port]);
        assert_eq!(by_plan(&client).ports, [backup.port]);
        assert_eq!(by_callback(&client).ports, [backup.port]);
    }
}

#[test]
fn what_must_not_be_repeated_is_sent_once() {
    let (primary, backup) = (Peer::new(&[Act::CloseAfterRequest]), live());
    let settings = [("ECF_FAILOVER_REPEATABLE", "no")];
    let client = client("once", primary.port, &[backup.port], &settings);
    for came in [by_callback(&client), by_plan(&client)] {
        assert_eq!(came.status, 8, "{}", came.report);
        assert_eq!(came.ports, [primary.port]);
    }
    assert_eq!(backup.count(), 0);
}
