//! The shared library: its SONAME, what it exports and what it takes from the system.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::installed::*;
use testkit::{library_directory, scratch, source_root};

/// Calls that would end the host process, start another one, or change what belongs to the whole
/// process. A thread is started by posts, and by nothing else: the tests of those count them.
const FORBIDDEN: &[&str] = &[
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "raise",
    "kill",
    "signal",
    "sigaction",
    "fork",
    "vfork",
    "clone",
    "system",
    "popen",
    "execv",
    "execve",
    "execvp",
    "posix_spawn",
    "posix_spawnp",
    "pthread_atfork",
    "atexit",
    "setenv",
    "putenv",
    "unsetenv",
    "setlocale",
    "chdir",
    "umask",
    "alarm",
    "setitimer",
    "longjmp",
    "dlopen",
];

/// What Rust's standard library brings along: for a process without memory, and for a panic
/// inside a panic.
const UNAVOIDABLE: &[&str] = &["abort"];

fn nm(args: &[&str], library: &Path) -> Vec<String> {
    let mut all = args.to_vec();
    all.extend(["-D", text(library)]);
    let symbols = succeed("nm", &[], &all);
    let names = symbols.lines().filter_map(|line| {
        // Not the versions themselves, which nm shows as absolute symbols.
        let mut words = line.split_whitespace().rev();
        let name = words.next()?;
        (words.next() != Some("A")).then(|| name.to_owned())
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The libraries of CMake and of cargo alone.
fn libraries() -> [PathBuf; 2] {
    [
        built(Built::Plain).join("libecf_failover.so"),
        library_directory().join("libecf_failover.so"),
    ]
}

/// `symbol@@version` of each symbol in the map.
fn mapped() -> Vec<String> {
    let map = fs::read_to_string(source_root().join("cmake/ecf_failover.map")).unwrap();
    let mut all = BTreeSet::new();
    let mut version = "";
    for line in map.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix('{') {
            version = name.trim();
        } else if let Some(symbol) = line.strip_suffix(';')
            && symbol.starts_with("ecf")
        {
            assert!(all.insert(format!("{symbol}@@{version}")), "{symbol} twice");
        }
    }
    all.into_iter().collect()
}

#[test]
fn the_exported_symbols_have_the_listed_versions() {
    testkit::needs!(EcflowServer, Cmake, Binutils);
    let listed = include_str!("../abi/versions.txt");
    let listed: Vec<_> = listed.lines().collect();
    assert_eq!(mapped(), listed, "cmake/ecf_failover.map");
    let names = listed.iter().map(|line| line.split('@').next().unwrap());
    let symbols = include_str!("../abi/symbols.txt").lines();
    assert_eq!(names.collect::<Vec<_>>(), symbols.collect::<Vec<_>>());
    let [library, _] = libraries();
    assert_eq!(nm(&["--defined-only"], &library), listed);
}

#[test]
fn cmake_and_cargo_give_the_same_soname() {
    testkit::needs!(Cmake, Binutils);
    for library in libraries() {
        let dynamic = succeed("readelf", &[], &["-d", text(&library)]);
        let soname = "Library soname: [libecf_failover.so.0]";
        assert!(dynamic.contains(soname), "{dynamic}");
        // No path of this machine, and no text segment that must be written to.
        for entry in ["(RPATH)", "(RUNPATH)", "(TEXTREL)"] {
            assert!(!dynamic.contains(entry), "{dynamic}");
        }
    }
    let directory = built(Built::Plain);
    let link = |name: &str| fs::read_link(directory.join(name)).unwrap();
    let full = format!("libecf_failover.so.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        link("libecf_failover.so"),
        Path::new("libecf_failover.so.0")
    );
    assert_eq!(link("libecf_failover.so.0"), Path::new(&full));
}

#[test]
fn the_library_calls_nothing_that_is_not_its_to_call() {
    testkit::needs!(Cmake, Binutils);
    for library in libraries() {
        let symbols = nm(&["--undefined-only"], &library);
        let name = |symbol: &String| symbol.split('@').next().unwrap().to_owned();
        let names: Vec<_> = symbols.iter().map(name).collect();
        let forbidden: Vec<_> = names
            .iter()
            .filter(|name| FORBIDDEN.contains(&name.trim_start_matches("__")))
            .collect();
        assert!(forbidden.is_empty(), "{forbidden:?}");
        let printing = names
            .iter()
            .find(|name| name.contains("printf") || ["puts", "stdout"].contains(&name.as_str()));
        assert_eq!(printing, None);
        for name in UNAVOIDABLE {
            println!("{}: {name}", names.iter().any(|other| other == name));
        }
        println!("{}: {}", library.display(), newest_glibc(&symbols));
    }
    let release = [
        cargo_directory().join("release/libecf_failover.so"),
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("../release/libecf_failover.so"),
    ];
    for library in release.iter().filter(|library| library.exists()) {
        let stripped = scratch("stripped").join("libecf_failover.so");
        succeed("strip", &[], &["-o", text(&stripped), text(library)]);
        let size = fs::metadata(&stripped).unwrap().len();
        println!("{}: {size} bytes when stripped", library.display());
    }
}

/// The newest version of glibc that a symbol asks for: older systems cannot load the library.
fn newest_glibc(symbols: &[String]) -> String {
    let versions = symbols.iter().filter_map(|symbol| {
        let (_, version) = symbol.split_once("@GLIBC_")?;
        let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
        parts
    });
    let newest = versions.max().expect("a version of glibc");
    let newest: Vec<_> = newest.iter().map(u32::to_string).collect();
    format!("GLIBC_{}", newest.join("."))
}
