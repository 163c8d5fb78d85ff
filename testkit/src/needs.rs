//! What a test needs beside Rust and a C compiler. Where it is missing the test is skipped, by
//! name, and counted; under tests/run, which installs all, it fails.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{namespace, skipped};

/// `all`: what is missing is a failure. tests/run sets it.
pub const MODE: &str = "ECF_FAILOVER_TESTS";

/// What counts as missing though it is there: names of the table with commas between, or `all`.
pub const HIDDEN: &str = "ECF_FAILOVER_HIDE";

/// A thing that some machines do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table says it")]
pub enum Need {
    EcflowServer,
    Gcc,
    Gxx,
    Clang,
    Gfortran,
    Mpi,
    Boost,
    OpensslDev,
    Cmake,
    Ninja,
    PkgConfig,
    Ecbuild,
    Bash,
    Dash,
    Ksh,
    Script,
    Python,
    Perl,
    Lua,
    Valgrind,
    Abigail,
    Binutils,
    Groff,
    Openssl,
    Namespaces,
    Ipv6,
}

struct Row {
    need: Need,
    name: &'static str,
    /// In PATH, or with a path.
    programs: &'static [&'static str],
    /// What must hold, where programs alone are not enough.
    holds: fn() -> bool,
    /// Debian's packages.
    packages: &'static str,
}

const fn row(
    need: Need,
    name: &'static str,
    programs: &'static [&'static str],
    packages: &'static str,
) -> Row {
    Row {
        need,
        name,
        programs,
        holds: || true,
        packages,
    }
}

const fn that_holds(row: Row, holds: fn() -> bool) -> Row {
    Row { holds, ..row }
}

/// In the order of [`Need`]. tests/run installs the packages.
#[rustfmt::skip]
const TABLE: [Row; 26] = [
    row(Need::EcflowServer, "ecflow_server", &["ecflow_server", "ecflow_client"], "ecflow-server ecflow-client"),
    row(Need::Gcc, "gcc", &["gcc"], "gcc libc6-dev"),
    row(Need::Gxx, "g++", &["g++"], "g++"),
    row(Need::Clang, "clang", &["clang", "clang++"], "clang"),
    row(Need::Gfortran, "gfortran", &["gfortran"], "gfortran"),
    row(Need::Mpi, "mpi", &["mpifort", "mpirun"], "libopenmpi-dev openmpi-bin"),
    that_holds(row(Need::Boost, "boost", &[], "libboost-dev"), ||
        succeeds("g++", &["-x", "c++", "-fsyntax-only", "-include", "boost/version.hpp", "/dev/null"])),
    that_holds(row(Need::OpensslDev, "openssl headers", &[], "libssl-dev"), ||
        succeeds("g++", &["-x", "c++", "-fsyntax-only", "-include", "openssl/ssl.h", "/dev/null"])),
    row(Need::Cmake, "cmake", &["cmake", "make"], "cmake make"),
    row(Need::Ninja, "ninja", &["ninja"], "ninja-build"),
    row(Need::PkgConfig, "pkg-config", &["pkg-config"], "pkg-config"),
    row(Need::Ecbuild, "ecbuild", &["ecbuild"], "ecbuild"),
    row(Need::Bash, "bash", &["bash", "/bin/bash"], "bash"),
    row(Need::Dash, "dash", &["dash", "/bin/dash"], "dash"),
    row(Need::Ksh, "ksh93", &["/bin/ksh93"], "ksh93u+m"),
    row(Need::Script, "script", &["script"], "bsdutils"),
    row(Need::Python, "python3", &["/usr/bin/python3"], "python3"),
    that_holds(row(Need::Perl, "perl with FFI::Platypus", &["perl"], "libffi-platypus-perl"), ||
        succeeds("perl", &["-MFFI::Platypus", "-e", "1"])),
    row(Need::Lua, "luajit", &["luajit"], "luajit"),
    row(Need::Valgrind, "valgrind", &["valgrind"], "valgrind"),
    row(Need::Abigail, "abidiff", &["abidiff", "abidw"], "abigail-tools"),
    row(Need::Binutils, "binutils", &["nm", "readelf", "strip"], "binutils"),
    row(Need::Groff, "groff", &["groff"], "groff-base"),
    row(Need::Openssl, "openssl", &["openssl"], "openssl"),
    that_holds(row(Need::Namespaces, "namespaces", &["unshare", "nsenter", "ip"], "util-linux iproute2"), ||
        succeeds("unshare", &["-r", "-n", "-m", "ip", "link", "set", "lo", "up"])),
    that_holds(row(Need::Ipv6, "IPv6 on loopback", &[], ""), || TcpListener::bind("[::1]:0").is_ok()),
];

const _: () = {
    let mut index = 0;
    while index < TABLE.len() {
        assert!(TABLE[index].need as usize == index, "a row for each need");
        index += 1;
    }
};

impl Row {
    fn is_here(&self) -> bool {
        !self.is_hidden()
            && self.programs.iter().all(|name| program(name).is_some())
            && (self.holds)()
    }

    fn is_hidden(&self) -> bool {
        let hidden = std::env::var(HIDDEN).unwrap_or_default();
        hidden
            .split(',')
            .any(|name| name == "all" || name == self.name)
    }
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Where a program lies, by PATH unless its name is a path.
pub fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        let file = Path::new(name);
        return file.is_file().then(|| file.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|directory| directory.join(name));
    files.find(|file| file.is_file())
}

/// Debian's packages of all that the table has.
pub fn packages() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|row| row.packages.split_whitespace())
}

/// A program that counts as missing must not be run: its test has not named it.
pub(crate) fn assert_not_hidden(program: &Path) {
    let hidden = TABLE.iter().filter(|row| row.is_hidden());
    for row in hidden {
        let is_its_own = row.programs.iter().any(|name| Path::new(name) == program);
        assert!(
            !is_its_own,
            "a test does not say that it needs {}",
            row.name
        );
    }
}

/// Whether a test can be run; if not, that is told and counted. For [`needs!`](crate::needs!).
pub fn are_met(test: &str, needs: &[Need]) -> bool {
    // What is needed was there outside.
    if namespace::is_inside() {
        return true;
    }
    let rows = needs.iter().map(|need| &TABLE[*need as usize]);
    let missing: Vec<&Row> = rows.filter(|row| !row.is_here()).collect();
    if missing.is_empty() {
        return true;
    }
    let told = |what: fn(&Row) -> &str, between: &str| {
        missing
            .iter()
            .map(|row| what(row))
            .collect::<Vec<_>>()
            .join(between)
    };
    let (names, packages) = (told(|row| row.name, ", "), told(|row| row.packages, " "));
    assert!(
        std::env::var(MODE).as_deref() != Ok("all"),
        "needs {names}: {test}; Debian's packages, which tests/run installs: {packages}"
    );
    skipped::count(test, &names);
    false
}

/// At the top of a test: what it needs of [`Need`]. Where something is missing the test ends.
#[macro_export]
macro_rules! needs {
    ($($need:ident),+ $(,)?) => {{
        fn here() {}
        let test = std::any::type_name_of_val(&here).trim_end_matches("::here");
        if !$crate::needs::are_met(test, &[$($crate::needs::Need::$need),+]) {
            return;
        }
    }};
}
