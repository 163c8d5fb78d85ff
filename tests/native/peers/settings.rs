//! What the settings do to a command.

use ecf_failover::model::{Kind, Status};
use std::fs;
use std::time::{Duration, Instant};

use testkit::{Act, Handle, Peer, frame, refused_port, replies, scratch};

fn ok() -> Peer {
    Peer::answering(&replies::ok())
}

/// A dead primary and a live backup.
fn with_backup(backup: &Peer, name: &str, settings: &[(&str, &str)]) -> Handle {
    let hostfile = scratch(name).join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let mut all = vec![("ECF_HOSTFILE", hostfile.to_str().unwrap())];
    all.extend(settings);
    Handle::quick(refused_port(), &all)
}

#[test]
fn the_hostfile_policy_says_which_commands_reach_a_backup() {
    for (policy, task, user) in [
        ("", true, false),
        ("task", true, false),
        ("all", true, true),
        ("ALL", true, true),
        ("none", false, false),
    ] {
        let backup = ok();
        let client = with_backup(&backup, "policy", &[("ECF_HOSTFILE_POLICY", policy)]);
        let unreachable = Status::Unreachable as i32;
        let end = |reaches: bool| if reaches { 0 } else { unreachable };
        assert_eq!(client.task(&["--event=e"]).status, end(task), "{policy}");
        assert_eq!(client.user(&["--restart"]).status, end(user), "{policy}");
        let ping = client.user(&["--ping"]);
        assert_eq!(ping.status, end(user), "{policy}");
    }
    let backup = ok();
    let client = with_backup(&backup, "policy", &[]);
    assert_eq!(
        client.set("ECF_HOSTFILE_POLICY", "nonsense"),
        Status::Argument
    );
    assert_eq!(
        client.task(&["--event=e"]).status,
        0,
        "the former value stays"
    );
}

#[test]
fn progress_may_have_a_deadline_of_its_own() {
    let settings = [
        ("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.3"),
        ("ECF_TIMEOUT", "2"),
    ];
    let client = Handle::quick(testkit::refused_port(), &settings);
    for (argv, ends_early) in [
        (&["--meter=m", "1"][..], true),
        (&["--event=e"], true),
        (&["--label=l", "x"], true),
        (&["--complete"], false),
    ] {
        let told = client.task(argv);
        assert_eq!(told.status, Status::Timeout as i32);
        let report: serde_json::Value = serde_json::from_str(&told.report).unwrap();
        let length = report["length_ms"].as_u64().unwrap();
        assert_eq!(length < 2_000, ends_early, "{argv:?}: {length}");
    }
}

#[test]
fn no_ecf_sends_nothing_and_succeeds() {
    let primary = ok();
    let client = Handle::quick(primary.port, &[("NO_ECF", "1")]);
    for told in [
        client.task(&["--init=1"]),
        client.user(&["--ping"]),
        client.task(&["--no-such-option"]),
    ] {
        assert_eq!((told.status, told.attempts), (0, 0));
        assert_eq!(told.text, b"NO_ECF\n", "as ecflow_client prints it");
    }
    let mut calls = 0;
    let told = client.delegate(Kind::Task, &[], &mut |_| {
        calls += 1;
        0
    });
    assert_eq!((told.status, calls, primary.count()), (0, 0, 0));
    client.set("NO_ECF", "");
    assert_eq!(client.task(&["--init=1"]).attempts, 1);
}

#[test]
fn denied_fails_after_the_primarys_tries() {
    let backup = ok();
    let client = with_backup(&backup, "denied", &[("ECF_DENIED", "1")]);
    let told = client.task(&["--complete"]);
    assert_eq!(told.status, Status::Denied as i32);
    assert_eq!((told.attempts, backup.count()), (2, 0));
    assert!(told.error.contains("refused"), "{}", told.error);
}

#[test]
fn the_timeout_is_what_was_asked_for_never_less() {
    for (timeout, millis) in [("0.5", 500), ("1.25", 1_250)] {
        let mute = Peer::new(&[Act::Silence]);
        for port in [mute.port, refused_port()] {
            let client = Handle::quick(port, &[("ECF_TIMEOUT", timeout)]);
            let begin = Instant::now();
            let told = client.task(&["--event=e"]);
            let took = begin.elapsed();
            assert_eq!(told.status, Status::Timeout as i32);
            assert!(took >= Duration::from_millis(millis), "{took:?}");
            assert!(took < Duration::from_millis(millis + 1_500), "{took:?}");
        }
    }
}

#[test]
fn a_timeout_of_a_minute_or_a_day_ends_on_the_virtual_clock_at_its_millisecond() {
    use ecf_failover::client::{Client, Clock};
    use ecf_failover::config::Configuration;
    use ecf_failover::model::Status;
    use ecf_failover::model::{Kind, Outcome};
    use ecf_failover::net::CancelWatch;
    use std::cell::Cell;

    struct Virtual(Cell<u64>);
    impl Clock for Virtual {
        fn now(&self) -> u64 {
            self.0.get()
        }
        fn sleep(&self, until: u64, _: CancelWatch<'_>) {
            self.0.set(until);
        }
    }
    for (timeout, millis) in [
        ("0.5", 500),
        ("5", 5_000),
        ("60", 60_000),
        ("86400", 86_400_000),
    ] {
        let mut configuration = Configuration::new();
        configuration
            .set(b"ECF_TIMEOUT", timeout.as_bytes())
            .unwrap();
        let clock = Virtual(Cell::new(1_000_000));
        let mut last = 0;
        let reply = Client::new(configuration).delegate_on(&clock, Kind::Task, &[], &mut |_| {
            last = clock.now();
            Outcome::NotSent
        });
        assert_eq!(reply.status, Status::Timeout);
        assert_eq!(clock.now() - 1_000_000, millis, "to the millisecond");
        assert!(last < clock.now(), "no attempt at the deadline");
        let attempts: serde_json::Value = serde_json::from_str(&reply.report()).unwrap();
        let told = attempts["attempts"].as_array().unwrap().len();
        assert_eq!(told, reply.attempts() as usize, "every attempt is told");
    }
}

#[test]
fn a_callback_that_uses_up_its_time_ends_the_command_at_its_deadline() {
    let client = Handle::quick(1, &[("ECF_TIMEOUT", "0.5")]);
    for outcome in [5, 6] {
        let begin = Instant::now();
        let told = client.delegate(Kind::Task, &[], &mut |attempt| {
            let limit = unsafe { ecf_failover::ffi::ecf_attempt_timeout_ms(attempt) };
            assert!(limit <= 500, "{limit}");
            std::thread::sleep(Duration::from_millis(limit));
            outcome
        });
        assert_eq!((told.status, told.attempts), (4, 1));
        assert!(begin.elapsed() >= Duration::from_millis(500));
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn host_and_port_of_the_command_line_come_first() {
    let (named, primary) = (ok(), ok());
    let client = Handle::quick(primary.port, &[]);
    let port = format!("--port={}", named.port);
    let told = client.task(&["--event=e", "--host=127.0.0.1", &port]);
    assert_eq!((told.status, told.port), (0, named.port));
    assert_eq!((named.count(), primary.count()), (1, 0));
    client.set("ECF_HOST", "no.such.host.invalid");
    assert_eq!(
        client.user(&["--restart", "--host", "127.0.0.1"]).port,
        primary.port
    );
}

#[test]
fn the_connect_timeout_bounds_each_stage_of_an_attempt() {
    let mute = Peer::new(&[Act::Silence]);
    for key in ["ECF_CONNECT_TIMEOUT", "ECF_FAILOVER_REPLY_TIMEOUT"] {
        let client = Handle::quick(mute.port, &[("ECF_DENIED", "1"), (key, "0.3")]);
        let begin = Instant::now();
        let told = client.task(&["--event=e"]);
        assert_eq!(told.status, Status::Denied as i32);
        assert!(
            begin.elapsed() >= Duration::from_millis(600),
            "two attempts"
        );
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert!(told.error.contains("no reply within 0.3"), "{}", told.error);
    }
}

#[test]
fn a_setting_of_one_delegated_command_is_for_that_command_only() {
    let client = Handle::quick(1, &[]);
    let denied = [("ECF_DENIED", "1"), ("ECF_PORT", "7")];
    let told = client.delegate(Kind::Task, &denied, &mut |_| 5);
    assert_eq!(told.ports(), [7, 7]);
    assert_eq!(client.get("ECF_DENIED").as_deref(), Ok(""));
    assert_eq!(client.get("ECF_PORT").as_deref(), Ok("1"));
    let unknown = [("ECF_NONSENSE", "1")];
    let told = client.delegate(Kind::Task, &unknown, &mut |_| 0);
    assert_eq!((told.status, told.attempts), (1, 0));
    assert!(told.error.contains("ECF_NONSENSE"), "{}", told.error);
    let malformed = [("ECF_TIMEOUT", "soon")];
    let told = client.delegate(Kind::Task, &malformed, &mut |_| 0);
    assert_eq!((told.status, told.attempts), (1, 0));
    assert!(
        told.error.contains("ECF_TIMEOUT=\"soon\""),
        "{}",
        told.error
    );
}

#[test]
fn nothing_is_sent_in_the_clear_that_was_meant_to_be_protected() {
    let primary = ok();
    let empty = testkit::scratch("no-certificates");
    let empty = empty.to_str().unwrap();
    for settings in [
        [("ECF_SSL", "1"), ("ECF_SSL_DIR", empty)],
        [("ECF_SSL", "h.3141"), ("ECF_SSL_DIR", empty)],
        [("ECF_HOST_PROTOCOL", "ssl"), ("ECF_SSL_DIR", empty)],
        [("ECF_SSL", "1"), ("ECF_HOST_PROTOCOL", "http")],
        [
            ("ECF_FAILOVER_CA_FILE", "/nonexistent"),
            ("ECF_HOST_PROTOCOL", "https"),
        ],
    ] {
        let client = Handle::quick(primary.port, &settings);
        let told = client.task(&["--event=e"]);
        let key = settings[0].0;
        assert_eq!(told.status, Status::Config as i32, "{key}");
        assert!(told.error.starts_with(key), "{}", told.error);
    }
    let client = Handle::quick(primary.port, &[("ECF_USER", "fred")]);
    let told = client.user(&["--suites"]);
    assert_eq!(told.status, Status::Config as i32);
    assert_eq!(primary.count(), 0);
    assert_eq!(
        client.task(&["--event=e"]).status,
        0,
        "task commands have no user"
    );
}

#[test]
fn a_check_tells_what_native_commands_would_be_refused_for() {
    let empty = testkit::scratch("no-certificates");
    for (key, value) in [("ECF_SSL", "1"), ("ECF_USER", "fred"), ("ECF_NAME", "s/t")] {
        let directory = ("ECF_SSL_DIR", empty.to_str().unwrap());
        let client = Handle::quick(1, &[(key, value), directory]);
        let wanted = format!("native commands only: {key}");
        assert!(client.check().contains(&wanted), "{}", client.check());
    }
    assert_eq!(Handle::quick(1, &[]).check(), "");
}

#[test]
fn the_jobs_password_is_in_no_error_whatever_word_it_stands_in() {
    for password in ["sesame", "op\u{e9}n \"sesame\""] {
        let client = Handle::quick(1, &[("ECF_PASS", password), ("ECF_DENIED", "1")]);
        let dashed = format!("--{password}");
        let long = format!("{}{password}", "x".repeat(70));
        for argv in [
            &[password][..],
            &["--meter=m", password],
            &[&dashed],
            &["--queue=q", "active", &long, "x", "y"],
            &["--init=1", "--add", &long],
        ] {
            let told = client.task(argv);
            assert_eq!(told.status, Status::Argument as i32);
            for text in [&told.error, &told.report] {
                assert!(!text.contains("sesa"), "{text}");
            }
        }
        let note = std::ffi::CString::new(format!("{}{password}", ".".repeat(994))).unwrap();
        let told = client.delegate(Kind::Task, &[], &mut |attempt| {
            unsafe { ecf_failover::ffi::ecf_attempt_note(attempt, note.as_ptr()) };
            5
        });
        assert!(
            !told.error.contains(".ses") && !told.error.contains(".op"),
            "{}",
            told.error
        );
    }
}

#[test]
fn a_refusal_of_any_size_is_whole_in_the_error_and_cut_in_the_report() {
    let words = "no ".repeat(100_000);
    let peer = Peer::answering(&replies::error(&words));
    let told = Handle::quick(peer.port, &[]).task(&["--event=e"]);
    assert_eq!(told.status, Status::Rejected as i32);
    assert!(told.error.len() >= words.trim().len());
    assert!(told.report.len() < 3_000, "{}", told.report.len());
}

#[test]
fn task_and_user_commands_go_by_their_own_function() {
    let primary = ok();
    let client = Handle::quick(primary.port, &[]);
    let told = client.user(&["--meter=m", "1"]);
    assert_eq!(told.status, Status::Argument as i32);
    assert!(told.error.contains("ecf_send_task_cmd"), "{}", told.error);
    let told = client.task(&["--ping"]);
    assert!(told.error.contains("ecf_send_user_cmd"), "{}", told.error);
    assert_eq!(primary.count(), 0);
}

#[test]
fn a_command_too_large_for_its_reply_limit_is_not_believed() {
    let talkative = Peer::new(&[Act::Answer(frame(
        replies::text(&"x".repeat(5_000)).as_bytes(),
    ))]);
    let settings = [("ECF_FAILOVER_MAX_REPLY", "1000"), ("ECF_DENIED", "1")];
    let client = Handle::quick(talkative.port, &settings);
    let told = client.task(&["--queue=q", "no_of_aborted"]);
    assert_eq!(told.status, Status::Denied as i32);
    assert!(
        told.error.contains("ECF_FAILOVER_MAX_REPLY"),
        "{}",
        told.error
    );
}

#[test]
fn the_log_tells_the_story_by_event_names_and_no_secret() {
    use std::ffi::{CStr, c_char, c_void};
    use std::sync::Mutex;

    unsafe extern "C" fn keep(user: *mut c_void, level: i32, line: *const c_char) {
        let lines = unsafe { &*user.cast::<Mutex<Vec<String>>>() };
        let line = unsafe { CStr::from_ptr(line) }
            .to_string_lossy()
            .into_owned();
        lines.lock().unwrap().push(format!("{level} {line}"));
    }
    let primary = Peer::answering(&replies::error("bad password sesame"));
    let client = Handle::quick(primary.port, &[("ECF_PASS", "sesame")]);
    let lines: Mutex<Vec<String>> = Mutex::default();
    let user = (&raw const lines).cast_mut().cast::<c_void>();
    let set = unsafe { ecf_failover::ffi::ecf_client_set_log(client.0, Some(keep), user) };
    assert_eq!(set, Status::Ok);
    client.task(&["--event=e"]);
    client.set("ECF_PORT", "x");
    unsafe { ecf_failover::ffi::ecf_client_set_log(client.0, None, std::ptr::null_mut()) };
    client.task(&["--event=e"]);
    let lines = lines.into_inner().unwrap();
    let events: Vec<_> = lines
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "command.start",
            "attempt.start",
            "attempt.end",
            "command.end",
            "setting.refused"
        ]
    );
    assert!(
        lines[2].contains("outcome=ECF_OUTCOME_REJECTED"),
        "{lines:?}"
    );
    assert!(
        lines.iter().all(|line| !line.contains("sesame")),
        "{lines:?}"
    );
}
