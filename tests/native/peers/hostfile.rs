//! The hostfile while commands run.

use ecf_failover::model::Status;
use std::fs;

use testkit::{Act, Handle, Peer, Program, frame, refused_port, replies, scratch};

#[test]
fn an_entry_without_a_port_means_3141_or_the_primarys() {
    let hostfile = scratch("default-port").join("hosts");
    fs::write(&hostfile, "127.0.0.2\n127.0.0.3:77\n").unwrap();
    for (default_port, first) in [("", 3141), ("4000", 4000), ("primary", 9)] {
        let client = Handle::quick(
            9,
            &[
                ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
                ("ECF_FAILOVER_DEFAULT_PORT", default_port),
                ("ECF_TIMEOUT", "0.3"),
            ],
        );
        let mut seen = Vec::new();
        client.delegate(ecf_failover::model::Kind::Task, &[], &mut |attempt| {
            seen.push(unsafe { ecf_failover::ffi::ecf_attempt_port(attempt) });
            5
        });
        assert_eq!(seen[..5], [9, 9, first, first, 77], "{default_port}");
    }
}

#[test]
fn a_line_without_a_port_beside_another_primarys_port_is_told() {
    let hostfile = scratch("no-port").join("hosts");
    let path = hostfile.to_str().unwrap();
    let backup = Peer::answering(&replies::ok());
    fs::write(&hostfile, format!("127.0.0.1:{}\n127.0.0.9\n", backup.port)).unwrap();
    let client = Handle::quick(refused_port(), &[("ECF_HOSTFILE", path)]);
    let told = client.task(&["--event=e"]);
    assert_eq!(told.status, 0, "{}", told.report);
    for place in [told.warnings(), client.check()] {
        assert!(place.contains(":2: no port, so 3141"), "{place}");
        assert!(place.contains("stock clients"), "{place}");
    }
}

#[test]
fn bad_lines_are_named_and_cost_nothing_else() {
    let backup = Peer::answering(&replies::ok());
    let hostfile = scratch("bad-lines").join("hosts");
    let text = format!(
        "\u{feff}# list\r\nb1:0\r\n\tb:1 2:x\r\n127.0.0.1:{}",
        backup.port
    );
    fs::write(&hostfile, text).unwrap();
    let path = hostfile.to_str().unwrap();
    let client = Handle::quick(refused_port(), &[("ECF_HOSTFILE", path)]);
    // The name b is tried first and cannot be resolved.
    let told = client.task(&["--event=e"]);
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    let check = client.check();
    let lines: Vec<_> = check.lines().collect();
    assert_eq!(lines.len(), 2, "{check}");
    assert!(
        lines[0].starts_with(&format!("{path}:2: \"b1:0\"")),
        "{check}"
    );
    assert!(lines[1].starts_with(&format!("{path}:3: ")), "{check}");
    assert!(
        told.report.contains(&format!("{path}:2: ")),
        "{}",
        told.report
    );
}

#[test]
fn why_there_are_no_backups_is_told_where_the_failure_is_told() {
    let directory = scratch("no-backups");
    let empty = directory.join("empty");
    let good = directory.join("good");
    fs::write(&empty, "# nobody\n").unwrap();
    fs::write(&good, "127.0.0.1:1\n").unwrap();
    let missing = directory.join("missing");
    let (missing, empty) = (missing.to_str().unwrap(), empty.to_str().unwrap());
    let good = good.to_str().unwrap();
    let reads = |path: &str, why: &str| format!("no backups: {path}: {why} (ECF_HOSTFILE)");
    let never = |why: &str| format!("the hostfile is never used, because {why}");
    let denied = never("ECF_DENIED is set (empty counts, too)");
    for (settings, kind, wanted) in [
        (
            vec![("ECF_HOSTFILE", missing)],
            "task",
            reads(missing, "No such file or directory (os error 2)"),
        ),
        (
            vec![("ECF_HOSTFILE", empty)],
            "task",
            reads(empty, "no host in it"),
        ),
        (vec![], "task", String::new()),
        (vec![], "user", String::new()),
        (
            vec![("ECF_HOSTFILE", good)],
            "user",
            "no backups: by ECF_HOSTFILE_POLICY (task) they are for task commands only".to_owned(),
        ),
        (vec![("ECF_HOSTFILE", good)], "task", String::new()),
        (
            vec![("ECF_HOSTFILE", good), ("ECF_DENIED", "1")],
            "task",
            denied,
        ),
        (
            vec![("ECF_HOSTFILE", good), ("ECF_HOSTFILE_POLICY", "none")],
            "task",
            never("ECF_HOSTFILE_POLICY is none"),
        ),
    ] {
        let client = Handle::quick(refused_port(), &settings);
        client.set("ECF_TIMEOUT", "0.2");
        let told = match kind {
            "task" => client.task(&["--event=e"]),
            _ => client.user(&["--ping"]),
        };
        assert_ne!(told.status, 0);
        let last = told.error.lines().last().unwrap();
        let about_backups = last.contains("backups") || last.contains("hostfile");
        assert_eq!(
            about_backups,
            !wanted.is_empty(),
            "{settings:?}: {}",
            told.error
        );
        if about_backups {
            assert_eq!(last, wanted, "{settings:?}");
            assert!(told.warnings().contains(&wanted), "{}", told.report);
        }
        if wanted.contains("never used") {
            assert!(client.check().contains(&wanted), "{}", client.check());
            let text = client
                .explain(ecf_failover::model::Kind::Task, 1_000)
                .unwrap();
            assert!(text.ends_with(&format!("# {wanted}\n")), "{text}");
        }
    }
    // Explain tells what is wrong with a hostfile that is used, and nothing to those who do not.
    for (text, line) in [
        ("", "no backups: "),
        ("b1:x\n", "no backups: "),
        ("b1:x\nb2:4000\n", ":1: "),
        ("b1\n", "3141"),
    ] {
        let file = scratch("explained").join("hosts");
        fs::write(&file, text).unwrap();
        let client = Handle::quick(39_141, &[("ECF_HOSTFILE", file.to_str().unwrap())]);
        let told = client
            .explain(ecf_failover::model::Kind::Task, 1_000)
            .unwrap();
        let remarks: Vec<_> = told.lines().filter(|line| line.starts_with('#')).collect();
        let is_told = remarks.iter().any(|remark| remark.contains(line));
        assert!(is_told && remarks.len() <= 2, "{text:?}: {told}");
        let user = client
            .explain(ecf_failover::model::Kind::User, 1_000)
            .unwrap();
        assert!(!user.contains('#'), "{user}");
    }
    let primary = Peer::answering(&replies::ok());
    let well = Handle::quick(primary.port, &[]).task(&["--event=e"]);
    assert!(
        well.warnings().is_empty() || well.warnings() == "[]",
        "{}",
        well.report
    );
}

#[test]
fn without_a_readable_hostfile_the_primary_alone_is_tried_round_and_round() {
    let directory = scratch("unreadable");
    for path in [directory.join("missing"), directory.clone()] {
        let primary = Peer::new(&[
            Act::Reset,
            Act::Reset,
            Act::Reset,
            Act::Reset,
            Act::CloseAfterRequest,
        ]);
        let client = Handle::quick(
            primary.port,
            &[
                ("ECF_HOSTFILE", path.to_str().unwrap()),
                ("ECF_TIMEOUT", "0.4"),
            ],
        );
        let told = client.task(&["--event=e"]);
        assert_eq!(told.status, Status::Timeout as i32);
        assert!(told.attempts > 4);
        assert_eq!(
            told.report.matches("without backups").count(),
            1,
            "one warning"
        );
        assert!(client.check().contains(path.to_str().unwrap()));
    }
}

#[test]
fn a_pipe_a_loop_of_links_and_a_binary_do_not_hold_up_a_command() {
    let directory = scratch("odd");
    let (pipe, link) = (directory.join("pipe"), directory.join("loop"));
    let binary = directory.join("binary");
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    Program::new("mkfifo", &[]).args(&[&path(&pipe)]).succeed();
    std::os::unix::fs::symlink(&link, &link).unwrap();
    fs::write(&binary, [0_u8, 159, 146, 150].repeat(500_000)).unwrap();
    for (odd, why) in [
        (&pipe, "not a regular file"),
        (&link, "symbolic links"),
        (&binary, "no host in it"),
    ] {
        let primary = Peer::new(&[
            Act::Reset,
            Act::Reset,
            Act::Answer(frame(replies::ok().as_bytes())),
        ]);
        let client = Handle::quick(primary.port, &[("ECF_HOSTFILE", &path(odd))]);
        let told = client.task(&["--event=e"]);
        assert_eq!((told.status, told.attempts), (0, 3), "{}", told.report);
        assert!(told.report.contains(why), "{}", told.report);
        assert!(client.check().contains(why));
    }
}
