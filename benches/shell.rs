//! What a job script pays: 200 meters from bash by the real ecflow_client, by ecf_client and by
//! the builtin, in turn, to one real server; and how long a program takes from its start to its
//! connection. Prints medians and ratios as docs/performance.md has them.
//!
//! `cargo bench --bench shell`; needs Debian's ecflow-server, ecflow-client and util-linux.

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
use std::net::TcpListener;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Act, Peer, Program, Server, library_directory, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");
const CALLS: usize = 200;
const ROUNDS: usize = 5;
const STARTS: usize = 50;

/// The line of a script that brings ecflow_client, by the name of the way.
fn ways() -> [(&'static str, String); 3] {
    let library = library_directory().join("libecf_failover.so");
    [
        ("`ecflow_client`", String::new()),
        (
            "`ecf_client`",
            format!("ecflow_client() {{ '{PROGRAM}' \"$@\"; }}"),
        ),
        (
            "the builtin",
            format!("enable -f '{}' ecflow_client", library.display()),
        ),
    ]
}

/// What one run of a script took.
struct Cost {
    wall: f64,
    /// Seconds of user and system time, of all its processes.
    cpu: f64,
    /// Started by the script.
    processes: usize,
}

fn main() {
    let server = Server::running();
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (costs, (_, line)) in costs.iter_mut().zip(ways()) {
            costs.push(script(&server, &line));
        }
    }
    let memory = [
        peak_of_program("ecflow_client"),
        peak_of_program(PROGRAM),
        peak_of_shell(&server, &ways()[2].1),
    ];
    let stock = [
        median(&costs[0], |cost| cost.wall),
        median(&costs[0], |cost| cost.cpu),
    ];
    println!("{CALLS} meters, medians of {ROUNDS} runs, in turn:\n");
    println!("| | wall | CPU | processes | peak memory of one |");
    println!("|---|---|---|---|---|");
    for (((name, _), costs), memory) in ways().iter().zip(&costs).zip(memory) {
        let (wall, cpu) = (median(costs, |c| c.wall), median(costs, |c| c.cpu));
        println!(
            "| {name} | {:.0} ms, 1/{:.1} | {:.0} ms, 1/{:.1} | {} | {:.1} MiB |",
            wall * 1e3,
            stock[0] / wall,
            cpu * 1e3,
            stock[1] / cpu,
            costs[0].processes,
            memory as f64 / 1024.0
        );
    }
    let bare = peak_of_shell(&server, "ecflow_client() { :; }");
    println!("\nbash without any: {:.1} MiB", bare as f64 / 1024.0);
    for program in ["ecflow_client", PROGRAM] {
        let name = program.rsplit('/').next().unwrap_or(program);
        let start = start_to_connection(program);
        println!("{name}: {:.2} ms from start to connection", start * 1e3);
    }
}

/// Runs a script of `CALLS` meters in a PID namespace of its own, where the number of a new
/// process tells how many there were before: bash itself is the first.
fn script(server: &Server, line: &str) -> Cost {
    let file = scratch("bench").join("script");
    let told = file.with_extension("told");
    let text = format!(
        "{line}\nfor ((n = 0; n < {CALLS}; n++)); do ecflow_client --meter=m $((n % 100)) || exit 1; done\n\
         (echo $BASHPID >'{}')\n",
        told.display()
    );
    fs::write(&file, text).expect("a file");
    let port = server.port.to_string();
    let words = ["-r", "-p", "-f", "bash", file.to_str().expect("UTF-8")];
    let program = Program::new("unshare", &job(&port)).args(&words);
    let begin = Instant::now();
    let child = program.command().spawn().expect("unshare");
    let cpu = cpu_until_the_end(child);
    let wall = begin.elapsed().as_secs_f64();
    let last = fs::read_to_string(told).expect("the last number");
    let last: usize = last.trim().parse().expect("a number");
    Cost {
        wall,
        cpu,
        processes: last - 2,
    }
}

fn job(port: &str) -> [(&str, &str); 5] {
    [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
    ]
}

/// Waits for a process and gives the time that it and all that it waited for took.
fn cpu_until_the_end(child: Child) -> f64 {
    let pid = libc::pid_t::try_from(child.id()).expect("a process");
    let mut status = 0;
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    assert_eq!(status, 0, "the script succeeds");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Peak resident memory of a program that waits for its reply, in KiB.
fn peak_of_program(program: &str) -> usize {
    let peer = Peer::new(&[Act::Silence]);
    let port = peer.port.to_string();
    let program = Program::new(program, &job(&port)).args(&["--meter=m", "1"]);
    let mut child = program.command().spawn().expect("a program");
    let end = Instant::now() + Duration::from_secs(10);
    while peer.count() == 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(100));
    let peak = peak(&fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs"));
    child.kill().expect("it runs");
    child.wait().expect("a child");
    peak
}

/// The same of a bash that sent its meters.
fn peak_of_shell(server: &Server, line: &str) -> usize {
    let script = format!(
        "{line}\nfor ((n = 0; n < {CALLS}; n++)); do ecflow_client --meter=m 1; done\n\
         while read line; do echo \"$line\"; done </proc/$$/status"
    );
    let port = server.port.to_string();
    let bash = Program::new("bash", &job(&port)).args(&["-c", &script]);
    peak(&bash.succeed())
}

fn peak(status: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("VmHWM").parse().expect("a number")
}

/// Median seconds from before a program's start until its connection is accepted.
fn start_to_connection(program: &str) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    let times: Vec<f64> = (0..STARTS)
        .map(|_| {
            let mut command = Program::new(program, &job(&port))
                .args(&["--meter=m", "1"])
                .command();
            let begin = Instant::now();
            let mut child = command.spawn().expect("a program");
            let connection = listener.accept().expect("a connection");
            let taken = begin.elapsed().as_secs_f64();
            child.kill().expect("it waits");
            child.wait().expect("a child");
            drop(connection);
            taken
        })
        .collect();
    median(&times, |time| *time)
}

fn median<T>(all: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = all.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
