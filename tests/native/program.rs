//! `ecf_client` as scripts use it: beside the real ecflow_client, under dash, and ended by
//! signals.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Act, Peer, Program, Server, ecflow_client, refused_port, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

fn environment<'a>(port: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
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
fn output_and_exit_status_are_those_of_ecflow_client() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let port = server.port.to_string();
    let job = environment(&port, &[]);
    for args in [
        &["--init=4711"][..],
        &["--meter=m", "5"],
        &["--meter", "m", "x"],
        &["--query", "meter", "/s/f/t:m"],
        &["--queue=q", "no_of_aborted"],
        &["--suites"],
        &["--suspend", "/no/such"],
        &["--nonsense"],
        &[],
        &["--complete"],
    ] {
        let ours = Program::new(PROGRAM, &job).args(args).run();
        let theirs = ecflow_client(server.port, &job).args(args).run();
        assert_eq!(ours.status.code(), theirs.status.code(), "{args:?}");
        assert_eq!(ours.stdout, theirs.stdout, "{args:?}");
        assert_eq!(
            ours.stderr.is_empty(),
            theirs.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&ours.stderr)
        );
    }
}

/// A job as old scripts have it, with the program under the name of the stock client.
const JOB: &str = "set -e
trap 'ecflow_client --abort=trap; trap 0; exit 0' 0 1 2 15
ecflow_client --init=$$
for step in 1 2 3; do
    ecflow_client --meter=m $step
    [ \"$(ecflow_client --query meter /s/f/t:m)\" = $step ]
done
ecflow_client --label=l \"three steps; done\"
[ -z \"$FAIL\" ]
ecflow_client --complete
trap 0
exit 0
";

#[test]
fn an_old_job_script_runs_unchanged_under_dash_and_aborts_by_its_trap() {
    testkit::needs!(EcflowServer, Dash);
    let directory = scratch("program");
    let link = directory.join("ecflow_client");
    if !link.exists() {
        symlink(PROGRAM, &link).unwrap();
    }
    let script = directory.join("job");
    fs::write(&script, JOB).unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.display());
    for (fail, state) in [("", "complete"), ("1", "aborted")] {
        let server = Server::running();
        let port = server.port.to_string();
        let job = environment(&port, &[("PATH", &path), ("FAIL", fail)]);
        Program::new("dash", &job)
            .args(&[script.to_str().unwrap()])
            .succeed();
        assert_eq!(server.query("state", ""), state);
        assert_eq!(server.query("label", "l"), "three steps; done");
    }
}

/// Runs the program; gives what it told on stderr, and whether it succeeded.
fn told(job: &[(&str, &str)], args: &[&str]) -> (String, bool) {
    let ended = Program::new(PROGRAM, job).args(args).run();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    (told, ended.status.success())
}

#[test]
fn a_command_that_does_not_get_through_says_so_in_one_line() {
    let refused = refused_port().to_string();
    let job = environment(&refused, &[("ECF_TIMEOUT", "1")]);
    let (lines, is_well) = told(&job, &["--meter=m", "sesame"]);
    assert!(!is_well, "{lines}");
    let (lines, _) = told(&job, &["--meter=m", "1"]);
    let [notice, error] = lines.lines().collect::<Vec<_>>()[..] else {
        panic!("{lines}");
    };
    let start = format!("ecf_client: 127.0.0.1:{refused}: ");
    assert!(notice.starts_with(&start), "{lines}");
    assert!(notice.contains("Connection refused"), "{lines}");
    assert!(
        notice.ends_with("; next try in 50 ms, giving up after 1 s (ECF_TIMEOUT)"),
        "{lines}"
    );
    assert!(
        error.starts_with("ecf_client: ECF_ERR_TIMEOUT: "),
        "{lines}"
    );

    for (reply, words) in [
        (testkit::replies::halted(), "the server is halted"),
        (
            testkit::replies::zombie(),
            "the server takes the task for a zombie",
        ),
    ] {
        let peer = Peer::answering(&reply);
        let port = peer.port.to_string();
        let (lines, _) = told(&environment(&port, &[("ECF_TIMEOUT", "1")]), &["--event=e"]);
        let first = lines.lines().next().unwrap_or_default();
        let wanted = format!("ecf_client: 127.0.0.1:{port}: {words}; ");
        assert!(first.starts_with(&wanted), "{lines}");
    }
    // Not time but a number of tries ends what a user asks for.
    let (lines, _) = told(&environment(&refused, &[]), &["--suites"]);
    let first = lines.lines().next().unwrap_or_default();
    assert!(first.ends_with("; next try in 50 ms"), "{lines}");
    let off = environment(
        &refused,
        &[("ECF_TIMEOUT", "1"), ("ECF_FAILOVER_NOTICES", "off")],
    );
    let (lines, _) = told(&off, &["--meter=m", "1"]);
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[test]
fn a_notice_has_no_secret_and_waits_for_no_reader() {
    let words = "the password sesame-of-the-job is unknown here\n, friend";
    let peer = Peer::answering(&testkit::replies::error(words));
    let halted = Peer::answering(&testkit::replies::halted());
    let pass = [("ECF_PASS", "sesame-of-the-job"), ("ECF_TIMEOUT", "1")];
    for port in [peer.port, halted.port] {
        let port = port.to_string();
        let mut job = environment(&port, &[]);
        job.retain(|(key, _)| *key != "ECF_PASS" && *key != "ECF_TIMEOUT");
        job.extend(pass);
        let (lines, _) = told(&job, &["--event=e"]);
        assert!(
            !lines.is_empty() && !lines.contains("sesame-of-the-job"),
            "{lines}"
        );
    }
    let port = halted.port.to_string();
    let begin = Instant::now();
    let job = environment(&port, &[("ECF_TIMEOUT", "1")]);
    Program::new(PROGRAM, &job)
        .args(&["--event=e"])
        .unread(Duration::from_secs(30));
    // The error in the end waits for its reader a while, the notice did not.
    assert!(begin.elapsed() < Duration::from_secs(14));
}

#[test]
fn a_command_that_a_signal_ends_tells_what_it_waited_for() {
    let silent = Peer::new(&[Act::Silence]);
    let port = silent.port.to_string();
    let waiting = Program::new(PROGRAM, &environment(&port, &[]))
        .args(&["--meter=m", "1"])
        .command()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(600));
    unsafe { libc::kill(i32::try_from(waiting.id()).unwrap(), libc::SIGTERM) };
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143));
    let lines = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        lines.starts_with("ecf_client: ended by SIGTERM after "),
        "{lines}"
    );
    let wanted = format!(" ms; it waited for 127.0.0.1:{port}\n");
    assert!(lines.ends_with(&wanted), "{lines}");
}

#[test]
fn what_a_backup_took_in_the_end_is_told_when_it_took_long() {
    testkit::needs!(EcflowServer);
    let refused = refused_port().to_string();
    let server = Server::running();
    let hostfile = scratch("program").join("long-hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", server.port)).unwrap();
    let settings = [
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_FAILOVER_ATTEMPTS", "2"),
    ];
    let mut job = environment(&refused, &settings);
    job.retain(|(key, _)| *key != "ECF_FAILOVER_RETRY_PERIOD");
    let (lines, is_well) = told(&job, &["--meter=m", "9"]);
    assert!(is_well, "{lines}");
    let [first, last] = lines.lines().collect::<Vec<_>>()[..] else {
        panic!("{lines}");
    };
    assert!(
        first.ends_with("; next try in 10 s, giving up after 30 s (ECF_TIMEOUT)"),
        "{lines}"
    );
    let wanted = format!(
        "ecf_client: delivered to 127.0.0.1:{} after 10 s",
        server.port
    );
    assert_eq!(last, wanted);
    let port = server.port.to_string();
    let (lines, is_well) = told(&environment(&port, &[]), &["--meter=m", "10"]);
    assert_eq!((lines.as_str(), is_well), ("", true));
}

/// A directory with the program as `ecflow_client`, and one with a stand-in for the stock client.
fn two_clients(name: &str) -> (PathBuf, PathBuf) {
    let (ours, stock) = (scratch(name).join("ours"), scratch(name).join("stock"));
    for directory in [&ours, &stock] {
        fs::create_dir_all(directory).unwrap();
        fs::remove_file(directory.join("ecflow_client")).ok();
    }
    let file = stock.join("ecflow_client");
    fs::write(&file, "#!/bin/sh\necho stock \"$@\"\nexit 7\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    (ours, stock)
}

#[test]
fn what_only_ecflows_own_client_does_is_referred_to_it() {
    let (ours, stock) = two_clients("referred");
    let path = format!("/no/such:{0}:{1}:{0}", ours.display(), stock.display());
    let alone = ours.display().to_string();
    let program = ours.join("ecflow_client");
    let run = |path: &str, more: &[(&str, &str)], args: &[&str]| {
        let mut job = environment("1", &[("PATH", path)]);
        job.extend(more);
        let ended = Program::new(&program, &job).args(args).run();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        (
            String::from_utf8(ended.stdout).unwrap(),
            stderr,
            ended.status.code(),
        )
    };
    // A link, a hard link, and a copy: each is this program itself.
    let kinds: [fn(&Path, &Path); 3] = [
        |from, to| symlink(from, to).unwrap(),
        |from, to| fs::hard_link(from, to).unwrap(),
        |from, to| {
            fs::copy(from, to).unwrap();
        },
    ];
    for make in kinds {
        fs::remove_file(&program).ok();
        make(Path::new(PROGRAM), &program);
        let definition = stock.join("x.def");
        fs::write(&definition, "suite s\nendsuite\n").unwrap();
        let definition = definition.to_str().unwrap();
        for args in [
            &["--why", "/s"][..],
            &["--load", definition, "check_only"],
            &["--server_load", "log"],
        ] {
            let (_, told, status) = run(&path, &[], args);
            let wanted = format!(
                "; the next one in PATH is {}/ecflow_client\n",
                stock.display()
            );
            assert!(told.ends_with(&wanted), "{told}");
            assert!(!told.contains("use ecflow_client"), "{told}");
            assert_eq!(status, Some(1));
            let (_, told, status) = run(&alone, &[], args);
            assert!(told.ends_with("; there is none in PATH\n"), "{told}");
            assert_eq!(status, Some(1));
            let more = [("ECF_FAILOVER_STOCK_CLIENT", "run")];
            let (output, _, status) = run(&path, &more, args);
            assert_eq!(
                (output, status),
                (format!("stock {}\n", args.join(" ")), Some(7))
            );
        }
    }
}

#[test]
fn copies_of_the_program_do_not_run_each_other_for_ever() {
    let (one, other) = two_clients("copies");
    for directory in [&one, &other] {
        fs::copy(PROGRAM, directory.join("ecflow_client")).unwrap();
    }
    let path = format!("{}:{}", one.display(), other.display());
    let job = environment(
        "1",
        &[("PATH", &path), ("ECF_FAILOVER_STOCK_CLIENT", "run")],
    );
    let ended = Program::new(one.join("ecflow_client"), &job)
        .args(&["--why", "/s"])
        .run();
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn the_version_has_the_words_that_build_scripts_look_for_and_tells_who_it_is() {
    let told = Program::new(PROGRAM, &[]).args(&["--version"]).succeed();
    let [first, second] = told.lines().collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    let version = first.strip_prefix("Ecflow version(").unwrap();
    let number = version.split_once(')').unwrap().0;
    assert_eq!(number, "5.17.0", "a number and nothing else");
    assert!(first.contains(" openssl("), "{told}");
    let own = format!(
        "ecf_failover {}, not ecFlow's own client: ",
        env!("CARGO_PKG_VERSION")
    );
    assert!(
        second.starts_with(&own) && second.contains("5.9.2 to 5.17.0"),
        "{told}"
    );
}

#[test]
fn a_signal_ends_a_waiting_command_at_once_with_its_number() {
    let peer = Peer::new(&[Act::Silence]);
    let silent = peer.port.to_string();
    let refused = refused_port().to_string();
    let cases = [(1, 129), (2, 130), (15, 143)]
        .into_iter()
        .flat_map(|case| [(&refused, case), (&silent, case)]);
    for (port, (signal, status)) in cases {
        let mut waiting = Program::new(PROGRAM, &environment(port, &[]))
            .args(&["--meter=m", "1"])
            .command()
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(300));
        let begin = Instant::now();
        unsafe { libc::kill(i32::try_from(waiting.id()).unwrap(), signal) };
        let ended = waiting.wait().unwrap();
        assert_eq!(ended.code(), Some(status), "{ended:?} {:?}", ended.signal());
        assert!(begin.elapsed() < Duration::from_millis(500), "{ended:?}");
    }
}

#[test]
fn delivery_does_not_depend_on_printing() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let port = server.port.to_string();
    let job = environment(&port, &[]);
    for place in ["/dev/full", "/dev/null"] {
        let full = File::options().write(true).open(place).unwrap();
        let ended = Program::new(PROGRAM, &job)
            .args(&["--queue=q", "active"])
            .command()
            .stdout(full)
            .status()
            .unwrap();
        assert!(ended.success(), "{place}");
    }
    // A pipe that nobody reads.
    let unread = Program::new(PROGRAM, &job)
        .args(&["--queue=q", "active"])
        .unread(Duration::from_secs(15));
    assert!(unread.success(), "a full pipe: {unread}");
    assert_eq!(server.logged("chd:queue"), 3);
    // Closed by the shell.
    let script = format!("'{PROGRAM}' --queue=q active >&- 2>&-");
    Program::new("sh", &job).args(&["-c", &script]).succeed();
    // The three steps were taken before; what was asked for since found none.
    let next = Program::new(PROGRAM, &job)
        .args(&["--queue=q", "active"])
        .succeed();
    assert_eq!(next, "<NULL>\n");
}

#[test]
fn help_tells_the_options_that_ecflow_client_does_not_have() {
    let help = Program::new(PROGRAM, &[]).args(&["--help"]).succeed();
    assert!(help.starts_with("Task commands:\n"), "{help}");
    for (key, value) in [("ECF_PORT", "abc"), ("NO_ECF", "1")] {
        let told = Program::new(PROGRAM, &[(key, value)])
            .args(&["--help"])
            .succeed();
        assert_eq!(told, help, "whatever {key} is");
    }
    for option in ecf_failover::shell::OWN_OPTIONS {
        assert!(help.contains(&format!("  --{}", option.name)), "{help}");
        assert!(help.contains(option.meaning), "{help}");
    }
}

#[test]
fn operators_see_the_timetable_the_problems_and_every_attempt() {
    let port = refused_port().to_string();
    let job = environment(&port, &[("ECF_TIMEOUT", "100")]);
    let table = Program::new(PROGRAM, &job).args(&["--explain"]).succeed();
    assert!(
        table.starts_with(&format!("0.000 127.0.0.1:{port}\n0.050 ")),
        "{table}"
    );
    let fine = Program::new(PROGRAM, &job).args(&["--check"]).run();
    assert!(fine.status.success() && fine.stdout.is_empty());
    let wrong = environment(&port, &[("ECF_HOSTFILE", "/no/such/file")]);
    let wrong = Program::new(PROGRAM, &wrong).args(&["--check"]).run();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("/no/such/file"));
    let short = environment(&port, &[("ECF_TIMEOUT", "0.3")]);
    let told = Program::new(PROGRAM, &short)
        .args(&["--report", "--event=e"])
        .run();
    assert_eq!(told.status.code(), Some(1));
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.starts_with("{\"summary\":"), "{told}");
    assert!(told.contains("\"status\":\"ECF_ERR_TIMEOUT\""), "{told}");
}

#[test]
fn a_server_that_is_silent_is_left_for_the_backup() {
    testkit::needs!(EcflowServer);
    let silent = Peer::new(&[Act::Silence]);
    let server = Server::running();
    let hostfile = scratch("program").join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", server.port)).unwrap();
    let port = silent.port.to_string();
    let settings = [
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_CONNECT_TIMEOUT", "0.2"),
    ];
    Program::new(PROGRAM, &environment(&port, &settings))
        .args(&["--meter=m", "7"])
        .succeed();
    assert_eq!(server.query("meter", "m"), "7");
    assert!(Path::new(PROGRAM).exists());
}

#[test]
fn a_report_on_a_terminal_is_a_timeline() {
    testkit::needs!(EcflowServer, Script);
    let server = Server::running();
    let refused = refused_port().to_string();
    let hostfile = scratch("program").join("terminal-hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", server.port)).unwrap();
    let settings = [("ECF_HOSTFILE", hostfile.to_str().unwrap())];
    let command = format!("'{PROGRAM}' --report --meter=m 8");
    // script gives its command a terminal, and what was written to it on its own stdout.
    let told = Program::new("script", &environment(&refused, &settings))
        .args(&["-qec", &command, "/dev/null"])
        .succeed();
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    let [first, second, third, summary] = lines[..] else {
        panic!("{told}");
    };
    assert!(first.starts_with("0.000 s +0.0"), "{told}");
    for (line, port) in [(first, refused.clone()), (second, refused)] {
        let wanted = format!("  127.0.0.1:{port}  NOT_SENT  ");
        assert!(line.contains(&wanted), "{told}");
    }
    assert!(second.starts_with("0.05"), "{told}");
    let wanted = format!("  127.0.0.1:{}  OK", server.port);
    assert!(third.contains(&wanted), "{told}");
    assert!(!summary.is_empty() && !told.contains('{'), "{told}");
    assert_eq!(server.query("meter", "m"), "8");
}
