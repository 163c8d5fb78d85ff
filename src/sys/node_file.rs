//! A small file that the processes of one user on one node share: read without a lock, written
//! as a whole by one at a time, and never waited for.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::socket::{above_standard, owned};

/// How often, and after what pause, a writer asks again for its turn.
const TURNS: u32 = 20;
const PAUSE: Duration = Duration::from_micros(250);

/// Why the file cannot be used.
#[derive(Debug)]
pub(crate) enum NoFile {
    /// It is not there yet.
    Absent,
    /// Another process writes, or was stopped while it did.
    Taken,
    /// It is not to be trusted, or not to be had; with the reason.
    Unusable(io::Error),
}

impl From<io::Error> for NoFile {
    fn from(why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            _ => Self::Unusable(why),
        }
    }
}

/// The file of one user.
#[derive(Clone, Debug)]
pub(crate) struct NodeFile {
    path: PathBuf,
    user: u32,
    longest: usize,
}

impl NodeFile {
    /// The file of a user, which is never longer than `longest` bytes.
    pub(crate) fn new(path: PathBuf, user: u32, longest: usize) -> Self {
        Self {
            path,
            user,
            longest,
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(crate) fn read(&self) -> Result<Vec<u8>, NoFile> {
        let file = self.open(libc::O_RDONLY)?;
        Ok(self.contents(&file)?)
    }

    /// Whether it can be used, or could be made; makes nothing. What the process lacks for a
    /// moment says nothing of it.
    pub(crate) fn inspect(&self) -> io::Result<()> {
        match self.open(libc::O_RDWR) {
            Ok(_) => Ok(()),
            Err(why) if is_a_lack(&why) => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let directory = self.path.parent().unwrap_or(Path::new("."));
                let name = CString::new(directory.as_os_str().as_bytes())?;
                let wanted = libc::W_OK | libc::X_OK;
                let (here, as_effective) = (libc::AT_FDCWD, libc::AT_EACCESS);
                // SAFETY: a NUL-terminated name.
                match unsafe { libc::faccessat(here, name.as_ptr(), wanted, as_effective) } {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            }
            Err(why) => Err(why),
        }
    }

    /// Whether this process may write it, as far as its own limit goes.
    pub(crate) fn is_within_limit(&self) -> bool {
        may_write(self.longest)
    }

    /// Replaces all of it by what `change` makes of it. Waits a few milliseconds for its turn,
    /// no longer: a process that was stopped while it wrote holds nobody up.
    pub(crate) fn edit(&self, change: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> Result<(), NoFile> {
        if !may_write(self.longest) {
            return Err(NoFile::Unusable(io::Error::from_raw_os_error(libc::EFBIG)));
        }
        // Where it cannot be made it is not merely absent.
        let file = self.open(libc::O_RDWR | libc::O_CREAT);
        let file = file.map_err(NoFile::Unusable)?;
        take_turn(&file)?;
        let written = self.replace(&file, change);
        // A child that was forked meanwhile has the descriptor, too: closing it is not enough.
        // SAFETY: the descriptor is open.
        unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
        Ok(written?)
    }

    /// The part at an offset, which is shorter where the file ends.
    pub(crate) fn read_part(&self, offset: u64, length: usize) -> Result<Vec<u8>, NoFile> {
        let file = self.open(libc::O_RDONLY)?;
        Ok(read_at(&file, offset, length)?)
    }

    /// Writes into a part what `change` makes of it: pieces, each with its place. They have to be
    /// believed one by one, for where another process has been stopped in its turn this one goes
    /// on without.
    pub(crate) fn edit_part<const PIECE: usize>(
        &self,
        offset: u64,
        length: usize,
        change: impl FnOnce(&[u8]) -> Vec<(usize, [u8; PIECE])>,
    ) -> Result<(), NoFile> {
        if !may_write(self.longest) {
            return Err(NoFile::Unusable(io::Error::from_raw_os_error(libc::EFBIG)));
        }
        let file = self.open(libc::O_RDWR | libc::O_CREAT);
        let file = file.map_err(NoFile::Unusable)?;
        if let Err(NoFile::Unusable(why)) = take_turn(&file) {
            return Err(NoFile::Unusable(why));
        }
        let written = read_at(&file, offset, length).and_then(|part| {
            let mut pieces = change(&part).into_iter();
            pieces.try_for_each(|(at, piece)| file.write_all_at(&piece, offset + at as u64))
        });
        // SAFETY: the descriptor is open.
        unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
        Ok(written?)
    }

    fn replace(&self, file: &File, change: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> io::Result<()> {
        let before = self.contents(file)?;
        let after = change(&before);
        // One write of less than a page: those who read see all of it or a sum that is wrong.
        file.write_all_at(&after, 0)?;
        if before.len() > after.len() {
            file.set_len(after.len() as u64)?;
        }
        Ok(())
    }

    /// All of it, and of one that is too long a byte more than there should be.
    fn contents(&self, file: &File) -> io::Result<Vec<u8>> {
        read_at(file, 0, self.longest + 1)
    }

    /// Opens it if it is this user's own regular file, which nobody else may write or read, on
    /// this node.
    fn open(&self, flags: libc::c_int) -> io::Result<File> {
        let name = CString::new(self.path.as_os_str().as_bytes())?;
        let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
        // SAFETY: `name` is a NUL-terminated string that outlives the call.
        let fd = owned(unsafe { libc::open(name.as_ptr(), flags, 0o600 as libc::c_uint) })?;
        let file = File::from(above_standard(fd)?);
        let metadata = file.metadata()?;
        let wrong = match () {
            () if !metadata.is_file() => Some("it is no regular file"),
            () if metadata.uid() != self.user => Some("it is another user's"),
            () if metadata.mode() & 0o077 != 0 => Some("others may use it"),
            () if metadata.nlink() != 1 => Some("it has more than one name"),
            () => None,
        };
        match wrong {
            Some(wrong) => Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong)),
            None => Ok(file),
        }
    }
}

fn read_at(file: &File, offset: u64, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; longest];
    let mut length = 0;
    while length < longest {
        match file.read_at(&mut bytes[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Whether the process lacks descriptors or memory, perhaps for a moment only.
pub(crate) fn is_a_lack(why: &io::Error) -> bool {
    let lacks = [libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    why.raw_os_error()
        .is_some_and(|errno| lacks.contains(&errno))
}

/// Whether the process may write files of this length. One that may not is sent a signal for it.
fn may_write(length: usize) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the place is writable.
    let outcome = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    outcome == 0 && limit.rlim_cur >= length as libc::rlim_t
}

fn take_turn(file: &File) -> Result<(), NoFile> {
    for turn in 0..TURNS {
        if turn > 0 {
            thread::sleep(PAUSE);
        }
        // SAFETY: the descriptor is open.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(());
        }
        let why = io::Error::last_os_error();
        match why.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            _ => return Err(NoFile::Unusable(why)),
        }
    }
    Err(NoFile::Taken)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A file in a directory of its own, which goes with the test.
    struct Fresh(NodeFile);

    impl std::ops::Deref for Fresh {
        type Target = NodeFile;

        fn deref(&self) -> &NodeFile {
            &self.0
        }
    }

    impl Drop for Fresh {
        fn drop(&mut self) {
            self.0.path().parent().map(fs::remove_dir_all);
        }
    }

    fn fresh(name: &str) -> Fresh {
        let directory = std::env::temp_dir().join(format!("ecf-{name}-{}", std::process::id()));
        assert!(fs::create_dir_all(&directory).is_ok());
        // SAFETY: geteuid has no preconditions.
        let user = unsafe { libc::geteuid() };
        Fresh(NodeFile::new(directory.join("x.memory"), user, 100))
    }

    fn write(file: &NodeFile, text: &[u8]) -> bool {
        file.edit(&mut |_| text.to_vec()).is_ok()
    }

    #[test]
    fn what_one_writes_another_reads() {
        let file = fresh("shared");
        fs::remove_file(file.path()).ok();
        assert!(matches!(file.read(), Err(NoFile::Absent)));
        assert!(write(&file, b"one") && write(&file, b"two"));
        assert_eq!(file.read().ok().as_deref(), Some(&b"two"[..]));
        let mode = fs::metadata(file.path()).map(|m| m.mode() & 0o777);
        assert_eq!(mode.ok(), Some(0o600));
    }

    #[test]
    fn what_others_may_write_is_not_believed() {
        let file = fresh("foreign");
        assert!(write(&file, b"mine"));
        let other = file.path().with_extension("other");
        let changes: [(&str, &dyn Fn() -> io::Result<()>); 3] = [
            ("others may use it", &|| {
                fs::set_permissions(file.path(), fs::Permissions::from_mode(0o622))
            }),
            ("more than one name", &|| fs::hard_link(file.path(), &other)),
            ("Too many levels", &|| {
                fs::rename(file.path(), &other)?;
                symlink(&other, file.path())
            }),
        ];
        for (why, change) in changes {
            fs::remove_file(file.path()).ok();
            fs::remove_file(&other).ok();
            assert!(write(&file, b"mine") && change().is_ok());
            let told = format!("{:?}", file.read());
            assert!(told.contains("Unusable") && told.contains(why), "{told}");
        }
        let strangers = NodeFile {
            user: file.user + 1,
            ..file.0.clone()
        };
        fs::remove_file(file.path()).ok();
        assert!(write(&file, b"mine"));
        assert!(format!("{:?}", strangers.read()).contains("another user's"));
    }

    #[test]
    fn one_that_is_too_long_becomes_what_is_written() {
        let file = fresh("long");
        assert!(write(&file, b"mine") && fs::write(file.path(), [0; 5_000]).is_ok());
        assert_eq!(file.read().map(|bytes| bytes.len()).ok(), Some(101));
        assert!(write(&file, b"mine"));
        assert_eq!(file.read().ok().as_deref(), Some(&b"mine"[..]));
    }

    #[test]
    fn a_part_is_written_also_while_another_process_is_stopped_in_its_turn() {
        let file = fresh("part");
        let put = |at: usize, byte: u8| {
            let edited = file.edit_part(50, 20, |_| vec![(at, [byte; 4])]);
            edited.is_ok()
        };
        assert!(put(16, 1));
        let stopped = file.open(libc::O_RDWR);
        assert!(stopped.as_ref().is_ok_and(|it| take_turn(it).is_ok()));
        assert!(put(4, 2));
        drop(stopped);
        let part = file.read_part(50, 20).unwrap_or_default();
        assert_eq!(part[..8], [0, 0, 0, 0, 2, 2, 2, 2]);
        assert_eq!(part[16..], [1; 4]);
        assert_eq!(file.read_part(60, 20).map(|part| part.len()).ok(), Some(10));
        assert_eq!(file.read_part(500, 20).ok().as_deref(), Some(&[][..]));
    }

    #[test]
    fn a_writer_that_does_not_come_to_its_end_holds_nobody_up() {
        let file = fresh("taken");
        assert!(write(&file, b"before"));
        let stopped = file.open(libc::O_RDWR);
        assert!(
            stopped
                .as_ref()
                .is_ok_and(|stopped| take_turn(stopped).is_ok())
        );
        let taken = file.edit(&mut |_| b"after".to_vec());
        assert!(matches!(taken, Err(NoFile::Taken)));
        assert_eq!(file.read().ok().as_deref(), Some(&b"before"[..]));
        drop(stopped);
        assert!(write(&file, b"after"));
    }
}
