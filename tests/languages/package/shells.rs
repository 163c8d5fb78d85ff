//! What an installed package offers to job scripts.

use super::installed::*;
use testkit::{Program, Server};

#[test]
fn job_scripts_find_the_program_and_the_builtin_in_the_installed_tree() {
    testkit::needs!(EcflowServer, Cmake, Bash);
    let server = Server::running();
    let package = Package::installed("shells", Built::Plain);
    let port = server.port.to_string();
    let program = package.prefix.join("bin/ecf_client");
    let library = package.directory_of("libecf_failover.so.0");
    let library = library.join("libecf_failover.so");
    let job = [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
        ("ECF_TIMEOUT", "20"),
        ("PROGRAM", text(&program)),
        ("LIBRARY", text(&library)),
    ];
    let in_shell = |shell: &str, script: &str| {
        // Cargo gives its tests a path to its own library.
        let words = ["-u", "LD_LIBRARY_PATH", shell, "-c", script];
        Program::new("env", &job).args(&words).succeed()
    };
    in_shell("sh", r#""$PROGRAM" --meter=m 1"#);
    assert_eq!(server.query("meter", "m"), "1");
    let script = r#"enable -f "$LIBRARY" ecflow_client && type -t ecflow_client &&
        ecflow_client --meter=m 2"#;
    assert_eq!(in_shell("bash", script), "builtin\n");
    assert_eq!(server.query("meter", "m"), "2");
    // Under the stock client's name, for a PATH, whatever the prefix was when it was installed.
    let script = r#"PATH="${PROGRAM%/bin/*}/libexec/ecf_failover:$PATH"
        timeout 20 ecflow_client --meter=m 3 && ecflow_client --version"#;
    assert!(in_shell("sh", script).contains("ecf_failover "));
    assert_eq!(server.query("meter", "m"), "3");
}
