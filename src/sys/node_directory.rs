//! The directory of the files that the processes of one user on one node share, and their names.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::node_file::NodeFile;

/// What is another after every start of the machine.
pub(crate) type BootId = [u8; 16];

/// Whose the directory has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This user's; one that was left in the environment by somebody else is not.
    OneSelf,
    /// It says nothing: the files are looked at themselves.
    Anybody,
}

/// What the names of all files of this user have in common: what they hold for. That is the
/// user, the boot of the node, and the network namespace, as in another one the same host and
/// port are another server.
pub(crate) fn name(boot: BootId) -> String {
    let [a, b, c, d, ..] = boot;
    let boot = u32::from_be_bytes([a, b, c, d]);
    let network = network_namespace();
    format!("ecf_failover.{}.{boot:08x}.{network}", user())
}

/// The files of these names and longest lengths there, if they can be used, or could be made;
/// makes nothing.
pub(crate) fn files<const COUNT: usize>(
    directory: &Path,
    owner: Owner,
    wanted: [(&str, usize); COUNT],
) -> io::Result<[NodeFile; COUNT]> {
    let wrong = |why: &str| Err(io::Error::other(why));
    if !directory.is_absolute() {
        return wrong("not an absolute path");
    }
    let metadata = fs::metadata(directory)?;
    if !metadata.is_dir() {
        return wrong("not a directory");
    }
    if owner == Owner::OneSelf && metadata.uid() != user() {
        return wrong("it is another user's");
    }
    if is_shared_by_nodes(directory) {
        return wrong("on a file system that nodes share");
    }
    for (name, longest) in wanted {
        let file = NodeFile::new(directory.join(name), user(), longest);
        file.inspect()
            .map_err(|why| io::Error::new(why.kind(), format!("{name}: {why}")))?;
    }
    Ok(wanted.map(|(name, longest)| NodeFile::new(directory.join(name), user(), longest)))
}

fn user() -> u32 {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() }
}

/// The number of this process's network namespace, or a word where there is none to be had.
fn network_namespace() -> String {
    let namespace = fs::metadata("/proc/self/ns/net");
    namespace.map_or_else(|_| "net".into(), |file| file.ino().to_string())
}

/// File systems that several nodes see: what is true on one is not on another, and the server
/// of one that hangs would hang a job.
#[cfg(target_os = "linux")]
fn is_shared_by_nodes(directory: &Path) -> bool {
    /// By their magic numbers: NFS, SMB, CIFS, SMB2, AFS, Ceph, Lustre, GPFS, BeeGFS, OCFS2, GFS2,
    /// and FUSE, which may be anything.
    const SHARED: [u32; 12] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x5346_414f,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x4750_4653,
        0x1983_0326,
        0x7461_636f,
        0x0116_1970,
        0x6573_5546,
    ];
    let Ok(name) = CString::new(directory.as_os_str().as_bytes()) else {
        return true;
    };
    // SAFETY: all zeros are a valid statfs.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a NUL-terminated name, and a writable place.
    let outcome = unsafe { libc::statfs(name.as_ptr(), &raw mut system) };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers have 32 bits"
    )]
    let magic = system.f_type as u32;
    outcome == 0 && SHARED.contains(&magic)
}

#[cfg(not(target_os = "linux"))]
fn is_shared_by_nodes(_: &Path) -> bool {
    false
}

/// The one of now.
#[cfg(target_os = "linux")]
pub(crate) fn boot_id() -> Option<BootId> {
    let text = super::file::read_regular(Path::new("/proc/sys/kernel/random/boot_id"), 64).ok()?;
    let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn boot_id() -> Option<BootId> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_user_boot_and_network() {
        let network = network_namespace();
        let wanted = format!("ecf_failover.{}.07070707.{network}", user());
        assert_eq!(name([7; 16]), wanted);
        assert_ne!(name([8; 16]), wanted);
    }

    #[test]
    fn a_directory_that_cannot_be_used_says_why_and_nothing_is_made() {
        let told = |directory: &str, owner| {
            let wanted = [("x.memory", 9), ("x.jobs", 9)];
            match files(Path::new(directory), owner, wanted) {
                Ok([file, _]) => format!("{} is used", file.path().display()),
                Err(why) => why.to_string(),
            }
        };
        assert!(told("tmp", Owner::Anybody).contains("absolute"));
        assert!(told("/nowhere/at/all", Owner::Anybody).contains("No such"));
        assert!(told("/dev/null", Owner::Anybody).contains("not a directory"));
        let usual = std::env::temp_dir();
        let usual = usual.to_string_lossy();
        assert!(told(&usual, Owner::Anybody).ends_with("is used"));
        assert!(!Path::new(&*usual).join("x.memory").exists());
        let is_own = fs::metadata(&*usual).is_ok_and(|there| there.uid() == user());
        assert_eq!(told(&usual, Owner::OneSelf).ends_with("is used"), is_own);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_boot_id_stays_as_long_as_the_machine_runs() {
        assert!(boot_id().is_some());
        assert_eq!(boot_id(), boot_id());
    }
}
