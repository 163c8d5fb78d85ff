//! Where the node's memory lies: in the directory that the user names, else in the first of the
//! usual ones that can be used. A directory of one job's own, as TMPDIR is where batch systems
//! run, is none of them: other jobs would know nothing of it.

use std::path::Path;

use crate::config::{Memory, Settings};
use crate::health::{LONGEST_HOMES, LONGEST_IMAGE};
use crate::sys::node_directory::{self, BootId, Owner};
use crate::sys::node_file::NodeFile;

/// Where to look behind the user's own directory.
const USUAL_DIRECTORIES: [&str; 2] = ["/dev/shm", "/tmp"];

/// The node's files.
pub(super) struct Files {
    /// What is known of hosts.
    pub(super) hosts: NodeFile,
    /// Which backup has which job.
    pub(super) jobs: NodeFile,
}

/// The files, or why there are none.
pub(super) fn files(settings: &Settings, boot: BootId) -> Result<Files, String> {
    let name = node_directory::name(boot);
    let (hosts, jobs) = (format!("{name}.memory"), format!("{name}.jobs"));
    let wanted = [(hosts.as_str(), LONGEST_IMAGE), (&jobs, LONGEST_HOMES)];
    let files_in = |directory: &Path, owner| {
        let files = node_directory::files(directory, owner, wanted);
        let files = files.map(|[hosts, jobs]| Files { hosts, jobs });
        files.map_err(|why| {
            let directory = directory.display();
            format!(
                "{directory}: not usable for the node's memory: {why}; it is kept in the handle"
            )
        })
    };
    if let Some(directory) = &settings.memory_directory {
        let files = files_in(directory, Owner::Anybody);
        return files.map_err(|why| format!("ECF_FAILOVER_MEMORY_DIR={why}"));
    }
    let own = settings.runtime_directory.iter();
    let own = own.map(|directory| (directory.as_path(), Owner::OneSelf));
    let usual = USUAL_DIRECTORIES.iter();
    let usual = usual.map(|directory| (Path::new(directory), Owner::Anybody));
    let mut files = own.chain(usual).map(|(path, owner)| files_in(path, owner));
    let none = "no directory for the node's memory: it is kept in the handle";
    files.find_map(Result::ok).ok_or_else(|| none.into())
}

/// Why the node's memory cannot be used, for a person who asks.
pub(super) fn problem(settings: &Settings) -> Option<String> {
    if settings.memory.is_some_and(|kept| kept != Memory::Node) {
        return None;
    }
    let Some(boot) = node_directory::boot_id() else {
        return Some("the node does not tell its boot: its memory is kept in the handle".into());
    };
    let files = match files(settings, boot) {
        Ok(files) => files,
        Err(why) => return Some(why),
    };
    let mut files = [files.hosts, files.jobs].into_iter();
    let too_long = files.find(|file| !file.is_within_limit())?;
    Some(format!(
        "{}: longer than files of this process may be; the node's memory is kept in the handle",
        too_long.path().display()
    ))
}
