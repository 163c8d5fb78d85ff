//! What a posted meter costs the thread that posts it, whatever the server does; beside a blocking
//! send, and beside a datagram to loopback. Prints the table of docs/performance.md.
//!
//! `cargo bench --bench post`: half a minute.

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

use std::ffi::CString;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::ffi::ecf_post_task_cmd;
use ecf_failover::model::Status;
use testkit::{Act, FullBacklog, Handle, Peer, frame, refused_port, replies};

const STEPS: u32 = 20_000;
/// What a model does between two steps.
const COMPUTES: Duration = Duration::from_micros(50);

/// Each step's time on this thread.
fn steps(count: u32, mut step: impl FnMut(u32)) -> Vec<Duration> {
    (0..count)
        .map(|number| {
            let computed = Instant::now() + COMPUTES;
            while Instant::now() < computed {
                std::hint::spin_loop();
            }
            let begin = Instant::now();
            step(number);
            begin.elapsed()
        })
        .collect()
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((times.len() - 1) as f64 * share) as usize;
        times[index].as_secs_f64() * 1e6
    };
    println!(
        "{name:42} {:8.1} {:8.1} {:8.1}",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

/// Posts meters whose words are there already, as a model in C does.
fn posted(name: &str, port: u16, host: &str) {
    let client = Handle::quick(port, &[("ECF_HOST", host), ("ECF_TIMEOUT", "600")]);
    let words: Vec<[CString; 2]> = (0..1_000)
        .map(|step: u32| {
            ["--meter=m".to_owned(), step.to_string()].map(|w| CString::new(w).unwrap())
        })
        .collect();
    print(
        name,
        steps(STEPS, |step| {
            let words = &words[(step % 1_000) as usize];
            let argv = [words[0].as_ptr(), words[1].as_ptr()];
            let status = unsafe { ecf_post_task_cmd(client.0, 2, argv.as_ptr()) };
            assert_eq!(status, Status::Ok);
        }),
    );
}

fn main() {
    println!("microseconds on the caller's thread, {STEPS} steps {COMPUTES:?} apart");
    println!("{:42} {:>8} {:>8} {:>8}", "", "p50", "p99", "p99.9");
    let answering = || Peer::new(&[Act::Answer(frame(replies::ok().as_bytes()))]);
    let healthy = answering();
    posted("posted: a healthy server", healthy.port, "127.0.0.1");
    posted("posted: a dead one", refused_port(), "127.0.0.1");
    let frozen = Peer::new(&[Act::Silence]);
    posted("posted: a frozen one", frozen.port, "127.0.0.1");
    let silent = FullBacklog::new();
    posted("posted: one that swallows SYNs", silent.port, "127.0.0.1");
    posted(
        "posted: a name that nobody knows",
        3_141,
        "no.such.host.invalid",
    );
    let blocking = answering();
    let client = Handle::quick(blocking.port, &[]);
    let sent = steps(500, |step| {
        assert_eq!(
            client
                .task(&["--meter=m", &(step % 100).to_string()])
                .status,
            0
        );
    });
    print("sent: a healthy server", sent);
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let reading = thread::spawn(move || {
        receiver
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        while receiver.recv(&mut [0; 512]).is_ok() {}
    });
    let datagram = [b'x'; 200];
    print(
        "a datagram of 200 bytes to loopback",
        steps(STEPS, |_| {
            sender.send_to(&datagram, address).unwrap();
        }),
    );
    reading.join().unwrap();
}
