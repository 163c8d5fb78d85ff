//! The C ABI as a stranger meets it: the header alone, C programs, the exported symbols.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Peer, Program, compile, library_directory, replies, scratch, source_root};

const COMPILERS: &[(&str, &str)] = &[("gcc", "g++"), ("clang", "clang++")];
const C_MODES: &[&str] = &["-std=c99", "-std=c11", "-std=c17"];
const CPP_MODES: &[&str] = &["-std=c++11", "-std=c++17"];
#[test]
fn the_header_compiles_alone_and_twice_in_every_mode() {
    testkit::needs!(Gcc, Gxx, Clang);
    let directory = scratch("header");
    let text = "#include \"ecf_failover.h\"\n#include \"ecf_failover.h\"\nint main(void) { return (int)ecf_version_number() < 0; }\n";
    let (c, cpp) = (directory.join("alone.c"), directory.join("alone.cpp"));
    fs::write(&c, text).unwrap();
    fs::write(
        &cpp,
        text.replace("(void)", "()").replace(
            "(int)ecf_version_number()",
            "static_cast<int>(ecf_version_number())",
        ),
    )
    .unwrap();
    for (cc, cxx) in COMPILERS {
        for mode in C_MODES {
            compile(
                cc,
                mode,
                c.to_str().unwrap(),
                &["-Wstrict-prototypes", "-Wmissing-prototypes"],
            );
        }
        for mode in CPP_MODES {
            compile(cxx, mode, cpp.to_str().unwrap(), &["-Wold-style-cast"]);
        }
    }
}

#[test]
fn a_c_program_finds_the_contract_kept_and_leaks_nothing() {
    testkit::needs!(Gcc, Clang, Valgrind);
    let program = compile("gcc", "-std=c99", "tests/c/contract.c", &["-g"]);
    let directory = scratch("contract");
    let run = |program| Program::new(program, &[]).directory(&directory).succeed();
    assert_eq!(run(&program), "");
    let clang = compile("clang", "-std=c17", "tests/c/contract.c", &[]);
    assert_eq!(run(&clang), "");
    valgrind(&program, &[], &[]);
}

#[test]
fn a_command_leaks_nothing_whether_it_succeeds_or_fails() {
    testkit::needs!(Gcc, Valgrind);
    let program = compile("gcc", "-std=c99", "tests/c/job.c", &["-g"]);
    let peer = Peer::answering(&replies::ok());
    let (live, dead) = (peer.port.to_string(), testkit::refused_port().to_string());
    for (host, port, extra) in [
        ("127.0.0.1", &live, ("ECF_RID", "1")),
        ("localhost", &live, ("ECF_DEBUG_CLIENT", "1")),
        ("127.0.0.1", &dead, ("ECF_DENIED", "1")),
        ("no.such.host.invalid", &dead, ("ECF_DENIED", "1")),
        ("127.0.0.1", &live, ("ECF_PORT", "x")),
    ] {
        let environment = [
            ("ECF_HOST", host),
            ("ECF_PORT", port.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "sesame"),
            ("ECF_FAILOVER_RETRY_PERIOD", "0.01"),
            extra,
        ];
        let output = valgrind(&program, &environment, &["--meter=m", "1"]);
        assert!(!output.contains("sesame"), "{output}");
    }
}

/// Runs a program under valgrind: no error, no leak.
fn valgrind(program: &Path, environment: &[(&str, &str)], args: &[&str]) -> String {
    let mut all = vec![
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect",
        "--errors-for-leak-kinds=definite,indirect",
        // glibc's own thread for names is still there at the end, and so is its memory.
        "--run-libc-freeres=no",
        program.to_str().unwrap(),
    ];
    all.extend(args);
    let directory = scratch("valgrind");
    let output = Program::new("valgrind", environment)
        .args(&all)
        .directory(&directory)
        .run();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(99), "{errors}");
    assert!(errors.contains("ERROR SUMMARY: 0 errors"), "{errors}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!stdout.contains("sesame"));
    errors
}

#[test]
fn nothing_is_printed_unless_it_is_asked_for_and_no_secret_ever() {
    testkit::needs!(Gcc);
    let directory = scratch("quiet");
    let source = directory.join("quiet.c");
    let text = "#include \"ecf_failover.h\"\nint main(void) { const char *argv[] = { \"--meter=m\", \"1\" };\n ecf_client *c = ecf_client_new(); ecf_status s = ecf_send_task_cmd(c, 2, argv, 0);\n ecf_client_free(c); return (int)s; }\n";
    fs::write(&source, text).unwrap();
    let program = compile("gcc", "-std=c99", source.to_str().unwrap(), &[]);
    let port = testkit::refused_port().to_string();
    let environment = [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "sesame"),
        ("ECF_DENIED", ""),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.01"),
    ];
    let output = Program::new(&program, &environment).run();
    assert_eq!(
        output.status.code(),
        Some(6),
        "ECF_DENIED counts when it is empty"
    );
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    let mut debug = environment.to_vec();
    debug.push(("ECF_DEBUG_CLIENT", "1"));
    let output = Program::new(&program, &debug).run();
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty());
    assert!(lines.contains("attempt.end number=2"), "{lines}");
    assert!(!lines.contains("sesame"), "{lines}");
}

#[test]
fn a_variable_that_cannot_be_used_stops_the_command_and_is_named() {
    testkit::needs!(Gcc);
    let program = compile("gcc", "-std=c99", "tests/c/job.c", &[]);
    let peer = Peer::answering(&replies::ok());
    let port = peer.port.to_string();
    let good = [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", port.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
    ];
    for (key, value) in [
        ("ECF_HOSTFILE_POLICY", "nonsense"),
        ("ECF_PORT", "abc"),
        ("ECF_PORT", "65536"),
        ("ECF_TIMEOUT", "soon"),
        ("ECF_TIMEOUT", "0"),
        ("ECF_ZOMBIE_TIMEOUT", "-1"),
        ("ECF_FAILOVER_PROFILE", "quick"),
        ("ECF_FAILOVER_ATTEMPTS", "0"),
        ("ECF_HOST", "no host"),
        ("ECF_NAME", "s/t"),
    ] {
        let mut environment = good.to_vec();
        environment.push((key, value));
        let output = Program::new(&program, &environment)
            .args(&["--event=e"])
            .run();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{key}={value}: {error}");
        assert!(error.starts_with(key), "{key}={value}: {error}");
    }
    assert_eq!(peer.count(), 0, "nothing was sent");
    for (key, value) in [
        ("ECF_HOSTFILE_POLICY", "ALL"),
        ("ECF_TIMEOUT", ""),
        ("ECF_TIMEOUT", "0.5"),
        ("ECF_HOSTFILE", "/no/such/file"),
        ("ECF_TRYNO", "3"),
    ] {
        let mut environment = good.to_vec();
        environment.push((key, value));
        Program::new(&program, &environment)
            .args(&["--event=e"])
            .succeed();
    }
    assert_eq!(peer.count(), 5);
    let mut none = good.to_vec();
    none.extend([("NO_ECF", ""), ("ECF_PORT", "abc")]);
    let output = Program::new(&program, &none).args(&["--event=e"]).succeed();
    assert_eq!(output, "NO_ECF\n");
}

/// The exported functions. What else is exported is for bash, which looks it up by name.
fn functions() -> impl Iterator<Item = &'static str> {
    let symbols = include_str!("symbols.txt").lines();
    symbols.filter(|symbol| *symbol != "ecflow_client_struct")
}

#[test]
fn the_exported_symbols_are_the_listed_ones() {
    testkit::needs!(Binutils);
    let library = library_directory().join("libecf_failover.so");
    let listed = include_str!("symbols.txt");
    let output = Program::new("nm", &[])
        .args(&["-D", "--defined-only", library.to_str().unwrap()])
        .succeed();
    let mut exported: Vec<_> = output
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    exported.sort_unstable();
    assert_eq!(exported, listed.lines().collect::<Vec<_>>());
    let header = fs::read_to_string(source_root().join("include/ecf_failover.h")).unwrap();
    for symbol in functions() {
        assert!(
            header.contains(&format!("{symbol}(")),
            "{symbol} is in the header"
        );
    }
}

#[test]
fn every_function_tells_since_when_it_is_there() {
    let header = fs::read_to_string(source_root().join("include/ecf_failover.h")).unwrap();
    for symbol in functions() {
        let (before, _) = header.rsplit_once(&format!("{symbol}(")).expect(symbol);
        let comment = before.rsplit("/**").next().expect("a comment");
        assert!(comment.contains("@since 0.1.0"), "{symbol}");
    }
}

/// The functions of the header with empty bodies, as C++, where the enumerations have types:
/// what a compiler takes from the header, and nothing of what is inside.
#[cfg(target_arch = "x86_64")]
fn hollow_library() -> PathBuf {
    let header = fs::read_to_string(source_root().join("include/ecf_failover.h")).unwrap();
    let code: String = header
        .split("/*")
        .map(|part| part.split_once("*/").map_or(part, |(_, code)| code))
        .collect();
    let (_, functions) = code.split_once("extern \"C\" {").expect("functions");
    let functions = functions.split_once("#endif").expect("an end").1;
    let (functions, _) = functions.split_once("#ifdef").expect("an end");
    let mut source = String::from("#include \"ecf_failover.h\"\nextern \"C\" {\n");
    for function in functions.split_terminator(';').map(str::trim) {
        let body = match function.starts_with("void ecf_") {
            _ if function.is_empty() => continue,
            true => "{}",
            false => "{ return {}; }",
        };
        source.push_str(&format!("{function} {body}\n"));
    }
    // Numbers that travel as int32_t are types, too.
    for name in ["ecf_outcome", "ecf_kind", "ecf_step"] {
        source.push_str(&format!("{name} the_{name}() {{ return {{}}; }}\n"));
    }
    source.push_str("}\n");
    let directory = scratch("hollow");
    fs::write(directory.join("hollow.cpp"), source).unwrap();
    let include = source_root().join("include");
    // A relative name: no place of this machine belongs into the baseline.
    Program::new("g++", &[])
        .args(&["-std=c++17", "-g", "-shared", "-fPIC", "hollow.cpp"])
        .args(&["-I", include.to_str().unwrap(), "-o", "hollow.so"])
        .directory(&directory)
        .succeed();
    directory.join("hollow.so")
}

/// `ECF_FAILOVER_BASELINE=1 cargo test --test languages abi` makes the baseline anew: after a release.
#[cfg(target_arch = "x86_64")]
#[test]
fn nothing_that_the_last_release_promised_has_changed() {
    testkit::needs!(Gxx, Abigail);
    let library = hollow_library();
    let library = library.to_str().unwrap();
    let baseline = source_root().join("tests/languages/abi/baseline.abi");
    if std::env::var_os("ECF_FAILOVER_BASELINE").is_some() {
        let dump = Program::new("abidw", &[])
            .args(&[
                "--no-corpus-path",
                "--no-comp-dir-path",
                "--no-show-locs",
                library,
            ])
            .succeed();
        fs::write(&baseline, dump).unwrap();
    }
    // Its exit status has a bit for any change, also for functions that are only new.
    let output = Program::new("abidiff", &[])
        .args(&["--no-added-syms", baseline.to_str().unwrap(), library])
        .run();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
}

#[test]
fn the_header_has_no_name_of_an_environment_variable() {
    let header = fs::read_to_string(source_root().join("include/ecf_failover.h")).unwrap();
    let code: String = header
        .split("/*")
        .map(|part| part.split_once("*/").map_or(part, |(_, code)| code))
        .collect();
    for key in ecf_failover::config::KEYS {
        let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        assert!(!words.any(|word| word == key.name), "{}", key.name);
    }
}

/// The README's C example, pasted.
#[test]
fn the_example_of_the_readme_works_when_pasted() {
    testkit::needs!(Gcc);
    let readme = fs::read_to_string(source_root().join("README.md")).unwrap();
    let example = readme
        .split("```c\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a C example");
    let source = scratch("readme").join("example.c");
    fs::write(&source, example).unwrap();
    let program = compile("gcc", "-std=c99", source.to_str().unwrap(), &[]);
    let peer = Peer::answering(&replies::ok());
    let port = peer.port.to_string();
    let environment = [
        ("ECF_HOST", "localhost"),
        ("ECF_PORT", port.as_str()),
        ("ECF_NAME", "/s/f/t"),
        ("ECF_PASS", "p"),
    ];
    Program::new(&program, &environment).succeed();
    assert_eq!(peer.count(), 1);
}
