//! A job stays with the backup that took its init.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::hostfile;
use testkit::{Act, Handle, Peer, Program, frame, namespace, refused_port, replies, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

/// A server that takes everything, on this port or on any.
fn server(port: u16) -> Peer {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    Peer::taking(listener, &[Act::Answer(frame(replies::ok().as_bytes()))])
}

/// A node whose processes know the same primary and the same backup.
struct Node {
    directory: PathBuf,
    primary: u16,
    hostfile: String,
    settings: Vec<(&'static str, &'static str)>,
}

impl Node {
    fn new(name: &str, backup: &Peer) -> Self {
        let directory = scratch("fast").join(format!("jobs-{name}"));
        fs::create_dir_all(&directory).unwrap();
        Self {
            directory,
            primary: refused_port(),
            hostfile: hostfile(&format!("jobs-{name}-hosts"), &[backup.port]),
            settings: vec![("ECF_FAILOVER_PROFILE", "fast")],
        }
    }

    /// A process of a job.
    fn program(&self, password: &str, words: &str) -> Program {
        let port = self.primary.to_string();
        let directory = self.directory.to_str().unwrap();
        let mut environment = vec![
            ("ECF_FAILOVER_MEMORY_DIR", directory),
            ("XDG_RUNTIME_DIR", directory),
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", port.as_str()),
            ("ECF_HOSTFILE", self.hostfile.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", password),
            ("ECF_TIMEOUT", "30"),
        ];
        environment.extend(&self.settings);
        Program::new(PROGRAM, &environment).args(&["--report", words])
    }

    /// Who confirmed a command, and what was told besides.
    fn sent(&self, password: &str, words: &str) -> (u16, String) {
        let output = self.program(password, words).run();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        answered(&told)
    }

    fn port_of(&self, password: &str, words: &str) -> u16 {
        self.sent(password, words).0
    }

    /// Comes back when the primary is used again.
    fn wait_for_the_primary(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.port_of("somebody else's", "--event=e") != self.primary {
            assert!(Instant::now() < end, "the primary is not used again");
        }
    }
}

fn answered(report: &str) -> (u16, String) {
    let report: serde_json::Value = serde_json::from_str(report).expect(report);
    let by = report["answered_by"].as_str().unwrap();
    let port = by.rsplit(':').next().unwrap().parse().unwrap();
    (port, report["warnings"].to_string())
}

#[test]
fn a_primary_that_comes_back_does_not_swallow_the_end_of_a_job_that_a_backup_has() {
    let backup = server(0);
    let node = Node::new("back", &backup);
    for password in ["p", "q"] {
        assert_eq!(node.port_of(password, "--init=1"), backup.port);
    }
    let _primary = server(node.primary);
    node.wait_for_the_primary();
    for (password, end) in [("p", "--complete"), ("q", "--abort=why")] {
        assert_eq!(node.port_of(password, "--event=half-way"), backup.port);
        let (port, warnings) = node.sent(password, end);
        assert_eq!((port, warnings.as_str()), (backup.port, "[]"), "{end}");
    }
    // The next job of the task, and one that would be taken for the first.
    for password in ["r", "p", "q"] {
        assert_eq!(node.port_of(password, "--init=1"), node.primary);
        assert_eq!(node.port_of(password, "--complete"), node.primary);
    }
    let jobs = fs::read(namespace::memory_file(&node.directory, "jobs")).unwrap();
    assert!(jobs.len() <= 65_536 && jobs.iter().all(|byte| *byte == 0));
}

#[test]
fn a_job_whose_backup_is_dead_takes_the_usual_order_and_that_is_told() {
    let backup = server(0);
    let node = Node::new("dead", &backup);
    assert_eq!(node.port_of("p", "--init=1"), backup.port);
    let _primary = server(node.primary);
    node.wait_for_the_primary();
    let name = format!("127.0.0.1:{} took this job's init", backup.port);
    drop(backup);
    let (port, warnings) = node.sent("p", "--complete");
    assert_eq!(port, node.primary);
    assert!(warnings.contains(&name), "{warnings}");
}

#[test]
fn a_home_that_is_damaged_or_no_longer_listed_is_ignored() {
    let (backup, other) = (server(0), server(0));
    let mut node = Node::new("lost", &backup);
    assert_eq!(node.port_of("p", "--init=1"), backup.port);
    let primary = server(0);
    node.primary = primary.port;
    assert_eq!(node.port_of("p", "--event=e"), backup.port);
    let listed = std::mem::replace(&mut node.hostfile, hostfile("jobs-others", &[other.port]));
    assert_eq!(node.port_of("p", "--event=e"), primary.port);
    node.hostfile = listed;
    let file = namespace::memory_file(&node.directory, "jobs");
    let good = fs::read(&file).unwrap();
    let mut damaged = good.clone();
    let byte = damaged.iter_mut().rfind(|byte| **byte != 0).unwrap();
    *byte ^= 1;
    for bad in [&b""[..], b"x", &damaged, &[0xff; 70_000]] {
        fs::write(&file, bad).unwrap();
        assert_eq!(node.port_of("p", "--event=e"), primary.port);
    }
    fs::write(&file, good).unwrap();
    assert_eq!(node.port_of("p", "--event=e"), backup.port);
}

#[test]
fn a_thousand_jobs_of_a_node_find_their_backup() {
    let backup = server(0);
    let node = Node::new("thousand", &backup);
    let settings = [
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY_DIR", node.directory.to_str().unwrap()),
        ("ECF_HOSTFILE", node.hostfile.as_str()),
    ];
    let client = Handle::quick(node.primary, &settings);
    let send = |words: &str, client: &Handle| {
        for job in 0..1_000 {
            client.set("ECF_PASS", &format!("p{job}"));
            let told = client.task(&[words]);
            assert_eq!(
                (told.status, told.port),
                (0, backup.port),
                "{}",
                told.report
            );
        }
    };
    send("--init=1", &client);
    // Another process would know no more than this handle, which knows the last one only.
    let primary = server(0);
    let client = Handle::quick(primary.port, &settings);
    send("--complete", &client);
    client.set("ECF_PASS", "p7");
    assert_eq!(client.task(&["--init=1"]).port, primary.port);
}

#[test]
fn two_hundred_jobs_that_begin_at_once_are_all_remembered() {
    let backup = server(0);
    let mut node = Node::new("crowd", &backup);
    let all = |node: &Node, words: &str| {
        let start = |job: usize| -> Child {
            let mut command = node.program(&format!("p{job}"), words).command();
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let children: Vec<_> = (0..200).map(start).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{told}");
            assert_eq!(answered(&told).0, backup.port, "{told}");
        }
    };
    all(&node, "--init=1");
    let primary = server(0);
    node.primary = primary.port;
    all(&node, "--complete");
    assert_eq!(node.port_of("p7", "--init=1"), primary.port);
}

/// In profile ecflow nothing is preferred, and so it happens that another host confirms.
#[test]
fn profile_ecflow_tells_when_another_host_confirms_than_the_one_that_took_init() {
    let backup = server(0);
    let mut node = Node::new("ecflow", &backup);
    let quick = ("ECF_FAILOVER_RETRY_PERIOD", "0");
    let settings = [quick, ("ECF_HOSTFILE", node.hostfile.as_str())];
    let client = Handle::quick(node.primary, &settings);
    node.settings = vec![quick, ("ECF_FAILOVER_MEMORY", "node")];
    assert_eq!(client.task(&["--init=1"]).port, backup.port);
    assert_eq!(node.port_of("q", "--init=1"), backup.port);
    let primary = server(node.primary);
    for command in ["--event=e", "--complete"] {
        let told = client.task(&[command]);
        let warning = format!(
            "127.0.0.1:{} took this job's init, and 127.0.0.1:{} confirmed this command",
            backup.port, primary.port
        );
        assert_eq!(told.port, primary.port);
        assert!(told.report.contains(&warning), "{}", told.report);
        let (port, warnings) = node.sent("q", command);
        assert_eq!(port, primary.port);
        assert!(warnings.contains("took this job's init"), "{warnings}");
    }
    // It is over, and known no more.
    let told = client.task(&["--event=e"]);
    assert!(
        !told.report.contains("took this job's init"),
        "{}",
        told.report
    );
    assert_eq!(node.sent("q", "--event=e").1, "[]");
}
