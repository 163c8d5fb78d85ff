//! When which host is contacted.

use ecf_failover::model::{Kind, Status};
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Act, Handle, Peer, ecflow_client, refused_port, replies, scratch};

/// Seconds and ports.
type Attempts = Vec<(f64, u16)>;
/// Second and status.
type End = Option<(f64, String)>;

/// An explained timetable, read back.
fn explained(text: &str) -> (Attempts, End) {
    let mut attempts = Vec::new();
    let mut end = None;
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let seconds: f64 = words[0].parse().expect("seconds");
        match words[1] {
            "-" => end = Some((seconds, words[2].to_owned())),
            endpoint => {
                let port = endpoint.rsplit(':').next().unwrap().parse().unwrap();
                attempts.push((seconds, port));
            }
        }
    }
    (attempts, end)
}

#[test]
fn the_explained_timetable_is_the_documented_one() {
    let hostfile = scratch("explain").join("hosts");
    fs::write(&hostfile, "b1\nb2:4000\n").unwrap();
    let client = Handle::new(&[
        ("ECF_HOST", "primary"),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ]);
    let text = client.explain(Kind::Task, 130_000).unwrap();
    assert_eq!(
        text,
        "0.000 primary:3141\n10.000 primary:3141\n10.000 b1:3141\n20.000 b1:3141\n\
         50.000 b2:4000\n60.000 b2:4000\n90.000 primary:3141\n100.000 primary:3141\n\
         130.000 b1:3141\n"
    );
    let text = client.explain(Kind::Task, u64::MAX).unwrap();
    assert!(text.ends_with("86400.000 - ECF_ERR_TIMEOUT\n"), "{text}");
    let text = client.explain(Kind::User, u64::MAX).unwrap();
    assert_eq!(
        text,
        "0.000 primary:3141\n10.000 primary:3141\n10.000 - ECF_ERR_UNREACHABLE\n"
    );
    let text = client.explain(Kind::Ping, u64::MAX).unwrap();
    assert_eq!(
        text,
        "0.000 primary:3141\n1.000 primary:3141\n1.000 - ECF_ERR_UNREACHABLE\n"
    );
    client.set("ECF_TIMEOUT", "6");
    let text = client.explain(Kind::Task, u64::MAX).unwrap();
    assert!(
        text.starts_with(
            "0.000 primary:3141\n1.000 primary:3141\n1.000 b1:3141\n2.250 b1:3141\n\
             3.500 b2:4000\n"
        ),
        "each has its share of a short time: {text}"
    );
    client.set("ECF_TIMEOUT", "86400");
    client.set("ECF_FAILOVER_RETRY_PERIOD", "1");
    client.set("ECF_FAILOVER_HOST_PERIOD", "1");
    let text = client.explain(Kind::Task, u64::MAX).unwrap();
    assert_eq!(text.lines().count(), 20_001);
    assert!(text.ends_with("and so on\n"), "a cut is told");
    client.set("ECF_FAILOVER_PROFILE", "fast");
    client.set("ECF_TIMEOUT", "1");
    let text = client.explain(Kind::Task, u64::MAX).unwrap();
    let lap = |at: &str| format!("{at} primary:3141\n{at} b1:3141\n{at} b2:4000\n");
    let laps: String = ["0.000", "0.250", "0.500", "0.750"].map(lap).concat();
    assert_eq!(text, format!("{laps}1.000 - ECF_ERR_TIMEOUT\n"));
    client.set("NO_ECF", "1");
    let text = client.explain(Kind::Task, 1).unwrap();
    let never = "# the hostfile is never used, because NO_ECF is set (empty counts, too)\n";
    assert_eq!(text, format!("0.000 - ECF_OK\n{never}"));
}

/// The peers reset every connection. What they see must be what is explained, in the same
/// order, and no earlier; noise may only make it later.
#[test]
fn the_connects_are_those_that_are_explained() {
    let peers: Vec<_> = (0..3).map(|_| Peer::new(&[Act::Reset])).collect();
    let hostfile = scratch("connects").join("hosts");
    let lines = format!("127.0.0.1:{}\n127.0.0.1:{}\n", peers[1].port, peers[2].port);
    fs::write(&hostfile, lines).unwrap();
    let client = Handle::quick(
        peers[0].port,
        &[
            ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
            ("ECF_FAILOVER_RETRY_PERIOD", "0.2"),
            ("ECF_FAILOVER_HOST_PERIOD", "0.6"),
            ("ECF_TIMEOUT", "3"),
        ],
    );
    let text = client.explain(Kind::Task, 60_000).unwrap();
    let (attempts, end) = explained(&text);
    let begin = Instant::now();
    let told = client.task(&["--meter=m", "1"]);
    let took = begin.elapsed();

    assert_eq!(told.status, Status::Timeout as i32);
    assert_eq!(end, Some((3.0, "ECF_ERR_TIMEOUT".into())));
    assert!(took >= Duration::from_secs(3), "{took:?}");
    let wanted: Vec<_> = attempts.iter().map(|(_, port)| *port).collect();
    let mut connects: Vec<_> = peers
        .iter()
        .flat_map(|peer| peer.times().into_iter().map(|at| (at, peer.port)))
        .collect();
    connects.sort();
    let seen: Vec<_> = connects.iter().map(|(_, port)| *port).collect();
    // Under load the last attempts may not fit before the deadline any more.
    assert!(
        seen.len() + 2 >= wanted.len() && seen.len() >= 8,
        "{seen:?} {wanted:?}"
    );
    assert_eq!(seen, wanted[..seen.len()]);
    assert_eq!(told.ports(), seen);
    for ((at, _), (planned, _)) in connects.iter().zip(&attempts) {
        let at = at.duration_since(begin).as_secs_f64();
        assert!(at > planned - 0.01, "never early: {at} {planned}");
        assert!(at < planned + 1.5, "{at} {planned}");
    }
}

/// A primary that refuses, or accepts and says nothing, leaves a backup its share of a limit that
/// ends long before the second try, and so do more backups.
#[test]
fn a_short_limit_leaves_a_backup_its_share() {
    let backup = Peer::answering(&replies::ok());
    let frozen = Peer::new(&[Act::Silence]);
    let refused = refused_port();
    let folder = scratch("short");
    for (primary, others, key) in [
        (refused, vec![], "ECF_TIMEOUT"),
        (frozen.port, vec![], "ECF_TIMEOUT"),
        (frozen.port, vec![], "ECF_FAILOVER_PROGRESS_TIMEOUT"),
        (
            refused,
            vec![refused, frozen.port, refused, frozen.port],
            "ECF_TIMEOUT",
        ),
    ] {
        let hostfile = folder.join("hosts");
        let lines = others.iter().chain([&backup.port]);
        let lines: String = lines.map(|port| format!("127.0.0.1:{port}\n")).collect();
        fs::write(&hostfile, lines).unwrap();
        for profile in ["ecflow", "fast"] {
            let client = Handle::new(&[
                ("ECF_HOST", "127.0.0.1"),
                ("ECF_PORT", &primary.to_string()),
                ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
                (key, "2"),
                ("ECF_NAME", "/s/f/t"),
                ("ECF_PASS", "secret"),
                ("ECF_RID", "1"),
                ("ECF_FAILOVER_PROFILE", profile),
                ("ECF_FAILOVER_MEMORY", "off"),
            ]);
            let told = client.task(&["--meter=m", "1"]);
            assert_eq!(
                told.status, 0,
                "{profile} {key} {others:?}: {}",
                told.report
            );
        }
    }
}

/// The real ecflow_client and ours, side by side against the same ports that refuse, with the
/// default periods.
#[test]
fn the_sequence_is_that_of_the_real_client() {
    testkit::needs!(EcflowServer);
    const LASTS: u64 = 63;
    let ports = [refused_port(), refused_port(), refused_port()];
    let directory = scratch("stock");
    let hostfile = directory.join("hosts");
    fs::write(
        &hostfile,
        format!("127.0.0.1:{}\n127.0.0.1:{}\n", ports[1], ports[2]),
    )
    .unwrap();
    let environment = [
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("TZ", "UTC"),
    ];
    let errors = fs::File::create(directory.join("stderr")).unwrap();
    let mut stock = ecflow_client(ports[0], &environment)
        .args(&["--meter=m", "1"])
        .command();
    let mut stock = stock
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .expect("ecflow_client: install Debian's package ecflow-client, as tests/run does");

    let ours = thread::spawn(move || {
        let client = Handle::new(&[
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &ports[0].to_string()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "_DJP_"),
            ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
            ("ECF_TIMEOUT", &LASTS.to_string()),
        ]);
        client.task(&["--meter=m", "1"])
    });
    let told = ours.join().unwrap();
    stock.kill().unwrap();
    stock.wait().unwrap();

    let ours: Vec<_> = told
        .attempts()
        .iter()
        .map(|(port, _, start_ms)| (*port, start_ms / 1_000))
        .collect();
    let stock = stock_attempts(&fs::read_to_string(directory.join("stderr")).unwrap());
    assert_eq!(ours.len(), 6, "{ours:?}");
    assert_eq!(stock.len(), 6, "{stock:?}");
    for ((our_port, our_second), (stock_port, stock_second)) in ours.iter().zip(&stock) {
        assert_eq!(our_port, stock_port, "{ours:?} {stock:?}");
        // The stock client tells whole seconds of the wall clock.
        let apart = our_second.abs_diff(*stock_second);
        assert!(apart <= 2, "{ours:?} {stock:?}");
    }
}

/// Ports and seconds after the first, from lines like
/// `[23:47:06 23.11.2026] ClientInvoker: Connection error: (... on 127.0.0.1:21300)`.
fn stock_attempts(errors: &str) -> Vec<(u16, u64)> {
    let lines = errors
        .lines()
        .filter(|line| line.contains("Connection error"));
    let attempts: Vec<_> = lines
        .map(|line| {
            let clock: Vec<u64> = line[1..9].split(':').map(|n| n.parse().unwrap()).collect();
            let port = line.trim_end_matches(')').rsplit(':').next().unwrap();
            (
                port.parse().unwrap(),
                clock[0] * 3600 + clock[1] * 60 + clock[2],
            )
        })
        .collect();
    let first = attempts.first().map_or(0, |(_, second)| *second);
    // Past midnight the seconds start again.
    let after = |second: u64| (second + 86_400 - first) % 86_400;
    attempts
        .into_iter()
        .map(|(port, second)| (port, after(second)))
        .collect()
}
