//! Where the node's memory lies.

use std::fs;
use std::path::{Path, PathBuf};

use super::hostfile;
use testkit::{Peer, Program, namespace, refused_port, replies, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ecf_client");

/// A primary that refuses, and a backup.
struct Hosts {
    primary: String,
    hostfile: String,
    _backup: Peer,
}

fn hosts(name: &str) -> Hosts {
    let backup = Peer::answering(&replies::ok());
    Hosts {
        primary: refused_port().to_string(),
        hostfile: hostfile(name, &[backup.port]),
        _backup: backup,
    }
}

impl Hosts {
    fn program(&self, settings: &[(&str, &str)]) -> Program {
        let mut environment = vec![
            ("XDG_RUNTIME_DIR", ""),
            ("ECF_FAILOVER_PROFILE", "fast"),
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &self.primary),
            ("ECF_HOSTFILE", &self.hostfile),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "p"),
        ];
        environment.extend(settings);
        Program::new(PROGRAM, &environment)
    }

    /// The report of a command.
    fn report(&self, settings: &[(&str, &str)]) -> serde_json::Value {
        let output = self
            .program(settings)
            .args(&["--report", "--event=e"])
            .run();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        serde_json::from_str(&told).expect(&told)
    }
}

fn at(directory: &Path) -> String {
    let file = namespace::memory_file(directory, "memory");
    format!("node: {}", file.display())
}

#[test]
fn without_a_directory_of_its_own_it_is_one_memory_for_all_jobs_of_the_node() {
    testkit::needs!(Namespaces);
    let this =
        "fast::place::without_a_directory_of_its_own_it_is_one_memory_for_all_jobs_of_the_node";
    if namespace::ran_inside(this, "mount -t tmpfs none /dev/shm") {
        return;
    }
    let hosts = hosts("jobs");
    let jobs: [PathBuf; 2] = ["a", "b"].map(|job| scratch("fast").join("job").join(job));
    for (job, attempts) in jobs.iter().zip([2, 1]) {
        fs::create_dir_all(job).unwrap();
        let report = hosts.report(&[("TMPDIR", job.to_str().unwrap())]);
        assert_eq!(report["attempts_made"], attempts, "{report}");
        assert_eq!(report["memory"], at(Path::new("/dev/shm")), "{report}");
        assert_eq!(fs::read_dir(job).unwrap().count(), 0);
    }
    namespace::all_said();
}

#[test]
fn a_directory_that_cannot_be_used_leads_to_the_next() {
    testkit::needs!(Namespaces);
    let this = "fast::place::a_directory_that_cannot_be_used_leads_to_the_next";
    let mounts = "mount -t tmpfs none /dev/shm; mount -t tmpfs -o ro none /mnt";
    if namespace::ran_inside(this, mounts) {
        return;
    }
    let hosts = hosts("next");
    let (shm, tmp) = (Path::new("/dev/shm"), Path::new("/tmp"));
    for wrong in ["/mnt", "/nowhere/at/all", "relative", PROGRAM] {
        let report = hosts.report(&[("XDG_RUNTIME_DIR", wrong)]);
        assert_eq!(report["memory"], at(shm), "{wrong}: {report}");
        assert_eq!(report["warnings"], serde_json::json!([]), "{wrong}");
    }
    // What somebody has put in the place of the file does not end the search either.
    let file = namespace::memory_file(shm, "memory");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(hosts.report(&[])["memory"], at(tmp));
    assert_eq!(hosts.report(&[])["attempts_made"], 1);
    fs::remove_dir(&file).unwrap();
    fs::create_dir(namespace::memory_file(shm, "jobs")).unwrap();
    assert_eq!(hosts.report(&[])["memory"], at(tmp), "half of it");
    fs::remove_file(namespace::memory_file(tmp, "memory")).unwrap();
    namespace::all_said();
}

#[test]
fn a_directory_that_was_asked_for_and_cannot_be_used_is_told() {
    let hosts = hosts("asked");
    for (wrong, why) in [
        ("/nowhere/at/all", "No such file"),
        ("relative", "not an absolute path"),
        (PROGRAM, "not a directory"),
    ] {
        let asked = [("ECF_FAILOVER_MEMORY_DIR", wrong)];
        for _ in 0..2 {
            let report = hosts.report(&asked);
            assert_eq!(report["memory"], "handle", "{report}");
            assert_eq!(report["attempts_made"], 2, "nothing is known of before");
            let warnings = report["warnings"].to_string();
            let named = format!("ECF_FAILOVER_MEMORY_DIR={wrong}");
            assert!(
                warnings.contains(&named) && warnings.contains(why),
                "{warnings}"
            );
        }
        let told = hosts.program(&asked).args(&["--check"]).run();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(
            told.contains("ECF_FAILOVER_MEMORY_DIR") && told.contains(why),
            "{told}"
        );
    }
}

#[test]
fn the_report_says_which_memory_was_used() {
    let hosts = hosts("told");
    let directory = scratch("fast").join("told-memory");
    fs::create_dir_all(&directory).unwrap();
    let asked = ("ECF_FAILOVER_MEMORY_DIR", directory.to_str().unwrap());
    assert_eq!(hosts.report(&[asked])["memory"], at(&directory));
    for memory in ["handle", "off"] {
        let report = hosts.report(&[asked, ("ECF_FAILOVER_MEMORY", memory)]);
        assert_eq!(report["memory"], memory);
    }
    let ecflow = [
        ("ECF_FAILOVER_PROFILE", "ecflow"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0"),
    ];
    assert!(hosts.report(&ecflow).get("memory").is_none());
}
