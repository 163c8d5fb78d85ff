//! Cancel, fork and refusals at every step of a command whose connections are the library's.

use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::ffi::{ecf_attempt_cancelled, ecf_attempt_take_socket};
use ecf_failover::model::{Kind, Outcome, Status};

use super::{client, descriptors, drive, soon};
use testkit::{FullBacklog, Handle, Peer, Plan, Step, refused_port, replies, speak};

const CANCELLED: i32 = Status::Cancelled as i32;

#[test]
fn a_cancel_ends_a_callback_form_while_it_connects_and_while_it_speaks() {
    let silent = FullBacklog::new();
    let peer = Peer::answering(&replies::ok());
    let before = descriptors();
    for profile in ["ecflow", "fast"] {
        let settings = [("ECF_FAILOVER_PROFILE", profile)];
        let client = client(&format!("cancel-{profile}"), silent.port, &[], &settings);
        let told = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(150));
                client.cancel();
            });
            client.delegate_connected(Kind::Task, &[], &mut |_| panic!("nobody is connected"))
        });
        assert_eq!(told.status, CANCELLED, "{}", told.report);
        assert_eq!(told.ports(), [silent.port], "{}", told.report);
        soon(before);
        client.resume();
        client.set("ECF_PORT", &peer.port.to_string());
        let told = client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
            client.cancel();
            assert_eq!(ecf_attempt_cancelled(attempt), 1);
            Outcome::NotSent as i32
        });
        assert_eq!((told.status, told.attempts), (CANCELLED, 1));
        client.resume();
        // A confirmed reply beats a cancel.
        let told = client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
            client.cancel();
            speak(ecf_attempt_take_socket(attempt), 5_000) as i32
        });
        assert_eq!(told.status, 0, "{}", told.report);
    }
}

#[test]
fn a_cancel_is_news_for_every_plan_that_waits() {
    let (silent, peer) = (FullBacklog::new(), Peer::answering(&replies::ok()));
    let client = client("cancel-plan", silent.port, &[], &[]);
    let connecting = client.connected_plan(Kind::Task, &[]);
    assert!(matches!(connecting.next(), Step::Wait(_)));
    client.set("ECF_PORT", &peer.port.to_string());
    let speaking = client.connected_plan(Kind::Task, &[]);
    while !matches!(speaking.next(), Step::Attempt(_)) {
        speaking.pause(1_000);
    }
    for _ in 0..2 {
        let plans = [&connecting, &speaking];
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(100));
                client.cancel();
                client.resume();
            });
            for plan in plans {
                // The timer of a reply may go off before.
                while matches!(plan.next(), Step::Wait(_) | Step::Attempt(_)) {
                    plan.pause(30_000);
                }
            }
        });
        assert!(begin.elapsed() < Duration::from_secs(20));
        for plan in plans {
            assert_eq!(plan.next(), Step::Over(Status::Cancelled));
        }
    }
    // The request may have been confirmed before its caller was asked.
    assert_eq!(speaking.outcome(Outcome::Ok), Status::Ok);
    assert_eq!(speaking.next(), Step::Over(Status::Ok));
    assert_eq!(connecting.outcome(Outcome::Ok), Status::Argument);
    // Later ones are not cancelled.
    let later = client.connected_plan(Kind::Task, &[]);
    let came = drive(&later, |plan, limit| speak(plan.take_socket(), limit));
    assert_eq!(came.status, 0, "{}", came.report);
}

/// Runs in a copy of this process; gives its exit status.
fn forked(run: impl FnOnce() -> bool) -> i32 {
    match unsafe { libc::fork() } {
        0 => {
            let is_well = run();
            unsafe { libc::_exit(i32::from(!is_well)) }
        }
        child => {
            let mut status = 0;
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status
        }
    }
}

/// Ends it by speaking to whoever is connected.
fn finish(plan: &Plan) -> bool {
    for _ in 0..1_000 {
        match plan.next() {
            Step::Attempt(limit) => {
                let outcome = match plan.take_socket() {
                    // It was the other process's.
                    -1 => Outcome::NotSent,
                    socket => speak(socket, limit),
                };
                plan.outcome(outcome);
            }
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => return status == Status::Ok,
        }
    }
    false
}

#[test]
fn a_copy_of_the_process_does_not_disturb_a_plan_at_any_step_and_may_end_it_too() {
    let (silent, backup) = (FullBacklog::new(), Peer::answering(&replies::ok()));
    let client = client("fork", silent.port, &[backup.port], &[]);
    let at_begin = || client.connected_plan(Kind::Task, &[]);
    let connecting = || {
        let plan = at_begin();
        assert!(matches!(plan.next(), Step::Wait(_)));
        plan
    };
    let speaking = || {
        let plan = at_begin();
        while !matches!(plan.next(), Step::Attempt(_)) {
            plan.pause(1_000);
        }
        plan
    };
    let steps: [&dyn Fn() -> Plan; 3] = [&at_begin, &connecting, &speaking];
    for step in steps {
        // The copy frees it.
        let plan = step();
        let copy = plan.0;
        let free = || {
            drop(Plan(copy));
            true
        };
        assert_eq!(forked(free), 0);
        assert!(finish(&plan));
        // The copy cannot take what the first process speaks on, and has its own news of a cancel.
        let plan = step();
        let is_apart = || {
            let took_nothing = plan.take_socket() == -1;
            plan.next();
            let own = client.connected_plan(Kind::Task, &[]);
            own.next();
            client.cancel();
            let begin = Instant::now();
            [&plan, &own].iter().for_each(|plan| plan.pause(10_000));
            took_nothing && begin.elapsed() < Duration::from_secs(5)
        };
        assert_eq!(forked(is_apart), 0);
        assert!(finish(&plan));
        // The copy goes on with it.
        let plan = step();
        assert_eq!(forked(|| finish(&plan)), 0);
        assert!(finish(&plan));
    }
}

/// The descriptor of a plan is nothing against a connection.
#[test]
fn a_plan_needs_no_more_descriptors_than_a_connection_and_its_own() {
    let peer = Peer::answering(&replies::ok());
    let client = client("room", peer.port, &[], &[]);
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = numbers.filter_map(|one| one.unwrap().file_name().to_str()?.parse::<u64>().ok());
    let highest = numbers.max().unwrap();
    for room in 1..=4 {
        let in_narrow_room = || {
            // Holes are filled, so that the limit is the room.
            while unsafe { libc::dup(0) } < i32::try_from(highest).unwrap() {}
            let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
            unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
            let next = unsafe { libc::dup(0) };
            unsafe { libc::close(next) };
            limit.rlim_cur = u64::try_from(next).unwrap() + room;
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
            finish(&client.connected_plan(Kind::Task, &[("ECF_TIMEOUT", "5")]))
        };
        assert_eq!(forked(in_narrow_room), 0, "{room}");
    }
}

#[test]
fn a_plan_that_cannot_go_on_tells_why_at_its_first_step() {
    let client = Handle::quick(refused_port(), &[]);
    let plan = client.connected_plan(Kind::Task, &[("ECF_TIMEOUT", "soon")]);
    assert_eq!(plan.next(), Step::Over(Status::Argument));
    let told = client.delegate_connected(Kind::Task, &[("ECF_TIMEOUT", "soon")], &mut |_| 0);
    assert_eq!(told.status, Status::Argument as i32);
    assert!(told.error.contains("ECF_TIMEOUT"), "{}", told.error);
    let plan = client.connected_plan(Kind::Task, &[("NO_ECF", "1")]);
    assert_eq!(plan.next(), Step::Over(Status::Ok));
}

#[test]
fn the_deadline_holds_while_nobody_can_be_connected_to() {
    let silent = FullBacklog::new();
    for profile in ["ecflow", "fast"] {
        let settings = [("ECF_FAILOVER_PROFILE", profile), ("ECF_TIMEOUT", "0.4")];
        let client = client(&format!("deadline-{profile}"), silent.port, &[], &settings);
        let told =
            client.delegate_connected(Kind::Task, &[], &mut |_| panic!("nobody is connected"));
        assert_eq!(told.status, Status::Timeout as i32, "{}", told.report);
        let length = told.report()["length_ms"].as_u64().unwrap();
        assert!((400..5_000).contains(&length), "{}", told.report);
        let plan = client.connected_plan(Kind::Task, &[]);
        let came = drive(&plan, |_, _| panic!("nobody is connected"));
        assert_eq!(came.status, Status::Timeout as i32, "{}", came.report);
    }
}
