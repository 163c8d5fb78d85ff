//! How long a task command needs to a live backup in profile fast: sent by the library, on a
//! connection of the library's (by a callback, and by a plan), and by a callback that connects by
//! itself. Prints the table of docs/performance.md.
//!
//! `cargo bench --bench connected`: some minutes. Rows that need a network or a resolver of their
//! own run in namespaces (util-linux, iproute2).

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends at the first surprise"
)]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use ecf_failover::ffi::{
    ecf_attempt, ecf_attempt_host, ecf_attempt_port, ecf_attempt_take_socket,
    ecf_attempt_timeout_ms,
};
use ecf_failover::model::{Kind, Outcome};
use testkit::{
    Act, FullBacklog, Handle, Peer, Server, Step, converse, frame, refused_port, replies, scratch,
    speak,
};

/// What stands before the live backup.
struct World {
    /// Host and port of the primary.
    primary: (String, u16),
    backups: Vec<u16>,
    more: Vec<(&'static str, &'static str)>,
    /// What must stay as long as it lasts.
    _kept: Vec<Box<dyn std::any::Any>>,
}

impl World {
    fn of(port: u16, kept: Vec<Box<dyn std::any::Any>>) -> Self {
        Self::named("127.0.0.1", port, kept)
    }

    fn named(host: &str, port: u16, kept: Vec<Box<dyn std::any::Any>>) -> Self {
        Self {
            primary: (host.to_owned(), port),
            backups: Vec::new(),
            more: Vec::new(),
            _kept: kept,
        }
    }
}

type Row = (&'static str, usize, fn() -> World);

const OUTSIDE: &[Row] = &[
    ("refuses", 40, || World::of(refused_port(), Vec::new())),
    ("swallows SYNs (full queue)", 20, || {
        let silent = FullBacklog::new();
        World::of(silent.port, vec![Box::new(silent)])
    }),
    ("is frozen (SIGSTOP; ECF_FAILOVER_SILENCE=1)", 6, || {
        let server = Server::running();
        server.freeze(true);
        World {
            more: vec![("ECF_FAILOVER_SILENCE", "1")],
            ..World::of(server.port, vec![Box::new(server)])
        }
    }),
    ("is the first of eight silent hosts", 4, || {
        let silent: Vec<_> = (0..8).map(|_| FullBacklog::new()).collect();
        let ports: Vec<_> = silent.iter().map(|one| one.port).collect();
        World {
            backups: ports[1..].to_vec(),
            ..World::of(ports[0], vec![Box::new(silent)])
        }
    }),
    ("has a name whose first address is dead", 40, || {
        // localhost is 127.0.0.1 and ::1; it listens on the second only.
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = Peer::taking(listener, &[Act::Answer(frame(replies::ok().as_bytes()))]);
        World::named("localhost", port, vec![Box::new(peer)])
    }),
];

/// In a network where 10.99.0.2 is nobody, and with a name server that says nothing.
const INSIDE: &[Row] = &[
    ("swallows SYNs (a network that drops)", 10, || {
        World::named("10.99.0.2", 3_141, Vec::new())
    }),
    ("has a name whose look-up hangs", 10, || {
        let silent = UdpSocket::bind("127.0.0.1:53").unwrap();
        World::named("primary.test", 3_141, vec![Box::new(silent)])
    }),
];

const NAMESPACE: &str = "ip link set lo up && ip link add here type veth peer name there && \
    ip link set here up && ip link set there up && ip addr add 10.99.0.1/24 dev here && \
    ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:99 dev here && \
    mount --bind \"$1/resolv\" /etc/resolv.conf && mount --bind \"$1/nsswitch\" /etc/nsswitch.conf && \
    exec \"$0\" inside";

fn client(world: &World, live: u16, name: &str) -> Handle {
    let hostfile = scratch("connected-bench").join(name);
    let ports = world.backups.iter().chain([&live]);
    let lines: String = ports.map(|port| format!("127.0.0.1:{port}\n")).collect();
    fs::write(&hostfile, lines).unwrap();
    let mut settings = vec![
        ("ECF_HOST", world.primary.0.as_str()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY", "off"),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_TIMEOUT", "600"),
    ];
    settings.extend(&world.more);
    Handle::quick(world.primary.1, &settings)
}

fn native(client: &Handle) {
    assert_eq!(client.task(&["--meter=m", "1"]).status, 0);
}

fn by_callback(client: &Handle) {
    let told = client.delegate_connected(Kind::Task, &[], &mut |attempt| unsafe {
        speak(
            ecf_attempt_take_socket(attempt),
            ecf_attempt_timeout_ms(attempt),
        ) as i32
    });
    assert_eq!(told.status, 0, "{}", told.report);
}

fn by_plan(client: &Handle) {
    let plan = client.connected_plan(Kind::Task, &[]);
    loop {
        match plan.next() {
            Step::Attempt(limit) => {
                let outcome = speak(plan.take_socket(), limit);
                plan.outcome(outcome);
            }
            Step::Wait(ms) => plan.pause(ms),
            Step::Over(status) => {
                assert_eq!(status as i32, 0, "{}", plan.report());
                return;
            }
        }
    }
}

/// A caller that connects by itself, one address after another, and obeys its limit.
fn by_itself(client: &Handle) {
    let told = client.delegate(Kind::Task, &[], &mut |attempt| {
        connect_and_speak(attempt) as i32
    });
    assert_eq!(told.status, 0, "{}", told.report);
}

fn connect_and_speak(attempt: *mut ecf_attempt) -> Outcome {
    let begin = Instant::now();
    let (host, port, limit) = unsafe {
        let host = std::ffi::CStr::from_ptr(ecf_attempt_host(attempt));
        let limit = Duration::from_millis(ecf_attempt_timeout_ms(attempt));
        (host.to_str().unwrap(), ecf_attempt_port(attempt), limit)
    };
    let addresses: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(_) => return Outcome::NotSent,
    };
    for address in addresses {
        let left = limit
            .saturating_sub(begin.elapsed())
            .max(Duration::from_millis(1));
        if let Ok(stream) = TcpStream::connect_timeout(&address, left) {
            return converse(stream, limit.saturating_sub(begin.elapsed()));
        }
    }
    Outcome::NotSent
}

type Way = (&'static str, fn(&Handle));
const WAYS: [Way; 4] = [
    ("native", native),
    ("connected", by_callback),
    ("plan", by_plan),
    ("plain", by_itself),
];

/// The median and the highest, in milliseconds.
fn figures(mut times: Vec<Duration>) -> String {
    if times.is_empty() {
        return format!("{:>8} {:>8}", "-", "-");
    }
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let middle = ms(times[times.len() / 2]);
    format!("{middle:8.1} {:8.1}", ms(times[times.len() - 1]))
}

fn measure(rows: &[Row]) {
    for (name, runs, make) in rows {
        let world = make();
        let live = Peer::answering(&replies::ok());
        let mut line = format!("{name:45}");
        // Side by side: each way in turn, so that the machine's moods hit all.
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); WAYS.len()];
        for round in 0..*runs {
            for (way, (label, run)) in WAYS.iter().enumerate() {
                // Who connects by itself takes the whole limit of 35 s for a silent host: once is
                // enough, and eight of them are known.
                if *label == "plain" && (round > 0 || world.backups.len() > 1) {
                    continue;
                }
                let client = client(&world, live.port, &format!("{label}-{round}"));
                let begin = Instant::now();
                run(&client);
                times[way].push(begin.elapsed());
            }
        }
        for times in times {
            line.push_str(&format!(" | {}", figures(times)));
        }
        println!("{line}");
    }
}

fn main() {
    if std::env::args().any(|word| word == "inside") {
        measure(INSIDE);
        return;
    }
    println!("milliseconds until the backup has confirmed: median, highest");
    let labels = WAYS.map(|(label, _)| format!("{label:>17}")).join(" | ");
    println!("{:45} | {labels}", "the primary ...");
    measure(OUTSIDE);
    let directory = scratch("connected-bench");
    fs::write(directory.join("resolv"), "nameserver 127.0.0.1\n").unwrap();
    fs::write(directory.join("nsswitch"), "hosts: files dns\n").unwrap();
    let inside = Command::new("unshare")
        .args(["-r", "-n", "-m", "sh", "-c", NAMESPACE])
        .arg(std::env::current_exe().unwrap())
        .arg(directory)
        .status();
    assert!(inside.unwrap().success());
}
