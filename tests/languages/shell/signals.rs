//! Signals that come while the builtin waits.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{bash, job, loaded};
use testkit::{Act, Peer, Server, refused_port};

#[test]
fn a_signal_ends_a_waiting_command_at_once_and_its_trap_runs() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    // Those of the trap of ecFlow's own head.h that mean an end.
    let signals = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("TRAP", 5),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
        ("XCPU", 24),
    ];
    for (signal, number) in signals {
        let script = format!(
            "trap 'echo trapped' {signal}\n( sleep 0.4; kill -{signal} $$ ) &\n\
             ecflow_client --meter=m 1; echo \"status $?\"\necho \"goes on\"\n"
        );
        let begin = Instant::now();
        let (told, status) = bash(&format!("signal-{signal}"), &script, &job(&port, &[]));
        let wanted = format!("trapped\nstatus {}\ngoes on\n", 128 + number);
        assert_eq!((told, status), (wanted, 0));
        assert!(begin.elapsed() < Duration::from_secs(3), "{signal}");
    }
    // Without a trap the shell itself ends, as it does while a program runs.
    let script =
        "( sleep 0.4; kill -TERM $$ ) &\necflow_client --meter=m 1\necho \"not reached\"\n";
    let (told, status) = bash("signal-no-trap", script, &job(&port, &[]));
    assert_eq!((told.as_str(), status), ("", -1));
}

#[test]
fn a_warning_runs_its_trap_at_once_and_the_command_goes_on() {
    testkit::needs!(EcflowServer, Bash);
    let script = r#"
set -e
trap 'echo warned >>"$TOLD"; sleep 0.1; ecflow_client --label=l warned --port=$LIVE' USR1 USR2 CONT
trap 'echo exit $?' 0
ECF_TRYNO=1 ecflow_client --meter=m 5
echo "goes on $?"
"#;
    for profile in ["ecflow", "fast"] {
        let closed = refused_port();
        let other = Server::running();
        let told = other.home.join("told");
        let (port, live) = (closed.to_string(), other.port.to_string());
        let more = [
            ("TOLD", told.to_str().unwrap()),
            ("LIVE", &live),
            ("ECF_FAILOVER_HOST_PERIOD", "0.1"),
            ("ECF_FAILOVER_PROFILE", profile),
            ("ECF_FAILOVER_MEMORY", "off"),
        ];
        let bash = loaded("warning", script, &job(&port, &more));
        let bash = bash.command().stdout(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(500));
        for (count, signal) in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGCONT]
            .into_iter()
            .enumerate()
        {
            send(&bash, signal);
            let begin = Instant::now();
            while fs::read_to_string(&told)
                .unwrap_or_default()
                .lines()
                .count()
                <= count
            {
                assert!(begin.elapsed() < Duration::from_secs(2), "no trap");
                thread::sleep(Duration::from_millis(10));
            }
            thread::sleep(Duration::from_millis(400));
        }
        assert_eq!(other.query("label", "l"), "warned");
        let ok = testkit::frame(testkit::replies::ok().as_bytes());
        let listener = TcpListener::bind(("127.0.0.1", closed)).unwrap();
        let server = Peer::taking(listener, &[Act::Answer(ok)]);
        let output = bash.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told, "goes on 0\nexit 0\n", "{profile}");
        let meters = server.requests();
        let is_meter = |request: &&Vec<u8>| String::from_utf8_lossy(request).contains("MeterCmd");
        assert_eq!(meters.iter().filter(is_meter).count(), 1, "{profile}");
    }
}

#[test]
fn a_warning_while_a_server_works_loses_no_reply_and_sends_nothing_twice() {
    testkit::needs!(Bash);
    let reply = testkit::replies::text("the file");
    let steps = ["read all", "pause 1500", &format!("body {reply}")];
    let peer = Peer::new(&[Act::Steps(steps.map(str::to_owned).to_vec())]);
    let script = r#"
trap 'echo warned' USR1
( sleep 0.4; kill -USR1 $$; sleep 0.2; kill -USR1 $$ ) &
ecflow_client --file=/s/f/t; echo "status $?"
"#;
    let port = peer.port.to_string();
    let (told, _) = bash("working", script, &job(&port, &[]));
    assert_eq!(told, "warned\nwarned\nthe file\nstatus 0\n");
    assert_eq!(peer.count(), 1);
}

#[test]
fn a_trap_that_returns_waits_for_the_end_of_the_command_and_leaves_no_descriptor() {
    testkit::needs!(Bash);
    let steps = ["read all", "pause 600", "reply ok"];
    let peer = Peer::new(&[Act::Steps(steps.map(str::to_owned).to_vec())]);
    let script = r#"
job() { trap 'echo warned; return 3' USR1; ecflow_client --event=e; echo "not reached"; }
ls /proc/$$/fd | wc -l
for round in 1 2 3; do ( sleep 0.3; kill -USR1 $$ ) & job; echo "job $?"; wait; done
ls /proc/$$/fd | wc -l
"#;
    let (told, _) = bash("returns", script, &job(&peer.port.to_string(), &[]));
    let lines: Vec<_> = told.lines().collect();
    // The shell's own come and go.
    let count = |line: usize| lines[line].parse::<u32>().unwrap();
    assert!(count(lines.len() - 1) <= count(0), "descriptors: {told}");
    assert_eq!(
        lines[1..lines.len() - 1],
        ["warned", "job 3"].repeat(3),
        "{told}"
    );
    assert_eq!(peer.count(), 3, "nothing lost, nothing twice");
}

#[test]
fn what_ends_a_command_ends_it_also_while_the_trap_of_a_warning_runs() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    for (name, trap, told) in [
        ("sleep", "echo U; sleep 1; echo V", "U\nended\nV\n143\n"),
        (
            "nested",
            "echo U; ecflow_client --event=n; echo V $?",
            "U\nended\nV 143\n143\n",
        ),
    ] {
        let script = format!(
            "trap '{trap}' USR1\ntrap 'echo ended' TERM\n\
             ( sleep 0.3; kill -USR1 $$; sleep 0.4; kill -TERM $$ ) &\n\
             ecflow_client --event=e; echo $?\n"
        );
        let begin = Instant::now();
        let (seen, _) = bash(&format!("end-in-trap-{name}"), &script, &job(&port, &[]));
        assert_eq!(seen, told);
        assert!(begin.elapsed() < Duration::from_secs(5), "{name}");
    }
}

#[test]
fn a_trap_may_unload_the_builtin_that_waits() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    let script = "trap 'enable -d ecflow_client; echo unloaded' USR1\n\
                  ( sleep 0.3; kill -USR1 $$ ) &\n\
                  ECF_TIMEOUT=1 ecflow_client --event=e; echo $?\n";
    let (told, status) = bash("unloaded", script, &job(&port, &[]));
    assert!(told.starts_with("unloaded\n1\n"), "{told}");
    assert_eq!(status, 0, "{told}");
}

#[test]
fn a_trap_for_a_warning_may_end_the_shell() {
    testkit::needs!(EcflowServer, Bash);
    let server = Server::running();
    let (dead, live) = (refused_port().to_string(), server.port.to_string());
    let script = r#"
trap 'echo warned; exit 7' USR1
trap 'ECF_PORT=$LIVE; ecflow_client --abort=warned; echo "abort $?"' 0
( sleep 0.4; kill -USR1 $$ ) &
ecflow_client --meter=m 1; echo "not reached"
"#;
    let (told, status) = bash("exits", script, &job(&dead, &[("LIVE", &live)]));
    assert_eq!((told.as_str(), status), ("warned\nabort 0\n", 7));
    assert_eq!(server.query("state", ""), "aborted");
    assert_eq!(server.logged("chd:meter"), 0);
}

#[test]
fn a_signal_with_a_trap_ends_a_job_that_stops_at_errors_by_its_trap() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    let script = r#"
set -e
trap 'echo "exit $?"' 0
trap 'echo trapped' TERM XCPU
( sleep 0.4; kill -XCPU $$ ) &
ecflow_client --meter=m 1
echo "not reached"
"#;
    let (told, status) = bash("errexit", script, &job(&port, &[]));
    assert_eq!((told.as_str(), status), ("trapped\nexit 152\n", 152));
}

#[test]
fn a_command_that_a_signal_ends_tells_what_it_waited_for() {
    testkit::needs!(Bash);
    let peer = Peer::new(&[Act::Silence]);
    let port = peer.port.to_string();
    let script = "trap 'echo trapped' TERM\n( sleep 0.4; kill -TERM $$ ) &\n\
                  ecflow_client --meter=m 1; echo \"status $?\"\n";
    // On by default.
    let mut environment = job(&port, &[]);
    environment.retain(|(key, _)| *key != "ECF_FAILOVER_NOTICES");
    let (told, _) = bash("ended", script, &environment);
    let (output, notice) = told.split_once("ecf_client: ").unwrap();
    assert_eq!(output, "trapped\nstatus 143\n");
    let notice = notice.strip_prefix("ended by SIGTERM after ").unwrap();
    let wanted = format!(" ms; it waited for 127.0.0.1:{port}\n");
    assert!(notice.ends_with(&wanted), "{told}");
}

fn send(to: &Child, signal: libc::c_int) {
    // SAFETY: a child that is not yet waited for.
    unsafe { libc::kill(to.id().try_into().unwrap(), signal) };
}

#[test]
fn a_subshell_that_is_killed_while_its_command_waits_tells_the_signal_and_the_shell_goes_on() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    let script = r#"
( ecflow_client --meter=m 1; echo "not reached" ) & sleep 0.3
kill -TERM $!; wait $!; echo "subshell $?"
( trap 'echo trapped; exit 7' TERM; ecflow_client --meter=m 1; echo "not reached" ) & sleep 0.3
kill -TERM $!; wait $!; echo "subshell with a trap $?"
ecflow_client --meter=m 1 & sleep 0.3
kill -TERM $!; wait $!; echo "background $?"
trap '' HUP
ecflow_client --meter=m 1 & sleep 0.3
kill -HUP $!; sleep 0.1; kill -0 $! && echo "ignored"
kill -KILL $!; wait $! 2>"$0.told"; echo "killed $?"
x=$(ECF_TIMEOUT=0.3 ecflow_client --meter=m 1 2>/dev/null); echo "goes on $?"
"#;
    let begin = Instant::now();
    let (told, status) = bash("subshell", script, &job(&port, &[]));
    let wanted = "subshell 143\ntrapped\nsubshell with a trap 7\nbackground 143\nignored\n\
                  killed 137\ngoes on 1\n";
    assert_eq!((told.as_str(), status), (wanted, 0));
    assert!(begin.elapsed() < Duration::from_secs(20), "not the timeout");
}

#[test]
fn a_second_signal_during_the_trap_runs_the_trap_again_and_its_command_is_sent() {
    testkit::needs!(EcflowServer, Bash);
    let server = Server::running();
    let (dead, live) = (refused_port().to_string(), server.port.to_string());
    // The first abort waits for a dead server, the second one finds a live one.
    let script = r#"
count=0
ERROR() {
    count=$((count + 1)); echo "trap $count"
    [ $count -gt 1 ] && ECF_PORT=$LIVE
    ecflow_client --abort=again; echo "abort $count $?"
    trap 0; exit 0
}
trap ERROR 0 1 2 15
ecflow_client --init=$$ --port=$LIVE
( sleep 0.3; kill -TERM $$; sleep 0.5; kill -TERM $$ ) &
ecflow_client --meter=m 1; echo "not reached"
"#;
    let begin = Instant::now();
    let (told, status) = bash("second", script, &job(&dead, &[("LIVE", &live)]));
    assert_eq!((told.as_str(), status), ("trap 1\ntrap 2\nabort 2 0\n", 0));
    assert_eq!(server.query("state", ""), "aborted");
    assert!(begin.elapsed() < Duration::from_secs(20), "not the timeout");
}
