//! Programs that send meters, and programs that delegate.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use testkit::{
    FullBacklog, Handle, Peer, Program, Server, compile, library_directory, refused_port, replies,
    scratch, source_root,
};

/// An example: the program and the words before its own.
type Example = (PathBuf, Vec<String>);

fn in_c(name: &str) -> Example {
    let source = format!("examples/c/{name}.c");
    (compile("cc", "-std=c99", &source, &[]), Vec::new())
}

fn script(interpreter: &str, name: &str) -> Example {
    let script = source_root().join("examples").join(name);
    let script = script.to_str().unwrap().to_owned();
    (interpreter.into(), vec![script])
}

static METERS: LazyLock<[Example; 4]> = LazyLock::new(|| {
    [
        in_c("meter"),
        script("/usr/bin/python3", "python/job.py"),
        script("perl", "perl/job.pl"),
        script("luajit", "lua/job.lua"),
    ]
});

static DELEGATES: LazyLock<[Example; 2]> = LazyLock::new(|| {
    [
        in_c("delegate"),
        script("/usr/bin/python3", "python/delegate.py"),
    ]
});

/// An example as the job of a task that has a meter, with a primary and backups.
fn job(example: &Example, ports: &[u16], words: &[&str]) -> Program {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let hostfile = scratch("examples").join(format!("hosts-{number}"));
    let (primary, backups) = ports.split_first().expect("a primary");
    let lines = backups.iter().map(|port| format!("127.0.0.1:{port}\n"));
    fs::write(&hostfile, lines.collect::<String>()).expect("a file");
    let port = primary.to_string();
    let library = library_directory().join("libecf_failover.so");
    let module = source_root().join("include");
    let (program, before) = example;
    let mut args: Vec<&str> = before.iter().map(String::as_str).collect();
    args.extend(words);
    let environment = [
        ("ECF_FAILOVER_LIBRARY", library.to_str().unwrap()),
        ("PYTHONPATH", module.to_str().unwrap()),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_HOSTFILE_POLICY", "all"),
        ("ECF_NAME", "/examples/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TIMEOUT", "20"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
        ("ECF_FAILOVER_HOST_PERIOD", "0.05"),
    ];
    Program::new(program, &environment).args(&args)
}

/// A server with the task.
fn server() -> Server {
    let server = Server::started();
    let definition = server.home.join("examples.def");
    let text = "suite examples\n defstatus suspended\n edit ECF_DUMMY_TASK ''\n task t\n  meter step 0 100 100\nendsuite\n";
    fs::write(&definition, text).unwrap();
    server.client(&["--restart"]);
    server.client(&["--load", definition.to_str().unwrap()]);
    server.client(&["--begin", "examples"]);
    server
}

/// Frames of task commands, as a caller with an encoder of its own has them.
fn frames(values: &[u32]) -> Vec<String> {
    let recorder = Peer::answering(&replies::ok());
    let client = Handle::quick(recorder.port, &[]);
    let sent = values
        .iter()
        .map(|value| client.task(&["--meter=m", &value.to_string()]));
    assert!(sent.into_iter().all(|told| told.status == 0));
    let directory = scratch("frames");
    let frames = recorder.requests().into_iter().zip(values);
    let write = |(frame, value): (Vec<u8>, &u32)| {
        let file = directory.join(format!("meter-{value}"));
        fs::write(&file, frame).unwrap();
        file.to_str().unwrap().to_owned()
    };
    frames.map(write).collect()
}

#[test]
fn event_loops_send_several_commands_at_once_past_a_silent_primary() {
    testkit::needs!(EcflowServer, Gcc, Python);
    let frames = frames(&[7, 8, 9]);
    let words: Vec<_> = frames.iter().map(String::as_str).collect();
    for example in [
        in_c("event_loop"),
        script("/usr/bin/python3", "python/event_loop.py"),
    ] {
        let (silent, server) = (FullBacklog::new(), Server::running());
        let mut command = job(&example, &[silent.port, server.port], &words).command();
        command.env("ECF_FAILOVER_PROFILE", "fast");
        command.env("ECF_FAILOVER_MEMORY", "handle");
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{example:?}: {errors}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<_> = told.lines().collect();
        lines.sort_unstable();
        let wanted = frames
            .iter()
            .map(|file| format!("{file}: 127.0.0.1:{}", server.port));
        assert_eq!(lines, wanted.collect::<Vec<_>>(), "{example:?}");
        assert_eq!(server.logged("chd:meter"), 3, "{example:?}");
        // Nobody is there.
        let mut command = job(&example, &[refused_port()], &words[..2]).command();
        command.env("ECF_TIMEOUT", "0.3");
        assert_eq!(
            command.output().unwrap().status.code(),
            Some(2),
            "{example:?}"
        );
    }
}

#[test]
fn a_job_tells_its_steps_and_prints_the_servers_answer() {
    testkit::needs!(EcflowServer, Python, Perl, Lua);
    for example in METERS.iter() {
        let server = server();
        let told = job(example, &[server.port], &["7"]).succeed();
        assert_eq!(told, "7\n", "{example:?}");
        assert_eq!(server.logged("chd:meter"), 7, "{example:?}");
    }
}

#[test]
fn a_job_goes_on_at_the_backup_when_its_primary_is_dead() {
    testkit::needs!(EcflowServer, Python, Perl, Lua);
    let server = server();
    for (example, steps) in METERS.iter().zip(["2", "3", "4", "5"]) {
        let ports = [refused_port(), server.port];
        let told = job(example, &ports, &[steps]).succeed();
        assert_eq!(told, format!("{steps}\n"), "{example:?}");
    }
}

#[test]
fn a_job_tells_why_when_no_server_takes_it() {
    testkit::needs!(EcflowServer, Python, Perl, Lua);
    for example in METERS.iter().chain(DELEGATES.iter()) {
        let dead = refused_port();
        let mut command = job(example, &[dead], &["1"]).command();
        command.env("ECF_TIMEOUT", "0.3");
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let status = output.status.code();
        assert_eq!(status, Some(Status::Timeout as i32), "{example:?} {errors}");
        assert!(output.stdout.is_empty(), "{example:?}");
        let line = format!("127.0.0.1:{dead}: ");
        assert!(
            errors.contains(&line) && errors.contains("Connection refused"),
            "{example:?} {errors}"
        );
    }
    // The server's own words.
    for example in METERS.iter() {
        let server = server();
        server.client(&["--delete=yes", "/examples"]);
        let output = job(example, &[server.port], &["0"]).run();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let status = output.status.code();
        assert_eq!(
            status,
            Some(Status::Rejected as i32),
            "{example:?} {errors}"
        );
        assert!(errors.contains("/examples/t"), "{example:?} {errors}");
    }
}

#[test]
fn the_attempts_of_a_delegated_command_go_round_the_hosts() {
    testkit::needs!(Python);
    for example in DELEGATES.iter() {
        let peer = Peer::answering(&replies::ok());
        let told = job(example, &[refused_port(), peer.port], &[]).succeed();
        let expected = format!("127.0.0.1:{} after 3 attempts\n", peer.port);
        assert_eq!(told, expected, "{example:?}");
    }
}

#[test]
fn the_programs_in_c_leak_nothing() {
    testkit::needs!(EcflowServer, Valgrind);
    let server = server();
    for (name, port) in [
        ("meter", server.port),
        ("meter", refused_port()),
        ("delegate", server.port),
        ("delegate", refused_port()),
    ] {
        let (program, _) = in_c(name);
        let words = [
            "--error-exitcode=99",
            "--leak-check=full",
            "--run-libc-freeres=no",
            program.to_str().unwrap(),
            "2",
        ];
        let words = words.map(str::to_owned).to_vec();
        let example = ("valgrind".into(), words);
        let mut command = job(&example, &[port], &[]).command();
        let output = command.env("ECF_TIMEOUT", "1").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            errors.contains("ERROR SUMMARY: 0 errors"),
            "{name} {errors}"
        );
    }
}

/// How many KiB a job takes at most while it sends this many meters to nobody. What wait4 tells
/// would be this test's own memory, of the moment before the program is executed.
fn memory(example: &Example, steps: &str) -> u64 {
    let mut child = job(example, &[1], &[steps])
        .command()
        .env("NO_ECF", "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "{example:?}");
        let told = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let told = told.unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = figure.unwrap_or(most);
        thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success() && most > 0, "{example:?} {status}");
    most
}

#[test]
fn scripts_free_what_they_get() {
    testkit::needs!(Python, Perl, Lua);
    for example in &METERS[1..] {
        let (few, many) = (memory(example, "1000"), memory(example, "20000"));
        // Replies that stay would take some MiB.
        assert!(many < few + 1_000, "{example:?}: {few} KiB, then {many}");
    }
}
