//! Many processes on one node.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::hostfile;
use testkit::{
    Act, FullBacklog, Handle, Peer, Program, frame, namespace, refused_port, replies, scratch,
};

const WORK: &str = "FAST_WORKER";

fn now_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap() * 1_000 + u64::try_from(time.tv_nsec).unwrap() / 1_000_000
}

/// One of many processes: sends a command every so many milliseconds until the file is gone, and
/// tells when each began and who took it. Does nothing when it is run as a test.
#[test]
fn worker() {
    let Ok(work) = std::env::var(WORK) else {
        return;
    };
    let words: Vec<&str> = work.split(' ').collect();
    let [primary, hostfile, pause, go_on] = words[..] else {
        panic!("{work}");
    };
    let settings = [
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOSTFILE", hostfile),
        ("ECF_TIMEOUT", "60"),
    ];
    let client = Handle::quick(primary.parse().unwrap(), &settings);
    let pause: u64 = pause.parse().unwrap();
    // Not all at once.
    let mut wait = u64::from(std::process::id()) * 7_919 % pause.max(1);
    while Path::new(go_on).exists() {
        thread::sleep(Duration::from_millis(wait));
        wait = pause;
        let begin = now_ms();
        let told = client.task(&["--event=e"]);
        println!("did {begin} {} {}", told.port, told.status);
    }
}

fn start(directory: &Path, work: &str) -> Child {
    let directory = directory.to_str().unwrap();
    let exe = std::env::current_exe().unwrap();
    let environment = [(WORK, work), ("XDG_RUNTIME_DIR", directory)];
    Program::new(&exe, &environment)
        .args(&["--exact", "fast::node::worker", "--nocapture"])
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// `(begin, port, status)` of each command of a worker.
fn told(mut worker: Child) -> Vec<(u64, u16, i32)> {
    let mut text = String::new();
    worker
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    worker.wait().unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("did "));
    lines
        .map(|(_, line)| {
            let mut numbers = line.split(' ');
            let mut next = || numbers.next().unwrap();
            (
                next().parse().unwrap(),
                next().parse().unwrap(),
                next().parse().unwrap(),
            )
        })
        .collect()
}

/// Connections that were not answered for want of room in a queue, in this network namespace.
fn unanswered() -> u64 {
    let text = fs::read_to_string("/proc/net/netstat").unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("TcpExt"))
        .map(|line| line.split(' ').collect())
        .collect();
    let at = rows[0].iter().position(|name| *name == "ListenOverflows");
    rows[1][at.unwrap()].parse().unwrap()
}

const THIS: &str = "fast::node::two_hundred_processes_probe_a_silent_primary_once_in_two_seconds";

#[test]
fn two_hundred_processes_probe_a_silent_primary_once_in_two_seconds() {
    testkit::needs!(Namespaces);
    const PROCESSES: usize = 200;
    if namespace::ran_inside(THIS, "true") {
        return;
    }
    let directory = scratch("fast-node");
    let go_on = directory.join("go-on");
    fs::write(&go_on, "").unwrap();
    let primary = FullBacklog::new();
    let port = primary.port;
    let ok = [Act::Answer(frame(replies::ok().as_bytes()))];
    let backup = Peer::new(&ok);
    let hostfile = hostfile("node", &[backup.port]);
    let work = format!("{port} {hostfile} 1000 {}", go_on.display());
    let workers: Vec<_> = (0..PROCESSES).map(|_| start(&directory, &work)).collect();
    // All of them have found out, each at most once.
    thread::sleep(Duration::from_secs(5));
    let (before, begin) = (unanswered(), Instant::now());
    thread::sleep(Duration::from_secs(7));
    let (probes, watched) = (unanswered() - before, begin.elapsed());
    let at_most = watched.as_millis() as u64 / 2_000 + 1;
    assert!(probes <= at_most, "{probes} in {watched:?}");
    assert!(probes >= 1, "somebody looks");
    let primary = primary.opened(&ok);
    let returned = now_ms();
    thread::sleep(Duration::from_secs(8));
    fs::remove_file(&go_on).unwrap();
    let done: Vec<_> = workers.into_iter().flat_map(told).collect();
    assert!(done.iter().all(|(.., status)| *status == 0));
    assert!(done.len() > PROCESSES * 5, "{}", done.len());
    let last = done.iter().filter(|(_, port, _)| *port == backup.port);
    let last = last.map(|(begin, ..)| *begin).max().unwrap();
    let back = last.saturating_sub(returned);
    println!("{probes} probes in {watched:?}, all back after {back} ms");
    // 5 s on a machine that has nothing else to do.
    assert!(back < 7_000, "all use it again after {back} ms");
    assert!(done.iter().any(|(_, port, _)| *port == primary.port));
    namespace::all_said();
}

#[test]
fn processes_that_are_killed_while_they_write_leave_no_harm() {
    let directory = scratch("fast-kill");
    let go_on = directory.join("go-on");
    fs::write(&go_on, "").unwrap();
    let backup = Peer::new(&[Act::Answer(frame(replies::ok().as_bytes()))]);
    let hostfile = hostfile("kill", &[backup.port]);
    let memory = namespace::memory_file(&directory, "memory");
    let mut workers: Vec<Child> = Vec::new();
    for round in 0_u64..150 {
        // A primary of its own, so that every one has something to write.
        let work = format!("{} {hostfile} 0 {}", refused_port(), go_on.display());
        workers.push(start(&directory, &work));
        if workers.len() > 4 {
            thread::sleep(Duration::from_micros(round * 1_237 % 9_000));
            let mut victim = workers.remove(0);
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
        if round % 10 == 0 {
            // Whatever is in the file, a new command goes where it should, and soon.
            let begin = Instant::now();
            let output = one_command(&directory, refused_port(), &hostfile);
            assert!(begin.elapsed() < Duration::from_secs(10));
            assert!(output.contains(&format!("\"answered_by\":\"127.0.0.1:{}\"", backup.port)));
        }
    }
    fs::remove_file(&go_on).unwrap();
    for worker in workers {
        let done = told(worker);
        assert!(
            done.iter()
                .all(|(_, port, status)| (*port, *status) == (backup.port, 0))
        );
    }
    assert!(fs::metadata(memory).unwrap().len() <= 4_096);
}

fn one_command(directory: &Path, primary: u16, hostfile: &str) -> String {
    let port = primary.to_string();
    let environment = [
        ("XDG_RUNTIME_DIR", directory.to_str().unwrap()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &port),
        ("ECF_HOSTFILE", hostfile),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
    ];
    let mut command: Command = Program::new(env!("CARGO_BIN_EXE_ecf_client"), &environment)
        .args(&["--report", "--event=e"])
        .command();
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}
