//! Names against a resolver that answers, denies, fails or is silent: the real path through
//! glibc to a DNS server on loopback, in a network and mount namespace of the test's own.

use ecf_failover::model::Status;
use std::fs;
use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Act, Handle, Peer, Program, frame, namespace, refused_port, replies, scratch};

const THIS: &str = "faults::names::names_that_are_unknown_fail_hang_or_are_remembered";

/// How the DNS server treats a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treats {
    Answers,
    Denies,
    Fails,
    IsSilent,
}

/// What it does with every name now.
static MODE: Mutex<Treats> = Mutex::new(Treats::Answers);

fn now(mode: Treats) {
    *MODE.lock().unwrap() = mode;
}

#[test]
fn names_that_are_unknown_fail_hang_or_are_remembered() {
    testkit::needs!(Namespaces);
    let directory = scratch("resolver");
    let (resolv, nsswitch) = (
        directory.join("resolv.conf"),
        directory.join("nsswitch.conf"),
    );
    // A query that got no answer is sent again after a second, many times.
    fs::write(
        &resolv,
        "nameserver 127.0.0.1\noptions timeout:1 attempts:30\n",
    )
    .unwrap();
    fs::write(&nsswitch, "hosts: files dns\n").unwrap();
    let setup = format!(
        "mount --bind {} /etc/resolv.conf; mount --bind {} /etc/nsswitch.conf",
        resolv.display(),
        nsswitch.display()
    );
    if namespace::ran_inside(THIS, &setup) {
        return;
    }
    let server = UdpSocket::bind("127.0.0.1:53").expect("port 53 of the namespace");
    thread::spawn(move || serve(&server));
    an_unknown_name_is_told_as_one();
    a_name_whose_resolver_fails_keeps_its_last_good_address();
    a_silent_resolver_is_bounded_by_stage_deadline_and_cancel();
    a_silent_resolver_holds_up_no_host_whose_address_is_known();
    an_answer_that_comes_late_is_used();
    a_primary_by_name_is_used_again_by_processes_that_must_look_it_up();
    namespace::all_said();
}

/// A DNS server of one thread: every name is 127.0.0.1, or what [`MODE`] says.
pub(crate) fn serve(socket: &UdpSocket) {
    let mut query = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut query) {
        let mode = *MODE.lock().unwrap();
        if mode == Treats::IsSilent || length < 17 {
            continue;
        }
        // The question ends with a type and a class of two bytes each.
        let name_end = 12 + query[12..length].iter().position(|&b| b == 0).unwrap_or(0) + 1;
        let is_ipv4 = query[name_end..name_end + 2] == [0, 1];
        let answers = mode == Treats::Answers && is_ipv4;
        let code = match mode {
            Treats::Denies => 3,
            Treats::Fails => 2,
            Treats::Answers | Treats::IsSilent => 0,
        };
        let mut reply = query[..2].to_vec();
        reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(answers), 0, 0, 0, 0]);
        reply.extend(&query[12..name_end + 4]);
        if answers {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        socket.send_to(&reply, from).ok();
    }
}

fn live() -> Peer {
    Peer::new(&[Act::Answer(frame(replies::ok().as_bytes()))])
}

/// A name that no other client of this process has: they would share its look-up.
fn new_name() -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("primary{}.test", NAMES.fetch_add(1, Ordering::Relaxed))
}

/// A client whose primary is a name, with a healthy backup by its address.
fn client(primary: &Peer, backup: &Peer, settings: &[(&str, &str)]) -> Handle {
    let hostfile = scratch("names").join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let name = new_name();
    let mut all = vec![
        ("ECF_HOST", name.as_str()),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ];
    all.extend(settings);
    Handle::quick(primary.port, &all)
}

fn an_unknown_name_is_told_as_one() {
    let (primary, backup) = (live(), live());
    let client = client(&primary, &backup, &[]);
    now(Treats::Denies);
    let told = client.task(&["--event=e"]);
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    assert!(
        told.report.contains(".test: the name is unknown"),
        "{}",
        told.report
    );
    assert!(
        told.report.contains("\"stage\":\"resolve\""),
        "{}",
        told.report
    );
    now(Treats::Answers);
    assert_eq!(
        client.task(&["--event=e"]).port,
        primary.port,
        "the name is asked again"
    );
}

fn a_name_whose_resolver_fails_keeps_its_last_good_address() {
    for trouble in [Treats::Fails, Treats::IsSilent] {
        let (primary, backup) = (live(), live());
        let client = client(&primary, &backup, &[("ECF_CONNECT_TIMEOUT", "0.4")]);
        now(trouble);
        let told = client.task(&["--event=e"]);
        assert_eq!(told.port, backup.port, "{trouble:?}: nothing known yet");
        now(Treats::Answers);
        // The look-up that was given up goes on, and its answer is kept.
        thread::sleep(Duration::from_millis(1_500));
        assert_eq!(client.task(&["--event=e"]).port, primary.port);
        now(trouble);
        let told = client.task(&["--event=e"]);
        assert_eq!(told.port, primary.port, "{trouble:?}: {}", told.report);
        assert_eq!(told.attempts, 1);
        assert!(
            told.report.contains("last good address used"),
            "{}",
            told.report
        );
    }
    now(Treats::Answers);
}

fn a_silent_resolver_is_bounded_by_stage_deadline_and_cancel() {
    now(Treats::IsSilent);
    let (primary, backup) = (live(), live());
    let stage = client(&primary, &backup, &[("ECF_CONNECT_TIMEOUT", "0.3")]);
    let begin = Instant::now();
    let told = stage.task(&["--event=e"]);
    assert_eq!(told.port, backup.port);
    assert!(
        told.report.contains("did not answer in time"),
        "{}",
        told.report
    );
    // Two tries of 0.3 s; glibc alone would take 10 s for each.
    assert!(begin.elapsed() >= Duration::from_millis(600));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );

    let short = client(&primary, &backup, &[("ECF_TIMEOUT", "0.7")]);
    let told = short.task(&["--event=e"]);
    assert_eq!(told.port, backup.port, "it has its share: {}", told.report);

    let alone = [("ECF_TIMEOUT", "0.7"), ("ECF_HOSTFILE", "")];
    let deadline = client(&primary, &backup, &alone);
    let begin = Instant::now();
    let told = deadline.task(&["--event=e"]);
    assert_eq!(told.status, Status::Timeout as i32);
    assert!(begin.elapsed() >= Duration::from_millis(700));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );

    let cancelled = client(&primary, &backup, &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            cancelled.cancel();
        });
        let begin = Instant::now();
        let told = cancelled.task(&["--event=e"]);
        assert_eq!(told.status, Status::Cancelled as i32);
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "{:?}",
            begin.elapsed()
        );
    });
    now(Treats::Answers);
}

const FAST: [(&str, &str); 2] = [
    ("ECF_FAILOVER_PROFILE", "fast"),
    ("ECF_FAILOVER_MEMORY", "handle"),
];

fn a_silent_resolver_holds_up_no_host_whose_address_is_known() {
    now(Treats::IsSilent);
    let (primary, backup) = (live(), live());
    let client = client(&primary, &backup, &FAST);
    let begin = Instant::now();
    let told = client.task(&["--event=e"]);
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    // The hedge is 0.25 s, the limit of a look-up in profile ecflow 5 s.
    assert!(begin.elapsed() < Duration::from_secs(4));
    // What was found once is good for as long as the resolver is silent.
    now(Treats::Answers);
    thread::sleep(Duration::from_millis(50));
    let known = self::client(&primary, &backup, &FAST);
    assert_eq!(known.task(&["--event=e"]).port, primary.port);
    now(Treats::IsSilent);
    let told = known.task(&["--event=e"]);
    assert_eq!(told.port, primary.port, "{}", told.report);
    assert!(told.report.contains("last good address used"));
    now(Treats::Answers);
}

fn an_answer_that_comes_late_is_used() {
    now(Treats::IsSilent);
    let (primary, dead) = (live(), refused_port());
    let hostfile = scratch("names").join("late");
    fs::write(&hostfile, format!("127.0.0.1:{dead}\n")).unwrap();
    let mut settings = FAST.to_vec();
    let name = new_name();
    settings.extend([
        ("ECF_HOST", name.as_str()),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ]);
    let client = Handle::quick(primary.port, &settings);
    let told = thread::scope(|scope| {
        let sent = scope.spawn(|| client.task(&["--event=e"]));
        thread::sleep(Duration::from_millis(1_500));
        // glibc asks again after a second.
        now(Treats::Answers);
        sent.join().unwrap()
    });
    assert_eq!(
        (told.status, told.port),
        (0, primary.port),
        "{}",
        told.report
    );
    let at_primary = told.ports().iter().filter(|p| **p == primary.port).count();
    assert_eq!(at_primary, 1, "one look-up: {}", told.report);
}

fn a_primary_by_name_is_used_again_by_processes_that_must_look_it_up() {
    let (primary, backup) = (refused_port(), live());
    let directory = scratch("names");
    let hostfile = directory.join("again");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let port = primary.to_string();
    let environment = [
        ("XDG_RUNTIME_DIR", directory.to_str().unwrap()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "primary.test"),
        ("ECF_PORT", &port),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
    ];
    let send = || {
        Program::new(env!("CARGO_BIN_EXE_ecf_client"), &environment)
            .args(&["--event=e"])
            .succeed()
    };
    send();
    let listener = std::net::TcpListener::bind(("127.0.0.1", primary)).unwrap();
    let primary = Peer::taking(listener, &[Act::Answer(frame(replies::ok().as_bytes()))]);
    let end = Instant::now() + Duration::from_secs(20);
    let has_command = |peer: &Peer| {
        // Probes are connections, too, but bring no request.
        peer.finished().iter().any(|request| !request.is_empty())
    };
    while !has_command(&primary) {
        assert!(Instant::now() < end, "the primary is not used again");
        send();
        thread::sleep(Duration::from_millis(100));
    }
}
