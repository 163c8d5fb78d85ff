//! ecFlow's own protocol inside TLS: what reaches a server, what does not, and what is told.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use super::common_ground::*;
use testkit::certificates::{Authority, Certificate};
use testkit::openssl_server::OpensslServer;
use testkit::tls_front::{Manner, TlsFront};
use testkit::{Act, Handle, Peer, Server, Told, frame, machine_name, refused_port, replies};

/// A client that trusts this file as `server.crt`.
fn trusting(pem: &str, primary: u16, more: &[(&str, &str)]) -> Handle {
    let certificates = path(directory(&[("server.crt", pem)]));
    let settings = [("ECF_SSL", "1"), ("ECF_SSL_DIR", certificates.as_str())];
    client(primary, &settings, more)
}

#[track_caller]
fn assert_no_retry_helps(told: &Told, port: u16, words: &str) {
    assert_ended(told, port, "NOT_SENT", "tls", words);
    assert!(told.summary().contains("no retry"), "{}", told.report);
    assert!(told.error.contains(words), "{}", told.error);
}

#[test]
fn every_task_command_reaches_a_server_with_tls() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::self_signed();
    let server = Server::with_tls(&certificate);
    let client = trusting(&certificate.certificate, server.port, &[]);
    send_all_task_commands(&client, server.port, &server);
}

#[test]
fn user_commands_have_the_same_text_over_tls_and_may_be_large() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::self_signed();
    let server = Server::with_tls(&certificate);
    let client = trusting(&certificate.certificate, server.port, &[]);
    send_user_commands(&client, server.port, &server);
}

#[test]
fn the_certificate_of_ecflows_manual_is_trusted_version_one_though_it_is() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::version_one();
    let server = Server::with_tls(&certificate);
    let client = trusting(&certificate.certificate, server.port, &[]);
    assert_ok(&client.task(&["--meter=m", "5"]), server.port);
    assert_eq!(server.query("meter", "m"), "5");
    // Another server has one of the same name with another key.
    let other = trusting(&Certificate::version_one().certificate, server.port, &[]);
    other.set("ECF_DENIED", "1");
    let told = other.task(&["--meter=m", "6"]);
    assert_status(&told, Status::Denied);
    assert_no_retry_helps(&told, server.port, "is not the one in");
    assert_eq!(server.query("meter", "m"), "5");
}

#[test]
fn a_certificate_that_a_private_authority_signed_is_trusted_by_the_authoritys_file() {
    testkit::needs!(EcflowServer, Openssl);
    let authority = Authority::new();
    // Names are not compared: this one is nobody's here.
    let certificate = authority.issue("DNS:ecflow.example");
    let chain = certificate.certificate.clone() + &authority.certificate;
    let served = Certificate {
        certificate: chain.clone(),
        ..certificate
    };
    let server = Server::with_tls(&served);
    for trusted in [&authority.certificate, &chain] {
        let client = trusting(trusted, server.port, &[]);
        assert_ok(&client.task(&["--event=e"]), server.port);
    }
    let another = Authority::new();
    let client = trusting(&another.certificate, server.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--event=e"]);
    assert_no_retry_helps(&told, server.port, "is not the one in");
}

/// The same file may stand there under two names.
#[test]
fn an_authority_that_is_told_twice_is_one() {
    testkit::needs!(Openssl);
    let authority = Authority::by(Certificate::version_one());
    let issued = authority.issue("DNS:ecflow.example");
    let server = Peer::answering(&replies::ok());
    let front = TlsFront::new(&issued, server.port);
    let twice = authority.certificate.clone() + &authority.certificate;
    let client = trusting(&twice, front.port, &[]);
    assert_ok(&client.task(&["--event=e"]), front.port);
}

#[test]
fn who_shows_a_trusted_certificate_without_its_key_is_refused() {
    testkit::needs!(Openssl);
    let server = Peer::answering(&replies::ok());
    for (shown, own) in [
        (Certificate::self_signed(), Certificate::self_signed()),
        (Certificate::version_one(), Certificate::version_one()),
    ] {
        let forged = Certificate {
            certificate: shown.certificate.clone(),
            key: own.key,
        };
        for manner in [Manner::OnlyTls12, Manner::OnlyTls13] {
            let front = TlsFront::with(manner, &forged, server.port);
            let settings = [("ECF_DENIED", "1")];
            let told = trusting(&shown.certificate, front.port, &settings).task(&["--event=e"]);
            assert_status(&told, Status::Denied);
            assert_ended(&told, front.port, "NOT_SENT", "tls", "");
        }
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn the_usual_kinds_of_keys_are_known() {
    testkit::needs!(EcflowServer, Openssl);
    for kind in [
        &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["ED25519"],
    ] {
        let certificate = Certificate::self_signed_with(kind);
        let server = Server::with_tls(&certificate);
        let client = trusting(&certificate.certificate, server.port, &[]);
        assert_ok(&client.task(&["--event=e"]), server.port);
    }
}

#[test]
fn a_key_that_is_too_short_is_told_by_the_attempt_and_by_a_check_beforehand() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed_with(&["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    // Its security level is that of old servers.
    let options = ["-cipher", "ALL:@SECLEVEL=0"];
    let server = OpensslServer::new("short-key", &certificate, &options);
    let trusted = &certificate.certificate;
    let client = trusting(trusted, server.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    let words = "an RSA key of 1024 bits";
    assert_no_retry_helps(&told, server.port, words);
    assert!(told.error.contains("make a new key"), "{}", told.error);
    let check = client.check();
    assert!(check.contains(words), "{check}");
    assert!(check.contains("server.crt: "), "{check}");
}

#[test]
fn a_check_looks_at_the_curve_of_the_certificates_key() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed_with(&["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]);
    let check = trusting(&certificate.certificate, 1, &[]).check();
    assert!(check.contains("other than P-256 and P-384"), "{check}");
}

#[test]
fn a_check_looks_at_the_dates_of_the_certificate() {
    testkit::needs!(Openssl);
    let expired = trusting(&Certificate::expired().certificate, 1, &[]).check();
    assert!(expired.contains("has expired"), "{expired}");
    let good = trusting(&Certificate::self_signed().certificate, 1, &[]).check();
    assert_eq!(good, "");
}

#[test]
fn a_server_with_no_cipher_in_common_is_told_with_what_is_spoken() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed_with(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    for options in [
        &["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"][..],
        &["-tls1_2", "-cipher", "AES256-SHA"],
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    ] {
        let server = OpensslServer::new("old-ciphers", &certificate, options);
        let trusted = &certificate.certificate;
        let told = trusting(trusted, server.port, &[("ECF_DENIED", "1")]).task(&["--event=e"]);
        assert_status(&told, Status::Denied);
        let words = "no version or cipher of TLS in common";
        assert_no_retry_helps(&told, server.port, words);
        assert!(told.error.contains("ECDHE"), "{}", told.error);
    }
}

/// By TLS 1.3 the alert comes after the handshake, when the request has left.
#[test]
fn a_server_that_wants_a_certificate_of_the_client_is_told_as_incurable() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    for (version, outcome, stage) in [
        ("-tls1_2", "NOT_SENT", "tls"),
        ("-tls1_3", "UNCONFIRMED", "read"),
    ] {
        let server = OpensslServer::new("wants", &certificate, &[version, "-Verify", "1"]);
        let trusted = &certificate.certificate;
        let told = trusting(trusted, server.port, &[("ECF_DENIED", "1")]).task(&["--event=e"]);
        let words = "wants a certificate of the client";
        assert_ended(&told, server.port, outcome, stage, words);
        assert!(told.summary().contains("no retry"), "{}", told.report);
    }
}

#[test]
fn an_authority_with_a_key_that_is_too_short_is_told_by_the_attempt() {
    testkit::needs!(Openssl);
    let weak = Certificate::self_signed_with(&["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    let authority = Authority::by(weak.clone());
    let front = TlsFront::new(&authority.issue("DNS:localhost"), refused_port());
    let told = trusting(&weak.certificate, front.port, &[("ECF_DENIED", "1")]).task(&["--event=e"]);
    assert_no_retry_helps(
        &told,
        front.port,
        "an authority there has an RSA key of 1024 bits",
    );
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    testkit::needs!(Openssl);
    for certificate in [Certificate::self_signed(), Certificate::version_one()] {
        let server = Peer::answering(&replies::ok());
        for (manner, version) in [
            (Manner::OnlyTls12, "TLSv1_2"),
            (Manner::OnlyTls13, "TLSv1_3"),
            (Manner::Polite, "TLSv1_3"),
        ] {
            let front = TlsFront::with(manner, &certificate, server.port);
            let client = trusting(&certificate.certificate, front.port, &[]);
            assert_ok(&client.task(&["--event=e"]), front.port);
            assert_eq!(front.versions(), [version]);
        }
    }
}

#[test]
fn a_meter_goes_from_a_dead_primary_to_a_backup_with_another_certificate() {
    testkit::needs!(EcflowServer, Openssl);
    let ours = [Certificate::self_signed(), Certificate::version_one()];
    let mut primary = Server::with_tls_of_its_own(&ours[0]);
    let backup = Server::with_tls_of_its_own(&ours[1]);
    let name = |port| format!("127.0.0.1.{port}.crt");
    let certificates = directory(&[
        (&name(primary.port), &ours[0].certificate),
        (&name(backup.port), &ours[1].certificate),
    ]);
    let client = client(
        primary.port,
        &[("ECF_SSL", "1"), ("ECF_SSL_DIR", &path(certificates))],
        &[("ECF_HOSTFILE", &hostfile(&[backup.port]))],
    );
    assert_ok(&client.task(&["--init=4711"]), primary.port);
    assert_eq!(primary.query("state", ""), "active");
    primary.kill();
    let told = client.task(&["--meter=m", "42"]);
    assert_ok(&told, backup.port);
    assert_eq!(told.ports(), [primary.port, primary.port, backup.port]);
    assert_eq!(backup.query("meter", "m"), "42");
}

#[test]
fn localhost_in_the_hostfile_has_the_certificate_of_this_machines_name() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::self_signed();
    let backup = Server::with_tls_of_its_own(&certificate);
    let dead = refused_port();
    let name = |port| format!("{}.{port}.crt", machine_name());
    let certificates = directory(&[
        (&name(dead), &Certificate::self_signed().certificate),
        (&name(backup.port), &certificate.certificate),
    ]);
    let client = client(
        dead,
        &[("ECF_SSL", "by file"), ("ECF_SSL_DIR", &path(certificates))],
        &[
            ("ECF_HOST", "localhost"),
            ("ECF_HOSTFILE", &file(&format!("localhost:{}", backup.port))),
        ],
    );
    assert_ok(&client.task(&["--meter=m", "3"]), backup.port);
    assert_eq!(backup.query("meter", "m"), "3");
}

#[test]
fn each_host_is_verified_against_its_own_file() {
    testkit::needs!(Openssl);
    let ours = [Certificate::self_signed(), Certificate::self_signed()];
    let server = Peer::answering(&replies::ok());
    let fronts = [0, 1].map(|number| TlsFront::new(&ours[number], server.port));
    let name = |port| format!("127.0.0.1.{port}.crt");
    let swapped = directory(&[
        (&name(fronts[0].port), &ours[1].certificate),
        (&name(fronts[1].port), &ours[0].certificate),
    ]);
    let client = client(
        fronts[0].port,
        &[("ECF_SSL", "1"), ("ECF_SSL_DIR", &path(swapped))],
        &[
            ("ECF_HOSTFILE", &hostfile(&[fronts[1].port])),
            ("ECF_TIMEOUT", "0.6"),
        ],
    );
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Timeout);
    for front in &fronts {
        assert_no_retry_helps(&told, front.port, "is not the one in");
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_backup_without_a_certificate_file_is_passed_over() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let server = Peer::answering(&replies::ok());
    let [unknown, backup] = [0, 1].map(|_| TlsFront::new(&certificate, server.port));
    let dead = refused_port();
    let name = |port| format!("127.0.0.1.{port}.crt");
    let certificates = directory(&[
        (&name(dead), &certificate.certificate),
        (&name(backup.port), &certificate.certificate),
    ]);
    let client = client(
        dead,
        &[("ECF_SSL", "1"), ("ECF_SSL_DIR", &path(certificates))],
        &[("ECF_HOSTFILE", &hostfile(&[unknown.port, backup.port]))],
    );
    let told = client.task(&["--event=e"]);
    assert_ok(&told, backup.port);
    for (outcome, _, note) in told.at(unknown.port) {
        assert_eq!(outcome, "NOT_SENT", "{note}");
        assert!(note.contains(&name(unknown.port)), "{note}");
    }
}

#[test]
fn a_server_with_another_certificate_is_left_for_the_backup_and_gets_nothing() {
    testkit::needs!(EcflowServer, Openssl);
    let ours = [Certificate::self_signed(), Certificate::self_signed()];
    let primary = Server::with_tls(&ours[0]);
    let backup = Server::with_tls(&ours[1]);
    let client = trusting(
        &ours[1].certificate,
        primary.port,
        &[("ECF_HOSTFILE", &hostfile(&[backup.port]))],
    );
    let told = client.task(&["--meter=m", "8"]);
    assert_left_for_the_backup(&told, primary.port, backup.port, "is not the one in");
    assert_eq!(primary.query("meter", "m"), "0");
    assert_eq!(backup.query("meter", "m"), "8");
    assert!(
        told.report()["may_hold_copy"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_certificate_out_of_its_time_is_refused_by_a_word_that_says_so() {
    testkit::needs!(Openssl);
    let good = Certificate::self_signed();
    for (certificate, words) in [
        (Certificate::expired(), "expired"),
        (Certificate::not_yet_valid(), "not yet valid"),
    ] {
        let server = Peer::answering(&replies::ok());
        let front = TlsFront::new(&certificate, server.port);
        let both = certificate.certificate.clone() + &good.certificate;
        let client = trusting(&both, front.port, &[("ECF_DENIED", "1")]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Denied);
        assert_no_retry_helps(&told, front.port, words);
        assert_eq!(server.count(), 0);
        let backup = TlsFront::new(&good, server.port);
        client.set("ECF_DENIED", "");
        client.set("ECF_HOSTFILE", &hostfile(&[backup.port]));
        let told = client.task(&["--event=e"]);
        assert_left_for_the_backup(&told, front.port, backup.port, words);
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn an_expired_certificate_of_a_real_server_or_of_an_authority_is_refused() {
    testkit::needs!(EcflowServer, Openssl);
    let expired = Certificate::expired();
    let authority = Authority::new();
    let issued = authority.issue_expired("DNS:ecflow.example");
    for (served, trusted) in [
        (&expired, &expired.certificate),
        (&issued, &authority.certificate),
    ] {
        // The real client could not prepare this one.
        let server = Server::with_tls_unchecked(served);
        let client = trusting(trusted, server.port, &[("ECF_DENIED", "1")]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Denied);
        assert_no_retry_helps(&told, server.port, "expired");
    }
}

#[test]
fn tls_spoken_to_a_plain_server_is_told_and_never_downgraded() {
    testkit::needs!(EcflowServer, Openssl);
    let plain = Server::running();
    let trusted = Certificate::self_signed().certificate;
    let client = trusting(&trusted, plain.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--meter=m", "4"]);
    assert_status(&told, Status::Denied);
    assert_no_retry_helps(&told, plain.port, "no TLS");
    assert_eq!(plain.query("meter", "m"), "0");
    let told = client.user(&["--suspend", "/s/f/t"]);
    assert_status(&told, Status::Unreachable);
    assert_no_retry_helps(&told, plain.port, "no TLS");
}

#[test]
fn a_plain_backup_is_no_backup_of_a_primary_with_tls() {
    testkit::needs!(Openssl);
    let plain = Peer::answering(&replies::ok());
    let dead = refused_port();
    let settings = [
        ("ECF_HOSTFILE", hostfile(&[plain.port])),
        ("ECF_TIMEOUT", "0.5".to_owned()),
    ];
    let settings = settings.each_ref().map(|(k, v)| (*k, v.as_str()));
    let client = trusting(&Certificate::self_signed().certificate, dead, &settings);
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Timeout);
    for (outcome, stage, note) in told.at(plain.port) {
        assert_eq!(
            (outcome.as_str(), stage.as_str()),
            ("NOT_SENT", "tls"),
            "{note}"
        );
    }
    // The primary may come back.
    assert!(!told.summary().contains("no retry"), "{}", told.report);
    for request in plain.requests() {
        assert!(!String::from_utf8_lossy(&request).contains("EventCmd"));
    }
}

#[test]
fn a_plain_client_learns_that_the_server_may_want_tls() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::self_signed();
    let server = Server::with_tls(&certificate);
    let client = Handle::quick(server.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--meter=m", "4"]);
    assert_status(&told, Status::Denied);
    for (outcome, _, note) in told.at(server.port) {
        assert_eq!(outcome, "UNCONFIRMED", "{note}");
        assert!(note.contains("TLS"), "{note}");
    }
    assert_eq!(server.query("meter", "m"), "0");
    // With an answer of TLS instead of a bare end.
    let behind = Peer::answering(&replies::ok());
    let front = TlsFront::new(&certificate, behind.port);
    let client = Handle::quick(front.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--event=e"]);
    for (outcome, _, note) in told.at(front.port) {
        assert_eq!(outcome, "UNCONFIRMED", "{note}");
        assert!(note.contains("TLS"), "{note}");
    }
    assert_eq!(behind.count(), 0);
}

#[test]
fn a_handshake_that_breaks_off_or_stalls_leaves_for_the_backup() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let server = Peer::answering(&replies::ok());
    let backup = TlsFront::new(&certificate, server.port);
    let steps = |steps: &[&str]| Act::Steps(steps.iter().map(|s| (*s).to_owned()).collect());
    for act in [
        Act::Reset,
        steps(&["close"]),
        steps(&["read 5", "reset"]),
        steps(&["read 5", "close"]),
        steps(&["silence"]),
        steps(&["read 100", "silence"]),
        // The beginning of a handshake's record.
        steps(&["read 100", "send \u{16}\u{3}\u{3}", "silence"]),
        steps(&["read 100", "send \u{16}\u{3}\u{3}", "close"]),
        steps(&["read 100", "send \u{16}\u{3}\u{3}", "reset"]),
        // An alert: handshake failure.
        steps(&[
            "read 100",
            "send \u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}",
            "close",
        ]),
        steps(&["read 100", "send SSH-2.0-OpenSSH_9.2p1", "close"]),
        steps(&["read 100", "send HTTP/1.1 400 Bad Request\r\n\r\n", "close"]),
    ] {
        let primary = Peer::new(std::slice::from_ref(&act));
        let client = trusting(
            &certificate.certificate,
            primary.port,
            &[
                ("ECF_HOSTFILE", &hostfile(&[backup.port])),
                ("ECF_CONNECT_TIMEOUT", "0.3"),
            ],
        );
        let begin = Instant::now();
        let told = client.task(&["--event=e"]);
        assert!(begin.elapsed() < Duration::from_secs(5), "{act:?}");
        assert_ok(&told, backup.port);
        for (outcome, stage, note) in told.at(primary.port) {
            assert_eq!(outcome, "NOT_SENT", "{act:?} {note}");
            // A reset at once may be seen while the connection is still being made.
            let is_early = matches!(act, Act::Reset) && stage == "connect";
            assert!(stage == "tls" || is_early, "{act:?} {stage} {note}");
        }
        assert!(
            told.report()["may_hold_copy"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_stalled_handshake_is_bounded_by_deadline_and_cancel() {
    testkit::needs!(Openssl);
    let silent = Peer::new(&[Act::Steps(vec!["silence".into()])]);
    let trusted = Certificate::self_signed().certificate;
    let client = trusting(&trusted, silent.port, &[("ECF_TIMEOUT", "0.5")]);
    let begin = Instant::now();
    assert_status(&client.task(&["--event=e"]), Status::Timeout);
    assert!(begin.elapsed() >= Duration::from_millis(500));
    assert!(begin.elapsed() < Duration::from_millis(2500));

    let client = trusting(&trusted, silent.port, &[]);
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
fn a_handshake_byte_by_byte_does_not_outlive_its_limit() {
    testkit::needs!(Openssl);
    let flight = "\u{16}\u{3}\u{3}?\u{7f}";
    let mut steps = vec!["read 100".to_owned(), format!("send {flight}")];
    for _ in 0..200 {
        steps.extend(["pause 50".to_owned(), "send a".to_owned()]);
    }
    let slow = Peer::new(&[Act::Steps(steps)]);
    let trusted = Certificate::self_signed().certificate;
    let settings = [("ECF_CONNECT_TIMEOUT", "0.3"), ("ECF_DENIED", "1")];
    let client = trusting(&trusted, slow.port, &settings);
    let begin = Instant::now();
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    assert!(begin.elapsed() < Duration::from_secs(3), "{}", told.report);
    assert_ended(&told, slow.port, "NOT_SENT", "tls", "");
}

#[test]
fn a_whole_reply_is_a_success_however_the_connection_ends() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let whole = frame(replies::text("a").as_bytes());
    for manner in [Manner::Polite, Manner::Abrupt] {
        let server = Peer::new(&[Act::Answer(whole.clone())]);
        let front = TlsFront::with(manner, &certificate, server.port);
        let client = trusting(&certificate.certificate, front.port, &[]);
        let told = client.task(&["--queue=q", "active"]);
        assert_ok(&told, front.port);
        assert_eq!((told.attempts, &told.text[..]), (1, &b"a\n"[..]));
    }
}

#[test]
fn a_request_without_a_whole_reply_may_have_been_applied() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let part = Act::Answer(frame(replies::ok().as_bytes())[..40].to_vec());
    let reset = Act::Steps(vec!["read all".into(), "reset".into()]);
    for act in [Act::CloseAfterRequest, part, Act::Silence, reset] {
        for manner in [Manner::Polite, Manner::Abrupt] {
            let server = Peer::new(std::slice::from_ref(&act));
            let healthy = Peer::answering(&replies::ok());
            let primary = TlsFront::with(manner, &certificate, server.port);
            let backup = TlsFront::new(&certificate, healthy.port);
            let client = trusting(
                &certificate.certificate,
                primary.port,
                &[
                    ("ECF_HOSTFILE", &hostfile(&[backup.port])),
                    ("ECF_FAILOVER_REPLY_TIMEOUT", "0.2"),
                ],
            );
            let told = client.task(&["--event=e"]);
            assert_ok(&told, backup.port);
            for (outcome, stage, note) in told.at(primary.port) {
                let ended = (outcome.as_str(), stage.as_str());
                assert_eq!(ended, ("UNCONFIRMED", "read"), "{act:?} {manner:?} {note}");
            }
            let holders = &told.report()["may_hold_copy"];
            assert_eq!(holders[0], format!("127.0.0.1:{}", primary.port));
            // What is not harmless twice is sent once.
            let told = client.task(&["--queue=q", "active"]);
            assert_status(&told, Status::UnknownOutcome);
            assert_eq!(told.attempts, 1);
        }
    }
}

#[test]
fn what_is_not_harmless_twice_goes_on_after_a_handshake_that_failed() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let reset = Peer::new(&[Act::Steps(vec!["read 5".into(), "reset".into()])]);
    let server = Peer::answering(&replies::text("a"));
    let backup = TlsFront::new(&certificate, server.port);
    let client = trusting(
        &certificate.certificate,
        reset.port,
        &[("ECF_HOSTFILE", &hostfile(&[backup.port]))],
    );
    assert_ok(&client.task(&["--queue=q", "active"]), backup.port);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_request_that_the_server_does_not_take_was_not_sent() {
    testkit::needs!(Openssl);
    let certificate = Certificate::self_signed();
    let server = Peer::answering(&replies::ok());
    let deaf = TlsFront::with(Manner::Deaf, &certificate, server.port);
    let backup = TlsFront::new(&certificate, server.port);
    let client = trusting(
        &certificate.certificate,
        deaf.port,
        &[
            ("ECF_HOSTFILE", &hostfile(&[backup.port])),
            ("ECF_CONNECT_TIMEOUT", "0.5"),
            ("ECF_FAILOVER_REPLY_TIMEOUT", "20"),
        ],
    );
    let told = client.task(&["--label=l", &"x".repeat(30_000_000)]);
    assert_ok(&told, backup.port);
    assert_ended(&told, deaf.port, "NOT_SENT", "write", "");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].len() > 30_000_000);
}

#[test]
fn one_client_serves_many_threads_over_tls() {
    testkit::needs!(EcflowServer, Openssl);
    let certificate = Certificate::self_signed();
    let server = Server::with_tls(&certificate);
    let client = trusting(&certificate.certificate, server.port, &[]);
    thread::scope(|scope| {
        for thread in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for number in 0..10 {
                    let value = (thread * 10 + number).to_string();
                    let told = client.task(&["--label=l", &value]);
                    assert_eq!(told.status, 0, "{}", told.report);
                }
            });
        }
    });
    assert_eq!(server.logged("label"), 40);
}

#[test]
fn a_certificate_that_was_replaced_is_read_by_the_next_command() {
    testkit::needs!(Openssl);
    let ours = [Certificate::self_signed(), Certificate::self_signed()];
    let server = Peer::answering(&replies::ok());
    let front = TlsFront::new(&ours[1], server.port);
    let certificates = directory(&[("server.crt", &ours[0].certificate)]);
    let client = client(
        front.port,
        &[
            ("ECF_SSL", "1"),
            ("ECF_SSL_DIR", &path(certificates.clone())),
        ],
        &[("ECF_DENIED", "1")],
    );
    assert_status(&client.task(&["--event=e"]), Status::Denied);
    fs::write(certificates.join("server.crt"), &ours[1].certificate).unwrap();
    assert_ok(&client.task(&["--event=e"]), front.port);
}
