//! HTTP inside TLS: whom a client trusts, and replies that a third party could cut.

use ecf_failover::model::Status;

use super::common_ground::*;
use testkit::certificates::{Authority, Certificate};
use testkit::http_front::answers::*;
use testkit::http_front::{Answer, Front};
use testkit::tls_front::{Manner, TlsFront};
use testkit::{Handle, Server, Told, replies};

/// A client of https that trusts the certificates in this text beside the system's.
fn trusting(pem: &str, primary: u16, more: &[(&str, &str)]) -> Handle {
    let bundle = file(pem);
    let settings = [
        ("ECF_HOST_PROTOCOL", "https"),
        ("ECF_FAILOVER_CA_FILE", bundle.as_str()),
    ];
    client(primary, &settings, more)
}

/// A front with this certificate, trusted by this file, reached by this name.
fn ask(served: &Certificate, trusted: &str, host: &str) -> (Told, u16, usize) {
    let front = Front::scripted(&replies::ok(), &[length()]);
    let tls = TlsFront::new(served, front.port);
    let client = trusting(trusted, tls.port, &[("ECF_DENIED", "1")]);
    client.set("ECF_HOST", host);
    (client.task(&["--event=e"]), tls.port, front.count())
}

#[track_caller]
fn assert_not_trusted((told, port, requests): (Told, u16, usize)) -> Told {
    assert_status(&told, Status::Denied);
    assert_ended(&told, port, "NOT_SENT", "tls", "");
    assert!(told.summary().contains("no retry"), "{}", told.report);
    assert_eq!(requests, 0);
    told
}

#[track_caller]
fn assert_trusted((told, port, requests): (Told, u16, usize)) {
    assert_ok(&told, port);
    assert_eq!(requests, 1);
}

#[test]
fn every_task_command_reaches_a_server_behind_https() {
    testkit::needs!(EcflowServer, Openssl);
    let server = Server::running();
    let front = Front::of(server.port);
    let certificate = Certificate::for_names("IP:127.0.0.1");
    let tls = TlsFront::new(&certificate, front.port);
    let client = trusting(&certificate.certificate, tls.port, &[]);
    send_all_task_commands(&client, tls.port, &server);
    send_user_commands(&client, tls.port, &server);
}

#[test]
fn https_is_switched_on_by_the_protocol_in_any_case_or_on_the_command_line() {
    testkit::needs!(Openssl);
    let front = Front::scripted(&replies::ok(), &[length()]);
    let certificate = Certificate::for_names("IP:127.0.0.1");
    let tls = TlsFront::new(&certificate, front.port);
    for protocol in ["https", "HTTPS"] {
        let client = trusting(&certificate.certificate, tls.port, &[]);
        client.set("ECF_HOST_PROTOCOL", protocol);
        assert_ok(&client.task(&["--event=e"]), tls.port);
    }
    let client = trusting(&certificate.certificate, tls.port, &[]);
    client.set("ECF_HOST_PROTOCOL", "");
    assert_ok(&client.task(&["--event=e", "--https"]), tls.port);
    let host = format!("127.0.0.1:{}", tls.port);
    assert_eq!(front.requests()[0].header("Host"), [host]);
}

#[test]
fn an_authority_in_the_file_vouches_for_the_names_in_its_certificates() {
    testkit::needs!(Openssl);
    let authority = Authority::new();
    let file = &authority.certificate;
    let by_address = authority.issue("IP:127.0.0.1");
    let by_name = authority.issue("DNS:localhost");
    assert_trusted(ask(&by_address, file, "127.0.0.1"));
    assert_trusted(ask(&by_name, file, "localhost"));
    assert_not_trusted(ask(&by_name, file, "127.0.0.1"));
    assert_not_trusted(ask(&by_address, file, "localhost"));
    let elsewhere = authority.issue("DNS:ecflow.example,IP:127.0.0.2");
    assert_not_trusted(ask(&elsewhere, file, "127.0.0.1"));
    let told = assert_not_trusted(ask(
        &authority.issue_expired("IP:127.0.0.1"),
        file,
        "127.0.0.1",
    ));
    assert!(told.error.contains("expired"), "{}", told.error);
}

#[test]
fn a_certificate_in_the_file_itself_is_trusted_whatever_its_name() {
    testkit::needs!(Openssl);
    let other_name = Certificate::for_names("DNS:ecflow.example");
    assert_trusted(ask(&other_name, &other_name.certificate, "127.0.0.1"));
    let usual = Certificate::self_signed();
    assert_trusted(ask(&usual, &usual.certificate, "127.0.0.1"));
    let old = Certificate::version_one();
    assert_trusted(ask(&old, &old.certificate, "localhost"));
    let both = usual.certificate.clone() + &old.certificate;
    assert_trusted(ask(&old, &both, "127.0.0.1"));
}

#[test]
fn an_authority_out_of_its_time_vouches_for_nobody() {
    testkit::needs!(Openssl);
    let expired = Authority::expired();
    let issued = expired.issue("IP:127.0.0.1");
    assert_not_trusted(ask(&issued, &expired.certificate, "127.0.0.1"));
    assert_trusted(ask(&issued, &issued.certificate, "127.0.0.1"));
}

#[test]
fn of_several_certificates_in_the_file_each_stays_with_its_own_hosts() {
    testkit::needs!(Openssl);
    let one = Certificate::for_names("DNS:localhost");
    let other = Certificate::for_names("IP:127.0.0.1");
    let both = one.certificate.clone() + &other.certificate;
    assert_trusted(ask(&one, &both, "localhost"));
    assert_trusted(ask(&other, &both, "127.0.0.1"));
    assert_not_trusted(ask(&one, &both, "127.0.0.1"));
    assert_not_trusted(ask(&other, &both, "localhost"));
}

#[test]
fn a_certificate_in_the_file_is_refused_out_of_its_time() {
    testkit::needs!(Openssl);
    for (certificate, words) in [
        (Certificate::expired(), "expired"),
        (Certificate::not_yet_valid(), "not yet valid"),
    ] {
        let told = assert_not_trusted(ask(&certificate, &certificate.certificate, "127.0.0.1"));
        assert!(told.error.contains(words), "{}", told.error);
    }
}

/// A server that the file lists may not vouch for another, whose name it has put into a
/// certificate. Alone in the file, such a certificate stands for a private authority.
#[test]
fn a_server_of_several_in_the_file_vouches_for_nobody() {
    for old in [
        Certificate::version_one(),
        Certificate::for_names("DNS:a.example"),
    ] {
        let one = Authority::by(old);
        let other = Certificate::version_one();
        let both = format!("{}{}", one.certificate, other.certificate);
        let issued = one.issue("IP:127.0.0.1");
        assert_not_trusted(ask(&issued, &both, "127.0.0.1"));
    }
    let old = Authority::by(Certificate::version_one());
    let issued = old.issue("IP:127.0.0.1");
    assert_eq!(ask(&issued, &old.certificate, "127.0.0.1").0.status, 0);
}

#[test]
fn nobody_else_is_trusted() {
    testkit::needs!(Openssl);
    let authority = Authority::new();
    let stranger = Authority::new().issue("IP:127.0.0.1");
    assert_not_trusted(ask(&stranger, &authority.certificate, "127.0.0.1"));
    let alone = Certificate::for_names("IP:127.0.0.1");
    assert_not_trusted(ask(&alone, &authority.certificate, "127.0.0.1"));
    // Nor a self-signed one by the system's bundle, if there is one.
    let front = Front::scripted(&replies::ok(), &[length()]);
    let tls = TlsFront::new(&alone, front.port);
    let settings = [("ECF_HOST_PROTOCOL", "https"), ("ECF_DENIED", "1")];
    let told = client(tls.port, &settings, &[]).task(&["--event=e"]);
    let accepted = [Status::Denied as i32, Status::Config as i32];
    assert!(accepted.contains(&told.status), "{}", told.report);
    assert_eq!(front.count(), 0);
}

#[test]
fn a_backup_behind_https_has_the_command_when_the_primarys_certificate_is_wrong() {
    testkit::needs!(Openssl);
    let authority = Authority::new();
    let front = Front::scripted(&replies::ok(), &[length()]);
    let primary = TlsFront::new(&Certificate::self_signed(), front.port);
    let backup = TlsFront::new(&authority.issue("IP:127.0.0.1"), front.port);
    let client = trusting(&authority.certificate, primary.port, &[]);
    client.set("ECF_HOSTFILE", &hostfile(&[backup.port]));
    let told = client.task(&["--event=e"]);
    assert_left_for_the_backup(&told, primary.port, backup.port, "");
    assert_eq!(front.count(), 1);
}

#[test]
fn a_file_of_authorities_that_is_none_is_an_error_that_names_it() {
    testkit::needs!(Openssl);
    let empty = file("no certificate");
    let missing = path(directory(&[]).join("missing"));
    for bundle in [&empty, &missing] {
        let front = Front::scripted(&replies::ok(), &[length()]);
        let tls = TlsFront::new(&Certificate::self_signed(), front.port);
        let client = trusting("", tls.port, &[("ECF_FAILOVER_CA_FILE", bundle)]);
        let told = client.task(&["--event=e"]);
        assert_status(&told, Status::Config);
        assert!(told.report.contains(bundle), "{}", told.report);
        assert_eq!(front.count(), 0);
    }
}

#[test]
fn a_reply_that_could_have_been_cut_is_none() {
    testkit::needs!(Openssl);
    let certificate = Certificate::for_names("IP:127.0.0.1");
    for (answer, manner, is_whole) in [
        (length(), Manner::Polite, true),
        (length(), Manner::Abrupt, true),
        (chunked(11), Manner::Polite, true),
        (chunked(11), Manner::Abrupt, true),
        (until_close(), Manner::Polite, true),
        (until_close(), Manner::Abrupt, false),
        (cut(1), Manner::Polite, false),
        (cut_chunks(5), Manner::Abrupt, false),
        (Answer::Bytes(Vec::new()), Manner::Polite, false),
        (Answer::Bytes(Vec::new()), Manner::Abrupt, false),
        (Answer::Reset, Manner::Polite, false),
    ] {
        let front = Front::scripted(&replies::ok(), &[answer]);
        let tls = TlsFront::with(manner, &certificate, front.port);
        let client = trusting(&certificate.certificate, tls.port, &[("ECF_DENIED", "1")]);
        let told = client.task(&["--event=e"]);
        match is_whole {
            true => assert_ok(&told, tls.port),
            false => {
                assert_status(&told, Status::Denied);
                assert_ended(&told, tls.port, "UNCONFIRMED", "read", "");
            }
        }
    }
}

#[test]
fn http_and_https_mixed_up_are_told() {
    testkit::needs!(EcflowServer, Openssl);
    let front = Front::scripted(&replies::ok(), &[length()]);
    let certificate = Certificate::for_names("IP:127.0.0.1");
    let client = trusting(&certificate.certificate, front.port, &[("ECF_DENIED", "1")]);
    // The front waits for the end of a head that does not come, as a real one may answer 400.
    client.set("ECF_CONNECT_TIMEOUT", "0.3");
    let told = client.task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    assert_ended(&told, front.port, "NOT_SENT", "tls", "");
    let server = Server::running();
    let plain = trusting(
        &certificate.certificate,
        server.port,
        &[("ECF_DENIED", "1")],
    );
    assert_ended(
        &plain.task(&["--event=e"]),
        server.port,
        "NOT_SENT",
        "tls",
        "no TLS",
    );
    let tls = TlsFront::new(&certificate, front.port);
    let settings = [("ECF_HOST_PROTOCOL", "http"), ("ECF_DENIED", "1")];
    let told = super::common_ground::client(tls.port, &settings, &[]).task(&["--event=e"]);
    assert_status(&told, Status::Denied);
    for (outcome, ..) in told.at(tls.port) {
        assert_eq!(outcome, "UNCONFIRMED");
    }
    assert_eq!(front.count(), 0);
}

#[test]
fn a_token_goes_to_https_by_its_own_address() {
    testkit::needs!(Openssl);
    let front = Front::scripted(&replies::ok(), &[length()]);
    let certificate = Certificate::for_names("IP:127.0.0.1");
    let tls = TlsFront::new(&certificate, front.port);
    let tokens = file(
        r#"{"version":1,"tokens":[
        {"type":"bearer","server":"http://.*","api":{"url":"","key":"for-the-clear","email":""}},
        {"type":"bearer","server":"https://127.0.0.1:[0-9]+","api":{"url":"","key":"open-sesame","email":""}}]}"#,
    );
    let client = trusting(
        &certificate.certificate,
        tls.port,
        &[("ECF_AUTHTOKENS", &tokens)],
    );
    assert_ok(&client.task(&["--event=e"]), tls.port);
    assert_eq!(
        front.requests()[0].header("Authorization"),
        ["Bearer open-sesame"]
    );
}
