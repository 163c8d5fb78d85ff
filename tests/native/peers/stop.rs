//! Cancel and resume.

use ecf_failover::model::{Kind, Status};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Act, Handle, Peer, refused_port, replies};

const UNKNOWN: i32 = Status::UnknownOutcome as i32;
const CANCELLED: i32 = Status::Cancelled as i32;

/// Cancels after a moment; tells how long the command went on after that.
fn cancelled_during(client: &Handle, command: impl FnOnce() -> i32) -> (i32, Duration) {
    thread::scope(|scope| {
        let canceller = scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            let at = Instant::now();
            client.cancel();
            at
        });
        let status = command();
        let ended = Instant::now();
        (status, ended.duration_since(canceller.join().unwrap()))
    })
}

#[test]
fn a_cancel_ends_a_pause_a_silent_read_and_a_plan_until_it_is_lifted() {
    let mute = Peer::new(&[Act::Silence]);
    for port in [mute.port, refused_port()] {
        let client = Handle::quick(port, &[("ECF_FAILOVER_RETRY_PERIOD", "30")]);
        let (status, after) = cancelled_during(&client, || client.task(&["--event=e"]).status);
        assert_eq!(status, CANCELLED);
        assert!(after < Duration::from_millis(1_500), "{after:?}");
        let again = client.task(&["--event=e"]);
        assert_eq!(
            (again.status, again.attempts),
            (CANCELLED, 0),
            "it is sticky"
        );
        assert!(again.error.contains("ecf_client_resume"), "{}", again.error);
        let mut calls = 0;
        let told = client.delegate(Kind::Task, &[], &mut |_| {
            calls += 1;
            0
        });
        assert_eq!((told.status, calls), (CANCELLED, 0));
        client.resume();
        let told = client.delegate(Kind::Task, &[], &mut |_| 0);
        assert_eq!(told.status, 0);
    }
}

#[test]
fn a_cancel_ends_a_reply_that_keeps_coming() {
    for step in ["flood", "drip 5"] {
        let steps = ["read all", step].map(ToString::to_string);
        let peer = Peer::new(&[Act::Steps(steps.to_vec())]);
        let client = Handle::quick(peer.port, &[]);
        let (status, after) = cancelled_during(&client, || client.user(&["--suites"]).status);
        assert_eq!(status, CANCELLED);
        assert!(after < Duration::from_millis(1_500), "{step}: {after:?}");
    }
}

#[test]
fn a_cancel_that_is_lifted_at_once_still_ends_what_was_in_progress() {
    let mute = Peer::new(&[Act::Silence]);
    let client = Handle::quick(mute.port, &[]);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            client.cancel();
            client.resume();
        });
        assert_eq!(client.task(&["--event=e"]).status, CANCELLED);
    });
    assert!(begin.elapsed() < Duration::from_secs(5));
    let told = client.delegate(Kind::Task, &[], &mut |_| 0);
    assert_eq!(told.status, 0);
}

#[test]
fn a_confirmed_reply_beats_a_cancel() {
    let client = Handle::quick(1, &[]);
    let once = [("ECF_FAILOVER_REPEATABLE", "no")];
    for (outcome, status) in [(0, 0), (1, 3), (5, CANCELLED), (6, UNKNOWN)] {
        let told = client.delegate(Kind::Task, &once, &mut |attempt| {
            client.cancel();
            assert_eq!(
                unsafe { ecf_failover::ffi::ecf_attempt_cancelled(attempt) },
                1
            );
            outcome
        });
        assert_eq!(told.status, status);
        client.resume();
    }
}

#[test]
fn clients_are_cancelled_one_by_one() {
    let peer = Peer::answering(&replies::ok());
    let (one, other) = (Handle::quick(peer.port, &[]), Handle::quick(peer.port, &[]));
    one.cancel();
    assert_eq!(one.task(&["--event=e"]).status, CANCELLED);
    assert_eq!(other.task(&["--event=e"]).status, 0);
}
