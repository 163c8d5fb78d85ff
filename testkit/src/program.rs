//! Compilers and programs, as a stranger would use them on the built library.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::needs;

/// The root of the sources.
pub fn source_root() -> &'static Path {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.parent().expect("the root")
}

/// Where cargo has put this test.
fn test_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().expect("target/debug/deps").to_owned()
}

/// Where the shared library lies that was built with this test: beside it.
pub fn library_directory() -> PathBuf {
    let directory = test_directory();
    assert!(
        directory.join("libecf_failover.so").exists(),
        "no shared library in {}",
        directory.display()
    );
    directory
}

/// The directory for what tests write: cargo tells its path to tests only, as
/// `CARGO_TARGET_TMPDIR`, and it is two levels above theirs.
pub(crate) fn target_tmp() -> PathBuf {
    let test = test_directory();
    let target = test.ancestors().nth(2).expect("the target directory");
    target.join("tmp")
}

/// A fresh directory of this test, by name.
pub fn scratch(name: &str) -> PathBuf {
    let directory = target_tmp().join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// A program that is run with an environment of its own and within a time.
pub struct Program(Command);

impl Program {
    /// A program with no ECF_* in its environment but those that are given.
    pub fn new(path: impl AsRef<Path>, environment: &[(&str, &str)]) -> Self {
        needs::assert_not_hidden(path.as_ref());
        let mut command = Command::new(path.as_ref());
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("ECF_") || key == "NO_ECF" {
                command.env_remove(key);
            }
        }
        // Cargo's path to its libraries comes before what a program was linked with, and may lead
        // to one that is old.
        command.env_remove("LD_LIBRARY_PATH");
        command
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        Self(command)
    }

    /// Adds arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.0.args(args);
        self
    }

    /// Runs it there.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// The command, for what this does not do.
    pub fn command(self) -> Command {
        self.0
    }

    /// Runs it to its end; a minute is the limit.
    pub fn run(mut self) -> Output {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = format!("{:?}", self.0);
        let mut child = self
            .0
            .spawn()
            .unwrap_or_else(|why| panic!("{shown}: {why}"));
        // More than a pipe holds must not stop it.
        let stdout = drain(child.stdout.take().expect("a pipe"));
        let stderr = drain(child.stderr.take().expect("a pipe"));
        let status = ends(&mut child, Duration::from_secs(60), &shown);
        Output {
            status,
            stdout: stdout.join().expect("its output"),
            stderr: stderr.join().expect("its output"),
        }
    }

    /// Runs it with nobody reading what it writes; gives how it ended, within a limit.
    pub fn unread(mut self, limit: Duration) -> ExitStatus {
        let (_reader, writer) = full_pipe();
        self.0.stdout(writer.try_clone().expect("a pipe"));
        self.0.stderr(writer);
        let shown = format!("{:?}", self.0);
        ends(&mut self.0.spawn().expect("a program"), limit, &shown)
    }

    /// Runs it and wants success; gives its stdout.
    pub fn succeed(self) -> String {
        let shown = format!("{:?}", self.0);
        let output = self.run();
        assert!(
            output.status.success(),
            "{shown}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The end of a program, which is killed if it does not come within a limit.
fn ends(child: &mut Child, limit: Duration, shown: &str) -> ExitStatus {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if Instant::now() > end {
            child.kill().ok();
            panic!("{shown} did not end within {limit:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Both ends of a pipe that takes no more: the reader, which must be kept, and the writer.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let set_flags =
        |flags: libc::c_int| unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, flags) };
    assert_eq!(set_flags(libc::O_NONBLOCK), 0);
    let mut taken = 0;
    while let Ok(written) = (&writer).write(&[0; 4096]) {
        taken += written;
        assert!(taken <= 16 << 20, "a pipe has an end");
    }
    assert_eq!(set_flags(0), 0);
    (reader, writer)
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).ok();
        text
    })
}

const STRICT: &[&str] = &["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// Compiles one source (from the root of the sources, or absolute) against the header and the
/// built library, as strictly as the compiler can; once, for all tests.
pub fn compile(compiler: &str, mode: &str, source: &str, extra: &[&str]) -> PathBuf {
    let source = source_root().join(source);
    let library = library_directory();
    let include = source_root().join("include");
    // A name of its own for every way to compile it, and for what it is compiled from.
    let way = [&[compiler, mode], extra].concat();
    let mut hasher = DefaultHasher::new();
    (&source, &way, &library).hash(&mut hasher);
    for directory in [source.parent().unwrap(), &include] {
        sources(directory).hash(&mut hasher);
    }
    let program = source.with_extension(format!("{:x}", hasher.finish()));
    let directory = target_tmp().join("compiled");
    std::fs::create_dir_all(&directory).expect("a directory");
    let program = directory.join(program.file_name().unwrap());
    // Tests run side by side: one compiles, and the others wait for it.
    let lock = File::create(program.with_extension("lock")).expect("a file");
    lock.lock().expect("a lock");
    if program.exists() {
        return program;
    }
    let unfinished = program.with_extension("unfinished");
    let rpath = format!("-Wl,-rpath,{}", library.display());
    let mut args = vec![mode];
    args.extend(STRICT);
    args.extend([
        "-I",
        include.to_str().unwrap(),
        source.to_str().unwrap(),
        "-L",
        library.to_str().unwrap(),
        "-lecf_failover",
        &rpath,
        "-o",
        unfinished.to_str().unwrap(),
    ]);
    args.extend(extra);
    Program::new(compiler, &[]).args(&args).succeed();
    std::fs::rename(&unfinished, &program).expect("the program");
    program
}

/// The names and texts of the files in a directory.
fn sources(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}
