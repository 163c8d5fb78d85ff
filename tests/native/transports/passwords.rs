//! Users and their passwords: what a real server lets in, and that nobody else hears of them.

use ecf_failover::model::Status;
use std::sync::Mutex;

use super::common_ground::*;
use testkit::http_front::Front;
use testkit::{Act, Handle, Peer, Program, Server, frame, machine_name, password_file, replies};

/// Passwords, and what crypt makes of them for fred and root.
const SECRETS: [&str; 5] = [
    "open-sesame",
    "the-wrong-one",
    "frlSCQh.Fp9cw",
    "fr2DXH0HKOnfo",
    "robl/JjzHal/A",
];

/// The login name of this process.
fn login_name() -> String {
    let name = Program::new("id", &[]).args(&["-un"]).succeed();
    name.trim().to_owned()
}

/// A password file for this server, as a client names it; each row is `user password`.
fn passwords(server: &Server, rows: &[&str]) -> String {
    file(&password_file("127.0.0.1", server.port, rows))
}

/// Sends a user command and wants this end, and no secret in anything that is told.
#[track_caller]
fn assert_ends(server: &Server, settings: &[(&str, &str)], argv: &[&str], end: Status) -> String {
    let lines = Mutex::default();
    let client = Handle::quick(server.port, &[("ECF_NAME", "")]);
    client.keep_log(&lines);
    for (key, value) in settings {
        client.set(key, value);
    }
    let told = client.user(argv);
    let check = client.check();
    drop(client);
    assert_status(&told, end);
    if end == Status::Config || end == Status::Argument {
        assert_eq!(told.attempts, 0, "{}", told.report);
    }
    let text = String::from_utf8_lossy(&told.text).into_owned();
    let lines = lines.into_inner().unwrap().join("\n");
    for told in [&text, &told.error, &told.report, &check, &lines] {
        for secret in SECRETS {
            assert!(!told.contains(secret), "{secret} is told: {told}");
        }
    }
    format!("{}\n{}", told.error, told.summary())
}

#[test]
fn the_login_name_is_let_in_with_its_password_only() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &[]);
    let right = passwords(&server, &[&row]);
    let wrong = passwords(&server, &[&format!("{} the-wrong-one", login_name())]);
    let of_others = passwords(&server, &["somebody-else open-sesame"]);
    let missing = path(directory(&[]).join("missing"));
    let suspend = &["--suspend", "/s/f/t"];
    assert_ends(&server, &[("ECF_PASSWD", &right)], suspend, Status::Ok);
    assert_eq!(server.query("dstate", ""), "suspended");
    assert_ends(&server, &[("ECF_PASSWD", &right)], &["--ping"], Status::Ok);
    let resume = &["--resume", "/s/f/t"];
    for settings in [
        &[("ECF_PASSWD", wrong.as_str())][..],
        &[("ECF_PASSWD", &of_others)],
        &[("ECF_PASSWD", &missing)],
        &[],
    ] {
        let words = assert_ends(&server, settings, resume, Status::Rejected);
        assert!(words.contains("authentication failed"), "{words}");
    }
    assert_eq!(server.query("dstate", ""), "suspended");
}

#[test]
fn only_the_first_eight_characters_matter() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &[]);
    let longer = passwords(&server, &[&format!("{} open-sesXYZ", login_name())]);
    let shorter = passwords(&server, &[&format!("{} open-se", login_name())]);
    assert_ends(&server, &[("ECF_PASSWD", &longer)], &["--ping"], Status::Ok);
    assert_ends(
        &server,
        &[("ECF_PASSWD", &shorter)],
        &["--ping"],
        Status::Rejected,
    );
}

#[test]
fn the_row_of_this_machines_name_serves_for_its_other_names() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &[]);
    let wrong = format!("{} the-wrong-one", login_name());
    let ours = password_file(&machine_name(), server.port, &[&row]);
    let by_machine = file(&ours);
    assert_ends(
        &server,
        &[("ECF_PASSWD", &by_machine)],
        &["--ping"],
        Status::Ok,
    );
    let by_both = file(
        &(password_file("127.0.0.1", server.port, &[&wrong])
            + ours.split_once("password\n").unwrap().1),
    );
    assert_ends(
        &server,
        &[("ECF_PASSWD", &by_both)],
        &["--ping"],
        Status::Rejected,
    );
    let other_port = file(&password_file("127.0.0.1", server.port - 1, &[&row]));
    assert_ends(
        &server,
        &[("ECF_PASSWD", &other_port)],
        &["--ping"],
        Status::Rejected,
    );
}

#[test]
fn a_custom_user_is_let_in_with_the_custom_password_only() {
    testkit::needs!(EcflowServer);
    let server = Server::with_passwords(&[], &["fred open-sesame", "anna secret"]);
    let right = passwords(&server, &["fred open-sesame"]);
    let wrong = passwords(&server, &["fred the-wrong-one"]);
    let suspend = &["--suspend", "/s/f/t"];
    let fred = ("ECF_USER", "fred");
    let file = ("ECF_CUSTOM_PASSWD", right.as_str());
    assert_ends(&server, &[fred, file], suspend, Status::Ok);
    assert_eq!(server.query("dstate", ""), "suspended");
    let resume = ["--resume", "/s/f/t"];
    let words = assert_ends(
        &server,
        &[fred, ("ECF_CUSTOM_PASSWD", &wrong)],
        &resume,
        Status::Rejected,
    );
    assert!(words.contains("authentication failed"), "{words}");
    assert_eq!(server.query("dstate", ""), "suspended");
    // By arguments, which come first.
    let argument = |words: &[&str], settings: &[(&str, &str)], end| {
        assert_ends(&server, settings, &[&resume[..], words].concat(), end)
    };
    argument(&["--user=fred"], &[file], Status::Ok);
    argument(
        &["--user", "fred", "--password", "open-sesame"],
        &[],
        Status::Ok,
    );
    argument(
        &["--user=fred", "--password=open-sesame"],
        &[("ECF_USER", "anna")],
        Status::Ok,
    );
    argument(
        &["--password=open-sesame"],
        &[fred, ("ECF_CUSTOM_PASSWD", &wrong)],
        Status::Ok,
    );
    argument(
        &["--user=fred", "--password=the-wrong-one"],
        &[file],
        Status::Rejected,
    );
    argument(
        &["--user=nobody", "--password=open-sesame"],
        &[],
        Status::Rejected,
    );
}

#[test]
fn a_custom_user_without_a_password_is_not_sent() {
    testkit::needs!(EcflowServer);
    let server = Server::with_passwords(&[], &["fred open-sesame"]);
    let others = passwords(&server, &["anna open-sesame"]);
    let ordinary = passwords(&server, &["fred open-sesame"]);
    let missing = path(directory(&[]).join("missing"));
    let fred = ("ECF_USER", "fred");
    for settings in [
        &[fred][..],
        &[fred, ("ECF_CUSTOM_PASSWD", others.as_str())],
        &[fred, ("ECF_CUSTOM_PASSWD", &missing)],
        // That file is the login name's.
        &[fred, ("ECF_PASSWD", &ordinary)],
    ] {
        let words = assert_ends(&server, settings, &["--ping"], Status::Config);
        assert!(words.contains("fred"), "{words}");
    }
    assert_ends(&server, &[], &["--ping", "--user=fred"], Status::Config);
    assert_eq!(server.logged("fred"), 0);
}

#[test]
fn ordinary_and_custom_users_have_passwords_of_their_own() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &["fred secret"]);
    let ordinary = passwords(&server, &[&row, "fred the-wrong-one"]);
    let custom = passwords(&server, &["fred secret"]);
    let both = [
        ("ECF_PASSWD", ordinary.as_str()),
        ("ECF_CUSTOM_PASSWD", custom.as_str()),
    ];
    assert_ends(&server, &both, &["--ping"], Status::Ok);
    assert_ends(&server, &both, &["--ping", "--user=fred"], Status::Ok);
    let swapped = [
        ("ECF_PASSWD", custom.as_str()),
        ("ECF_CUSTOM_PASSWD", ordinary.as_str()),
    ];
    assert_ends(&server, &swapped, &["--ping"], Status::Rejected);
    assert_ends(
        &server,
        &swapped,
        &["--ping", "--user=fred"],
        Status::Rejected,
    );
}

#[test]
fn a_password_in_the_arguments_is_the_login_names_where_no_user_is_named() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &[]);
    let ping = |password: &str| {
        let argument = format!("--password={password}");
        let client = Handle::quick(server.port, &[]);
        let told = client.user(&["--ping", &argument]);
        for text in [&told.error, &told.report] {
            assert!(!text.contains(password), "{text}");
        }
        told.status
    };
    let refused = Status::Argument as i32;
    let right = ping("open-sesame");
    assert!(right == 0 || right == refused, "{right}");
    let wrong = ping("the-wrong-one");
    assert!(
        wrong == Status::Rejected as i32 || wrong == refused,
        "{wrong}"
    );
}

#[test]
fn a_name_that_crypt_cannot_use_is_sent_as_the_real_client_sends_it() {
    testkit::needs!(EcflowServer);
    let server = Server::with_passwords(&[], &["x open-sesame", "a_b open-sesame"]);
    for user in ["x", "a_b"] {
        let user = ("ECF_USER", user);
        let row = format!("{} the-wrong-one", user.1);
        let any = passwords(&server, &[&row]);
        assert_ends(
            &server,
            &[user, ("ECF_CUSTOM_PASSWD", &any)],
            &["--ping"],
            Status::Ok,
        );
    }
}

#[test]
fn what_is_sent_is_crypts_text_and_never_the_password() {
    let peer = Peer::answering(&replies::ok());
    let row = "fred secret";
    let custom = file(&password_file("127.0.0.1", peer.port, &[row]));
    let own = format!("{} rootpw", login_name());
    let ordinary = file(&password_file("127.0.0.1", peer.port, &[&own]));
    let client = Handle::quick(
        peer.port,
        &[("ECF_CUSTOM_PASSWD", &custom), ("ECF_PASSWD", &ordinary)],
    );
    assert_ok(&client.user(&["--ping", "--user=fred"]), peer.port);
    assert_ok(&client.user(&["--ping"]), peer.port);
    assert_ok(&client.task(&["--event=e"]), peer.port);
    let requests = peer.requests();
    let requests: Vec<_> = requests
        .iter()
        .map(|r| String::from_utf8_lossy(&r[8..]))
        .collect();
    for request in &requests {
        assert!(
            !request.contains("secret") && !request.contains("rootpw"),
            "{request}"
        );
    }
    let quoted = |text: &str| format!("\"{text}\"");
    assert!(
        requests[0].contains(&quoted("frrkUcE9qDkFs")),
        "{}",
        requests[0]
    );
    assert!(requests[0].contains("\"cu_\""), "{}", requests[0]);
    assert!(requests[0].contains(&quoted("fred")), "{}", requests[0]);
    assert!(requests[1].contains("\"pswd_\""), "{}", requests[1]);
    assert!(!requests[1].contains("\"cu_\""), "{}", requests[1]);
    if login_name() == "root" {
        assert!(
            requests[1].contains(&quoted("roPjs71m8S6JA")),
            "{}",
            requests[1]
        );
    }
    // A job has no user.
    for member in ["\"pswd_\"", "\"cu_\"", "\"user_\""] {
        assert!(!requests[2].contains(member), "{}", requests[2]);
    }
}

#[test]
fn crypts_text_is_told_nowhere_even_if_a_server_repeats_it() {
    let words = "no entry for fred frrkUcE9qDkFs";
    let lines = Mutex::default();
    let peer = Peer::new(&[Act::Answer(frame(replies::error(words).as_bytes()))]);
    let custom = file(&password_file("127.0.0.1", peer.port, &["fred secret"]));
    let settings = [("ECF_CUSTOM_PASSWD", custom.as_str()), ("ECF_USER", "fred")];
    let client = Handle::quick(peer.port, &settings);
    client.keep_log(&lines);
    let told = client.user(&["--ping"]);
    assert_status(&told, Status::Rejected);
    let check = client.check();
    drop(client);
    let lines = lines.into_inner().unwrap().join("\n");
    for text in [&told.error, &told.report, &check, &lines] {
        assert!(!text.contains("frrkUcE9qDkFs"), "{text}");
    }
}

#[test]
fn a_password_file_that_cannot_be_read_is_an_error_that_names_file_and_line() {
    testkit::needs!(EcflowServer);
    let server = Server::with_passwords(&[], &["fred open-sesame"]);
    let row = format!("fred 127.0.0.1 {} open-sesame\n", server.port);
    let cases = [
        // (text, line)
        (format!("4.5.0\n{row}fred 127.0.0.1 open-sesame\n"), 3),
        (
            format!(
                "4.5.0\n# comment\nfred 127.0.0.1 {} open sesame\n",
                server.port
            ),
            3,
        ),
        (format!("4.5.0\nopen-sesame\n{row}"), 2),
        (row.clone(), 1),
        (format!("open-sesame\n{row}"), 1),
        (format!("4.4.0\n{row}"), 1),
        (format!("# comment\n\nopen-sesame.5.0\n{row}"), 3),
    ];
    for (text, line) in &cases {
        let file = file(text);
        for (key, user) in [("ECF_PASSWD", ""), ("ECF_CUSTOM_PASSWD", "fred")] {
            let settings = [(key, file.as_str()), ("ECF_USER", user)];
            let words = assert_ends(&server, &settings, &["--ping"], Status::Config);
            assert!(words.contains(&file), "{text}: {words}");
            assert!(
                words.contains(&format!(":{line}")) || words.contains(&format!("line {line}")),
                "{text}: {words}"
            );
        }
    }
}

#[test]
fn comments_blanks_and_empty_lines_in_a_password_file_are_nothing() {
    testkit::needs!(EcflowServer);
    let server = Server::with_passwords(&[], &["fred open-sesame"]);
    let port = server.port;
    for text in [
        format!("# first\n\n4.5.0 # version\n\n  fred\t127.0.0.1   {port} open-sesame   # Fred\n"),
        format!("5.9.2\nanna 127.0.0.1 {port} secret\nfred 127.0.0.1 {port} open-sesame"),
        format!(
            "5.0.0\nfred other {port} the-wrong-one\nfred 127.0.0.1 1 the-wrong-one\nfred 127.0.0.1 {port} open-sesame\n"
        ),
    ] {
        let file = file(&text);
        let settings = [("ECF_CUSTOM_PASSWD", file.as_str()), ("ECF_USER", "fred")];
        assert_ends(&server, &settings, &["--ping"], Status::Ok);
        // The real client reads it so too.
        let theirs = testkit::ecflow_client(port, &settings);
        assert!(
            theirs
                .args(&["--ping"])
                .succeed()
                .starts_with("ping server")
        );
    }
}

#[test]
fn a_server_without_password_files_refuses_a_password() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let ordinary = passwords(&server, &[&format!("{} open-sesame", login_name())]);
    assert_ends(
        &server,
        &[("ECF_PASSWD", &ordinary)],
        &["--ping"],
        Status::Rejected,
    );
    assert_ends(&server, &[], &["--ping"], Status::Ok);
}

#[test]
fn task_commands_need_no_password() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &["fred secret"]);
    for settings in [
        &[][..],
        &[("ECF_USER", "fred")],
        &[("ECF_PASSWD", "/no/such/file")],
    ] {
        let client = Handle::quick(server.port, settings);
        assert_ok(&client.task(&["--meter=m", "3"]), server.port);
    }
    assert_eq!(server.query("meter", "m"), "3");
}

#[test]
fn a_backup_gets_the_password_that_its_own_row_has() {
    testkit::needs!(EcflowServer);
    let login = login_name();
    let rows = ["open-sesame", "the-wrong-one"].map(|password| format!("{login} {password}"));
    let mut primary = Server::with_passwords(&[&rows[0]], &[]);
    let backup = Server::with_passwords(&[&rows[1]], &[]);
    let [first, second] = [&primary, &backup].map(|server| server.port);
    let ours = password_file("127.0.0.1", first, &[&rows[0]]);
    let theirs = password_file("127.0.0.1", second, &[&rows[1]]);
    let theirs = theirs.split_once("password\n").unwrap().1;
    let client = Handle::quick(
        first,
        &[
            ("ECF_PASSWD", &file(&(ours + theirs))),
            ("ECF_HOSTFILE", &hostfile(&[second])),
            ("ECF_HOSTFILE_POLICY", "all"),
        ],
    );
    assert_ok(&client.user(&["--suspend", "/s/f/t"]), first);
    primary.kill();
    assert_ok(&client.user(&["--suspend", "/s/f/t"]), second);
    assert_eq!(backup.query("dstate", ""), "suspended");
}

#[test]
fn passwords_go_through_http_as_well() {
    testkit::needs!(EcflowServer);
    let row = format!("{} open-sesame", login_name());
    let server = Server::with_passwords(&[&row], &["fred secret"]);
    let front = Front::of(server.port);
    let ordinary = file(&password_file("127.0.0.1", front.port, &[&row]));
    let settings = [
        ("ECF_HOST_PROTOCOL", "http"),
        ("ECF_PASSWD", ordinary.as_str()),
    ];
    let client = Handle::quick(front.port, &settings);
    assert_ok(&client.user(&["--ping"]), front.port);
    assert_ok(
        &client.user(&["--ping", "--user=fred", "--password=secret"]),
        front.port,
    );
    let refused = client.user(&["--ping", "--user=fred", "--password=other"]);
    assert_status(&refused, Status::Rejected);
}
