//! The backups as the hostfile names them, and what becomes of them while it changes.
//!
//! It is read when it is first needed and looked at again between laps. A list that was good
//! stays in use until a newer good one has been quiet for a second.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::config::{DefaultPort, KeyIndex, Settings};
use crate::hostfile::{Hostfile, MAX_BYTES};
use crate::model::{ECFLOW_PORT, Endpoint};
use crate::sys::file;

/// A file that was written more recently may still be half-written.
const QUIET: Duration = Duration::from_secs(1);

/// What a handle knows of its hostfiles: one, unless commands name their own.
#[derive(Debug, Default)]
pub(super) struct HostLists(Vec<(Source, KnownHostfile)>);

/// A handle remembers no more hostfiles than this.
const MOST_SOURCES: usize = 16;

/// Which file, read how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    default_port: u16,
}

/// What is known of one hostfile.
#[derive(Clone, Debug, Default)]
struct KnownHostfile {
    list: Vec<Endpoint>,
    seen: Option<FileState>,
    bad_lines: Vec<String>,
    /// The first line of the list that has no port.
    without_port: Option<usize>,
    /// Why it could not be read the last time.
    unreadable: Option<String>,
    /// Why there is no list, if there is none.
    why_empty: String,
    is_old: bool,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    modified: (i64, i64),
    size: u64,
    inode: (u64, u64),
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

/// What a look at the hostfile brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The backups to use.
    pub(super) list: Vec<Endpoint>,
    /// Why there are none, if so.
    pub(super) why_empty: Option<String>,
    /// What a person should know, as file:line: why.
    pub(super) problems: Vec<String>,
    /// Whether that is news, or was told before.
    pub(super) is_news: bool,
}

/// The backups now. `primary_port` is the port of the command's primary. The file is read
/// outside the lock: one that hangs holds up its own command only.
pub(super) fn look(lists: &Mutex<HostLists>, settings: &Settings, primary_port: u16) -> Look {
    let Some(path) = settings.hostfile.clone() else {
        return Look::default();
    };
    let source = Source {
        path,
        default_port: match settings.default_port {
            DefaultPort::Number(port) => port,
            DefaultPort::Primary => primary_port,
        },
    };
    let mut known = lists.lock().recall(&source);
    let mut look = known.look(&source);
    let other_port = primary_port != ECFLOW_PORT && !settings.is_given(KeyIndex::DEFAULT_PORT);
    if let Some(line) = known.without_port.filter(|_| other_port) {
        let path = source.path.display();
        look.problems.push(format!(
            "{path}:{line}: no port, so {ECFLOW_PORT}; stock clients take the primary's port, {primary_port}, \
             there: write the port, or set ECF_FAILOVER_DEFAULT_PORT"
        ));
    }
    lists.lock().remember(source, known);
    look
}

impl HostLists {
    fn recall(&self, source: &Source) -> KnownHostfile {
        let known = self.0.iter().find(|(known, _)| known == source);
        known.map(|(_, known)| known.clone()).unwrap_or_default()
    }

    fn remember(&mut self, source: Source, known: KnownHostfile) {
        self.0.retain(|(other, _)| *other != source);
        if self.0.len() == MOST_SOURCES {
            self.0.remove(0);
        }
        self.0.push((source, known));
    }
}

impl KnownHostfile {
    fn look(&mut self, source: &Source) -> Look {
        let problems_before = self.problems();
        match self.read_if_changed(source) {
            Ok(Some((version, hostfile))) => self.take(source, version, hostfile),
            Ok(None) => self.unreadable = None,
            Err(why) => {
                self.why_empty = format!("{}: {why}", source.path.display());
                let kept = self.what_is_kept();
                self.unreadable = Some(format!("{}; {kept}", self.why_empty));
            }
        }
        let problems = self.problems();
        let is_first = !std::mem::replace(&mut self.is_old, true);
        Look {
            list: self.list.clone(),
            why_empty: self.list.is_empty().then(|| self.why_empty.clone()),
            is_news: is_first || problems != problems_before,
            problems,
        }
    }

    fn problems(&self) -> Vec<String> {
        let lines = self.bad_lines.iter();
        lines.chain(&self.unreadable).cloned().collect()
    }

    fn what_is_kept(&self) -> &'static str {
        if self.list.is_empty() {
            "going on without backups"
        } else {
            "going on with the backups read before"
        }
    }

    fn take(&mut self, source: &Source, version: FileState, hostfile: Hostfile) {
        let path = source.path.display();
        self.seen = Some(version);
        self.unreadable = None;
        self.bad_lines = hostfile
            .bad_lines
            .iter()
            .map(|bad| format!("{path}:{bad}"))
            .collect();
        if hostfile.backups.is_empty() {
            self.why_empty = format!("{path}: no host in it");
            let kept = self.what_is_kept();
            self.bad_lines.push(format!("{}; {kept}", self.why_empty));
        } else {
            self.list = hostfile.backups;
            self.without_port = hostfile.without_port;
        }
    }

    /// A list that is in use waits for a quiet file; where there is none, any is better.
    fn read_if_changed(&self, source: &Source) -> io::Result<Option<(FileState, Hostfile)>> {
        let has_list = !self.list.is_empty();
        let (mut file, metadata) = file::open_regular(&source.path)?;
        let version = FileState::of(&metadata);
        if self.seen == Some(version) || (has_list && !is_quiet(&metadata)) {
            return Ok(None);
        }
        let mut text = Vec::new();
        let limit = MAX_BYTES as u64 + 1;
        Read::by_ref(&mut file).take(limit).read_to_end(&mut text)?;
        let is_torn = FileState::of(&file.metadata()?) != version;
        if is_torn && has_list {
            return Ok(None);
        }
        Ok(Some((version, Hostfile::parse(&text, source.default_port))))
    }
}

/// Whether the file was last written at least a second ago. One from the future is: its
/// clock says nothing.
fn is_quiet(metadata: &Metadata) -> bool {
    let Ok(modified) = metadata.modified() else {
        return true;
    };
    match SystemTime::now().duration_since(modified) {
        Ok(age) => age >= QUIET,
        Err(ahead) => ahead.duration() >= QUIET,
    }
}

/// The backups and problems of the file as it is now, for a person who asks.
pub(super) fn inspect(settings: &Settings, primary_port: u16) -> Look {
    look(&Mutex::default(), settings, primary_port)
}

/// Reads a definition file for `--load`.
pub(super) fn read_definition(path: &Path) -> io::Result<Vec<u8>> {
    file::read_regular(path, u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::config::Configuration;

    struct Hosts {
        path: PathBuf,
        settings: Settings,
        backups: Mutex<HostLists>,
    }

    impl Hosts {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ecf-{name}-{}", std::process::id()));
            let mut configuration = Configuration::new();
            let set = configuration.set(b"ECF_HOSTFILE", path.as_os_str().as_encoded_bytes());
            assert_eq!(set, Ok(()));
            Self {
                settings: configuration.settings().clone(),
                path,
                backups: Mutex::default(),
            }
        }

        fn write(&self, text: &str, age: u64) {
            let written = fs::write(&self.path, text);
            assert!(written.is_ok());
            let when = SystemTime::now() - Duration::from_secs(age);
            let aged = File::options().append(true).open(&self.path);
            assert!(aged.and_then(|file| file.set_modified(when)).is_ok());
        }

        fn list(&mut self) -> Vec<String> {
            let told = look(&self.backups, &self.settings, 3141);
            told.list
                .iter()
                .map(|b| b.host.as_str().to_owned())
                .collect()
        }
    }

    impl Drop for Hosts {
        fn drop(&mut self) {
            fs::remove_file(&self.path).ok();
        }
    }

    #[test]
    fn a_changed_list_is_taken_once_it_is_quiet_and_good() {
        let mut hosts = Hosts::new("changed");
        hosts.write("b1\n", 0);
        assert_eq!(hosts.list(), ["b1"], "the first look takes it as it is");
        hosts.write("b1\nb2\n", 0);
        assert_eq!(hosts.list(), ["b1"], "just written: perhaps half");
        hosts.write("b1\nb2\n", 2);
        assert_eq!(hosts.list(), ["b1", "b2"]);
        hosts.write("# nobody\n", 2);
        assert_eq!(
            hosts.list(),
            ["b1", "b2"],
            "no good line: the last good list"
        );
        hosts.write("b3\nb 4:x\n:\n", 2);
        assert_eq!(hosts.list(), ["b3", "b"]);
    }

    #[test]
    fn a_file_that_goes_away_is_told_once_and_the_list_stays() {
        let mut hosts = Hosts::new("away");
        hosts.write("b1\n", 5);
        assert_eq!(hosts.list(), ["b1"]);
        fs::remove_file(&hosts.path).ok();
        let first = look(&hosts.backups, &hosts.settings, 3141);
        let second = look(&hosts.backups, &hosts.settings, 3141);
        assert!(first.is_news && !second.is_news);
        assert_eq!(first.list, second.list);
        assert!(first.problems[0].contains("read before"), "{first:?}");
    }

    #[test]
    fn a_file_that_appears_later_is_taken() {
        let mut hosts = Hosts::new("later");
        assert!(hosts.list().is_empty());
        hosts.write("b1\n", 0);
        assert_eq!(
            hosts.list(),
            ["b1"],
            "without a list there is nothing to wait for"
        );
    }

    #[test]
    fn a_file_that_comes_back_is_no_problem_any_more() {
        let mut hosts = Hosts::new("back");
        let elsewhere = hosts.path.with_extension("moved");
        hosts.write("b1\n", 5);
        assert_eq!(hosts.list(), ["b1"]);
        assert!(fs::rename(&hosts.path, &elsewhere).is_ok());
        assert_eq!(
            look(&hosts.backups, &hosts.settings, 3141).problems.len(),
            1
        );
        assert!(fs::rename(&elsewhere, &hosts.path).is_ok());
        assert_eq!(
            look(&hosts.backups, &hosts.settings, 3141).problems.len(),
            0
        );
    }

    #[test]
    fn a_command_with_another_file_does_not_make_the_first_forgotten() {
        let (mut one, other) = (Hosts::new("one"), Hosts::new("other"));
        one.write("b1\n", 5);
        other.write("b2\n", 5);
        assert_eq!(one.list(), ["b1"]);
        fs::remove_file(&one.path).ok();
        let look_at_other = look(&one.backups, &other.settings, 3141);
        assert_eq!(look_at_other.list[0].host.as_str(), "b2");
        assert_eq!(one.list(), ["b1"], "the last good list");
    }

    #[test]
    fn a_directory_or_a_pipe_is_refused_without_blocking() {
        let mut hosts = Hosts::new("directory");
        hosts.settings.hostfile = Some(std::env::temp_dir());
        let told = look(&hosts.backups, &hosts.settings, 3141);
        assert!(told.problems[0].contains("not a regular"), "{told:?}");
        hosts.settings.hostfile = Some("/dev/null".into());
        let told = look(&hosts.backups, &hosts.settings, 3141);
        assert!(told.problems[0].contains("not a regular"), "{told:?}");
    }

    #[test]
    fn lines_without_a_port_beside_a_primary_with_another_are_told() {
        let mut hosts = Hosts::new("portless");
        hosts.write("b1:1\nb2\nb3\n", 5);
        let told = look(&hosts.backups, &hosts.settings, 4000);
        assert_eq!(told.problems.len(), 1, "{told:?}");
        let line = format!("{}:2: no port, so 3141; ", hosts.path.display());
        assert!(told.problems[0].starts_with(&line) && told.problems[0].contains("4000"));
        assert_eq!(
            look(&hosts.backups, &hosts.settings, 3141).problems.len(),
            0
        );
        let mut configuration = Configuration::new();
        let path = hosts.path.as_os_str().as_encoded_bytes();
        assert_eq!(configuration.set(b"ECF_HOSTFILE", path), Ok(()));
        assert_eq!(
            configuration.set(b"ECF_FAILOVER_DEFAULT_PORT", b"3141"),
            Ok(())
        );
        hosts.settings = configuration.settings().clone();
        assert_eq!(
            look(&hosts.backups, &hosts.settings, 4000).problems.len(),
            0
        );
    }

    #[test]
    fn lines_without_a_port_take_the_default_or_the_primarys() {
        let mut hosts = Hosts::new("port");
        hosts.write("b1\nb2:7\n", 5);
        for (default_port, wanted) in [
            (DefaultPort::Number(3141), [3141, 7]),
            (DefaultPort::Primary, [4000, 7]),
        ] {
            hosts.settings.default_port = default_port;
            let told = look(&hosts.backups, &hosts.settings, 4000);
            let ports: Vec<_> = told.list.iter().map(|b| b.port).collect();
            assert_eq!(ports, wanted);
        }
    }
}
