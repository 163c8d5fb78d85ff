//! What is told of words, keys and deadlines that cannot be kept: the right name, and no secret.

use ecf_failover::client::Client;
use ecf_failover::config::Configuration;
use ecf_failover::model::{Kind, Outcome, Status};

use testkit::{Handle, Peer, refused_port, replies};

fn handle(password: &str) -> Handle {
    Handle::quick(refused_port(), &[("ECF_PASS", password)])
}

/// The words of an error where the job's password is one of the words that are told.
fn told_with(password: &str, argv: &[&str]) -> (String, String) {
    let mut configuration = Configuration::new();
    for (key, value) in [("ECF_NAME", "/s/f/t"), ("ECF_PASS", password)] {
        assert_eq!(configuration.set(key.as_bytes(), value.as_bytes()), Ok(()));
    }
    let argv: Vec<_> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
    let reply = Client::new(configuration).send_any(&argv);
    assert_eq!(reply.status, Status::Argument);
    let error = String::from_utf8(reply.error.clone()).unwrap();
    (error, reply.report())
}

#[test]
fn a_password_that_is_the_name_of_an_option_does_not_change_what_is_told() {
    for password in ["meter", "step", "a whole number", "--meter"] {
        let (error, report) = told_with(password, &["--meter=step", "abc"]);
        let wanted = "--meter: \"abc\" is not a whole number of 32 bits";
        assert_eq!(error, wanted, "{password}");
        assert!(report.contains("--meter: \\\"abc\\\" is not"), "{report}");
    }
    let (error, _) = told_with("meter", &["--met", "abc"]);
    assert_eq!(error, "--meter: takes a name and a whole number");
    let (error, _) = told_with("label", &["--meter=m", "1", "--label=l", "x"]);
    assert!(error.starts_with("--meter and --label are two"), "{error}");
}

#[test]
fn a_word_that_holds_a_password_is_not_shown_and_all_others_are() {
    for (argv, wanted) in [
        (
            &["--meter=step", "sesame"][..],
            "--meter: (hidden: it holds a password) is not a whole number",
        ),
        (
            &["--meter=step", "12sesame"],
            "--meter: (hidden: it holds a password) is not",
        ),
        (
            &["sesame"],
            "(hidden: it holds a password) belongs to no option",
        ),
        (
            &["--sesame=1"],
            "(hidden: it holds a password) is not an option",
        ),
        (&["--nosuch=sesame"], "\"--nosuch\" is not an option"),
        (
            &["--init=1", "--add", "sesame"],
            "--add: (hidden: it holds a password) is not NAME=VALUE",
        ),
        (
            &["--event=sesame", "sesame"],
            "--event: (hidden: it holds a password) is neither",
        ),
        (
            &["--load=/no/sesame.def"],
            "--load: cannot read (hidden: it holds a password)",
        ),
        (
            &["--meter=sesame", "abc"],
            "--meter: \"abc\" is not a whole number",
        ),
    ] {
        let client = handle("sesame");
        let told = if argv[0].starts_with("--load") {
            client.user(argv)
        } else {
            client.task(argv)
        };
        assert!(told.error.starts_with(wanted), "{argv:?}: {}", told.error);
        assert!(!told.report.contains("sesame"), "{}", told.report);
    }
    // A password of the command line, also a short one that nobody quoted, and in pieces.
    let client = handle("sesame");
    for argv in [
        &["--ping", "--password", "x y", "z"][..],
        &["--ping", "--password=x", "y", "z"],
        &["--suspend", "z", "--password=z"],
        &["--group=ses;ame"],
        &["--group=--nosuch=x;sesame y"],
    ] {
        let told = client.user(argv);
        assert_eq!(told.status, Status::Argument as i32, "{}", told.error);
        assert!(
            !told.error.contains("\"z\"") && !told.error.contains("sesame"),
            "{}",
            told.error
        );
    }
    let told = handle("zq;zw").user(&["--group=ping;xzq;zw"]);
    assert_eq!(told.status, Status::Argument as i32);
    assert!(!told.error.contains("zq"), "{}", told.error);
}

/// What the stock client puts up with in its environment and this one does not, with the words that
/// say what to write.
const PUT_UP_WITH: [(&str, &str, &str); 10] = [
    ("ECF_PORT", "0", "a whole number from 1 to 65535"),
    ("ECF_HOSTFILE", " ", "give a path"),
    (
        "ECF_HOSTFILE_POLICY",
        "tasks",
        "give one of task, all, none",
    ),
    ("ECF_TIMEOUT", "0", "give seconds as a positive number"),
    ("ECF_TIMEOUT", "24h", "give seconds as a positive number"),
    (
        "ECF_ZOMBIE_TIMEOUT",
        "12h",
        "give seconds as a positive number",
    ),
    (
        "ECF_CONNECT_TIMEOUT",
        "5s",
        "give seconds as 0 or a positive number",
    ),
    ("ECF_TRYNO", "abc", "give a whole number from 0"),
    (
        "ECF_HOST_PROTOCOL",
        "tcp",
        "give one of plain, ssl, http, https",
    ),
    ("ECF_SSL", "0", "any value means on"),
];

/// A client with these variables in its environment.
fn in_environment(variables: &[(&str, &str)]) -> Client {
    Client::new(Configuration::read(|name| {
        let found = variables.iter().rfind(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_bytes().to_vec())
    }))
}

#[test]
fn check_lists_every_variable_that_is_refused_with_what_to_write() {
    let documented = include_str!("../../../docs/differences.md");
    for variables in [&PUT_UP_WITH[..4], &PUT_UP_WITH[4..]] {
        let pairs: Vec<_> = variables
            .iter()
            .map(|(key, value, _)| (*key, *value))
            .collect();
        let check = in_environment(&pairs).check();
        for (key, value, right) in variables {
            let begin = format!("{key}=\"{value}\": ");
            let line = check.lines().find(|line| line.starts_with(&begin));
            let line = line.unwrap_or_else(|| panic!("{begin} is missing: {check}"));
            assert!(line.contains(right), "{line}");
        }
    }
    for (key, value, _) in PUT_UP_WITH {
        assert!(
            documented.contains(&format!("| {key}={value}")),
            "{key}={value}"
        );
    }
}

#[test]
fn a_malformed_key_that_a_command_does_not_need_is_a_warning() {
    let well = Peer::answering(&replies::ok());
    for (key, value, task_needs, user_needs) in [
        ("ECF_HOSTFILE_POLICY", "tasks", true, true),
        ("ECF_FAILOVER_SILENCE", "long", false, false),
        ("ECF_FAILOVER_REPEATABLE", "maybe", false, false),
        ("ECF_FAILOVER_HOST_PERIOD", "x", true, true),
        ("ECF_TRYNO", "abc", true, false),
        ("ECF_PORT", "abc", true, true),
    ] {
        let client = in_environment(&[
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &well.port.to_string()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "pass"),
            ("ECF_RID", "1"),
            (key, value),
        ]);
        let task = client.send_task(&[b"--event=e".to_vec()]);
        let user = client.send_user(&[b"--ping".to_vec()]);
        for (reply, is_needed) in [(task, task_needs), (user, user_needs)] {
            let report = reply.report();
            if is_needed {
                assert_eq!(reply.status, Status::Config, "{key}: {report}");
            } else {
                assert_eq!(reply.status, Status::Ok, "{key}: {report}");
                let told = format!("{key}=\\\"{value}\\\": ");
                assert!(report.contains(&told), "{report}");
            }
        }
        let delegated = client.delegate(Kind::User, &[], &mut |_| Outcome::Ok);
        let is_needed = user_needs || key == "ECF_FAILOVER_REPEATABLE";
        assert_eq!(delegated.status == Status::Config, is_needed, "{key}");
    }
}

#[test]
fn a_value_of_blanks_is_refused_by_every_key_that_takes_no_text() {
    let client = Handle::new(&[]);
    for key in ecf_failover::config::KEYS {
        let takes_text = key.values == "text" || key.is_flag || key.name == "ECF_SSL";
        let status = client.set(key.name, " \t");
        let wanted = if takes_text {
            Status::Ok
        } else {
            Status::Argument
        };
        assert_eq!(status, wanted, "{}", key.name);
    }
}

#[test]
fn the_words_that_a_key_takes_are_told_without_an_empty_one() {
    for (key, words) in [
        ("ECF_FAILOVER_ON_ZOMBIE", "give one of rotate, stay"),
        ("ECF_FAILOVER_MEMORY", "give one of off, handle, node"),
        ("ECF_FAILOVER_REPEATABLE", "give one of yes, ordered, no"),
    ] {
        let client = Handle::new(&[]);
        let told = client.delegate(
            ecf_failover::model::Kind::User,
            &[(key, "perhaps")],
            &mut |_| 0,
        );
        assert_eq!(told.status, Status::Argument as i32);
        assert!(told.error.ends_with(words), "{}", told.error);
    }
}

#[test]
fn help_and_version_are_told_whatever_is_wrong_with_the_settings() {
    for (key, value) in [
        ("NO_ECF", "1"),
        ("ECF_DENIED", "1"),
        ("ECF_NAME", "no path"),
    ] {
        let client = Handle::new(&[(key, value)]);
        let help = client.user(&["--help"]);
        assert_eq!(help.status, 0, "{}", help.error);
        assert!(help.text.starts_with(b"Task commands:\n"), "{key}");
        let version = client.task(&["--version"]);
        assert!(version.text.starts_with(b"Ecflow version("), "{key}");
        assert!(
            client
                .task(&["--help=meter"])
                .text
                .starts_with(b"--meter NAME NUMBER\n")
        );
        // What is wrong with the words is told as ever.
        assert_ne!(client.user(&["--help", "--nosuch"]).text, help.text);
    }
}

#[test]
fn help_is_told_while_a_variable_is_malformed() {
    for (key, value) in [("ECF_PORT", "abc"), ("ECF_TIMEOUT", "soon"), ("NO_ECF", "")] {
        let lookup = |name: &str| (name == key).then(|| value.as_bytes().to_vec());
        let client = Client::new(Configuration::read(lookup));
        for send in [Client::send_task, Client::send_user, Client::send_any] {
            for (argv, begin) in [("--help", "Task commands:"), ("-v", "Ecflow version(")] {
                let reply = send(&client, &[argv.as_bytes().to_vec()]);
                assert_eq!(reply.status, Status::Ok, "{key}");
                assert!(reply.text.starts_with(begin.as_bytes()), "{key} {argv}");
            }
        }
        let reply = client.send_any(&[b"--ping".to_vec()]);
        assert_eq!(reply.status == Status::Config, key != "NO_ECF");
    }
}

#[test]
fn the_limit_that_ended_a_command_is_named_with_its_value() {
    let zombie = Peer::answering(&replies::zombie());
    let waiting = Peer::answering(&replies::wait());
    let refused = refused_port();
    for (port, settings, argv, wanted) in [
        (
            refused,
            &[("ECF_TIMEOUT", "0.15")][..],
            "--meter=m",
            "ECF_TIMEOUT (0.15 s)",
        ),
        (
            refused,
            &[("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.25")],
            "--meter=m",
            "ECF_FAILOVER_PROGRESS_TIMEOUT (0.25 s)",
        ),
        (
            refused,
            &[
                ("ECF_FAILOVER_PROGRESS_TIMEOUT", "30"),
                ("ECF_TIMEOUT", "0.2"),
            ],
            "--meter=m",
            "ECF_TIMEOUT (0.2 s)",
        ),
        (
            refused,
            &[
                ("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.1"),
                ("ECF_TIMEOUT", "0.3"),
            ],
            "--queue=q",
            "ECF_TIMEOUT (0.3 s)",
        ),
        (
            zombie.port,
            &[("ECF_ZOMBIE_TIMEOUT", "0.2")],
            "--meter=m",
            "ECF_ZOMBIE_TIMEOUT (0.2 s)",
        ),
        (
            zombie.port,
            &[("ECF_ZOMBIE_TIMEOUT", "20"), ("ECF_TIMEOUT", "0.3")],
            "--meter=m",
            "ECF_TIMEOUT (0.3 s)",
        ),
        (
            waiting.port,
            &[("ECF_FAILOVER_WAIT_TIMEOUT", "0.6"), ("ECF_TIMEOUT", "0.2")],
            "--wait",
            "ECF_FAILOVER_WAIT_TIMEOUT (0.6 s)",
        ),
    ] {
        for profile in ["ecflow", "fast"] {
            let client = Handle::quick(port, settings);
            client.set("ECF_FAILOVER_PROFILE", profile);
            client.set("ECF_FAILOVER_MEMORY", "off");
            let word = if argv == "--queue=q" { "reset" } else { "1" };
            let told = client.task(&[argv, word]);
            assert_eq!(told.status, Status::Timeout as i32, "{}", told.error);
            let begin = format!("{wanted} was reached before a server confirmed the command; ");
            assert!(
                told.summary().starts_with(&begin),
                "{profile}: {}",
                told.summary()
            );
        }
    }
}
