//! Progress that never waits: what is posted, how it is folded, and who delivers it when.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use testkit::{Act, FullBacklog, Handle, Peer, Server, frame, refused_port, replies};

const OK: i32 = Status::Ok as i32;

/// The library's own threads in this process.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "ecf_failover").count()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn ok() -> Act {
    Act::Answer(frame(replies::ok().as_bytes()))
}

/// What a request tells: `meter 7`, `event e`, `label text`, `complete`.
fn told(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request).into_owned();
    let member = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
        let rest = rest.trim_start();
        let end = rest.find(['\n', ',']).unwrap_or(rest.len());
        Some(rest[..end].trim_matches('"').to_owned())
    };
    match () {
        () if text.contains("MeterCmd") => format!("meter {}", member("value_").unwrap()),
        () if text.contains("EventCmd") => format!("event {}", member("name_").unwrap()),
        () if text.contains("LabelCmd") => format!("label {}", member("label_").unwrap()),
        () if text.contains("CompleteCmd") => "complete".to_owned(),
        () if text.contains("InitCmd") => "init".to_owned(),
        () => text,
    }
}

fn all_told(peer: &Peer) -> Vec<String> {
    peer.requests()
        .iter()
        .map(|request| told(request))
        .collect()
}

#[test]
fn what_is_posted_arrives_in_order_by_one_thread_that_goes_when_it_is_idle() {
    let peer = Peer::new(&[ok()]);
    let client = Handle::quick(peer.port, &[]);
    assert_eq!((threads(), client.pending()), (0, 0));
    for step in 1..=3 {
        assert_eq!(client.post(&["--meter=m", &step.to_string()]), Status::Ok);
        assert_eq!(
            client.post(&["--event=e", if step == 2 { "clear" } else { "set" }]),
            Status::Ok
        );
        assert_eq!(client.flush(20_000).status, OK);
        assert_eq!(threads(), 1);
    }
    client.post(&["--label=l", "at", "last"]);
    assert_eq!(client.flush(20_000).status, OK);
    assert_eq!(client.pending(), 0);
    let wanted = [
        "meter 1",
        "event e",
        "meter 2",
        "event e",
        "meter 3",
        "event e",
        "label at last",
    ];
    assert_eq!(all_told(&peer), wanted);
    eventually("the thread goes", || threads() == 0);
    let later = Peer::new(&[ok()]);
    client.set("ECF_PORT", &later.port.to_string());
    client.post(&["--meter=m", "4"]);
    assert_eq!(client.flush(20_000).status, OK);
    assert_eq!(all_told(&later), ["meter 4"]);
}

#[test]
fn a_wrong_word_and_any_other_command_are_refused_at_once() {
    let client = Handle::quick(refused_port(), &[]);
    for words in [
        &["--meter=m", "x"][..],
        &["--meter=m"],
        &["--event=e", "perhaps"],
        &["--complete"],
        &["--init=1"],
        &["--wait=x"],
        &["--queue=q", "active"],
        &["--ping"],
        &["--help"],
        &["--nonsense"],
        &[],
    ] {
        assert_eq!(client.post(words), Status::Argument, "{words:?}");
    }
    client.set("ECF_NAME", "");
    assert_eq!(client.post(&["--event=e"]), Status::Config);
    client.set("NO_ECF", "1");
    assert_eq!(client.post(&["--event=e"]), Status::Ok);
    assert_eq!((client.pending(), threads()), (0, 0));
    assert_eq!(client.flush(0).status, OK);
}

#[test]
fn a_server_that_is_back_gets_the_newest_state_and_no_backlog() {
    let port = refused_port();
    let client = Handle::quick(port, &[("ECF_TIMEOUT", "600")]);
    let begin = Instant::now();
    for step in 0..20_000 {
        assert_eq!(
            client.post(&["--meter=m", &(step % 1_000).to_string()]),
            Status::Ok
        );
        if step % 5_000 == 0 {
            client.post(&["--label=l", &step.to_string()]);
            client.post(&["--event=e"]);
            client.post(&["--event=e"]);
        }
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "nobody waits: {took:?}");
    assert!(client.pending() <= 4, "{}", client.pending());
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let peer = Peer::taking(listener, &[ok()]);
    assert_eq!(client.flush(20_000).status, OK);
    let told = all_told(&peer);
    assert!(told.len() <= 6, "{told:?}");
    assert_eq!(told.last().unwrap(), "meter 999");
    assert!(told.contains(&"label 15000".to_owned()), "{told:?}");
    assert_eq!(
        told.iter().filter(|one| *one == "event e").count(),
        1,
        "{told:?}"
    );
}

#[test]
fn events_are_all_told_and_more_than_the_queue_holds_is_refused() {
    let port = refused_port();
    let settings = [("ECF_FAILOVER_POST_QUEUE", "5"), ("ECF_TIMEOUT", "600")];
    let client = Handle::quick(port, &settings);
    client.post(&["--event=first"]);
    // The first is on its way.
    eventually("it is tried", || {
        client.flush(0).attempts > 0 || client.pending() == 1
    });
    thread::sleep(Duration::from_millis(100));
    for round in 0..5 {
        let value = if round % 2 == 0 { "set" } else { "clear" };
        assert_eq!(client.post(&["--event=e", value]), Status::Ok, "{round}");
    }
    assert_eq!(client.post(&["--event=e", "clear"]), Status::TooSmall);
    assert_eq!(
        client.post(&["--event=e", "set"]),
        Status::Ok,
        "the same again is none"
    );
    assert_eq!(client.pending(), 6);
    let peer = Peer::taking(TcpListener::bind(("127.0.0.1", port)).unwrap(), &[ok()]);
    assert_eq!(client.flush(20_000).status, OK);
    let values: Vec<_> = peer
        .requests()
        .iter()
        .map(|r| String::from_utf8_lossy(r).contains("false"))
        .collect();
    assert_eq!(values, [false, false, true, false, true, false], "cleared");
}

#[test]
fn a_flush_tells_what_was_not_delivered_and_why() {
    let client = Handle::quick(refused_port(), &[("ECF_TIMEOUT", "600")]);
    client.post(&["--meter=m", "7"]);
    client.post(&["--label=l", "_DJP_"]);
    let told = client.flush(300);
    assert_eq!(told.status, Status::Timeout as i32);
    assert!(
        told.error.contains("not delivered: --meter=m 7"),
        "{}",
        told.error
    );
    assert!(
        told.error.contains("--label=l (password)"),
        "{}",
        told.error
    );
    assert_eq!(client.pending(), 2);
    let begin = Instant::now();
    drop(client);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "free does not wait for a server"
    );
    assert_eq!(threads(), 0, "joined");
}

#[test]
fn a_send_comes_after_what_was_posted_and_init_does_not_wait() {
    let steps = ["pause 200", "read all", "reply ok"]
        .map(str::to_owned)
        .to_vec();
    let peer = Peer::new(&[Act::Steps(steps), ok()]);
    let client = Handle::quick(peer.port, &[]);
    client.post(&["--meter=m", "1"]);
    client.post(&["--event=e"]);
    assert_eq!(client.task(&["--complete"]).status, OK);
    assert_eq!(all_told(&peer), ["meter 1", "event e", "complete"]);
    // Nobody is there for the meter; who begins does not wait for it.
    client.set("ECF_PORT", &refused_port().to_string());
    client.set("ECF_TIMEOUT", "600");
    client.post(&["--meter=m", "2"]);
    let live = Peer::new(&[ok()]);
    client.set("ECF_PORT", &live.port.to_string());
    let begin = Instant::now();
    assert_eq!(client.task(&["--init=1"]).status, OK);
    assert!(begin.elapsed() < Duration::from_secs(5));
    // All others do, within their own time.
    client.set("ECF_TIMEOUT", "0.4");
    let told = client.task(&["--complete"]);
    assert_eq!(
        (told.status, told.attempts),
        (Status::Timeout as i32, 0),
        "{}",
        told.report
    );
}

#[test]
fn a_post_that_is_too_old_is_given_up_and_the_next_reply_tells() {
    let dead = refused_port();
    let settings = [
        ("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.3"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
    ];
    let client = Handle::quick(dead, &settings);
    let log = std::sync::Mutex::new(Vec::new());
    client.keep_log(&log);
    client.post(&["--meter=m", "1"]);
    client.post(&["--event=e"]);
    eventually("given up", || client.pending() == 0);
    client.post(&["--meter=m", "2"]);
    eventually("given up", || client.pending() == 0);
    let live = Peer::new(&[ok()]);
    client.set("ECF_PORT", &live.port.to_string());
    let told = client.task(&["--label=l", "x"]);
    assert_eq!(told.status, OK);
    assert!(
        told.warnings().contains("posts were given up"),
        "{}",
        told.report
    );
    assert!(
        told.warnings().contains("Connection refused"),
        "{}",
        told.report
    );
    assert!(
        !client
            .task(&["--label=l", "x"])
            .warnings()
            .contains("given up"),
        "once"
    );
    let log = log.lock().unwrap();
    assert!(log.iter().any(|line| line.contains("post.lost")), "{log:?}");
}

#[test]
fn a_dead_server_is_asked_no_more_often_for_many_posts_than_for_one() {
    let refusing = Peer::new(&[Act::Reset]);
    let settings = [
        ("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.2"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.5"),
        ("ECF_FAILOVER_HOST_PERIOD", "0.5"),
    ];
    let client = Handle::quick(refusing.port, &settings);
    let begin = Instant::now();
    let mut step = 0_u64;
    while begin.elapsed() < Duration::from_secs(3) {
        client.post(&["--meter=m", &(step % 100).to_string()]);
        client.post(&[&format!("--event=e{}", step % 40)]);
        if step == 60 {
            // Who looks whether all is delivered leaves no haste behind.
            client.flush(10);
        }
        step += 1;
        thread::sleep(Duration::from_millis(5));
    }
    assert!(step > 100);
    // Six or seven periods, with a second try each at the most.
    assert!(refusing.count() <= 16, "{}", refusing.count());
}

#[test]
fn a_cancel_holds_posts_back_and_resume_lets_them_go() {
    let silent = FullBacklog::new();
    let client = Handle::quick(silent.port, &[("ECF_TIMEOUT", "600")]);
    client.post(&["--meter=m", "1"]);
    thread::sleep(Duration::from_millis(100));
    client.cancel();
    assert_eq!(client.flush(10_000).status, Status::Cancelled as i32);
    assert_eq!(client.post(&["--meter=m", "2"]), Status::Ok);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(client.pending(), 1, "folded");
    let peer = silent.opened(&[ok()]);
    client.resume();
    assert_eq!(client.flush(20_000).status, OK);
    assert_eq!(
        peer.finished().iter().filter(|one| !one.is_empty()).count(),
        1
    );
}

#[test]
fn what_was_under_way_at_a_cancel_is_told_after_it() {
    let silent = FullBacklog::new();
    let client = Handle::quick(silent.port, &[("ECF_TIMEOUT", "600")]);
    client.post(&["--event=e"]);
    thread::sleep(Duration::from_millis(100));
    client.cancel();
    assert_eq!(client.flush(10_000).status, Status::Cancelled as i32);
    assert_eq!(client.post(&["--meter=m", "2"]), Status::Ok);
    assert_eq!(client.pending(), 2);
    let peer = silent.opened(&[ok()]);
    client.resume();
    assert_eq!(client.flush(20_000).status, OK);
    let told: Vec<_> = peer.finished().iter().map(|one| told(one)).collect();
    let told: Vec<_> = told.iter().filter(|one| !one.is_empty()).collect();
    assert_eq!(told, ["event e", "meter 2"]);
}

/// After one was given up nothing is tried for a while, unless somebody waits for it.
#[test]
fn a_flush_does_not_wait_for_the_pause_between_posts() {
    let port = refused_port();
    let settings = [
        ("ECF_FAILOVER_PROGRESS_TIMEOUT", "0.2"),
        ("ECF_FAILOVER_RETRY_PERIOD", "60"),
        ("ECF_TIMEOUT", "600"),
    ];
    let client = Handle::quick(port, &settings);
    client.post(&["--meter=m", "1"]);
    eventually("given up", || client.pending() == 0);
    client.set("ECF_FAILOVER_PROGRESS_TIMEOUT", "600");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let peer = Peer::taking(listener, &[ok()]);
    client.post(&["--meter=m", "2"]);
    client.flush(30_000);
    assert_eq!(client.pending(), 0);
    assert_eq!(all_told(&peer), ["meter 2"]);
}

#[test]
fn a_child_has_an_empty_queue_and_may_post_and_the_parent_goes_on() {
    let steps = ["pause 300", "read all", "reply ok"]
        .map(str::to_owned)
        .to_vec();
    let peer = Peer::new(&[Act::Steps(steps), ok()]);
    let client = Handle::quick(peer.port, &[]);
    for round in 0..20 {
        client.post(&["--meter=m", &round.to_string()]);
        match unsafe { libc::fork() } {
            0 => {
                let was_empty = client.pending() == 0;
                let posted = client.post(&["--event=child"]) == Status::Ok;
                let delivered = client.flush(20_000).status == OK;
                let is_well = was_empty && posted && delivered;
                unsafe { libc::_exit(i32::from(!is_well)) }
            }
            child => {
                let mut status = 0;
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!(status, 0, "{round}");
            }
        }
    }
    assert_eq!(client.flush(20_000).status, OK);
    let told = all_told(&peer);
    assert_eq!(told.iter().filter(|one| *one == "event child").count(), 20);
    assert!(told.contains(&"meter 19".to_owned()), "{told:?}");
}

#[test]
fn threads_may_post_to_one_handle() {
    let peer = Peer::new(&[ok()]);
    let client = Handle::quick(peer.port, &[]);
    thread::scope(|scope| {
        for number in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for step in 0..200 {
                    let words =
                        [&format!("--meter=m{number}"), &step.to_string()].map(String::clone);
                    assert_eq!(client.post(&[&words[0], &words[1]]), Status::Ok);
                }
            });
        }
    });
    assert_eq!(client.flush(20_000).status, OK);
    assert!(peer.requests().len() >= 8);
}

#[test]
fn a_real_server_has_the_last_value_after_complete() {
    testkit::needs!(EcflowServer);
    let (mut primary, backup) = (Server::running(), Server::running());
    let hostfile = primary.home.join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let settings = [
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_TIMEOUT", "30"),
    ];
    let client = Handle::quick(primary.port, &settings);
    for step in 1..=30 {
        assert_eq!(client.post(&["--meter=m", &step.to_string()]), Status::Ok);
    }
    assert_eq!(client.flush(20_000).status, OK);
    assert_eq!(primary.query("meter", "m"), "30");
    primary.kill();
    for step in 31..=60 {
        client.post(&["--meter=m", &step.to_string()]);
    }
    client.post(&["--label=l", "late"]);
    assert_eq!(client.task(&["--complete"]).status, OK);
    assert_eq!(backup.query("meter", "m"), "60");
    assert_eq!(backup.query("label", "l"), "late");
}
