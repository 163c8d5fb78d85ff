//! Whose a connection is, and that none is left.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::FromRawFd;

use ecf_failover::ffi::{ecf_attempt_take_socket, ecf_plan_new};
use ecf_failover::model::{Kind, Outcome};

use super::{by_callback, by_plan, client, descriptors, drive, soon};
use testkit::{FullBacklog, Peer, Step, refused_port, replies, speak};

fn closed(socket: i32) {
    drop(unsafe { TcpStream::from_raw_fd(socket) });
}

#[test]
fn a_connection_is_taken_once_and_closed_by_who_has_it() {
    let peer = Peer::answering(&replies::ok());
    let client = client("taken", peer.port, &[], &[]);
    let (mut calls, mut kept) = (0, -1);
    let before = descriptors();
    by_callback(&client);
    soon(before);
    let told = client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
        calls += 1;
        match calls {
            // Never taken.
            1 => Outcome::NotSent as i32,
            // Taken and closed.
            2 => {
                closed(ecf_attempt_take_socket(attempt));
                assert_eq!(ecf_attempt_take_socket(attempt), -1);
                Outcome::NotSent as i32
            }
            // Taken and kept for later.
            _ => {
                kept = ecf_attempt_take_socket(attempt);
                assert_eq!(ecf_attempt_take_socket(attempt), -1);
                Outcome::Ok as i32
            }
        }
    });
    assert_eq!((told.status, calls), (0, 3), "{}", told.report);
    // The one that was kept, and its peer's.
    soon(before + 2);
    let mut stream = unsafe { TcpStream::from_raw_fd(kept) };
    stream.write_all(b"it is open").unwrap();
    drop(stream);
    soon(before);
}

#[test]
fn a_plan_leaves_no_descriptor_at_whatever_step_it_is_freed() {
    let (silent, backup) = (FullBacklog::new(), Peer::answering(&replies::ok()));
    let client = client("freed", silent.port, &[backup.port], &[]);
    let before = descriptors();
    by_plan(&client);
    soon(before);
    // Not asked at all.
    drop(client.connected_plan(Kind::Task, &[]));
    soon(before);
    // While it connects.
    let plan = client.connected_plan(Kind::Task, &[]);
    assert!(matches!(plan.next(), Step::Wait(_)));
    assert!(descriptors() > before);
    drop(plan);
    soon(before);
    // While it is spoken on a connection: not taken, and taken.
    for taken in [false, true] {
        let plan = client.connected_plan(Kind::Task, &[]);
        let limit = attempted(&plan);
        assert!(limit > 0);
        assert!(matches!(plan.next(), Step::Attempt(_)), "still the same");
        let socket = if taken { plan.take_socket() } else { -1 };
        drop(plan);
        if taken {
            soon(before + 2);
            closed(socket);
        }
        soon(before);
    }
    // Over.
    let plan = client.connected_plan(Kind::Task, &[]);
    drive(&plan, |plan, limit| speak(plan.take_socket(), limit));
    assert!(matches!(plan.next(), Step::Over(_)));
    assert_eq!(plan.take_socket(), -1);
    drop(plan);
    soon(before);
}

/// Waits for the first attempt; gives its limit.
fn attempted(plan: &testkit::Plan) -> u64 {
    for _ in 0..1_000 {
        match plan.next() {
            Step::Attempt(limit) => return limit,
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => panic!("{status:?}: {}", plan.report()),
        }
    }
    panic!("no attempt: {}", plan.report());
}

#[test]
fn the_descriptor_is_the_same_from_begin_to_end_and_quiet_while_nothing_happens() {
    let (silent, backup) = (FullBacklog::new(), Peer::answering(&replies::ok()));
    let hedge = [("ECF_FAILOVER_HEDGE", "1")];
    let client = client("quiet", silent.port, &[backup.port], &hedge);
    let plan = client.connected_plan(Kind::Task, &[]);
    let number = plan.poll_fd();
    assert!(number > 2);
    let mut wakes = 0;
    let came = loop {
        wakes += 1;
        assert!(wakes < 60, "it is not woken for nothing: {}", plan.report());
        match plan.next() {
            Step::Attempt(limit) => {
                assert_eq!(plan.poll_fd(), number);
                let outcome = speak(plan.take_socket(), limit);
                plan.outcome(outcome);
            }
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => break status,
        }
        assert_eq!(plan.poll_fd(), number);
    };
    assert_eq!(came as i32, 0);
}

#[test]
fn plans_without_connections_have_neither_descriptor_nor_socket() {
    let client = client("plain", refused_port(), &[], &[]);
    let plan = testkit::Plan(unsafe { ecf_plan_new(client.0, 0, std::ptr::null(), 0) });
    assert_eq!(plan.poll_fd(), -1);
    assert!(matches!(plan.next(), Step::Attempt(_)));
    assert_eq!(plan.take_socket(), -1);
    client.delegate(Kind::Task, &[], &mut |attempt| {
        assert_eq!(unsafe { ecf_attempt_take_socket(attempt) }, -1);
        Outcome::Ok as i32
    });
}
