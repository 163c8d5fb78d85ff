//! Builds and installs the package; builds and runs programs with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use testkit::{Program, Server, scratch, source_root};

/// A directory that is removed at the end: an installed package takes 80 MB.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let directory = Self(scratch(name));
        // Consumers lie outside the tree.
        let sources = source_root().join("tests/languages/package");
        for consumer in fs::read_dir(sources).unwrap().map(Result::unwrap) {
            if consumer.file_type().unwrap().is_dir() {
                let copy = directory.0.join(consumer.file_name());
                fs::create_dir_all(&copy).unwrap();
                for file in fs::read_dir(consumer.path()).unwrap().map(Result::unwrap) {
                    fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                }
            }
        }
        directory
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).ok();
        }
    }
}

/// A program that sees nothing of what the test was started with.
fn clean(program: &str, environment: &[(&str, &str)]) -> Program {
    let mut variables = vec!["-u", "LD_LIBRARY_PATH", "-u", "CMAKE_PREFIX_PATH"];
    variables.extend(["-u", "CMAKE_GENERATOR", "-u", "DESTDIR", "-u", "MAKEFLAGS"]);
    variables.push(program);
    Program::new("env", environment).args(&variables)
}

/// Runs a tool to its end. Cargo may have much to build, so there is no limit but the test's.
pub(crate) fn tool(program: &str, environment: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = clean(program, environment).args(args).command();
    command.output().expect(program)
}

/// The same, and wants success; gives its stdout.
pub(crate) fn succeed(program: &str, environment: &[(&str, &str)], args: &[&str]) -> String {
    let output = tool(program, environment, args);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {args:?}\n{told}{errors}"
    );
    told
}

/// `cmake args`, which must succeed.
pub(crate) fn cmake(args: &[&str]) -> String {
    succeed("cmake", &[], args)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Where cargo builds for CMake: beside what it built for this test.
pub(crate) fn cargo_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory")
        .join("cmake")
}

/// One process at a time builds; the others find it built.
pub(crate) fn locked() -> File {
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package.lock");
    let lock = File::create(lock).expect("a file");
    lock.lock().expect("a lock");
    lock
}

/// What a build tree is for.
#[derive(Clone, Copy)]
pub(crate) enum Built {
    Plain,
    /// With another directory for libraries.
    OddLibraryDirectory,
    WithoutTls,
    /// With ecflow_light's functions.
    Light,
}

/// The build tree, up to date. It stays, for the next test and the next run.
pub(crate) fn built(what: Built) -> PathBuf {
    let (name, option) = match what {
        Built::Plain => ("plain", "-DENABLE_TLS=ON"),
        Built::OddLibraryDirectory => ("odd", "-DCMAKE_INSTALL_LIBDIR=lib/odd"),
        Built::WithoutTls => ("without-tls", "-DENABLE_TLS=OFF"),
        Built::Light => ("light", "-DECF_FAILOVER_LIGHT=ON"),
    };
    // A build tree belongs to one tree of sources.
    let sources = text(source_root()).replace('/', "-");
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("package{sources}"));
    let build = build.join(name);
    let cargo = format!("-DECF_FAILOVER_CARGO_DIR={}", cargo_directory().display());
    let _lock = locked();
    cmake(&[
        "-S",
        text(&source_root().join("cmake")),
        "-B",
        text(&build),
        &cargo,
        // Cargo's dev profile: built sooner.
        "-DCMAKE_BUILD_TYPE=Debug",
        // What this test was built of is here.
        "-DECF_FAILOVER_OFFLINE=ON",
        option,
    ]);
    cmake(&["--build", text(&build)]);
    build
}

/// An installed package, in a path with blanks and not where it was installed at first.
pub(crate) struct Package {
    pub(crate) directory: Directory,
    pub(crate) prefix: PathBuf,
    /// Where it was installed at first.
    pub(crate) old_prefix: PathBuf,
    pub(crate) build: PathBuf,
}

impl Package {
    pub(crate) fn installed(name: &str, what: Built) -> Self {
        let build = built(what);
        let directory = Directory::new(name);
        let old_prefix = directory.join("a path with blanks");
        cmake(&["--install", text(&build), "--prefix", text(&old_prefix)]);
        let prefix = directory.join("another path");
        fs::rename(&old_prefix, &prefix).unwrap();
        Self {
            directory,
            prefix,
            old_prefix,
            build,
        }
    }

    /// The files of the package.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.prefix.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => directories.push(entry.path()),
                    false => files.push(entry.path()),
                }
            }
        }
        files
    }

    /// The directory of a file of the package.
    pub(crate) fn directory_of(&self, name: &str) -> PathBuf {
        let file = self.files().into_iter().find(|file| file.ends_with(name));
        let file = file.unwrap_or_else(|| panic!("no {name}"));
        file.parent().unwrap().to_owned()
    }

    /// Configures a consumer with this package; gives its build tree and what came of it.
    pub(crate) fn configure(&self, consumer: &str, options: &[&str]) -> (PathBuf, Output) {
        let source = self.directory.join(consumer);
        let build = self.directory.join(format!("{consumer}-build"));
        let prefix = format!("-DCMAKE_PREFIX_PATH={}", self.prefix.display());
        let mut args = vec!["-S", text(&source), "-B", text(&build), &prefix];
        args.extend(options);
        let output = tool("cmake", &[], &args);
        (build, output)
    }

    /// Builds a consumer with this package; gives its build tree.
    pub(crate) fn consumer(&self, consumer: &str, options: &[&str]) -> PathBuf {
        let (build, output) = self.configure(consumer, options);
        assert!(output.status.success(), "{output:#?}");
        cmake(&["--build", text(&build)]);
        build
    }
}

/// A real server and the number of the next command to it.
pub(crate) struct Deliveries {
    pub(crate) server: Server,
    number: u16,
}

impl Deliveries {
    pub(crate) fn new() -> Self {
        let server = Server::running();
        Self { server, number: 0 }
    }

    /// Runs a program of a consumer, which sends a command to the server: `(status, output)`.
    pub(crate) fn run(&mut self, program: &Path, environment: &[(&str, &str)]) -> (i32, String) {
        self.number += 1;
        let (port, number) = (self.server.port.to_string(), self.number.to_string());
        let job = [
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", port.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "_DJP_"),
            ("ECF_TRYNO", "1"),
            ("ECF_TIMEOUT", "20"),
        ];
        // Cargo gives its tests a path to its own library.
        let mut words = vec!["-u".to_owned(), "LD_LIBRARY_PATH".into()];
        words.extend(environment.iter().map(|(k, v)| format!("{k}={v}")));
        words.extend([text(program).into(), "--meter=m".into(), number]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = Program::new("env", &job).args(&words).run();
        let told = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), told)
    }

    /// Runs a program; the server must have got its command.
    pub(crate) fn delivers(&mut self, program: &Path, environment: &[(&str, &str)]) {
        let (status, told) = self.run(program, environment);
        let shown = program.display();
        assert_eq!((status, told.trim_end()), (0, "ECF_OK"), "{shown}");
        let meter = self.server.query("meter", "m");
        assert_eq!(meter, self.number.to_string(), "{shown}");
    }
}
