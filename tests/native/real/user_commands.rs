//! User commands against a real server: the text is the real client's, and so is the effect.

use ecf_failover::model::Status;
use std::fs;

use testkit::{Handle, Server, suite};

#[test]
fn a_server_is_driven_from_its_start_to_a_halt() {
    testkit::needs!(EcflowServer);
    let server = Server::started();
    let client = Handle::quick(server.port, &[]);
    let done = |argv: &[&str]| {
        let told = client.user(argv);
        assert_eq!(told.status, 0, "{argv:?} {}", told.report);
        assert_eq!(told.text, b"", "{argv:?}");
    };
    let definition = server.home.join("suite.def");
    fs::write(&definition, suite()).unwrap();
    done(&["--restart"]);
    done(&["--load", definition.to_str().unwrap()]);
    done(&["--load", "suite s2\n  edit ECF_DUMMY_TASK ''\n  task a\n"]);
    let again = client.user(&["--load", definition.to_str().unwrap()]);
    assert_eq!(again.status, Status::Rejected as i32);
    assert!(again.error.contains("already exist"), "{}", again.error);
    done(&["--load", definition.to_str().unwrap(), "force"]);
    done(&["--begin=s"]);
    done(&["--suspend", "/s/f/t"]);
    assert_eq!(server.query("dstate", ""), "suspended");
    done(&["--resume", "/s/f/t"]);
    done(&["--force=complete", "/s/f/t"]);
    assert_eq!(server.query("state", ""), "complete");
    done(&["--force", "set", "/s/f/t:e"]);
    assert_eq!(server.query("event", "e"), "set");
    done(&["--requeue", "force", "/s/f/t"]);
    assert_eq!(server.query("state", ""), "queued");
    done(&["--alter", "add", "variable", "WHERE", "/a/path", "/s/f/t"]);
    assert_eq!(server.query("variable", "WHERE"), "/a/path");
    done(&["--alter", "change", "meter", "m", "5", "/s/f/t"]);
    assert_eq!(server.query("meter", "m"), "5");
    done(&["--alter=delete", "variable", "WHERE", "/s/f/t"]);
    done(&["--alter", "set_flag", "late", "/s/f/t"]);
    done(&["--shutdown=yes"]);
    done(&["--restart"]);
    done(&["--halt=yes"]);
    assert!(server.client(&["--stats"]).contains("HALTED"));
}

#[test]
fn the_texts_are_those_of_the_real_client() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let client = Handle::quick(server.port, &[("ECF_NAME", "")]);
    for argv in [
        &["--server_version"][..],
        &["--suites"],
        &["--query", "state", "/"],
        &["--query", "state", "/s/f/t"],
        &["--query", "dstate", "/s"],
        &["--query", "meter", "/s/f/t:m"],
        &["--query", "label", "/s/f/t:l"],
        &["--query", "event", "/s/f/t:e"],
        &["--query", "variable", "/s:ECF_PORT"],
        &["--query", "trigger", "/s/f/t", "/s/f/u:go"],
    ] {
        let told = client.user(argv);
        assert_eq!(told.status, 0, "{argv:?} {}", told.report);
        let text = String::from_utf8_lossy(&told.text).into_owned();
        assert_eq!(text, server.client(argv), "{argv:?}");
    }
    let ping = String::from_utf8_lossy(&client.user(&["--ping"]).text).into_owned();
    let theirs = server.client(&["--ping"]);
    let start = format!(
        "ping server(127.0.0.1:{}) succeeded in 00:00:0",
        server.port
    );
    for line in [&ping, &theirs] {
        assert!(line.starts_with(&start), "{line}");
        assert!(line.ends_with(" milliseconds\n"), "{line}");
    }
}

#[test]
fn attributes_that_only_the_server_checks_are_refused_and_the_server_lives_on() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let client = Handle::quick(server.port, &[]);
    for argv in [
        &["--alter", "add", "date", "31.2.2030", "/s/f/t"][..],
        &["--alter", "change", "repeat", "xx", "/s/f"],
        &["--query", "trigger", "/s/f/t", "(("],
        &["--load", "suite s9\n  nonsense\n"],
        &["--suspend", "/no/such"],
    ] {
        let told = client.user(argv);
        assert_eq!(told.status, Status::Rejected as i32, "{argv:?}");
        assert_eq!(client.user(&["--ping"]).status, 0, "alive after {argv:?}");
    }
}
