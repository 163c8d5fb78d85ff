//! `--wait` against a real server.

use ecf_failover::model::Status;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Handle, Server};

#[test]
fn wait_blocks_while_the_expression_is_false_and_returns_when_it_turns_true() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let client = Handle::quick(server.port, &[("ECF_FAILOVER_RETRY_PERIOD", "0.1")]);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(700));
            server.client(&["--force=set", "/s/f/u:go"]);
        });
        let told = client.task(&["--wait=/s/f/u:go"]);
        assert_eq!(told.status, 0, "{}", told.report);
        assert!(begin.elapsed() >= Duration::from_millis(700));
        let attempts = told.attempts();
        let (last, polls) = attempts.split_last().unwrap();
        assert!(polls.len() >= 2, "{polls:?}");
        assert!(
            polls
                .iter()
                .all(|(_, outcome, _)| outcome == "ECF_OUTCOME_WAIT")
        );
        assert_eq!(last.1, "ECF_OUTCOME_OK");
    });
}

#[test]
fn wait_outlives_the_timeout_and_respects_its_own() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let settings = [
        ("ECF_FAILOVER_RETRY_PERIOD", "0.1"),
        ("ECF_TIMEOUT", "0.3"),
        ("ECF_FAILOVER_WAIT_TIMEOUT", "0.8"),
    ];
    let client = Handle::quick(server.port, &settings);
    let begin = Instant::now();
    let told = client.task(&["--wait=/s/f/u:go"]);
    assert_eq!(told.status, Status::Timeout as i32);
    assert!(begin.elapsed() >= Duration::from_millis(800));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(
        told.error.contains("the expression is false"),
        "{}",
        told.error
    );
}

#[test]
fn an_expression_that_the_server_cannot_use_is_refused_at_once() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let client = Handle::quick(server.port, &[]);
    for expression in ["--wait=/no/such == complete", "--wait=/s/f/t == (("] {
        let told = client.task(&[expression]);
        assert_eq!(told.status, Status::Rejected as i32);
        assert_eq!(told.attempts, 1);
    }
}
