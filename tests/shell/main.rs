//! The builtin command for bash, and jobs of a real suite that use it.

#![allow(
    unsafe_code,
    missing_docs,
    dead_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code speaks C and ends at the first surprise"
)]

#[path = "../harness/mod.rs"]
mod harness;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Program, Server, library_directory, refused_port, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

fn library() -> PathBuf {
    library_directory().join("libecf_failover.so")
}

/// Runs a script in bash with the builtin loaded: its stdout, and its exit status.
fn bash(name: &str, script: &str, environment: &[(&str, &str)]) -> (String, i32) {
    let file = scratch("shell").join(name);
    let load = format!(
        "enable -f '{}' ecflow_client || exit 99\n",
        library().display()
    );
    fs::write(&file, format!("{load}{script}")).unwrap();
    let output = Program::new("bash", environment)
        .args(&[file.to_str().unwrap()])
        .run();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (told + &errors, output.status.code().unwrap_or(-1))
}

fn job<'a>(port: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
        ("ECF_TIMEOUT", "30"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
    ];
    all.extend(more);
    all
}

#[test]
fn it_is_a_builtin_with_the_shells_own_redirections() {
    let server = Server::running();
    let port = server.port.to_string();
    let script = r#"
type ecflow_client
ecflow_client --init=$$ && ecflow_client --meter=m 5
x=$(ecflow_client --query meter /s/f/t:m); echo "meter $x"
ecflow_client --query meter /s/f/t:m | sed 's/^/piped /'
ecflow_client --nonsense 2> "$0.errors"; echo "status $?"
grep -c 'not an option' "$0.errors"
ecflow_client --query state /s/f/t > "$0.state"; cat "$0.state"
in_function() { ecflow_client --label=l "from a function"; }
in_function; echo "function $?"
( ecflow_client --event=e; echo "subshell $?" )
ecflow_client --meter=m 6 & wait $!; echo "background $?"
set -o pipefail; ecflow_client --nonsense 2>/dev/null | cat; echo "pipefail $?"
( set -e; ecflow_client --nonsense 2>/dev/null; echo "not reached" ); echo "errexit $?"
ecflow_client --query label /s/f/t:l
help ecflow_client | head -1
enable -d ecflow_client; type -t ecflow_client
"#;
    let (told, status) = bash("redirections", script, &job(&port, &[]));
    assert_eq!(status, 0, "{told}");
    let wanted = "ecflow_client is a shell builtin\nmeter 5\npiped 5\nstatus 1\n1\nactive\n\
                  function 0\nsubshell 0\nbackground 0\npipefail 1\nerrexit 1\nfrom a function\n\
                  ecflow_client: ecflow_client OPTION [WORD...]\nfile\n";
    assert_eq!(told, wanted);
    assert_eq!(server.query("meter", "m"), "6");
}

#[test]
fn variables_are_seen_wherever_they_were_set_and_whenever_they_change() {
    let server = Server::running();
    let port = server.port.to_string();
    let script = r#"
ecflow_client --meter=m 1 2>/dev/null; echo "without $?"
ECF_NAME=/s/f/t; ECF_PASS=_DJP_
ecflow_client --meter=m 2; echo "local $?"
ECF_PORT=1 ECF_TIMEOUT=0.1 ecflow_client --meter=m 3 2>/dev/null; echo "for the command $?"
ecflow_client --meter=m 4; echo "as before $?"
export ECF_NAME=/s/f/u; ecflow_client --event=go; echo "changed $?"
unset ECF_PASS; ecflow_client --event=go 2>&1 | grep -c ECF_PASS
"#;
    let environment = [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_TIMEOUT", "30"),
    ];
    let (told, _) = bash("variables", script, &environment);
    let wanted = "without 1\nlocal 0\nfor the command 1\nas before 0\nchanged 0\n1\n";
    assert_eq!(told, wanted);
    assert_eq!(server.query("meter", "m"), "4");
    let event = server.client(&["--query", "event", "/s/f/u:go"]);
    assert_eq!(event, "set\n");
}

#[test]
fn a_signal_ends_a_waiting_command_at_once_and_its_trap_runs() {
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

/// head.h, tail.h and a job, as ecFlow's tutorial has them, for any way to run ecflow_client.
fn write_suite(home: &Path, shell: &str, load: &str) {
    let files = home.join("files");
    fs::create_dir_all(&files).unwrap();
    let head = format!(
        "#!{shell}\nset -e\nexport ECF_HOST=127.0.0.1 ECF_PORT=%ECF_PORT%\n\
         export ECF_NAME=%ECF_NAME% ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO% ECF_RID=$$\n\
         export ECF_TIMEOUT=60 ECF_FAILOVER_RETRY_PERIOD=0.05\nexport ECF_HOSTFILE=%ECF_HOSTFILE:%\n\
         {load}\necflow_client --init=$$\n\
         ERROR() {{ set +e; wait; ecflow_client --abort=trap; trap 0; exit 0; }}\n\
         trap ERROR 0 1 2 15\n"
    );
    fs::write(files.join("head.h"), head).unwrap();
    let tail = "wait\necflow_client --complete\ntrap 0\nexit 0\n";
    fs::write(files.join("tail.h"), tail).unwrap();
    for (task, body) in [
        (
            "good",
            "ecflow_client --meter=m 50\necflow_client --event=e\n",
        ),
        ("bad", "ecflow_client --meter=m 50\nfalse\n"),
    ] {
        let job = format!("%include <head.h>\n{body}%include <tail.h>\n");
        fs::write(files.join(format!("{task}.ecf")), job).unwrap();
    }
    let definition = format!(
        "suite jobs\n edit ECF_FILES '{0}'\n edit ECF_INCLUDE '{0}'\n edit ECF_HOME '{1}'\n \
         edit ECF_TRIES 1\n task good\n  event e\n  meter m 0 100\n task bad\n  meter m 0 100\nendsuite\n",
        files.display(),
        home.display()
    );
    fs::write(home.join("jobs.def"), definition).unwrap();
}

/// Waits until a task is in a state.
fn reaches(server: &Server, task: &str, state: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let now = server.client(&["--query", "state", task]);
        if now.trim_end() == state {
            return;
        }
        assert!(Instant::now() < end, "{task} is {now}, wanted {state}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn jobs_of_a_real_suite_end_the_same_way_however_ecflow_client_is_run() {
    let load = format!("enable -f '{}' ecflow_client", library().display());
    let program = format!("ecflow_client() {{ '{PROGRAM}' \"$@\"; }}");
    for (shell, load) in [
        ("/bin/bash", load.as_str()),
        ("/bin/dash", program.as_str()),
        ("/bin/sh", ""),
    ] {
        let server = Server::started();
        write_suite(&server.home, shell, load);
        let definition = server.home.join("jobs.def");
        server.client(&["--restart"]);
        server.client(&["--load", definition.to_str().unwrap()]);
        server.client(&["--begin", "jobs"]);
        reaches(&server, "/jobs/good", "complete");
        reaches(&server, "/jobs/bad", "aborted");
        assert_eq!(server.client(&["--query", "meter", "/jobs/good:m"]), "50\n");
        assert_eq!(
            server.client(&["--query", "event", "/jobs/good:e"]),
            "set\n"
        );
        assert_eq!(server.logged("chd:init"), 2, "{shell} {load}");
        assert_eq!(server.logged("chd:abort"), 1, "{shell} {load}");
    }
}
