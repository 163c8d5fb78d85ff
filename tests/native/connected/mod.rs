//! Delegation on connections of the library's: the race of profile fast for those who speak for
//! themselves, blocking and in event loops.

mod ends;
mod many;
mod names;
mod reach;
mod sockets;

use std::fs;
use std::thread;
use std::time::Duration;

use ecf_failover::ffi::{
    ecf_attempt_cancelled, ecf_attempt_port, ecf_attempt_take_socket, ecf_attempt_timeout_ms,
};
use ecf_failover::model::{Kind, Outcome};
use testkit::{Handle, Plan, Step, Told, scratch, speak};

/// A client of profile fast that remembers nothing, unless the settings say otherwise.
fn client(name: &str, primary: u16, backups: &[u16], settings: &[(&str, &str)]) -> Handle {
    let hostfile = scratch("connected").join(name);
    let lines = backups.iter().map(|port| format!("127.0.0.1:{port}\n"));
    fs::write(&hostfile, lines.collect::<String>()).unwrap();
    let mut all = vec![
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY", "off"),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ];
    all.extend(settings);
    Handle::quick(primary, &all)
}

/// What a command came to, whoever drove it.
#[derive(Debug)]
struct Came {
    status: i32,
    /// Who confirmed it, or was spoken to last.
    port: u16,
    /// The ports of all attempts.
    ports: Vec<u16>,
    report: serde_json::Value,
}

impl Came {
    fn of(told: &Told) -> Self {
        Self {
            status: told.status,
            port: told.port,
            ports: told.ports(),
            report: told.report(),
        }
    }
}

/// By a callback that speaks to whoever it is connected to.
fn by_callback(client: &Handle) -> Came {
    Came::of(
        &client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
            let limit = ecf_attempt_timeout_ms(attempt);
            assert!(limit > 0);
            assert!(ecf_attempt_port(attempt) > 0);
            assert_eq!(ecf_attempt_cancelled(attempt), 0);
            speak(ecf_attempt_take_socket(attempt), limit) as i32
        }),
    )
}

/// By a plan of which only the descriptor is looked at.
fn by_plan(client: &Handle) -> Came {
    let plan = client.connected_plan(Kind::Task, &[]);
    drive(&plan, |plan, limit| speak(plan.take_socket(), limit))
}

fn drive(plan: &Plan, mut attempt: impl FnMut(&Plan, u64) -> Outcome) -> Came {
    let mut port = 0;
    for _ in 0..10_000 {
        match plan.next() {
            Step::Attempt(limit) => {
                port = plan.port();
                let outcome = attempt(plan, limit);
                plan.outcome(outcome);
            }
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => {
                let report = plan.report();
                let attempts = report["attempts"].as_array().unwrap();
                let ports = attempts.iter().map(|one| one["port"].as_u64().unwrap());
                return Came {
                    status: status as i32,
                    port,
                    ports: ports.map(|port| u16::try_from(port).unwrap()).collect(),
                    report,
                };
            }
        }
    }
    panic!("it must end: {}", plan.report());
}

/// All descriptors of this process, those of its peers among them.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// There are so many descriptors, as soon as the peers have seen the end of their connections.
fn soon(count: usize) {
    for _ in 0..2_000 {
        if descriptors() == count {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(descriptors(), count);
}
