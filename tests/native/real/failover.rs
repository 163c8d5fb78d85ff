//! A task command reaches a backup.

use ecf_failover::model::Status;
use std::fs;

use testkit::{Handle, Server, Told, refused_port, scratch};

/// A client whose primary is `primary` and whose hostfile names the other ports in order.
fn client(primary: u16, backups: &[u16]) -> Handle {
    let hostfile = scratch("real").join(format!("hosts-{primary}"));
    let lines: String = backups
        .iter()
        .map(|port| format!("localhost:{port} # backup\n"))
        .collect();
    fs::write(&hostfile, lines).unwrap();
    Handle::quick(primary, &[("ECF_HOSTFILE", hostfile.to_str().unwrap())])
}

fn assert_ok(told: &Told, port: u16) {
    assert_eq!(told.status, 0, "{}", told.report);
    assert_eq!(told.port, port, "{}", told.report);
}

#[test]
fn a_meter_reaches_the_backup_after_its_primary_was_killed() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let client = client(primary.port, &[backup.port]);
    assert_ok(&client.task(&["--init=4711"]), primary.port);
    assert_eq!(primary.query("state", ""), "active");
    primary.kill();
    let told = client.task(&["--meter=m", "42"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.ports(), [primary.port, primary.port, backup.port]);
    assert_eq!(backup.query("meter", "m"), "42");
}

#[test]
fn every_task_command_reaches_the_backup() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let client = client(primary.port, &[backup.port]);
    primary.kill();
    let send = |argv: &[&str]| {
        let told = client.task(argv);
        assert_ok(&told, backup.port);
        told.text
    };
    send(&["--init=4711", "--add", "WHERE=backup"]);
    assert_eq!(backup.query("state", ""), "active");
    assert_eq!(backup.query("variable", "WHERE"), "backup");
    send(&["--event=e"]);
    assert_eq!(backup.query("event", "e"), "set");
    send(&["--event=e", "clear"]);
    assert_eq!(backup.query("event", "e"), "clear");
    send(&["--meter=m", "7"]);
    assert_eq!(backup.query("meter", "m"), "7");
    send(&["--label=l", "on", "the \"backup\"", "caf\u{e9}"]);
    assert_eq!(backup.query("label", "l"), "on the \"backup\" caf\u{e9}");
    assert_eq!(send(&["--queue=q", "active"]), b"a\n");
    send(&["--queue=q", "complete", "a"]);
    assert_eq!(send(&["--queue=q", "active"]), b"b\n");
    send(&["--wait=/s/f/t == active"]);
    send(&["--abort=by the test"]);
    assert_eq!(backup.query("state", ""), "aborted");
    send(&["--complete", "--remove", "WHERE"]);
    assert_eq!(backup.query("state", ""), "complete");
}

#[test]
fn a_primary_that_never_existed_and_dead_entries_are_passed_over() {
    testkit::needs!(EcflowServer);
    let backup = Server::running();
    let dead = [refused_port(), refused_port(), refused_port()];
    let client = client(dead[0], &[dead[1], dead[2], backup.port]);
    let told = client.task(&["--meter=m", "9"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.attempts, 7);
    assert_eq!(backup.query("meter", "m"), "9");
    client.set("ECF_HOST", "no.such.host.invalid");
    let told = client.task(&["--meter=m", "10"]);
    assert_ok(&told, backup.port);
    assert!(
        told.report.contains("\"stage\":\"resolve\""),
        "{}",
        told.report
    );
}

#[test]
fn a_halted_primary_is_left_for_the_backup_and_one_that_is_shut_down_is_not() {
    testkit::needs!(EcflowServer);
    let (primary, backup) = (Server::running(), Server::running());
    let client = client(primary.port, &[backup.port]);
    primary.client(&["--shutdown=yes"]);
    // It submits no jobs, but it listens to those that run.
    assert_ok(&client.task(&["--meter=m", "1"]), primary.port);
    primary.client(&["--halt=yes"]);
    let told = client.task(&["--meter=m", "2"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.attempts()[0].1, "ECF_OUTCOME_HALTED");
    assert_eq!(backup.query("meter", "m"), "2");
    assert_eq!(primary.query("meter", "m"), "1");
    client.set("ECF_FAILOVER_ON_HALTED", "stay");
    client.set("ECF_TIMEOUT", "0.5");
    let told = client.task(&["--meter=m", "3"]);
    assert_eq!(told.status, Status::Timeout as i32);
    assert!(told.ports().iter().all(|port| *port == primary.port));
}

#[test]
fn a_task_that_a_server_takes_for_a_zombie_goes_on_to_the_backup() {
    testkit::needs!(EcflowServer);
    let (primary, backup) = (Server::started(), Server::running());
    primary.client(&["--restart"]);
    let client = client(primary.port, &[backup.port]);
    let told = client.task(&["--init=4711"]);
    assert_ok(&told, backup.port);
    assert_eq!(
        told.attempts()[0].1,
        "ECF_OUTCOME_ZOMBIE",
        "{}",
        told.report
    );
    assert_eq!(backup.query("state", ""), "active");
}

#[test]
fn a_refusal_of_the_primary_is_final() {
    testkit::needs!(EcflowServer);
    let (primary, backup) = (Server::running(), Server::running());
    let client = client(primary.port, &[backup.port]);
    let told = client.task(&["--queue=nosuch", "active"]);
    assert_eq!(told.status, Status::Rejected as i32);
    assert_eq!((told.attempts, told.port), (1, primary.port));
    assert!(told.error.contains("nosuch"), "{}", told.error);
}

#[test]
fn a_primary_that_comes_back_is_used_again() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let client = client(primary.port, &[backup.port]);
    assert_ok(&client.task(&["--init=4711"]), primary.port);
    primary.kill();
    assert_ok(&client.task(&["--meter=m", "1"]), backup.port);
    let again = Server::running();
    client.set("ECF_PORT", &again.port.to_string());
    assert_ok(&client.task(&["--meter=m", "2"]), again.port);
}

/// The shared library in a C program, with the environment of a job.
#[test]
fn a_job_in_c_with_ecflows_environment_reaches_the_backup() {
    testkit::needs!(EcflowServer, Gcc);
    use testkit::{Program, compile};

    let (mut primary, backup) = (Server::running(), Server::running());
    let directory = scratch("job");
    let hostfile = directory.join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let program = compile("gcc", "-std=c99", "tests/c/job.c", &[]);
    let port = primary.port.to_string();
    let environment = [
        ("ECF_HOST", "localhost"),
        ("ECF_PORT", port.as_str()),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_RID", "4711"),
        ("ECF_TRYNO", "1"),
        ("ECF_TIMEOUT", "60"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
    ];
    let job = |argv: &[&str]| Program::new(&program, &environment).args(argv).succeed();
    assert_eq!(job(&["--init=4711"]), "");
    primary.kill();
    assert_eq!(job(&["--meter=m", "42"]), "");
    assert_eq!(job(&["--queue=q", "active"]), "a\n");
    assert_eq!(backup.query("meter", "m"), "42");
    let no_pass = [("ECF_NAME", "/s/f/t")];
    let refused = Program::new(&program, &no_pass).args(&["--complete"]).run();
    assert_eq!(refused.status.code(), Some(Status::Config as i32));
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("ECF_PASS"), "{error}");
}
