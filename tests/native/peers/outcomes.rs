//! One table of outcome scripts, driven five ways: native sends against scripted peers, a
//! scripted callback, the plan on a virtual clock, and callback and plan that speak to the same
//! peers on connections of the library's. Order, count and end must be the same.

use ecf_failover::model::{Kind, Outcome, Status};
use std::ffi::{CStr, CString};
use std::fs;
use std::ptr;

use ecf_failover::ffi::*;

use testkit::{Act, Handle, Peer, Step, frame, replies, scratch, speak};

/// What a host does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Ok,
    Rejects,
    Waits,
    Halted,
    Zombie,
    /// A reset before anything is read.
    NotSent,
    /// The request is read and nothing answered.
    Unconfirmed,
}

use Does::{Halted, NotSent, Ok, Rejects, Unconfirmed, Waits, Zombie};

impl Does {
    fn outcome(self) -> Outcome {
        match self {
            Ok => Outcome::Ok,
            Rejects => Outcome::Rejected,
            Waits => Outcome::Wait,
            Halted => Outcome::Halted,
            Zombie => Outcome::Zombie,
            NotSent => Outcome::NotSent,
            Unconfirmed => Outcome::Unconfirmed,
        }
    }

    fn act(self) -> Act {
        let answer = |body: String| Act::Answer(frame(body.as_bytes()));
        match self {
            Ok => answer(replies::ok()),
            Rejects => answer(replies::error("no such node")),
            Waits => answer(replies::wait()),
            Halted => answer(replies::halted()),
            Zombie => answer(replies::zombie()),
            NotSent => Act::Reset,
            Unconfirmed => Act::CloseAfterRequest,
        }
    }
}

struct Script {
    name: &'static str,
    /// What each host does with its first, second, ... attempt; the last repeats.
    hosts: &'static [&'static [Does]],
    settings: &'static [(&'static str, &'static str)],
    /// The hosts in the order of the attempts.
    order: &'static [usize],
    end: Status,
}

const POLICY_ALL: (&str, &str) = ("ECF_HOSTFILE_POLICY", "all");
const DENIED: (&str, &str) = ("ECF_DENIED", "1");

/// The word for the end of a script that goes on until its deadline: the order is the start.
const UNTIL_DEADLINE: Status = Status::Timeout;

const SCRIPTS: &[Script] = &[
    Script {
        name: "the primary confirms at once",
        hosts: &[&[Ok], &[Ok]],
        settings: &[],
        order: &[0],
        end: Status::Ok,
    },
    Script {
        name: "the primary confirms at its second try",
        hosts: &[&[NotSent, Ok], &[Ok]],
        settings: &[],
        order: &[0, 0],
        end: Status::Ok,
    },
    Script {
        name: "the primary is dead, the first backup confirms",
        hosts: &[&[NotSent], &[Ok], &[Ok]],
        settings: &[],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "dead entries stand before the live one",
        hosts: &[&[NotSent], &[NotSent], &[Unconfirmed], &[Ok]],
        settings: &[],
        order: &[0, 0, 1, 1, 2, 2, 3],
        end: Status::Ok,
    },
    Script {
        name: "round and round until the primary is back",
        hosts: &[&[NotSent, NotSent, NotSent, Ok], &[NotSent]],
        settings: &[],
        order: &[0, 0, 1, 1, 0, 0],
        end: Status::Ok,
    },
    Script {
        name: "a refusal is final, also from a backup",
        hosts: &[&[NotSent], &[Rejects], &[Ok]],
        settings: &[],
        order: &[0, 0, 1],
        end: Status::Rejected,
    },
    Script {
        name: "wait stays at its host and uses up no try",
        hosts: &[&[NotSent, Waits, Waits, Waits, Ok], &[Ok]],
        settings: &[],
        order: &[0, 0, 0, 0, 0],
        end: Status::Ok,
    },
    Script {
        name: "halted makes the next host be tried",
        hosts: &[&[Halted], &[Ok]],
        settings: &[],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "halted stays where it is told to",
        hosts: &[&[Halted, Halted, Halted, Ok], &[Ok]],
        settings: &[("ECF_FAILOVER_ON_HALTED", "stay")],
        order: &[0, 0, 0, 0],
        end: Status::Ok,
    },
    Script {
        name: "a zombie makes the next host be tried",
        hosts: &[&[Zombie], &[Ok]],
        settings: &[],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "a zombie stays where it is told to",
        hosts: &[&[Zombie, Zombie, Zombie, Ok], &[Ok]],
        settings: &[("ECF_FAILOVER_ON_ZOMBIE", "stay")],
        order: &[0, 0, 0, 0],
        end: Status::Ok,
    },
    Script {
        name: "unconfirmed goes on like not sent",
        hosts: &[&[Unconfirmed], &[Ok]],
        settings: &[],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "three tries per host",
        hosts: &[&[NotSent], &[NotSent, NotSent, Ok]],
        settings: &[("ECF_FAILOVER_ATTEMPTS", "3")],
        order: &[0, 0, 0, 1, 1, 1],
        end: Status::Ok,
    },
    Script {
        name: "denied ends after the primary",
        hosts: &[&[NotSent], &[Ok]],
        settings: &[DENIED],
        order: &[0, 0],
        end: Status::Denied,
    },
    Script {
        name: "denied ends at a halted server",
        hosts: &[&[Halted], &[Ok]],
        settings: &[DENIED, ("ECF_FAILOVER_ON_HALTED", "stay")],
        order: &[0, 0],
        end: Status::Denied,
    },
    Script {
        name: "policy none stays at the primary",
        hosts: &[&[NotSent], &[Ok]],
        settings: &[("ECF_HOSTFILE_POLICY", "none")],
        order: &[0, 0],
        end: Status::Unreachable,
    },
    Script {
        name: "policy all is the same for a task command",
        hosts: &[&[NotSent], &[Ok]],
        settings: &[POLICY_ALL],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "until the deadline",
        hosts: &[&[NotSent], &[Unconfirmed]],
        settings: &[("ECF_TIMEOUT", "0.5")],
        order: &[0, 0, 1, 1, 0],
        end: UNTIL_DEADLINE,
    },
    Script {
        name: "a zombie until the zombie's deadline",
        hosts: &[&[Zombie], &[Zombie]],
        settings: &[("ECF_ZOMBIE_TIMEOUT", "0.5")],
        order: &[0, 0, 1, 1, 0],
        end: UNTIL_DEADLINE,
    },
];

/// The same for user commands, which stay at the primary.
const USER_SCRIPTS: &[Script] = &[
    Script {
        name: "a user command stays at the primary",
        hosts: &[&[NotSent], &[Ok]],
        settings: &[],
        order: &[0, 0],
        end: Status::Unreachable,
    },
    Script {
        name: "a user command under policy all goes on to the backup",
        hosts: &[&[Unconfirmed], &[Ok]],
        settings: &[POLICY_ALL],
        order: &[0, 0, 1],
        end: Status::Ok,
    },
    Script {
        name: "a refused user command is final",
        hosts: &[&[Rejects], &[Ok]],
        settings: &[POLICY_ALL],
        order: &[0],
        end: Status::Rejected,
    },
];

/// A client for the hosts of a script, with a hostfile for the backups.
fn client(name: &str, ports: &[u16], settings: &[(&str, &str)]) -> Handle {
    let hostfile = scratch(name).join("hosts");
    let lines: String = ports[1..]
        .iter()
        .map(|port| format!("127.0.0.1:{port}\n"))
        .collect();
    fs::write(&hostfile, lines).unwrap();
    let mut all = vec![("ECF_HOSTFILE", hostfile.to_str().unwrap())];
    all.extend(settings);
    Handle::quick(ports[0], &all)
}

fn check(script: &Script, how: &str, seen: &[usize], end: i32) {
    let place = format!("{how}: {}: {seen:?}", script.name);
    assert_eq!(end, script.end as i32, "{place}");
    if script.end == UNTIL_DEADLINE {
        let common = seen.len().min(script.order.len());
        assert_eq!(seen[..common], script.order[..common], "{place}");
        assert!(seen.len() >= 3, "{place}");
    } else {
        assert_eq!(seen, script.order, "{place}");
    }
}

fn indexes(ports: &[u16], seen: &[u16]) -> Vec<usize> {
    seen.iter()
        .map(|port| {
            ports
                .iter()
                .position(|known| known == port)
                .expect("a known port")
        })
        .collect()
}

fn peers(script: &Script) -> (Vec<Peer>, Vec<u16>) {
    let acts = |does: &&[Does]| does.iter().map(|does| does.act()).collect::<Vec<_>>();
    let peers: Vec<_> = script.hosts.iter().map(|d| Peer::new(&acts(d))).collect();
    let ports = peers.iter().map(|peer| peer.port).collect();
    (peers, ports)
}

fn natively(script: &Script, kind: Kind) {
    let (peers, ports) = peers(script);
    let client = client("native", &ports, script.settings);
    let told = match kind {
        Kind::Task => client.task(&["--wait=t == complete"]),
        _ => client.user(&["--restart"]),
    };
    check(
        script,
        "native",
        &indexes(&ports, &told.ports()),
        told.status,
    );
    let connects: usize = peers.iter().map(Peer::count).sum();
    assert_eq!(connects, told.attempts as usize, "{}", script.name);
}

/// The ports that stand for the hosts where nobody listens.
const PORTS: [u16; 4] = [4001, 4002, 4003, 4004];

fn next_outcome(script: &Script, seen: &[usize], host: usize) -> i32 {
    script_outcome(script, seen, host) as i32
}

fn script_outcome(script: &Script, seen: &[usize], host: usize) -> Outcome {
    let visits = seen.iter().filter(|seen| **seen == host).count();
    let does = script.hosts[host];
    does[(visits - 1).min(does.len() - 1)].outcome()
}

fn delegated(script: &Script, kind: Kind) {
    let ports = &PORTS[..script.hosts.len()];
    let client = client("delegate", ports, &[]);
    let mut seen = Vec::new();
    let told = client.delegate(kind, script.settings, &mut |attempt| unsafe {
        assert_eq!(CStr::from_ptr(ecf_attempt_host(attempt)), c"127.0.0.1");
        assert_eq!(ecf_attempt_number(attempt) as usize, seen.len() + 1);
        assert!(ecf_attempt_timeout_ms(attempt) > 0);
        let port = ecf_attempt_port(attempt);
        let host = ports.iter().position(|known| *known == port).unwrap();
        seen.push(host);
        next_outcome(script, &seen, host)
    });
    check(script, "delegate", &seen, told.status);
    assert_eq!(told.attempts as usize, seen.len());
    assert_eq!(indexes(ports, &told.ports()), seen);
}

fn planned(script: &Script, kind: Kind) {
    let ports = &PORTS[..script.hosts.len()];
    let client = client("plan", ports, &[]);
    let strings: Vec<_> = script
        .settings
        .iter()
        .flat_map(|(key, value)| [*key, *value])
        .map(|text| CString::new(text).unwrap())
        .collect();
    let mut list: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
    list.push(ptr::null());
    let mut seen = Vec::new();
    unsafe {
        let mut now = 77_000;
        let plan = ecf_plan_new(client.0, kind as i32, list.as_ptr(), now);
        let mut ms = 0;
        let end = loop {
            assert!(seen.len() < 10_000, "it must end");
            match ecf_plan_next(plan, now, &raw mut ms) {
                0 => {
                    let host = ports
                        .iter()
                        .position(|known| *known == ecf_plan_port(plan))
                        .unwrap();
                    seen.push(host);
                    assert_eq!(ecf_plan_number(plan) as usize, seen.len());
                    assert!(ms > 0);
                    now += 1;
                    let outcome = next_outcome(script, &seen, host);
                    assert_eq!(ecf_plan_outcome(plan, outcome, now), Status::Ok);
                    // What ends it does so at once.
                    let status = ecf_plan_status(plan);
                    let is_final =
                        [Outcome::Ok as i32, Outcome::Rejected as i32].contains(&outcome);
                    assert!(
                        !is_final || status == script.end,
                        "{status:?}: {}",
                        script.name
                    );
                }
                1 => now += ms,
                2 => break Status::Ok,
                3 => break ecf_plan_status(plan),
                other => panic!("no step: {other}"),
            }
        };
        let report = CStr::from_ptr(ecf_plan_report(plan)).to_str().unwrap();
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        assert_eq!(report["attempts_made"], seen.len());
        ecf_plan_free(plan);
        check(script, "plan", &seen, end as i32);
    }
}

/// What the caller found, told as what the script calls it: a reset may be seen late.
fn spoken(script: &Script, seen: &[usize], host: usize, found: Outcome) -> i32 {
    let scripted = next_outcome(script, seen, host);
    let is_reset = scripted == Outcome::NotSent as i32;
    let is_failure = matches!(found, Outcome::NotSent | Outcome::Unconfirmed);
    assert!(
        found as i32 == scripted || (is_reset && is_failure),
        "{found:?}: {}",
        script.name
    );
    scripted
}

fn delegated_connected(script: &Script, kind: Kind) {
    let (peers, ports) = peers(script);
    let client = client("delegate_connected", &ports, &[]);
    let mut seen = Vec::new();
    let told = client.delegate_connected(kind, script.settings, &mut |attempt| unsafe {
        assert_eq!(CStr::from_ptr(ecf_attempt_host(attempt)), c"127.0.0.1");
        assert_eq!(ecf_attempt_number(attempt) as usize, seen.len() + 1);
        let limit = ecf_attempt_timeout_ms(attempt);
        let host = indexes(&ports, &[ecf_attempt_port(attempt)])[0];
        seen.push(host);
        let found = speak(ecf_attempt_take_socket(attempt), limit);
        assert_eq!(ecf_attempt_take_socket(attempt), -1, "once");
        assert_eq!(ecf_attempt_cancelled(attempt), 0);
        spoken(script, &seen, host, found)
    });
    check(script, "delegate connected", &seen, told.status);
    assert_eq!(told.attempts as usize, seen.len());
    assert_eq!(indexes(&ports, &told.ports()), seen);
    let connects: usize = peers.iter().map(Peer::count).sum();
    assert_eq!(connects, seen.len(), "{}", script.name);
}

fn planned_connected(script: &Script, kind: Kind) {
    let (_peers, ports) = peers(script);
    let client = client("plan_connected", &ports, &[]);
    let plan = client.connected_plan(kind, script.settings);
    let mut seen = Vec::new();
    let end = loop {
        assert!(seen.len() < 10_000, "it must end");
        match plan.next() {
            Step::Attempt(limit) => {
                let host = indexes(&ports, &[plan.port()])[0];
                seen.push(host);
                assert_eq!(plan.number() as usize, seen.len());
                let found = speak(plan.take_socket(), limit);
                spoken(script, &seen, host, found);
                let outcome = script_outcome(script, &seen, host);
                assert_eq!(plan.outcome(outcome), Status::Ok);
            }
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => break status,
        }
    };
    assert_eq!(plan.report()["attempts_made"], seen.len());
    check(script, "plan connected", &seen, end as i32);
}

#[test]
fn delegated_commands_with_connections_follow_the_scripts() {
    for script in SCRIPTS {
        delegated_connected(script, Kind::Task);
    }
    for script in USER_SCRIPTS {
        delegated_connected(script, Kind::User);
    }
}

#[test]
fn plans_with_connections_follow_the_scripts() {
    for script in SCRIPTS {
        planned_connected(script, Kind::Task);
    }
    for script in USER_SCRIPTS {
        planned_connected(script, Kind::User);
    }
}

#[test]
fn native_sends_follow_the_scripts() {
    for script in SCRIPTS {
        natively(script, Kind::Task);
    }
    for script in USER_SCRIPTS {
        natively(script, Kind::User);
    }
}

#[test]
fn delegated_commands_follow_the_scripts() {
    for script in SCRIPTS {
        delegated(script, Kind::Task);
    }
    for script in USER_SCRIPTS {
        delegated(script, Kind::User);
    }
}

#[test]
fn plans_follow_the_scripts() {
    for script in SCRIPTS {
        planned(script, Kind::Task);
    }
    for script in USER_SCRIPTS {
        planned(script, Kind::User);
    }
}

#[test]
fn a_command_that_must_not_be_repeated_ends_when_it_is_unconfirmed() {
    let peer = Peer::new(&[Act::CloseAfterRequest]);
    let client = Handle::quick(peer.port, &[]);
    let told = client.task(&["--queue=q", "active"]);
    assert_eq!(told.status, Status::UnknownOutcome as i32);
    assert_eq!(peer.count(), 1, "one copy");
    let holder = format!("\"may_hold_copy\":[\"127.0.0.1:{}\"]", peer.port);
    assert!(told.report.contains(&holder), "{}", told.report);

    let once = [("ECF_FAILOVER_REPEATABLE", "no")];
    let mut calls = 0;
    let told = client.delegate(Kind::Task, &once, &mut |_| {
        calls += 1;
        match calls {
            1 => Outcome::NotSent as i32,
            _ => Outcome::Unconfirmed as i32,
        }
    });
    assert_eq!(told.status, Status::UnknownOutcome as i32);
    assert_eq!(calls, 2);
}

#[test]
fn a_callback_may_stop_the_command_or_answer_nonsense() {
    let client = Handle::quick(1, &[]);
    for answer in [Outcome::Fatal as i32, 8, -1, i32::MAX] {
        let told = client.delegate(Kind::Task, &[], &mut |_| answer);
        assert_eq!(told.status, Status::Caller as i32, "{answer}");
        assert_eq!(told.attempts, 1);
    }
}

#[test]
fn a_callbacks_words_stand_in_the_report_and_in_the_error() {
    let client = Handle::quick(1, &[DENIED, ("ECF_PASS", "sesame")]);
    let told = client.delegate(Kind::Task, &[], &mut |attempt| unsafe {
        ecf_attempt_note(attempt, c"handshake failed, password sesame".as_ptr());
        ecf_attempt_note(attempt, ptr::null());
        ecf_attempt_note(attempt, c"wrong \"certificate\"".as_ptr());
        assert_eq!(ecf_attempt_cancelled(attempt), 0);
        Outcome::NotSent as i32
    });
    assert_eq!(
        told.error,
        "127.0.0.1:1: handshake failed, password (password); wrong \"certificate\" (attempts: 2)"
    );
    assert!(
        told.report.contains("wrong \\\"certificate\\\""),
        "{}",
        told.report
    );
    assert!(!told.report.contains("sesame"));
    let long = CString::new("x".repeat(5_000)).unwrap();
    let told = client.delegate(Kind::Task, &[], &mut |attempt| unsafe {
        ecf_attempt_note(attempt, long.as_ptr());
        Outcome::Rejected as i32
    });
    assert!(told.error.len() < 1_100, "bounded");
}
