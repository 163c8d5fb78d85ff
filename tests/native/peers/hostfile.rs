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
