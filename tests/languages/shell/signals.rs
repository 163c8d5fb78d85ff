//! Signals that come while the builtin waits.

use std::time::{Duration, Instant};

use super::{bash, job};
use testkit::{Server, refused_port};

#[test]
fn a_signal_ends_a_waiting_command_at_once_and_its_trap_runs() {
    testkit::needs!(Bash);
    let port = refused_port().to_string();
    for (signal, number) in [("HUP", 1), ("INT", 2), ("TERM", 15), ("USR1", 10)] {
        let script = format!(
            "trap 'echo trapped' {signal}\n( sleep 0.4; kill -{signal} $$ ) &\n\
             ecflow_client --meter=m 1; echo \"status $?\"\necho \"goes on\"\n"
        );
        let begin = Instant::now();
        let (told, status) = bash(&format!("signal-{signal}"), &script, &job(&port, &[]));
        let wanted = format!("trapped\nstatus {}\ngoes on\n", 128 + number);
        assert_eq!((told, status), (wanted, 0));
        assert!(begin.elapsed() < Duration::from_secs(20), "not the timeout");
    }
    // Without a trap the shell itself ends, as it does while a program runs.
    let script =
        "( sleep 0.4; kill -TERM $$ ) &\necflow_client --meter=m 1\necho \"not reached\"\n";
    let (told, status) = bash("signal-no-trap", script, &job(&port, &[]));
    assert_eq!((told.as_str(), status), ("", -1));
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
