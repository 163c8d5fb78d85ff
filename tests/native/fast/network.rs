//! A host that goes away without a word, in two network namespaces of the test's own.

use std::thread;
use std::time::{Duration, Instant};

use super::client;
use testkit::{Peer, Program, namespace, replies, scratch};

const THIS: &str = "fast::network::a_host_that_goes_away_without_a_word_is_noticed_in_seconds";

/// A server on another node that takes a request and says nothing.
const MUTE: &str = "import socket, sys, time
listener = socket.create_server(('10.77.0.2', 3141))
print('listening', flush=True)
held = [listener.accept()]
time.sleep(60)";

#[test]
fn a_host_that_goes_away_without_a_word_is_noticed_in_seconds() {
    testkit::needs!(Python, Namespaces);
    let directory = scratch("fast-network");
    let process = directory.join("process");
    // The other node lives as long as this process, which ends with its parent.
    let setup = format!(
        "unshare -n sleep 60 & echo $! > '{0}'; \
         ip link add here type veth peer name there; sleep 0.2; \
         ip link set there netns $(cat '{0}'); \
         ip addr add 10.77.0.1/24 dev here; ip link set here up; \
         nsenter -t $(cat '{0}') -n ip addr add 10.77.0.2/24 dev there; \
         nsenter -t $(cat '{0}') -n ip link set there up; \
         export OTHER_NODE=$(cat '{0}')",
        process.display()
    );
    if namespace::ran_inside(THIS, &setup) {
        return;
    }
    let node = std::env::var("OTHER_NODE").unwrap();
    let mut mute = Program::new("nsenter", &[])
        .args(&["-t", &node, "-n", "/usr/bin/python3", "-c", MUTE])
        .command()
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(1));
    let backup = Peer::answering(&replies::ok());
    let client = client(
        "network",
        3_141,
        &[backup.port],
        &[("ECF_HOST", "10.77.0.2")],
    );
    let (told, took) = thread::scope(|scope| {
        let sent = scope.spawn(|| {
            let begin = Instant::now();
            (client.task(&["--event=e"]), begin.elapsed())
        });
        thread::sleep(Duration::from_secs(1));
        Program::new("nsenter", &[])
            .args(&["-t", &node, "-n", "ip", "link", "set", "there", "down"])
            .succeed();
        sent.join().unwrap()
    });
    assert_eq!(
        (told.status, told.port),
        (0, backup.port),
        "{}",
        told.report
    );
    assert_eq!(told.ports(), [3_141, backup.port], "{}", told.report);
    let outcome = &told.attempts()[0].1;
    assert_eq!(outcome, "ECF_OUTCOME_UNCONFIRMED", "{}", told.report);
    // Some 6 s; its silence would be 30 s.
    assert!(took < Duration::from_secs(20), "{took:?}");
    // A command that begins now does not wait for it.
    assert_eq!(client.task(&["--event=e"]).ports(), [backup.port]);
    mute.kill().unwrap();
    mute.wait().unwrap();
    let node: i32 = node.parse().unwrap();
    unsafe { libc::kill(node, libc::SIGKILL) };
    namespace::all_said();
}
