//! The C++ layer, by its own programs: each compiler, with sanitizers, and under valgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use testkit::{Peer, Program, compile, refused_port, replies, scratch};

const COMPILERS: [&str; 2] = ["g++", "clang++"];
const STRICT: [&str; 3] = ["-Wshadow", "-Wconversion", "-pthread"];
const SANITIZED: [&str; 4] = [
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
];
const SCRIPTS: &str = "tests/languages/cpp/scripts.cpp";
const LAYER: &str = "tests/languages/cpp/layer.cpp";

/// Compiles C++ as strictly as it goes.
fn cpp(compiler: &str, mode: &str, source: &str, extra: &[&str]) -> PathBuf {
    compile(compiler, mode, source, &[&STRICT[..], extra].concat())
}

/// What g++ makes of a program, for the tests that only run it.
fn plain(source: &str) -> PathBuf {
    static SCRIPTS_TOO: OnceLock<PathBuf> = OnceLock::new();
    static LAYER_TOO: OnceLock<PathBuf> = OnceLock::new();
    let built = match source {
        SCRIPTS => &SCRIPTS_TOO,
        _ => &LAYER_TOO,
    };
    built
        .get_or_init(|| cpp("g++", "-std=c++17", source, &["-g"]))
        .clone()
}

/// How a program is run.
#[derive(Clone, Copy)]
enum Under {
    Nothing,
    Sanitizers,
    Valgrind,
}

impl Under {
    fn run(self, program: &Path, environment: &[(&str, &str)], args: &[&str]) -> Output {
        let mut environment = environment.to_vec();
        let mut all = vec![program.to_str().unwrap()];
        match self {
            Self::Nothing => {}
            Self::Sanitizers => environment.extend([
                (
                    "ASAN_OPTIONS",
                    "detect_leaks=1:detect_stack_use_after_return=1",
                ),
                ("UBSAN_OPTIONS", "print_stacktrace=1"),
            ]),
            Self::Valgrind => {
                all.splice(
                    0..0,
                    [
                        "valgrind",
                        "--quiet",
                        "--error-exitcode=99",
                        "--leak-check=full",
                        "--show-leak-kinds=definite,indirect",
                        "--errors-for-leak-kinds=definite,indirect",
                        "--run-libc-freeres=no",
                    ],
                );
            }
        }
        all.extend(args);
        Program::new(all[0], &environment).args(&all[1..]).run()
    }

    /// Runs it; it must succeed and print nothing.
    fn silent(self, program: &Path, environment: &[(&str, &str)], args: &[&str]) {
        let output = self.run(program, environment, args);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let place = format!(
            "{} {args:?}: {}\n{errors}",
            program.display(),
            output.status
        );
        assert!(output.status.success(), "{place}");
        assert!(output.stdout.is_empty() && errors.is_empty(), "{place}");
    }

    fn scripts(self, program: &Path) {
        let directory = scratch("scripts");
        self.silent(program, &[], &[directory.to_str().unwrap()]);
    }

    fn layer(self, program: &Path) {
        let peers = [
            Peer::answering(&replies::ok()),
            Peer::answering(&replies::error("no such node")),
            Peer::answering(&replies::text("5.9\\u0000.2")),
        ];
        let mut ports = vec![refused_port().to_string()];
        ports.extend(peers.iter().map(|peer| peer.port.to_string()));
        let ports: Vec<_> = ports.iter().map(String::as_str).collect();
        self.silent(program, &[("ECF_TRYNO", "7")], &ports);
    }

    /// The programs of tests/c that need no scripted case.
    fn c_programs(self, contract: &Path, job: &Path) {
        let directory = scratch("c_programs");
        let output = Program::new(contract, &[]).directory(&directory).run();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && errors.is_empty(), "{errors}");
        let peer = Peer::answering(&replies::ok());
        let port = peer.port.to_string();
        let environment = [
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", port.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "sesame"),
        ];
        self.silent(job, &environment, &["--meter=m", "1"]);
        assert_eq!(peer.count(), 1);
    }
}

#[test]
fn the_header_compiles_alone_and_twice_and_in_two_files_of_one_program() {
    testkit::needs!(Gxx, Clang);
    let directory = scratch("header");
    let (one, other) = (directory.join("one.cpp"), directory.join("other.cpp"));
    let twice = "#include \"ecf_failover.hpp\"\n#include \"ecf_failover.hpp\"\n";
    let main = "const char* other();\nint main() { return ecf_failover::version() == nullptr || other() == nullptr; }\n";
    let rest = "const char* other();\nconst char* other() { return ecf_failover::name(ecf_failover::Status::ok); }\n";
    fs::write(&one, format!("{twice}{main}")).unwrap();
    fs::write(&other, format!("{twice}{rest}")).unwrap();
    let extra = [
        other.to_str().unwrap(),
        "-Wold-style-cast",
        "-Wnon-virtual-dtor",
    ];
    for compiler in COMPILERS {
        for mode in ["-std=c++17", "-std=c++20"] {
            let program = cpp(compiler, mode, one.to_str().unwrap(), &extra);
            Under::Nothing.silent(&program, &[], &[]);
        }
    }
}

#[test]
fn the_scripts_end_as_they_should_whoever_compiled_them() {
    testkit::needs!(Gxx, Clang);
    Under::Nothing.scripts(&plain(SCRIPTS));
    Under::Nothing.scripts(&cpp("clang++", "-std=c++17", SCRIPTS, &[]));
}

#[test]
fn the_layer_keeps_its_promises_whoever_compiled_it() {
    testkit::needs!(Gxx, Clang);
    Under::Nothing.layer(&plain(LAYER));
    Under::Nothing.layer(&cpp("clang++", "-std=c++17", LAYER, &[]));
}

#[test]
fn a_callable_is_neither_allocated_nor_copied() {
    testkit::needs!(Gxx, Clang);
    for compiler in COMPILERS {
        let program = cpp(
            compiler,
            "-std=c++17",
            "tests/languages/cpp/allocations.cpp",
            &["-O2"],
        );
        Under::Nothing.silent(&program, &[], &[]);
    }
}

/// Programs that are wrong in one way each.
const WRONG: [(&str, &str, &str); 4] = [
    (
        "overflow",
        "int* p = new int[3]; p[argc + 1] = 1; int x = p[argc + 2]; delete[] p; return x == 7;",
        "heap-buffer-overflow",
    ),
    (
        "freed",
        "ecf_client* c = ecf_client_new(); ecf_client_free(c); return *reinterpret_cast<char*>(c) == argc;",
        "heap-use-after-free",
    ),
    (
        "leak",
        "for (int i = 0; i < 10; ++i) ecf_client_new(); return argc == 7;",
        "LeakSanitizer: detected memory leaks",
    ),
    (
        "undefined",
        "int x = 2147483647; x += argc; return x == 7;",
        "signed integer overflow",
    ),
];

fn wrong(name: &str, body: &str, flags: &[&str]) -> PathBuf {
    let source = scratch("wrong").join(format!("{name}.cpp"));
    let text = format!("#include \"ecf_failover.hpp\"\nint main(int argc, char**) {{ {body} }}\n");
    fs::write(&source, text).unwrap();
    compile("g++", "-std=c++17", source.to_str().unwrap(), flags)
}

#[test]
fn the_sanitizers_find_what_is_wrong() {
    testkit::needs!(Gxx);
    for (name, body, found) in WRONG {
        let program = wrong(name, body, &SANITIZED);
        let output = Under::Sanitizers.run(&program, &[], &["more"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{name}");
        assert!(errors.contains(found), "{name}: {errors}");
    }
}

#[test]
fn the_sanitizers_find_nothing_in_the_programs() {
    testkit::needs!(Gcc, Gxx);
    Under::Sanitizers.scripts(&cpp("g++", "-std=c++17", SCRIPTS, &SANITIZED));
    Under::Sanitizers.layer(&cpp("g++", "-std=c++17", LAYER, &SANITIZED));
    let c = |source| compile("gcc", "-std=c99", source, &SANITIZED);
    Under::Sanitizers.c_programs(&c("tests/c/contract.c"), &c("tests/c/job.c"));
}

#[test]
fn valgrind_finds_what_is_wrong() {
    testkit::needs!(Gxx, Valgrind);
    for (name, body, _) in &WRONG[..3] {
        let program = wrong(name, body, &["-g"]);
        let output = Under::Valgrind.run(&program, &[], &["more"]);
        assert_eq!(output.status.code(), Some(99), "{name}");
    }
}

#[test]
fn valgrind_finds_nothing_in_the_programs() {
    testkit::needs!(Gxx, Valgrind);
    Under::Valgrind.scripts(&plain(SCRIPTS));
    Under::Valgrind.layer(&plain(LAYER));
}
