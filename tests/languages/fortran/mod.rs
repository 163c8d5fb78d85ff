//! The Fortran module as a model uses it.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use testkit::{Program, Server, library_directory, refused_port, scratch, source_root};

/// As the module's users compile: to the standard, with every check that there is.
const STRICT: &[&str] = &[
    "-std=f2008",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fcheck=all",
    "-ffpe-trap=invalid,zero,overflow",
    "-g",
];
const INTEGERS: &[&str] = &["-fdefault-integer-4", "-fdefault-integer-8"];

fn compiled(source: &str, integers: &str, extra: &[&str]) -> PathBuf {
    compiled_by("gfortran", source, integers, extra)
}

fn compiled_by(compiler: &str, source: &str, integers: &str, extra: &[&str]) -> PathBuf {
    let source = source_root().join(source);
    let name = source.file_stem().unwrap().to_str().unwrap();
    let directory = scratch(&format!("fortran-{name}{integers}"));
    let program = directory.join(name);
    let library = library_directory();
    let rpath = format!("-Wl,-rpath,{}", library.display());
    let module = source_root().join("include/ecf_failover.f90");
    let mut args = STRICT.to_vec();
    if integers != INTEGERS[0] {
        args.push(integers);
    }
    args.extend(extra);
    args.extend(["-J", directory.to_str().unwrap()]);
    args.extend([module.to_str().unwrap(), source.to_str().unwrap()]);
    args.extend(["-L", library.to_str().unwrap(), "-lecf_failover", &rpath]);
    args.extend(["-o", program.to_str().unwrap()]);
    Program::new(compiler, &[]).args(&args).succeed();
    program
}

fn environment<'a>(port: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TRYNO", "1"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.05"),
    ];
    all.extend(more);
    all
}

#[test]
fn a_model_goes_on_at_the_backup_when_its_primary_is_killed_half_way() {
    testkit::needs!(EcflowServer, Gfortran);
    for integers in INTEGERS {
        let (mut primary, backup) = (Server::running(), Server::running());
        for server in [&primary, &backup] {
            server.client(&["--alter", "add", "variable", "LONG", "0", "/s/f/t"]);
        }
        let hostfile = scratch("fortran").join("hosts");
        fs::write(&hostfile, format!("127.0.0.1:{}\n", backup.port)).unwrap();
        let port = primary.port.to_string();
        let settings = [
            ("ECF_HOSTFILE", hostfile.to_str().unwrap()),
            ("ECF_HOSTFILE_POLICY", "all"),
            ("ECF_TIMEOUT", "60"),
        ];
        let mut model = Program::new(
            compiled("tests/languages/fortran/model.f90", integers, &[]),
            &environment(&port, &settings),
        )
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut output = BufReader::new(model.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "half\n");
        assert_eq!(primary.query("meter", "m"), "50");
        primary.kill();
        model.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(model.wait().unwrap().success(), "{rest}");
        assert_eq!(rest, format!("step a port {}\n", backup.port));
        assert_eq!(backup.query("meter", "m"), "100");
        assert_eq!(backup.query("event", "e"), "set");
        assert_eq!(backup.query("state", ""), "complete");
        let label = "two words, \"quotes\" and \u{fffd} of Latin-1";
        assert!(backup.query("label", "l").contains(label));
    }
}

/// What each failure gives by stat, keeps on the handle, and says.
const FAILURES: &[(&str, &str, &str)] = &[
    ("not open", "ECF_ERR_ARGUMENT", "not open"),
    ("unknown key", "ECF_ERR_ARGUMENT", "ECF_NONSENSE"),
    ("secret key", "ECF_ERR_ARGUMENT", "ECF_PASS"),
    ("refused", "ECF_ERR_TIMEOUT", "refused"),
    ("short message", "ECF_ERR_TIMEOUT", "ECF_ERR_TIME"),
    ("bad word", "ECF_ERR_ARGUMENT", "nonsense"),
    ("user command", "ECF_ERR_UNREACHABLE", "refused"),
    ("cancelled", "ECF_ERR_CANCELLED", "cancelled"),
    ("delegated", "ECF_ERR_REJECTED", "attempt at 127.0.0.1"),
    ("given up", "ECF_ERR_CALLER", "127.0.0.1"),
    ("a copy", "ECF_ERR_ARGUMENT", "not open"),
];

#[test]
fn no_failure_stops_a_model_with_or_without_stat() {
    testkit::needs!(Gfortran);
    for integers in INTEGERS {
        let port = refused_port().to_string();
        let program = compiled("tests/languages/fortran/failures.f90", integers, &[]);
        let told = Program::new(&program, &environment(&port, &[])).succeed();
        for ((name, status, words), line) in FAILURES.iter().zip(told.lines()) {
            let wanted = format!("{name}: {status} {status} ");
            assert!(line.starts_with(&wanted), "{line}, wanted {wanted}");
            assert!(line.contains(words), "{line}, wanted {words}");
        }
        assert!(told.ends_with("the model went on\n"), "{told}");
        assert_eq!(told.lines().count(), FAILURES.len() + 1);
    }
}

#[test]
fn nothing_leaks_and_nothing_is_read_that_was_not_written() {
    testkit::needs!(Gfortran, Valgrind);
    let port = refused_port().to_string();
    let program = compiled("tests/languages/fortran/failures.f90", INTEGERS[0], &[]);
    Program::new("valgrind", &environment(&port, &[]))
        .args(&["-q", "--error-exitcode=9", "--leak-check=full"])
        .args(&[
            "--errors-for-leak-kinds=definite",
            program.to_str().unwrap(),
        ])
        .succeed();
}

#[test]
fn threads_with_a_client_each_lose_nothing_on_a_small_stack() {
    testkit::needs!(EcflowServer, Gfortran);
    let server = Server::running();
    let port = server.port.to_string();
    let small = [("OMP_STACKSIZE", "1M"), ("ECF_TIMEOUT", "30")];
    for integers in INTEGERS {
        let program = compiled("examples/fortran/threads.f90", integers, &["-fopenmp"]);
        let told = Program::new(&program, &environment(&port, &small)).succeed();
        assert_eq!(told, "failed 0\n");
    }
    assert_eq!(server.logged("chd:meter"), 200);
}

#[test]
fn threads_may_post_to_one_client() {
    testkit::needs!(EcflowServer, Gfortran);
    let server = Server::running();
    let port = server.port.to_string();
    let program = "tests/languages/fortran/posting_threads.f90";
    let program = compiled(program, INTEGERS[0], &["-fopenmp"]);
    let settings = environment(&port, &[("ECF_TIMEOUT", "30")]);
    let told = Program::new(&program, &settings).succeed();
    assert_eq!(told, "failed 10 pending 0 kept 0\n");
    assert_eq!(server.query("meter", "m"), "100");
}

/// Starts a model's loop; gives its lines as they come.
fn loop_of(program: &std::path::Path, settings: &[(&str, &str)], words: &[&str; 3]) -> Loop {
    let command = Program::new(program, settings).args(words);
    let mut child = command.command().stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Loop { child, lines }
}

struct Loop {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Loop {
    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// The seconds of the loop, after the end of the job.
    fn seconds(mut self) -> f64 {
        let seconds = self.line().trim().parse().unwrap();
        assert!(self.child.wait().unwrap().success());
        seconds
    }
}

/// The primary dies at a third of the loop, the backup at two thirds, and both come back: the last
/// value is there after the end of the job, and every event was told once. Neither holds up the model:
/// the ratio is printed, its bound is wide, for this is no quiet machine.
#[test]
fn a_model_that_posts_computes_on_through_the_deaths_of_its_servers() {
    testkit::needs!(EcflowServer, Gfortran);
    let program = compiled("tests/languages/fortran/posting.f90", INTEGERS[0], &["-O1"]);
    let (mut primary, mut backup) = (Server::running(), Server::running());
    for server in [&primary, &backup] {
        server.client(&["--check_pt"]);
    }
    let port = primary.port.to_string();
    let hosts = primary.home.join("hosts");
    fs::write(&hosts, format!("127.0.0.1:{}\n", backup.port)).unwrap();
    let more = [
        ("ECF_HOSTFILE", hosts.to_str().unwrap()),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.1"),
        ("ECF_FAILOVER_HOST_PERIOD", "0.1"),
        ("ECF_TIMEOUT", "60"),
    ];
    let settings = environment(&port, &more);
    let chosen = |name: &str, usual: &str| std::env::var(name).unwrap_or(usual.to_owned());
    let (steps, work) = (
        chosen("POSTING_STEPS", "6000"),
        chosen("POSTING_WORK", "40000"),
    );
    let mut posting = loop_of(&program, &settings, &[&steps, "1", &work]);
    posting.line();
    primary.kill();
    posting.line();
    backup.kill();
    thread::sleep(Duration::from_millis(200));
    for server in [&mut backup, &mut primary] {
        server.start_again();
        server.client(&["--restart"]);
    }
    let with = posting.seconds();
    let mut silent = loop_of(&program, &settings, &[&steps, "0", &work]);
    silent.line();
    silent.line();
    let without = silent.seconds();
    println!(
        "{steps} steps: {with} s with meters, {without} s without, {:.4}",
        with / without
    );
    assert!(with < 3.0 * without, "{with} s, {without} s");
    let last = [&primary, &backup].map(|server| server.query("meter", "m"));
    assert!(last.contains(&"100".to_owned()), "{last:?}");
    let events = [&primary, &backup].map(|server| server.taken("chd:event"));
    assert_eq!(events.iter().sum::<usize>(), 3, "{events:?}");
    let meters = [&primary, &backup].map(|server| server.logged("chd:meter"));
    assert!(meters.iter().sum::<usize>() > 10, "{meters:?}");
}

/// A server with the suite that the examples speak for.
fn server_of_the_examples() -> Server {
    let server = Server::running();
    let suite =
        "suite loop\n edit ECF_DUMMY_TASK ''\n task t\n  meter step 0 100\n  label info \"\"\n";
    let file = server.home.join("loop.def");
    fs::write(&file, suite).unwrap();
    server.client(&["--load", file.to_str().unwrap()]);
    server.client(&["--begin", "loop"]);
    server
}

const EXAMPLE: &[(&str, &str)] = &[("ECF_TIMEOUT", "30"), ("ECF_NAME", "/loop/t")];

#[test]
fn the_time_loop_tells_its_steps() {
    testkit::needs!(EcflowServer, Gfortran);
    let server = server_of_the_examples();
    let port = server.port.to_string();
    let program = compiled("examples/fortran/time_loop.f90", INTEGERS[0], &[]);
    Program::new(&program, &environment(&port, EXAMPLE)).succeed();
    assert_eq!(server.client(&["--query", "meter", "/loop/t:step"]), "10\n");
    // A value that a newer one overtook is not told.
    assert!((1..=10).contains(&server.logged("chd:meter")));
}

#[test]
fn of_many_ranks_the_first_tells_the_steps() {
    testkit::needs!(EcflowServer, Gfortran, Mpi);
    let server = server_of_the_examples();
    let port = server.port.to_string();
    let example = "examples/fortran/time_loop_mpi.f90";
    let program = compiled_by("mpifort", example, INTEGERS[0], &[]);
    let mut settings = environment(&port, EXAMPLE);
    // Three ranks on this machine, whatever its size, and nothing beyond it.
    settings.extend([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_btl", "self,vader"),
        ("OMPI_MCA_oob_tcp_if_include", "lo"),
        ("OMPI_MCA_plm", "isolated"),
    ]);
    Program::new("mpirun", &settings)
        .args(&["-n", "3", program.to_str().unwrap()])
        .succeed();
    assert_eq!(server.client(&["--query", "meter", "/loop/t:step"]), "10\n");
    let label = server.client(&["--query", "label", "/loop/t:info"]);
    assert_eq!(label, "all ranks are done\n");
    // A value that a newer one overtook is not told.
    assert!((1..=10).contains(&server.logged("chd:meter")));
}
