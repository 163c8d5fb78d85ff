//! ecFlow's commands over HTTP: a front of real servers, and one that does what a proxy may do.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use super::common_ground::*;
use testkit::http_front::answers::*;
use testkit::http_front::{Answer, Front};
use testkit::{Handle, Program, Server, Told, compile, refused_port, replies};

const HTTP: &[(&str, &str)] = &[("ECF_HOST_PROTOCOL", "http")];

/// Sends an event to a front with one such answer; a good one is its backup.
fn with_backup(answer: Answer, more: &[(&str, &str)]) -> (Told, Front, Front) {
    let primary = Front::scripted(&replies::ok(), &[answer]);
    let backup = Front::scripted(&replies::ok(), &[length()]);
    let client = client(primary.port, HTTP, more);
    client.set("ECF_HOSTFILE", &hostfile(&[backup.port]));
    let told = client.task(&["--event=e"]);
    (told, primary, backup)
}

#[test]
fn every_task_command_reaches_a_server_behind_http() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let front = Front::of(server.port);
    let client = client(front.port, HTTP, &[]);
    send_all_task_commands(&client, front.port, &server);
}

#[test]
fn user_commands_have_the_same_text_over_http_and_may_be_large() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let front = Front::of(server.port);
    send_user_commands(&client(front.port, HTTP, &[]), front.port, &server);
    let chunked = Front::answering(server.port, &[chunked(1000)]);
    let client = client(chunked.port, HTTP, &[]);
    let told = client.user(&["--suites"]);
    assert_ok(&told, chunked.port);
    let text = String::from_utf8_lossy(&told.text).into_owned();
    assert_eq!(text, server.client(&["--suites"]));
}

#[test]
fn http_is_switched_on_by_the_protocol_in_any_case_or_on_the_command_line() {
    let front = Front::scripted(&replies::ok(), &[length()]);
    for protocol in ["http", "HTTP", "Http"] {
        let client = client(front.port, &[("ECF_HOST_PROTOCOL", protocol)], &[]);
        assert_ok(&client.task(&["--event=e"]), front.port);
    }
    let client = client(front.port, &[], &[]);
    assert_ok(&client.task(&["--http", "--event=e"]), front.port);
    assert_ok(&client.user(&["--ping", "--http"]), front.port);
    assert_eq!(front.count(), 5);
}

#[test]
fn the_request_is_what_release_5_17_sends() {
    let front = Front::scripted(&replies::ok(), &[length()]);
    let client = client(front.port, HTTP, &[]);
    assert_ok(&client.task(&["--event=e"]), front.port);
    client.set("ECF_HOST", "localhost");
    assert_ok(&client.task(&["--event=e"]), front.port);
    for (request, host) in front.requests().iter().zip(["127.0.0.1", "localhost"]) {
        assert!(
            request.head.starts_with("POST /v1/ecflow HTTP/1.1\r\n"),
            "{}",
            request.head
        );
        let host = format!("{host}:{}", front.port);
        assert_eq!(request.header("Host"), [host]);
        assert_eq!(request.header("Content-Type"), ["application/json"]);
        assert_eq!(
            request.header("Content-Length"),
            [request.body.len().to_string()]
        );
        assert_eq!(request.header("Connection"), ["close"]);
        assert!(request.header("Authorization").is_empty());
        assert!(request.header("Transfer-Encoding").is_empty());
        assert!(request.header("Expect").is_empty());
        // The JSON alone, without the frame's length.
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert!(body.to_string().contains("EventCmd"), "{body}");
    }
}

#[test]
fn the_host_of_an_ipv6_address_stands_in_brackets() {
    testkit::needs!(Ipv6);
    let front = Front::on("[::1]:0", &replies::ok());
    let client = client(front.port, HTTP, &[("ECF_HOST", "::1")]);
    assert_ok(&client.task(&["--event=e"]), front.port);
    let host = format!("[::1]:{}", front.port);
    assert_eq!(front.requests()[0].header("Host"), [host]);
}

#[test]
fn a_reply_is_understood_in_every_form_that_http_has() {
    for (form, answer) in [
        ("length", length()),
        ("length, held open", length_held_open()),
        ("byte by byte", drip(Duration::from_micros(200))),
        ("one chunk", chunked(1 << 20)),
        ("chunks of 1", chunked(1)),
        ("chunks of 7", chunked(7)),
        ("chunks of 16", chunked(16)),
        ("extensions", chunked_with(";name=\"a value\";flag", "")),
        ("blanks behind sizes", chunked_with(" ", "")),
        ("trailers", chunked_with("", "X-One: 1\r\nX-Two: 2\r\n")),
        ("both", chunked_with(";a=b", "X-One: 1\r\n")),
        // The last chunk came: RFC 9112, 8.
        ("no line after the last chunk", cut_chunks(2)),
        ("until the end", until_close()),
        ("100 before", behind("HTTP/1.1 100 Continue\r\n\r\n")),
        (
            "two interim ones before",
            behind("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        ),
        (
            "HTTP/1.0",
            headed("HTTP/1.0 200 OK\r\nContent-Length: LENGTH\r\n\r\n"),
        ),
        ("HTTP/1.0 until the end", headed("HTTP/1.0 200 OK\r\n\r\n")),
        (
            "no reason",
            headed("HTTP/1.1 200 \r\nContent-Length: LENGTH\r\n\r\n"),
        ),
        (
            "small letters",
            headed("HTTP/1.1 200 OK\r\ncontent-length:LENGTH\r\n\r\n"),
        ),
        (
            "capitals",
            headed("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:   LENGTH  \r\n\r\n"),
        ),
        (
            "identity",
            headed(
                "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: LENGTH\r\n\r\n",
            ),
        ),
        (
            "text",
            headed("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: LENGTH\r\n\r\n"),
        ),
        (
            "keep-alive",
            headed("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: LENGTH\r\n\r\n"),
        ),
        (
            "the same length twice",
            headed("HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\n"),
        ),
    ] {
        let front = Front::scripted(&replies::text("a"), &[answer]);
        let client = client(front.port, HTTP, &[("ECF_DENIED", "1")]);
        let begin = Instant::now();
        let told = client.task(&["--queue=q", "active"]);
        assert_eq!(
            (told.status, told.attempts),
            (0, 1),
            "{form}: {}",
            told.report
        );
        assert_eq!(told.text, b"a\n", "{form}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{form}");
    }
}

#[test]
fn a_large_reply_comes_whole_in_every_form() {
    let text = "0123456789abcdef".repeat(100_000);
    for answer in [length(), chunked(1000), chunked(70_000), until_close()] {
        let front = Front::scripted(&replies::text(&text), &[answer]);
        let told = client(front.port, HTTP, &[]).task(&["--queue=q", "active"]);
        assert_ok(&told, front.port);
        assert_eq!(told.text.len(), text.len() + 1);
    }
}

/// What is no reply, and words of which one must be told.
fn no_replies() -> Vec<(&'static str, Answer, &'static [&'static str])> {
    let bytes = |text: &str| Answer::Bytes(text.as_bytes().to_vec());
    let long = format!("X-Long: {}\r\n", "x".repeat(1 << 20));
    let many = "X: y\r\n".repeat(200_000);
    vec![
        ("500", status("500 Internal Server Error"), &["500"]),
        ("502", status("502 Bad Gateway"), &["502"]),
        (
            "503",
            status_with("503 Service Unavailable", "Retry-After: 3600\r\n"),
            &["503"],
        ),
        ("504", status("504 Gateway Timeout"), &["504"]),
        ("600", status("600 Unknown"), &["600"]),
        ("204", bytes("HTTP/1.1 204 No Content\r\n\r\n"), &["204"]),
        ("202", status("202 Accepted"), &["202"]),
        (
            "101",
            bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
            &["101"],
        ),
        (
            "only an interim one",
            bytes("HTTP/1.1 100 Continue\r\n\r\n"),
            &[],
        ),
        (
            "interim ones without end",
            Answer::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            &["interim replies"],
        ),
        ("html", status("200 OK"), &[]),
        (
            "nothing in it",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            &[],
        ),
        (
            "nothing until the end",
            bytes("HTTP/1.1 200 OK\r\n\r\n"),
            &[],
        ),
        (
            "no chunk",
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &[],
        ),
        (
            "gzip",
            headed("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: LENGTH\r\n\r\n"),
            &["gzip"],
        ),
        (
            "gzip for the way",
            headed("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            &["gzip"],
        ),
        ("the last byte is missing", cut(1), &[]),
        ("a part", cut(100), &[]),
        ("the last chunk is missing", cut_chunks(5), &[]),
        ("a part of the chunks", cut_chunks(50), &[]),
        ("a part until the end", cut_until_close(1), &[]),
        ("closed", bytes(""), &[]),
        ("a part of the status line", bytes("HTTP/1."), &[]),
        (
            "a part of the head",
            bytes("HTTP/1.1 200 OK\r\nContent-Le"),
            &[],
        ),
        ("reset", Answer::Reset, &[]),
        ("silence", Answer::Silence, &[]),
        (
            "a header of 1 MB",
            bytes(&format!("HTTP/1.1 200 OK\r\n{long}\r\n")),
            &[],
        ),
        (
            "many headers",
            bytes(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
            &[],
        ),
        (
            "a header without end",
            Answer::Flood(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 1000]),
            &[],
        ),
        (
            "headers without end",
            Answer::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(100)),
            &[],
        ),
        (
            "a body without end",
            Answer::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 1000]),
            &["ECF_FAILOVER_MAX_REPLY"],
        ),
        (
            "chunks without end",
            Answer::Flood(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
                b"4\r\n    \r\n".repeat(100),
            ),
            &["ECF_FAILOVER_MAX_REPLY"],
        ),
        (
            "an extension without end",
            Answer::Flood(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;".to_vec(),
                vec![b'x'; 1000],
            ),
            &[],
        ),
        (
            "trailers without end",
            Answer::Flood(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n".to_vec(),
                b"X: y\r\n".repeat(100),
            ),
            &[],
        ),
        (
            "a length above the limit",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"),
            &["ECF_FAILOVER_MAX_REPLY"],
        ),
        (
            "a length beyond counting",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}"),
            &[],
        ),
        (
            "a negative length",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
            &[],
        ),
        (
            "no number as length",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}"),
            &[],
        ),
        (
            "two lengths",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
            &[],
        ),
        (
            "a chunk beyond counting",
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}"),
            &[],
        ),
        (
            "a chunk above the limit",
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n{}"),
            &["ECF_FAILOVER_MAX_REPLY"],
        ),
        (
            "no number as chunk",
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"),
            &[],
        ),
        (
            "a chunk without its end",
            bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n"),
            &[],
        ),
        ("a frame of ecFlow", bytes("       2{}"), &[]),
        ("another protocol", bytes("SSH-2.0-OpenSSH_9.2p1\r\n"), &[]),
        ("no version", bytes("ICY 200 OK\r\n\r\n"), &[]),
        ("no status", bytes("HTTP/1.1 abc\r\n\r\n"), &[]),
        ("noughts", Answer::Bytes(vec![0; 5000]), &[]),
        (
            "another reply's JSON",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            &[],
        ),
    ]
}

#[test]
fn what_is_no_reply_leaves_for_the_backup_and_may_have_been_applied() {
    let settings = [
        ("ECF_FAILOVER_REPLY_TIMEOUT", "1"),
        ("ECF_FAILOVER_MAX_REPLY", "100000"),
    ];
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = no_replies()
            .into_iter()
            .map(|(fault, answer, words)| {
                scope.spawn(move || {
                    let (told, primary, backup) = with_backup(answer, &settings);
                    let attempts = told.at(primary.port);
                    let are_unconfirmed = attempts.iter().all(|(outcome, _, note)| {
                        outcome == "UNCONFIRMED" && words.iter().all(|word| note.contains(word))
                    });
                    let ports = [primary.port, primary.port, backup.port];
                    let is_right = told.status == 0
                        && told.ports() == ports
                        && are_unconfirmed
                        && (primary.count(), backup.count()) == (2, 1)
                        && told.report()["may_hold_copy"][0]
                            == format!("127.0.0.1:{}", primary.port);
                    (!is_right).then(|| format!("{fault}: {}", told.report))
                })
            })
            .collect();
        let ended = running.into_iter().map(|one| one.join().expect("one"));
        ended.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn no_fault_moves_the_deadline_of_a_request_over_http() {
    const TIMEOUT: Duration = Duration::from_millis(700);
    let settings = [
        ("ECF_TIMEOUT", "0.7"),
        ("ECF_HOSTFILE", ""),
        ("ECF_FAILOVER_MAX_REPLY", "100000"),
    ];
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = no_replies()
            .into_iter()
            .map(|(fault, answer, _)| {
                scope.spawn(move || {
                    let primary = Front::scripted(&replies::ok(), &[answer]);
                    let client = client(primary.port, HTTP, &settings);
                    let begin = Instant::now();
                    let told = client.task(&["--event=e"]);
                    let took = begin.elapsed();
                    let is_right = told.status == Status::Timeout as i32
                        && took >= TIMEOUT
                        && took < TIMEOUT + Duration::from_secs(2);
                    (!is_right).then(|| format!("{fault}, {took:?}: {}", told.report))
                })
            })
            .collect();
        let ended = running.into_iter().map(|one| one.join().expect("one"));
        ended.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn a_reply_byte_by_byte_does_not_outlive_its_limit() {
    let slow = Front::scripted(&replies::ok(), &[drip(Duration::from_millis(50))]);
    let client = client(
        slow.port,
        HTTP,
        &[("ECF_FAILOVER_REPLY_TIMEOUT", "0.4"), ("ECF_DENIED", "1")],
    );
    let begin = Instant::now();
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    assert!(begin.elapsed() < Duration::from_secs(4));
    assert_ended(&told, slow.port, "UNCONFIRMED", "read", "");
}

#[test]
fn a_cancel_ends_the_wait_for_a_reply_over_http() {
    let silent = Front::scripted("", &[Answer::Silence]);
    let client = client(silent.port, HTTP, &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            client.cancel();
        });
        let begin = Instant::now();
        assert_status(&client.task(&["--event=e"]), Status::Cancelled);
        assert!(begin.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_refusal_of_the_proxy_is_final_and_told_with_its_number() {
    for line in [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "413 Payload Too Large",
        "422 Unprocessable Content",
    ] {
        let (told, primary, backup) = with_backup(status(line), &[]);
        assert_status(&told, Status::Rejected);
        assert_eq!((told.attempts, told.port), (1, primary.port), "{line}");
        assert!(told.error.contains(&line[..3]), "{}", told.error);
        let is_about_a_token = told.error.contains("a token is wanted");
        let wants_one = line.starts_with("401") || line.starts_with("403");
        assert_eq!(is_about_a_token, wants_one, "{}", told.error);
        assert_eq!(backup.count(), 0);
    }
    // Though it held back a part of what it had to say.
    let early = Answer::Early(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 900\r\n\r\n".to_vec());
    let (told, primary, _backup) = with_backup(early, &[]);
    assert_status(&told, Status::Rejected);
    assert_eq!(told.port, primary.port);
}

/// They say that no ecFlow server took the command: a healthy backup has it in the end.
#[test]
fn a_proxy_that_has_no_time_or_no_place_for_it_is_left_for_the_backup() {
    for line in [
        "404 Not Found",
        "405 Method Not Allowed",
        "408 Request Timeout",
        "421 Misdirected Request",
        "425 Too Early",
        "429 Too Many Requests",
    ] {
        let (told, primary, backup) = with_backup(status(line), &[]);
        assert_ok(&told, backup.port);
        for (outcome, _, note) in told.at(primary.port) {
            assert_eq!(outcome, "NOT_SENT", "{line}");
            assert!(note.contains(&line[..3]), "{note}");
        }
    }
}

/// The number says it, whatever becomes of the body that it promises.
#[test]
fn a_number_that_decides_needs_no_body() {
    const HEAD: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n";
    for rest in [
        "Content-Length: 20\r\n\r\n",
        "Content-Length: 20\r\n\r\n{\"a\"",
        "Content-Length: 20\r\nContent-Encoding: gzip\r\n\r\n",
        "Content-Length: 4000000000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    ] {
        let text = format!("{HEAD}{rest}");
        let held = Answer::Held(std::sync::Arc::new(move |_| text.clone().into_bytes()));
        let (told, primary, backup) = with_backup(held, &[]);
        assert_ok(&told, backup.port);
        for (outcome, _, note) in told.at(primary.port) {
            assert_eq!(outcome, "NOT_SENT", "{rest}");
            assert!(note.contains("404"), "{note}");
        }
    }
}

/// A command that must not be sent twice is sent on after these, and not after others.
#[test]
fn what_no_server_took_may_be_sent_again_whatever_it_is() {
    for (line, status_wanted) in [
        ("429 Too Many Requests", Status::Ok),
        ("409 Conflict", Status::UnknownOutcome),
        ("503 Service Unavailable", Status::UnknownOutcome),
    ] {
        let front = Front::scripted(&replies::text("a"), &[status(line), length()]);
        let told = client(front.port, HTTP, &[]).task(&["--queue=q", "active"]);
        assert_status(&told, status_wanted);
    }
}

fn json_with(status: &str, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}");
    Answer::Bytes(format!("{head}\r\n\r\n{body}").into_bytes())
}

/// What ecFlow itself says counts, whatever number a front has put before it.
#[test]
fn an_answer_of_ecflows_counts_with_any_status_that_is_not_final() {
    for line in ["404 Not Found", "500 Internal Server Error", "202 Accepted"] {
        let json = json_with(line, &replies::error("no such node"));
        let (told, primary, backup) = with_backup(json, &[]);
        assert_status(&told, Status::Rejected);
        assert_eq!((told.attempts, told.port), (1, primary.port), "{line}");
        assert!(told.error.contains("no such node"), "{}", told.error);
        assert_eq!(backup.count(), 0);
    }
}

#[test]
fn the_words_of_a_proxy_stay_in_their_line() {
    let page = "no\n127.0.0.1:1: confirmed\r\n\r\nway";
    for head in [
        format!("HTTP/1.1 403 No\x1b[2J way\r\nContent-Length: 30\r\n\r\n{page}"),
        format!("HTTP/1.1 403 Forbidden\r\nContent-Length: 30\r\n\r\n{page}"),
        format!("HTTP/1.1 502 Caf\u{e9}\r\nContent-Length: 30\r\n\r\n{page}"),
    ] {
        let front = Front::scripted("", &[Answer::Bytes(head.into_bytes())]);
        let told = client(front.port, HTTP, &[("ECF_DENIED", "1")]).task(&["--event=e"]);
        assert_ne!(told.status, 0);
        assert_eq!(told.error.lines().count(), 1, "{:?}", told.error);
        let summary = told.report.lines().next().unwrap();
        assert!(summary.starts_with("{\"summary\":"), "{summary}");
    }
}

#[test]
fn a_redirect_is_never_followed() {
    let elsewhere = Front::scripted(&replies::ok(), &[length()]);
    for line in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!(
            "Location: http://127.0.0.1:{}/v1/ecflow\r\n",
            elsewhere.port
        );
        let (told, primary, backup) = with_backup(status_with(line, &location), &[]);
        assert_ok(&told, backup.port);
        for (outcome, _, note) in told.at(primary.port) {
            assert_eq!(outcome, "UNCONFIRMED");
            assert!(note.contains("redirect"), "{note}");
        }
    }
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn a_front_that_is_dead_is_left_for_the_backup() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let backup = Front::of(server.port);
    let dead = refused_port();
    let client = client(dead, HTTP, &[]);
    client.set("ECF_HOSTFILE", &hostfile(&[backup.port]));
    let told = client.task(&["--meter=m", "42"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.ports(), [dead, dead, backup.port]);
    assert_ended(&told, dead, "NOT_SENT", "connect", "");
    assert_eq!(server.query("meter", "m"), "42");
    // Nothing was sent, so what is not harmless twice goes on too.
    let told = client.task(&["--queue=q", "active"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.text, b"a\n");
}

#[test]
fn a_front_whose_server_died_is_left_for_the_backup() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let fronts = [Front::of(primary.port), Front::of(backup.port)];
    let client = client(fronts[0].port, HTTP, &[]);
    client.set("ECF_HOSTFILE", &hostfile(&[fronts[1].port]));
    assert_ok(&client.task(&["--init=4711"]), fronts[0].port);
    primary.kill();
    let told = client.task(&["--meter=m", "1"]);
    assert_ok(&told, fronts[1].port);
    assert_ended(&told, fronts[0].port, "UNCONFIRMED", "read", "");
    assert_eq!(backup.query("meter", "m"), "1");
}

#[test]
fn what_is_not_harmless_twice_is_sent_once_over_http() {
    for answer in [status("502 Bad Gateway"), cut(3), Answer::Reset] {
        let front = Front::scripted(&replies::ok(), &[answer]);
        let told = client(front.port, HTTP, &[]).task(&["--queue=q", "active"]);
        assert_status(&told, Status::UnknownOutcome);
        assert_eq!((told.attempts, front.count()), (1, 1));
    }
}

#[test]
fn halted_servers_zombies_and_refusals_are_the_same_over_http() {
    for (reply, outcome) in [(replies::halted(), "HALTED"), (replies::zombie(), "ZOMBIE")] {
        let primary = Front::scripted(&reply, &[length()]);
        let backup = Front::scripted(&replies::ok(), &[chunked(9)]);
        let client = client(primary.port, HTTP, &[]);
        client.set("ECF_HOSTFILE", &hostfile(&[backup.port]));
        let told = client.task(&["--event=e"]);
        assert_ok(&told, backup.port);
        assert_ended(&told, primary.port, outcome, "reply", "");
    }
    let refusing = Front::scripted(&replies::error("no such node"), &[chunked(9)]);
    let told = client(refusing.port, HTTP, &[]).task(&["--event=e"]);
    assert_status(&told, Status::Rejected);
    assert!(told.error.contains("no such node"), "{}", told.error);
}

#[test]
fn plain_and_http_servers_mixed_up_are_told() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let told = client(server.port, HTTP, &[("ECF_DENIED", "1")]).task(&["--meter=m", "3"]);
    assert_status(&told, Status::Denied);
    for (outcome, ..) in told.at(server.port) {
        assert_eq!(outcome, "UNCONFIRMED");
    }
    assert_eq!(server.query("meter", "m"), "0");
    // To HTTP a frame is a bad request.
    let front = Front::scripted(&replies::ok(), &[status("400 Bad Request")]);
    let plain = Handle::quick(front.port, &[("ECF_TIMEOUT", "0.4")]);
    assert_status(&plain.task(&["--event=e"]), Status::Timeout);
}

/// Tokens: a bearer's for the servers that `bearer` matches, a name and password for others.
fn tokens(bearer: &str, basic: &str) -> String {
    let bearer = format!(
        r#"{{"type":"bearer","server":"{bearer}","api":{{"url":"http://x","key":"open-sesame","email":"a@b"}}}}"#
    );
    let basic = format!(
        r#"{{"type":"basic","server":"{basic}","api":{{"username":"fred","password":"the-password"}}}}"#
    );
    format!(r#"{{"version":1,"tokens":[{bearer},{basic}]}}"#)
}

const TOKEN_SECRETS: [&str; 3] = ["open-sesame", "the-password", "ZnJlZDp0aGUtcGFzc3dvcmQ"];

#[track_caller]
fn assert_no_token_is_told(client: &Handle, told: &Told) {
    for text in [&told.error, &told.report, &client.check()] {
        for secret in TOKEN_SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn the_first_token_whose_pattern_matches_the_whole_address_is_sent() {
    let front = Front::scripted(&replies::ok(), &[length()]);
    let address = format!("http://127.0.0.1:{}", front.port);
    let pattern = format!("http://127[.]0[.]0[.]1:{}", front.port);
    let bearer = Some("Bearer open-sesame");
    let basic = Some("Basic ZnJlZDp0aGUtcGFzc3dvcmQ=");
    for (first, second, sent) in [
        (address.as_str(), ".*", bearer),
        (&pattern, ".*", bearer),
        ("http://127.*", "http://.*", bearer),
        ("http://(127.0.0.1|localhost):[0-9]+", ".*", bearer),
        ("http://other:1", "http://127.0.0.1:[0-9]+", basic),
        // A part is no match.
        ("http://127.0.0.1", ".*", basic),
        ("127.0.0.1:.*", ".*", basic),
        ("https://.*", ".*", basic),
        ("https://.*", "http://other.*", None),
    ] {
        let file = file(&tokens(first, second));
        let client = client(front.port, HTTP, &[("ECF_AUTHTOKENS", &file)]);
        let told = client.task(&["--event=e"]);
        assert_ok(&told, front.port);
        let requests = front.requests();
        let authorization = requests.last().unwrap().header("Authorization");
        assert_eq!(authorization.first().copied(), sent, "{first} {second}");
        assert!(authorization.len() < 2);
        let warns =
            told.warnings().contains("ECF_AUTHTOKENS") || told.warnings().contains(&address);
        assert_eq!(warns, sent.is_none(), "{}", told.warnings());
        assert_no_token_is_told(&client, &told);
    }
}

#[test]
fn no_token_is_told_whatever_the_proxy_answers() {
    let echo = "HTTP/1.1 401 open-sesame\r\nX: Bearer open-sesame\r\nContent-Length: 11\r\n\r\nopen-sesame";
    for answer in [
        Answer::Bytes(echo.into()),
        status("502 open-sesame"),
        Answer::Silence,
    ] {
        let front = Front::scripted(&replies::ok(), &[answer]);
        let file = file(&tokens(".*", ".*"));
        let lines = std::sync::Mutex::default();
        let client = client(
            front.port,
            HTTP,
            &[
                ("ECF_AUTHTOKENS", &file),
                ("ECF_DENIED", "1"),
                ("ECF_FAILOVER_REPLY_TIMEOUT", "0.2"),
            ],
        );
        client.keep_log(&lines);
        let told = client.task(&["--event=e"]);
        assert_no_token_is_told(&client, &told);
        drop(client);
        let lines = lines.into_inner().unwrap().join("\n");
        assert!(!lines.contains("open-sesame"), "{lines}");
    }
}

#[test]
fn a_token_file_that_is_none_is_an_error_that_names_it_and_no_key() {
    let front = Front::scripted(&replies::ok(), &[length()]);
    let good = tokens(".*", ".*");
    let cut = &good[..good.len() - 3];
    let unquoted = good.replace("\"open-sesame\"", "open-sesame");
    for text in [
        "",
        "open-sesame",
        cut,
        &unquoted,
        &good.replace("\"tokens\"", "\"token\""),
        &good.replace("bearer", "carrier"),
        &good.replace("\"key\"", "\"kee\""),
        &tokens("((", ".*"),
        // These would be headers of their own.
        &good.replace("open-sesame", "open-sesame\\r\\nX-Evil: 1"),
    ] {
        let file = file(text);
        let client = client(front.port, HTTP, &[("ECF_AUTHTOKENS", &file)]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Config);
        assert!(told.report.contains(&file), "{text}: {}", told.report);
        assert_no_token_is_told(&client, &told);
    }
    let missing = path(directory(&[]).join("missing"));
    let directory = path(directory(&[]));
    for file in [&missing, &directory] {
        let client = client(front.port, HTTP, &[("ECF_AUTHTOKENS", file)]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Config);
        assert!(told.report.contains(file), "{}", told.report);
    }
    assert_eq!(front.count(), 0);
}

/// A job's environment has no ECF_AUTHTOKENS as a rule.
#[test]
fn the_usual_token_file_is_that_of_the_home_and_then_that_of_the_directory() {
    testkit::needs!(Gcc);
    let front = Front::scripted(&replies::ok(), &[length()]);
    let (first, second) = (tokens(".*", ".*"), tokens("none", ".*"));
    let home = directory(&[(".ecflowapirc", &first)]);
    let here = directory(&[(".ecflowapirc", &second)]);
    let nowhere = directory(&[]);
    let program = compile("gcc", "-std=c99", "tests/c/job.c", &[]);
    let port = front.port.to_string();
    for (home, current, sent) in [
        (&home, &nowhere, Some("Bearer open-sesame")),
        (&home, &here, Some("Bearer open-sesame")),
        (&nowhere, &here, Some("Basic ZnJlZDp0aGUtcGFzc3dvcmQ=")),
        (&nowhere, &nowhere, None),
    ] {
        let environment = [
            ("HOME", home.to_str().unwrap()),
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", port.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "_DJP_"),
            ("ECF_DENIED", "1"),
            ("ECF_HOST_PROTOCOL", "http"),
        ];
        let job = Program::new(&program, &environment).directory(current);
        job.args(&["--event=e"]).succeed();
        let requests = front.requests();
        let authorization = requests.last().unwrap().header("Authorization");
        assert_eq!(authorization.first().copied(), sent);
    }
}

#[test]
fn a_pattern_made_to_take_long_does_not() {
    let front = Front::scripted(&replies::ok(), &[length()]);
    let file = file(&tokens("(h*t*t*p*)*(.*)*(.*)*(.*)*x", ".*"));
    let client = client(front.port, HTTP, &[("ECF_AUTHTOKENS", &file)]);
    let begin = Instant::now();
    // A refusal of the pattern would be as good.
    client.task(&["--event=e"]);
    assert!(begin.elapsed() < Duration::from_secs(2));
    fs::remove_file(file).unwrap();
}
