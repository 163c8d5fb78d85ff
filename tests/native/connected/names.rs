//! Names that hang, and a network that drops what is sent: a namespace of the test's own.

use std::fs;
use std::net::UdpSocket;

use super::{by_callback, by_plan, client};
use testkit::{Peer, namespace, replies, scratch};

const THIS: &str = "connected::names::a_name_that_hangs_and_a_host_that_is_not_there_cost_a_hedge";

#[test]
fn a_name_that_hangs_and_a_host_that_is_not_there_cost_a_hedge() {
    testkit::needs!(Namespaces);
    let directory = scratch("connected-names");
    let (conf, nsswitch) = (directory.join("resolv"), directory.join("nsswitch"));
    fs::write(&conf, "nameserver 127.0.0.1\n").unwrap();
    fs::write(&nsswitch, "hosts: files dns\n").unwrap();
    let setup = format!(
        "mount --bind {} /etc/resolv.conf; mount --bind {} /etc/nsswitch.conf; \
         ip link add here type veth peer name there; ip link set here up; ip link set there up; \
         ip addr add 10.99.0.1/24 dev here; \
         ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:99 dev here",
        conf.display(),
        nsswitch.display()
    );
    if namespace::ran_inside(THIS, &setup) {
        return;
    }
    let _silent = UdpSocket::bind("127.0.0.1:53").expect("port 53 of the namespace");
    let backup = Peer::answering(&replies::ok());
    for (way, run) in [("callback", by_callback as fn(&_) -> _), ("plan", by_plan)] {
        let name = format!("primary-{way}.test");
        for host in [name.as_str(), "10.99.0.2"] {
            let settings = [("ECF_HOST", host)];
            let client = client(way, 3_141, &[backup.port], &settings);
            let came = run(&client);
            assert_eq!(
                (came.status, came.port),
                (0, backup.port),
                "{}",
                came.report
            );
            let length = came.report["length_ms"].as_u64().unwrap();
            assert!(length < 4_000, "not the look-up's 30 s: {}", came.report);
            let first = &came.report["attempts"][0];
            assert!(first["host"] == host, "{}", came.report);
        }
    }
    namespace::all_said();
}
