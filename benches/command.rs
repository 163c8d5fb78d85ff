//! The price of a command: one meter through the library, the same bytes through a bare socket,
//! and the real ecflow_client, in turn, on one real server. Prints ratios of medians.
//!
//! `cargo bench --bench command`; needs Debian's ecflow-server and ecflow-client.

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

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ecf_failover::config::Configuration;
use ecf_failover::health::NothingKnown;
use ecf_failover::model::{Event, Kind, Outcome, Repeat, TaskIdentity};
use ecf_failover::policy::{Action, Ecflow, Policy, Rules};
use ecf_failover::wire::{self, Base, Value};
use testkit::{Handle, Server, ecflow_client};

const ROUNDS: usize = 400;
/// A process is some fifty times dearer, and is measured less often.
const ROUNDS_OF_PROCESSES: usize = 40;

/// Counts what is allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let server = Server::running();
    let client = Handle::quick(server.port, &[]);
    let frame = meter_frame();
    let mut library = Vec::new();
    let mut socket = Vec::new();
    let mut process = Vec::new();
    for round in 0..ROUNDS {
        library.push(timed(|| {
            assert_eq!(client.task_status(&[c"--meter=m", c"42"]), 0);
        }));
        socket.push(timed(|| bare_exchange(server.port, &frame)));
        if round % (ROUNDS / ROUNDS_OF_PROCESSES) == 0 {
            process.push(timed(|| {
                let environment = [("ECF_NAME", "/s/f/t"), ("ECF_PASS", "_DJP_")];
                let client = ecflow_client(server.port, &environment);
                let status = client.args(&["--meter=m", "42"]).command().status();
                assert!(status.expect("ecflow_client").success());
            }));
        }
    }
    let (library, socket, process) = (median(library), median(socket), median(process));
    println!("one meter, median of {ROUNDS} ({ROUNDS_OF_PROCESSES} for the process), in turn:");
    println!("  library        {library:>10.1?}");
    println!(
        "  bare socket    {socket:>10.1?}   library / socket  {:.2}",
        ratio(library, socket)
    );
    println!(
        "  ecflow_client  {process:>10.1?}   process / library {:.0}",
        ratio(process, library)
    );

    let before = ALLOCATED.load(Ordering::Relaxed);
    for _ in 0..100 {
        black_box(client.task_status(&[c"--meter=m", c"42"]));
    }
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) / 100;
    println!("allocated for a command: {bytes} bytes");
    println!("a step of the policy: {:.0} ns", policy_step());
}

fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// The same request that the library sends.
fn meter_frame() -> Vec<u8> {
    let task = TaskIdentity {
        path: b"/s/f/t".to_vec(),
        password: (&b"_DJP_"[..]).into(),
        remote_id: Vec::new(),
        try_number: 1,
    };
    let request = wire::Request {
        class: "MeterCmd",
        fields: vec![
            ("name_", Value::Text(b"m".to_vec())),
            ("value_", Value::Number(42)),
        ],
    };
    wire::frame(&wire::encode(&request, Base::Task(&task), b"vm")).expect("small")
}

fn bare_exchange(port: u16, frame: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    stream.set_nodelay(true).expect("an option");
    stream.write_all(frame).expect("to write");
    let mut header = [0; 8];
    stream.read_exact(&mut header).expect("a header");
    let length = usize::from_str_radix(String::from_utf8_lossy(&header).trim(), 16).expect("hex");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    black_box(body);
}

/// Nanoseconds of one attempt, told and planned on, with every host refusing.
fn policy_step() -> f64 {
    const STEPS: u32 = 1_000_000;
    let configuration = Configuration::new();
    let rules = Rules::ecflow(configuration.settings(), Kind::Task, Repeat::Yes, 195_000);
    let rules = Rules {
        timeout: u64::MAX,
        zombie_timeout: u64::MAX,
        ..rules
    };
    let mut policy = Ecflow::new(rules, 0);
    let (mut now, mut steps) = (0, 0);
    let begin = Instant::now();
    while steps < STEPS {
        match black_box(policy.next(now, &mut NothingKnown)) {
            Action::ListBackups => policy.record(Event::Listed(3), now, &mut NothingKnown),
            Action::Wait { until } => now = until,
            Action::Attempt { .. } => {
                policy.record(Event::Attempted(Outcome::NotSent), now, &mut NothingKnown);
                steps += 1;
            }
            other => panic!("it goes on: {other:?}"),
        }
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS)
}
