//! What the network layer itself refuses, in a namespace of the test's own.

use ecf_failover::model::Status;
use std::fs;
use std::net::TcpStream;

use testkit::{Handle, Peer, Told, namespace, replies, scratch};

const THIS: &str =
    "faults::network::unreachable_hosts_and_exhausted_ports_are_told_and_passed_over";

#[test]
fn unreachable_hosts_and_exhausted_ports_are_told_and_passed_over() {
    testkit::needs!(Namespaces);
    let setup = "ip route add unreachable 127.9.9.9/32 table local; \
                 ip route add prohibit 127.9.9.8/32 table local";
    if namespace::ran_inside(THIS, setup) {
        return;
    }
    let (primary, backup) = (
        Peer::answering(&replies::ok()),
        Peer::answering(&replies::ok()),
    );
    for (host, errno, words) in [
        ("127.9.9.9", libc::EHOSTUNREACH, "No route to host"),
        ("127.9.9.8", libc::EACCES, "Permission denied"),
    ] {
        let told = to_backup(host, primary.port, &backup);
        assert_eq!(
            (told.status, told.port),
            (0, backup.port),
            "{}",
            told.report
        );
        assert!(told.report.contains(words), "{}", told.report);
        assert!(
            told.report.contains(&format!("\"errno\":{errno},")),
            "{}",
            told.report
        );
    }
    // One port is left for clients; the kernel gives it again, but not for the same server.
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000").unwrap();
    let held = TcpStream::connect(("127.0.0.1", primary.port)).expect("the only port");
    let client = Handle::quick(primary.port, &[("ECF_DENIED", "1")]);
    let told = client.task(&["--event=e"]);
    assert_eq!(told.status, Status::Denied as i32);
    assert!(
        told.error.contains("no local address or port is free"),
        "{}",
        told.error
    );
    assert_eq!(told.attempts()[0].1, "ECF_OUTCOME_NOT_SENT");
    drop(held);
    namespace::all_said();
}

fn to_backup(host: &str, port: u16, backup: &Peer) -> Told {
    let hostfile = scratch("network").join("hosts");
    fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let settings = [
        ("ECF_HOST", host),
        ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
    ];
    Handle::quick(port, &settings).task(&["--event=e"])
}
