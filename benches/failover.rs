//! How long a command needs to a live server: by ecflow_client, by profile ecflow and by profile
//! fast, with one healthy backup. Prints the table and the percentiles of
//! docs/performance.md.
//!
//! `cargo bench --bench failover`: seven minutes, for the stock client needs them; all rows run
//! at once. `cargo bench --bench failover -- quick` prints the percentiles only. Needs Debian's
//! ecflow-client and ecflow-server.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement ends at the first surprise"
)]

use std::borrow::Borrow;
use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{
    Act, FullBacklog, Handle, Peer, Server, ecflow_client, frame, refused_port, replies, scratch,
};

/// Longer than the stock client needs for a frozen server.
const LASTS: Duration = Duration::from_secs(420);

/// A primary with a fault.
enum Primary {
    Nobody(u16),
    Silent(FullBacklog),
    Scripted(Peer),
    Frozen(Box<Server>),
}

impl Primary {
    fn port(&self) -> u16 {
        match self {
            Self::Nobody(port) => *port,
            Self::Silent(silent) => silent.port,
            Self::Scripted(peer) => peer.port,
            Self::Frozen(server) => server.port,
        }
    }
}

fn steps(steps: &[&str]) -> Primary {
    let steps = steps.iter().map(|step| (*step).to_owned()).collect();
    Primary::Scripted(Peer::new(&[Act::Steps(steps)]))
}

type Row = (&'static str, fn() -> Primary);

const ROWS: &[Row] = &[
    ("refuses", || Primary::Nobody(refused_port())),
    ("is silent: packets vanish", || {
        Primary::Silent(FullBacklog::new())
    }),
    ("is frozen (a real server under SIGSTOP)", || {
        let server = Server::running();
        server.freeze(true);
        Primary::Frozen(Box::new(server))
    }),
    ("resets the connection", || {
        Primary::Scripted(Peer::new(&[Act::Reset]))
    }),
    ("closes without a reply", || {
        Primary::Scripted(Peer::new(&[Act::CloseAfterRequest]))
    }),
    ("closes inside the reply", || {
        steps(&["read all", "part 100", "close"])
    }),
    ("answers as a web server", || {
        steps(&["read all", "send HTTP/1.1 400 Bad Request\r\n\r\n", "close"])
    }),
    ("answers another command", || {
        steps(&["read all", "reply text", "close"])
    }),
    ("is halted", || {
        steps(&["read all", "reply halted", "close"])
    }),
];

fn live() -> Peer {
    Peer::new(&[Act::Answer(frame(replies::ok().as_bytes()))])
}

fn hostfile(ports: &[u16]) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = scratch("failover").join(format!("hosts-{number}"));
    let lines: String = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}\n"))
        .collect();
    fs::write(&file, lines).unwrap();
    file.to_str().unwrap().to_owned()
}

fn main() {
    percentiles();
    if std::env::args().any(|word| word == "quick") {
        return;
    }
    println!(
        "\n| the primary | ecflow_client | profile ecflow | profile fast |\n|---|---|---|---|"
    );
    let lines: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = ROWS
            .iter()
            .map(|(name, primary)| {
                scope.spawn(move || {
                    let ways: [fn(&Primary, &Peer) -> String; 3] = [
                        stock,
                        |p, b| ours(p, b, "ecflow"),
                        |p, b| ours(p, b, "fast"),
                    ];
                    let told: Vec<_> = thread::scope(|scope| {
                        let running: Vec<_> = ways
                            .iter()
                            .map(|way| scope.spawn(|| way(&primary(), &live())))
                            .collect();
                        running
                            .into_iter()
                            .map(|way| way.join().expect("a way"))
                            .collect()
                    });
                    format!("| {name} | {} |", told.join(" | "))
                })
            })
            .collect();
        running
            .into_iter()
            .map(|row| row.join().expect("a row"))
            .collect()
    });
    println!("{}", lines.join("\n"));
}

/// When the backup got the request, and how the command ended.
fn verdict(backup: &Peer, begin: Instant, end: Option<bool>) -> String {
    let at_backup = backup.times().first().map(|at| at.duration_since(begin));
    match (end, at_backup) {
        (_, Some(after)) if after < Duration::from_secs(1) => format!("{} ms", after.as_millis()),
        (_, Some(after)) => format!("{} s", after.as_secs()),
        (Some(true), None) => "success, and nobody has it".into(),
        (Some(false), None) => "the job fails".into(),
        (None, None) => "goes on asking it".into(),
    }
}

fn stock(primary: &Primary, backup: &Peer) -> String {
    let hostfile = hostfile(&[backup.port]);
    let environment = [
        ("ECF_HOSTFILE", hostfile.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
    ];
    let mut command = ecflow_client(primary.port(), &environment)
        .args(&["--event=e"])
        .command();
    let begin = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ecflow_client: install Debian's package ecflow-client");
    let mut end = None;
    while end.is_none() && begin.elapsed() < LASTS {
        let status = child.try_wait().expect("a child");
        end = status.map(|status| status.success());
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().ok();
    child.wait().ok();
    verdict(backup, begin, end)
}

fn ours(primary: &Primary, backup: &Peer, profile: &str) -> String {
    let hostfile = hostfile(&[backup.port]);
    let lasts = match profile {
        "fast" => "60".to_owned(),
        _ => LASTS.as_secs().to_string(),
    };
    let client = Handle::quick(
        primary.port(),
        &[
            ("ECF_FAILOVER_PROFILE", profile),
            ("ECF_FAILOVER_MEMORY", "handle"),
            ("ECF_HOSTFILE", &hostfile),
            ("ECF_FAILOVER_RETRY_PERIOD", ""),
            ("ECF_FAILOVER_HOST_PERIOD", ""),
            ("ECF_TIMEOUT", &lasts),
        ],
    );
    let begin = Instant::now();
    let end = match client.task(&["--event=e"]).status {
        0 => Some(true),
        4 => None,
        _ => Some(false),
    };
    verdict(backup, begin, end)
}

/// A client of profile fast.
fn fast(primary: u16, backups: &[u16]) -> Handle {
    Handle::quick(
        primary,
        &[
            ("ECF_FAILOVER_PROFILE", "fast"),
            ("ECF_FAILOVER_MEMORY", "handle"),
            ("ECF_HOSTFILE", &hostfile(backups)),
        ],
    )
}

fn percentiles() {
    println!("| profile fast, ms | p50 | p99 | commands |\n|---|---|---|---|");
    let backup = live();
    let refused = || fast(refused_port(), &[backup.port]);
    tell("the primary refuses, cold", 300, refused);
    let warm = refused();
    tell("the primary refuses, known", 1_000, || &warm);
    let silent = FullBacklog::new();
    let cold = || fast(silent.port, &[backup.port]);
    tell("packets vanish, cold", 30, cold);
    let warm = cold();
    warm.task(&["--event=e"]);
    tell("packets vanish, known", 1_000, || &warm);
    let eight: Vec<_> = (0..8).map(|_| FullBacklog::new()).collect();
    let mut ports: Vec<_> = eight[1..].iter().map(|silent| silent.port).collect();
    ports.push(backup.port);
    tell("eight silent hosts before a live one, cold", 5, || {
        fast(eight[0].port, &ports)
    });
}

fn tell<C: Borrow<Handle>>(what: &str, commands: usize, client: impl Fn() -> C) {
    let mut times: Vec<f64> = (0..commands)
        .map(|_| {
            let client = client();
            let begin = Instant::now();
            let told = client.borrow().task(&["--event=e"]);
            let took = begin.elapsed();
            assert_eq!(told.status, 0, "{}", told.report);
            took.as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let share = |percent: usize| times[(commands * percent).div_ceil(100).max(1) - 1];
    println!(
        "| {what} | {:.1} | {:.1} | {commands} |",
        share(50),
        share(99)
    );
}
