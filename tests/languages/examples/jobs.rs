//! head.h, tail.h and the job that includes them, run by a real server: in bash with the builtin,
//! and wherever there is only a program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use testkit::needs::program;
use testkit::{Server, library_directory, source_root};

/// Programs that write down that they were used, and do what the real one does.
fn install(directory: &Path, name: &str, program: &str) {
    fs::create_dir_all(directory).unwrap();
    let file = directory.join(name);
    let log = directory.join("used");
    let script = format!(
        "#!/bin/sh\necho {name} >> '{}'\nexec {program} \"$@\"\n",
        log.display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The suite of the example with paths of this machine.
fn definition(server: &Server, shell: &str, library: &str, programs: &Path) -> String {
    let examples = source_root().join("examples/shell");
    let definition = fs::read_to_string(examples.join("example.def")).unwrap();
    let definition = definition
        .replace("/where/the/server/works", server.home.to_str().unwrap())
        .replace("/path/to/examples/shell", examples.to_str().unwrap())
        .replace("/usr/local/lib/libecf_failover.so", library)
        .replace(
            "  edit ECF_PROGRAMS '/usr/local/libexec/ecf_failover'\n",
            "",
        )
        .replace("  edit ECF_HOSTFILE '/path/to/hostfile'\n", "");
    let more = format!(
        "  edit JOB_SHELL '{shell}'\n  edit ECF_JOB_CMD 'PATH={}:$PATH %ECF_JOB% 1> %ECF_JOBOUT% 2>&1 &'\n  task job\n",
        programs.display()
    );
    definition.replace("  task job\n", &more)
}

fn reaches(server: &Server, state: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let now = server.client(&["--query", "state", "/example/job"]);
        if now.trim_end() == state {
            return;
        }
        let output = || fs::read_to_string(server.home.join("example/job.1")).unwrap_or_default();
        assert!(Instant::now() < end, "{now}, wanted {state}: {}", output());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_job_completes_or_aborts_by_whatever_client_there_is() {
    testkit::needs!(EcflowServer, Bash, Dash);
    let library = library_directory().join("libecf_failover.so");
    let library = library.to_str().unwrap();
    for (shell, library, own, used) in [
        ("/bin/bash", library, true, ""),
        ("/bin/bash", "/no/such/library.so", true, "ecf_client"),
        // A file that is no library.
        ("/bin/bash", "/etc/passwd", true, "ecf_client"),
        ("/bin/dash", library, true, "ecf_client"),
        ("/bin/sh", "", false, "ecflow_client"),
    ] {
        let case = format!("{shell} {library}");
        let server = Server::started();
        let programs = server.home.join("programs");
        let stock = program("ecflow_client").unwrap();
        install(&programs, "ecflow_client", stock.to_str().unwrap());
        if own {
            install(&programs, "ecf_client", env!("CARGO_BIN_EXE_ecf_client"));
        }
        let file = server.home.join("example.def");
        fs::write(&file, definition(&server, shell, library, &programs)).unwrap();
        server.client(&["--restart"]);
        server.client(&["--load", file.to_str().unwrap()]);
        server.client(&["--begin", "example"]);
        reaches(&server, "complete");
        let query = |kind, name| server.client(&["--query", kind, &format!("/example/job:{name}")]);
        assert_eq!(query("meter", "step"), "3\n", "{case}");
        assert_eq!(query("event", "done"), "set\n", "{case}");
        assert!(query("label", "info").starts_with("running on "), "{case}");

        server.client(&["--alter", "add", "variable", "FAIL", "yes", "/example/job"]);
        server.client(&["--requeue", "/example/job"]);
        reaches(&server, "aborted");
        assert_eq!(query("meter", "step"), "3\n", "{case}");
        assert_eq!(query("event", "done"), "clear\n", "{case}");
        assert_eq!(server.logged("chd:abort"), 1, "{case}");

        let log = fs::read_to_string(programs.join("used")).unwrap_or_default();
        let mut names: Vec<_> = log.lines().collect();
        // init, label, three meters, event, complete; and the same until abort.
        assert_eq!(names.len(), if used.is_empty() { 0 } else { 13 }, "{case}");
        names.dedup();
        assert_eq!(names.join(" "), used, "{case}");
    }
}
