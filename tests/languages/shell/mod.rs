//! The builtin command for bash, and jobs of a real suite that use it.

mod jobs;
mod signals;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use testkit::{Act, Peer, Program, Server, library_directory, scratch, source_root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

fn library() -> PathBuf {
    library_directory().join("libecf_failover.so")
}

/// A script for bash with the builtin loaded.
fn loaded(name: &str, script: &str, environment: &[(&str, &str)]) -> Program {
    let file = scratch("shell").join(name);
    let load = format!(
        "enable -f '{}' ecflow_client || exit 99\n",
        library().display()
    );
    fs::write(&file, format!("{load}{script}")).unwrap();
    Program::new("bash", environment).args(&[file.to_str().unwrap()])
}

/// Runs such a script: its output, and its exit status.
fn bash(name: &str, script: &str, environment: &[(&str, &str)]) -> (String, i32) {
    let output = loaded(name, script, environment).run();
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
        // Tests of notices turn them on.
        ("ECF_FAILOVER_NOTICES", "off"),
    ];
    all.extend(more);
    all
}

#[test]
fn it_is_a_builtin_with_the_shells_own_redirections() {
    testkit::needs!(EcflowServer, Bash);
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
    testkit::needs!(EcflowServer, Bash);
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

/// examples/shell/head.h as a server fills it in, without a word that is left open.
fn head(values: &[(&str, &str)]) -> String {
    let mut head = fs::read_to_string(source_root().join("examples/shell/head.h")).unwrap();
    for (name, value) in values {
        head = head.replace(&format!("%{name}%"), value);
    }
    assert!(!head.contains('%'), "{head}");
    head
}

#[test]
fn programs_that_run_ecflow_client_run_the_one_that_the_head_puts_first() {
    testkit::needs!(EcflowServer, Bash, Dash);
    for shell in ["bash", "dash"] {
        let server = Server::running();
        let port = server.port.to_string();
        let programs = server.home.join("programs");
        fs::create_dir_all(&programs).unwrap();
        std::os::unix::fs::symlink(PROGRAM, programs.join("ecflow_client")).unwrap();
        let library = library();
        let head = head(&[
            ("JOB_SHELL:/bin/bash", shell),
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &port),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "_DJP_"),
            ("ECF_TRYNO", "1"),
            ("ECF_HOSTFILE:", ""),
            ("ECF_LIBRARY:", library.to_str().unwrap()),
            ("ECF_PROGRAMS:", programs.to_str().unwrap()),
        ]);
        let body = r#"
timeout 20 ecflow_client --event=e
env ecflow_client --meter=m 1
echo 2 | xargs ecflow_client --meter=m
nohup ecflow_client --label=l "from nohup" 2>/dev/null
timeout 20 ecflow_client --version | grep -c ecf_failover
trap 0
"#;
        let file = server.home.join("job");
        fs::write(&file, head + body).unwrap();
        let told = Program::new(shell, &[("ECF_TIMEOUT", "20")])
            .args(&[file.to_str().unwrap()])
            .succeed();
        assert_eq!(told, "1\n", "{shell}");
        let event = server.client(&["--query", "event", "/s/f/t:e"]);
        assert_eq!(event, "set\n", "{shell}");
        assert_eq!(server.query("meter", "m"), "2", "{shell}");
        assert_eq!(server.query("label", "l"), "from nohup", "{shell}");
    }
}

#[test]
fn it_reads_no_input_and_is_loaded_again_after_it_was_removed() {
    testkit::needs!(EcflowServer, Bash);
    let server = Server::running();
    let port = server.port.to_string();
    let script = r#"
printf '1\n2\n3\n' | while read step; do ecflow_client --meter=m $step || exit 3; done
echo "loop ${PIPESTATUS[1]}"
while read name; do ecflow_client --label=l "$name"; done <<END
first
last
END
for n in 1 2 3; do
    enable -d ecflow_client; type -t ecflow_client
    enable -f "$LIBRARY" ecflow_client; type -t ecflow_client
    ecflow_client --meter=m 1$n || echo "lost $n"
done
"#;
    let library = library();
    let more = [("LIBRARY", library.to_str().unwrap())];
    let (told, status) = bash("again", script, &job(&port, &more));
    let wanted = "loop 0\n".to_owned() + &"file\nbuiltin\n".repeat(3);
    assert_eq!((told, status), (wanted, 0));
    assert_eq!(server.query("label", "l"), "last");
    assert_eq!(server.query("meter", "m"), "13");
    assert_eq!(server.logged("chd:meter"), 6);
}

#[test]
fn what_is_not_offered_says_so_and_fails() {
    testkit::needs!(Bash);
    let script = r#"
ecflow_client --why /s; echo "status $?"
ecflow_client --load "$0" print; echo "status $?"
ecflow_client --server_load log; echo "status $?"
"#;
    let (told, _) = bash("not-offered", script, &job("1", &[]));
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.iter().filter(|line| **line == "status 1").count(), 3);
    let reasons = lines.iter().filter(|line| line.contains("ECF_ERR_"));
    assert_eq!(reasons.count(), 3, "{told}");
    assert!(told.contains("why"), "{told}");
    assert!(!told.contains("use ecflow_client"), "{told}");
    let next = lines.iter().filter(|line| line.contains(" PATH"));
    assert_eq!(next.count(), 3, "{told}");
}

#[test]
fn a_reader_that_does_not_read_keeps_no_command_from_its_server() {
    testkit::needs!(EcflowServer, Bash);
    let server = Server::running();
    let port = server.port.to_string();
    let script = "ecflow_client --queue=q active; ecflow_client --meter=m 7\n";
    let program = loaded("unread", script, &job(&port, &[]));
    let status = program.unread(Duration::from_secs(15));
    assert!(status.success(), "{status}");
    assert_eq!(server.query("meter", "m"), "7");
    assert_eq!(server.logged("chd:queue"), 1);
}

#[test]
fn a_reader_that_is_slow_gets_the_whole_while_children_of_the_shell_end() {
    testkit::needs!(Bash);
    // More than a pipe takes.
    let text = testkit::replies::text(&"x".repeat(300_000));
    let peer = Peer::new(&[Act::Answer(testkit::frame(text.as_bytes()))]);
    let script = r#"
exec 4> >(sleep 1; wc -c)
sleep 0.3 & sleep 0.6 &
ecflow_client --file=/s/f/t >&4; echo "status $?"
exec 4>&-; wait
"#;
    let port = peer.port.to_string();
    let (told, _) = bash("slow", script, &job(&port, &[]));
    assert!(told.contains("300001\n"), "{told}");
    assert!(told.contains("status 0"), "{told}");
}
