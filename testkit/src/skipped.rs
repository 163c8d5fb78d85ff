//! The tests that were skipped. The test harness of Rust cannot count them, so each is told by a
//! line on stderr, past the capturing of output, and put down in a file of the run; a test
//! program that skipped some tells at its end how many the run has so far. nextest keeps the
//! output of tests that pass to itself; the file is in target/tmp/skipped.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::program::target_tmp;

/// Puts a test down that is skipped.
pub(crate) fn count(test: &str, needs: &str) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| assert_eq!(unsafe { libc::atexit(tell) }, 0));
    let line = format!("skipped: needs {needs}: {test}\n");
    let file = file_of_this_run();
    let directory = file.parent().expect("a directory");
    fs::create_dir_all(directory).expect("a directory");
    forget_runs_that_are_over(directory);
    let mut list = File::options().create(true).append(true).open(&file);
    let list = list.as_mut().expect("a file");
    list.write_all(line.as_bytes()).expect("a line");
    io::stderr().write_all(line.as_bytes()).ok();
}

/// At the end of a test program. The last such line of a run has the number of all.
extern "C" fn tell() {
    let list = fs::read_to_string(file_of_this_run()).unwrap_or_default();
    let line = format!(
        "skipped: {} so far, for want of what tests/run installs\n",
        list.lines().count()
    );
    io::stderr().write_all(line.as_bytes()).ok();
}

/// All test programs of a run have one parent: cargo or nextest.
fn file_of_this_run() -> PathBuf {
    let parent = std::os::unix::process::parent_id();
    let name = format!("{parent}-{}", start_of(parent));
    target_tmp().join("skipped").join(name)
}

/// When a process started, for the number of a process is given again.
fn start_of(process: u32) -> String {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = state.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let start = after_name.split(' ').nth(19);
    start.unwrap_or_default().to_owned()
}

fn forget_runs_that_are_over(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let run = name.split_once('-');
        let goes_on = run.is_some_and(|(process, start)| {
            process
                .parse()
                .is_ok_and(|process| start_of(process) == start)
        });
        if !goes_on {
            fs::remove_file(entry.path()).ok();
        }
    }
}
