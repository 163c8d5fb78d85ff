//! A test in a network and mount namespace of its own: it runs itself again inside one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Program;

const INSIDE: &str = "TEST_IS_INSIDE_ITS_NAMESPACE";
const ALL_SAID: &str = "all said inside the namespace";

/// Outside: runs the test `name` again inside a namespace that the shell commands `setup` have
/// prepared, wants its success, and gives true. Inside: gives false, and the test goes on.
pub fn ran_inside(name: &str, setup: &str) -> bool {
    if is_inside() {
        return false;
    }
    let exe = std::env::current_exe().expect("a path");
    let script = format!(
        "set -e; ip link set lo up; {setup}; exec {} --exact {name} --nocapture",
        exe.display()
    );
    let said = Program::new("unshare", &[(INSIDE, "1")])
        .args(&["-r", "-n", "-m", "sh", "-c", &script])
        .succeed();
    assert!(said.contains(ALL_SAID), "{said}");
    true
}

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The last words of a test inside: without them it did not get so far.
pub fn all_said() {
    println!("{ALL_SAID}");
}

/// A file of the node's memory in a directory, by the end of its name: this user's, on this boot
/// and in this network namespace.
pub fn memory_file(directory: &Path, end: &str) -> PathBuf {
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    let network = fs::metadata("/proc/self/ns/net")
        .expect("a namespace")
        .ino();
    directory.join(format!(
        "ecf_failover.{user}.{}.{network}.{end}",
        &boot[..8]
    ))
}
