//! The examples in C++: a client with networking of its own, before and after the library took
//! over its loop, and the same in an event loop. Real servers, and scripted ones.

mod guide;

use ecf_failover::model::Status;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::certificates::Certificate;
use testkit::tls_front::TlsFront;
use testkit::{
    Act, FullBacklog, Peer, Program, Server, compile, frame, refused_port, replies, scratch,
};

fn example(name: &str) -> PathBuf {
    compile(
        "g++",
        "-std=c++17",
        &format!("examples/cpp/{name}.cpp"),
        &["-lssl", "-lcrypto"],
    )
}

static PLAIN: LazyLock<PathBuf> = LazyLock::new(|| example("plain"));
static AFTER: LazyLock<PathBuf> = LazyLock::new(|| example("after"));
static EVENT_LOOP: LazyLock<PathBuf> = LazyLock::new(|| example("event_loop"));

/// How an example ended.
struct Run {
    status: i32,
    stdout: String,
    stderr: String,
    took: Duration,
}

impl Run {
    fn new(output: Output, took: Duration) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let run = Self {
            status: output.status.code().expect("no signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            took,
        };
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        run
    }

    /// Outcome and port of each attempt, by the library's log: `NOT_SENT 3141`.
    fn attempts(&self) -> Vec<String> {
        let lines = self.stderr.lines();
        let ends = lines.filter_map(|line| line.split_once("attempt.end "));
        let member = |line: &str, name: &str| {
            let (_, rest) = line.split_once(name).expect("a member");
            rest.split(' ').next().unwrap().to_owned()
        };
        ends.map(|(_, line)| {
            let outcome = member(line, "outcome=");
            let host = member(line, "host=");
            let (_, port) = host.rsplit_once(':').expect("host:port");
            format!("{} {port}", outcome.trim_start_matches("ECF_OUTCOME_"))
        })
        .collect()
    }

    fn assert(&self, status: Status, attempts: &[(&str, u16)]) {
        let expected: Vec<_> = attempts
            .iter()
            .map(|(outcome, port)| format!("{outcome} {port}"))
            .collect();
        assert_eq!(self.attempts(), expected, "{}", self.stderr);
        assert_eq!(self.status, status as i32, "{}", self.stderr);
    }
}

/// A server's answer to it is the same as to the job's own, and it must not be told.
const PASSWORD: &str = "_DJP_";

/// An example, ready to be run as the task's job with short periods.
fn job(program: &Path, ports: &[u16], more: &[(&str, &str)], words: &[&str]) -> Program {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let hostfile = scratch("examples-cpp").join(format!("hosts-{number}"));
    let (primary, backups) = ports.split_first().expect("a primary");
    let lines = backups.iter().map(|port| format!("127.0.0.1:{port}\n"));
    fs::write(&hostfile, lines.collect::<String>()).expect("a file");
    let port = primary.to_string();
    let mut environment = vec![
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", PASSWORD),
        ("ECF_TIMEOUT", "30"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
        ("ECF_FAILOVER_HOST_PERIOD", "0.05"),
        ("ECF_DEBUG_CLIENT", "1"),
    ];
    environment.extend(more);
    Program::new(program, &environment).args(words)
}

fn run(program: &Path, ports: &[u16], more: &[(&str, &str)], words: &[&str]) -> Run {
    let begin = Instant::now();
    let output = job(program, ports, more, words).run();
    Run::new(output, begin.elapsed())
}

/// What a peer of another protocol says to a frame of ecFlow.
fn tls_alert() -> Vec<u8> {
    // Fatal: record overflow, whose record goes on past the eight bytes of a header.
    vec![21, 3, 3, 0, 2, 2, 22, 21, 3, 3, 0, 2, 1, 0]
}

#[test]
fn the_old_loop_reaches_a_backup_but_fails_when_a_server_closes() {
    testkit::needs!(EcflowServer, Gxx, Boost, OpensslDev);
    let before = example("before");
    let (mut primary, backup) = (Server::running(), Server::running());
    let ports = [primary.port, backup.port];
    assert_eq!(run(&before, &ports, &[], &["event", "e"]).status, 0);
    assert_eq!(primary.query("event", "e"), "set");
    primary.client(&["--halt=yes"]);
    assert_eq!(run(&before, &ports, &[], &["meter", "m", "41"]).status, 0);
    assert_eq!(backup.query("meter", "m"), "41");
    primary.kill();
    assert_eq!(run(&before, &ports, &[], &["meter", "m", "42"]).status, 0);
    assert_eq!(backup.query("meter", "m"), "42");
    let nonsense = ["wait", "/no/such == complete"];
    assert_eq!(run(&before, &ports[1..], &[], &nonsense).status, 1);
    let closing = Peer::new(&[Act::CloseAfterRequest]);
    let ports = [closing.port, backup.port];
    assert_eq!(run(&before, &ports, &[], &["event", "e"]).status, 1);
    assert_eq!(closing.count(), 1);
    assert_eq!(backup.query("event", "e"), "clear");
}

#[test]
fn after_the_change_every_outcome_is_told_and_nothing_else_is_to_be_done() {
    testkit::needs!(EcflowServer, Gxx, Boost, OpensslDev);
    for after in [&*PLAIN, &*AFTER] {
        real_servers(after);
        scripted_servers(after);
        pings(after);
    }
}

fn pings(after: &Path) {
    let server = Server::running();
    let ping = run(after, &[server.port], &[], &["ping"]);
    ping.assert(Status::Ok, &[("OK", server.port)]);
    let line = format!("ping of 127.0.0.1:{} succeeded\n", server.port);
    assert_eq!(ping.stdout, line);
    let none = run(after, &[server.port], &[("NO_ECF", "")], &["ping"]);
    none.assert(Status::Ok, &[]);
    assert_eq!(none.stdout, "NO_ECF\n");
    let dead = refused_port();
    let refused = run(after, &[dead, server.port], &[], &["ping"]);
    refused.assert(Status::Unreachable, &[("NOT_SENT", dead); 2]);
    let line = format!("\n127.0.0.1:{dead}: ");
    let told = refused.stderr.split_once(&line).expect("a line").1;
    assert!(told.contains("Connection refused"), "{}", refused.stderr);
}

#[test]
fn in_an_event_loop_the_outcomes_are_the_same_and_other_work_goes_on() {
    testkit::needs!(EcflowServer, Gxx, Boost, OpensslDev);
    let event_loop = EVENT_LOOP.as_path();
    real_servers(event_loop);
    scripted_servers(event_loop);
    let waiting = Peer::answering(&replies::wait());
    let limit = [("ECF_FAILOVER_WAIT_TIMEOUT", "1")];
    let run = run(event_loop, &[waiting.port], &limit, &["wait", "x"]);
    assert_eq!(run.status, Status::Timeout as i32, "{}", run.stderr);
    let ticks = run.stdout.strip_prefix("meanwhile ").unwrap();
    let ticks: u32 = ticks.split(' ').next().unwrap().parse().unwrap();
    assert!((20..=100).contains(&ticks), "{ticks} in a second");
}

/// By TLS the caller shakes hands on the connection of the library's.
#[test]
fn a_conversation_may_be_by_tls_and_a_server_that_is_not_trusted_is_left() {
    testkit::needs!(EcflowServer, Gxx, Boost, Openssl, OpensslDev);
    let server = Server::running();
    let (trusted, other) = (Certificate::self_signed(), Certificate::self_signed());
    let front = TlsFront::new(&trusted, server.port);
    let stranger = TlsFront::new(&other, server.port);
    let directory = scratch("examples-cpp-tls");
    fs::write(directory.join("server.crt"), &trusted.certificate).expect("a file");
    let tls = [
        ("ECF_SSL", "1"),
        ("ECF_SSL_DIR", directory.to_str().unwrap()),
    ];
    for (number, program) in [&*AFTER, &*EVENT_LOOP].into_iter().enumerate() {
        let value = (number + 7).to_string();
        let ports = [stranger.port, server.port, front.port];
        let told = run(program, &ports, &tls, &["meter", "m", &value]);
        let [s, p] = [("NOT_SENT", stranger.port), ("NOT_SENT", server.port)];
        told.assert(Status::Ok, &[s, s, p, p, ("OK", front.port)]);
        assert!(told.stderr.contains("TLS: "), "{}", told.stderr);
        assert_eq!(server.query("meter", "m"), value);
    }
}

/// Profile fast: a primary that swallows packets holds up whoever connects by itself only.
#[test]
fn with_connections_of_the_librarys_a_silent_primary_costs_a_hedge() {
    testkit::needs!(Gxx, Boost, OpensslDev);
    let (silent, backup) = (FullBacklog::new(), Peer::answering(&replies::ok()));
    let fast = [
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY", "off"),
    ];
    for program in [&*AFTER, &*EVENT_LOOP] {
        let told = run(program, &[silent.port, backup.port], &fast, &["event", "e"]);
        told.assert(
            Status::Ok,
            &[("NOT_SENT", silent.port), ("OK", backup.port)],
        );
        assert!(told.took < Duration::from_secs(5), "{:?}", told.took);
    }
}

#[test]
fn a_signal_ends_a_command_in_a_pause_and_in_an_attempt() {
    testkit::needs!(Gxx, Boost, OpensslDev);
    let silent = Peer::new(&[Act::Silence]);
    let slow = [("ECF_FAILOVER_RETRY_PERIOD", "20")];
    for program in [&*PLAIN, &*AFTER, &*EVENT_LOOP] {
        for (port, outcome) in [(refused_port(), "NOT_SENT"), (silent.port, "UNCONFIRMED")] {
            let mut command = job(program, &[port], &slow, &["event", "e"]).command();
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().expect("the example");
            thread::sleep(Duration::from_millis(400));
            let begin = Instant::now();
            let id = i32::try_from(child.id()).unwrap();
            assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
            let output = child.wait_with_output().expect("its output");
            let run = Run::new(output, begin.elapsed());
            run.assert(Status::Cancelled, &[(outcome, port)]);
            assert!(run.took < Duration::from_secs(2), "{:?}", run.took);
        }
    }
}

#[test]
fn a_look_up_that_hangs_holds_up_neither_the_backups_nor_the_end() {
    testkit::needs!(Gcc, Gxx, Boost, OpensslDev);
    let directory = scratch("examples-cpp-look-up");
    let source = directory.join("look_up.c");
    let text = "#include <unistd.h>\nint getaddrinfo(void) { sleep(50); return -2; }\n";
    fs::write(&source, text).expect("a file");
    let library = directory.join("look_up.so");
    let names = [&source, &library].map(|path| path.to_str().unwrap());
    let args = ["-shared", "-fPIC", "-fno-builtin", names[0], "-o", names[1]];
    Program::new("gcc", &[]).args(&args).succeed();
    let hanging = [
        ("LD_PRELOAD", names[1]),
        ("ECF_HOST", "hanging.example"),
        ("ECF_CONNECT_TIMEOUT", "0.2"),
    ];
    let backup = Peer::answering(&replies::ok());
    // The others leave look-ups to the library.
    let ports = [backup.port, backup.port];
    let run = run(&PLAIN, &ports, &hanging, &["event", "e"]);
    let n = ("NOT_SENT", backup.port);
    run.assert(Status::Ok, &[n, n, ("OK", backup.port)]);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
}

/// What only a real server shows: that the bytes are understood.
fn real_servers(program: &Path) {
    let (mut primary, backup) = (Server::running(), Server::running());
    let ports = [primary.port, backup.port];
    let [here, there] = ports;
    let by_name = [("ECF_HOST", "localhost")];
    run(program, &ports, &by_name, &["event", "e"]).assert(Status::Ok, &[("OK", here)]);
    assert_eq!(primary.query("event", "e"), "set");
    run(program, &ports, &[], &["event", "e", "clear"]).assert(Status::Ok, &[("OK", here)]);
    assert_eq!(primary.query("event", "e"), "clear");

    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            primary.client(&["--force=set", "/s/f/u:go"]);
        });
        let waited = run(program, &ports, &[], &["wait", "/s/f/u:go"]);
        assert_eq!(waited.status, 0, "{}", waited.stderr);
        let attempts = waited.attempts();
        let (last, polls) = attempts.split_last().unwrap();
        assert_eq!(*last, format!("OK {here}"));
        assert!(polls.len() > 1, "{polls:?}");
        assert!(polls.iter().all(|poll| *poll == format!("WAIT {here}")));
    });
    let refused = run(program, &ports, &[], &["wait", "/no/such == complete"]);
    refused.assert(Status::Rejected, &[("REJECTED", here)]);
    assert!(refused.stderr.contains("/no/such"), "{}", refused.stderr);

    primary.client(&["--halt=yes"]);
    let twice = |outcome| [(outcome, here), (outcome, here), ("OK", there)];
    run(program, &ports, &[], &["meter", "m", "41"]).assert(Status::Ok, &twice("HALTED"));
    assert_eq!(backup.query("meter", "m"), "41");
    primary.kill();
    run(program, &ports, &[], &["meter", "m", "42"]).assert(Status::Ok, &twice("NOT_SENT"));
    assert_eq!(backup.query("meter", "m"), "42");
}

/// What no real server can be made to do.
fn scripted_servers(program: &Path) {
    let backup = Peer::answering(&replies::ok());
    let ok = ("OK", backup.port);
    let event = ["event", "e"];

    let zombie = Peer::answering(&replies::zombie());
    let z = ("ZOMBIE", zombie.port);
    run(program, &[zombie.port, backup.port], &[], &event).assert(Status::Ok, &[z, z, ok]);

    let acts = [
        Act::Answer(tls_alert()),
        Act::CloseAfterRequest,
        Act::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Act::Answer(frame(b"{\"a\":[1,\"\\u12\"]}")),
        Act::Answer(frame(replies::text("5.9.2").as_bytes())),
        Act::Answer(frame(replies::wait().as_bytes())),
        Act::Steps(vec!["read all".into(), "part 40".into(), "close".into()]),
        Act::Steps(vec!["read all".into(), "nest 100000".into()]),
    ];
    let odd = Peer::new(&acts);
    let tries = acts.len().to_string();
    let many = [("ECF_FAILOVER_ATTEMPTS", tries.as_str())];
    let mut expected = vec![("UNCONFIRMED", odd.port); acts.len()];
    expected.push(ok);
    run(program, &[odd.port, backup.port], &many, &event).assert(Status::Ok, &expected);
    let requests = odd.requests();
    assert!(requests.windows(2).all(|pair| pair[0] == pair[1]));

    let silent = Peer::new(&[Act::Silence]);
    let unreachable = FullBacklog::new();
    let limit = [("ECF_CONNECT_TIMEOUT", "0.1")];
    let ports = [silent.port, unreachable.port, backup.port];
    let (s, u) = (("UNCONFIRMED", silent.port), ("NOT_SENT", unreachable.port));
    run(program, &ports, &limit, &event).assert(Status::Ok, &[s, s, u, u, ok]);
    let limit = [("ECF_TIMEOUT", "0.4")];
    let cut = run(program, &[silent.port], &limit, &event);
    cut.assert(Status::Timeout, &[s]);
    assert!(cut.took >= Duration::from_millis(400), "{:?}", cut.took);
    assert!(cut.took < Duration::from_secs(2), "{:?}", cut.took);

    let dead = refused_port();
    let n = ("NOT_SENT", dead);
    let given_up = run(program, &[dead], &limit, &event);
    assert_eq!(
        given_up.status,
        Status::Timeout as i32,
        "{}",
        given_up.stderr
    );
    let attempts = given_up.attempts();
    let not_sent = format!("NOT_SENT {dead}");
    assert!(
        attempts.len() > 2 && attempts.iter().all(|a| *a == not_sent),
        "{attempts:?}"
    );
    let denied = [("ECF_DENIED", "")];
    run(program, &[dead], &denied, &event).assert(Status::Denied, &[n, n]);
    run(program, &[dead], &[("NO_ECF", "")], &event).assert(Status::Ok, &[]);
    run(program, &[dead], &[("ECF_TIMEOUT", "x")], &event).assert(Status::Config, &[]);
    let nowhere = [("ECF_HOST", "no.such.host.invalid")];
    let n = ("NOT_SENT", backup.port);
    run(program, &[backup.port, backup.port], &nowhere, &event).assert(Status::Ok, &[n, n, ok]);
}
