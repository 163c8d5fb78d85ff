//! Resolvers that are late: what the system's own configuration allows must be waited for, once
//! for each name, and by no more threads than names.

use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use super::names::serve;
use testkit::{Act, Handle, Peer, frame, namespace, refused_port, replies, scratch};

/// What stands in for /etc/resolv.conf, with the system's names left out.
fn setup(name: &str, resolv: &str) -> String {
    let directory = scratch(name);
    let (conf, nsswitch) = (directory.join("resolv"), directory.join("nsswitch"));
    fs::write(&conf, resolv).unwrap();
    fs::write(&nsswitch, "hosts: files dns\n").unwrap();
    format!(
        "mount --bind {} /etc/resolv.conf; mount --bind {} /etc/nsswitch.conf",
        conf.display(),
        nsswitch.display()
    )
}

fn silent_server(address: &str) -> UdpSocket {
    UdpSocket::bind(address).expect("port 53 of the namespace")
}

fn live() -> Peer {
    Peer::new(&[Act::Answer(frame(replies::ok().as_bytes()))])
}

/// glibc asks the second server after five seconds: the stock client waits for that.
#[test]
fn a_second_name_server_is_waited_for_where_the_first_is_silent() {
    testkit::needs!(Namespaces);
    let resolv = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n";
    let this = "faults::resolvers::a_second_name_server_is_waited_for_where_the_first_is_silent";
    if namespace::ran_inside(this, &setup("second", resolv)) {
        return;
    }
    let _silent = silent_server("127.0.0.1:53");
    let second = UdpSocket::bind("127.0.0.2:53").unwrap();
    thread::spawn(move || serve(&second));
    let hostfile = scratch("second").join("hosts");
    let hostfile = hostfile.to_str().unwrap();
    for profile in ["ecflow", "fast"] {
        let primary = live();
        let name = format!("primary-{profile}.test");
        let settings = [
            ("ECF_HOST", name.as_str()),
            ("ECF_FAILOVER_PROFILE", profile),
            ("ECF_FAILOVER_MEMORY", "off"),
            ("ECF_TIMEOUT", "60"),
        ];
        let told = Handle::quick(primary.port, &settings).task(&["--event=e"]);
        assert_eq!(
            (told.status, told.port),
            (0, primary.port),
            "{}",
            told.report
        );
        assert_eq!(told.attempts, 1, "{}", told.report);

        let backup = live();
        fs::write(hostfile, format!("backup-{profile}.test:{}\n", backup.port)).unwrap();
        let settings = [
            ("ECF_HOSTFILE", hostfile),
            ("ECF_FAILOVER_PROFILE", profile),
            ("ECF_FAILOVER_MEMORY", "off"),
            ("ECF_TIMEOUT", "60"),
        ];
        let told = Handle::quick(refused_port(), &settings).task(&["--event=e"]);
        assert_eq!(
            (told.status, told.port),
            (0, backup.port),
            "{}",
            told.report
        );
    }
    namespace::all_said();
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn a_resolver_that_hangs_costs_one_thread_for_a_name_however_often_it_is_asked() {
    testkit::needs!(Namespaces);
    let this = "faults::resolvers::a_resolver_that_hangs_costs_one_thread_for_a_name_however_often_it_is_asked";
    if namespace::ran_inside(this, &setup("hangs", "nameserver 127.0.0.1\n")) {
        return;
    }
    let _silent = silent_server("127.0.0.1:53");
    let before = threads();
    let settings = [
        ("ECF_HOST", "hangs.test"),
        ("ECF_CONNECT_TIMEOUT", "0.05"),
        ("ECF_TIMEOUT", "0.1"),
    ];
    for _ in 0..30 {
        let told = Handle::quick(7, &settings).task(&["--event=e"]);
        assert_eq!(told.status, Status::Timeout as i32, "{}", told.report);
        assert!(
            told.report.contains("did not answer in time"),
            "{}",
            told.report
        );
    }
    assert!(
        threads() <= before + 1,
        "{} threads, {before} before",
        threads()
    );
    namespace::all_said();
}

/// A daemon loads the library, forks, and works in the child: there, too, a look-up ends with
/// the deadline.
#[test]
fn a_process_that_forked_before_its_first_look_up_keeps_its_deadlines() {
    testkit::needs!(Namespaces);
    let this =
        "faults::resolvers::a_process_that_forked_before_its_first_look_up_keeps_its_deadlines";
    if namespace::ran_inside(this, &setup("daemon", "nameserver 127.0.0.1\n")) {
        return;
    }
    let _silent = silent_server("127.0.0.1:53");
    let settings = [("ECF_HOST", "hangs.test"), ("ECF_TIMEOUT", "0.5")];
    let client = Handle::quick(7, &settings);
    let begin = Instant::now();
    // SAFETY: the child calls the library and ends without returning.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let told = client.task(&["--event=e"]);
        let is_right = told.status == Status::Timeout as i32;
        // SAFETY: nothing of the parent's is cleaned up here.
        unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    // glibc alone would take 10 s.
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    namespace::all_said();
}
