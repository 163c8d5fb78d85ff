//! What becomes of a test whose machine does not have what it needs.

use std::process::Output;

use testkit::needs::{HIDDEN, MODE, packages};
use testkit::{Program, needs, source_root};

#[test]
fn a_test_that_needs_gcc() {
    needs!(Gcc);
    Program::new("gcc", &[]).args(&["--version"]).succeed();
}

#[test]
fn a_test_that_needs_two_things() {
    needs!(Gcc, Openssl);
    Program::new("openssl", &[]).args(&["version"]).succeed();
}

const BOTH: &[&str] = &[
    "needs::a_test_that_needs_gcc",
    "needs::a_test_that_needs_two_things",
];

/// Runs some of these tests in a process of their own.
fn run(tests: &[&str], environment: &[(&str, &str)]) -> Output {
    let exe = std::env::current_exe().unwrap();
    let test = Program::new(exe, environment);
    test.args(&[&["--exact"], tests].concat()).run()
}

#[test]
fn a_test_whose_needs_are_missing_is_skipped_by_name_and_counted() {
    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let output = run(BOTH, &[(HIDDEN, "all")]);
    assert!(output.status.success(), "{output:?}");
    for line in [
        "skipped: needs gcc: pure::needs::a_test_that_needs_gcc\n",
        "skipped: needs gcc, openssl: pure::needs::a_test_that_needs_two_things\n",
        "skipped: 2 so far, ",
    ] {
        assert!(told(&output).contains(line), "{output:?}");
    }
    // Test programs of one run are counted together.
    let output = run(BOTH, &[(HIDDEN, "openssl")]);
    let line = "skipped: needs openssl: pure::needs::a_test_that_needs_two_things\n";
    assert!(told(&output).contains(line), "{output:?}");
    assert!(told(&output).contains("skipped: 3 so far, "), "{output:?}");
}

#[test]
fn under_tests_run_what_is_missing_is_a_failure() {
    let output = run(BOTH, &[(HIDDEN, "openssl"), (MODE, "all")]);
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "needs openssl: pure::needs::a_test_that_needs_two_things; ",
        "test needs::a_test_that_needs_two_things ... FAILED",
        "1 failed",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("skipped"), "{told}");
}

#[test]
fn tests_run_installs_what_tests_need() {
    let script = std::fs::read_to_string(source_root().join("tests/run")).unwrap();
    let (_, list) = script.split_once("packages=(").unwrap();
    let (list, _) = list.split_once(')').unwrap();
    let installed: Vec<_> = list.split_whitespace().collect();
    for package in packages() {
        assert!(installed.contains(&package), "{package}");
    }
}

#[test]
fn what_a_test_uses_and_does_not_name_is_not_there() {
    if std::env::var_os("USES_GCC").is_some() {
        Program::new("gcc", &[]).args(&["--version"]).succeed();
    }
    let this = ["needs::what_a_test_uses_and_does_not_name_is_not_there"];
    if std::env::var_os(HIDDEN).is_none() {
        let output = run(&this, &[(HIDDEN, "gcc"), ("USES_GCC", "")]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            told.contains("a test does not say that it needs gcc"),
            "{told}"
        );
    }
}
