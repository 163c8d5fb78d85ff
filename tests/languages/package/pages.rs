//! The manual pages and the completion lie where man and bash look for them.

use std::fs;

use super::installed::*;
use testkit::{Program, source_root};

#[test]
fn manual_pages_and_completion_are_installed() {
    testkit::needs!(Cmake, Python);
    let package = Package::installed("pages", Built::Plain);
    for (installed, source) in [
        ("man/man1/ecf_client.1", "man/ecf_client.1"),
        ("man/man3/ecf_failover.3", "man/ecf_failover.3"),
        ("man/man5/ecf_failover_keys.5", "man/ecf_failover_keys.5"),
        (
            "bash-completion/completions/ecf_client",
            "completions/ecf_client",
        ),
    ] {
        let installed = package.prefix.join("share").join(installed);
        let installed = fs::read(&installed).unwrap_or_else(|why| panic!("{installed:?}: {why}"));
        let source = fs::read(source_root().join(source)).unwrap();
        assert_eq!(installed, source);
    }
    // The Python module finds the library that was installed with it.
    let module = package.prefix.join("share/ecf_failover");
    let told = Program::new("/usr/bin/python3", &[("PYTHONDONTWRITEBYTECODE", "1")])
        .args(&["-c", "import ecf_failover; print(ecf_failover.version())"])
        .directory(&module)
        .succeed();
    assert_eq!(told.trim(), env!("CARGO_PKG_VERSION"));
    // What belongs to ecFlow's own package is left to it.
    let completions = package.prefix.join("share/bash-completion/completions");
    assert!(!completions.join("ecflow_client").exists());
}
