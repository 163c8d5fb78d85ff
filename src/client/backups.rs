//! The backups as the hostfile names them, and what becomes of them while it changes.
//!
//! It is read when it is first needed and looked at again between laps. A list that was good
//! stays in use until a newer good one has been quiet for a second.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::{DefaultPort, Settings};
use crate::hosts::{Endpoint, Hostfile, MAX_BYTES};
use crate::sys::file;

/// A file that was written more recently may still be half-written.
const QUIET: Duration = Duration::from_secs(1);

/// What a handle knows of its hostfile.
#[derive(Debug, Default)]
pub(super) struct Backups {
    source: Option<Source>,
    list: Vec<Endpoint>,
    seen: Option<Version>,
    problems: Vec<String>,
}

/// Which file, read how. When it differs, what is known of another file is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    default_port: u16,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    modified: (i64, i64),
    size: u64,
    inode: (u64, u64),
}

impl Version {
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
    /// What a person should know, as file:line: why.
    pub(super) problems: Vec<String>,
    /// Whether that is news, or was told before.
    pub(super) is_news: bool,
}

impl Backups {
    /// The backups now. `primary_port` is the port of the command's primary.
    pub(super) fn look(&mut self, settings: &Settings, primary_port: u16) -> Look {
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
        let is_first = self.source.as_ref() != Some(&source);
        if is_first {
            *self = Self {
                source: Some(source.clone()),
                ..Self::default()
            };
        }
        let problems_before = self.problems.clone();
        match self.read_if_changed(&source, is_first) {
            Ok(Some((version, hostfile))) => self.take(&source, version, hostfile),
            Ok(None) => {}
            Err(why) => {
                let kept = match self.list.is_empty() {
                    true => "going on without backups",
                    false => "going on with the backups read before",
                };
                self.problems = vec![format!("{}: {why}; {kept}", source.path.display())];
            }
        }
        Look {
            list: self.list.clone(),
            is_news: is_first || self.problems != problems_before,
            problems: self.problems.clone(),
        }
    }

    fn take(&mut self, source: &Source, version: Version, hostfile: Hostfile) {
        self.seen = Some(version);
        let path = source.path.display();
        self.problems = hostfile
            .bad_lines
            .iter()
            .map(|bad| format!("{path}:{bad}"))
            .collect();
        if hostfile.backups.is_empty() {
            let kept = match self.list.is_empty() {
                true => "there are no backups",
                false => "going on with the backups read before",
            };
            self.problems.push(format!("{path}: no host in it; {kept}"));
        } else {
            self.list = hostfile.backups;
        }
    }

    fn read_if_changed(
        &self,
        source: &Source,
        is_first: bool,
    ) -> io::Result<Option<(Version, Hostfile)>> {
        let (mut file, metadata) = file::open_regular(&source.path)?;
        let version = Version::of(&metadata);
        if !is_first && (self.seen == Some(version) || !is_quiet(&metadata)) {
            return Ok(None);
        }
        let mut text = Vec::new();
        let limit = MAX_BYTES as u64 + 1;
        Read::by_ref(&mut file).take(limit).read_to_end(&mut text)?;
        let is_torn = Version::of(&file.metadata()?) != version;
        if is_torn && !is_first {
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
    Backups::default().look(settings, primary_port)
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
        backups: Backups,
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
                backups: Backups::default(),
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
            let look = self.backups.look(&self.settings, 3141);
            look.list
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
        let first = hosts.backups.look(&hosts.settings, 3141);
        let second = hosts.backups.look(&hosts.settings, 3141);
        assert!(first.is_news && !second.is_news);
        assert_eq!(first.list, second.list);
        assert!(first.problems[0].contains("read before"), "{first:?}");
    }

    #[test]
    fn a_file_that_appears_later_is_taken() {
        let mut hosts = Hosts::new("later");
        assert!(hosts.list().is_empty());
        hosts.write("b1\n", 2);
        assert_eq!(hosts.list(), ["b1"]);
    }

    #[test]
    fn a_directory_or_a_pipe_is_refused_without_blocking() {
        let mut hosts = Hosts::new("directory");
        hosts.settings.hostfile = Some(std::env::temp_dir());
        let look = hosts.backups.look(&hosts.settings, 3141);
        assert!(look.problems[0].contains("not a regular file"), "{look:?}");
        hosts.settings.hostfile = Some("/dev/null".into());
        let look = hosts.backups.look(&hosts.settings, 3141);
        assert!(look.problems[0].contains("not a regular file"), "{look:?}");
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
            let look = hosts.backups.look(&hosts.settings, 4000);
            let ports: Vec<_> = look.list.iter().map(|b| b.port).collect();
            assert_eq!(ports, wanted);
        }
    }
}
