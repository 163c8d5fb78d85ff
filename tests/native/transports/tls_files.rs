//! Which certificate files are looked for, and how TLS is switched on.

use std::fs;

use ecf_failover::model::Status;

use super::common_ground::*;
use testkit::certificates::Certificate;
use testkit::http_front::Front;
use testkit::http_front::answers::length;
use testkit::tls_front::TlsFront;
use testkit::{Handle, Peer, Program, compile, machine_name, replies};

/// A server with TLS, its certificate, and another certificate.
struct Stage {
    front: TlsFront,
    server: Peer,
    right: String,
    wrong: String,
}

impl Stage {
    fn new() -> Self {
        let certificate = Certificate::self_signed();
        let server = Peer::answering(&replies::ok());
        Self {
            front: TlsFront::new(&certificate, server.port),
            server,
            right: certificate.certificate,
            wrong: Certificate::self_signed().certificate,
        }
    }

    fn port(&self) -> u16 {
        self.front.port
    }

    fn client(&self, files: &[(&str, &str)], settings: &[(&str, &str)]) -> Handle {
        let certificates = path(directory(files));
        let base = [("ECF_SSL_DIR", certificates.as_str()), ("ECF_DENIED", "1")];
        client(self.port(), &base, settings)
    }
}

#[test]
fn tls_is_switched_on_by_ecf_ssl_by_the_protocol_or_on_the_command_line() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let files = [("server.crt", stage.right.as_str())];
    for settings in [
        &[("ECF_SSL", "1")][..],
        &[("ECF_HOST_PROTOCOL", "ssl")],
        &[("ECF_HOST_PROTOCOL", "SSL")],
        &[("ECF_HOST_PROTOCOL", "Ssl"), ("ECF_SSL", "1")],
    ] {
        let client = stage.client(&files, settings);
        assert_ok(&client.task(&["--event=e"]), stage.port());
    }
    let client = stage.client(&files, &[]);
    assert_ok(&client.task(&["--event=e", "--ssl"]), stage.port());
    assert_ok(&client.user(&["--ssl", "--ping"]), stage.port());
    assert_eq!(stage.front.versions().len(), 6);
    // It holds for the one command.
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    assert_eq!(stage.front.versions().len(), 6);
}

#[test]
fn what_asks_for_tls_is_never_outvoted() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let files = [("server.crt", stage.right.as_str())];
    let plain = [("ECF_SSL", "1"), ("ECF_HOST_PROTOCOL", "plain")];
    let told = stage.client(&files, &plain).task(&["--event=e"]);
    assert_ok(&told, stage.port());
    assert_eq!((stage.front.versions().len(), stage.server.count()), (1, 1));
    // HTTP in the clear is no TLS.
    let in_the_clear = Front::scripted(&replies::ok(), &[length()]);
    let http = [("ECF_SSL", "1"), ("ECF_HOST_PROTOCOL", "http")];
    let client = stage.client(&files, &http);
    client.set("ECF_PORT", &in_the_clear.port.to_string());
    assert_status(&client.task(&["--event=e"]), Status::Config);
    assert_eq!(in_the_clear.count(), 0);
}

#[test]
fn the_file_of_the_host_or_the_one_of_all_servers_is_used_whichever_exists() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let own = format!("127.0.0.1.{}.crt", stage.port());
    let (own, right, wrong) = (own.as_str(), stage.right.as_str(), stage.wrong.as_str());
    for (ssl, files, is_trusted) in [
        ("1", &[("server.crt", right)][..], true),
        ("1", &[(own, right)], true),
        ("1", &[("server.crt", wrong), (own, right)], true),
        ("1", &[("server.crt", right), (own, wrong)], true),
        ("1", &[("server.crt", wrong), (own, wrong)], false),
        ("by file", &[(own, right)], true),
        ("by file", &[(own, right), ("server.crt", wrong)], true),
        ("by file", &[(own, wrong), ("server.crt", right)], false),
        ("0", &[(own, right)], true),
    ] {
        let client = stage.client(files, &[("ECF_SSL", ssl)]);
        let told = client.task(&["--event=e"]);
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        let expected = match is_trusted {
            true => 0,
            false => Status::Denied as i32,
        };
        assert_eq!(told.status, expected, "{ssl} {names:?} {}", told.report);
    }
}

#[test]
fn a_directory_with_and_without_its_last_slash_is_the_same() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let client = stage.client(&[("server.crt", &stage.right)], &[("ECF_SSL", "1")]);
    let directory = client.get("ECF_SSL_DIR").unwrap();
    client.set("ECF_SSL_DIR", &format!("{directory}/"));
    assert_ok(&client.task(&["--event=e"]), stage.port());
}

#[test]
fn localhost_is_looked_for_under_this_machines_name() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let (port, machine) = (stage.port(), machine_name());
    let settings = [("ECF_SSL", "by file"), ("ECF_HOST", "localhost")];
    let by_name = format!("{machine}.{port}.crt");
    let client = stage.client(&[(&by_name, &stage.right)], &settings);
    assert_ok(&client.task(&["--event=e"]), port);
    let as_written = format!("localhost.{port}.crt");
    let client = stage.client(&[(&as_written, &stage.right)], &settings);
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Config);
    assert!(
        told.error.contains(&by_name) || told.report.contains(&by_name),
        "{}",
        told.report
    );
}

#[test]
fn without_a_file_for_the_primary_nothing_is_sent_and_the_files_are_named() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let own = format!("127.0.0.1.{}.crt", stage.port());
    for (ssl, files, names) in [
        ("1", &[][..], &["server.crt", own.as_str()][..]),
        ("by file", &[("server.crt", stage.right.as_str())], &[&own]),
    ] {
        let client = stage.client(files, &[("ECF_SSL", ssl)]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Config);
        assert_eq!(told.attempts, 0);
        let check = client.check();
        for name in names {
            assert!(check.contains(name), "{name}: {check}");
            assert!(told.report.contains(name), "{name}: {}", told.report);
        }
    }
    let client = stage.client(&[], &[]);
    assert_status(&client.task(&["--event=e", "--ssl"]), Status::Config);
    client.set("ECF_SSL_DIR", "/no/such/directory");
    assert_status(&client.task(&["--event=e", "--ssl"]), Status::Config);
    assert_eq!(stage.server.count(), 0);
}

#[test]
fn a_file_without_a_certificate_is_an_error_that_names_it() {
    testkit::needs!(Openssl);
    let stage = Stage::new();
    let broken = stage.right.replacen('M', "!", 1);
    let cut = &stage.right[..stage.right.len() / 2];
    for text in ["", "no certificate", &broken, cut] {
        let client = stage.client(&[("server.crt", text)], &[("ECF_SSL", "1")]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Config);
        assert!(told.report.contains("server.crt"), "{}", told.report);
    }
    let client = stage.client(&[], &[("ECF_SSL", "1")]);
    let directory = client.get("ECF_SSL_DIR").unwrap();
    fs::create_dir(format!("{directory}/server.crt")).unwrap();
    assert_status(&client.task(&["--event=e"]), Status::Config);
    assert_eq!(stage.server.count(), 0);
}

/// A job's environment has no ECF_SSL_DIR as a rule.
#[test]
fn the_usual_directory_is_that_of_the_home() {
    testkit::needs!(Gcc, Openssl);
    let stage = Stage::new();
    let home = directory(&[]);
    let usual = home.join(".ecflowrc/ssl");
    fs::create_dir_all(&usual).unwrap();
    let program = compile("gcc", "-std=c99", "tests/c/job.c", &[]);
    let (home, port) = (path(home), stage.port().to_string());
    let environment = [
        ("HOME", home.as_str()),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
        ("ECF_DENIED", "1"),
        ("ECF_SSL", "1"),
    ];
    let job = || Program::new(&program, &environment).args(&["--event=e"]);
    let missing = job().run();
    assert_eq!(missing.status.code(), Some(Status::Config as i32));
    let error = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        error.contains(usual.join("server.crt").to_str().unwrap()),
        "{error}"
    );
    fs::write(usual.join("server.crt"), &stage.right).unwrap();
    assert_eq!(job().succeed(), "");
}
