//! What CMake asks of cargo. A script stands in for cargo: it notes its words and gives what was
//! built before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::installed::*;
use testkit::source_root;

const CARGO: &str = r#"#!/bin/sh
asked=asked
[ "$1" = build ] && asked=asked-for-the-program
linker=$CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER
echo "CC=$CC CC_x86_64_unknown_linux_gnu=$CC_x86_64_unknown_linux_gnu LINKER=$linker $*" \
    >>"$(dirname "$0")/$asked"
profile=debug
while [ $# -gt 0 ]; do
    case $1 in
    --target-dir) directory=$2 ;;
    --target) target=$2 ;;
    --release) profile=release ;;
    esac
    shift
done
mkdir -p "$directory/$target/$profile"
cp "$(dirname "$0")/built.a" "$directory/$target/$profile/libecf_failover.a"
touch "$directory/$target/$profile/ecf_client"
"#;

fn asked(directory: &Directory) -> Vec<String> {
    let lines = |name| {
        let asked = fs::read_to_string(directory.join(name)).unwrap();
        asked.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let library = lines("asked");
    // The program is asked for with the same options.
    let same = |line: &String| line.replace("rustc --lib --crate-type staticlib", "PRODUCT");
    let program = lines("asked-for-the-program");
    let program: Vec<_> = program
        .iter()
        .map(|line| line.replace("build --bin ecf_client", "PRODUCT"))
        .collect();
    assert_eq!(library.iter().map(same).collect::<Vec<_>>(), program);
    library
}

#[test]
fn cargo_is_told_the_options_and_asked_again_when_they_change() {
    testkit::needs!(Clang, Cmake, Binutils);
    let archive = built(Built::Plain).join("libecf_failover.a");
    let directory = Directory::new("options");
    fs::hard_link(&archive, directory.join("built.a")).unwrap();
    let cargo = directory.join("cargo");
    fs::write(&cargo, CARGO).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let (source, build) = (source_root().join("cmake"), directory.join("build"));
    let cargo = format!("-DCARGO_EXECUTABLE={}", cargo.display());
    let output = directory.join("output of cargo");
    let output = format!("-DECF_FAILOVER_CARGO_DIR={}", output.display());
    let in_tree = |build: &Path, options: &[&str]| {
        let mut args = vec!["-S", text(&source), "-B", text(build), &cargo, &output];
        args.extend(options);
        cmake(&args);
        cmake(&["--build", text(build)]);
        asked(&directory)
    };
    let step = |options: &[&str]| in_tree(&build, options);

    let told = step(&["-DCMAKE_C_COMPILER=clang"]);
    let [first] = told.as_slice() else {
        panic!("{told:?}");
    };
    for word in [
        "rustc ",
        "--locked ",
        "--release",
        "--crate-type staticlib ",
    ] {
        assert!(first.contains(word), "no {word} in {first}");
    }
    for word in ["--offline", "--no-default-features", "--target "] {
        assert!(!first.contains(word), "{word} in {first}");
    }
    assert!(
        first.contains("/clang CC_x86_64_unknown_linux_gnu= LINKER= "),
        "{first}"
    );
    let object = build.join("CMakeFiles/ecf_failover.dir/shared.c.o");
    let compiler = succeed("readelf", &[], &["-p", ".comment", text(&object)]);
    assert!(compiler.contains("clang version"), "{compiler}");

    assert_eq!(step(&[]).len(), 1, "nothing has changed");

    let told = step(&["-DECF_FAILOVER_OFFLINE=ON"]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains(" --offline"), "{told:?}");

    let told = step(&["-DENABLE_TLS=OFF", "-DCMAKE_BUILD_TYPE=Debug"]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].contains(" --no-default-features"), "{told:?}");
    assert!(!told[2].contains("--release"), "{told:?}");

    let told = step(&["-DECF_FAILOVER_RUST_TARGET=x86_64-unknown-linux-gnu"]);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told[3].starts_with("CC= CC_x86_64_unknown_linux_gnu=/"),
        "{told:?}"
    );
    assert_eq!(told[3].matches("/clang ").count(), 2, "{told:?}");
    assert!(
        told[3].contains(" --target x86_64-unknown-linux-gnu"),
        "{told:?}"
    );

    assert_eq!(step(&[]).len(), 4, "nothing has changed");

    // What one build tree left in cargo's directory is not for another one with other options.
    let told = in_tree(&directory.join("other"), &["-DCMAKE_BUILD_TYPE=Debug"]);
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(!told[4].contains(" --no-default-features"), "{told:?}");
}
