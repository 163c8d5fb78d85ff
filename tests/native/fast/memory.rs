//! The node's memory when its file is not what it should be.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::hostfile;
use testkit::{Act, Handle, Peer, Program, frame, namespace, refused_port, replies, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

/// A command of a process of its own; how many connections it made.
fn attempts(directory: &Path, primary: u16, backup: &Peer) -> u64 {
    // Tests run side by side, each with a directory of its own.
    let name = directory.file_name().unwrap().to_str().unwrap();
    let hostfile = hostfile(&format!("hosts-of-{name}"), &[backup.port]);
    let port = primary.to_string();
    let directory = directory.to_str().unwrap();
    let environment = [
        ("ECF_FAILOVER_MEMORY_DIR", directory),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &port),
        ("ECF_HOSTFILE", &hostfile),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
        ("ECF_TIMEOUT", "30"),
    ];
    let begin = Instant::now();
    let output = Program::new(PROGRAM, &environment)
        .args(&["--report", "--event=e"])
        .run();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{told}");
    let report: serde_json::Value = serde_json::from_str(&told).expect(&told);
    report["attempts_made"].as_u64().unwrap()
}

/// A directory, and the file in it.
fn place(name: &str) -> (PathBuf, PathBuf) {
    let directory = scratch("fast").join(name);
    fs::create_dir_all(&directory).unwrap();
    let file = namespace::memory_file(&directory, "memory");
    (directory, file)
}

#[test]
fn what_one_process_found_the_next_one_knows() {
    let (directory, file) = place("shared");
    let (primary, backup) = (refused_port(), Peer::answering(&replies::ok()));
    assert_eq!(attempts(&directory, primary, &backup), 2);
    assert_eq!(attempts(&directory, primary, &backup), 1);
    assert!(fs::metadata(file).unwrap().len() <= 4_096);
}

/// The same host and port is another server in another network namespace, as in a container.
#[test]
fn what_is_dead_in_one_network_namespace_is_not_in_another() {
    testkit::needs!(Namespaces);
    const PORT: u16 = 3141;
    let this = "fast::memory::what_is_dead_in_one_network_namespace_is_not_in_another";
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-namespaces");
    // In a namespace within this one nobody listens there.
    let elsewhere = format!(
        "rm -rf {directory}; mkdir -p {directory}; export ECF_FAILOVER_MEMORY_DIR={directory}; \
         ! ECF_FAILOVER_PROFILE=fast ECF_HOST=127.0.0.1 ECF_PORT={PORT} ECF_NAME=/s/f/t \
         ECF_PASS=p ECF_TIMEOUT=0.3 unshare -n sh -c 'ip link set lo up; {PROGRAM} --event=e'",
        directory = directory.display()
    );
    if namespace::ran_inside(this, &elsewhere) {
        return;
    }
    let found = fs::read_dir(&directory).unwrap().count();
    assert!(found > 0, "the other namespace has a memory");
    let ok = [Act::Answer(frame(replies::ok().as_bytes()))];
    let listener = std::net::TcpListener::bind(("127.0.0.1", PORT)).unwrap();
    let primary = Peer::taking(listener, &ok);
    let backup = Peer::answering(&replies::ok());
    for _ in 0..3 {
        assert_eq!(attempts(&directory, PORT, &backup), 1);
    }
    assert_eq!(primary.finished().len(), 3, "all of them at the primary");
    assert_eq!(backup.finished().len(), 0);
    namespace::all_said();
}

/// A process that had no descriptor left for a moment has the node's memory again afterwards.
#[test]
fn a_lack_of_descriptors_costs_the_memory_no_longer_than_it_lasts() {
    testkit::needs!(Namespaces);
    // The limit is the whole process's, so it is one of this test's own.
    let this = "fast::memory::a_lack_of_descriptors_costs_the_memory_no_longer_than_it_lasts";
    if namespace::ran_inside(this, "true") {
        return;
    }
    let (directory, file) = place("lacking");
    let backup = Peer::answering(&replies::ok());
    let hosts = hostfile("lacking-hosts", &[backup.port]);
    // SAFETY: no other thread of this process looks at the environment.
    unsafe { std::env::set_var("ECF_FAILOVER_MEMORY_DIR", &directory) };
    let settings = [
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOSTFILE", hosts.as_str()),
        ("ECF_TIMEOUT", "0.3"),
    ];
    let client = Handle::quick(refused_port(), &settings);
    let limit = |soft| {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a valid place, and then a valid limit.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            let before = std::mem::replace(&mut limit.rlim_cur, soft);
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
            before
        }
    };
    let before = limit(3);
    let told = client.task(&["--event=e"]);
    limit(before);
    assert_ne!(told.status, 0, "{}", told.report);
    client.set("ECF_TIMEOUT", "30");
    assert_eq!(client.task(&["--event=e"]).status, 0);
    assert!(file.exists(), "the node knows of it");
    namespace::all_said();
}

/// Looking whether all is well changes nothing.
#[test]
fn a_check_makes_no_file() {
    let (directory, file) = place("checked");
    let environment = [
        ("ECF_FAILOVER_MEMORY_DIR", directory.to_str().unwrap()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "127.0.0.1"),
    ];
    Program::new(PROGRAM, &environment).args(&["--check"]).run();
    assert!(!file.exists());
    fs::create_dir(&file).unwrap();
    let told = Program::new(PROGRAM, &environment).args(&["--check"]).run();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("not usable for the node's memory"), "{told}");
}

#[test]
fn damaged_foreign_old_and_absent_files_are_no_obstacle() {
    let (directory, file) = place("damaged");
    let (primary, backup) = (refused_port(), Peer::answering(&replies::ok()));
    attempts(&directory, primary, &backup);
    let good = fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[100] ^= 1;
    let mut other_boot = good.clone();
    other_boot[20] ^= 1;
    for bytes in [
        &b""[..],
        b"x",
        &good[..100],
        &flipped,
        &other_boot,
        &[0; 4_096],
    ] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(attempts(&directory, primary, &backup), 2, "not believed");
        assert_eq!(attempts(&directory, primary, &backup), 1, "and replaced");
    }
    fs::remove_file(&file).unwrap();
    // What is not a file of one's own is left as it is, and the command goes its way.
    let elsewhere = directory.join("elsewhere");
    fs::write(&elsewhere, &good).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(attempts(&directory, primary, &backup), 2, "a link");
    assert_eq!(fs::read(&elsewhere).unwrap(), good);
    fs::remove_file(&file).unwrap();
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    assert_eq!(
        attempts(&directory, primary, &backup),
        2,
        "others may write it"
    );
    assert_eq!(fs::read(&file).unwrap(), good);
    fs::remove_file(&file).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(attempts(&directory, primary, &backup), 2, "a pipe");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(attempts(&directory, primary, &backup), 2, "a directory");
    let nowhere = Path::new("/proc/self/fdinfo");
    assert_eq!(
        attempts(nowhere, primary, &backup),
        2,
        "nothing can be made there"
    );
}

#[test]
fn a_process_that_may_not_write_files_is_not_ended_for_it() {
    let (directory, file) = place("limit");
    let backup = Peer::answering(&replies::ok());
    let (hostfile, port) = (
        hostfile("limit-hosts", &[backup.port]),
        refused_port().to_string(),
    );
    let environment = [
        ("ECF_FAILOVER_MEMORY_DIR", directory.to_str().unwrap()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &port),
        ("ECF_HOSTFILE", &hostfile),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
    ];
    let script = format!("ulimit -f 0; exec '{PROGRAM}' --event=e");
    Program::new("sh", &environment)
        .args(&["-c", &script])
        .succeed();
    assert!(!file.exists());
}

#[test]
fn while_a_stopped_process_holds_the_file_a_server_that_returned_is_reached() {
    let (directory, file) = place("stuck");
    let primary = refused_port();
    // Both are found dead by a command that gives up.
    let nobody = refused_port();
    let hostfile = hostfile("stuck-hosts", &[nobody]);
    let port = primary.to_string();
    let mut environment = vec![
        ("ECF_FAILOVER_MEMORY_DIR", directory.to_str().unwrap()),
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &port),
        ("ECF_HOSTFILE", &hostfile),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
        ("ECF_TIMEOUT", "0.3"),
    ];
    let failed = Program::new(PROGRAM, &environment)
        .args(&["--event=e"])
        .run();
    assert!(!failed.status.success());
    let held = fs::File::open(&file).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&held);
    assert_eq!(unsafe { libc::flock(fd, libc::LOCK_EX) }, 0);
    let listener = std::net::TcpListener::bind(("127.0.0.1", primary)).unwrap();
    let ok = [Act::Answer(frame(replies::ok().as_bytes()))];
    let _primary = Peer::taking(listener, &ok);
    environment.pop();
    environment.push(("ECF_TIMEOUT", "30"));
    let begin = Instant::now();
    Program::new(PROGRAM, &environment)
        .args(&["--event=e"])
        .succeed();
    assert!(begin.elapsed() < Duration::from_secs(10));
    drop(held);
}

#[test]
fn a_process_that_was_stopped_while_it_wrote_holds_nobody_up() {
    let (directory, file) = place("locked");
    let (primary, backup) = (refused_port(), Peer::answering(&replies::ok()));
    attempts(&directory, primary, &backup);
    let held = fs::File::open(&file).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&held);
    assert_eq!(unsafe { libc::flock(fd, libc::LOCK_EX) }, 0);
    assert_eq!(attempts(&directory, primary, &backup), 1, "it can be read");
    drop(held);
}
